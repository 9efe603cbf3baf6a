//! Redeeming a code: consume the mapping, find or create the account, make the grant.

use std::sync::Arc;

use crate::grant::{Minted, RefreshToken, Replay, Spending, Spends, revoke};
use crate::ids::{AccountId, ClientId, CodeKey, Digest, GrantId, TerminalKey, Timestamp};
use crate::join::TOMBSTONE_S;
use crate::records::{
    Account, AccountStatus, AuditEvent, CodeRecord, CodeState, Grant, RefreshState, Terminal,
};
use crate::token::Bound;
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write, random_bytes};
use crate::vault::Vault;

/// A checked token request: the app is authenticated, its key proven, its scope allowed.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// The code's key, from issuer, app, instance key and verifier.
    pub code: CodeKey,
    /// The app.
    pub client_id: ClientId,
    /// What the grant is bound to, as [`Grant::jkt`] names it.
    pub jkt: String,
    /// The scope to grant, space-separated.
    pub scope: String,
    /// The resources to grant.
    pub resources: Vec<String>,
    /// Keyed hash of `scope`, `resource` and `authorization_details` as the request said them.
    pub frozen: Digest,
    /// The words the text may have said; `None` where any will do.
    pub words: Option<Arc<[Digest]>>,
    /// The terminal the app expects (`login_hint`).
    pub login_hint: Option<TerminalKey>,
    /// Seconds for which the grant can be refreshed.
    pub grant_ttl_s: i64,
    /// Seconds without a proof after which a number gets a new account.
    pub dormant_s: i64,
}

/// Redeems a code in the steps *spend* (one for the proof's `jti`, one for the assertion's), *consume*
/// and *complete*.
#[derive(Clone, Debug)]
pub struct Redeem {
    request: Arc<Redemption>,
    vault: Arc<Vault>,
    spends: Spends,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Consume,
    Complete { code: Box<CodeRecord>, grant: GrantId },
}

/// How a redemption ends.
#[derive(Clone, Debug)]
pub enum Redeemed {
    /// The text has not arrived, or was never sent.
    Pending,
    /// The text's time is over.
    Expired,
    /// The code was used or voided before, or is used up now.
    Invalid(Denial),
    /// The account is blocked.
    Blocked,
    /// The request's proof or assertion was seen before.
    Replayed(Replay),
    /// A grant.
    Issued(Box<Issued>),
}

/// Why a code gives no grant: for the log and the audit trail, not for the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denial {
    /// Redeemed before.
    Used,
    /// Two numbers sent it.
    Voided,
    /// The text's words are not the app's.
    Words,
    /// Another number than `login_hint`.
    LoginHint,
    /// Its grant was revoked.
    Revoked,
}

impl Denial {
    /// A stable word for counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Voided => "voided",
            Self::Words => "words",
            Self::LoginHint => "login_hint",
            Self::Revoked => "revoked",
        }
    }
}

/// What a redemption hands to the token maker.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The grant.
    pub grant: Grant,
    /// The proven number, encrypted.
    pub number: crate::records::Sealed,
    /// The refresh token, in clear: it is told once.
    pub refresh_token: RefreshToken,
    /// Whether this proof created the account.
    pub new_account: bool,
}

impl Redeem {
    /// `spends` is what the request uses up before anything else; empty once that is done.
    pub fn new(request: Arc<Redemption>, vault: Arc<Vault>, spends: Spends) -> Self {
        Self { request, vault, spends, stage: Stage::Consume }
    }

    /// Empty for an app without DPoP. A certificate is no such key: the app's users share it, so it
    /// must neither speak for an account nor end another installation's grant.
    fn instance_key(&self) -> &str {
        Bound::of(&self.request.jkt).jkt()
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }

