//! Failures, in words for whoever typed `twinpath dev`: which step, why, and what to do.

use std::fmt::Display;

/// A step of the development environment failed.
#[derive(Debug, thiserror::Error)]
#[error("could not {step}: {reason}\n  what to do: {advice}")]
pub struct DevError {
    /// The step, as in "could not ...".
    pub step: &'static str,
    /// Why.
    pub reason: String,
    /// What to do.
    pub advice: &'static str,
}

impl DevError {
    /// A failure of `step`.
    pub(crate) fn new(step: &'static str, advice: &'static str, reason: impl Display) -> Self {
        Self { step, advice, reason: reason.to_string() }
    }

    /// The same, for `map_err`.
    pub(crate) fn at<E: Display>(
        step: &'static str,
        advice: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |reason| Self::new(step, advice, reason)
    }
}
