//! Apps that register themselves (RFC 7591 3): what they may say, and the use of the initial access
//! token that lets them.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use twinpath_wire::b64;
use twinpath_wire::oauth::ErrorCode;

use crate::app::checksum::with_checksum;
use crate::app::registration::MAX_LISTED;
use crate::app::{ClientMetadata, InitialToken, RegistrationError, checks};
use crate::grant::Scope;
use crate::ids::Timestamp;
use crate::records::{App, AuditEvent, AuthMethod, GrantType, Registration};
use crate::transaction::{
    Context, Key, Missing, Operation, Random, Rows, Step, Write, random_bytes,
};
use crate::vault::Vault;

/// Why an app cannot be registered as it says (RFC 7591 3.2.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetadataError {
    /// `invalid_redirect_uri` or `invalid_client_metadata`.
    pub code: ErrorCode,
    /// For the developer.
    pub description: String,
}

impl From<RegistrationError> for MetadataError {
    fn from(RegistrationError(description): RegistrationError) -> Self {
        Self { code: ErrorCode::InvalidClientMetadata, description }
    }
}

pub(super) fn refuse<T>(why: impl Into<String>) -> Result<T, MetadataError> {
    Err(RegistrationError(why.into()).into())
}

/// Members that only operators say: an app may repeat what they said.
const OPERATORS: [&str; 13] = [
    "client_id",
    "developer",
    "first_party",
    "serves",
    "may_exchange_for",
    "sector_identifier",
    "authorization_details_types",
    "app_attestation_evidence",
    "android_verified_boot",
    "android_min_os_patch_level",
    "apple_environment",
    "play_integrity_decryption_key",
    "play_integrity_verification_key",
];

/// Members that would change what is registered, were they supported: passing them over would
/// register another app than was meant.
const UNSUPPORTED: [(&str, &str); 2] = [
    ("software_statement", "software statements are not supported"),
    ("jwks_uri", "jwks_uri is not supported: register the public keys themselves, in jwks"),
];

/// How far an app may go.
#[derive(Clone, Copy, Debug)]
pub struct Leave<'a> {
    /// The most it may ask for.
    pub scope: &'a [String],
    /// The grants it may use.
    pub grant_types: &'a [GrantType],
    /// Whether it may do without authentication.
    pub development: bool,
}

