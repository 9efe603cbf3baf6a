//! Whether the store takes writes, asked at most once a second: the question is a durable write, and
//! anyone may send it.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use twinpath_store::{Store, StoreError};

const KEEP: Duration = Duration::from_secs(1);

/// The last answer.
#[derive(Debug, Default)]
pub struct Readiness {
    answered: Mutex<Option<(Instant, Result<(), StoreError>)>>,
}

impl Readiness {
    /// The store's answer, now or within the last second. Those who ask together ask once.
    pub async fn of(&self, store: &Store) -> Result<(), StoreError> {
        let mut answered = self.answered.lock().await;
        match &*answered {
            Some((at, answer)) if at.elapsed() < KEEP => answer.clone(),
            _ => {
                let answer = store.ping().await;
                *answered = Some((Instant::now(), answer.clone()));
                answer
            }
        }
    }
}
