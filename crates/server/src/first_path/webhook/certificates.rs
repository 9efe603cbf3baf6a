//! Certificates that sign AWS SNS's messages, fetched from where the provider keeps them. The gateway
//! crate has held their URLs against its hosts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// The largest certificate, in bytes.
const MAX_CERTIFICATE: usize = 16 * 1024;
/// Certificates kept, and for how long.
const KEPT: usize = 16;
const KEPT_FOR: Duration = Duration::from_secs(3600);
const TIMEOUT: Duration = Duration::from_secs(5);

/// What cannot be fetched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreachable;

/// Certificates by their URL.
#[derive(Debug)]
pub struct Certificates {
    client: reqwest::Client,
    /// Held while one is fetched, so that those who want the same fetch it once.
    kept: Mutex<HashMap<String, (Arc<Vec<u8>>, Instant)>>,
}

impl Certificates {
    /// None yet.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { client, kept: Mutex::default() })
    }

    /// The PEM file at a URL.
    pub async fn get(&self, url: &str) -> Result<Arc<Vec<u8>>, Unreachable> {
        let mut kept = self.kept.lock().await;
        if let Some((pem, at)) = kept.get(url)
            && at.elapsed() < KEPT_FOR
        {
            return Ok(Arc::clone(pem));
        }
        let pem = Arc::new(self.visit(url).await?);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(url.to_owned(), (Arc::clone(&pem), Instant::now()));
        Ok(pem)
    }

    /// What is at a URL.
    pub async fn visit(&self, url: &str) -> Result<Vec<u8>, Unreachable> {
        let failed = |error: reqwest::Error| {
            tracing::warn!(%error, "a gateway's own server does not answer");
            Unreachable
        };
        let answer = self.client.get(url).send().await.map_err(failed)?;
        let mut answer = answer.error_for_status().map_err(failed)?;
        let mut octets = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            octets.extend_from_slice(&chunk);
            if octets.len() > MAX_CERTIFICATE {
                return Err(Unreachable);
            }
        }
        Ok(octets)
    }
}
