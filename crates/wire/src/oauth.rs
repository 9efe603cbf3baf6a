//! The words of OAuth that both sides say: grant types, errors, and the bodies of answers.
//!
//! RFC 6749 and its family, PROTOCOL 5, 8 and 9. Types with secrets in them have a `Debug` that
//! does not show these.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The grant type of the second verification message (PROTOCOL 5).
pub const GRANT_TERMINAL: &str = "urn:twinpath:oauth:grant-type:terminal";
/// RFC 6749 6.
pub const GRANT_REFRESH_TOKEN: &str = "refresh_token";
/// RFC 6749 4.1.3.
pub const GRANT_AUTHORIZATION_CODE: &str = "authorization_code";
/// RFC 6749 4.4.2.
pub const GRANT_CLIENT_CREDENTIALS: &str = "client_credentials";
/// RFC 8628 3.4.
pub const GRANT_DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// RFC 8693 2.1.
pub const GRANT_TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A terminal was proven (PROTOCOL 8).
pub const ACR_TERMINAL: &str = "urn:twinpath:acr:terminal";
/// A terminal was proven and confirmed by a text to it (PROTOCOL 8).
pub const ACR_TERMINAL_CONFIRMED: &str = "urn:twinpath:acr:terminal-confirmed";
/// A text from the terminal (PROTOCOL 8).
pub const AMR_SMS_MO: &str = "sms_mo";
/// A text to the terminal (RFC 8176 2).
pub const AMR_SMS: &str = "sms";
/// A key in software (RFC 8176 2).
pub const AMR_SWK: &str = "swk";
/// A key in hardware (RFC 8176 2).
pub const AMR_HWK: &str = "hwk";

/// The token type of a token bound to a key (RFC 9449 5).
pub const TOKEN_TYPE_DPOP: &str = "DPoP";
/// RFC 6750.
pub const TOKEN_TYPE_BEARER: &str = "Bearer";

/// The access token's `typ` (RFC 9068 2.1).
pub const ACCESS_TOKEN_TYP: &str = "at+jwt";
/// The `typ` of a signed introspection response (RFC 9701 5).
pub const INTROSPECTION_TYP: &str = "token-introspection+jwt";
/// Its media type (RFC 9701 4).
pub const INTROSPECTION_MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// An access token, in an exchange (RFC 8693 3).
pub const TOKEN_TYPE_ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// A JWT, in an exchange (RFC 8693 3).
pub const TOKEN_TYPE_JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Every value of `error` that a server of this protocol answers with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The value on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The code of a value on the wire; `None` for one that this version does not know.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

error_codes! {
    /// RFC 6749 5.2, RFC 6750 3.1.
    InvalidRequest = "invalid_request",
    /// RFC 6749 5.2.
    InvalidClient = "invalid_client",
    /// RFC 6749 5.2; here also a code used, voided or of another number (PROTOCOL 5).
    InvalidGrant = "invalid_grant",
    /// RFC 6749 5.2.
    UnauthorizedClient = "unauthorized_client",
    /// RFC 6749 5.2.
    UnsupportedGrantType = "unsupported_grant_type",
    /// RFC 6749 5.2.
    InvalidScope = "invalid_scope",
    /// RFC 6749 4.1.2.1.
    UnsupportedResponseType = "unsupported_response_type",
    /// OIDC Core 3.1.2.6.
    LoginRequired = "login_required",
    /// OIDC Core 3.1.2.6.
    ConsentRequired = "consent_required",
    /// OIDC Core 3.1.2.6.
    InteractionRequired = "interaction_required",
    /// OIDC Core 3.1.2.6.
    RequestNotSupported = "request_not_supported",
    /// OIDC Core 3.1.2.6, RFC 9126 2.1.
    InvalidRequestUri = "invalid_request_uri",
    /// OIDC Core 3.1.2.6.
    RegistrationNotSupported = "registration_not_supported",
    /// OIDC Unmet Authentication Requirements 1.
    UnmetAuthenticationRequirements = "unmet_authentication_requirements",
    /// RFC 7591 3.2.2.
    InvalidRedirectUri = "invalid_redirect_uri",
    /// RFC 7591 3.2.2.
    InvalidClientMetadata = "invalid_client_metadata",
    /// draft-ietf-oauth-first-party-apps-04 5.2.2.
    InsufficientAuthorization = "insufficient_authorization",
    /// draft-ietf-oauth-first-party-apps-04 5.2.2.
    InvalidSession = "invalid_session",
    /// draft-ietf-oauth-first-party-apps-04 5.2.2.
    RedirectToWeb = "redirect_to_web",
    /// RFC 6749 4.1.2.1.
    ServerError = "server_error",
    /// RFC 6749 4.1.2.1; the body of every 429 (PROTOCOL 5).
    TemporarilyUnavailable = "temporarily_unavailable",
    /// RFC 8628 3.5.
    AuthorizationPending = "authorization_pending",
    /// RFC 8628 3.5.
    SlowDown = "slow_down",
    /// RFC 8628 3.5.
    ExpiredToken = "expired_token",
    /// RFC 8628 3.5.
    AccessDenied = "access_denied",
    /// RFC 9449 8.
    UseDpopNonce = "use_dpop_nonce",
    /// RFC 9449 5.
    InvalidDpopProof = "invalid_dpop_proof",
    /// RFC 6750 3.1.
    InvalidToken = "invalid_token",
    /// RFC 6750 3.1.
    InsufficientScope = "insufficient_scope",
    /// RFC 9470 3.
    InsufficientUserAuthentication = "insufficient_user_authentication",
    /// RFC 7009 2.2.1.
    UnsupportedTokenType = "unsupported_token_type",
    /// RFC 8707 2.
    InvalidTarget = "invalid_target",
    /// RFC 9396 5.
    InvalidAuthorizationDetails = "invalid_authorization_details",
    /// PROTOCOL 6.
    ConfirmationRequired = "confirmation_required",
    /// draft-ietf-oauth-attestation-based-client-auth-10.
    UseAttestationChallenge = "use_attestation_challenge",
    /// draft-ietf-oauth-attestation-based-client-auth-10.
    UseFreshAttestation = "use_fresh_attestation",
    /// draft-ietf-oauth-attestation-based-client-auth-10.
    InvalidClientAttestation = "invalid_client_attestation",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The body of a refusal (RFC 6749 5.2, PROTOCOL 5 and 6).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The code on the wire; see [`ErrorBody::code`].
    pub error: String,
    /// A sentence for developers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    /// Seconds between polls, with `authorization_pending` and `slow_down`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<u64>,
    /// With `confirmation_required`: how the eight digits were sent, `sms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// With `confirmation_required`: seconds that the digits live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// With `confirmation_required`: how often the digits may still be tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts_left: Option<u32>,
}

