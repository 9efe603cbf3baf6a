//! What is said of an app: the one place where the members of RFC 7591 meet those of [`NewApp`].

use serde::{Deserialize, Serialize};
use twinpath_core::app::{NewApp, RegistrationError};
use twinpath_core::records::{App, AuthMethod};
use twinpath_wire::jwk::JwkSet;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

/// What is said of an app (RFC 7591 2): everything that matters to register it, only what changes to
/// update it. `null` counts as unsaid.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AppSettings {
    /// The app's identity; made up if it is not given. It cannot be changed.
    #[schema(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9._~-]+$")]
    pub client_id: Option<String>,
    /// What people see, and what the app's texts say.
    pub client_name: Option<String>,
    /// How the app authenticates; `private_key_jwt` if it is not said. A change to a method with a
    /// secret makes a new secret.
    #[serde(rename = "token_endpoint_auth_method")]
    #[schema(schema_with = auth_method)]
    pub auth_method: Option<AuthMethod>,
    /// The app's public keys (RFC 7517), for `private_key_jwt`.
    #[schema(value_type = Option<serde_json::Map<String, serde_json::Value>>)]
    pub jwks: Option<JwkSet>,
    /// What it may ask for, separated by spaces; `openid` if it is not said.
    pub scope: Option<String>,
    /// Whether its tokens are bound to a key (RFC 9449 5.2); `true` if it is not said.
    #[serde(rename = "dpop_bound_access_tokens")]
    pub dpop: Option<bool>,
    /// Where browsers are sent back to.
    pub redirect_uris: Option<Vec<String>>,
    /// The resources (RFC 8707) it serves, if it is an API: it may introspect tokens for them.
    pub serves: Option<Vec<String>>,
    /// Android package name.
    pub android_package: Option<String>,
    /// SHA-256 digests of Android signing certificates, in hex.
    pub android_cert_sha256: Option<Vec<String>>,
    /// Apple app id, `TEAMID.bundle.id`.
    pub apple_app_id: Option<String>,
    /// Whose app it is; itself if it is not said. Apps of one developer see the same `union_id`.
    pub developer: Option<String>,
}

/// Every method an app can be registered with.
const METHODS: [AuthMethod; 5] = [
    AuthMethod::PrivateKeyJwt,
    AuthMethod::ClientSecretBasic,
    AuthMethod::ClientSecretPost,
    AuthMethod::ClientSecretJwt,
    AuthMethod::None,
];

fn auth_method() -> Object {
    let names = METHODS.iter().filter_map(|method| serde_json::to_value(method).ok());
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(names.chain([serde_json::Value::Null])))
        .description(Some(
            "How the app authenticates; private_key_jwt if it is not said. A change to a method \
             with a secret makes a new secret.",
        ))
        .build()
}

impl AppSettings {
    /// A new app.
    pub(super) fn new_app(self) -> Result<NewApp, RegistrationError> {
        let missing = |what: &str| RegistrationError(format!("{what} is missing"));
        Ok(NewApp {
            client_id: self.client_id,
            client_name: self.client_name.ok_or_else(|| missing("the name (client_name)"))?,
            auth_method: self.auth_method.unwrap_or(AuthMethod::PrivateKeyJwt),
            jwks: self.jwks,
            scope: self.scope.unwrap_or_else(|| "openid".to_owned()),
            dpop: self.dpop.unwrap_or(true),
            redirect_uris: self.redirect_uris.unwrap_or_default(),
            serves: self.serves.unwrap_or_default(),
            android_package: self.android_package,
            android_cert_sha256: self.android_cert_sha256.unwrap_or_default(),
            apple_app_id: self.apple_app_id,
            developer: self.developer,
        })
    }

    /// An app that is there, with what is said changed.
    pub(super) fn changed(self, old: &App) -> NewApp {
        let old = old.clone();
        let method = self.auth_method.unwrap_or(old.auth_method);
        let keys_stay = (method == AuthMethod::PrivateKeyJwt).then_some(old.jwks).flatten();
        NewApp {
            client_id: Some(old.client_id.to_string()),
            client_name: self.client_name.unwrap_or(old.client_name),
            auth_method: method,
            jwks: self.jwks.or(keys_stay),
            scope: self.scope.unwrap_or_else(|| old.scope.join(" ")),
            dpop: self.dpop.unwrap_or(old.dpop),
            redirect_uris: self.redirect_uris.unwrap_or(old.redirect_uris),
            serves: self.serves.unwrap_or(old.serves),
            android_package: self.android_package.or(old.android_package),
            android_cert_sha256: self.android_cert_sha256.unwrap_or(old.android_cert_sha256),
            apple_app_id: self.apple_app_id.or(old.apple_app_id),
            developer: Some(self.developer.unwrap_or(old.developer)),
        }
    }
}
