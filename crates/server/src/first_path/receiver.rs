//! The first-message receiver: one text of a route, read and recorded.

use std::sync::Arc;
use std::time::Instant;

use twinpath_core::first_message::{RevocationText, Route};
use twinpath_core::grant::{RevokeByText, RevokedByText};
use twinpath_core::join::{RecordText, Recorded, VoidedGrants};
use twinpath_core::number::Sender;
use twinpath_core::quarantine::PutAside;
use twinpath_store::StoreError;

use crate::platform::{Platform, SystemRandom, now};

/// What became of the texts of each route.
pub const METRIC: &str = "twinpath_texts_total";

/// How long it took from a text's arrival to what it may be acknowledged for.
const TIMING: &str = "twinpath_text_seconds";

/// A text as its network or provider handed it over.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Its source address.
    pub sender: Sender<'a>,
    /// What it says, whole.
    pub text: &'a str,
    /// What its provider calls this delivery, the same when it repeats it.
    pub id: Option<&'a str>,
}

/// The first-message receiver of one route.
#[derive(Clone, Debug)]
pub struct Receiver {
    platform: Arc<Platform>,
    route: Route,
}

impl Receiver {
    /// The receiver of `route`.
    pub fn new(platform: &Arc<Platform>, route: &Route) -> Self {
        Self { platform: Arc::clone(platform), route: route.clone() }
    }

    /// The route's name.
    pub fn route(&self) -> &str {
        &self.route.name.0
    }

    /// Counts what became of a text of this route, in a stable word.
    pub fn count(&self, outcome: &'static str) {
        self.platform.counters.count(METRIC, self.route(), outcome);
    }

    /// Puts what cannot be read into the quarantine; `reason` repeats nothing of it.
    pub async fn put_aside(&self, raw: &[u8], reason: &str) -> Result<(), StoreError> {
        let vault = &self.platform.vault;
        let aside = PutAside::new(vault, &self.route.name, (raw, reason), &mut SystemRandom)
            .map_err(|error| StoreError::Inconsistent(error.to_string()))?;
        self.platform.run(aside).await
    }

    /// Reads a text and has it recorded: what became of it, in a stable word. By then it is durable,
    /// or refused by rule. An error leaves nothing recorded.
    pub async fn receive(&self, arrival: Arrival<'_>) -> Result<&'static str, StoreError> {
        let begun = Instant::now();
        let outcome = self.decide(arrival).await;
        self.platform.timings.observe(TIMING, self.route(), begun.elapsed());
        outcome
    }

    async fn decide(&self, arrival: Arrival<'_>) -> Result<&'static str, StoreError> {
        if let Some(text) = self.route.revocation(arrival.sender, arrival.text) {
            return self.revoke(&text).await;
        }
        let message = match self.route.receive(arrival.sender, arrival.text) {
            Ok(message) => message,
            Err(refusal) => return Ok(refusal.as_str()),
        };
        let platform = &self.platform;
        let per_hour = platform.config.limits.texts_per_number_per_hour;
        if let Some(refusal) =
            platform.text_limits.refusal(&self.route.name, &message.number, now())
        {
            return Ok(refusal);
        }
        let record =
            RecordText::new(&platform.vault, &self.route, &message, per_hour, &mut SystemRandom)
                .map_err(|error| StoreError::Inconsistent(error.to_string()))?;
        let record = if platform.config.terminal.announce_required {
            record.only_announced(&platform.vault)
        } else {
            record
        };
        let record = match arrival.id {
            Some(id) => record.delivered_as(&platform.vault, id),
            None => record,
        };
        let code = record.code();
        let recorded = platform.run(record).await?;
        if recorded == Recorded::New {
            platform.text_limits.count(&self.route.name, &message.number, now());
        }
        if recorded == Recorded::Voided {
            // By now it is durable: what cannot be read is lost convenience.
            match platform.store.read(VoidedGrants::of(code)).await {
                Ok(lost) => platform.tell_of_grants(&lost),
                Err(error) => tracing::warn!(%error, "apps were not told of a voided proof"),
            }
        }
        if matches!(recorded, Recorded::New | Recorded::Voided) {
            platform.waiters.wake(code);
        }
        Ok(recorded.as_str())
    }

    /// Ends the grant that a text names (PROTOCOL 6). There is no reply, whatever comes of it.
    async fn revoke(&self, text: &RevocationText) -> Result<&'static str, StoreError> {
        let platform = &self.platform;
        let terminal = platform.vault.terminal_key(&text.number);
        let per_hour = platform.config.limits.texts_per_number_per_hour;
        let (vault, route) = (&platform.vault, &self.route.name);
        let revoke = RevokeByText::new(vault, terminal, text.digits, route, per_hour);
        let revoked = platform.run(revoke).await?;
        if let RevokedByText::Revoked(lost) = &revoked {
            platform.tell_of_grants(lost);
        }
        Ok(revoked.as_str())
    }
}
