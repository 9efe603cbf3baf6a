//! Certificates that sign AWS SNS's messages, fetched from where the provider keeps them. The gateway
//! crate has held their URLs against its hosts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The largest certificate, in bytes.
const MAX_CERTIFICATE: usize = 16 * 1024;
/// Certificates kept, and for how long.
const KEPT: usize = 16;
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// How long a URL that gave none is left alone: it stands in a call that has shown nothing yet.
const NONE_FOR: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(5);

/// What cannot be fetched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreachable;

/// Certificates by their URL.
#[derive(Debug)]
pub struct Certificates {
    client: reqwest::Client,
    kept: Mutex<HashMap<String, Kept>>,
    /// Held while one is fetched: those who want the same fetch it once, and those who name URLs of
    /// their own wait for each other, not those whose certificate is known.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Kept {
    until: Instant,
    /// `None`: there was none.
    pem: Option<Arc<Vec<u8>>>,
}

impl Certificates {
    /// None yet.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { client, kept: Mutex::default(), fetching: tokio::sync::Mutex::default() })
    }

    /// The PEM file at a URL.
    pub async fn get(&self, url: &str) -> Result<Arc<Vec<u8>>, Unreachable> {
        if let Some(kept) = self.kept(url) {
            return kept.pem.ok_or(Unreachable);
        }
        let _turn = self.fetching.lock().await;
        if let Some(kept) = self.kept(url) {
            return kept.pem.ok_or(Unreachable);
        }
        let pem = self.visit(url).await.ok().map(Arc::new);
        self.keep(url, pem.clone());
        pem.ok_or(Unreachable)
    }

    fn kept(&self, url: &str) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(url).filter(|kept| Instant::now() < kept.until).cloned()
    }

    /// Where there is no room, what ends first goes: URLs that gave nothing before certificates.
    fn keep(&self, url: &str, pem: Option<Arc<Vec<u8>>>) {
        let now = Instant::now();
        let until = now + if pem.is_some() { KEPT_FOR } else { NONE_FOR };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, kept| now < kept.until);
        if kept.len() >= KEPT {
            let first = kept.iter().min_by_key(|(_, kept)| kept.until);
            if let Some(first) = first.map(|(url, _)| url.clone()) {
                kept.remove(&first);
            }
        }
        kept.insert(url.to_owned(), Kept { until, pem });
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

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "https://sns.a.invalid/good.pem";

    #[tokio::test]
    async fn urls_that_give_nothing_hold_up_nobody_and_push_nothing_out() {
        let certificates = Certificates::new().unwrap();
        certificates.keep(GOOD, Some(Arc::new(b"pem".to_vec())));
        for other in 0..2 * KEPT {
            certificates.keep(&format!("https://sns.a.invalid/{other}.pem"), None);
        }
        assert_eq!(certificates.kept.lock().unwrap().len(), KEPT);
        // As if a fetch hung: what is known, and what is known to be none, does not wait for it.
        let _turn = certificates.fetching.lock().await;
        assert_eq!(*certificates.get(GOOD).await.unwrap(), b"pem");
        let last = format!("https://sns.a.invalid/{}.pem", 2 * KEPT - 1);
        assert_eq!(certificates.get(&last).await, Err(Unreachable));
    }
}