impl Leave<'_> {
    /// Reads what an app says of itself. `known` is what operators said of it.
    pub(super) fn read(
        &self,
        said: &Map<String, Value>,
        known: &Map<String, Value>,
    ) -> Result<ClientMetadata, MetadataError> {
        let mut whole = said.clone();
        whole.retain(|_, value| !value.is_null());
        if let Some((_, why)) = UNSUPPORTED.iter().find(|(name, _)| whole.contains_key(*name)) {
            return refuse(*why);
        }
        for name in OPERATORS {
            let said = whole.remove(name).filter(|value| !says_nothing(value));
            match (said, known.get(name)) {
                (Some(said), known) if known != Some(&said) => {
                    return refuse(format!("{name} is not for the app to say"));
                }
                (_, Some(known)) => {
                    whole.insert(name.to_owned(), known.clone());
                }
                _ => {}
            }
        }
        let metadata = serde_json::from_value(Value::Object(whole));
        let metadata: ClientMetadata = metadata.or_else(|error| {
            let why: String = error.to_string().chars().take(200).collect();
            refuse(format!("the client metadata: {why}"))
        })?;
        self.bound(metadata)
    }

    fn bound(&self, said: ClientMetadata) -> Result<ClientMetadata, MetadataError> {
        let redirect_uris = redirect_uris(said.redirect_uris.as_deref())?;
        redirect_uris_of_logout(said.post_logout_redirect_uris.as_deref())?;
        if let Some(uri) = said.backchannel_logout_uri.as_deref().filter(|uri| !uri.is_empty())
            && !checks::public_https(uri)
        {
            return refuse("backchannel_logout_uri must be an https URI at a domain name");
        }
        // RFC 7591 2, unless there are keys to authenticate with.
        let default = match &said.jwks {
            Some(_) => AuthMethod::PrivateKeyJwt,
            None => AuthMethod::ClientSecretBasic,
        };
        let method = said.auth_method.unwrap_or(default);
        if method == AuthMethod::None && !self.development {
            return refuse("token_endpoint_auth_method none is not allowed at this server");
        }
        if method.is_attested() {
            // What must be attested of an app is not for itself to say.
            return refuse("apps that authenticate by attestation are registered by the operator");
        }
        let scope = Scope::within(said.scope.as_deref(), self.scope).or_else(|_| {
            let allowed = self.scope.join(" ");
            refuse(format!("scope is malformed or goes beyond what may be registered: {allowed:?}"))
        })?;
        let grant_types = self.grants(said.grant_types, &redirect_uris)?;
        Ok(ClientMetadata {
            auth_method: Some(method),
            redirect_uris: Some(redirect_uris),
            scope: Some(scope.join()),
            grant_types: Some(grant_types),
            ..said
        })
    }

    fn grants(
        &self,
        said: Option<Vec<GrantType>>,
        redirect_uris: &[String],
    ) -> Result<Vec<GrantType>, MetadataError> {
        let Some(said) = said.filter(|said| !said.is_empty()) else {
            let mut grants = GrantType::of_native_apps();
            if !redirect_uris.is_empty() {
                grants.push(GrantType::AuthorizationCode);
            }
            grants.retain(|grant| self.grant_types.contains(grant));
            if grants.is_empty() {
                return refuse("grant_types is missing");
            }
            return Ok(grants);
        };
        match said.iter().find(|grant| !self.grant_types.contains(grant)) {
            Some(grant) => refuse(format!("grant type {} may not be registered", grant.as_str())),
            None => Ok(said),
        }
    }
}

fn says_nothing(value: &Value) -> bool {
    [json!(null), json!(false), json!([]), json!("")].contains(value)
}

fn redirect_uris(said: Option<&[String]>) -> Result<Vec<String>, MetadataError> {
    let invalid = |RegistrationError(description)| MetadataError {
        code: ErrorCode::InvalidRedirectUri,
        description,
    };
    let said = said.unwrap_or_default();
    if said.len() > MAX_LISTED {
        let why = format!("at most {MAX_LISTED} redirect_uris can be registered");
        return Err(invalid(RegistrationError(why)));
    }
    said.iter().map(|uri| checks::own_redirect_uri(uri).map_err(invalid)).collect()
}

fn redirect_uris_of_logout(said: Option<&[String]>) -> Result<(), MetadataError> {
    for uri in said.unwrap_or_default().iter().take(MAX_LISTED + 1) {
        checks::own_redirect_uri(uri)?;
    }
    Ok(())
}

/// An app as it is told to itself.
#[derive(Clone, Debug)]
pub struct Told {
    /// As registered.
    pub app: App,
    /// Its secret, if one was just made.
    pub secret: Option<String>,
    /// By which it manages its registration (RFC 7592).
    pub access_token: String,
}

