//! Whom phones' evidence must come from: roots and revocations, replaced while the server runs.
//!
//! Files are read again at an interval; a status list with a URL is fetched at the same interval, with the
//! validators of the one before (RFC 9110 13.1), and kept in its file for the next start. What cannot be
//! read or fetched leaves what is known in force: a broken download never revokes less than the one before.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;
use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use twinpath_attestation::android::{Revocations, Roots, limits};
use twinpath_attestation::apple;
use twinpath_core::attester::Trust;

use crate::config::Attestation;
use crate::http::Shutdown;

const FETCH_TIME: Duration = Duration::from_secs(30);
/// No list of roots comes near this, in bytes.
const MAX_ROOTS: u64 = 1024 * 1024;

/// A file or an address does not give what it should.
#[derive(Debug, thiserror::Error)]
#[error("{0}: {1}")]
pub struct TrustError(String, String);

/// The trust of this moment.
#[derive(Debug)]
pub struct AttestationTrust {
    config: Attestation,
    now: RwLock<Arc<Trust>>,
    client: reqwest::Client,
}

/// What a list that was fetched says of its version.
#[derive(Clone, Debug, Default)]
struct Validators {
    etag: Option<String>,
    modified: Option<String>,
}

impl AttestationTrust {
    /// Reads the files; an error names the one that cannot be used. A status list that was never fetched
    /// is empty until it is.
    pub fn open(config: &Attestation) -> Result<Self, TrustError> {
        let client = reqwest::Client::builder()
            .timeout(FETCH_TIME)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("twinpath")
            .build();
        let client = client.map_err(|error| TrustError("HTTP".to_owned(), error.to_string()))?;
        let mut trust = Trust {
            android_expired_factory_keys: config.android_expired_factory_keys,
            ..Trust::published()
        };
        read(config, &mut trust, true)?;
        Ok(Self { config: config.clone(), now: RwLock::new(Arc::new(trust)), client })
    }

    /// What is in force.
    pub fn now(&self) -> Arc<Trust> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, trust: Trust) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(trust);
    }

    /// Keeps it up to date until the server stops, and calls `again` as often.
    pub async fn keep(&self, shutdown: Shutdown, again: impl Fn()) {
        let mut validators = Validators::default();
        loop {
            self.refresh(&mut validators).await;
            again();
            tokio::select! {
                () = tokio::time::sleep(self.config.refresh) => {}
                () = shutdown.begun() => return,
            }
        }
    }

    async fn refresh(&self, validators: &mut Validators) {
        let present = self.now();
        let mut trust = Trust {
            android_roots: present.android_roots.clone(),
            android_expired_factory_keys: present.android_expired_factory_keys,
            android_revocations: present.android_revocations.clone(),
            apple_roots: present.apple_roots.clone(),
        };
        if let Err(error) = read(&self.config, &mut trust, false) {
            tracing::error!(%error, "attestation data could not be read: what is known stays");
        }
        if let Some(url) = &self.config.android_revocations_url {
            match self.fetch(url, validators).await {
                Ok(Some(list)) => {
                    tracing::info!(entries = list.len(), "the attestation status list was fetched");
                    trust.android_revocations = list;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "the attestation status list could not be fetched: the \
                        one before stays");
                }
            }
        }
        self.replace(trust);
    }

    /// The list, if it is another one than before.
    async fn fetch(
        &self,
        url: &str,
        validators: &mut Validators,
    ) -> Result<Option<Revocations>, TrustError> {
        let failed = |why: String| TrustError(url.to_owned(), why);
        let mut request = self.client.get(url).timeout(FETCH_TIME);
        if let Some(etag) = &validators.etag {
            request = request.header(IF_NONE_MATCH, etag);
        } else if let Some(modified) = &validators.modified {
            request = request.header(IF_MODIFIED_SINCE, modified);
        }
        let mut response =
            request.send().await.map_err(|error| failed(error.without_url().to_string()))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Ok(None),
            status => return Err(failed(format!("answered {status}"))),
        }
        let said = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let fetched = Validators { etag: said(ETAG), modified: said(LAST_MODIFIED) };
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| failed(error.without_url().to_string()))?
        {
            if body.len() + chunk.len() > limits::REVOCATION_BYTES {
                return Err(failed(format!("larger than {} bytes", limits::REVOCATION_BYTES)));
            }
            body.extend_from_slice(&chunk);
        }
        let list = Revocations::parse(&body).map_err(|error| failed(error.to_string()))?;
        if let Some(path) = &self.config.android_revocations_file
            && let Err(error) = keep(path, &body)
        {
            tracing::error!(path = %path.display(), %error, "the status list could not be kept");
        }
        *validators = fetched;
        Ok(Some(list))
    }
}

/// Lays the configured files over `trust`. Each that cannot be used is left out; the last of them is told.
fn read(config: &Attestation, trust: &mut Trust, first: bool) -> Result<(), TrustError> {
    let mut told = Ok(());
    let mut tell = |result: Result<(), TrustError>| {
        if let Err(error) = result {
            told = Err(error);
        }
    };
    if let Some(path) = &config.android_roots_file {
        let roots = text(path, MAX_ROOTS).and_then(|text| {
            Roots::parse(&text).map_err(|error| unusable(path, &error.to_string()))
        });
        tell(roots.map(|roots| trust.android_roots = roots));
    }
    if let Some(path) = &config.apple_roots_file {
        let roots = text(path, MAX_ROOTS).and_then(|text| {
            apple::Roots::from_pem(&text).map_err(|error| unusable(path, &error.to_string()))
        });
        tell(roots.map(|roots| trust.apple_roots = roots));
    }
    if let Some(path) = &config.android_revocations_file {
        // The server writes it itself where there is a URL: later it only says what is known.
        let fetched = config.android_revocations_url.is_some();
        if !fetched || (first && path.exists()) {
            let max = u64::try_from(limits::REVOCATION_BYTES).unwrap_or(u64::MAX);
            let list = text(path, max).and_then(|text| {
                Revocations::parse(text.as_bytes())
                    .map_err(|error| unusable(path, &error.to_string()))
            });
            tell(list.map(|list| trust.android_revocations = list));
        }
    }
    told
}

pub(super) fn text(path: &Path, max: u64) -> Result<String, TrustError> {
    let size = std::fs::metadata(path).map_err(|error| unusable(path, &error.to_string()))?.len();
    if size > max {
        return Err(unusable(path, "is too large"));
    }
    std::fs::read_to_string(path).map_err(|error| unusable(path, &error.to_string()))
}

pub(super) fn unusable(path: &Path, why: &str) -> TrustError {
    TrustError(path.display().to_string(), why.to_owned())
}

/// Whole or not at all: another start may read it at any time.
fn keep(path: &Path, body: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, body)?;
    std::fs::rename(&beside, path)
}
