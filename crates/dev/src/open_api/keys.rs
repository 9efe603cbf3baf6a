//! The platform's signing keys: found through its metadata (RFC 8414), cached, and fetched anew when
//! they are old or a token names a key not seen before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use twinpath_core::proof::VerifyingKey;
use twinpath_wire::jwk::JwkSet;
use twinpath_wire::metadata::{Metadata, metadata_url};

/// How long keys are believed: a key that the platform withdrew ends within this time.
const FRESH: Duration = Duration::from_secs(600);
/// Unknown key names, which anybody can make up, cause at most one fetch in this time.
const PAUSE: Duration = Duration::from_secs(5);
/// How long the platform may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest document taken.
const MAX_BODY: usize = 256 * 1024;

/// The platform's keys cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the keys of {issuer} cannot be read: {reason}")]
pub struct KeysError {
    issuer: String,
    reason: String,
}

/// The platform's signing keys.
#[derive(Debug)]
pub struct Keys {
    issuer: String,
    http: reqwest::Client,
    cached: Mutex<Cached>,
}

#[derive(Debug, Default)]
struct Cached {
    keys: Vec<Arc<VerifyingKey>>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
}

impl Keys {
    /// The keys of `issuer`. Nothing is fetched yet.
    pub fn new(issuer: &str) -> Result<Self, KeysError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(|error| KeysError { issuer: issuer.to_owned(), reason: error.to_string() })?;
        Ok(Self { issuer: issuer.to_owned(), http, cached: Mutex::default() })
    }

    /// The key of this name.
    pub async fn find(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, KeysError> {
        // Held over the fetch, so that many callers cause one.
        let mut cached = self.cached.lock().await;
        let known = cached.named(kid);
        let within = |at: Option<Instant>, time| at.is_some_and(|at| at.elapsed() < time);
        if (known.is_some() && within(cached.fetched, FRESH)) || within(cached.tried, PAUSE) {
            return Ok(known);
        }
        match self.fetch().await {
            Ok(keys) => {
                let now = Some(Instant::now());
                *cached = Cached { keys, fetched: now, tried: now };
            }
            // A start before the platform's heals at once; nothing is known that could be used.
            Err(error) if cached.keys.is_empty() => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "going on with the keys read before");
                cached.tried = Some(Instant::now());
            }
        }
        Ok(cached.named(kid))
    }

    async fn fetch(&self) -> Result<Vec<Arc<VerifyingKey>>, KeysError> {
        let url = metadata_url(&self.issuer).ok_or_else(|| self.error("the issuer is no URL"))?;
        let metadata: Metadata = self.read(&url).await?;
        if metadata.issuer != self.issuer {
            return Err(self.error("the metadata is another issuer's"));
        }
        let uri = metadata.jwks_uri.ok_or_else(|| self.error("the metadata has no jwks_uri"))?;
        let set: JwkSet = self.read(&uri).await?;
        Ok(set.keys.iter().filter_map(VerifyingKey::new).map(Arc::new).collect())
    }

    async fn read<T: DeserializeOwned>(&self, url: &str) -> Result<T, KeysError> {
        let failed = |error: reqwest::Error| self.error(&error.to_string());
        let response =
            self.http.get(url).send().await.and_then(reqwest::Response::error_for_status);
        let mut response = response.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                return Err(self.error("a document is too long"));
            }
        }
        serde_json::from_slice(&body).map_err(|error| self.error(&error.to_string()))
    }

    fn error(&self, reason: &str) -> KeysError {
        KeysError { issuer: self.issuer.clone(), reason: reason.to_owned() }
    }
}

impl Cached {
    fn named(&self, kid: &str) -> Option<Arc<VerifyingKey>> {
        self.keys.iter().find(|key| key.kid() == Some(kid)).map(Arc::clone)
    }
}