    fn consume(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let done = |outcome| Ok(Step::Done(Vec::new(), outcome));
        let Some(code) = view.code(self.request.code)? else {
            return done(Redeemed::Pending);
        };
        let live = cx.now < code.expires_at;
        match code.state {
            _ if cx.now >= code.purge_at => done(Redeemed::Pending),
            CodeState::Voided { .. } => done(Redeemed::Invalid(Denial::Voided)),
            CodeState::Refused => done(Redeemed::Invalid(Denial::Used)),
            CodeState::Redeemed { grant, frozen } => {
                // The answer may have been lost: the same instance key may ask again. An app
                // without a key could be anyone who saw the verifier.
                let again =
                    live && !self.instance_key().is_empty() && frozen == self.request.frozen;
                if !again {
                    return done(Redeemed::Invalid(Denial::Used));
                }
                // `login_hint` is not frozen, but what a request says of the number has to hold.
                if self.request.login_hint.is_some_and(|hint| hint != code.terminal) {
                    return done(Redeemed::Invalid(Denial::LoginHint));
                }
                let stage = Stage::Complete { code: Box::new(code.clone()), grant };
                Ok(Step::Next(Vec::new(), self.at(stage)))
            }
            CodeState::Recorded if !live => done(Redeemed::Expired),
            CodeState::Recorded => Ok(self.consume_recorded(code, cx)),
        }
    }

    fn consume_recorded(&self, code: &CodeRecord, cx: &mut Context<'_>) -> Step<Self> {
        let request = &self.request;
        let words_match = request.words.as_ref().is_none_or(|words| words.contains(&code.words));
        let hint_matches = request.login_hint.is_none_or(|hint| hint == code.terminal);
        let denial = match (words_match, hint_matches) {
            (true, true) => None,
            (false, _) => Some(Denial::Words),
            (true, false) => Some(Denial::LoginHint),
        };
        let purge_at = code.expires_at.max(cx.now).plus_seconds(TOMBSTONE_S);
        if let Some(denial) = denial {
            let used_up = CodeRecord { state: CodeState::Refused, purge_at, ..code.clone() };
            let event = self.event(cx.now, "code.refused", Some(denial.as_str()));
            let writes = vec![Write::Code(used_up), Write::Audit(event)];
            return Step::Done(writes, Redeemed::Invalid(denial));
        }
        let grant = GrantId(random_bytes(cx.random));
        let state = CodeState::Redeemed { grant, frozen: request.frozen };
        let code = CodeRecord { state, purge_at, ..code.clone() };
        let writes = vec![Write::Code(code.clone())];
        Step::Next(writes, self.at(Stage::Complete { code: Box::new(code), grant }))
    }

    fn complete(
        &self,
        code: &CodeRecord,
        id: GrantId,
        view: &Rows,
        cx: &mut Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let grants = view.grants(code.terminal)?;
        let terminal = view.terminal(code.terminal)?;
        let account = match terminal {
            Some(terminal) => view.account(terminal.key, terminal.account)?,
            None => None,
        };
        let blocked = account.is_some_and(|account| account.status == AccountStatus::Blocked);
        if let Some(made) = grants.iter().find(|grant| grant.id == id) {
            return Ok(match (made.revoked_at, blocked) {
                (Some(_), _) => Step::Done(Vec::new(), Redeemed::Invalid(Denial::Revoked)),
                (None, true) => Step::Done(Vec::new(), Redeemed::Blocked),
                (None, false) => self.reissue(code, made, cx),
            });
        }
        if blocked {
            let event = self.event(cx.now, "grant.denied", Some("blocked"));
            return Ok(Step::Done(vec![Write::Audit(event)], Redeemed::Blocked));
        }
        self.issue(code, id, terminal.zip(account), view, cx)
    }

    /// PROTOCOL 5: a lost answer is given afresh as long as its refresh token was not used.
    fn reissue(&self, code: &CodeRecord, made: &Grant, cx: &mut Context<'_>) -> Step<Self> {
        if made.refresh.used {
            return Step::Done(Vec::new(), Redeemed::Invalid(Denial::Used));
        }
        let mut grant = made.clone();
        let sequence = grant.refresh.sequence.saturating_add(1);
        let minted = Minted::new(&self.vault, &grant, sequence, cx.random);
        grant.refresh = RefreshState {
            sequence,
            hash: minted.hash,
            previous: None,
            first: sequence,
            used: false,
        };
        let event = grant.event(cx.now, "grant.reissued");
        Self::hand_over(code, grant, minted, false, vec![Write::Audit(event)])
    }

