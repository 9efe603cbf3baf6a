//! An authorization request on its way: from being pushed, or from the browser's arrival, until its
//! authorization code is used. One row, one state machine:
//!
//! ```text
//! Pushed -> Asking -> Proven -> Approved -> Redeemed
//!    any but Redeemed -> Ended
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{AccountId, ClientId, Digest, GrantId, SessionId, TerminalKey, Timestamp};
use crate::outbound::Confirm;
use crate::records::{Sealed, Trust};

/// An authorization request and where it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Interaction {
    /// Primary key: keyed hash of its identifier.
    pub key: Digest,
    /// The app that asks.
    pub client_id: ClientId,
    /// What it asks, checked.
    pub request: AuthorizationRequest,
    /// Where it stands.
    pub stage: Stage,
    /// Begun.
    pub created_at: Timestamp,
    /// When the present stage is over.
    pub expires_at: Timestamp,
    /// When the row may be forgotten.
    pub purge_at: Timestamp,
}

/// A checked authorization request (RFC 6749 4.1.1, OIDC Core 3.1.2.1).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationRequest {
    /// Where the answer goes; `None` for a request without a browser.
    pub redirect_uri: Option<String>,
    /// Whether `redirect_uri` was said: then the token request repeats it.
    pub redirect_uri_said: bool,
    /// The scope to grant, space-separated.
    pub scope: String,
    /// RFC 8707.
    pub resources: Vec<String>,
    /// RFC 9396.
    pub authorization_details: Vec<Value>,
    /// RFC 6749 4.1.1.
    pub state: Option<String>,
    /// OIDC Core 3.1.2.1.
    pub nonce: Option<String>,
    /// RFC 7636 4.3, method S256.
    pub code_challenge: String,
    /// RFC 9449 10: the key that the code is bound to; empty for none.
    pub jkt: String,
    /// OIDC Core 3.1.2.1.
    pub prompt: Vec<Prompt>,
    /// OIDC Core 3.1.2.1, in seconds.
    pub max_age: Option<u32>,
    /// The terminal the app expects.
    pub login_hint: Option<TerminalKey>,
    /// OIDC Core 3.1.2.1, in order of preference.
    pub ui_locales: Option<String>,
    /// OIDC Core 5.5.
    pub claims: Option<ClaimsRequest>,
    /// The `sub` of the one person who may be answered for: by `id_token_hint` (OIDC Core 3.1.2.1), or as
    /// claim `sub` with a value (5.5.1).
    pub expected_sub: Option<String>,
    /// When it must be confirmed (PROTOCOL 6), by the policy as it was then and by `acr_values`.
    pub confirm: Confirm,
}

/// OIDC Core 3.1.2.1: `prompt`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Show nothing.
    None,
    /// Prove the terminal again.
    Login,
    /// Ask again what is allowed.
    Consent,
    /// Choose the account: prove a terminal again.
    SelectAccount,
}

/// OIDC Core 5.5: `claims`. Each with `null` or its `essential`, `value`, `values`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsRequest {
    /// For the userinfo endpoint.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo: BTreeMap<String, Value>,
    /// For the ID token.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token: BTreeMap<String, Value>,
}

/// Where an authorization request stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// RFC 9126: pushed, and nobody came with its `request_uri` yet.
    Pushed,
    /// A person is asked to send the text.
    Asking {
        /// Keyed hash of the cookie of the browser it belongs to; without a browser, of `auth_session`.
        browser: Digest,
        /// Which code is shown: a new one after one that came to nothing.
        attempt: u32,
    },
    /// The text came, or a session stood: the person is asked for consent.
    Proven {
        /// As in [`Stage::Asking`].
        browser: Digest,
        /// Who it is.
        by: ProvenTerminal,
    },
    /// The person approved; the authorization code was handed out.
    Approved(Approval),
    /// The code was used. Its grant may not be made yet, so that all it takes stays here. `expires_at`
    /// is still the code's.
    Redeemed {
        /// What was approved.
        approval: Approval,
        /// What the grant is bound to, as [`crate::records::Grant::jkt`] names it.
        jkt: String,
    },
    /// Denied, or given up.
    Ended,
}

/// A terminal that was proven for an authorization request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProvenTerminal {
    /// The terminal.
    pub terminal: TerminalKey,
    /// Its account.
    pub account: AccountId,
    /// Its number.
    pub number: Sealed,
    /// When it was proven.
    pub auth_time: Timestamp,
    /// The route that proved it.
    pub route: String,
    /// That route's trust.
    pub trust: Trust,
    /// The session that stood, if no text was sent.
    pub session: Option<SessionId>,
    /// The id of the grant that may come of it. Voiding the text's code ends it, made or not.
    pub grant: GrantId,
    /// Whether the terminal's holder repeated digits that were texted to it (PROTOCOL 6).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
}

/// What a person approved.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Approval {
    /// Who it is.
    pub by: ProvenTerminal,
    /// Keyed hash of the authorization code.
    pub code: Digest,
    /// As in [`Stage::Asking`]: whoever clicked twice is given the same code again.
    #[serde(default)]
    pub browser: Option<Digest>,
    /// Whether a session begins, or goes on, by this proof.
    #[serde(default)]
    pub begins: bool,
}

impl Approval {
    /// Whether it was this browser's.
    pub(crate) fn is_for(&self, browser: Digest) -> bool {
        self.browser.is_some_and(|own| crate::vault::same(&own.0, &browser.0))
    }
}
