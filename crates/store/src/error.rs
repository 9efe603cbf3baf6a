//! What can go wrong, as callers see it. Messages name tables and causes, never a row's content.

/// Why the store did not do what it was asked.
///
/// After [`StoreError::Unavailable`] the operation may or may not have become durable (the answer of
/// a commit can get lost); repeating it must lead to the end, as `twinpath_core::transaction` asks.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer kept winning. Try again. (`SQLite` has one writer and never says this.)
    #[error("the store is contended; try again")]
    Conflict,
    /// Storage cannot be reached, is full, or is overloaded. Try again later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A row or a decision broke the rules. Trying again will not help.
    #[error("the store found an inconsistency: {0}")]
    Inconsistent(String),
}

impl StoreError {
    pub(crate) fn unavailable(why: impl Into<String>) -> Self {
        Self::Unavailable(why.into())
    }

    pub(crate) fn inconsistent(why: impl Into<String>) -> Self {
        Self::Inconsistent(why.into())
    }
}
