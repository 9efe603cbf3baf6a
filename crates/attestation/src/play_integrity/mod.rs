//! Play Integrity tokens.
