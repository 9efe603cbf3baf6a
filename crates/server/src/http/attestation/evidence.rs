//! Evidence judged, remembered, and answered with a client attestation.

use axum::body::Body;
use axum::response::Response;
use http::request;
use serde_json::json as object;
use twinpath_core::app::Registered;
use twinpath_core::attester::{
    ATTESTATION_S, Enrol, Enrolled, Judged, MAX_EVIDENCE, android as judge_android,
    apple as judge_apple, play_integrity as judge_play_integrity,
};
use twinpath_core::grant::{Spend, Spends};
use twinpath_core::ids::{InstanceId, Timestamp};
use twinpath_core::proof::Expected;
use twinpath_core::records::{Instance, InstanceStatus};
use twinpath_wire::client_attestation;
use twinpath_wire::evidence::{
    AndroidEvidence, AppleEvidence, Attested, PlayIntegrityEvidence, evidence_digest,
};
use twinpath_wire::jwk::Jwk;

use super::{Refused, admit, input};
use crate::http::authentication::{prove, use_up};
use crate::http::refusal::{DPOP_NONCE, fault, json};
use crate::http::request::base;
use crate::http::{Refusal, path};
use crate::platform::{Platform, now};

/// The most certificates of a chain that are decoded.
const MAX_CHAIN: usize = 16;

/// What is to be remembered of a request.
pub(super) struct Enrolment {
    pub(super) challenge: Spend,
    pub(super) judged: Judged,
    /// What was stored and judged again.
    pub(super) stored: Option<twinpath_core::records::Attestation>,
}

/// Android Key Attestation: the certificate is the key's, so nobody else gains by showing it.
pub(super) async fn android(
    platform: &Platform,
    parts: &request::Parts,
    body: Body,
) -> Result<Response, Refused> {
    admit(platform, parts)?;
    let said: AndroidEvidence = input::body(parts, body).await?;
    let (now, app) = (now(), input::app(platform, &said.client_id).await?);
    let challenge = input::challenge(platform, &said.challenge, &app, now)?;
    if said.certificate_chain.len() > MAX_CHAIN {
        let why = format!("certificate_chain has more than {MAX_CHAIN} certificates");
        return Err(Refusal::request(why).into());
    }
    let chain: Vec<_> = said
        .certificate_chain
        .iter()
        .map(|der| input::base64(der, "certificate_chain"))
        .collect::<Result<_, _>>()?;
    if chain.iter().map(Vec::len).sum::<usize>() > MAX_EVIDENCE {
        let why = format!("certificate_chain is larger than {MAX_EVIDENCE} bytes");
        return Err(Refusal::request(why).into());
    }
    let issuer = &platform.config.issuer;
    let digest = evidence_digest(issuer, &said.client_id, &said.challenge, None);
    let trust = platform.trust.now();
    let judged = judge_android(&app.app, &chain, &digest, &trust, now);
    let judged = judged.map_err(Refused::Evidence)?;
    enrol(platform, &app, Enrolment { challenge, judged, stored: None }).await
}

/// Apple App Attest: vouches for the key that the request's proof is made with.
pub(super) async fn apple(
    platform: &Platform,
    parts: &request::Parts,
    body: Body,
) -> Result<Response, Refused> {
    admit(platform, parts)?;
    let said: AppleEvidence = input::body(parts, body).await?;
    let (now, app) = (now(), input::app(platform, &said.client_id).await?);
    let challenge = input::challenge(platform, &said.challenge, &app, now)?;
    let object = input::base64(&said.attestation_object, "attestation_object")?;
    let key_id = input::base64(&said.key_id, "key_id")?;
    let jkt = proven(platform, parts, path::ATTEST_APPLE, &said.jwk, now).await?;
    let issuer = &platform.config.issuer;
    let digest = evidence_digest(issuer, &said.client_id, &said.challenge, Some(&jkt));
    let trust = platform.trust.now();
    let judged = judge_apple(&app.app, (&object, &key_id), said.jwk, &digest, &trust, now);
    let judged = judged.map_err(Refused::Evidence)?;
    enrol(platform, &app, Enrolment { challenge, judged, stored: None }).await
}

