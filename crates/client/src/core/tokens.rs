//! What an app keeps of a grant.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twinpath_wire::oauth::TokenResponse;

/// The tokens of one grant (RFC 6749 5.1). `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access_token: String,
    /// `DPoP` or `Bearer`.
    pub token_type: String,
    /// When the access token ends, by this machine's clock.
    #[serde(default)]
    pub expires_at: Option<i64>,
    /// The granted scope.
    #[serde(default)]
    pub scope: Option<String>,
    /// The refresh token.
    #[serde(default)]
    pub refresh_token: Option<String>,
    /// The ID token, checked.
    #[serde(default)]
    pub id_token: Option<String>,
    /// The proven number with its middle hidden: show it before sign-in completes (PROTOCOL 14).
    #[serde(default)]
    pub terminal_hint: Option<String>,
    /// RFC 9396 7.
    #[serde(default)]
    pub authorization_details: Option<Value>,
}

impl Tokens {
    pub(super) fn of(response: TokenResponse, now: i64) -> Self {
        let lifetime = response.expires_in.and_then(|seconds| i64::try_from(seconds).ok());
        Self {
            access_token: response.access_token,
            token_type: response.token_type,
            expires_at: lifetime.map(|seconds| now.saturating_add(seconds)),
            scope: response.scope,
            refresh_token: response.refresh_token,
            id_token: response.id_token,
            terminal_hint: response.terminal_hint,
            authorization_details: response.authorization_details,
        }
    }

    /// What the answer to a refresh does not say stays as it was (RFC 6749 6).
    pub(super) fn succeed(self, old: &Self) -> Self {
        Self {
            scope: self.scope.or_else(|| old.scope.clone()),
            refresh_token: self.refresh_token.or_else(|| old.refresh_token.clone()),
            id_token: self.id_token.or_else(|| old.id_token.clone()),
            terminal_hint: self.terminal_hint.or_else(|| old.terminal_hint.clone()),
            authorization_details: self
                .authorization_details
                .or_else(|| old.authorization_details.clone()),
            ..self
        }
    }

    /// Whether the access token is good for at least `margin` more seconds.
    pub fn live_at(&self, now: i64, margin: i64) -> bool {
        self.expires_at.is_none_or(|end| end.saturating_sub(margin) > now)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("token_type", &self.token_type)
            .field("expires_at", &self.expires_at)
            .field("scope", &self.scope)
            .field("terminal_hint", &self.terminal_hint)
            .finish_non_exhaustive()
    }
}
