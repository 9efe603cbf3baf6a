//! The harness of the end-to-end tests: an independent reading of the wire contract.
//!
//! What an app does (the code, proofs, assertions, requests) is built here from the contract by hand
//! and not with the server's or the SDK's crates, so that both could not be wrong in the same way,
//! and so that everything can be malformed. The message centre is node-smpp in a process of its own.
//!
//! | room | what it does |
//! |---|---|
//! | [`commitment`] | PROTOCOL 2: verifier to code |
//! | [`jose`] | keys, JWTs with any header and claims |
//! | [`http`] | HTTP/1.1 requests, well-formed or not |
//! | [`app`] | a registered app and its installations: token requests and their siblings |
//! | [`pdu`] | SMPP octets, well-formed or not |
//! | [`centre`] | drives `peers/centre.js` |
//! | [`config`] | the server's configuration file |
//! | [`kannel`] | a gateway that others wrote |
//! | [`phone`] | what phones show: chains and objects of a vendor of the tests' own |
//! | [`platform`] | the server within the test's process |
//! | [`process`] | the server as a process that can be killed |
//! | [`receiver`] | an endpoint of an app, that the server calls |
//! | [`rig`] | a message centre and a server that are bound |
//! | [`wait`] | waiting for a condition, with a deadline |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

pub mod app;
pub mod browser;
pub mod centre;
pub mod commitment;
pub mod config;
pub mod http;
pub mod jose;
pub mod kannel;
pub mod operator;
pub mod pdu;
pub mod peer;
pub mod phone;
pub mod platform;
pub mod process;
pub mod receiver;
pub mod rig;
pub mod wait;

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Milliseconds since 1970, with a fraction.
pub fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0
}

/// Random characters of base64url, for identifiers and verifiers: 43 of them.
pub fn random_text() -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    jose::base64url(&bytes)
}

/// A number of the range that British mobile networks give out.
pub fn number(n: u32) -> String {
    assert!(n < 1_000_000);
    format!("+447400{n:06}")
}
