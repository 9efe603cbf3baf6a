//! The client SDK: proves a terminal, keeps and refreshes tokens, calls `OpenAPI`s.
//!
//! An app makes a [`Client`] for its platform, lets the phone send one text, and calls the
//! platform's `OpenAPI`s. See `examples/weather.rs` for a whole app.
//!
//! ```no_run
//! # async fn run() -> Result<(), twinpath_client::Error> {
//! use std::sync::Arc;
//! use twinpath_client::{Client, ClientConfig, FileStore, Method, PrintSender, SoftwareKey};
//!
//! let key = SoftwareKey::load_or_generate("weather.key")?;
//! let config = ClientConfig::new("weather", "Weather")
//!     .key(Arc::new(key))
//!     .store(Arc::new(FileStore::new("weather.tokens")));
//! let client = Client::discover("https://id.example.com", config).await?;
//! if !client.signed_in() {
//!     client.authorize(&PrintSender, Default::default()).await?;
//! }
//! let forecast = client.call(Method::GET, "https://api.example.com/forecast", None).await?;
//! # Ok(()) }
//! ```
//!
//! The field's own names for a client's units, and where each is:
//!
//! | unit | here |
//! |---|---|
//! | first sender: texts the commitment | [`core::Authorization`] makes the text, a [`TextSender`] sends it |
//! | second sender: shows what it hides, over HTTPS | [`core::Authorization`] makes the request, [`Client`] sends it |
//! | token receiver | [`core::Authorization`], [`core::Refresh`], [`TokenStore`] |
//! | caller of `OpenAPI`s | [`Client::call`] |
//!
//! [`core`] decides everything and does no I/O, so an app may bring its own network stack.

mod authorize;
mod call;
mod client;
pub mod core;
mod error;
mod sender;
mod store;
mod transport;

pub use call::Payload;
pub use client::{Client, ClientConfig};
pub use core::{
    App, Authentication, Confirmation, IdClaims, InstanceKey, Options, Secret, SigningError,
    SoftwareKey, StepUp, Text, Tokens,
};
pub use error::Error;
pub use reqwest::{Method, Response};
pub use sender::{PrintSender, SenderError, TextSender};
pub use store::{FileStore, MemoryStore, TokenStore};
