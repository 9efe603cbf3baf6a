//! Renewal without new evidence: what is stored is judged again (PROTOCOL 11).

use axum::body::Body;
use axum::response::Response;
use http::request;
use twinpath_core::attester::{Enrol, Judged, again, asserted};
use twinpath_core::grant::Spends;
use twinpath_core::ids::InstanceId;
use twinpath_core::instance::Look;
use twinpath_core::proof::{Expected, verify_answer};
use twinpath_core::records::{Attestation, BUILT_IN, Evidence, InstanceStatus};
use twinpath_core::vault::same;
use twinpath_wire::dpop;
use twinpath_wire::evidence::{Renewal, evidence_digest};
use twinpath_wire::oauth::ErrorCode;

use super::evidence::{Enrolment, enrol, refused};
use super::{Refused, admit, input};
use crate::http::authentication::{take, use_up};
use crate::http::refusal::{DPOP_NONCE, fault};
use crate::http::request::{base, single};
use crate::http::{Refusal, path};
use crate::platform::{Platform, now};

pub(super) async fn renew(
    platform: &Platform,
    parts: &request::Parts,
    body: Body,
) -> Result<Response, Refused> {
    admit(platform, parts)?;
    let said: Renewal = input::body(parts, body).await?;
    let (now, app) = (now(), input::app(platform, &said.client_id).await?);
    let challenge = input::challenge(platform, &said.challenge, &app, now)?;
    let header = single(&parts.headers, dpop::HEADER).ok().flatten().ok_or_else(|| {
        Refusal::new(ErrorCode::InvalidDpopProof, "there must be one DPoP header")
    })?;
    let url = format!("{}{}", base(platform, &parts.headers), path::ATTEST_RENEW);
    let expected = Expected { method: "POST", url: &url, access_token: None };
    let proof = verify_answer(header, expected, now, |nonce| {
        same(nonce.as_bytes(), said.challenge.as_bytes())
    });
    // A client that knows nothing but RFC 9449 8 comes again with it.
    let proof = proof.map_err(|e| Refusal::from(e).header(DPOP_NONCE, &said.challenge))?;
    let jwk = proof.jwk.clone();
    let proven = take(platform, proof, now)?;
    use_up(platform, Spends { proof: proven.proof, ..Spends::default() }).await?;
    let id = InstanceId::new(app.app.client_id.clone(), &proven.jkt)
        .ok_or_else(|| fault("a thumbprint is no thumbprint"))?;
    let Some(known) = platform.store.read(Look(id.clone())).await? else {
        let why = "nothing is known of this key: show evidence of it";
        return Err(Refused::reason("instance_unknown", why));
    };
    if known.status != InstanceStatus::Active {
        return Err(refused(known.status));
    }
    if known.attestation.attested_at < app.app.created_at {
        let why = "this key was attested to an earlier app of this name";
        return Err(Refused::reason("instance_unknown", why));
    }
    let trust = platform.trust.now();
    let stored = known.attestation;
    let mut attestation = match again(&app.app, &stored, &trust, now) {
        Ok(attestation) => attestation,
        Err(reasons) => {
            if stored.attester == BUILT_IN {
                let evidence = Evidence::None;
                let attestation = Attestation { evidence, ..stored.clone() };
                let (challenge, stored) = (Some(challenge), Some(stored));
                platform.run(Enrol { challenge, id, attestation, stored }).await?;
            }
            return Err(Refused::Evidence(reasons));
        }
    };
    if let Some(assertion) = &said.assertion {
        let assertion = input::base64(assertion, "assertion")?;
        let issuer = &platform.config.issuer;
        let digest = evidence_digest(issuer, &said.client_id, &said.challenge, Some(&proven.jkt));
        attestation = asserted(attestation, &assertion, &digest).map_err(Refused::Evidence)?;
    }
    let judged = Judged { jwk, attestation };
    enrol(platform, &app, Enrolment { challenge, judged, stored: Some(stored) }).await
}