    fn issue(
        &self,
        code: &CodeRecord,
        id: GrantId,
        known: Option<(&Terminal, &Account)>,
        view: &Rows,
        cx: &mut Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let grants = view.grants(code.terminal)?;
        let mut writes = Vec::with_capacity(6);
        let kept =
            known.filter(|(terminal, account)| !self.dormant(terminal, account, grants, cx.now));
        if let (None, Some((_, old))) = (kept, known) {
            writes.extend(replace(old, grants, cx.now));
        }
        let (account, created_at) = if let Some((terminal, account)) = kept {
            (account.id, terminal.created_at)
        } else {
            // Made from the grant's id, not from fresh randomness: a step puts only rows that it
            // read, so every attempt at this decision has to name the same row.
            let account = self.new_account_id(code.terminal, id);
            let _absent = view.account(code.terminal, account)?;
            writes.extend(self.create_account(code.terminal, account, cx.now));
            (account, cx.now)
        };
        writes.push(Write::Terminal(Terminal {
            key: code.terminal,
            number: code.number.clone(),
            account,
            created_at,
            proven_at: cx.now,
        }));
        if kept.is_some() {
            writes.extend(self.supersede(account, grants, cx.now));
        }
        let (grant, minted) = self.grant(code, id, account, cx);
        writes.push(Write::Audit(grant.event(cx.now, "grant.issued")));
        Ok(Self::hand_over(code, grant, minted, kept.is_none(), writes))
    }

    /// Section 8: a number not proven for long may be another person's by now, unless an instance
    /// key of the account takes part.
    fn dormant(
        &self,
        terminal: &Terminal,
        account: &Account,
        grants: &[Grant],
        now: Timestamp,
    ) -> bool {
        let jkt = self.instance_key();
        let key_known = || {
            !jkt.is_empty()
                && grants.iter().any(|grant| {
                    grant.account == account.id && grant.revoked_at.is_none() && grant.jkt == jkt
                })
        };
        now >= terminal.proven_at.plus_seconds(self.request.dormant_s) && !key_known()
    }

    /// As unpredictable as the grant's id, and not to be linked with it.
    fn new_account_id(&self, terminal: TerminalKey, grant: GrantId) -> AccountId {
        let Digest(hash) = self.vault.identifier("account", "", &grant.to_string());
        let mut random = [0; 12];
        random.copy_from_slice(hash.split_at(12).0);
        AccountId::compose(&terminal, random)
    }

    fn create_account(&self, terminal: TerminalKey, id: AccountId, now: Timestamp) -> [Write; 2] {
        let account = Account {
            terminal,
            id,
            status: AccountStatus::Active,
            created_at: now,
            changed_at: now,
        };
        let event = AuditEvent {
            account: Some(id.to_string()),
            ..self.event(now, "account.created", None)
        };
        [Write::Account(account), Write::Audit(event)]
    }

    /// One live grant per account, app and instance key: a new one ends the old. And [`APP_GRANTS`] at
    /// most per account and app: installations without keys cannot be told apart, and keys are free
    /// to make.
    fn supersede(&self, account: AccountId, grants: &[Grant], now: Timestamp) -> Vec<Write> {
        let mut same: Vec<_> = grants
            .iter()
            .filter(|grant| {
                grant.revoked_at.is_none()
                    && grant.account == account
                    && grant.client_id == self.request.client_id
            })
            .collect();
        // The same installation's come first, then the oldest.
        let jkt = self.instance_key();
        same.sort_by_key(|grant| (jkt.is_empty() || grant.jkt != jkt, grant.auth_time));
        let own = if jkt.is_empty() { 0 } else { same.iter().filter(|g| g.jkt == jkt).count() };
        let ended = own.max(same.len().saturating_sub(APP_GRANTS - 1));
        same.into_iter().take(ended).flat_map(|grant| revoke(grant, "superseded", now)).collect()
    }

    fn grant(
        &self,
        code: &CodeRecord,
        id: GrantId,
        account: AccountId,
        cx: &mut Context<'_>,
    ) -> (Grant, Minted) {
        let request = &self.request;
        let expires_at = cx.now.plus_seconds(request.grant_ttl_s);
        let mut grant = Grant {
            terminal: code.terminal,
            id,
            account,
            client_id: request.client_id.clone(),
            jkt: request.jkt.clone(),
            scope: request.scope.clone(),
            resources: request.resources.clone(),
            auth_time: code.received_at,
            route: code.route.clone(),
            trust: code.trust,
            revoked_at: None,
            refresh: RefreshState {
                sequence: 1,
                hash: Digest([0; 16]),
                previous: None,
                first: 1,
                used: false,
            },
            expires_at,
            // The instance key speaks for the account when the number was dormant: long after the
            // grant itself has ended.
            purge_at: expires_at
                .max(cx.now.plus_seconds(request.dormant_s.saturating_mul(2)))
                .plus_seconds(TOMBSTONE_S),
        };
        let minted = Minted::new(&self.vault, &grant, 1, cx.random);
        grant.refresh.hash = minted.hash;
        (grant, minted)
    }

