//! Protocol decisions as pure functions.
//!
//! Nothing here reads a clock, a socket, a file or a random source: a decision is a function of a
//! request, a snapshot of rows, the time and randomness, and returns writes and an outcome
//! ([`transaction`]). The map:
//!
//! | room | what it decides |
//! |---|---|
//! | [`first_message`] | what a received text says, or why it is refused (first-message receiver) |
//! | [`join`] | the two-path join: record a mapping, redeem a code (mapping recorder, account finder) |
//! | [`app`] | the registry of apps and their authentication (checker) |
//! | [`attester`] | the built-in attester: a phone's evidence for a client attestation |
//! | [`authorization`] | the authorization endpoint: requests on their way, sessions, codes |
//! | [`proof`] | DPoP proofs, their nonces, and JWS verification |
//! | [`grant`] | parameters of the token request, refresh, revocation, introspection |
//! | [`instance`] | installations of apps: which may act, with what evidence |
//! | [`outbound`] | texts to phones: their wording, cost and queue |
//! | [`token`] | what is signed and handed out (token maker), and signing keys |
//! | [`account`] | what an operator does with an account |
//! | [`admin_token`] | who else may use the admin API |
//! | [`records`] | the rows, as types |
//! | [`quarantine`] | what came in and could not be read |
//! | [`risk`] | what others say of a proven terminal before a grant is made |
//! | [`vault`] | keyed hashes and encryption at rest |

pub mod account;
pub mod admin_token;
pub mod app;
pub mod attester;
pub mod authorization;
pub mod first_message;
#[cfg(test)]
mod fixtures;
pub mod grant;
pub mod ids;
pub mod instance;
pub mod join;
pub mod number;
pub mod outbound;
pub mod proof;
pub mod quarantine;
pub mod records;
pub mod risk;
pub mod token;
pub mod transaction;
pub mod vault;
