//! A client of one platform: its metadata, its keys, the grant it holds.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use twinpath_wire::{
    jwk::JwkSet,
    metadata::{Metadata, metadata_url},
};

use crate::{
    Error, MemoryStore, TokenStore,
    core::{
        App, Authentication, Context, IdClaims, IdTokenError, InstanceKey, Origins, SigningError,
        Tokens, check_id_token,
    },
    transport,
};

/// How long an API may be silent within an answer; [`ClientConfig::http`] replaces it.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// An app's registration, as this instance needs it.
pub struct ClientConfig {
    client_id: String,
    name: String,
    authentication: Authentication,
    key: Option<Arc<dyn InstanceKey>>,
    store: Arc<dyn TokenStore>,
    http: reqwest::ClientBuilder,
}

impl ClientConfig {
    /// An app by its `client_id` and registered display name; without authentication, without
    /// `DPoP`, with tokens in memory.
    pub fn new(client_id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            name: name.into(),
            authentication: Authentication::None,
            key: None,
            store: Arc::new(MemoryStore::default()),
            http: reqwest::Client::builder().read_timeout(READ_TIMEOUT),
        }
    }

    /// How the app authenticates.
    #[must_use]
    pub fn authentication(self, authentication: Authentication) -> Self {
        Self { authentication, ..self }
    }

    /// The instance's key, for an app registered with `DPoP`, as nearly all are.
    #[must_use]
    pub fn key(self, key: Arc<dyn InstanceKey>) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Where tokens are kept.
    #[must_use]
    pub fn store(self, store: Arc<dyn TokenStore>) -> Self {
        Self { store, ..self }
    }

    /// Proxies, roots of trust and the like. Redirects stay off.
    #[must_use]
    pub fn http(self, http: reqwest::ClientBuilder) -> Self {
        Self { http, ..self }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// A client of one platform, holding at most one grant. Clones share it.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) app: Arc<App>,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) http: reqwest::Client,
    /// Held over a whole refresh, so there is one at a time.
    pub(crate) refreshing: tokio::sync::Mutex<()>,
    tokens: Mutex<Option<Tokens>>,
    saving: Mutex<()>,
    store: Arc<dyn TokenStore>,
    origins: Mutex<Origins>,
    jwks: tokio::sync::Mutex<Option<JwkSet>>,
    started: Instant,
}

impl Client {
    /// Reads a platform's metadata (RFC 8414 3) and the tokens kept from before.
    pub async fn discover(issuer: &str, config: ClientConfig) -> Result<Self, Error> {
        let issuer_url = transport::secure_url(issuer)?;
        let http = transport::build(config.http, &issuer_url)?;
        let metadata = metadata(&http, issuer).await?;
        let app = App {
            issuer: issuer.to_owned(),
            client_id: config.client_id,
            name: config.name,
            authentication: config.authentication,
            key: config.key,
        };
        let store = Arc::clone(&config.store);
        let tokens = blocking(move || store.load()).await?;
        let inner = Inner {
            app: Arc::new(app),
            metadata: Arc::new(metadata),
            http,
            refreshing: tokio::sync::Mutex::default(),
            tokens: Mutex::new(tokens),
            saving: Mutex::default(),
            store: config.store,
            origins: Mutex::default(),
            jwks: tokio::sync::Mutex::default(),
            started: Instant::now(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the platform says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.inner.metadata
    }

    /// The tokens held now.
    pub fn tokens(&self) -> Option<Tokens> {
        lock(&self.inner.tokens).clone()
    }

    /// Whether there is a grant that calls can be made with. The platform may have ended it since.
    pub fn signed_in(&self) -> bool {
        let live = |held: &Tokens| held.refresh_token.is_some() || held.live_at(unix_now(), 0);
        lock(&self.inner.tokens).as_ref().is_some_and(live)
    }

    /// The claims of the ID token held, checked again; `None` without one.
    pub async fn id_claims(&self) -> Result<Option<IdClaims>, Error> {
        match self.tokens().and_then(|tokens| tokens.id_token) {
            Some(id_token) => self.check_id_token(&id_token).await.map(Some),
            None => Ok(None),
        }
    }

    /// Checks an ID token against the platform's keys, read anew once if none fits.
    pub(crate) async fn check_id_token(&self, id_token: &str) -> Result<IdClaims, Error> {
        let inner = &*self.inner;
        let jwks_uri = inner.metadata.jwks_uri.as_deref();
        let jwks_uri = jwks_uri.ok_or(Error::Unsupported("ID tokens without jwks_uri"))?;
        let now =
            unix_now().saturating_add(lock(&inner.origins).skew(&inner.metadata.token_endpoint));
        let check = |keys: &JwkSet| {
            check_id_token(id_token, keys, &inner.app.issuer, &inner.app.client_id, now)
        };
        let mut jwks = inner.jwks.lock().await;
        if let Some(keys) = &*jwks {
            match check(keys) {
                Err(IdTokenError::Signature) => {}
                checked => return Ok(checked?),
            }
        }
        let body = transport::document(&inner.http, jwks_uri).await.map_err(Error::Unreachable)?;
        let keys = serde_json::from_slice(&body);
        let keys = keys.map_err(|_| Error::Malformed("jwks_uri holds no JWK Set"))?;
        Ok(check(jwks.insert(keys))?)
    }

    /// Puts tokens in place, first in memory and then in the store, so that a store that fails does
    /// not lose a rotated refresh token.
    pub(crate) async fn keep(&self, tokens: Option<Tokens>) -> Result<(), Error> {
        *lock(&self.inner.tokens) = tokens;
        let inner = Arc::clone(&self.inner);
        let save_newest = move || {
            // One save at a time, each of what is newest by then: a save goes on when the call that
            // began it is cancelled, and must not overtake the next.
            let _one_at_a_time = lock(&inner.saving);
            let tokens = lock(&inner.tokens).clone();
            inner.store.save(tokens.as_ref())
        };
        Ok(blocking(save_newest).await?)
    }

    /// Runs one event of a state machine.
    pub(crate) fn event<T>(&self, event: impl FnOnce(&mut Context<'_>) -> T) -> Result<T, Error> {
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| SigningError("no randomness".to_owned()))?;
        let mut origins = lock(&self.inner.origins);
        let uptime = self.inner.started.elapsed();
        Ok(event(&mut Context { now: unix_now(), uptime, random, origins: &mut origins }))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("app", &self.inner.app).finish_non_exhaustive()
    }
}

/// The metadata, after the checks of RFC 8414 3.3 and that no endpoint gives secrets away.
async fn metadata(http: &reqwest::Client, issuer: &str) -> Result<Metadata, Error> {
    let failed = |reason: String| Error::Discovery { issuer: issuer.to_owned(), reason };
    let url = metadata_url(issuer).ok_or_else(|| Error::InsecureUrl(issuer.to_owned()))?;
    let body = transport::document(http, &url).await.map_err(failed)?;
    let metadata: Metadata =
        serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))?;
    if metadata.issuer != issuer {
        let expected = issuer.to_owned();
        return Err(Error::IssuerMismatch { expected, found: metadata.issuer });
    }
    let optional = [&metadata.jwks_uri, &metadata.revocation_endpoint];
    let endpoints = optional.into_iter().flatten().chain([&metadata.token_endpoint]);
    for endpoint in endpoints {
        transport::secure_url(endpoint)?;
    }
    Ok(metadata)
}

/// Runs a store's operation off the async threads.
async fn blocking<T: Send + 'static>(
    operation: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(operation).await.map_err(io::Error::other)?
}

pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The data behind these locks is whole after every statement, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
