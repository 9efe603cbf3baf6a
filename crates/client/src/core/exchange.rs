//! One app's conversation with one endpoint of the platform: builds each request with a fresh proof
//! and assertion, and reads what an answer means for the next try.
//!
//! Owns the rules of retrying: nonces (RFC 9449 8), clock differences, pauses (RFC 9110 10.2.3),
//! and the lost response, after which the same question is asked again (PROTOCOL 5).

use std::{sync::Arc, time::Duration};

use twinpath_wire::{
    dpop,
    oauth::{ErrorBody, ErrorCode, TOKEN_TYPE_BEARER, TOKEN_TYPE_DPOP, TokenResponse},
};

use super::{Answer, App, Context, Request, Tokens, http};
use crate::Error;

/// How often in a row a request is repeated at once. Nonce and clock are each learned in one.
const MAX_REPEATS: u32 = 3;

/// Clock differences below this are not worth a correction: servers allow some.
const SKEW_WORTH_IT: i64 = 5;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// What an answer means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// 200: read the body.
    Accepted,
    /// Ask again at once: something was learned.
    Again,
    /// Ask again after a pause.
    Wait(Duration),
    /// The platform's last word on this question, or `authorization_pending` and its like.
    Refused(ErrorBody),
    /// Stop.
    GiveUp(Error),
}

pub(super) struct Exchange {
    pub(super) app: Arc<App>,
    endpoint: String,
    /// When to stop, on the clock that never jumps; set by the first request.
    deadline: Option<Duration>,
    patience: Duration,
    repeats: u32,
    pause: Duration,
    /// What the last request was made with.
    used: super::Peer,
}

impl Exchange {
    pub(super) fn new(app: Arc<App>, endpoint: String, patience: Duration) -> Self {
        let used = super::Peer::default();
        Self { app, endpoint, deadline: None, patience, repeats: 0, pause: FIRST_PAUSE, used }
    }

    /// The request for a form, with authentication and proof made now. `wait` is the long poll
    /// (RFC 7240 4.3).
    pub(super) fn request(
        &mut self,
        mut form: Vec<(&'static str, String)>,
        wait: Option<u64>,
        cx: &Context<'_>,
    ) -> Result<Request, Error> {
        self.deadline.get_or_insert(cx.uptime.saturating_add(self.patience));
        self.used = cx.origins.peer(http::origin(&self.endpoint));
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        self.app.authenticate(&mut form, &mut headers, self.used.skew, cx)?;
        if let Some(proof) = self.app.proof("POST", &self.endpoint, None, cx)? {
            headers.push(("dpop", proof));
        }
        if let Some(seconds) = wait {
            headers.push(("prefer", format!("wait={seconds}")));
        }
        let mut body = form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(form).finish();
        let extra_patience = Duration::from_secs(wait.unwrap_or(0));
        Ok(Request { method: "POST", url: self.endpoint.clone(), headers, body, extra_patience })
    }

    /// Reads an answer.
    pub(super) fn judge(&mut self, answer: &Answer, cx: &mut Context<'_>) -> Verdict {
        let origin = http::origin(&self.endpoint);
        learn_nonce(answer, origin, cx);
        let verdict = match answer.status {
            200 => Verdict::Accepted,
            429 => {
                let pause = answer.retry_after(cx.now).unwrap_or(self.pause).max(FIRST_PAUSE);
                self.wait(pause, Error::Busy(pause), cx)
            }
            500.. => {
                let pause = answer.retry_after(cx.now);
                self.back_off(pause, format!("HTTP status {}", answer.status), cx)
            }
            _ => self.judge_refusal(answer, cx),
        };
        match verdict {
            Verdict::Again if self.repeats >= MAX_REPEATS => {
                self.back_off(None, "it keeps asking for new proofs".into(), cx)
            }
            Verdict::Again => {
                self.repeats += 1;
                Verdict::Again
            }
            Verdict::Wait(_) => verdict,
            other => {
                (self.repeats, self.pause) = (0, FIRST_PAUSE);
                other
            }
        }
    }

    fn judge_refusal(&self, answer: &Answer, cx: &mut Context<'_>) -> Verdict {
        let Ok(body) = serde_json::from_slice::<ErrorBody>(&answer.body) else {
            return Verdict::GiveUp(Error::Malformed("neither tokens nor an error of RFC 6749"));
        };
        let origin = http::origin(&self.endpoint);
        let learned = match body.code() {
            Some(ErrorCode::UseDpopNonce) => cx.origins.peer(origin).nonce != self.used.nonce,
            Some(ErrorCode::InvalidDpopProof) => learn_skew(answer, origin, &self.used, cx),
            Some(ErrorCode::InvalidClient) if self.app.authentication.is_assertion() => {
                learn_skew(answer, origin, &self.used, cx)
            }
            _ => false,
        };
        if learned { Verdict::Again } else { Verdict::Refused(body) }
    }

    /// No answer came, or none that can be read. What the server did is unknown, so the same is
    /// asked again.
    pub(super) fn lost(&mut self, reason: String, cx: &Context<'_>) -> Verdict {
        self.back_off(None, reason, cx)
    }

    fn back_off(&mut self, asked: Option<Duration>, reason: String, cx: &Context<'_>) -> Verdict {
        self.repeats = 0;
        let pause = asked.unwrap_or(self.pause).max(self.pause);
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.wait(pause, Error::Unreachable(reason), cx)
    }

    /// Counts the patience anew: a user was asked and took his time.
    pub(super) fn begin_anew(&mut self, cx: &Context<'_>) {
        self.deadline = Some(cx.uptime.saturating_add(self.patience));
    }

    /// A pause, unless it goes beyond the deadline.
    pub(super) fn wait(&self, pause: Duration, or: Error, cx: &Context<'_>) -> Verdict {
        match self.deadline {
            Some(deadline) if cx.uptime.saturating_add(pause) > deadline => Verdict::GiveUp(or),
            _ => Verdict::Wait(pause),
        }
    }

    /// The tokens of a 200. A body that is none came from something in between, so the response
    /// counts as lost.
    pub(super) fn tokens(&mut self, answer: &Answer, cx: &Context<'_>) -> Result<Tokens, Verdict> {
        let Ok(response) = serde_json::from_slice::<TokenResponse>(&answer.body) else {
            return Err(self.lost("the answer holds no tokens".into(), cx));
        };
        let expected = if self.app.key.is_some() { TOKEN_TYPE_DPOP } else { TOKEN_TYPE_BEARER };
        if !response.token_type.eq_ignore_ascii_case(expected) {
            let reason = "the token type is not the registered one (DPoP, or Bearer without a key)";
            return Err(Verdict::GiveUp(Error::Malformed(reason)));
        }
        Ok(Tokens::of(response, cx.now))
    }
}

/// Keeps the nonce that came with an answer (RFC 9449 8.2).
pub(super) fn learn_nonce(answer: &Answer, origin: &str, cx: &mut Context<'_>) {
    if let Some(nonce) = answer.header(dpop::NONCE_HEADER) {
        cx.origins.peer_mut(origin).nonce = Some(nonce.to_owned());
    }
}

/// Takes the server's clock from `Date`; true if that changes the next proof.
pub(super) fn learn_skew(
    answer: &Answer,
    origin: &str,
    used: &super::Peer,
    cx: &mut Context<'_>,
) -> bool {
    let Some(date) = answer.date() else { return false };
    let skew = date.saturating_sub(cx.now);
    let changed = skew.abs_diff(used.skew) > SKEW_WORTH_IT.unsigned_abs();
    if changed {
        cx.origins.peer_mut(origin).skew = skew;
    }
    changed
}
