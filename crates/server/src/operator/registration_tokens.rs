//! Initial access tokens (RFC 7591 1.2): leave for apps to register themselves.

use serde::{Deserialize, Serialize};
use twinpath_core::app::{InitialTerms, InitialToken, RecordInitialToken, RevokeInitialToken};
use twinpath_core::records::GrantType;
use utoipa::ToSchema;

use super::{Operator, OperatorError};
use crate::platform::{SystemRandom, now};

/// What is said of a new initial access token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInitialToken {
    /// Whose the apps will be.
    #[schema(min_length = 1, max_length = 128)]
    pub developer: String,
    /// The most they may be registered for, space-separated; `openid` if it is not said.
    #[serde(default = "openid")]
    #[schema(max_length = 1024)]
    pub scope: String,
    /// The grants they may use; those by which a person lets an app in, if none is said.
    #[serde(default)]
    #[schema(max_items = 16)]
    pub grant_types: Vec<GrantType>,
    /// How many apps may register with it; 1 if it is not said.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 100)]
    pub uses: u32,
    /// For how many days it lives; 7 if it is not said.
    #[serde(default = "seven")]
    #[schema(minimum = 1, maximum = 366)]
    pub days: u32,
}

fn openid() -> String {
    "openid".to_owned()
}

fn one() -> u32 {
    1
}

fn seven() -> u32 {
    7
}

/// An initial access token just made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IssuedInitialToken {
    /// By which it can be revoked.
    pub id: String,
    /// The token itself: shown once, and not kept.
    pub token: String,
    /// Whose the apps will be.
    pub developer: String,
    /// The most they may be registered for, space-separated.
    pub scope: String,
    /// The grants they may use.
    pub grant_types: Vec<GrantType>,
    /// How many apps may register with it.
    pub uses: u32,
    /// Its end, in seconds since 1970.
    pub expires_at: i64,
}

impl Operator<'_> {
    /// Makes an initial access token.
    pub async fn issue_initial_token(
        &self,
        new: NewInitialToken,
    ) -> Result<IssuedInitialToken, OperatorError> {
        let NewInitialToken { developer, scope, grant_types, uses, days } = new;
        let terms = InitialTerms { developer, scope, grant_types, uses, days };
        let made = InitialToken::new(terms, now(), &mut SystemRandom)?;
        let token = made.seal(self.vault, &mut SystemRandom)?;
        self.store.run(RecordInitialToken).await?;
        Ok(IssuedInitialToken {
            token,
            scope: made.scope.join(" "),
            id: made.id,
            developer: made.developer,
            grant_types: made.grant_types,
            uses: made.uses,
            expires_at: made.exp,
        })
    }

    /// Revokes an initial access token, whether it was ever made or not: nothing is kept of those that
    /// were. Apps that registered with it stay.
    pub async fn revoke_initial_token(&self, id: &str) -> Result<(), OperatorError> {
        let Some(revoke) = RevokeInitialToken::new(self.vault, id) else {
            return Err(OperatorError::Unknown("no initial access token has this id".to_owned()));
        };
        Ok(self.store.run(revoke).await?)
    }
}
