//! Message gateways that speak HTTP: what they post of phones' texts, held against their signatures, and
//! what is asked of them to send one. Pure: octets, keys and time in, texts and requests out.
//!
//! | module | owns |
//! |---|---|
//! | [`webhook`] | one call of a gateway: what it must show, and what it says |
//! | [`provider`] | which of them, and what each asks of its calls |
//! | [`proof`] | secrets, marks and times |
//! | `fields` | forms, queries and JSON, within limits |
//! | [`twilio`], [`telnyx`], [`vonage`], [`smsgate`], [`sns`] | one provider each |
//! | [`generic`] | any other, by description |
//! | [`outbound`] | texts to phones: the request to a provider's API, and what its answer means |

mod fields;
pub mod generic;
pub mod outbound;
pub mod proof;
pub mod provider;
pub mod smsgate;
pub mod sns;
pub mod telnyx;
#[cfg(test)]
mod testing;
pub mod twilio;
pub mod vonage;
pub mod webhook;
