//! Texts to phones over a provider's API.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use twinpath_core::number::E164;
use twinpath_gateway::outbound::{ApiAttempt, MAX_ANSWER};

use crate::config::OutboundApi;
use crate::outbound::{Attempt, Attempting, OutboundText, TextSender};
use crate::platform::{Platform, Unanswered};

/// How long a provider that has enough is left alone if it does not say.
const PAUSE: Duration = Duration::from_secs(1);

/// A provider's API.
#[derive(Debug)]
pub struct ApiSender {
    /// Its outbox owns this.
    platform: Weak<Platform>,
    api: OutboundApi,
    paused_until: Mutex<Option<Instant>>,
}

impl ApiSender {
    /// Of this API, as it is configured.
    pub fn shared(platform: &Arc<Platform>, api: &OutboundApi) -> Arc<dyn TextSender> {
        let (platform, api) = (Arc::downgrade(platform), api.clone());
        Arc::new(Self { platform, api, paused_until: Mutex::default() })
    }

    async fn ask(&self, text: &OutboundText) -> Attempt {
        let Some(platform) = self.platform.upgrade() else { return Attempt::Temporary("stopped") };
        let request = self.api.api.request(text.to.as_str(), &text.body, &text.reference);
        let Ok(request) = request else { return Attempt::Permanent("not_encodable") };
        let answered = match platform.outgoing.ask(request, MAX_ANSWER).await {
            Ok(answered) => answered,
            Err(Unanswered::NotSent) => return Attempt::Temporary("unreachable"),
            Err(Unanswered::Lost) => return Attempt::Unknown("no_answer"),
        };
        let retry_after = answered.retry_after.as_deref();
        match self.api.api.answer(answered.status, &answered.body, retry_after) {
            ApiAttempt::Accepted { .. } if self.api.api.named_by_reference() => {
                Attempt::Accepted { message_id: Some(text.reference.clone()) }
            }
            ApiAttempt::Accepted { message_id } => Attempt::Accepted { message_id },
            ApiAttempt::Permanent(why) => Attempt::Permanent(why),
            ApiAttempt::Temporary { why, retry_after_s } => {
                self.put_off(why, retry_after_s);
                Attempt::Temporary(why)
            }
        }
    }

    fn put_off(&self, why: &'static str, retry_after_s: Option<u64>) {
        let name = &self.api.name;
        if ["credentials", "sender"].contains(&why) {
            tracing::error!(name, why, "a provider of texts does not take us");
        }
        let pause = match retry_after_s {
            Some(seconds) => Duration::from_secs(seconds),
            None if why == "throttled" => PAUSE,
            None => return,
        };
        let until = Instant::now() + pause;
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

impl TextSender for ApiSender {
    fn name(&self) -> &str {
        &self.api.name
    }

    fn up(&self) -> bool {
        let paused = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        paused.is_none_or(|until| until <= Instant::now())
    }

    fn serves(&self, to: &E164) -> bool {
        self.api.senders.carries(None, Some(to))
    }

    fn send<'a>(&'a self, text: &'a OutboundText) -> Attempting<'a> {
        Box::pin(self.ask(text))
    }
}
