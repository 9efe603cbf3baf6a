//! The oracle. It knows texts, requests, commands and answers, in the order in which they ended, and
//! nothing of codes' states, rows or steps; from that it says what may be answered.

use std::collections::BTreeSet;

use crate::account::Action;
use crate::fixtures::{Model, TTL_S};
use crate::grant::Refreshed;
use crate::ids::{GrantId, Timestamp};
use crate::join::{Denial, Issued, Recorded, Redeemed};
use crate::records::{CodeRecord, CodeState, Trust};

/// Short, so that a case meets its end.
pub(super) const GRANT_TTL_S: i64 = 3 * 3600;

/// Who texted a code first.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) phone: usize,
    pub(super) trust: Trust,
    words_right: bool,
    at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct CodeFacts {
    pub(super) client: &'static str,
    pub(super) jkt: &'static str,
    pub(super) first: Option<Sender>,
    /// Everyone who ever sent it, answered or not.
    pub(super) senders: BTreeSet<usize>,
    pub(super) grant: Option<usize>,
    /// A text that had to void it was answered.
    pub(super) void: bool,
    pub(super) refused: bool,
    /// Its requests must be confirmed.
    pub(super) must: bool,
    /// Until when its digits live, once they were texted.
    pub(super) confirm_until: Option<Timestamp>,
    /// Somebody showed the right digits.
    pub(super) shown: bool,
}

impl CodeFacts {
    /// When it can no longer be redeemed.
    fn until(&self, first: &Sender) -> Timestamp {
        self.confirm_until.unwrap_or(first.at.plus_seconds(TTL_S))
    }
}

/// What a request says of digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Said {
    Nothing,
    /// What the phone reads, if a text came.
    Right,
    Wrong,
}

/// How an app came by a refresh token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    Redemption,
    Rotation { of: usize },
}

#[derive(Clone, Debug)]
pub(super) struct TokenFacts {
    pub(super) text: String,
    origin: Origin,
    used: bool,
}

#[derive(Clone, Debug)]
pub(super) struct GrantFacts {
    pub(super) id: GrantId,
    pub(super) phone: usize,
    pub(super) client: &'static str,
    pub(super) jkt: &'static str,
    pub(super) tokens: Vec<TokenFacts>,
    made_at: Timestamp,
    /// Revoked, by whomever.
    pub(super) dead: bool,
}

impl GrantFacts {
    pub(super) fn used(&self) -> bool {
        self.tokens.iter().any(|token| token.used)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct PhoneFacts {
    has_account: bool,
    pub(super) blocked: bool,
}

/// A request, as its sender knows it.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) code: usize,
    pub(super) rightful: bool,
    pub(super) hint: Option<usize>,
    pub(super) scope: &'static str,
    pub(super) said: Said,
    /// When it was first looked at.
    pub(super) began: Option<Timestamp>,
    /// Whether the code's text had been answered before the request was sent.
    pub(super) after_text: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    Granted,
    Invalid,
    Reused,
    Blocked,
}

#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pub(super) codes: Vec<CodeFacts>,
    pub(super) grants: Vec<GrantFacts>,
    pub(super) phones: [PhoneFacts; 3],
    jtis: BTreeSet<u8>,
}

impl Ledger {
    pub(super) fn new(codes: &[(&'static str, &'static str)]) -> Self {
        let facts = |&(client, jkt)| CodeFacts {
            client,
            jkt,
            first: None,
            senders: BTreeSet::new(),
            grant: None,
            void: false,
            refused: false,
            must: false,
            confirm_until: None,
            shown: false,
        };
        Self {
            codes: codes.iter().map(facts).collect(),
            grants: Vec::new(),
            phones: Default::default(),
            jtis: BTreeSet::new(),
        }
    }

    /// An assertion or a proof passes once.
    pub(super) fn asserted(&mut self, jti: u8, passed: bool) {
        let new = self.jtis.insert(jti);
        assert_eq!(passed, new, "jti {jti} was replayed, or refused when new");
    }

    /// Whether a text from this sender must leave the code's record as it is.
    pub(super) fn is_powerless(&self, code: usize, phone: usize, trust: Trust) -> bool {
        let first = self.codes[code].first.as_ref();
        first.is_some_and(|first| first.phone == phone || trust < first.trust)
    }

    pub(super) fn texted(
        &mut self,
        (code, phone, trust): (usize, usize, Trust),
        words_right: bool,
        outcome: Recorded,
        now: Timestamp,
    ) {
        let facts = &mut self.codes[code];
        let Some(first) = &facts.first else {
            assert_eq!(outcome, Recorded::New, "the first text of a code");
            facts.first = Some(Sender { phone, trust, words_right, at: now });
            return;
        };
        assert_ne!(outcome, Recorded::New, "a code was recorded twice");
        if first.phone == phone {
            assert_eq!(outcome, Recorded::Duplicate);
        } else if trust < first.trust {
            assert_eq!(outcome, Recorded::LowerTrust);
        } else {
            let lived = now < facts.until(first) || facts.grant.is_some();
            let settled = facts.refused || (facts.void && facts.grant.is_none());
            if lived && !settled {
                assert_eq!(outcome, Recorded::Voided, "two numbers sent one code");
            }
            if outcome == Recorded::Voided {
                facts.void = true;
                if let Some(grant) = facts.grant {
                    self.grants[grant].dead = true;
                }
            }
        }
    }

