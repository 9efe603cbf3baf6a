//! Proofs: signatures over JWS, DPoP proofs (RFC 9449), their nonces and their replay window.

mod challenge;
mod dpop;
mod keys;
mod nonce;
mod replay;

pub use challenge::{CHALLENGE_S, ChallengeError, check_challenge, issue_challenge};
pub use dpop::{DpopError, Expected, Proof, verify_answer, verify_proof};
pub use keys::{Algorithm, VerifyingKey};
pub use nonce::Nonces;
pub use replay::{ReplayWindow, Seen};

/// The longest JWT that is looked at, in bytes.
pub const MAX_JWT: usize = 8 * 1024;

/// How far ahead of the server a client's clock may be, in seconds. FAPI 2.0 asks to accept 10 and to
/// refuse more than 60.
pub const FUTURE_SKEW_S: i64 = 30;
