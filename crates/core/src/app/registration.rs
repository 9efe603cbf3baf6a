//! Registering apps (RFC 7591). The names of members are the RFC's.

use serde_json::{Map, Value, json};
use twinpath_wire::b64;
use twinpath_wire::gsm::septets;
use twinpath_wire::jwk::JwkSet;

use crate::app::authenticate::KEYS_TRIED;
use crate::app::certificate::checked_name as checked_certificate_name;
use crate::grant::absolute;
use crate::ids::{ClientId, Timestamp};
use crate::proof::VerifyingKey;
use crate::records::{App, AuditEvent, AuthMethod, CertificateName, Secret};
use crate::transaction::{
    Context, Key, Missing, Operation, Random, Rows, Step, Write, random_bytes,
};
use crate::vault::{Purpose, Vault};

/// What an operator says of an app.
#[derive(Clone, Debug)]
pub struct NewApp {
    /// `client_id`; one is made if it is not given.
    pub client_id: Option<String>,
    /// `client_name`.
    pub client_name: String,
    /// `token_endpoint_auth_method`.
    pub auth_method: AuthMethod,
    /// `jwks`.
    pub jwks: Option<JwkSet>,
    /// `scope`, space-separated.
    pub scope: String,
    /// `dpop_bound_access_tokens` (RFC 9449 5.2).
    pub dpop: bool,
    /// `tls_client_auth_subject_dn` or one of its siblings (RFC 8705 2.1.2).
    pub tls_client_auth: Option<CertificateName>,
    /// `tls_client_certificate_bound_access_tokens` (RFC 8705 3.4).
    pub certificate_bound: bool,
    /// `redirect_uris`.
    pub redirect_uris: Vec<String>,
    /// The resources it serves, if it is an API (RFC 8707): it may introspect tokens for them.
    pub serves: Vec<String>,
    /// Android package name.
    pub android_package: Option<String>,
    /// SHA-256 digests of signing certificates, in hex with or without colons.
    pub android_cert_sha256: Vec<String>,
    /// Apple `team.bundle`.
    pub apple_app_id: Option<String>,
    /// Whose app it is; by default, itself alone.
    pub developer: Option<String>,
}

/// Why an app cannot be registered so.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct RegistrationError(pub String);

fn refuse<T>(why: impl Into<String>) -> Result<T, RegistrationError> {
    Err(RegistrationError(why.into()))
}

/// A secret just made, and what is kept of it.
#[derive(Debug)]
pub struct NewSecret {
    /// Told once.
    pub clear: String,
    /// Kept.
    pub kept: Secret,
}

impl NewSecret {
    /// A secret for an app of this method, `None` for methods without one.
    pub fn make(
        client_id: &ClientId,
        method: AuthMethod,
        vault: &Vault,
        random: &mut dyn Random,
    ) -> Result<Option<Self>, RegistrationError> {
        let clear = format!("tps_{}", b64::encode(random_bytes::<32>(random)));
        let kept = match method {
            AuthMethod::PrivateKeyJwt
            | AuthMethod::TlsClientAuth
            | AuthMethod::SelfSignedTlsClientAuth
            | AuthMethod::None => return Ok(None),
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => {
                Secret::Hash(vault.secret(client_id, &clear).to_vec())
            }
            AuthMethod::ClientSecretJwt => {
                let owner = client_id.as_str().as_bytes();
                let sealed = vault.seal(Purpose::AppSecret, owner, clear.as_bytes(), random);
                Secret::Sealed(sealed.map_err(|error| RegistrationError(error.to_string()))?)
            }
        };
        Ok(Some(Self { clear, kept }))
    }
}

