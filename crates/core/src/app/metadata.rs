//! Client metadata (RFC 7591 2, with the extensions of its registry and our own): the one form in which
//! an app's registration comes in, from operators and from apps, and goes out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use twinpath_wire::jwk::JwkSet;

use crate::records::{
    AccessTokenFormat, App, AppleEnvironment, AuthMethod, CertificateName, Evidence, GrantType,
};

/// Declares [`ClientMetadata`] with what every member needs: to be absent, and to be laid over another.
macro_rules! client_metadata {
    ($($(#[$attr:meta])* $name:ident: $ty:ty,)*) => {
        /// What is said of an app. What is absent takes its default when an app is registered, and stays
        /// as it is when one is updated. An empty text takes an optional member away.
        #[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(default)]
        pub struct ClientMetadata {
            $($(#[$attr])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$ty>,)*
        }

        impl ClientMetadata {
            /// These members, and the `rest` where they say nothing.
            #[must_use]
            pub fn over(self, rest: Self) -> Self {
                Self { $($name: self.$name.or(rest.$name),)* }
            }
        }
    };
}

client_metadata! {
    /// Chosen by the operator; one is made if it is absent.
    client_id: String,
    /// Shown to people, and in the phrase.
    client_name: String,
    /// How it authenticates.
    #[serde(rename = "token_endpoint_auth_method")]
    auth_method: AuthMethod,
    /// Public keys, for `private_key_jwt` and `self_signed_tls_client_auth`; for the methods of
    /// attestation, those of an attester that is trusted for this app alone.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    jwks: JwkSet,
    /// Space-separated.
    scope: String,
    /// RFC 9449 5.2.
    #[serde(rename = "dpop_bound_access_tokens")]
    dpop: bool,
    /// RFC 8705 3.4.
    #[serde(rename = "tls_client_certificate_bound_access_tokens")]
    certificate_bound: bool,
    /// RFC 8705 2.1.2: one of these five.
    tls_client_auth_subject_dn: String,
    /// RFC 8705 2.1.2.
    tls_client_auth_san_dns: String,
    /// RFC 8705 2.1.2.
    tls_client_auth_san_uri: String,
    /// RFC 8705 2.1.2.
    tls_client_auth_san_ip: String,
    /// RFC 8705 2.1.2.
    tls_client_auth_san_email: String,
    /// RFC 6749 3.1.2.
    redirect_uris: Vec<String>,
    /// RFC 7591 2.
    grant_types: Vec<GrantType>,
    /// RFC 7591 2.
    response_types: Vec<String>,
    /// PROTOCOL 9: `jwt` or `opaque`.
    access_token_format: AccessTokenFormat,
    /// RFC 9126 6.
    #[serde(rename = "require_pushed_authorization_requests")]
    require_pushed: bool,
    /// RFC 9396 10.
    authorization_details_types: Vec<String>,
    /// OIDC Core 8.1: the host that apps with one `sub` share.
    sector_identifier: String,
    /// OIDC Registration 2.
    id_token_signed_response_alg: String,
    /// OIDC Registration 2.
    userinfo_signed_response_alg: String,
    /// RFC 9701 6.
    introspection_signed_response_alg: String,
    /// OIDC Registration 2, in seconds.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_i64))]
    default_max_age: u32,
    /// OIDC RP-Initiated Logout 3.1.
    post_logout_redirect_uris: Vec<String>,
    /// OIDC Back-Channel Logout 2.2.
    backchannel_logout_uri: String,
    /// OIDC Back-Channel Logout 2.2.
    backchannel_logout_session_required: bool,
    /// RFC 7591 2.
    client_uri: String,
    /// RFC 7591 2.
    policy_uri: String,
    /// RFC 7591 2.
    tos_uri: String,
    /// Whether it is the operator's own.
    first_party: bool,
    /// The resources it serves, if it is an API (RFC 8707): it may introspect tokens for them.
    serves: Vec<String>,
    /// The resources it may exchange tokens for that its callers show it (RFC 8693).
    may_exchange_for: Vec<String>,
    /// Android package name.
    android_package: String,
    /// SHA-256 digests of signing certificates, in hex with or without colons.
    android_cert_sha256: Vec<String>,
    /// By which Android hands texts to the app (SMS Retriever): eleven characters of base64.
    android_sms_hash: String,
    /// Apple `team.bundle`.
    apple_app_id: String,
    /// PROTOCOL 11: any of these is enough of its installations: `none`, `software`, `tee`, `strongbox`,
    /// `app_attest`. By default `software`, for an app whose method is attestation.
    app_attestation_evidence: Vec<Evidence>,
    /// Whether an Android phone must have booted its maker's system with a locked bootloader; the default.
    android_verified_boot: bool,
    /// The oldest patch level of an Android system, `YYYYMM`; 0 for any.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, minimum = 0, maximum = 999_912))]
    android_min_os_patch_level: u32,
    /// Which of Apple's services must have attested; `production` by default.
    apple_environment: AppleEnvironment,
    /// From the Play Console: AES-256, base64. It is never shown again.
    play_integrity_decryption_key: String,
    /// From the Play Console: EC P-256, `SubjectPublicKeyInfo`, base64.
    play_integrity_verification_key: String,
    /// Whose app it is; by default, itself alone.
    developer: String,
}

impl ClientMetadata {
    /// Everything that is registered of `app`.
    pub fn of(app: &App) -> Self {
        let app = app.clone();
        let code = app.grant_types.contains(&GrantType::AuthorizationCode);
        let (attested, policy) = (app.auth_method.is_attested(), app.attestation);
        Self {
            client_id: Some(app.client_id.to_string()),
            client_name: Some(app.client_name),
            auth_method: Some(app.auth_method),
            jwks: app.jwks,
            scope: Some(app.scope.join(" ")),
            dpop: Some(app.dpop),
            certificate_bound: Some(app.certificate_bound),
            redirect_uris: Some(app.redirect_uris),
            grant_types: Some(app.grant_types),
            response_types: code.then(|| vec!["code".to_owned()]),
            access_token_format: Some(app.access_token_format),
            require_pushed: Some(app.require_pushed),
            authorization_details_types: Some(app.authorization_details_types),
            sector_identifier: app.sector_identifier,
            id_token_signed_response_alg: app.id_token_signed_response_alg,
            userinfo_signed_response_alg: app.userinfo_signed_response_alg,
            introspection_signed_response_alg: app.introspection_signed_response_alg,
            default_max_age: app.default_max_age,
            post_logout_redirect_uris: Some(app.post_logout_redirect_uris),
            backchannel_logout_uri: app.backchannel_logout_uri,
            backchannel_logout_session_required: Some(app.backchannel_logout_session_required),
            client_uri: app.client_uri,
            policy_uri: app.policy_uri,
            tos_uri: app.tos_uri,
            first_party: Some(app.first_party),
            app_attestation_evidence: attested.then_some(policy.evidence),
            android_verified_boot: attested.then_some(policy.android_verified_boot),
            android_min_os_patch_level: policy.android_min_os_patch_level,
            apple_environment: attested.then_some(policy.apple_environment),
            play_integrity_decryption_key: None,
            play_integrity_verification_key: policy.play_integrity.map(|keys| keys.verification),
            serves: Some(app.serves),
            may_exchange_for: Some(app.may_exchange_for),
            android_package: app.android_package,
            android_cert_sha256: Some(app.android_cert_sha256),
            android_sms_hash: app.android_sms_hash,
            apple_app_id: app.apple_app_id,
            developer: Some(app.developer),
            ..Self::default()
        }
        .named(app.tls_client_auth)
    }

    /// [`Self::certificate_names`] of an app whose certificate need not name anything.
    pub(super) const NO_NAMES: [Option<&'static str>; 5] = [None; 5];

    /// What the app's certificate must name: subject, DNS name, URI, address, e-mail address.
    pub(super) fn certificate_names(&self) -> [Option<&str>; 5] {
        [
            &self.tls_client_auth_subject_dn,
            &self.tls_client_auth_san_dns,
            &self.tls_client_auth_san_uri,
            &self.tls_client_auth_san_ip,
            &self.tls_client_auth_san_email,
        ]
        .map(|name| name.as_deref().filter(|name| !name.is_empty()))
    }

    /// With this name for the app's certificate, and no other.
    #[must_use]
    pub fn named(self, name: Option<CertificateName>) -> Self {
        let mut named = Self {
            tls_client_auth_subject_dn: None,
            tls_client_auth_san_dns: None,
            tls_client_auth_san_uri: None,
            tls_client_auth_san_ip: None,
            tls_client_auth_san_email: None,
            ..self
        };
        match name {
            Some(CertificateName::SubjectDn(dn)) => named.tls_client_auth_subject_dn = Some(dn),
            Some(CertificateName::SanDns(dns)) => named.tls_client_auth_san_dns = Some(dns),
            Some(CertificateName::SanUri(uri)) => named.tls_client_auth_san_uri = Some(uri),
            Some(CertificateName::SanIp(ip)) => named.tls_client_auth_san_ip = Some(ip.to_string()),
            Some(CertificateName::SanEmail(at)) => named.tls_client_auth_san_email = Some(at),
            None => {}
        }
        named
    }
}

/// An app as JSON (RFC 7591 3.2.1), with the secret if it is to be told.
pub fn client_metadata(app: &App, secret: Option<&str>) -> Value {
    let mut shown = match serde_json::to_value(ClientMetadata::of(app)) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    shown.retain(|_, value| *value != json!([]) && *value != json!(false));
    // Said either way: what an app's requests look like depends on it.
    shown.insert("dpop_bound_access_tokens".to_owned(), json!(app.dpop));
    shown.insert("client_id_issued_at".to_owned(), json!(app.created_at.seconds()));
    if let Some(secret) = secret {
        shown.insert("client_secret".to_owned(), json!(secret));
        shown.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    Value::Object(shown)
}
