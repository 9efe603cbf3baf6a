//! Looking for a code's text, and waiting for it if the client wants to (PROTOCOL 5).
//!
//! Whoever asks for a code takes turns: one wait for each code over all nodes, a pace that holds at
//! whichever node is asked, and a place that is taken before the first look, so that no text slips in
//! between.

use std::net::IpAddr;
use std::time::Duration;

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use twinpath_core::ids::{ClientId, CodeKey, Timestamp};
use twinpath_wire::oauth::ErrorCode;

use crate::http::Refusal;
use crate::platform::{Busy, Line, Pace, Platform, Waiter, now};

/// The longest wait (PROTOCOL 5).
const MAX_WAIT_S: u64 = 30;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// RFC 7240 4.3: `Prefer: wait=N`, among other preferences. What cannot be read is ignored.
pub(super) fn wanted_wait(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let wait = lines.flat_map(|line| line.split([',', ';'])).find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let wait = name.trim().eq_ignore_ascii_case("wait");
        wait.then(|| value.trim().trim_matches('"').parse::<u64>().ok()).flatten()
    })?;
    (wait > 0).then(|| Duration::from_secs(wait.min(MAX_WAIT_S)))
}

/// A request's turn at a code.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) platform: &'a Platform,
    /// Whose codes are counted, if they are.
    pub(super) source: Option<(IpAddr, &'a ClientId)>,
    pub(super) code: CodeKey,
    /// How long it would wait.
    pub(super) wait: Option<Duration>,
    /// When the request came.
    pub(super) now: Timestamp,
}

/// What a turn brought.
pub(super) struct Turned<'a, T> {
    pub(super) outcome: T,
    turn: Turn<'a>,
    line: Option<Line<'a>>,
    /// Whether it could have waited.
    placed: bool,
}

impl<'a> Turn<'a> {
    /// Takes it: looks `first`, and if that is pending and the client waits, `again` when the text came.
    pub(super) async fn take<T>(
        self,
        first: impl Future<Output = Result<T, Refusal>>,
        again: impl Future<Output = Result<T, Refusal>>,
        pending: fn(&T) -> bool,
    ) -> Result<Turned<'a, T>, Refusal> {
        let Self { platform, source, code, wait, .. } = self;
        // The place is taken before the first look, so that no text slips between look and wait.
        let place = wait.map(|wait| platform.waiters.wait_for(code, after(now(), wait)));
        let taken = matches!(place, Some(Err(Busy::Taken)));
        let place = place.and_then(Result::ok);
        let mut outcome = first.await?;
        let mut line = None;
        if pending(&outcome) {
            if taken {
                return Err(already_waiting(platform, code));
            }
            // No text slips in here either: one that another node recorded meanwhile wakes the place.
            let here = platform.line(code, place.as_ref().map(Waiter::until)).await;
            if here.taken {
                return Err(already_waiting(platform, code));
            }
            if let Some(source) = source {
                platform.pending.asked(source, code, self.now, here.elsewhere);
            }
            line = Some(here);
            if let (Some(wait), Some(place)) = (wait, &place)
                && in_time(platform, code)
                && tokio::time::timeout(wait, place.woken()).await.is_ok()
            {
                outcome = again.await?;
            }
        }
        if !pending(&outcome) {
            if let Some(source) = source {
                platform.pending.ended(source, code);
            }
            platform.polls.forget(code);
            if let Some(line) = line.take() {
                line.over();
            }
        }
        Ok(Turned { outcome, turn: self, line, placed: place.is_some() })
    }
}

impl<T> Turned<'_, T> {
    /// Ends it, with how a look that is still pending is answered. Other nodes hear of it.
    pub(super) fn paced(&mut self) -> Pace {
        let (now, polls) = (now(), &self.turn.platform.polls);
        let pace = polls.judge(self.turn.code, now);
        polls.answered(self.turn.code, pace, now);
        let (Pace::Right(interval) | Pace::TooFast(interval)) = pace;
        if let Some(line) = self.line.take() {
            line.answered(now, interval);
        }
        pace
    }

    /// Says in the answer that the preference was heeded.
    pub(super) fn tell(&self, answer: Result<Response, Refusal>) -> Result<Response, Refusal> {
        let Some(wait) = self.turn.wait.filter(|_| self.placed) else {
            return answer;
        };
        let applied = format!("wait={}", wait.as_secs());
        answer
            .map(|mut response| {
                if let Ok(value) = HeaderValue::from_str(&applied) {
                    response.headers_mut().insert(PREFERENCE_APPLIED, value);
                }
                response
            })
            .map_err(|refusal| refusal.header(PREFERENCE_APPLIED, &applied))
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.plus_seconds(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))
}

/// Other nodes hear of the pace when the request that waits is answered.
fn already_waiting(platform: &Platform, code: CodeKey) -> Refusal {
    let interval = platform.polls.slow_down(code, now());
    let mut refusal = Refusal::new(ErrorCode::SlowDown, "another request waits for this code");
    refusal.interval = Some(interval);
    refusal
}

fn in_time(platform: &Platform, code: CodeKey) -> bool {
    matches!(platform.polls.judge(code, now()), Pace::Right(_))
}

/// How a pending look is refused at the token endpoint (PROTOCOL 5, RFC 8628 3.5).
pub(super) fn pending(pace: Pace) -> Refusal {
    let (error, description, interval) = match pace {
        Pace::Right(interval) => {
            (ErrorCode::AuthorizationPending, "the text has not arrived", interval)
        }
        Pace::TooFast(interval) => {
            (ErrorCode::SlowDown, "ask less often: keep to the interval", interval)
        }
    };
    let mut refusal = Refusal::new(error, description);
    refusal.interval = Some(interval);
    refusal
}
