//! Tokens made here, right and wrong in one thing, and one made by another implementation.

mod envelopes;
mod store;
mod verdicts;

use super::*;

/// The words alone.
fn words<T>(result: Result<T, Vec<Refusal>>) -> Vec<&'static str> {
    let reasons = result.err().expect("refused");
    assert!(!reasons.is_empty(), "a refusal has a reason");
    assert!(reasons.iter().all(|refusal| refusal.detail.len() > 10));
    reasons.into_iter().map(|refusal| refusal.reason).collect()
}