    pub(super) fn asked(
        &mut self,
        ask: &Ask,
        outcome: &Redeemed,
        now: Timestamp,
        row: Option<&CodeRecord>,
    ) {
        let facts = &self.codes[ask.code];
        if let Redeemed::Issued(issued) = outcome {
            self.issued(ask, issued, now, row);
            return;
        }
        if matches!(outcome, Redeemed::Replayed(_)) {
            return;
        }
        if !ask.rightful {
            assert!(matches!(outcome, Redeemed::Pending), "a thief learns something: {outcome:?}");
            return;
        }
        if matches!(outcome, Redeemed::Pending) {
            assert!(!ask.after_text, "a text that was answered is forgotten");
            return;
        }
        let first = facts.first.as_ref().expect("only texted codes are anything but pending");
        let ended = row.map(|row| row.state);
        match outcome {
            Redeemed::Expired => {
                assert!(now >= facts.until(first), "expired too early");
            }
            Redeemed::Unconfirmed(awaiting) => {
                assert!(facts.must, "nothing to confirm");
                assert!((1..=3).contains(&awaiting.attempts_left));
                assert_ne!(ask.said, Said::Right, "right digits are refused");
            }
            Redeemed::WrongDigits => assert_eq!(ask.said, Said::Wrong),
            Redeemed::Blocked => assert!(self.phones[first.phone].blocked, "nobody is blocked"),
            Redeemed::Invalid(Denial::Voided) => {
                assert!(facts.senders.len() > 1, "voided by one sender alone");
            }
            Redeemed::Invalid(Denial::Words) => assert!(!first.words_right),
            Redeemed::Invalid(Denial::LoginHint) => {
                assert!(ask.hint.is_some_and(|hint| hint != first.phone));
            }
            Redeemed::Invalid(Denial::Revoked) => {
                let dead = facts.grant.is_some_and(|grant| self.grants[grant].dead);
                assert!(dead || facts.void, "revoked by nobody");
            }
            Redeemed::Invalid(Denial::Used) => {
                assert_ne!(ended, Some(CodeState::Recorded), "used by nobody");
            }
            _ => unreachable!("handled above"),
        }
        if ended == Some(CodeState::Refused) {
            self.codes[ask.code].refused = true;
        }
    }

    fn issued(&mut self, ask: &Ask, issued: &Issued, now: Timestamp, row: Option<&CodeRecord>) {
        let facts = &self.codes[ask.code];
        let grant = &issued.grant;
        assert!(ask.rightful, "a token to another app or key");
        assert_eq!(grant.client_id.as_str(), facts.client, "a token to another app");
        assert_eq!(grant.jkt, facts.jkt, "a token to another key");
        let first = facts.first.as_ref().expect("a token without a text");
        let phone = first.phone;
        assert_eq!(grant.terminal, crate::fixtures::terminal(phone), "another terminal's token");
        assert!(first.words_right, "a token for a text with other words");
        assert!(ask.hint.is_none_or(|hint| hint == phone), "a token against the login_hint");
        let began = ask.began.expect("it was looked at");
        assert!(began.min(now) < facts.until(first), "a token for an expired code");
        assert_eq!(grant.confirmed(), facts.must, "confirmed or not");
        assert!(!facts.must || facts.shown, "a token that nobody confirmed");
        assert!(!facts.void, "a token for a voided code");
        assert!(!facts.refused, "a token for a code that was used up");
        assert!(!self.phones[phone].blocked, "a token for a blocked account");
        assert_eq!(grant.scope, ask.scope, "a token for what another request asked");
        if let Some(CodeState::Redeemed { frozen, .. }) = row.map(|row| row.state) {
            assert_eq!(frozen, super::world::frozen(ask.scope), "other parameters than consumed");
        }
        let index = facts.grant.unwrap_or(self.grants.len());
        if facts.grant.is_some() {
            let known = &self.grants[index];
            assert_eq!(known.id, grant.id, "two grants for one code");
            assert!(!known.jkt.is_empty(), "an app without a key got its token twice");
            assert!(!known.dead, "a revoked grant came back");
            assert!(!known.used(), "a grant was issued again after its token was used");
        } else {
            assert!(self.grants.iter().all(|known| known.id != grant.id), "one grant, two codes");
            self.make_grant(ask.code, phone, grant.id, now);
        }
        let text = issued.refresh_token.as_str().to_owned();
        let token = TokenFacts { text, origin: Origin::Redemption, used: false };
        self.grants[index].tokens.push(token);
    }

