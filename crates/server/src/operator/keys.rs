//! `key list` and `key rotate`, and what apps may register to have signed.

use serde_json::{Value, json};
use twinpath_core::app::RegistrationError;
use twinpath_core::ids::Timestamp;
use twinpath_core::records::{App, SigningKey};
use twinpath_core::token::{KeepKeys, KeyState, Rotation, SigningAlgorithm};

use crate::operator::{Operator, OperatorError};
use crate::platform::{SystemRandom, now, read_signing_keys};

impl Operator<'_> {
    /// Every key with its state and when each of its states begins, in seconds; the newest first.
    pub(super) async fn list_keys(&self) -> Result<Value, OperatorError> {
        let mut keys = read_signing_keys(self.store).await?;
        keys.sort_by_key(|key| std::cmp::Reverse((key.signs_at, key.created_at)));
        Ok(keys.iter().map(|key| self.describe_key(key, now())).collect())
    }

    fn describe_key(&self, key: &SigningKey, now: Timestamp) -> Value {
        json!({
            "kid": key.kid,
            "alg": key.public.alg,
            "state": self.keys.state(key, now),
            "announced_at": key.created_at.seconds(),
            "signs_at": key.signs_at.seconds(),
            "retired_at": key.retired_at.map(Timestamp::seconds),
            "gone_at": self.keys.gone_at(key).map(Timestamp::seconds),
        })
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
            let signs = |key: &SigningKey| {
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

    /// The `kid`s of the new keys, one for each algorithm that had no successor on its way, and all
    /// keys as they are then.
    pub(super) async fn rotate_keys(&self, rotation: Rotation) -> Result<Value, OperatorError> {
        let keep = KeepKeys::new(self.keys, Some(rotation), self.vault, &mut SystemRandom)?;
        let made = self.store.run(keep).await?;
        Ok(json!({"made": made, "keys": self.list_keys().await?}))
    }
}
