//! Carries out the steps of the state machines: authorize, refresh, revoke.

use std::sync::Arc;

use crate::{
    Client, Error, TextSender,
    core::{Answer, Authorization, Context, Options, Refresh, Revocation, Step, Tokens},
    transport,
};

/// Seconds before its end from which an access token is not used any more: a call takes time.
pub(crate) const EXPIRY_MARGIN: i64 = 10;

/// What all machines have in common.
trait Machine: Send {
    fn answered(&mut self, answer: &Answer, cx: &mut Context<'_>) -> Step;
    fn lost(&mut self, reason: String, cx: &Context<'_>) -> Step;
    fn waited(&mut self, cx: &Context<'_>) -> Step;
}

macro_rules! machines {
    ($($name:ident),*) => {$(
        impl Machine for $name {
            fn answered(&mut self, answer: &Answer, cx: &mut Context<'_>) -> Step {
                $name::answered(self, answer, cx)
            }
            fn lost(&mut self, reason: String, cx: &Context<'_>) -> Step {
                $name::lost(self, reason, cx)
            }
            fn waited(&mut self, cx: &Context<'_>) -> Step {
                $name::waited(self, cx)
            }
        }
    )*};
}

machines!(Authorization, Refresh, Revocation);

impl Client {
    /// Proves the terminal and gets tokens for this app (PROTOCOL 3, 5): one text by `sender`, then
    /// token requests until there is an answer. The tokens are kept.
    pub async fn authorize(
        &self,
        sender: &impl TextSender,
        options: Options,
    ) -> Result<Tokens, Error> {
        let inner = &self.inner;
        let (app, metadata) = (Arc::clone(&inner.app), Arc::clone(&inner.metadata));
        let (mut machine, mut step) =
            self.event(|cx| Authorization::begin(app, metadata, options, cx))??;
        let tokens = loop {
            step = match self.drive(&mut machine, step).await? {
                Step::SendText(text) => {
                    sender.send(&text).await.map_err(Error::Sender)?;
                    self.event(|cx| machine.text_sent(cx))?
                }
                Step::TextOverdue(text) => {
                    sender.overdue(&text).await;
                    self.event(|cx| machine.reminded(cx))?
                }
                Step::Confirm(confirmation) => {
                    let digits = sender.confirmation_code(&confirmation).await;
                    let digits = digits.map_err(Error::Sender)?;
                    self.event(|cx| machine.confirm(&digits, cx))?
                }
                end => break tokens(end)?,
            }
        };
        self.check_and_keep(tokens).await
    }

    /// Gets new tokens now. Calls do so by themselves when it is time.
    pub async fn refresh(&self) -> Result<Tokens, Error> {
        let stale = self.tokens().ok_or(Error::SignedOut)?;
        self.refresh_from(&stale).await
    }

    /// Ends the grant at the platform (RFC 7009) and forgets its tokens. Without a grant nothing
    /// happens.
    pub async fn revoke(&self) -> Result<(), Error> {
        let _one_at_a_time = self.inner.refreshing.lock().await;
        let Some(tokens) = self.tokens() else { return Ok(()) };
        let (app, metadata) = (Arc::clone(&self.inner.app), &self.inner.metadata);
        let (mut machine, step) =
            self.event(|cx| Revocation::begin(app, metadata, tokens, cx))??;
        match self.drive(&mut machine, step).await? {
            Step::Failed(error) => Err(error),
            _ => self.keep(None).await,
        }
    }

    /// The successor of `stale`: by a refresh, or the one that another call got meanwhile.
    pub(crate) async fn refresh_from(&self, stale: &Tokens) -> Result<Tokens, Error> {
        let _one_at_a_time = self.inner.refreshing.lock().await;
        let current = self.tokens().ok_or(Error::SignedOut)?;
        if current.access_token != stale.access_token {
            return Ok(current);
        }
        let (app, metadata) = (Arc::clone(&self.inner.app), &self.inner.metadata);
        let (mut machine, step) = self.event(|cx| Refresh::begin(app, metadata, current, cx))??;
        match self.drive(&mut machine, step).await? {
            Step::Failed(Error::SignedOut) => {
                self.keep(None).await?;
                Err(Error::SignedOut)
            }
            end => {
                let tokens = tokens(end)?;
                self.keep(Some(tokens.clone())).await?;
                Ok(tokens)
            }
        }
    }

    async fn check_and_keep(&self, tokens: Tokens) -> Result<Tokens, Error> {
        let checked = match &tokens.id_token {
            Some(id_token) => self.check_id_token(id_token).await.map(|_| ()),
            None => Ok(()),
        };
        // A key set that cannot be fetched now says nothing against the grant: it is kept, or the
        // person would have to send another text.
        if checked.is_ok() || matches!(checked, Err(Error::Unreachable(_))) {
            let _no_refresh_meanwhile = self.inner.refreshing.lock().await;
            self.keep(Some(tokens.clone())).await?;
        }
        checked.map(|()| tokens)
    }

    /// Sends and waits until the machine wants something else.
    async fn drive(&self, machine: &mut impl Machine, mut step: Step) -> Result<Step, Error> {
        loop {
            step = match step {
                Step::Request(request) => {
                    match transport::exchange(&self.inner.http, request).await {
                        Ok(answer) => self.event(|cx| machine.answered(&answer, cx))?,
                        Err(reason) => self.event(|cx| machine.lost(reason, cx))?,
                    }
                }
                Step::WaitFor(pause) => {
                    tokio::time::sleep(pause).await;
                    self.event(|cx| machine.waited(cx))?
                }
                other => return Ok(other),
            }
        }
    }
}

fn tokens(end: Step) -> Result<Tokens, Error> {
    match end {
        Step::Done(Some(tokens)) => Ok(*tokens),
        Step::Failed(error) => Err(error),
        _ => Err(Error::Malformed("an answer without tokens")),
    }
}