    fn make_grant(&mut self, code: usize, phone: usize, id: GrantId, now: Timestamp) {
        let CodeFacts { client, jkt, .. } = self.codes[code];
        for old in &mut self.grants {
            let same = old.phone == phone && old.client == client && old.jkt == jkt;
            old.dead |= same && !jkt.is_empty();
        }
        self.codes[code].grant = Some(self.grants.len());
        self.phones[phone].has_account = true;
        let tokens = Vec::new();
        self.grants.push(GrantFacts { id, phone, client, jkt, tokens, made_at: now, dead: false });
    }

    fn expected(&self, grant: usize, token: usize, rotate: bool, now: Timestamp) -> Expected {
        let facts = &self.grants[grant];
        if facts.dead || now >= facts.made_at.plus_seconds(GRANT_TTL_S) {
            return Expected::Invalid;
        }
        if self.phones[facts.phone].blocked {
            return Expected::Blocked;
        }
        let newest = facts.tokens.len() - 1;
        let told_anew = facts.tokens.iter().rposition(|t| t.origin == Origin::Redemption);
        if told_anew.is_some_and(|last| token < last) {
            return Expected::Invalid;
        }
        let lost = Origin::Rotation { of: token };
        let again = rotate && facts.tokens[newest].origin == lost && !facts.tokens[newest].used;
        if token == newest || again { Expected::Granted } else { Expected::Reused }
    }

    pub(super) fn refreshed(
        &mut self,
        (grant, token): (usize, usize),
        (rightful, rotate): (bool, bool),
        outcome: &Refreshed,
        now: Timestamp,
    ) {
        let said = match outcome {
            Refreshed::Replayed(_) => return,
            Refreshed::Granted(..) => Expected::Granted,
            Refreshed::Invalid => Expected::Invalid,
            Refreshed::Reused => Expected::Reused,
            Refreshed::Blocked => Expected::Blocked,
            Refreshed::Widened(error) => panic!("nothing wider was asked: {error:?}"),
        };
        if !rightful {
            assert_eq!(said, Expected::Invalid, "another app's or key's refresh token");
            return;
        }
        assert_eq!(said, self.expected(grant, token, rotate, now), "token {token} of {grant}");
        let facts = &mut self.grants[grant];
        match outcome {
            Refreshed::Granted(given, fresh) => {
                assert_eq!(given.id, facts.id);
                assert_eq!(fresh.is_some(), rotate);
                facts.tokens[token].used = true;
                let origin = Origin::Rotation { of: token };
                let told = fresh.as_ref().map(|fresh| fresh.as_str().to_owned());
                facts.tokens.extend(told.map(|text| TokenFacts { text, origin, used: false }));
            }
            Refreshed::Reused => facts.dead = true,
            _ => (),
        }
    }

    pub(super) fn operated(&mut self, phone: usize, action: Action, found: bool) {
        let facts = &mut self.phones[phone];
        assert_eq!(found, facts.has_account, "an account that is not there, or is not found");
        if !found {
            return;
        }
        match action {
            Action::Block => facts.blocked = true,
            Action::Unblock => facts.blocked = false,
            Action::Erase => *facts = PhoneFacts::default(),
            Action::Show | Action::Revoke | Action::Restore => (),
        }
        if matches!(action, Action::Revoke | Action::Erase) {
            let of_phone = |grant: &&mut GrantFacts| grant.phone == phone;
            self.grants.iter_mut().filter(of_phone).for_each(|grant| grant.dead = true);
        }
    }

    /// Grants are alive where they may be, and revoked where they must be; no other exists.
    pub(super) fn audit(&self, model: &Model) {
        for facts in &self.grants {
            let row = model.grant(facts.id);
            let alive = row.is_some_and(|row| row.revoked_at.is_none());
            assert_eq!(alive, !facts.dead, "a grant is {alive:?} alive: {facts:?}");
        }
        for row in model.grants.values().filter(|row| row.revoked_at.is_none()) {
            assert!(self.grants.iter().any(|facts| facts.id == row.id), "whose is {row:?}?");
        }
        for (code, facts) in self.codes.iter().enumerate() {
            let texts = super::world::texts(code, model).count();
            assert!(texts <= 1, "code {code}: {texts} texts");
            assert!(texts == 0 || facts.must, "code {code}: a text for nothing");
            let live = |grant: usize| !self.grants[grant].dead;
            assert!(!(facts.void && facts.grant.is_some_and(live)), "code {code} is void");
        }
    }

    /// Whether the rightful owner must be given a token for `code` now, if it asks as it did before.
    pub(super) fn owes(&self, code: usize, now: Timestamp) -> bool {
        let facts = &self.codes[code];
        let Some(first) = &facts.first else { return false };
        let unspoilt = match facts.grant {
            Some(grant) => {
                let grant = &self.grants[grant];
                !grant.jkt.is_empty() && !grant.dead && !grant.used()
            }
            None => true,
        };
        unspoilt
            && first.words_right
            && !facts.void
            && !facts.refused
            && !self.phones[first.phone].blocked
            && now < facts.until(first)
    }

    pub(super) fn recorded_at(&self, code: usize) -> Option<Timestamp> {
        self.codes[code].first.as_ref().map(|first| first.at)
    }
}