/// Play Integrity: the same.
pub(super) async fn play_integrity(
    platform: &Platform,
    parts: &request::Parts,
    body: Body,
) -> Result<Response, Refused> {
    admit(platform, parts)?;
    let said: PlayIntegrityEvidence = input::body(parts, body).await?;
    let (now, app) = (now(), input::app(platform, &said.client_id).await?);
    let challenge = input::challenge(platform, &said.challenge, &app, now)?;
    let jkt = proven(platform, parts, path::ATTEST_PLAY_INTEGRITY, &said.jwk, now).await?;
    let issuer = &platform.config.issuer;
    let digest = evidence_digest(issuer, &said.client_id, &said.challenge, Some(&jkt));
    let token = &said.integrity_token;
    let judged = judge_play_integrity(&app.app, token, said.jwk, &digest, &platform.vault, now);
    let judged = judged.map_err(Refused::Evidence)?;
    enrol(platform, &app, Enrolment { challenge, judged, stored: None }).await
}

/// The thumbprint of `jwk`, if the request's proof is made with it.
async fn proven(
    platform: &Platform,
    parts: &request::Parts,
    path: &str,
    jwk: &Jwk,
    now: Timestamp,
) -> Result<String, Refused> {
    let url = format!("{}{path}", base(platform, &parts.headers));
    let expected = Expected { method: "POST", url: &url, access_token: None };
    let proven = prove(platform, &parts.headers, expected, now)
        .map_err(|refusal| refusal.header(DPOP_NONCE, &platform.proofs.nonces.at(now)))?;
    use_up(platform, Spends { proof: proven.proof, ..Spends::default() }).await?;
    if proven.jkt != jwk.thumbprint() {
        return Err(Refused::reason("key_mismatch", "the proof is made with another key than jwk"));
    }
    Ok(proven.jkt)
}

/// Uses the challenge up, remembers the installation, and answers.
pub(super) async fn enrol(
    platform: &Platform,
    app: &Registered,
    enrolment: Enrolment,
) -> Result<Response, Refused> {
    let Enrolment { challenge, judged, stored } = enrolment;
    let client_id = app.app.client_id.clone();
    let id = InstanceId::new(client_id, &judged.jwk.thumbprint())
        .ok_or_else(|| fault("a thumbprint is no thumbprint"))?;
    let attestation = judged.attestation.clone();
    let enrol = Enrol { challenge: Some(challenge), id, attestation, stored };
    match platform.run(enrol).await? {
        Enrolled::Done(instance) => Ok(attest(platform, &instance, judged.jwk)?),
        Enrolled::ChallengeUsed => {
            Err(Refused::reason("challenge_used", "the challenge was used before"))
        }
        Enrolled::Refused(status) => Err(refused(status)),
        Enrolled::Changed => {
            let why = "another request of this installation was faster, ask for a new challenge";
            Err(Refused::reason("challenge_used", why))
        }
    }
}

/// What an operator refused.
pub(super) fn refused(status: InstanceStatus) -> Refused {
    match status {
        InstanceStatus::Revoked => {
            Refused::reason("instance_revoked", "this key was revoked: make another one")
        }
        InstanceStatus::Active | InstanceStatus::Blocked => {
            Refused::reason("instance_blocked", "this installation is blocked")
        }
    }
}

/// The client attestation (draft-ietf-oauth-attestation-based-client-auth-10 4).
fn attest(platform: &Platform, instance: &Instance, jwk: Jwk) -> Result<Response, Refusal> {
    let issued = now().seconds();
    let lives_s = ATTESTATION_S.min(platform.config.attestation.max_age_s);
    let claims = object!({
        "iss": platform.config.issuer,
        "sub": instance.client_id(),
        "iat": issued,
        "exp": issued.saturating_add(lives_s),
        "cnf": {"jwk": Jwk::new(jwk.key)},
        "app_attestation": instance.claim(),
    });
    let jwt = platform.keys().default_signer().sign(client_attestation::TYP, &claims);
    let client_attestation = jwt.map_err(|_| fault("a client attestation could not be signed"))?;
    Ok(json(&Attested {
        client_attestation,
        expires_in: u64::try_from(lives_s).unwrap_or_default(),
    }))
}
