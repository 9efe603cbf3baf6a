//! Attestation-based client authentication (draft-ietf-oauth-attestation-based-client-auth-10), by both
//! methods: with a proof of possession of its own, or with the request's `DPoP` proof for one.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request, request};
use twinpath_core::app::{
    AttestationError, AuthError, Registered, Trusted, Vouched, claimed_app, vouch,
};
use twinpath_core::grant::Spend;
use twinpath_core::ids::{ClientId, InstanceId, Timestamp};
use twinpath_core::instance::{Admission, Admit, Look, admission};
use twinpath_core::proof::{Expected, check_challenge, issue_challenge, verify_answer};
use twinpath_core::records::{App, AppAttestation, AuthMethod, InstanceStatus};
use twinpath_wire::client_attestation::{CHALLENGE_HEADER, HEADER, POP_HEADER};
use twinpath_wire::dpop;
use twinpath_wire::oauth::ErrorCode;

use crate::http::Refusal;
use crate::http::authentication::{Caller, Proven, take};
use crate::http::certificate::client_certificate;
use crate::http::refusal::{DPOP_NONCE, fault};
use crate::http::request::{Form, base, single};
use crate::platform::{Platform, SystemRandom, now};

/// `OAuth-Client-Attestation-Challenge`
const CHALLENGE: HeaderName = HeaderName::from_static(CHALLENGE_HEADER);

/// An installation that an attester vouches for.
#[derive(Clone, Debug)]
pub(super) struct Attested {
    /// Its key.
    jkt: String,
    /// What tokens say of it.
    pub(super) claim: AppAttestation,
    /// The request's proof, where that is what shows the key.
    pub(super) proven: Option<Proven>,
}

impl Attested {
    /// The key, which a proof of possession of its own has shown.
    pub(super) fn key(&self) -> Proven {
        Proven { jkt: self.jkt.clone(), proof: None }
    }

    /// PROTOCOL 5: the attested key must be the `DPoP` key, by both methods.
    pub(super) fn same_key(&self, proven: Proven) -> Result<Proven, Refusal> {
        if proven.jkt == self.jkt {
            return Ok(proven);
        }
        Err(invalid("the DPoP proof is made with another key than the attested one"))
    }
}

fn invalid(why: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidClientAttestation, why)
}

/// A challenge that was answered before.
pub(super) fn challenge_used() -> Refusal {
    Refusal::new(ErrorCode::UseAttestationChallenge, "the challenge was used before")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    single(headers, name).map_err(|()| invalid(&format!("there must be one {name} header")))
}

/// Authenticates the app of a request that shows an attestation.
pub(super) async fn authenticate(
    platform: &Platform,
    parts: &request::Parts,
    form: &Form,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    let headers = &parts.headers;
    let others = ["client_secret", "client_assertion"];
    if headers.contains_key(AUTHORIZATION) || others.iter().any(|name| form.get(name).is_some()) {
        return Err(Refusal::request("a request authenticates by one method only"));
    }
    let attestation = header(headers, HEADER)?.ok_or_else(|| fault("a header is gone"))?;
    let client_id = match form.get("client_id") {
        Some(id) => ClientId::new(id),
        None => claimed_app(attestation),
    };
    let registered = app(platform, client_id).await?;
    let known = &registered.app;
    let keys = platform.keys();
    let attesters = platform.attesters.now();
    let lives = (now, platform.config.attestation.max_age_s);
    let trusted = Trusted { ring: &keys, others: &attesters, registered: &registered.keys };
    let vouched = vouch(attestation, &known.client_id, trusted, lives)
        .map_err(|error| refuse(platform, known, error))?;
    let pop = header(headers, POP_HEADER)?;
    let shown = match known.auth_method {
        AuthMethod::AttestJwtClientAuth => {
            let pop = pop.ok_or_else(|| invalid("the proof of possession is missing"))?;
            let config = &platform.config;
            let possession =
                vouched.possession(pop, &known.client_id, &config.issuer, &platform.vault, now);
            let possession = possession.map_err(|error| refuse(platform, known, error))?;
            Shown {
                assertion: Some(possession.jti),
                challenge: Some(possession.challenge),
                proven: None,
            }
        }
        _ if pop.is_some() => {
            let why =
                "this app shows its key by the DPoP proof, without another proof of possession";
            return Err(invalid(why));
        }
        _ => combined(platform, parts, &vouched, &known.client_id, now)?,
    };
    let claim = admit(platform, &registered, &vouched).await?;
    Ok(Caller {
        certificate: client_certificate(platform, parts)?,
        registered,
        assertion: shown.assertion,
        challenge: shown.challenge,
        attested: Some(Attested { jkt: vouched.jkt, claim, proven: shown.proven }),
    })
}

/// What shows the key.
struct Shown {
    assertion: Option<Spend>,
    challenge: Option<Spend>,
    proven: Option<Proven>,
}