impl NewApp {
    /// Checks everything and makes the row, with the secret in clear if the method has one.
    pub fn register(
        self,
        vault: &Vault,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<(App, Option<String>), RegistrationError> {
        let client_id = match &self.client_id {
            Some(id) => ClientId::try_from(id.clone()).map_err(|e| RegistrationError(e.into()))?,
            None => ClientId::new(&b64::encode(random_bytes::<12>(random)))
                .ok_or(RegistrationError("no client_id".into()))?,
        };
        let secret = NewSecret::make(&client_id, self.auth_method, vault, random)?;
        let (kept, clear) = secret.map_or((None, None), |new| (Some(new.kept), Some(new.clear)));
        let app = App {
            client_name: checked_name(&self.client_name)?,
            developer: checked_developer(self.developer, &client_id)?,
            auth_method: self.auth_method,
            jwks: checked_jwks(self.jwks, self.auth_method)?,
            secret: kept,
            scope: checked_scope(&self.scope)?,
            dpop: self.dpop,
            tls_client_auth: checked_certificate(self.tls_client_auth, self.auth_method)?,
            certificate_bound: checked_bound(self.certificate_bound, self.dpop)?,
            redirect_uris: self
                .redirect_uris
                .iter()
                .map(|uri| checked_redirect_uri(uri))
                .collect::<Result<_, _>>()?,
            serves: crate::grant::Resources::within(&self.serves, &[])
                .map_err(|error| RegistrationError(error.description))?
                .0,
            android_package: checked_dotted(self.android_package, "android_package", b'_')?,
            android_cert_sha256: self
                .android_cert_sha256
                .iter()
                .map(|digest| checked_digest(digest))
                .collect::<Result<_, _>>()?,
            apple_app_id: checked_dotted(self.apple_app_id, "apple_app_id", b'-')?,
            created_at: now,
            updated_at: now,
            client_id,
        };
        Ok((app, clear))
    }
}

/// The name stands in every text, beside 45 characters of code and the words of the phrase.
fn checked_name(name: &str) -> Result<String, RegistrationError> {
    let name = name.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return refuse("the name must not be empty or hold control characters");
    }
    let fits = septets(name).map_or(name.encode_utf16().count() <= 11, |n| n <= 40);
    if !fits {
        return refuse("the name must fit a text: 40 GSM characters, or 11 of others");
    }
    Ok(name.to_owned())
}

fn checked_developer(
    developer: Option<String>,
    client_id: &ClientId,
) -> Result<String, RegistrationError> {
    let developer = developer.unwrap_or_else(|| client_id.to_string());
    if developer.is_empty() || developer.len() > 128 || developer.chars().any(char::is_control) {
        return refuse("the developer must have 1 to 128 characters");
    }
    Ok(developer)
}

fn checked_jwks(
    jwks: Option<JwkSet>,
    method: AuthMethod,
) -> Result<Option<JwkSet>, RegistrationError> {
    use AuthMethod::{PrivateKeyJwt, SelfSignedTlsClientAuth};
    match (&jwks, method) {
        (None, PrivateKeyJwt) => refuse("private_key_jwt needs a JWK set"),
        (None, SelfSignedTlsClientAuth) => {
            refuse("self_signed_tls_client_auth needs a JWK set with the certificate's key")
        }
        (Some(set), PrivateKeyJwt | SelfSignedTlsClientAuth) => {
            let usable = set.keys.iter().filter_map(VerifyingKey::new).count();
            if usable == 0 || usable != set.keys.len() || usable > 16 {
                return refuse(
                    "the JWK set must hold 1 to 16 public keys for ES256, EdDSA or PS256",
                );
            }
            let mut kids: Vec<_> = set.keys.iter().filter_map(|key| key.kid.as_deref()).collect();
            kids.sort_unstable();
            kids.dedup();
            if usable > KEYS_TRIED && kids.len() != usable {
                return refuse(format!(
                    "a JWK set of more than {KEYS_TRIED} keys needs a kid of its own for each"
                ));
            }
            Ok(jwks)
        }
        (Some(_), _) => {
            refuse("a JWK set goes with private_key_jwt or self_signed_tls_client_auth only")
        }
        (None, _) => Ok(None),
    }
}

fn checked_certificate(
    name: Option<CertificateName>,
    method: AuthMethod,
) -> Result<Option<CertificateName>, RegistrationError> {
    match (name, method == AuthMethod::TlsClientAuth) {
        (None, true) => refuse(
            "tls_client_auth needs what the certificate names: a subject_dn, or a san_dns, san_uri, \
             san_ip or san_email",
        ),
        (Some(_), false) => refuse("what a certificate names goes with tls_client_auth only"),
        (None, false) => Ok(None),
        (Some(name), true) => match checked_certificate_name(name) {
            Ok(name) => Ok(Some(name)),
            Err(why) => refuse(why),
        },
    }
}

fn checked_bound(certificate_bound: bool, dpop: bool) -> Result<bool, RegistrationError> {
    if certificate_bound && dpop {
        return refuse("tokens are bound to a key (dpop) or to a certificate, not to both");
    }
    Ok(certificate_bound)
}

fn checked_scope(scope: &str) -> Result<Vec<String>, RegistrationError> {
    let scope = crate::grant::Scope::parse(scope);
    scope.map(|scope| scope.tokens().to_vec()).map_err(|error| RegistrationError(error.description))
}

