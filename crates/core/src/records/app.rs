//! A registered app, and what it is registered with.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use twinpath_wire::jwk::JwkSet;
use twinpath_wire::oauth::{
    GRANT_AUTHORIZATION_CODE, GRANT_CLIENT_CREDENTIALS, GRANT_DEVICE_CODE, GRANT_REFRESH_TOKEN,
    GRANT_TERMINAL, GRANT_TOKEN_EXCHANGE,
};

use crate::ids::{ClientId, Timestamp};
use crate::records::{AppleEnvironment, Evidence, Sealed};

/// A registered app: an OAuth client (RFC 7591 2).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "RFC 7591 has them so")]
pub struct App {
    /// Primary key.
    pub client_id: ClientId,
    /// Shown to people, and in the phrase.
    pub client_name: String,
    /// Apps of one developer share `union_id`.
    pub developer: String,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// Its public keys, for `private_key_jwt` and `self_signed_tls_client_auth`; for the methods of
    /// attestation, those of an attester that is trusted for it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwkSet>,
    /// What its secret is checked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// What it may ask for.
    pub scope: Vec<String>,
    /// Whether its tokens are bound to an instance key (RFC 9449).
    pub dpop: bool,
    /// Whose certificate it shows, for `tls_client_auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_client_auth: Option<CertificateName>,
    /// Whether its tokens are bound to its certificate (RFC 8705 3.4).
    #[serde(default)]
    pub certificate_bound: bool,
    /// RFC 6749 3.1.2.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The resources (RFC 8707) it serves: an API that may introspect tokens for them.
    #[serde(default)]
    pub serves: Vec<String>,
    /// The resources it may exchange its users' tokens for, if it is an API (RFC 8693).
    #[serde(default)]
    pub may_exchange_for: Vec<String>,
    /// Android package name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub android_package: Option<String>,
    /// SHA-256 digests of the signing certificates, lower-case hex.
    #[serde(default)]
    pub android_cert_sha256: Vec<String>,
    /// By which Android hands texts to the app (SMS Retriever): eleven characters of base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub android_sms_hash: Option<String>,
    /// Apple `team.bundle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apple_app_id: Option<String>,
    /// What its installations must show (PROTOCOL 11).
    #[serde(default)]
    pub attestation: AttestationPolicy,
    /// The grants it may use (RFC 7591 2).
    #[serde(default = "GrantType::of_native_apps")]
    pub grant_types: Vec<GrantType>,
    /// The form of its access tokens (PROTOCOL 9).
    #[serde(default)]
    pub access_token_format: AccessTokenFormat,
    /// Whether authorization requests must be pushed first (RFC 9126 6).
    #[serde(default, rename = "require_pushed_authorization_requests")]
    pub require_pushed: bool,
    /// `type`s of `authorization_details` it may ask for (RFC 9396 10).
    #[serde(default)]
    pub authorization_details_types: Vec<String>,
    /// OIDC Core 8.1: apps of one sector see the same `sub`. `None`: the app is its own sector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier: Option<String>,
    /// OIDC Registration 2; `None` for the platform's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<String>,
    /// OIDC Registration 2; `None` for JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<String>,
    /// RFC 9701 6; `None` for JSON unless the request asks for a JWT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<String>,
    /// OIDC Registration 2, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    /// OIDC RP-Initiated Logout 3.1.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// OIDC Back-Channel Logout 2.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// OIDC Back-Channel Logout 2.2.
    #[serde(default)]
    pub backchannel_logout_session_required: bool,
    /// The app's home page (RFC 7591 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// RFC 7591 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// RFC 7591 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Whether it is the operator's own: it may use the authorization challenge endpoint, and needs no
    /// consent.
    #[serde(default)]
    pub first_party: bool,
    /// How it was registered, if it registered itself (RFC 7591).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// Registered.
    pub created_at: Timestamp,
    /// Last changed.
    pub updated_at: Timestamp,
}

/// What the installations of an app must show.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AttestationPolicy {
    /// Any of these is enough; none: nothing is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Whether an Android phone must have booted its maker's system with a locked bootloader.
    pub android_verified_boot: bool,
    /// The oldest patch level of an Android system, `YYYYMM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub android_min_os_patch_level: Option<u32>,
    /// Which of Apple's services must have attested.
    pub apple_environment: AppleEnvironment,
    /// With which Play Integrity tokens are opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub play_integrity: Option<PlayIntegrityKeys>,
}

