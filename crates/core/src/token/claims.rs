//! What tokens say.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twinpath_wire::oauth::{ACR_TERMINAL, AMR_SMS_MO, AMR_SWK, Actor, Confirmation};

use crate::app::Registered;
use crate::grant::AccessHandle;
use crate::ids::Timestamp;
use crate::records::Grant;
use crate::token::Bound;
use crate::transaction::Random;
use crate::vault::Vault;

/// How an account appears to one app.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subject {
    /// Pairwise.
    pub sub: String,
    /// The same for all apps of the developer.
    pub union_id: String,
}

impl Subject {
    /// The subject of a grant's account.
    pub fn of(grant: &Grant, registered: &Registered, vault: &Vault) -> Self {
        Self {
            sub: vault.subject(&grant.client_id, grant.account),
            union_id: vault.union_id(&registered.app.developer, grant.account),
        }
    }
}

/// RFC 8176: how the person was authenticated.
pub fn amr_of(grant: &Grant) -> Vec<String> {
    let mut amr = vec![AMR_SMS_MO.to_owned()];
    // A certificate is the app's: it says nothing of the person.
    if matches!(Bound::of(&grant.jkt), Bound::Key(_)) {
        amr.push(AMR_SWK.to_owned());
    }
    amr
}

/// OIDC Core 2: how well the person was authenticated.
pub fn acr_of(_grant: &Grant) -> &'static str {
    ACR_TERMINAL
}

/// The claims of an access token (RFC 9068 2.2).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer.
    pub iss: String,
    /// Pairwise subject; of a token that an app got for itself, its `client_id`.
    pub sub: String,
    /// One string, or an array for several resources.
    pub aud: Value,
    /// The app.
    pub client_id: String,
    /// Issued.
    pub iat: i64,
    /// Expires.
    pub exp: i64,
    /// By what right it is held, for whoever holds the master key: an [`AccessHandle`].
    pub jti: String,
    /// Granted scope.
    pub scope: String,
    /// When the terminal was proven; `None` if no person stands behind the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// How.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The same for all apps of the developer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub union_id: Option<String>,
    /// RFC 9449 6.1, RFC 8705 3.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// RFC 8693 4.1: the API that holds the token for the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
}

impl AccessClaims {
    /// Whether the token is for `audience`.
    pub fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Value::String(aud) => aud == audience,
            Value::Array(auds) => auds.iter().any(|aud| aud.as_str() == Some(audience)),
            _ => false,
        }
    }

    /// An access token for `grant`, possibly narrowed to `scope` and `resources`.
    pub fn issue(
        issuer: &str,
        subject: &Subject,
        grant: &Grant,
        (scope, resources): (&str, &[String]),
        (now, ttl_s): (Timestamp, i64),
        (vault, random): (&Vault, &mut dyn Random),
    ) -> Self {
        Self {
            iss: issuer.to_owned(),
            sub: subject.sub.clone(),
            aud: audience(issuer, resources),
            client_id: grant.client_id.to_string(),
            iat: now.seconds(),
            exp: now.seconds().saturating_add(ttl_s),
            jti: AccessHandle::of(grant).seal(vault, random),
            scope: scope.to_owned(),
            auth_time: Some(grant.auth_time.seconds()),
            acr: Some(acr_of(grant).to_owned()),
            amr: amr_of(grant),
            union_id: Some(subject.union_id.clone()),
            cnf: Bound::of(&grant.jkt).confirmation(),
            act: None,
        }
    }
}

/// RFC 9068 2.2: the resources; the issuer if there are none.
pub(super) fn audience(issuer: &str, resources: &[String]) -> Value {
    match resources {
        [] => Value::from(issuer),
        [one] => Value::from(one.as_str()),
        several => Value::from(several.to_vec()),
    }
}

/// The claims of an ID token (OIDC Core 2).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct IdClaims {
    /// The issuer.
    pub iss: String,
    /// Pairwise subject.
    pub sub: String,
    /// The app.
    pub aud: String,
    /// Issued.
    pub iat: i64,
    /// Expires.
    pub exp: i64,
    /// When the terminal was proven.
    pub auth_time: i64,
    /// How well.
    pub acr: String,
    /// How.
    pub amr: Vec<String>,
    /// The same for all apps of the developer.
    pub union_id: String,
    /// The authorization request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The session, as this app knows it (OIDC Back-Channel Logout 2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

/// What a request says of the ID token it gets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IdTokenRequest {
    /// OIDC Core 3.1.2.1.
    pub nonce: Option<String>,
}

impl IdClaims {
    /// An ID token for `grant`.
    pub fn issue(
        issuer: &str,
        subject: &Subject,
        grant: &Grant,
        asked: IdTokenRequest,
        (now, ttl_s): (Timestamp, i64),
        vault: &Vault,
    ) -> Self {
        Self {
            iss: issuer.to_owned(),
            sub: subject.sub.clone(),
            aud: grant.client_id.to_string(),
            iat: now.seconds(),
            exp: now.seconds().saturating_add(ttl_s),
            auth_time: grant.auth_time.seconds(),
            acr: acr_of(grant).to_owned(),
            amr: amr_of(grant),
            union_id: subject.union_id.clone(),
            nonce: asked.nonce,
            sid: grant.session().map(|session| session.claim(vault, &grant.client_id)),
        }
    }
}

#[cfg(test)]
mod tests;
