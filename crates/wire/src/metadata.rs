//! What a server says of itself (RFC 8414 2, `OpenID` Connect Discovery 3, PROTOCOL 10).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The document at the two well-known paths. Members that a server lacks are absent.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The server's identity, compared byte for byte.
    pub issuer: String,
    /// RFC 8414 2.
    pub token_endpoint: String,
    /// RFC 8414 2; a server without redirects has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// RFC 7009.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// RFC 7662.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    /// `OpenID` Connect Core 5.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    /// PROTOCOL 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal_authorization_endpoint: Option<String>,
    /// draft-ietf-oauth-attestation-based-client-auth-10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge_endpoint: Option<String>,
    /// RFC 9126 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<String>,
    /// RFC 8628 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_authorization_endpoint: Option<String>,
    /// draft-ietf-oauth-first-party-apps-04.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_challenge_endpoint: Option<String>,
    /// RFC 7591.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    /// `OpenID` Connect RP-Initiated Logout 2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_documentation: Option<String>,

    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// RFC 8414 2; required, so written even when empty.
    pub response_types_supported: Vec<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grant_types_supported: Vec<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// RFC 9701 7.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub introspection_signing_alg_values_supported: Vec<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub code_challenge_methods_supported: Vec<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ui_locales_supported: Vec<String>,
    /// RFC 9449 5.1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// RFC 9396 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types_supported: Vec<String>,
    /// RFC 8414 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_modes_supported: Vec<String>,
    /// `OpenID` Connect Prompt Create 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompt_values_supported: Vec<String>,
    /// `OpenID` Connect Discovery 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_parameter_supported: Option<bool>,
    /// `OpenID` Connect Discovery 3: only those that were pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_uri_parameter_supported: Option<bool>,
    /// RFC 9126 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_pushed_authorization_requests: Option<bool>,
    /// RFC 9207 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_response_iss_parameter_supported: Option<bool>,
    /// RFC 8705 3.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_certificate_bound_access_tokens: Option<bool>,
    /// RFC 8705 5: where endpoints are reached with a client certificate, by their metadata names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mtls_endpoint_aliases: BTreeMap<String, String>,

    /// `OpenID` Connect Discovery 3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_types_supported: Vec<String>,
    /// `OpenID` Connect Discovery 3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// `OpenID` Connect Discovery 3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub userinfo_signing_alg_values_supported: Vec<String>,
    /// `OpenID` Connect Discovery 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims_parameter_supported: Option<bool>,
    /// `OpenID` Connect Back-Channel Logout 2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_supported: Option<bool>,
    /// `OpenID` Connect Back-Channel Logout 2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_session_supported: Option<bool>,
    /// `OpenID` Connect Discovery 3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acr_values_supported: Vec<String>,
    /// `OpenID` Connect Discovery 3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims_supported: Vec<String>,

    /// Numbers to text to, to be dialled exactly as they stand; alternatives (PROTOCOL 4).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terminal_numbers: Vec<String>,
    /// PROTOCOL 10: holds [`crate::code::METHOD`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terminal_code_methods_supported: Vec<String>,
    /// Templates of the human words by language (PROTOCOL 3).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub terminal_phrases: BTreeMap<String, String>,
    /// Whether texts with unannounced codes are dropped (PROTOCOL 4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_terminal_announcement: Option<bool>,

    /// draft-ietf-oauth-attestation-based-client-auth-10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_attestation_pop_methods_supported: Vec<String>,
    /// draft-ietf-oauth-attestation-based-client-auth-10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_attestation_signing_alg_values_supported: Vec<String>,
    /// draft-ietf-oauth-attestation-based-client-auth-10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_attestation_pop_signing_alg_values_supported: Vec<String>,
}

/// The well-known path of RFC 8414 3.
pub const OAUTH_WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// The well-known path of `OpenID` Connect Discovery 4.
pub const OPENID_WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Where an issuer's metadata is: the well-known path goes between host and path (RFC 8414 3.1).
/// `None` if the issuer is no URL of a host, or has a query or fragment.
pub fn metadata_url(issuer: &str) -> Option<String> {
    well_known(issuer, OAUTH_WELL_KNOWN)
}

/// A URL with a well-known path between its host and its own path.
pub(crate) fn well_known(url: &str, at: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    if scheme.is_empty() || host.is_empty() || url.contains(['?', '#']) {
        return None;
    }
    Some(format!("{scheme}://{host}{at}{}", path.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_rules_of_rfc_8414() {
        let url = |issuer: &str| metadata_url(issuer);
        let base = "https://id.example.com/.well-known/oauth-authorization-server";
        assert_eq!(url("https://id.example.com").as_deref(), Some(base));
        assert_eq!(url("https://id.example.com/").as_deref(), Some(base));
        assert_eq!(url("https://id.example.com/a/b"), Some(format!("{base}/a/b")));
        assert_eq!(url("https://id.example.com/?a"), None);
        assert_eq!(url("id.example.com"), None);
    }

    #[test]
    fn absent_members_stay_absent() {
        let metadata = Metadata { issuer: "https://a".into(), ..Metadata::default() };
        let json = serde_json::to_string(&metadata).expect("serializes");
        assert_eq!(
            json,
            r#"{"issuer":"https://a","token_endpoint":"","response_types_supported":[]}"#
        );
        assert_eq!(serde_json::from_str::<Metadata>(&json).expect("reads back"), metadata);
        assert!(serde_json::from_str::<Metadata>(r#"{"issuer":"https://a","new":1}"#).is_ok());
    }
}
