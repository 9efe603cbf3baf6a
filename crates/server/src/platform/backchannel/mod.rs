//! Telling apps that a session ended (OIDC Back-Channel Logout 1.0).
//!
//! The session has ended and its grants are revoked, durably, before an app is told: what is lost here,
//! by a crash or by an app that does not answer, is lost convenience, and its tokens are dead all the
//! same. So the queue is in memory, and everything about it is bounded.

mod lanes;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use twinpath_core::ids::{AccountId, ClientId, SessionId};
use twinpath_core::records::Grant;
use twinpath_core::token::{LOGOUT_TOKEN_TYP, LogoutClaims};

use crate::http::Shutdown;
use crate::platform::{Counters, Platform, SystemRandom, now};
use lanes::Lanes;

/// Notices between the requests that made them and the task that sends them, and as many in its lanes.
const QUEUE: usize = 10_000;
/// Calls at the same time.
const CALLS: usize = 32;
/// How long one call may take, from looking up the name to the answer's head.
const CALL_TIME: Duration = Duration::from_secs(5);
/// How long it is waited before another try.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
/// How long a stop waits for what is under way and what waits.
const DRAIN_TIME: Duration = Duration::from_secs(5);

const METRIC: &str = "twinpath_backchannel_logouts_total";

/// An app is to be told.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Notice {
    /// The app.
    pub client_id: ClientId,
    /// Whose session it was.
    pub account: AccountId,
    /// The session; `None` for all of the account's.
    pub session: Option<SessionId>,
}

impl Notice {
    /// Of the session in which a grant was approved.
    pub(super) fn of(grant: &Grant) -> Self {
        let (account, session) = (grant.account, grant.session());
        Self { client_id: grant.client_id.clone(), account, session }
    }
}

/// The way to apps.
#[derive(Debug)]
pub struct Backchannel {
    client: reqwest::Client,
    /// Whether the issuer is on this machine, and its apps may be, too.
    local: bool,
    queue: mpsc::Sender<Notice>,
    notices: Mutex<Option<mpsc::Receiver<Notice>>>,
}

impl Backchannel {
    /// For a platform of this issuer.
    pub fn new(issuer: &str) -> Result<Self, reqwest::Error> {
        let local = on_loopback(issuer);
        // A redirect would lead to where nobody registered (server-side request forgery).
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(CALL_TIME)
            .pool_max_idle_per_host(0)
            .user_agent("twinpath");
        let client = if local { client.no_proxy() } else { client };
        let (queue, notices) = mpsc::channel(QUEUE);
        Ok(Self { client: client.build()?, local, queue, notices: Mutex::new(Some(notices)) })
    }

    /// Takes a notice on; where there is no room it is counted and forgotten.
    pub fn put(&self, notice: Notice, counters: &Counters) {
        if self.queue.try_send(notice).is_err() {
            counters.count(METRIC, "queue", "dropped");
        }
    }

    /// https; and http where all of it is on one machine.
    fn may_call(&self, uri: &str) -> bool {
        uri.starts_with("https://") || (self.local && on_loopback(uri))
    }

    /// One call: its status.
    async fn call(&self, uri: &str, token: &str) -> Result<StatusCode, reqwest::Error> {
        // A JWT has no character that a form would escape.
        let request = self
            .client
            .post(uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!("logout_token={token}"));
        // The answer's body is never read.
        Ok(request.send().await?.status())
    }
}

/// Whether it is an `http` URL of this machine.
pub(super) fn on_loopback(url: &str) -> bool {
    let rest = url.strip_prefix("http://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
        None => authority.split(':').next().unwrap_or_default(),
    };
    !authority.contains('@') && ["127.0.0.1", "::1", "localhost"].contains(&host)
}

/// Sends notices until the server stops, then what is left for [`DRAIN_TIME`].
pub async fn deliver(platform: Arc<Platform>, shutdown: Shutdown) {
    let taken = platform.backchannel.notices.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(notices) = taken else {
        return;
    };
    let mut work = Work { platform, notices, lanes: Lanes::default(), calls: JoinSet::new() };
    tokio::select! {
        () = work.go_on() => {}
        () = shutdown.begun() => {}
    }
    work.notices.close();
    let rest = tokio::time::timeout(DRAIN_TIME, work.go_on()).await;
    if rest.is_err() {
        let left = work.lanes.len() + work.calls.len() + work.notices.len();
        tracing::warn!(left, "apps were not told of logouts before the stop");
    }
}