impl InitialToken {
    /// The app that registers itself with this token and says this of itself. Nothing is used up or
    /// stored yet: that is [`SelfRegister`]'s.
    pub fn register(
        &self,
        said: &Map<String, Value>,
        development: bool,
        vault: &Vault,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<Told, MetadataError> {
        let leave = Leave { scope: &self.scope, grant_types: &self.grant_types, development };
        let known = Map::from_iter([("developer".to_owned(), json!(self.developer))]);
        let metadata = leave.read(said, &known)?;
        let (mut app, secret) = metadata.register(vault, now, random)?;
        let access_token =
            with_checksum(format!("tpm_{}", b64::encode(random_bytes::<32>(random))));
        app.registration = Some(Registration {
            access_token: vault.secret(&app.client_id, &access_token).to_vec(),
            initial: self.id.clone(),
            scope: self.scope.clone(),
            grant_types: self.grant_types.clone(),
        });
        Ok(Told { app, secret, access_token })
    }
}

/// Uses the initial access token once and registers the app: in steps of their own, so that a crash
/// between them can use up a token for nothing, but never register two apps for one use.
#[derive(Clone, Debug)]
pub struct SelfRegister {
    vault: Arc<Vault>,
    token: Arc<InitialToken>,
    app: Arc<App>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Was the token revoked?
    Revocation,
    /// Uses are taken in order. All before `from` are; `to` is the last that may be the first free one.
    Use { from: u32, to: u32 },
    /// The app's row.
    Put,
}

/// What became of a [`SelfRegister`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SelfRegistered {
    /// The app is registered.
    Done,
    /// The token was used or revoked.
    Unusable,
    /// Its `client_id`, which was made at random, is taken.
    Taken,
}

impl SelfRegister {
    /// Of the app that [`InitialToken::register`] made.
    pub fn new(vault: Arc<Vault>, token: InitialToken, app: App) -> Self {
        let (token, app) = (Arc::new(token), Arc::new(app));
        Self { vault, token, app, stage: Stage::Revocation }
    }

    fn next(&self, writes: Vec<Write>, stage: Stage) -> Step<Self> {
        Step::Next(writes, Self { stage, ..self.clone() })
    }

    fn last_use(&self) -> u32 {
        self.token.uses.saturating_sub(1)
    }

    /// Halves what is left, so that few rows are read.
    fn take_use(&self, view: &Rows, from: u32, to: u32) -> Result<Step<Self>, Missing> {
        if from > self.last_use() {
            return Ok(Step::Done(Vec::new(), SelfRegistered::Unusable));
        }
        let at = u32::midpoint(from, to);
        let row = self.token.use_row(&self.vault, at);
        Ok(match view.jti(row.key)?.is_some() {
            true if at < to => self.next(Vec::new(), Stage::Use { from: at + 1, to }),
            // Others were faster.
            true => self.next(Vec::new(), Stage::Use { from: at + 1, to: self.last_use() }),
            false if from < at => self.next(Vec::new(), Stage::Use { from, to: at }),
            false => self.next(vec![Write::Jti(row)], Stage::Put),
        })
    }

    fn put(&self, view: &Rows, now: Timestamp) -> Result<Step<Self>, Missing> {
        if view.app(&self.app.client_id)?.is_some() {
            return Ok(Step::Done(Vec::new(), SelfRegistered::Taken));
        }
        let event = AuditEvent {
            client_id: Some(self.app.client_id.clone()),
            reason: Some("initial_access_token"),
            ..AuditEvent::new(now, "app.registered")
        };
        let writes = vec![Write::App(Box::new(App::clone(&self.app))), Write::Audit(event)];
        Ok(Step::Done(writes, SelfRegistered::Done))
    }
}

impl Operation for SelfRegister {
    type Outcome = SelfRegistered;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        if let Stage::Revocation = self.stage {
            keys.push(Key::Jti(self.token.revoked_key(&self.vault)));
            keys.push(Key::Jti(self.token.use_row(&self.vault, self.last_use() / 2).key));
            keys.push(Key::App(self.app.client_id.clone()));
        }
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        match self.stage {
            Stage::Revocation => {
                if view.jti(self.token.revoked_key(&self.vault))?.is_some() {
                    return Ok(Step::Done(Vec::new(), SelfRegistered::Unusable));
                }
                Ok(self.next(Vec::new(), Stage::Use { from: 0, to: self.last_use() }))
            }
            Stage::Use { from, to } => self.take_use(view, from, to),
            Stage::Put => self.put(view, cx.now),
        }
    }
}

#[cfg(test)]
mod tests;
