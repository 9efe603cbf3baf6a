//! Attestations of real phones, and of one made here, right and wrong in one thing.

mod assertions;
mod chain;
mod inspection;
mod phone;
mod real;
mod steps;

use super::*;
use crate::Refusal;

/// The words alone.
fn words<T>(result: Result<T, Vec<Refusal>>) -> Vec<&'static str> {
    let reasons = result.err().expect("refused");
    assert!(!reasons.is_empty(), "a refusal has a reason");
    assert!(reasons.iter().all(|refusal| refusal.detail.len() > 10));
    reasons.into_iter().map(|refusal| refusal.reason).collect()
}