impl ErrorBody {
    /// A body of a code alone.
    pub fn new(code: ErrorCode) -> Self {
        Self { error: code.as_str().to_owned(), ..Self::default() }
    }

    /// A body of a code and a sentence for developers.
    pub fn described(code: ErrorCode, description: impl Into<String>) -> Self {
        Self { error_description: Some(description.into()), ..Self::new(code) }
    }

    /// The code, if this version knows it.
    pub fn code(&self) -> Option<ErrorCode> {
        ErrorCode::parse(&self.error)
    }
}

/// The answer to a token request (RFC 6749 5.1, PROTOCOL 5).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenResponse {
    /// RFC 6749 5.1.
    pub access_token: String,
    /// `DPoP` or `Bearer`.
    pub token_type: String,
    /// Seconds that the access token lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// The granted scope, space separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// RFC 6749 1.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// `OpenID` Connect Core 3.1.3.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// The proven number with its middle hidden, for the app to show (PROTOCOL 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_hint: Option<String>,
    /// RFC 9396 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<Value>,
    /// RFC 8693 2.2.1: of an exchanged token only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<String>,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |secret: &Option<String>| secret.as_ref().map(|_| "..");
        f.debug_struct("TokenResponse")
            .field("access_token", &"..")
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .field("refresh_token", &hidden(&self.refresh_token))
            .field("id_token", &hidden(&self.id_token))
            .field("terminal_hint", &self.terminal_hint)
            .finish_non_exhaustive()
    }
}

/// The answer of the userinfo endpoint (`OpenID` Connect Core 5.3.2, PROTOCOL 8).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UserInfo {
    /// Pairwise for the app.
    pub sub: String,
    /// The same for all apps of one developer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub union_id: Option<String>,
    /// With scope `phone` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// With scope `phone` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInfo")
            .field("sub", &self.sub)
            .field("union_id", &self.union_id)
            .field("phone_number", &self.phone_number.as_ref().map(|_| ".."))
            .finish_non_exhaustive()
    }
}

/// How a token is bound to a key (RFC 7800 3, RFC 9449 6, RFC 8705 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confirmation {
    /// The `DPoP` key's thumbprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// The client certificate's thumbprint.
    #[serde(default, rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
}

/// Who acts for a token's subject (RFC 8693 4.1). The outermost is who shows the token; those within
/// are who handed it on, the latest first, and say nothing of what the token is good for.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// Its `client_id`.
    pub sub: String,
    /// Who had it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Actor>>,
}

impl Actor {
    /// Every actor, the latest first.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        core::iter::successors(Some(self), |actor| actor.act.as_deref())
    }
}

/// The answer of the introspection endpoint (RFC 7662 2.2). `Default` is the inactive token's.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IntrospectionResponse {
    /// Whether the token counts.
    pub active: bool,
    /// RFC 7662 2.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// RFC 7662 2.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// RFC 7662 2.2; `DPoP` or `Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// RFC 7662 2.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// RFC 7662 2.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// RFC 7662 2.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// RFC 7662 2.2: a string or an array of strings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<Value>,
    /// RFC 7662 2.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// RFC 7662 2.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The key that the token is bound to (RFC 9449 6.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// RFC 9470 6.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// RFC 9470 6.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// RFC 8176.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// RFC 9396 9.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<Value>,
    /// RFC 8693 4.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// What vouches for the installation that the token was given to: an object with `evidence`,
    /// `attester` and `attested_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_attestation: Option<Value>,
    /// How far the route that proved the terminal is believed: `operator`, `aggregator` or `test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_trust: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
        }
        assert_eq!(ErrorCode::parse("unheard_of"), None);
    }

    #[test]
    fn bodies_carry_only_what_is_set() {
        let inactive = serde_json::to_string(&IntrospectionResponse::default());
        assert_eq!(inactive.expect("serializes"), r#"{"active":false}"#);
        let mut body = ErrorBody::new(ErrorCode::AuthorizationPending);
        body.interval = Some(5);
        let json = serde_json::to_string(&body).expect("serializes");
        assert_eq!(json, r#"{"error":"authorization_pending","interval":5}"#);
        assert_eq!(serde_json::from_str::<ErrorBody>(&json).expect("reads back"), body);
    }

    #[test]
    fn debug_shows_no_secret() {
        let tokens = TokenResponse {
            access_token: "s3cret".into(),
            refresh_token: Some("s3cret".into()),
            id_token: Some("s3cret".into()),
            ..TokenResponse::default()
        };
        let user = UserInfo { phone_number: Some("s3cret".into()), ..UserInfo::default() };
        assert!(!format!("{tokens:?} {user:?}").contains("s3cret"));
    }
}