/// The `DPoP` proof shows the key; its nonce is this server's, or a challenge.
fn combined(
    platform: &Platform,
    parts: &request::Parts,
    vouched: &Vouched,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Shown, Refusal> {
    let nonce = platform.proofs.nonces.at(now);
    let header = header(&parts.headers, dpop::HEADER)?
        .ok_or_else(|| invalid("the DPoP proof, which shows the attested key, is missing"))?;
    let url = format!("{}{}", base(platform, &parts.headers), parts.uri.path());
    let expected = Expected { method: parts.method.as_str(), url: &url, access_token: None };
    let mut challenge = None;
    let proof = verify_answer(header, expected, now, |said| {
        challenge = check_challenge(&platform.vault, said, client_id, now).ok();
        challenge.is_some() || platform.proofs.nonces.accepts(said, now)
    });
    let proof = proof.map_err(|error| Refusal::from(error).header(DPOP_NONCE, &nonce))?;
    if proof.jkt != vouched.jkt {
        return Err(invalid("the DPoP proof is made with another key than the attested one"));
    }
    let proven = take(platform, proof, now).map_err(|e| e.header(DPOP_NONCE, &nonce))?;
    Ok(Shown { assertion: None, challenge, proven: Some(proven) })
}

/// An app that is registered for attestation; one of a moment ago, by another process, too.
pub(super) async fn app(
    platform: &Platform,
    id: Option<ClientId>,
) -> Result<Arc<Registered>, Refusal> {
    let unknown =
        || Refusal::from(AuthError::Client("unknown app, or it is not shown to be this one"));
    let id = id.ok_or_else(unknown)?;
    let attested = |registered: &Arc<Registered>| registered.app.auth_method.is_attested();
    if let Some(known) = platform.app(&id).filter(attested) {
        return Ok(known);
    }
    let renewed = platform.registry.renew_since(platform, Instant::now()).await;
    renewed.map_err(|_| fault("the registry could not be renewed"))?;
    platform.app(&id).filter(attested).ok_or_else(unknown)
}

/// What is known of the installation, and whether it is enough for the app.
async fn admit(
    platform: &Platform,
    registered: &Registered,
    vouched: &Vouched,
) -> Result<AppAttestation, Refusal> {
    let app = &registered.app;
    let id = InstanceId::new(app.client_id.clone(), &vouched.jkt)
        .ok_or_else(|| fault("a thumbprint is no thumbprint"))?;
    let known = platform.store.read(Look(id.clone())).await?;
    let (mut decided, row) = admission(known.as_ref(), &id, &vouched.by, (app.created_at, now()));
    if row.is_some() {
        let (by, since) = (vouched.by.clone(), app.created_at);
        decided = platform.run(Admit { id, by, since }).await?;
    }
    let claim = match decided {
        Admission::Admitted(claim) => claim,
        Admission::Forgotten => {
            let why = "nothing is known of this installation any more: attest it anew";
            return Err(Refusal::new(ErrorCode::UseFreshAttestation, why));
        }
        Admission::Refused(InstanceStatus::Revoked) => {
            return Err(invalid("this key was revoked: make another one"));
        }
        Admission::Refused(_) => return Err(invalid("this installation is blocked")),
    };
    if claim.evidence.suffices(&app.attestation.evidence) {
        return Ok(claim);
    }
    let wanted: Vec<_> = app.attestation.evidence.iter().map(|it| it.as_str()).collect();
    let why = format!(
        "the app asks for evidence {}; this installation has {}",
        wanted.join(" or "),
        claim.evidence.as_str()
    );
    Err(invalid(&why))
}

impl Caller {
    /// Whether the request's proof is what shows the attested key.
    pub(super) fn proves_by_dpop(&self) -> bool {
        self.attested.as_ref().is_some_and(|attested| attested.proven.is_some())
    }

    /// Refuses what an operator refused since the request came.
    pub(super) async fn still_admitted(&self, platform: &Platform) -> Result<(), Refusal> {
        let Some(attested) = &self.attested else { return Ok(()) };
        let id = InstanceId::new(self.registered.app.client_id.clone(), &attested.jkt)
            .ok_or_else(|| fault("a thumbprint is no thumbprint"))?;
        let known = platform.store.read(Look(id)).await?;
        match known.map(|known| known.status) {
            Some(InstanceStatus::Blocked | InstanceStatus::Revoked) => {
                Err(invalid("this installation is blocked"))
            }
            Some(InstanceStatus::Active) | None => Ok(()),
        }
    }
}

/// The draft's errors. Where the `DPoP` proof shows the key, its next nonce comes along.
fn refuse(platform: &Platform, app: &App, error: AttestationError) -> Refusal {
    let code = match error {
        AttestationError::UseChallenge(_) => ErrorCode::UseAttestationChallenge,
        AttestationError::UseFresh(_) => ErrorCode::UseFreshAttestation,
        AttestationError::Invalid(_) => ErrorCode::InvalidClientAttestation,
    };
    let refusal = Refusal::new(code, error.to_string());
    if app.auth_method == AuthMethod::AttestJwtClientAuth {
        return refusal;
    }
    refusal.header(DPOP_NONCE, &platform.proofs.nonces.at(now()))
}

/// The next proof's challenge comes with each answer to a request that shows an attestation (6.2), so no
/// request is made in vain.
pub(super) async fn with_next_challenge(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let attested = request.headers().contains_key(HEADER);
    let mut response = next.run(request).await;
    if attested {
        let challenge = issue_challenge(&platform.vault, None, now(), &mut SystemRandom);
        if let Ok(value) = HeaderValue::try_from(challenge) {
            response.headers_mut().insert(CHALLENGE, value);
        }
    }
    response
}