    fn hand_over(
        code: &CodeRecord,
        grant: Grant,
        minted: Minted,
        new_account: bool,
        mut writes: Vec<Write>,
    ) -> Step<Self> {
        writes.push(Write::Grant(grant.clone()));
        let issued =
            Issued { grant, number: code.number.clone(), refresh_token: minted.token, new_account };
        Step::Done(writes, Redeemed::Issued(Box::new(issued)))
    }

    fn event(
        &self,
        now: Timestamp,
        kind: &'static str,
        reason: Option<&'static str>,
    ) -> AuditEvent {
        AuditEvent {
            client_id: Some(self.request.client_id.clone()),
            reason,
            ..AuditEvent::new(now, kind)
        }
    }
}

/// How many live grants an account keeps for one app.
pub(crate) const APP_GRANTS: usize = 20;

/// The old account of a dormant number: kept for an operator to restore, its grants revoked.
fn replace(old: &Account, grants: &[Grant], now: Timestamp) -> Vec<Write> {
    let replaced = Account { status: AccountStatus::Replaced, changed_at: now, ..old.clone() };
    let event = AuditEvent {
        account: Some(old.id.to_string()),
        reason: Some("dormant"),
        ..AuditEvent::new(now, "account.replaced")
    };
    let live = grants.iter().filter(|grant| grant.account == old.id && grant.revoked_at.is_none());
    let mut writes = vec![Write::Account(replaced), Write::Audit(event)];
    writes.extend(live.flat_map(|grant| revoke(grant, "dormant", now)));
    writes
}

impl Operation for Redeem {
    type Outcome = Redeemed;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        self.spends.prefetch(keys);
        match &self.stage {
            Stage::Consume => keys.push(Key::Code(self.request.code)),
            Stage::Complete { code, .. } => {
                keys.push(Key::Grants(code.terminal));
                keys.push(Key::Terminal(code.terminal));
            }
        }
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        match self.spends.decide(view, cx.now)? {
            Spending::Next(used, spends) => {
                return Ok(Step::Next(vec![Write::Jti(used)], Self { spends, ..self.clone() }));
            }
            Spending::Replayed(replay) => {
                return Ok(Step::Done(Vec::new(), Redeemed::Replayed(replay)));
            }
            Spending::Over => {}
        }
        match &self.stage {
            Stage::Consume => self.consume(view, cx),
            Stage::Complete { code, grant } => self.complete(code, *grant, view, cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Commitment, Model, vault};
    use crate::grant::Spend;

    /// What the simulation has no eye for: both identifiers in one request.
    #[test]
    fn a_replay_of_either_identifier_consumes_nothing() {
        let mut model = Model::new();
        let commitment = Commitment::new("weather", "key", 1);
        let until = model.now.plus_seconds(60);
        let spend = |n| Some(Spend { key: Digest([n; 16]), until });
        let run = |model: &mut Model, proof, assertion| {
            let spends = Spends { proof: spend(proof), assertion: spend(assertion) };
            let redeem = Redeem::new(Arc::new(commitment.request()), vault(), spends);
            let mut keys = Vec::new();
            redeem.prefetch(&mut keys);
            assert_eq!(keys.len(), 3, "one round trip for all");
            model.run(redeem)
        };
        assert!(matches!(run(&mut model, 1, 2), Redeemed::Pending));
        model.run(commitment.text(0, crate::records::Trust::Operator));
        let before = format!("{:?}", model.codes);
        let replayed = run(&mut model, 1, 3);
        assert!(matches!(replayed, Redeemed::Replayed(Replay::Proof)), "{replayed:?}");
        assert_eq!(model.jtis.len(), 2, "the assertion is left");
        let replayed = run(&mut model, 4, 2);
        assert!(matches!(replayed, Redeemed::Replayed(Replay::Assertion)), "{replayed:?}");
        assert_eq!(format!("{:?}", model.codes), before);
        assert!(matches!(run(&mut model, 5, 6), Redeemed::Issued(_)));
    }
}
