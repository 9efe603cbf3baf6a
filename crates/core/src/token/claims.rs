//! What tokens say.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use twinpath_wire::b64;
use twinpath_wire::oauth::{
    ACR_TERMINAL, ACR_TERMINAL_CONFIRMED, AMR_HWK, AMR_SMS, AMR_SMS_MO, AMR_SWK, Actor,
    Confirmation,
};

use crate::app::Registered;
use crate::grant::AccessHandle;
use crate::ids::{AccountId, Timestamp};
use crate::records::{App, AppAttestation, AuthorizationRequest, Grant, Trust};
use crate::token::{Bound, SigningAlgorithm};
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
            sub: pairwise(&registered.app, grant.account, vault),
            union_id: vault.union_id(&registered.app.developer, grant.account),
        }
    }
}

/// OIDC Core 8.1: the `sub` by which an app knows an account. The one place where it is made.
pub fn pairwise(app: &App, account: AccountId, vault: &Vault) -> String {
    match &app.sector_identifier {
        Some(sector) => vault.sector_subject(sector, account),
        None => vault.subject(&app.client_id, account),
    }
}

/// RFC 8176: how the person was authenticated.
pub fn amr_of(grant: &Grant) -> Vec<String> {
    let mut amr = vec![AMR_SMS_MO.to_owned()];
    if grant.confirmed() {
        amr.push(AMR_SMS.to_owned());
    }
    // A certificate is the app's: it says nothing of the person.
    if matches!(Bound::of(&grant.jkt), Bound::Key(_)) {
        let hardware = grant.attestation().is_some_and(|it| it.evidence.is_hardware_key());
        amr.push(if hardware { AMR_HWK } else { AMR_SWK }.to_owned());
    }
    amr
}

/// OIDC Core 2: how well the person was authenticated.
pub fn acr_of(grant: &Grant) -> &'static str {
    if grant.confirmed() { ACR_TERMINAL_CONFIRMED } else { ACR_TERMINAL }
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
    /// RFC 9396 9.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<Value>,
    /// What vouches for the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_attestation: Option<AppAttestation>,
    /// How far the route that proved the terminal is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_trust: Option<Trust>,
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
            authorization_details: grant.details().to_vec(),
            app_attestation: grant.attestation().cloned(),
            terminal_trust: Some(grant.trust),
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
    /// How far the route that proved the terminal is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_trust: Option<Trust>,
    /// The authorization request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The session, as this app knows it (OIDC Back-Channel Logout 2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The access token that came with it (OIDC Core 3.1.3.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// Where the request's `claims` asked for it here (OIDC Core 5.5), and scope `phone` was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// With `phone_number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
}

/// What a request says of the ID token it gets.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct IdTokenRequest {
    /// OIDC Core 3.1.2.1.
    pub nonce: Option<String>,
    /// The number, if the ID token is to tell it.
    pub phone_number: Option<String>,
    /// What [`at_hash`] made.
    pub at_hash: Option<String>,
}

impl std::fmt::Debug for IdTokenRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdTokenRequest").field("nonce", &self.nonce).finish_non_exhaustive()
    }
}

impl IdTokenRequest {
    /// For an authorization request that was approved, with the number of who approved it. The claims it
    /// asked for one by one go by the same scope as at userinfo.
    pub fn of(asked: &AuthorizationRequest, number: &str) -> Self {
        let told = wants_phone(asked.claims.as_ref().map(|claims| &claims.id_token))
            && asked.scope.split(' ').any(|token| token == PHONE);
        Self {
            nonce: asked.nonce.clone(),
            phone_number: told.then(|| number.to_owned()),
            at_hash: None,
        }
    }
}

/// The scope that lets an app have the number (OIDC Core 5.4).
pub const PHONE: &str = "phone";

/// Whether claims asked for one by one (OIDC Core 5.5) name the number.
pub(crate) fn wants_phone(claims: Option<&BTreeMap<String, Value>>) -> bool {
    let names = ["phone_number", "phone_number_verified"];
    claims.is_some_and(|claims| names.iter().any(|name| claims.contains_key(*name)))
}

/// OIDC Core 3.1.3.6: the left half of the access token's hash, by the hash of the ID token's algorithm:
/// of `EdDSA` with Ed25519 that is SHA-512.
pub fn at_hash(alg: SigningAlgorithm, access_token: &str) -> String {
    let by = match alg {
        SigningAlgorithm::Es256 => &SHA256,
        SigningAlgorithm::EdDsa => &SHA512,
    };
    let hash = digest(by, access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    b64::encode(left)
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
            terminal_trust: Some(grant.trust),
            nonce: asked.nonce,
            at_hash: asked.at_hash,
            phone_number_verified: asked.phone_number.as_ref().map(|_| true),
            phone_number: asked.phone_number,
            sid: grant.session().map(|session| session.claim(vault, &grant.client_id)),
        }
    }
}

#[cfg(test)]
mod tests;
