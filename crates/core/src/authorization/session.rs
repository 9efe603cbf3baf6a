//! Single sign-on: the session's cookie, and what stands behind it.

use std::fmt;

use twinpath_wire::b64;

use crate::ids::{ClientId, Digest, GrantId, SessionId, TerminalKey};
use crate::records::{AccountStatus, Grant, ProvenTerminal, Sealed, Session};
use crate::transaction::{Context, Key, Missing, Operation, Random, Rows, Step};
use crate::vault::{Purpose, Vault, same};

const OWNER: &[u8] = b"\0session";
/// The last byte of the cookie of a session whose proof was confirmed.
const CONFIRMED: u8 = 1;

/// A session's cookie: its row's keys, 128 bits that only a holder of the master key knows, and a last byte
/// if the proof that the secret follows from was confirmed (PROTOCOL 6); encrypted, in base64url. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionCookie {
    text: String,
    terminal: TerminalKey,
    id: SessionId,
    secret: CookieSecret,
    confirmed: bool,
}

/// What a session's cookie keeps secret: one for each proof by which the session began or went on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CookieSecret([u8; 16]);

impl CookieSecret {
    /// The one that follows from a proof.
    pub fn of(proof: GrantId, vault: &Vault) -> Self {
        Self(vault.identifier("session_secret", "", &b64::encode(proof.0)).0)
    }

    /// What is kept of it.
    pub fn hash(self, vault: &Vault) -> Digest {
        vault.identifier("session", "", &b64::encode(self.0))
    }
}

impl fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSecret(..)")
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCookie(..)")
    }
}

impl SessionCookie {
    /// A session's cookie.
    pub fn new(
        vault: &Vault,
        (terminal, id): (TerminalKey, SessionId),
        (secret, confirmed): (CookieSecret, bool),
        random: &mut dyn Random,
    ) -> Self {
        let mut plain = [terminal.0, id.0, secret.0].concat();
        plain.extend(confirmed.then_some(CONFIRMED));
        // Sealing 49 bytes cannot fail; were it to, the cookie would be one that never opens.
        let sealed =
            vault.seal(Purpose::Handle, OWNER, &plain, random).unwrap_or(Sealed(Vec::new()));
        Self { text: b64::encode(sealed.0), terminal, id, secret, confirmed }
    }

    /// Reads a cookie of ours; `None` for anything else.
    pub fn parse(vault: &Vault, text: &str) -> Option<Self> {
        if text.len() > 256 {
            return None;
        }
        let plain = vault.open(Purpose::Handle, OWNER, &Sealed(b64::decode(text).ok()?)).ok()?;
        let (terminal, rest) = plain.split_first_chunk::<16>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (secret, rest) = rest.split_first_chunk::<16>()?;
        let confirmed = match rest {
            [] => false,
            [CONFIRMED] => true,
            _ => return None,
        };
        let (terminal, id) = (TerminalKey(*terminal), SessionId(*id));
        let (text, secret) = (text.to_owned(), CookieSecret(*secret));
        Some(Self { text, terminal, id, secret, confirmed })
    }

    /// As the browser keeps it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The session's terminal.
    pub fn terminal(&self) -> TerminalKey {
        self.terminal
    }

    /// The session.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Whether the proof by which the session stands was confirmed (PROTOCOL 6).
    pub fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// What is kept of it.
    pub fn hash(&self, vault: &Vault) -> Digest {
        self.secret.hash(vault)
    }
}

impl SessionId {
    /// The session that begins with the proof from which this grant may come: voiding the proof finds
    /// both.
    pub fn of(grant: GrantId) -> Self {
        Self(grant.0)
    }

    /// The claim `sid` (OIDC Back-Channel Logout 2.1), another one for each app.
    pub fn claim(&self, vault: &Vault, client_id: &ClientId) -> String {
        let Digest(sid) = vault.identifier("sid", client_id.as_str(), &b64::encode(self.0));
        b64::encode(sid)
    }
}

/// Looks for the session of a cookie, and for what its account granted an app. Writes nothing.
#[derive(Clone, Debug)]
pub struct FindSession {
    /// The session's terminal.
    pub terminal: TerminalKey,
    /// The session.
    pub id: SessionId,
    /// Keyed hash of the cookie.
    pub cookie: Digest,
    /// Whether the cookie says that the session's proof was confirmed.
    pub confirmed: bool,
    /// The app that asks.
    pub client_id: ClientId,
}

/// A session that stands.
#[derive(Clone, Debug)]
pub struct FoundSession {
    /// The session.
    pub session: Session,
    /// Whether its proof was confirmed (PROTOCOL 6).
    pub confirmed: bool,
    /// Its terminal's number.
    pub number: Sealed,
    /// The live grants that its account gave the app.
    pub granted: Vec<Grant>,
}

impl FoundSession {
    /// Who it is, for a request that may lead to `grant`.
    pub fn proven(&self, grant: GrantId) -> ProvenTerminal {
        ProvenTerminal {
            terminal: self.session.terminal,
            account: self.session.account,
            number: self.number.clone(),
            auth_time: self.session.auth_time,
            route: self.session.route.0.to_string(),
            trust: self.session.trust,
            session: Some(self.session.id),
            grant,
            confirmed: self.confirmed,
        }
    }
}

/// The live session of this name, whoever shows the cookie with this hash.
pub(super) fn standing(
    view: &Rows,
    terminal: TerminalKey,
    id: SessionId,
    now: crate::ids::Timestamp,
) -> Result<Option<&Session>, Missing> {
    let known = view.sessions(terminal)?.iter().find(|session| session.id == id);
    let Some(session) = known.filter(|session| session.live(now)) else {
        return Ok(None);
    };
    let account = view.account(terminal, session.account)?;
    let active = account.is_some_and(|account| account.status == AccountStatus::Active);
    Ok(active.then_some(session))
}

impl Operation for FindSession {
    /// `None` if there is none, it ended, or its account cannot be used.
    type Outcome = Option<FoundSession>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Sessions(self.terminal));
        keys.push(Key::Terminal(self.terminal));
        keys.push(Key::Grants(self.terminal));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let none = Ok(Step::Done(Vec::new(), None));
        let Some(session) = standing(view, self.terminal, self.id, cx.now)? else {
            return none;
        };
        if !same(&session.cookie.0, &self.cookie.0) {
            return none;
        }
        let Some(terminal) = view.terminal(self.terminal)? else {
            return none;
        };
        let of_app = |grant: &&Grant| {
            grant.account == session.account
                && grant.client_id == self.client_id
                && grant.live(cx.now)
        };
        let granted = view.grants(self.terminal)?.iter().filter(of_app).cloned().collect();
        let (session, number) = (session.clone(), terminal.number.clone());
        let found = FoundSession { session, confirmed: self.confirmed, number, granted };
        Ok(Step::Done(Vec::new(), Some(found)))
    }
}