/// RFC 9700 2.1: compared as strings, so they must be whole and without a fragment.
fn checked_redirect_uri(uri: &str) -> Result<String, RegistrationError> {
    let scheme = uri.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let runs_script = ["javascript", "data", "vbscript"].contains(&scheme.as_str());
    if !absolute(uri) || uri.len() > 512 || runs_script {
        return refuse(format!("redirect_uri {uri:?} must be an absolute URI without a fragment"));
    }
    Ok(uri.to_owned())
}

/// Package names and bundle ids: words of letters, digits and `joiner` between dots.
fn checked_dotted(
    id: Option<String>,
    what: &str,
    joiner: u8,
) -> Result<Option<String>, RegistrationError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == joiner;
    let right = |id: &String| {
        let words = || id.split('.');
        id.len() <= 255
            && words().count() > 1
            && words().all(|word| !word.is_empty() && word.bytes().all(allowed))
    };
    if id.as_ref().is_some_and(|id| !right(id)) {
        return refuse(format!("{what} must be names of letters and digits, joined by dots"));
    }
    Ok(id)
}

fn checked_digest(digest: &str) -> Result<String, RegistrationError> {
    let hex: String = digest.chars().filter(|c| *c != ':').collect::<String>().to_lowercase();
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return refuse("a certificate digest is 32 bytes in hex");
    }
    Ok(hex)
}

/// An app as JSON (RFC 7591 3.2.1), with the secret if it is to be told.
pub fn client_metadata(app: &App, secret: Option<&str>) -> Value {
    let mut json = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() && value != json!([]) {
            json.insert(name.to_owned(), value);
        }
    };
    put("client_id", json!(app.client_id));
    put("client_id_issued_at", json!(app.created_at.seconds()));
    if let Some(secret) = secret {
        put("client_secret", json!(secret));
        put("client_secret_expires_at", json!(0));
    }
    put("client_name", json!(app.client_name));
    put("token_endpoint_auth_method", json!(app.auth_method));
    put("jwks", json!(app.jwks));
    put("scope", json!(app.scope.join(" ")));
    put("dpop_bound_access_tokens", json!(app.dpop));
    put("tls_client_certificate_bound_access_tokens", json!(app.certificate_bound));
    if let Ok(Value::Object(name)) = serde_json::to_value(&app.tls_client_auth) {
        name.into_iter().for_each(|(member, value)| put(&member, value));
    }
    put("redirect_uris", json!(app.redirect_uris));
    put("serves", json!(app.serves));
    put("developer", json!(app.developer));
    put("android_package", json!(app.android_package));
    put("android_cert_sha256", json!(app.android_cert_sha256));
    put("apple_app_id", json!(app.apple_app_id));
    Value::Object(json)
}

/// Puts an app: a new one, or another version of one that is there.
#[derive(Clone, Debug)]
pub struct PutApp {
    /// The whole row.
    pub app: App,
    /// `true` to register: it must not exist; `false` to update: it must.
    pub new: bool,
}

/// What became of a [`PutApp`] or [`DeleteApp`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PutOutcome {
    /// Done.
    Done,
    /// Its `client_id` is taken.
    Exists,
    /// There is no such app.
    Unknown,
}

impl Operation for PutApp {
    type Outcome = PutOutcome;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::App(self.app.client_id.clone()));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.app(&self.app.client_id)?;
        let kind = match (self.new, known) {
            (true, Some(_)) => return Ok(Step::Done(Vec::new(), PutOutcome::Exists)),
            (false, None) => return Ok(Step::Done(Vec::new(), PutOutcome::Unknown)),
            (true, None) => "app.registered",
            (false, Some(_)) => "app.updated",
        };
        let event = AuditEvent {
            client_id: Some(self.app.client_id.clone()),
            ..AuditEvent::new(cx.now, kind)
        };
        let writes = vec![Write::App(Box::new(self.app.clone())), Write::Audit(event)];
        Ok(Step::Done(writes, PutOutcome::Done))
    }
}

/// Deletes an app. Its grants can no longer be used.
#[derive(Clone, Debug)]
pub struct DeleteApp(pub ClientId);

impl Operation for DeleteApp {
    type Outcome = PutOutcome;

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        if view.app(&self.0)?.is_none() {
            return Ok(Step::Done(Vec::new(), PutOutcome::Unknown));
        }
        let event = AuditEvent {
            client_id: Some(self.0.clone()),
            ..AuditEvent::new(cx.now, "app.deleted")
        };
        let writes = vec![Write::DeleteApp(self.0.clone()), Write::Audit(event)];
        Ok(Step::Done(writes, PutOutcome::Done))
    }
}

#[cfg(test)]
mod tests;
