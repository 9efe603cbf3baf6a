//! Message gateways that speak HTTP: what they post of phones' texts, held against their signatures, and
//! what is asked of them to send one. Pure: octets, keys and time in, texts and requests out.
//!
//! | module | owns |
//! |---|---|
//! | [`webhook`] | one call of a gateway: what it must show, and what it says |
//! | twilio, telnyx, vonage, smsgate, sns | one provider each |
//! | generic | any other, by description |
//! | outbound | texts to phones: the request to a provider's API, and what its answer means |

pub mod webhook;
