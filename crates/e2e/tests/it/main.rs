//! The wire contract (PROTOCOL), held against the real server over real SMPP and HTTP.
//!
//! Nothing waits for a fixed time, but for what has to pass on the server's own clock: a text's
//! life, a head that never ends. `crash`, `stop` and `remote` run the `twinpath` command, which
//! `cargo build -p twinpath` has to have built.

#[cfg(test)]
mod abuse;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod admin;
#[cfg(test)]
mod announcements;
#[cfg(test)]
mod assertions;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod attested;
#[cfg(test)]
mod attester;
#[cfg(test)]
mod authorize;
#[cfg(test)]
mod binds;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod challenge;
#[cfg(test)]
mod client_credentials;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod confirmation;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod details;
#[cfg(test)]
mod device;
#[cfg(test)]
mod fapi;
#[cfg(test)]
mod http_input;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod logout;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod lost_response;
#[cfg(test)]
mod oidc;
#[cfg(test)]
mod opaque_tokens;
#[cfg(test)]
mod pace;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod quarantine;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod risk;
#[cfg(test)]
mod schemathesis;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod secure_binds;
#[cfg(test)]
mod senders;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod signed_introspection;
#[cfg(test)]
mod slow_store;
#[cfg(test)]
mod smpp_server;
#[cfg(test)]
mod step_up;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod thieves;
#[cfg(test)]
mod token_exchange;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod two_paths;
#[cfg(test)]
mod webhooks;
