//! Refreshing and revoking a grant (RFC 6749 6, RFC 7009).

use std::{fmt, sync::Arc, time::Duration};

use twinpath_wire::{
    metadata::Metadata,
    oauth::{ErrorCode, GRANT_REFRESH_TOKEN},
};

use super::{
    Answer, App, Context, Step, Tokens,
    exchange::{Exchange, Verdict},
};
use crate::Error;

/// How long a refresh or a revocation is tried: an app's user waits for it.
const PATIENCE: Duration = Duration::from_secs(40);

/// One refresh. A lost response is asked for again with the same refresh token: the platform
/// re-issues a successor that was never used (PROTOCOL 9).
pub struct Refresh {
    exchange: Exchange,
    old: Tokens,
    /// The refresh token of `old`, spent by this.
    spent: String,
}

impl Refresh {
    /// Asks for new tokens in place of `old`.
    pub fn begin(
        app: Arc<App>,
        metadata: &Metadata,
        old: Tokens,
        cx: &Context<'_>,
    ) -> Result<(Self, Step), Error> {
        let spent = old.refresh_token.clone().ok_or(Error::SignedOut)?;
        let exchange = Exchange::new(app, metadata.token_endpoint.clone(), PATIENCE);
        let mut machine = Self { exchange, old, spent };
        let step = machine.request(cx);
        Ok((machine, step))
    }

    /// The pause is over.
    pub fn waited(&mut self, cx: &Context<'_>) -> Step {
        self.request(cx)
    }

    /// No answer came.
    pub fn lost(&mut self, reason: String, cx: &Context<'_>) -> Step {
        let verdict = self.exchange.lost(reason, cx);
        self.follow(verdict, cx)
    }

    /// An answer came.
    pub fn answered(&mut self, answer: &Answer, cx: &mut Context<'_>) -> Step {
        match self.exchange.judge(answer, cx) {
            Verdict::Accepted => match self.exchange.tokens(answer, cx) {
                Ok(tokens) => Step::Done(Some(Box::new(tokens.succeed(&self.old)))),
                Err(verdict) => self.follow(verdict, cx),
            },
            verdict => self.follow(verdict, cx),
        }
    }

    fn follow(&mut self, verdict: Verdict, cx: &Context<'_>) -> Step {
        match verdict {
            Verdict::Refused(body) if body.code() == Some(ErrorCode::InvalidGrant) => {
                Step::Failed(Error::SignedOut)
            }
            Verdict::Again => self.request(cx),
            other => end(other),
        }
    }

    fn request(&mut self, cx: &Context<'_>) -> Step {
        let form = vec![
            ("grant_type", GRANT_REFRESH_TOKEN.to_owned()),
            ("refresh_token", self.spent.clone()),
        ];
        self.exchange.request(form, None, cx).map_or_else(Step::Failed, Step::Request)
    }
}

/// One revocation of a grant, by its refresh token or else its access token (RFC 7009 2.1).
pub struct Revocation {
    exchange: Exchange,
    tokens: Tokens,
}

impl Revocation {
    /// Asks the platform to end the grant.
    pub fn begin(
        app: Arc<App>,
        metadata: &Metadata,
        tokens: Tokens,
        cx: &Context<'_>,
    ) -> Result<(Self, Step), Error> {
        let endpoint = metadata.revocation_endpoint.clone();
        let endpoint = endpoint.ok_or(Error::Unsupported("revocation (RFC 7009)"))?;
        let mut machine = Self { exchange: Exchange::new(app, endpoint, PATIENCE), tokens };
        let step = machine.request(cx);
        Ok((machine, step))
    }

    /// The pause is over.
    pub fn waited(&mut self, cx: &Context<'_>) -> Step {
        self.request(cx)
    }

    /// No answer came. Revoking twice does no harm.
    pub fn lost(&mut self, reason: String, cx: &Context<'_>) -> Step {
        end(self.exchange.lost(reason, cx))
    }

    /// An answer came.
    pub fn answered(&mut self, answer: &Answer, cx: &mut Context<'_>) -> Step {
        match self.exchange.judge(answer, cx) {
            Verdict::Accepted => Step::Done(None),
            Verdict::Again => self.request(cx),
            other => end(other),
        }
    }

    fn request(&mut self, cx: &Context<'_>) -> Step {
        let (token, hint) = match &self.tokens.refresh_token {
            Some(refresh_token) => (refresh_token, "refresh_token"),
            None => (&self.tokens.access_token, "access_token"),
        };
        let form = vec![("token", token.clone()), ("token_type_hint", hint.to_owned())];
        self.exchange.request(form, None, cx).map_or_else(Step::Failed, Step::Request)
    }
}

/// The step of a verdict that needs no further request.
fn end(verdict: Verdict) -> Step {
    match verdict {
        Verdict::Wait(pause) => Step::WaitFor(pause),
        Verdict::Refused(body) => Step::Failed(Error::Refused(body)),
        Verdict::GiveUp(error) => Step::Failed(error),
        Verdict::Accepted | Verdict::Again => Step::Failed(Error::Malformed("an empty answer")),
    }
}

impl fmt::Debug for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh").field("app", &self.exchange.app).finish_non_exhaustive()
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation").field("app", &self.exchange.app).finish_non_exhaustive()
    }
}
