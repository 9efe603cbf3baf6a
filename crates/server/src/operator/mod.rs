//! What operators do with apps and their installations, accounts, keys, admin tokens and initial access
//! tokens, on a store.
//!
//! The admin API calls these for a running server, and for a command line that opened the store itself.

mod accounts;
mod apps;
mod audit;
mod developers;
mod instances;
mod keys;
mod quarantine;
mod registration_tokens;
mod settings;
mod tokens;

use serde_json::Value;
use twinpath_core::admin_token::AdminTokenError;
use twinpath_core::app::RegistrationError;
use twinpath_core::token::KeyPolicy;
use twinpath_core::vault::{Vault, VaultError};
use twinpath_store::{Store, StoreError};
use twinpath_wire::jwk::JwkSet;

use crate::platform::Platform;

pub use accounts::{Account, AccountState, Grant, Grants};
pub use apps::{AppInformation, Apps};
pub use audit::{AuditEvent, AuditFilter, AuditTrail};
pub use developers::{Developer, Developers};
pub use instances::{Instance, InstanceState, Instances};
pub use keys::{RotatedKeys, SigningKey, SigningKeys};
pub use quarantine::{PurgedQuarantine, QuarantineList, Unreadable, UnreadableContent};
pub use registration_tokens::{IssuedInitialToken, NewInitialToken};
pub use settings::AppSettings;
pub use tokens::{IssuedToken, NewToken, TokenRole};

/// The most that one page of a list holds.
pub const MAX_PAGE: usize = 500;

/// What was asked for and not done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// An app cannot be so.
    #[error(transparent)]
    Settings(#[from] RegistrationError),
    /// An admin token cannot be so.
    #[error(transparent)]
    Token(#[from] AdminTokenError),
    /// What was said names nothing that could exist.
    #[error("{0}")]
    Malformed(String),
    /// There is no such thing.
    #[error("{0}")]
    Unknown(String),
    /// It stands against what there is.
    #[error("{0}")]
    Conflict(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A value has no JSON form.
    #[error("a value has no JSON form")]
    Json(#[from] serde_json::Error),
}

fn unknown<T>(why: impl Into<String>) -> Result<T, OperatorError> {
    Err(OperatorError::Unknown(why.into()))
}

/// Does what operators ask for.
#[derive(Clone, Copy)]
pub struct Operator<'a> {
    /// Where.
    pub store: &'a Store,
    /// With which keys.
    pub vault: &'a Vault,
    /// How long signing keys live.
    pub keys: &'a KeyPolicy,
    /// The running server, if there is one: it tells apps of the logouts that a command brings.
    pub platform: Option<&'a Platform>,
}

impl<'a> Operator<'a> {
    /// On a running server's store.
    pub fn of(platform: &'a Platform) -> Self {
        let (store, vault) = (&platform.store, &platform.vault);
        Self { store, vault, keys: &platform.config.keys, platform: Some(platform) }
    }
}

/// Reads a JWK set given as a file: a set, or one key.
pub fn parse_jwks(text: &str) -> Result<JwkSet, RegistrationError> {
    let wrong = |error: serde_json::Error| RegistrationError(format!("the JWK set: {error}"));
    let value: Value = serde_json::from_str(text).map_err(wrong)?;
    if value.get("keys").is_some() {
        return serde_json::from_value(value).map_err(wrong);
    }
    let key = serde_json::from_value(value).map_err(wrong)?;
    Ok(JwkSet { keys: vec![key] })
}
