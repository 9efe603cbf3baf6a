//! The keys that sign tokens.

use serde::Serialize;
use twinpath_core::ids::Timestamp;
use twinpath_core::token::{RotateKey, new_signing_key};
use utoipa::ToSchema;

use super::{Operator, OperatorError};
use crate::platform::{SystemRandom, now, read_signing_keys};

/// A key that signs or signed tokens.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SigningKey {
    /// Its id.
    pub kid: String,
    /// Its algorithm.
    pub alg: Option<String>,
    /// Where it is in its life.
    pub state: KeyState,
    /// Made, in seconds since 1970.
    pub created_at: i64,
    /// No longer signs since, in seconds since 1970.
    pub retired_at: Option<i64>,
}

/// Where a key is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Signs.
    Active,
    /// Is published, for tokens it signed.
    Retired,
}

/// The keys, the newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SigningKeys {
    /// The keys.
    pub keys: Vec<SigningKey>,
}

/// A key just made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NewSigningKey {
    /// Its id.
    pub kid: String,
    /// Where it is in its life.
    pub state: KeyState,
}

impl Operator<'_> {
    /// Every key.
    pub async fn keys(&self) -> Result<SigningKeys, OperatorError> {
        let mut keys = read_signing_keys(self.store).await?;
        keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
        let describe = |key: &twinpath_core::records::SigningKey| SigningKey {
            kid: key.kid.clone(),
            alg: key.public.alg.clone(),
            state: if key.retired_at.is_none() { KeyState::Active } else { KeyState::Retired },
            created_at: key.created_at.seconds(),
            retired_at: key.retired_at.map(Timestamp::seconds),
        };
        Ok(SigningKeys { keys: keys.iter().map(describe).collect() })
    }

    /// Makes a new key that signs from now on.
    pub async fn rotate_key(&self) -> Result<NewSigningKey, OperatorError> {
        let new = new_signing_key(self.vault, now(), &mut SystemRandom)?;
        let kid = new.kid.clone();
        self.store.run(RotateKey { new, force: true }).await?;
        Ok(NewSigningKey { kid, state: KeyState::Active })
    }
}
