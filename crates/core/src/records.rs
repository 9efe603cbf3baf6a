//! The rows, as types. A backend stores every member and gives the same value back; it never
//! interprets them. Rows of one account share `terminal`, rows of one code share `key`: a
//! transaction step touches rows of one such key only.

mod app;
mod instance;
mod interaction;
mod note;
mod session;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twinpath_wire::jwk::Jwk;

use crate::ids::{
    AccountId, ClientId, CodeKey, Digest, GrantId, RouteName, SessionId, TerminalKey, Timestamp,
};

pub use app::{
    AccessTokenFormat, App, AttestationPolicy, AuthMethod, CertificateName, GrantType,
    PlayIntegrityKeys, Registration, Secret,
};
pub use instance::{
    AndroidKey, AppAttest, AppAttestation, AppleEnvironment, Attestation, BUILT_IN, Evidence,
    Instance, InstanceStatus, PlayIntegrity, Statement,
};
pub use interaction::{
    Approval, AuthorizationRequest, ClaimsRequest, Interaction, Prompt, ProvenTerminal, Stage,
};
pub use note::{
    Announcement, Content, Delivery, Note, NoteKind, Outbound, Quarantined, TextPurpose, Unredeemed,
};
pub use session::Session;

/// Ciphertext of [`crate::vault::Vault`]; only it can open one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sealed(pub Vec<u8>);

/// How far a route's sender address is believed. Ordered: more is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// A simulator or a modem in a laboratory.
    Test,
    /// A reseller of operators' traffic.
    Aggregator,
    /// A direct bind to the operator's message centre.
    Operator,
}

impl Trust {
    /// As configuration and tokens say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Aggregator => "aggregator",
            Self::Operator => "operator",
        }
    }
}

/// The mapping code -> terminal identifier, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeRecord {
    /// Primary key.
    pub key: CodeKey,
    /// The sender.
    pub terminal: TerminalKey,
    /// The sender's number.
    pub number: Sealed,
    /// Where the text came in.
    pub route: RouteName,
    /// That route's trust when it came in.
    pub trust: Trust,
    /// Keyed hash of the human words.
    pub words: Digest,
    /// When the text's record was decided.
    pub received_at: Timestamp,
    /// When it can no longer be redeemed.
    pub expires_at: Timestamp,
    /// What became of it.
    pub state: CodeState,
    /// When the row may be forgotten.
    pub purge_at: Timestamp,
}

/// The life of a code after its text. There is no way back to `Recorded`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeState {
    /// Waits for the token request.
    Recorded,
    /// Consumed; `grant` may not exist on the account's rows yet.
    Redeemed {
        /// Made by the redemption.
        grant: GrantId,
        /// Keyed hash of the parameters a repeated request must repeat.
        frozen: Digest,
        /// Whether the terminal's holder repeated digits that were texted to it.
        confirmed: bool,
    },
    /// Waits, until `expires_at`, for digits that were texted to the terminal (PROTOCOL 6).
    Confirming {
        /// The id of the grant that may come of it.
        grant: GrantId,
        /// Keyed hash of the parameters that the confirming request must repeat.
        frozen: Digest,
        /// Wrong digits that may still come, the last of which ends it: at least 1.
        attempts: u8,
    },
    /// Used up without a grant: wrong words, wrong `login_hint`.
    Refused,
    /// Two numbers sent it.
    Voided {
        /// The grant to revoke, if it had been redeemed.
        grant: Option<GrantId>,
    },
}

/// A terminal and whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terminal {
    /// Primary key.
    pub key: TerminalKey,
    /// The E.164 number.
    pub number: Sealed,
    /// Its present account.
    pub account: AccountId,
    /// First proof.
    pub created_at: Timestamp,
    /// Latest proof.
    pub proven_at: Timestamp,
}

/// The platform's user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Primary key, with `id`.
    pub terminal: TerminalKey,
    /// Primary key, with `terminal`.
    pub id: AccountId,
    /// Whether it can be used.
    pub status: AccountStatus,
    /// First proof.
    pub created_at: Timestamp,
    /// Last change of `status`.
    pub changed_at: Timestamp,
}

/// Whether an account can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// In use.
    Active,
    /// By an operator: every authorization and token request is refused.
    Blocked,
    /// Its number was dormant and now belongs to a newer account.
    Replaced,
}

/// What one account allowed one app instance.
#[derive(Clone, PartialEq, Debug)]
pub struct Grant {
    /// Primary key, with `id`.
    pub terminal: TerminalKey,
    /// Primary key, with `terminal`.
    pub id: GrantId,
    /// Whose.
    pub account: AccountId,
    /// Which app.
    pub client_id: ClientId,
    /// What the grant is bound to: the RFC 7638 thumbprint of the instance key; or `x5t#S256:` and
    /// the thumbprint of the app's TLS certificate (RFC 8705 3.1); empty for neither. Told apart by
    /// [`crate::token::Bound`].
    pub jkt: String,
    /// Granted scope, space-separated.
    pub scope: String,
    /// Granted resources (RFC 8707); none means the issuer.
    pub resources: Vec<String>,
    /// When the terminal was proven.
    pub auth_time: Timestamp,
    /// The route that proved it.
    pub route: RouteName,
    /// That route's trust.
    pub trust: Trust,
    /// `None` while it lives; a revoked grant stays as a tombstone until `purge_at`, so that no
    /// repeated request can make it again.
    pub revoked_at: Option<Timestamp>,
    /// The refresh token.
    pub refresh: RefreshState,
    /// What only some grants have.
    pub terms: Option<Box<Terms>>,
    /// When refreshing ends.
    pub expires_at: Timestamp,
    /// When the row may be forgotten.
    pub purge_at: Timestamp,
}

