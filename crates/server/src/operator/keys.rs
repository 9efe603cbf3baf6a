//! The keys that sign tokens, and what apps may register to have signed.

use serde::Serialize;
use twinpath_core::app::RegistrationError;
use twinpath_core::ids::Timestamp;
use twinpath_core::records::{self, App};
use twinpath_core::token::{KeepKeys, KeyState, Rotation, SigningAlgorithm};
use utoipa::ToSchema;

use super::{Operator, OperatorError};
use crate::platform::{SystemRandom, now, read_signing_keys};

/// A key, and when each of its states begins, in seconds since 1970.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SigningKey {
    /// Its id.
    pub kid: String,
    /// Its algorithm.
    pub alg: Option<String>,
    /// Where it is in its life.
    pub state: KeyState,
    /// Made, and published since.
    pub announced_at: i64,
    /// From when it signs.
    pub signs_at: i64,
    /// No longer signs since.
    pub retired_at: Option<i64>,
    /// No longer published since.
    pub gone_at: Option<i64>,
}

/// The keys, the newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SigningKeys {
    /// The keys.
    pub keys: Vec<SigningKey>,
}

/// What a rotation made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RotatedKeys {
    /// The `kid`s of the new keys, one for each algorithm that had no successor on its way.
    pub made: Vec<String>,
    /// All keys as they are then, the newest first.
    pub keys: Vec<SigningKey>,
}

impl Operator<'_> {
    /// Every key.
    pub async fn signing_keys(&self) -> Result<SigningKeys, OperatorError> {
        let mut keys = read_signing_keys(self.store).await?;
        keys.sort_by_key(|key| std::cmp::Reverse((key.signs_at, key.created_at)));
        Ok(SigningKeys { keys: keys.iter().map(|key| self.describe_key(key, now())).collect() })
    }

    fn describe_key(&self, key: &records::SigningKey, now: Timestamp) -> SigningKey {
        SigningKey {
            kid: key.kid.clone(),
            alg: key.public.alg.clone(),
            state: self.keys.state(key, now),
            announced_at: key.created_at.seconds(),
            signs_at: key.signs_at.seconds(),
            retired_at: key.retired_at.map(Timestamp::seconds),
            gone_at: self.keys.gone_at(key).map(Timestamp::seconds),
        }
    }

    /// Refuses an app that wants an algorithm which nothing signs with now: it would get another one.
    pub(super) async fn refuse_unsigned(&self, app: &App) -> Result<(), OperatorError> {
        let wanted = [
            &app.id_token_signed_response_alg,
            &app.userinfo_signed_response_alg,
            &app.introspection_signed_response_alg,
        ];
        let default = self.keys.algorithms.first().map(|alg| alg.as_str());
        for wanted in wanted.into_iter().flatten().filter(|alg| default != Some(alg.as_str())) {
            let keys = read_signing_keys(self.store).await?;
            let signs = |key: &records::SigningKey| {
                let alg = SigningAlgorithm::of(&key.public);
                alg.is_some_and(|alg| alg.as_str() == wanted && self.keys.algorithms.contains(&alg))
                    && self.keys.state(key, now()) == KeyState::Active
            };
            if !keys.iter().any(signs) {
                let why =
                    format!("no key signs with {wanted} now: see `key list` and [keys] algorithms");
                return Err(RegistrationError(why).into());
            }
        }
        Ok(())
    }

    /// Makes successors.
    pub async fn rotate_keys(&self, rotation: Rotation) -> Result<RotatedKeys, OperatorError> {
        let keep = KeepKeys::new(self.keys, Some(rotation), self.vault, &mut SystemRandom)?;
        let made = self.store.run(keep).await?;
        Ok(RotatedKeys { made, keys: self.signing_keys().await?.keys })
    }
}
