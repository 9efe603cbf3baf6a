//! What phones say of their apps and keys, read and verified offline.
//!
//! Pure functions of bytes, time, roots and revocation data: nothing here looks at a clock, opens a
//! socket or keeps anything. What is enough for which app is decided elsewhere; here is what was said,
//! and whether the one who said it is the vendor.

pub mod android;
pub mod apple;
pub mod cbor;
pub mod der;
mod p256;
pub mod pem;
pub mod play_integrity;
mod refusal;
pub mod x509;

pub use refusal::Refusal;