impl Default for AttestationPolicy {
    fn default() -> Self {
        Self {
            evidence: Vec::new(),
            android_verified_boot: true,
            android_min_os_patch_level: None,
            apple_environment: AppleEnvironment::Production,
            play_integrity: None,
        }
    }
}

/// An app's keys from the Play Console.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlayIntegrityKeys {
    /// AES-256, base64.
    pub decryption: Sealed,
    /// EC P-256, `SubjectPublicKeyInfo`, base64.
    pub verification: String,
}

/// `token_endpoint_auth_method` (RFC 7591 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// RFC 7523.
    PrivateKeyJwt,
    /// RFC 6749 2.3.1.
    ClientSecretBasic,
    /// RFC 6749 2.3.1.
    ClientSecretPost,
    /// OIDC Core 9.
    ClientSecretJwt,
    /// RFC 8705 2.1.
    TlsClientAuth,
    /// RFC 8705 2.2.
    SelfSignedTlsClientAuth,
    /// draft-ietf-oauth-attestation-based-client-auth-10 5.1: with a proof of possession of its own.
    AttestJwtClientAuth,
    /// draft-ietf-oauth-attestation-based-client-auth-10 5.2: the `DPoP` proof is the proof of possession.
    AttestJwtClientAuthDpop,
    /// RFC 6749 2.1; development only.
    None,
}

impl AuthMethod {
    /// Whether an app shows itself by the attested keys of its installations.
    pub fn is_attested(self) -> bool {
        matches!(self, Self::AttestJwtClientAuth | Self::AttestJwtClientAuthDpop)
    }
}

/// What the certificate of an app with `tls_client_auth` must name (RFC 8705 2.1.2).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateName {
    /// The subject, as an RFC 4514 string.
    SubjectDn(String),
    /// A `dNSName`.
    SanDns(String),
    /// A `uniformResourceIdentifier`.
    SanUri(String),
    /// An `iPAddress`.
    SanIp(IpAddr),
    /// An `rfc822Name`.
    SanEmail(String),
}

/// An app's secret at rest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// Keyed hash: it only needs comparison.
    Hash(Vec<u8>),
    /// Encrypted: an HMAC has to be made with it.
    Sealed(Sealed),
}

/// A grant an app may use: `grant_types` of RFC 7591 2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum GrantType {
    /// The terminal grant (PROTOCOL 5).
    #[serde(rename = "urn:twinpath:oauth:grant-type:terminal")]
    Terminal,
    /// RFC 6749 4.1.
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// RFC 6749 6.
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// RFC 6749 4.4.
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    /// RFC 8628 3.4.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// RFC 8693 2.1.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

impl GrantType {
    /// Every one there is.
    pub const ALL: [Self; 6] = [
        Self::Terminal,
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::DeviceCode,
        Self::TokenExchange,
    ];

    /// What an app is registered with that names none.
    pub fn of_native_apps() -> Vec<Self> {
        vec![Self::Terminal, Self::RefreshToken]
    }

    /// The value of `grant_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => GRANT_TERMINAL,
            Self::AuthorizationCode => GRANT_AUTHORIZATION_CODE,
            Self::RefreshToken => GRANT_REFRESH_TOKEN,
            Self::ClientCredentials => GRANT_CLIENT_CREDENTIALS,
            Self::DeviceCode => GRANT_DEVICE_CODE,
            Self::TokenExchange => GRANT_TOKEN_EXCHANGE,
        }
    }

    /// The grant of a value of `grant_type`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text)
    }
}

/// The form of an app's access tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// RFC 9068.
    #[default]
    Jwt,
    /// Only the platform can read it: APIs introspect.
    Opaque,
}

/// An app that registered itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Registration {
    /// Keyed hash of its `registration_access_token` (RFC 7592 3).
    pub access_token: Vec<u8>,
    /// The initial access token it came with, as operators know it.
    pub initial: String,
    /// The most that it may register itself for.
    pub scope: Vec<String>,
    /// The grants that it may register itself for.
    pub grant_types: Vec<GrantType>,
}
