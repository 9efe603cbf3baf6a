//! The wire contract as types: what apps, phones, gateways and API servers see.
//!
//! This crate owns names, encodings and grammars, and nothing else: no I/O, no clock, no random
//! source, no keys. Both sides of the protocol are built on it, so it also runs in a browser.
//!
//! | module | owns | stands on |
//! |---|---|---|
//! | [`code`] | the commitment, and reading it out of a text | PROTOCOL 2, 3 |
//! | [`verifier`] | what the commitment hides | PROTOCOL 2, RFC 7636 4.1 |
//! | [`phrase`] | the human words of a text | PROTOCOL 3 |
//! | [`gsm`] | how long a text is on the air | 3GPP TS 23.038 |
//! | [`b64`] | strict base64url | RFC 4648 5, RFC 7515 2 |
//! | [`jwk`] | public keys and their thumbprints | RFC 7517, 7518, 7638, 8037 |
//! | [`jws`] | the compact form of signed objects | RFC 7515 |
//! | [`dpop`] | proofs of possession | RFC 9449 |
//! | [`assertion`] | an app's proof of who it is | RFC 7523, 10070 |
//! | [`oauth`] | grant types, errors, answers | RFC 6749 and its family, PROTOCOL 5 |
//! | [`metadata`] | what a server says of itself | RFC 8414, PROTOCOL 10 |
//! | [`resource`] | what an API says of itself | RFC 9728 |

pub mod assertion;
pub mod b64;
pub mod client_attestation;
pub mod code;
pub mod dpop;
pub mod evidence;
pub mod gsm;
pub mod jwk;
pub mod jws;
pub mod metadata;
pub mod oauth;
pub mod phrase;
pub mod resource;
pub mod revocation;
pub mod verifier;
