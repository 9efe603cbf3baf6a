//! The authorization endpoint's decisions, each outcome by example; and all of them under fire.

mod approve;
mod arrive;
mod confirm;
mod exchange;
mod judge;
mod prove;
mod request;
mod session;
mod simulation;

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use twinpath_wire::b64;

use super::*;
use crate::fixtures::{
    DORMANT_S, GRANT_TTL_S, ISSUER, Model, Seeded, client, terminal, text, vault, words,
};
use crate::grant::{Replay, Spend, Spends};
use crate::ids::{CodeKey, Digest, SessionId};
use crate::instance::ScopeRule;
use crate::join::{RecordText, Recorded, VoidedGrants};
use crate::records::{AuthorizationRequest, Grant, Interaction, ProvenTerminal, Stage, Trust};

const VERIFIER: &str = "a-verifier-of-forty-three-characters-in-all";
const SESSION_TTL_S: i64 = 12 * 3600;

fn challenge() -> String {
    b64::encode(digest(&SHA256, VERIFIER.as_bytes()))
}

fn asked() -> AuthorizationRequest {
    AuthorizationRequest {
        redirect_uri: Some("https://app.example/cb".to_owned()),
        scope: "openid".to_owned(),
        state: Some("state".to_owned()),
        code_challenge: challenge(),
        ..AuthorizationRequest::default()
    }
}

fn bytes(number: u8) -> Digest {
    Digest([number; 16])
}

/// One request, as the server's page for it knows it. Everything about it follows from its number.
#[derive(Clone, Copy, Debug)]
struct Page {
    id: InteractionId,
    client: &'static str,
    browser: Digest,
    code: Digest,
    cookie: Option<Digest>,
}

impl Page {
    fn new(number: u8) -> Self {
        let id = InteractionId::new(&mut Seeded(u64::from(number)));
        let cookie = Some(bytes(number + 200));
        Self { id, client: "weather", browser: bytes(number), code: bytes(number + 100), cookie }
    }

    fn key(&self) -> Digest {
        self.id.key(&vault())
    }

    fn look(&self) -> Look {
        Look { key: self.key(), browser: self.browser }
    }

    fn code_key(&self, attempt: u32) -> CodeKey {
        self.id.code_key(&vault(), ISSUER, &client(self.client), attempt)
    }

    fn text(&self, attempt: u32, phone: usize, trust: Trust) -> RecordText {
        let code = self.id.terminal_code(&vault(), ISSUER, &client(self.client), attempt);
        text(code, phone, trust, words())
    }

    fn push(&self, request: AuthorizationRequest) -> Push {
        let request = Arc::new(request);
        let spends = Spends::default();
        Push { key: self.key(), client_id: client(self.client), request, spends }
    }

    /// Its browser comes; with the request, or for a pushed one.
    fn arrive(&self, request: Option<AuthorizationRequest>) -> Arrive {
        Arrive {
            key: self.key(),
            client_id: client(self.client),
            request: request.map(Arc::new),
            browser: self.browser,
            session: None,
            trusted: false,
        }
    }

    fn prove(&self, attempt: u32) -> ProveTerminal {
        ProveTerminal::new(
            self.look(),
            (client(self.client), attempt, self.code_key(attempt)),
            Some(Arc::from([vault().words(&words())])),
            DORMANT_S,
            vault(),
        )
    }

    fn approve(&self) -> Approve {
        Approve::new(self.look(), self.code, self.cookie, SESSION_TTL_S)
    }

    fn token_request(&self) -> CodeRequest {
        CodeRequest {
            attestation: None,
            rule: ScopeRule::default(),
            interaction: self.key(),
            code: self.code,
            client_id: client(self.client),
            jkt: "key".to_owned(),
            redirect_uri: None,
            code_verifier: VERIFIER.to_owned(),
            resources: Vec::new(),
            details: None,
            refreshable: true,
            grant_ttl_s: GRANT_TTL_S,
            dormant_s: DORMANT_S,
            notify: false,
        }
    }

    fn exchange(&self) -> Exchange {
        exchange(self.token_request())
    }

