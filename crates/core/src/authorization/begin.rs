//! A session begins with a proof, or goes on with a new one.

use crate::authorization::arrive::REMEMBERED_S;
use crate::authorization::end;
use crate::ids::{Digest, RouteName, SessionId};
use crate::records::{AuditEvent, Grant, ProvenTerminal, Session};
use crate::transaction::{Context, Write};
use crate::vault::same;

/// How many sessions an account keeps.
const MAX_SESSIONS: usize = 20;

/// A session that is to stand.
pub(super) struct Begins<'a> {
    /// By whose proof.
    pub(super) by: &'a ProvenTerminal,
    /// The session.
    pub(super) id: SessionId,
    /// Keyed hash of its cookie from now on.
    pub(super) cookie: Digest,
    /// Keyed hash of the cookie that the browser shows, if it goes on.
    pub(super) renews: Option<Digest>,
    /// Seconds for which it stands.
    pub(super) ttl_s: i64,
}

/// The writes by which it stands; `None` if it ended, or is not the browser's.
pub(super) fn begin(
    it: &Begins<'_>,
    known: &[Session],
    grants: &[Grant],
    cx: &Context<'_>,
) -> Option<Vec<Write>> {
    let own = known.iter().find(|session| session.id == it.id);
    let live = own.filter(|own| own.live(cx.now) && own.account == it.by.account);
    match (own, live) {
        // The first click came as far as this.
        (_, Some(own)) if same(&own.cookie.0, &it.cookie.0) => Some(Vec::new()),
        (_, Some(own)) if it.renews.is_some_and(|shown| same(&own.cookie.0, &shown.0)) => {
            let renewed = Session { created_at: own.created_at, ..it.session(cx) };
            Some(put(renewed, "session.renewed", cx))
        }
        (None, _) if it.renews.is_none() => {
            let session = it.session(cx);
            let mut writes = make_room(&session, known, grants, cx);
            writes.extend(put(session, "session.begun", cx));
            Some(writes)
        }
        _ => None,
    }
}

impl Begins<'_> {
    fn session(&self, cx: &Context<'_>) -> Session {
        let (by, expires_at) = (self.by, cx.now.plus_seconds(self.ttl_s));
        Session {
            terminal: by.terminal,
            id: self.id,
            account: by.account,
            cookie: self.cookie,
            auth_time: by.auth_time,
            route: RouteName::from(by.route.as_str()),
            trust: by.trust,
            created_at: cx.now,
            ended_at: None,
            expires_at,
            // A code that was approved in it may still be on its way.
            purge_at: expires_at.plus_seconds(REMEMBERED_S),
        }
    }
}

fn put(session: Session, kind: &'static str, cx: &Context<'_>) -> Vec<Write> {
    let event = AuditEvent {
        account: Some(session.account.to_string()),
        route: Some(session.route.0.to_string()),
        ..AuditEvent::new(cx.now, kind)
    };
    vec![Write::Audit(event), Write::Session(session)]
}

/// The oldest end where there are too many.
fn make_room(new: &Session, known: &[Session], grants: &[Grant], cx: &Context<'_>) -> Vec<Write> {
    let others = known.iter().filter(|other| other.account == new.account && other.live(cx.now));
    let mut others: Vec<_> = others.collect();
    others.sort_by_key(|other| other.created_at);
    let over = others.len().saturating_sub(MAX_SESSIONS - 1);
    let ended = others.into_iter().take(over);
    ended.flat_map(|other| end(other, grants, "too_many", cx.now)).collect()
}