/// What only some grants have.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// The session in which it was approved; logging out there ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// RFC 9396 7: what was granted, an array of objects with `type`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<Value>,
    /// OIDC Core 5.5: claims asked for one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<ClaimsRequest>,
    /// Whether it ends with its session (`offline_access` was not granted).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub session_bound: bool,
    /// When it was made, if that was later than `auth_time`: in a session that stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Timestamp>,
    /// Whether no refresh token was handed out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_refresh: bool,
    /// What vouched for the instance key when it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<AppAttestation>,
    /// Whether the terminal's holder repeated digits that were texted to it (PROTOCOL 6).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
    /// Since when the terminal was its account's, if that was before `auth_time`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_since: Option<Timestamp>,
    /// Where the number is told of the grant: from what, with its id, the digits follow that revoke it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation: Option<u32>,
}

/// Where the refresh tokens of a grant stand. Tokens are numbered from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RefreshState {
    /// Number of the newest token.
    pub sequence: u32,
    /// Keyed hash of the newest token.
    pub hash: Digest,
    /// Keyed hash of its predecessor in rotation.
    pub previous: Option<Digest>,
    /// Number of the token that the last answer to the redemption carried; those before it died
    /// unused.
    pub first: u32,
    /// Whether any token of this grant was ever used.
    pub used: bool,
}

/// The codes one number texted over one route in the last hour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextQuota {
    /// Primary key, with `route`.
    pub terminal: TerminalKey,
    /// Primary key, with `terminal`.
    pub route: RouteName,
    /// Each code once, with its time, oldest first.
    pub texts: Vec<(CodeKey, Timestamp)>,
}

/// A single-use identifier that was used: the `jti` of an assertion (RFC 7519 4.1.7), of a proof, or
/// of a revoked access token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UsedJti {
    /// Keyed hash of its kind, owner and value.
    pub key: Digest,
    /// After this it need not be remembered.
    pub purge_at: Timestamp,
}

/// A key that signs tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SigningKey {
    /// Primary key.
    pub kid: String,
    /// Private key, PKCS#8.
    pub private: Sealed,
    /// Public key, with `kid`, `alg` and `use`.
    pub public: Jwk,
    /// Made, and published since.
    pub created_at: Timestamp,
    /// From when it signs; until then it is only published.
    pub signs_at: Timestamp,
    /// No longer signs since; still published for a while.
    pub retired_at: Option<Timestamp>,
}

/// One line of the audit trail: who got or lost what, never a number or a secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// What: a stable dotted name such as `grant.issued`.
    pub kind: &'static str,
    /// The app.
    pub client_id: Option<ClientId>,
    /// The account, as operators see it.
    pub account: Option<String>,
    /// The grant, as operators see it.
    pub grant: Option<String>,
    /// The route.
    pub route: Option<String>,
    /// Why, in a stable word.
    pub reason: Option<&'static str>,
    /// The installation: its key's thumbprint.
    pub instance: Option<String>,
    /// What vouched for it.
    pub evidence: Option<Evidence>,
}

impl AuditEvent {
    /// An event about nothing in particular yet.
    pub fn new(at: Timestamp, kind: &'static str) -> Self {
        Self {
            at,
            kind,
            client_id: None,
            account: None,
            grant: None,
            route: None,
            reason: None,
            instance: None,
            evidence: None,
        }
    }
}

impl Grant {
    /// An event about this grant.
    pub fn event(&self, at: Timestamp, kind: &'static str) -> AuditEvent {
        AuditEvent {
            client_id: Some(self.client_id.clone()),
            account: Some(self.account.to_string()),
            grant: Some(self.id.to_string()),
            route: Some(self.route.0.to_string()),
            instance: self.attestation().map(|_| self.jkt.clone()),
            evidence: self.attestation().map(|attestation| attestation.evidence),
            ..AuditEvent::new(at, kind)
        }
    }

    /// When it was made; of the terminal grant, when its text came.
    pub fn made_at(&self) -> Timestamp {
        self.terms.as_ref().and_then(|terms| terms.made_at).unwrap_or(self.auth_time)
    }

    /// The session in which it was approved.
    pub fn session(&self) -> Option<SessionId> {
        self.terms.as_ref().and_then(|terms| terms.session)
    }

    /// RFC 9396 7: what was granted in detail.
    pub fn details(&self) -> &[Value] {
        self.terms.as_ref().map_or(&[], |terms| &terms.authorization_details)
    }

    /// What vouched for the instance key when it was last used.
    pub fn attestation(&self) -> Option<&AppAttestation> {
        self.terms.as_ref().and_then(|terms| terms.attestation.as_ref())
    }

    /// Whether the terminal's holder confirmed it (PROTOCOL 6).
    pub fn confirmed(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.confirmed)
    }

    /// Since when its terminal is known as its account's.
    pub fn known_since(&self) -> Timestamp {
        let before = self.terms.as_ref().and_then(|terms| terms.known_since);
        before.unwrap_or(self.auth_time)
    }

    /// Where the number is told of it: from what the digits follow that revoke it.
    pub fn revocation(&self) -> Option<u32> {
        self.terms.as_ref().and_then(|terms| terms.revocation)
    }

    /// Whether it can still be used at `now`.
    pub fn live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}
