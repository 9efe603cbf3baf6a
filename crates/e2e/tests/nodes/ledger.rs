//! What was promised, and whether it was kept: each text that was acknowledged is redeemed once,
//! each token that was given out stands, and no code made two grants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::wait::all;

use crate::client::{Balancer, Client, Told};
use crate::fleet::Fleet;

/// Requests of the audit that are under way at the same time.
const AUDITORS: usize = 8;

/// Everything a load did.
pub(crate) struct Ledger {
    pub(crate) entries: Vec<Entry>,
    pub(crate) balancer: Arc<Balancer>,
}

/// One code, and all that is known of it.
pub(crate) struct Entry {
    pub(crate) from: String,
    pub(crate) attempt: Attempt,
    pub(crate) client: Arc<Client>,
    /// The network was told that the platform has the text.
    pub(crate) acknowledged: bool,
    /// A redemption was sent, whether or not there was an answer.
    pub(crate) asked: bool,
    /// The newest refresh token that was given out.
    pub(crate) refresh_token: Option<String>,
}

impl Entry {
    pub(crate) fn new(from: String, client: Arc<Client>) -> Self {
        let attempt = client.doors[0].attempt();
        Self { from, attempt, client, acknowledged: false, asked: false, refresh_token: None }
    }

    /// Redeems the code, at first waiting for its text for so many seconds.
    pub(crate) async fn redeem(&self, balancer: &Balancer, wait: Option<u32>) -> Told {
        let make = |door: &Instance| {
            let draft = door.token_draft(&self.attempt);
            match wait {
                Some(seconds) => draft.header("Prefer", &format!("wait={seconds}")),
                None => draft,
            }
        };
        self.client.ask(balancer, self.acknowledged, make).await
    }

    /// Redeems the code by a request that asks for something else.
    async fn redeem_otherwise(&self, balancer: &Balancer) -> Told {
        let make = |door: &Instance| door.token_draft(&self.attempt).set("scope", "openid");
        self.client.ask(balancer, true, make).await
    }

    pub(crate) async fn refresh(&self, balancer: &Balancer) -> Told {
        let token = self.refresh_token.as_deref().expect("a refresh token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.client.ask(balancer, true, |door| door.draft("token_endpoint", &form)).await
    }

    /// Keeps what was given out.
    pub(crate) fn granted(&mut self, tokens: &Value) {
        if let Some(token) = tokens["refresh_token"].as_str() {
            self.refresh_token = Some(token.to_owned());
        }
    }

    /// Holds this code against what is known of it; says what became of it.
    async fn audit(&mut self, balancer: &Balancer, fleet: &Fleet) -> &'static str {
        let known = (self.acknowledged, self.refresh_token.is_some());
        if !self.acknowledged {
            // The network sends it again, as this one does here.
            self.acknowledged = balancer.text(&fleet.centre, &self.from, &self.attempt).await;
        }
        let outcome = match known {
            (_, true) => "redeemed under way",
            (true, false) => "acknowledged, redeemed at the end",
            (false, false) => "not acknowledged, texted and redeemed at the end",
        };
        let mut lost = false;
        if self.refresh_token.is_none() {
            match self.redeem(balancer, None).await {
                Told::Granted(tokens) => self.granted(&tokens),
                Told::Refused(_) if self.asked && !self.client.bound() => lost = true,
                Told::Refused(error) => balancer.strange(format!("{outcome}: {error}")),
                Told::GivenUp => unreachable!("nobody stops the audit"),
            }
        }
        match self.redeem_otherwise(balancer).await {
            Told::Refused(_) => {}
            _ => balancer.strange(format!("{outcome}: redeemed twice")),
        }
        if lost {
            return "redeemed, the answer lost";
        }
        match self.refresh_token {
            Some(_) => match self.refresh(balancer).await {
                Told::Granted(_) => {}
                _ => balancer.strange(format!("{outcome}: the refresh token does not stand")),
            },
            None => balancer.strange(format!("{outcome}: no refresh token")),
        }
        outcome
    }
}

impl Ledger {
    /// Holds every code against what is known of it, all nodes being up.
    pub(crate) async fn verify(self, fleet: &Fleet) {
        let Self { entries, balancer } = self;
        println!("seen to fail: {:?}", balancer.seen());
        balancer.nothing_strange();
        let count = entries.len();
        let entries = Mutex::new(entries.into_iter());
        let outcomes: Mutex<BTreeMap<&str, usize>> = Mutex::default();
        let auditor = async || {
            loop {
                let next = entries.lock().unwrap().next();
                let Some(mut entry) = next else { return };
                let outcome = entry.audit(&balancer, fleet).await;
                *outcomes.lock().unwrap().entry(outcome).or_default() += 1;
            }
        };
        all((0..AUDITORS).map(|_| auditor())).await;
        println!("{count} codes: {:?}", outcomes.into_inner().unwrap());
        balancer.nothing_strange();
        one_grant_each(fleet, count);
        for node in &fleet.nodes {
            let log = node.installation.log();
            assert!(!log.contains("panicked"), "{}: {log}", node.name);
        }
    }
}

/// Every code was texted by a number of its own, and has been redeemed by now.
fn one_grant_each(fleet: &Fleet, codes: usize) {
    let codes = codes.to_string();
    let counts = [
        ("grants ever made", "SELECT count(*) FROM grants"),
        ("terminals with a grant", "SELECT count(DISTINCT terminal) FROM grants"),
        (
            "live grants by account, app and key",
            "SELECT count(*) FROM (SELECT DISTINCT account, client_id, jkt FROM grants \
             WHERE revoked_at IS NULL) AS live",
        ),
        ("grants in the audit trail", "SELECT count(*) FROM audit WHERE kind = 'grant.issued'"),
        ("accounts", "SELECT count(*) FROM account"),
    ];
    for (what, sql) in counts {
        assert_eq!(fleet.sql(sql), codes, "{what}, for as many codes");
    }
}