struct Work {
    platform: Arc<Platform>,
    notices: mpsc::Receiver<Notice>,
    lanes: Lanes,
    calls: JoinSet<ClientId>,
}

impl Work {
    /// Ends when the queue is closed and everything was sent. May be left at any wait and begun again.
    async fn go_on(&mut self) {
        let mut open = true;
        loop {
            while self.calls.len() < CALLS
                && let Some(notice) = self.lanes.next()
            {
                self.calls.spawn(tell(Arc::clone(&self.platform), notice));
            }
            let room = open && self.lanes.len() < QUEUE;
            tokio::select! {
                Some(done) = self.calls.join_next() => match done {
                    Ok(app) => self.lanes.done(app),
                    Err(error) => tracing::error!(%error, "a call to an app broke off"),
                },
                notice = self.notices.recv(), if room => match notice {
                    Some(notice) => self.put(notice),
                    None => open = false,
                },
                else => return,
            }
        }
    }

    fn put(&mut self, notice: Notice) {
        if !self.lanes.put(notice) {
            self.platform.counters.count(METRIC, "queue", "dropped");
        }
    }
}

/// Tells one app, up to three times. Gives its name back, for its next turn.
async fn tell(platform: Arc<Platform>, notice: Notice) -> ClientId {
    let mut pauses = PAUSES.iter();
    let outcome = loop {
        match attempt(&platform, &notice).await {
            Attempt::Over(outcome) => break outcome,
            Attempt::Again => match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => break "unanswered",
            },
        }
    };
    platform.counters.count(METRIC, "call", outcome);
    if outcome != "told" {
        let app = &notice.client_id;
        tracing::warn!(%app, outcome, "an app was not told of a logout");
    }
    notice.client_id
}

enum Attempt {
    Over(&'static str),
    Again,
}

async fn attempt(platform: &Platform, notice: &Notice) -> Attempt {
    let Some(registered) = platform.app(&notice.client_id) else {
        return Attempt::Over("unregistered");
    };
    let app = &registered.app;
    let Some(uri) = &app.backchannel_logout_uri else {
        return Attempt::Over("unregistered");
    };
    let backchannel = &platform.backchannel;
    if !backchannel.may_call(uri) {
        return Attempt::Over("refused");
    }
    // 2.2: such an app understands nothing without a session.
    if notice.session.is_none() && app.backchannel_logout_session_required {
        return Attempt::Over("no_session");
    }
    let claims = LogoutClaims::issue(
        &platform.config.issuer,
        app,
        (notice.account, notice.session),
        now(),
        (&platform.vault, &mut SystemRandom),
    );
    // 2.4: signed as the app's ID tokens are; anew for each try, as a token lives two minutes.
    let alg = app.id_token_signed_response_alg.as_deref();
    let Ok(token) = platform.keys().signer_for(alg).sign(LOGOUT_TOKEN_TYP, &claims) else {
        return Attempt::Over("unsigned");
    };
    match backchannel.call(uri, &token).await {
        Ok(status) if status.is_success() => Attempt::Over("told"),
        Ok(StatusCode::TOO_MANY_REQUESTS) => Attempt::Again,
        Ok(status) if status.is_server_error() => Attempt::Again,
        Ok(_) => Attempt::Over("rejected"),
        Err(error) => {
            tracing::debug!(app = %app.client_id, %error, "an app does not answer");
            Attempt::Again
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_called_but_on_one_machine() {
        let public = Backchannel::new("https://id.example").unwrap();
        let local = Backchannel::new("http://127.0.0.1:8080").unwrap();
        assert!(public.may_call("https://app.example/logout"));
        assert!(local.may_call("http://127.0.0.1:9000/logout"));
        assert!(local.may_call("http://[::1]:9000/logout"));
        assert!(!public.may_call("http://127.0.0.1:9000/logout"));
        for wrong in [
            "http://app.example/logout",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1@evil.example/",
            "http://127.0.0.1:80@evil.example/",
            "http://[::1",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "",
        ] {
            assert!(!local.may_call(wrong), "{wrong}");
        }
    }
}
