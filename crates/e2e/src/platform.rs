//! The server within the test's process, on free ports, with a store of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use twinpath_server::serve::Server;

use crate::app::{App, Auth, Place};
use crate::config::Settings;
use crate::http::{self, Answer, Request};
use crate::jose::Key;

/// A running server.
pub struct Platform {
    /// The server itself.
    pub server: Server,
    /// Where it is.
    pub place: Arc<Place>,
    /// Its admin listener.
    pub admin: SocketAddr,
    _folder: TempDir,
}

/// What an app is registered with.
#[derive(Clone, Debug)]
pub struct Registration {
    client_id: String,
    method: String,
    dpop: bool,
    scope: String,
    developer: Option<String>,
    serves: Vec<String>,
    more: Vec<(String, Value)>,
}

impl Registration {
    /// An app with `private_key_jwt`, DPoP and the scopes `openid phone`.
    pub fn new(client_id: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            method: "private_key_jwt".to_owned(),
            dpop: true,
            scope: "openid phone".to_owned(),
            developer: None,
            serves: Vec::new(),
            more: Vec::new(),
        }
    }

    /// With a further member of RFC 7591's client metadata.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.more.push((member.to_owned(), value.into()));
        self
    }

    /// An app for browsers: one redirect URI.
    #[must_use]
    pub fn web(self, redirect_uri: &str) -> Self {
        self.with("redirect_uris", json!([redirect_uri]))
    }

    /// With another authentication method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Without DPoP: Bearer tokens.
    #[must_use]
    pub fn bearer(mut self) -> Self {
        self.dpop = false;
        self
    }

    /// With other scopes.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    /// Of this developer.
    #[must_use]
    pub fn developer(mut self, developer: &str) -> Self {
        self.developer = Some(developer.to_owned());
        self
    }

    /// An API that serves this resource.
    #[must_use]
    pub fn serves(mut self, resource: &str) -> Self {
        self.serves.push(resource.to_owned());
        self
    }

    /// The display name: what the texts say.
    pub fn name(&self) -> String {
        format!("App {}", self.client_id)
    }

    /// The app's metadata (RFC 7591 2), and its key if it has one.
    pub fn metadata(&self) -> (Value, Key) {
        let key = Key::generate();
        let mut metadata = json!({
            "client_id": self.client_id,
            "client_name": self.name(),
            "token_endpoint_auth_method": self.method,
            "scope": self.scope,
            "dpop_bound_access_tokens": self.dpop,
            "serves": self.serves,
        });
        if let Some(developer) = &self.developer {
            metadata["developer"] = developer.as_str().into();
        }
        if self.method == "private_key_jwt" {
            metadata["jwks"] = json!({"keys": [key.jwk()]});
        }
        for (member, value) in &self.more {
            metadata[member] = value.clone();
        }
        (metadata, key)
    }

    /// The app, from what the registry said.
    pub fn registered(&self, said: &Value, key: Key) -> Arc<App> {
        assert_eq!(said["client_id"], self.client_id, "{said}");
        let secret = || said["client_secret"].as_str().expect("a secret").to_owned();
        let auth = match self.method.as_str() {
            "private_key_jwt" => Auth::PrivateKeyJwt(key),
            "client_secret_basic" => Auth::SecretBasic(secret()),
            "client_secret_post" => Auth::SecretPost(secret()),
            "client_secret_jwt" => Auth::SecretJwt(secret()),
            "tls_client_auth" => Auth::Certificate,
            "self_signed_tls_client_auth" => Auth::OwnCertificate,
            "attest_jwt_client_auth" => Auth::Attested { combined: false },
            "attest_jwt_client_auth_dpop" => Auth::Attested { combined: true },
            "none" => Auth::Public,
            other => panic!("{other}?"),
        };
        let client_id = self.client_id.clone();
        Arc::new(App { client_id, name: self.name(), auth, dpop: self.dpop })
    }
}

impl Platform {
    /// Starts one.
    pub async fn start(settings: &Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = settings.issuer(address);
        let text = settings.file(&issuer, &address.to_string(), "127.0.0.1:0", folder.path());
        let path = folder.path().join("twinpath.toml");
        std::fs::write(&path, text).unwrap();
        let config = twinpath_server::config::load(&path, std::iter::empty()).unwrap();
        let server = Server::start_on(listener, config).await.unwrap();
        let admin = server.admin.unwrap();
        let place = Place::discover(&issuer, address).await;
        Self { server, place, admin, _folder: folder }
    }

    /// The deployment's own admin token.
    pub fn admin_token(&self) -> &str {
        self.server.platform.vault.admin_token()
    }

    /// A request of the admin API with the deployment's own token, and a body unless it is null.
    pub async fn admin(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.admin_as(self.admin_token(), method, path, body).await
    }

    /// The same with another token.
    pub async fn admin_as(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let mut request = Request::new(method, &format!("/admin/v1{path}"))
            .header("Authorization", &format!("Bearer {token}"));
        if !body.is_null() {
            request = request.header("Content-Type", "application/json");
            request.body = body.to_string().into_bytes();
        }
        http::send(self.admin, &request).await
    }

    /// Does something with the present account of a number: `show`, `erase`, or as the API calls it.
    pub async fn account(&self, number: &str, action: &str) -> Value {
        let found = self.admin("POST", "/accounts/search", &json!({"number": number})).await;
        let found = found.accepts();
        let path = format!("/accounts/{}", found["account"].as_str().unwrap());
        let nothing = Value::Null;
        let answer = match action {
            "show" => return found,
            "erase" => self.admin("DELETE", &path, &nothing).await,
            action => self.admin("POST", &format!("{path}/{action}"), &nothing).await,
        };
        answer.accepts()
    }

    /// Rotates the signing keys: `announce`, `now` or `withdraw`.
    pub async fn rotate_keys(&self, rotation: &str) -> Value {
        let said = json!({"rotation": rotation});
        self.admin("POST", "/keys/rotate", &said).await.accepts()
    }

    /// Registers an app with this metadata; gives what the registry says of it.
    pub async fn register_as(&self, metadata: &Value) -> Value {
        let answer = self.admin("POST", "/apps", metadata).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// Registers an app.
    pub async fn register(&self, registration: &Registration) -> Arc<App> {
        let (metadata, key) = registration.metadata();
        registration.registered(&self.register_as(&metadata).await, key)
    }

    /// A metric; 0 if it is not there.
    pub async fn metric(&self, name: &str) -> f64 {
        metric(self.admin, name).await
    }

    /// How many texts of a route ended so.
    pub async fn texts(&self, route: &str, outcome: &str) -> f64 {
        let name = format!("twinpath_texts_total{{of=\"{route}\",outcome=\"{outcome}\"}}");
        self.metric(&name).await
    }

    /// Stops in order.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// A metric of the admin listener at `address`; 0 if it is not there.
pub async fn metric(address: SocketAddr, name: &str) -> f64 {
    let answer = http::send(address, &Request::new("GET", "/metrics")).await;
    let text = answer.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}
