//! What was sent, told and commanded; and what may follow from it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use crate::fixtures::TTL_S;
use crate::ids::{GrantId, Timestamp};
use crate::records::{AccountStatus, CodeState};

/// Who texted a page's code first.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) phone: usize,
    pub(super) trust: Trust,
    pub(super) words_right: bool,
    pub(super) at: Timestamp,
    pub(super) void: bool,
}

/// The text that all rests on: a page, and which of its codes.
type Root = (usize, u32);

#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// The browser that each page was shown to.
    pub(super) owners: BTreeMap<usize, usize>,
    pub(super) texts: BTreeMap<Root, Sender>,
    /// Who was proven for each page, and by what text.
    pub(super) proven: BTreeMap<usize, (ProvenTerminal, Root)>,
    /// The codes that were told, with their page.
    pub(super) told: Vec<(usize, Digest)>,
    pub(super) issued: BTreeSet<usize>,
    pub(super) blocked: BTreeSet<usize>,
    pub(super) logged_out: BTreeSet<SessionId>,
}

impl Ledger {
    pub(super) fn texted(
        &mut self,
        root: Root,
        (phone, trust, words_right): (usize, Trust, bool),
        outcome: Recorded,
        at: Timestamp,
    ) {
        match (self.texts.get_mut(&root), outcome) {
            (None, Recorded::New) => {
                let sender = Sender { phone, trust, words_right, at, void: false };
                self.texts.insert(root, sender);
            }
            (Some(first), Recorded::Voided) => {
                assert!(phone != first.phone && trust >= first.trust, "voided by no right");
                first.void = true;
            }
            (Some(first), Recorded::Duplicate) => assert_eq!(first.phone, phone),
            (Some(first), Recorded::LowerTrust) => assert!(trust < first.trust),
            (Some(first), Recorded::Tombstone) => assert_ne!(first.phone, phone),
            (known, outcome) => panic!("{outcome:?} after {known:?}"),
        }
    }

    /// Only its own browser sees, approves or denies a page.
    pub(super) fn shown(&self, page: usize, browser: usize) {
        assert_eq!(self.owners.get(&page), Some(&browser), "another browser's page");
    }

    pub(super) fn told(&mut self, page: usize, code: Digest) {
        assert!(self.told.iter().all(|(other, _)| *other != page), "two codes for one approval");
        self.told.push((page, code));
    }

    /// A session began, or was found.
    pub(super) fn usable(&self, id: SessionId) {
        assert!(!self.logged_out.contains(&id), "a session that was logged out");
        let (by, root) = self.of_session(id);
        assert!(!self.texts[root].void, "a session of a voided text");
        assert!(!self.blocked.contains(&phone_of(by)), "a session of a blocked account");
    }

    fn of_session(&self, id: SessionId) -> &(ProvenTerminal, Root) {
        let own = |(by, _): &&(ProvenTerminal, Root)| SessionId::of(by.grant) == id;
        self.proven.values().find(own).expect("a session of no proof")
    }

    /// Whoever is proven for a page stays so, and sent the text that it shows, or has its session.
    pub(super) fn observe(&mut self, at: usize, page: &Page, model: &Model) {
        let Some(row) = model.interactions.get(&page.key()) else { return };
        if !matches!(row.stage, Stage::Proven { .. } | Stage::Approved(_) | Stage::Redeemed { .. })
        {
            return;
        }
        let by = page.by(model);
        if let Some((known, _)) = self.proven.get(&at) {
            let same = (by.terminal, by.account, by.grant, by.auth_time);
            assert_eq!((known.terminal, known.account, known.grant, known.auth_time), same);
            return;
        }
        let root = match by.session {
            Some(id) => self.of_session(id).1,
            None => (at, attempt_of(page, by.grant, model)),
        };
        let sender = &self.texts[&root];
        assert_eq!((by.terminal, by.trust), (terminal(sender.phone), sender.trust));
        assert_eq!(by.auth_time, sender.at, "not when the text came");
        assert!(sender.words_right, "proven by a text with other words");
        let unique = self.proven.values().all(|(other, _)| other.grant != by.grant);
        assert!(unique, "one grant for two requests");
        self.proven.insert(at, (by.clone(), root));
    }

    pub(super) fn consumed(&self, root: Root, now: Timestamp) {
        let sender = &self.texts[&root];
        assert!(now < sender.at.plus_seconds(TTL_S), "a text was used after its time");
        assert!(!sender.void, "a voided text was used");
    }

    pub(super) fn issued(&mut self, page: usize, code: Digest, grant: &Grant, model: &Model) {
        assert!(self.told.contains(&(page, code)), "a grant for a code that was never told");
        assert!(self.issued.insert(page), "two grants for one code");
        let (by, root) = &self.proven[&page];
        assert_eq!((grant.id, grant.terminal, grant.account), (by.grant, by.terminal, by.account));
        assert!(!self.texts[root].void, "a grant of a voided text");
        assert!(!self.blocked.contains(&phone_of(by)), "a grant for a blocked account");
        assert!(active(by, model), "a grant for an account that is nobody's");
        assert_eq!(model.terminals[&by.terminal].account, by.account, "an account of the past");
        let ended = grant.session().is_some_and(|id| self.logged_out.contains(&id));
        assert!(!ended, "a grant of a session that ended");
    }

    /// What must hold after everything that happens.
    pub(super) fn audit(&self, model: &Model) {
        for grant in model.grants.values().filter(|grant| grant.live(model.now)) {
            let mut known = self.proven.values();
            let (_, root) = known.find(|(by, _)| by.grant == grant.id).expect("a grant of nobody");
            assert!(!self.texts[root].void, "a grant of a voided text lives");
            let bound = grant.terms.as_ref().is_some_and(|terms| terms.session_bound);
            let ended = grant.session().is_some_and(|id| self.logged_out.contains(&id));
            assert!(!(bound && ended), "a grant of a session that ended lives");
        }
        for session in model.sessions.values().filter(|session| session.live(model.now)) {
            assert!(!self.logged_out.contains(&session.id), "a session came back");
            let (_, root) = self.of_session(session.id);
            assert!(!self.texts[root].void, "a session of a voided text lives");
        }
    }

    /// Whether nothing that a proven page rests on has fallen, and its grant is not made.
    pub(super) fn stands(&self, page: usize, model: &Model) -> bool {
        let Some((by, root)) = self.proven.get(&page) else { return false };
        let sessions = [by.session, Some(SessionId::of(by.grant))];
        !self.texts[root].void
            && !self.blocked.contains(&phone_of(by))
            && active(by, model)
            && sessions.iter().flatten().all(|id| !self.logged_out.contains(id))
            && model.grant(by.grant).is_none()
    }
}

fn phone_of(by: &ProvenTerminal) -> usize {
    (0..3).find(|phone| terminal(*phone) == by.terminal).unwrap()
}

fn active(by: &ProvenTerminal, model: &Model) -> bool {
    let account = model.accounts.get(&(by.terminal, by.account));
    account.is_some_and(|account| account.status == AccountStatus::Active)
}

/// Which of a page's codes was used up for this grant.
fn attempt_of(page: &Page, wanted: GrantId, model: &Model) -> u32 {
    let made = |attempt: &u32| {
        let code = model.codes.get(&page.code_key(*attempt));
        code.is_some_and(|code| match code.state {
            CodeState::Redeemed { grant, .. } => grant == wanted,
            CodeState::Voided { grant } => grant == Some(wanted),
            CodeState::Recorded | CodeState::Confirming { .. } | CodeState::Refused => false,
        })
    };
    (0..MAX_ATTEMPTS).find(made).expect("proven by no text")
}