    fn row<'a>(&self, model: &'a Model) -> &'a Interaction {
        &model.interactions[&self.key()]
    }

    fn by<'a>(&self, model: &'a Model) -> &'a ProvenTerminal {
        match &self.row(model).stage {
            Stage::Proven { by, .. } => by,
            Stage::Approved(approval) | Stage::Redeemed { approval, .. } => &approval.by,
            other => panic!("nobody is proven: {other:?}"),
        }
    }

    /// The session that began with its approval, by its cookie.
    fn find(&self, model: &mut Model) -> Option<FoundSession> {
        let by = self.by(model);
        let (terminal, id, by_confirmed) = (by.terminal, by.session.unwrap(), by.confirmed);
        let (cookie, client_id) = (self.cookie.unwrap(), client(self.client));
        model.run(FindSession { terminal, id, cookie, confirmed: by_confirmed, client_id })
    }

    fn log_out(&self, model: &mut Model) -> Option<Ended> {
        let by = self.by(model);
        let (terminal, id) = (by.terminal, by.session.unwrap());
        model.run(EndSession { terminal, id, cookie: self.cookie.unwrap() })
    }
}

fn exchange(request: CodeRequest) -> Exchange {
    Exchange::new(request, vault(), Spends::default())
}

/// A page that asks for a text.
fn asking(model: &mut Model, number: u8) -> Page {
    asking_for(model, number, asked())
}

fn asking_for(model: &mut Model, number: u8, request: AuthorizationRequest) -> Page {
    let page = Page::new(number);
    let arrived = model.run(page.arrive(Some(request)));
    assert!(matches!(arrived, Arrived::Page(_)), "{arrived:?}");
    page
}

/// A page whose text came from phone 0.
fn proven(model: &mut Model, number: u8) -> Page {
    proven_for(model, number, asked())
}

fn proven_for(model: &mut Model, number: u8, request: AuthorizationRequest) -> Page {
    let page = asking_for(model, number, request);
    assert_eq!(model.run(page.text(0, 0, Trust::Operator)), Recorded::New);
    let proven = model.run(page.prove(0));
    assert!(matches!(proven, ProvenOutcome::Proven(_)), "{proven:?}");
    page
}

/// A page whose person approved.
fn approved(model: &mut Model, number: u8) -> Page {
    approved_for(model, number, asked())
}

fn approved_for(model: &mut Model, number: u8, request: AuthorizationRequest) -> Page {
    let page = proven_for(model, number, request);
    let approved = model.run(page.approve());
    assert!(matches!(approved, Approved::Yes(..)), "{approved:?}");
    page
}

/// A page that another page's session let through to consent, for another app.
fn by_session(model: &mut Model, number: u8, of: &Page, request: AuthorizationRequest) -> Page {
    let page = Page { client: "bank", cookie: None, ..Page::new(number) };
    let session = of.find(model).map(Arc::new);
    assert!(session.is_some(), "no session stands");
    let session = session.map(|found| (found, "sub".to_owned()));
    let arrived = model.run(Arrive { session, ..page.arrive(Some(request)) });
    assert!(matches!(arrived, Arrived::Page(Arrival(_))), "{arrived:?}");
    assert!(page.by(model).session.is_some(), "the session was not believed");
    page
}

#[track_caller]
fn granted(redeemed: CodeRedeemed) -> Grant {
    match redeemed {
        CodeRedeemed::Issued { grant, .. } => *grant,
        other => panic!("no grant but {other:?}"),
    }
}

/// An approval in the browser that has the session of another page's approval.
fn renewing(model: &Model, page: &Page, earlier: &Page) -> Approve {
    page.approve().renewing(earlier.by(model).session.unwrap(), earlier.cookie.unwrap())
}

fn live_grants(model: &Model) -> usize {
    model.grants.values().filter(|grant| grant.live(model.now)).count()
}

fn live_sessions(model: &Model) -> usize {
    model.sessions.values().filter(|session| session.live(model.now)).count()
}

/// The first `steps` steps of an operation whose process then stops.
#[track_caller]
fn crash<O: crate::transaction::Operation>(model: &mut Model, operation: O, steps: usize) {
    assert!(stops(model, operation, steps), "it was over before");
}

/// The same; whether it stopped before it was over.
fn stops<O: crate::transaction::Operation>(model: &mut Model, operation: O, steps: usize) -> bool {
    let mut operation = operation;
    for _ in 0..steps {
        match model.step(&operation) {
            crate::fixtures::After::Next(next) => operation = next,
            crate::fixtures::After::Done(_) => return false,
        }
    }
    true
}

fn spends(model: &Model, proof: u8, assertion: u8) -> Spends {
    let until = model.now.plus_seconds(60);
    let spend = |number| Some(Spend { key: bytes(number), until });
    Spends { proof: spend(proof), assertion: spend(assertion), challenge: None }
}
