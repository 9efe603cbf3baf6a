//! The platform server: everything that touches the world. Decisions are `twinpath-core`'s; here are
//! sockets, clocks and the one place that carries a decision from request to commit.
//!
//! | room | what it does |
//! |---|---|
//! | [`config`] | reads the configuration file and the environment |
//! | [`platform`] | what all requests share: store, keys, registry, limits |
//! | [`http`] | the second path: token endpoint and its siblings |
//! | [`first_path`] | the first path: SMPP binds and what their texts become |
//! | [`outbound`] | texts to phones |
//! | [`operator`] | what operators do with apps, accounts, keys and admin tokens |
//! | [`admin`] | the admin listener: the admin API, metrics |
//! | [`serve`] | starts and stops all of it |

pub mod admin;
pub mod config;
#[cfg(test)]
mod documents;
pub mod first_path;
pub mod http;
pub mod operator;
pub mod outbound;
pub mod platform;
pub mod serve;
