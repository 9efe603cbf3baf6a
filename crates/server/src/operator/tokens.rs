//! Named admin tokens.

use serde::{Deserialize, Serialize};
use twinpath_core::admin_token::{AdminToken, RecordAdminToken, RevokeAdminToken, Role};
use utoipa::ToSchema;

use super::{Operator, OperatorError};
use crate::platform::{SystemRandom, now};

/// What a named admin token may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenRole {
    /// Look.
    Read,
    /// Change apps, accounts and keys too.
    Write,
}

/// What is said of a new admin token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Whose it is, for logs.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._~-]+$")]
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
    /// For how many days it lives; 90 if it is not said.
    #[serde(default = "ninety")]
    #[schema(minimum = 1, maximum = 366)]
    pub days: u32,
}

fn ninety() -> u32 {
    90
}

/// An admin token just made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IssuedToken {
    /// By which it can be revoked.
    pub id: String,
    /// The token itself: shown once, and not kept.
    pub token: String,
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
    /// Its end, in seconds since 1970.
    pub expires_at: i64,
}

impl Operator<'_> {
    /// Makes an admin token.
    pub async fn issue_token(&self, new: NewToken) -> Result<IssuedToken, OperatorError> {
        let role = match new.role {
            TokenRole::Read => Role::Read,
            TokenRole::Write => Role::Write,
        };
        let token = AdminToken::new(&new.name, role, new.days, now(), &mut SystemRandom)?;
        let sealed = token.seal(self.vault)?;
        self.store.run(RecordAdminToken).await?;
        Ok(IssuedToken {
            id: token.id,
            token: sealed,
            name: token.name,
            role: new.role,
            expires_at: token.exp,
        })
    }

    /// Revokes an admin token, whether it was ever made or not: nothing is kept of those that were.
    pub async fn revoke_token(&self, id: &str) -> Result<(), OperatorError> {
        let Some(revoke) = RevokeAdminToken::new(self.vault, id) else {
            return Err(OperatorError::Unknown("no admin token has this id".to_owned()));
        };
        Ok(self.store.run(revoke).await?)
    }
}
