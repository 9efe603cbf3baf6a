//! What an API says of itself (RFC 9728).

use serde::{Deserialize, Serialize};

use crate::metadata::well_known;

/// The well-known path of RFC 9728 3.
pub const RESOURCE_WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Protected resource metadata (RFC 9728 2). Members that an API lacks are absent.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceMetadata {
    /// The resource's identifier, which tokens for it have as their audience; compared byte for byte.
    pub resource: String,
    /// The issuers whose tokens it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_servers: Vec<String>,
    /// The scopes to ask for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// Where tokens are shown: `header`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bearer_methods_supported: Vec<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// RFC 9449 5.1, of proofs shown to the resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Whether it takes tokens bound to a key only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpop_bound_access_tokens_required: Option<bool>,
}

/// Where a resource's metadata is: the well-known path goes between host and path (RFC 9728 3.1).
/// `None` if the resource is no URL of a host, or has a query or fragment.
pub fn resource_metadata_url(resource: &str) -> Option<String> {
    well_known(resource, RESOURCE_WELL_KNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_rules_of_rfc_9728() {
        let base = "https://api.example/.well-known/oauth-protected-resource";
        let url = |resource: &str| resource_metadata_url(resource);
        assert_eq!(url("https://api.example").as_deref(), Some(base));
        assert_eq!(url("https://api.example/weather"), Some(format!("{base}/weather")));
        assert_eq!(url("https://api.example/#a"), None);
    }
}
