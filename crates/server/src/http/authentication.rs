//! The checker: which app sends a request, and with which instance key.

use std::sync::Arc;
use std::time::Instant;

use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, request};
use twinpath_core::app::{
    AuthError, Claimed, ClientCertificate, Credentials, Presented, Registered,
};
use twinpath_core::grant::{Replay, Spend, Spends};
use twinpath_core::ids::Timestamp;
use twinpath_core::proof::{Expected, Proof, verify_proof};
use twinpath_core::records::{AppAttestation, AuthMethod, Evidence};
use twinpath_core::token::Bound;
use twinpath_wire::oauth::ErrorCode;
use twinpath_wire::{client_attestation, dpop};

use crate::http::Refusal;
use crate::http::attested::{self, Attested};
use crate::http::certificate::client_certificate;
use crate::http::refusal::DPOP_NONCE;
use crate::http::request::{Form, base, single};
use crate::platform::{Platform, Taken};

/// An authenticated app.
#[derive(Debug)]
pub(super) struct Caller {
    /// The app.
    pub(super) registered: Arc<Registered>,
    /// Its assertion, or the proof of possession of its attested key, to be used up.
    pub(super) assertion: Option<Spend>,
    /// The challenge that this answers, to be used up.
    pub(super) challenge: Option<Spend>,
    /// What vouches for the installation.
    pub(super) attested: Option<Attested>,
    /// The TLS client certificate of its request.
    pub(super) certificate: Option<Arc<ClientCertificate>>,
}

/// What a request shows to be bound to: an instance key that signed a proof, or a certificate.
#[derive(Clone, Debug, Default)]
pub(super) struct Proven {
    /// As [`Grant::jkt`](twinpath_core::records::Grant::jkt) names it; empty for an app registered
    /// without either.
    pub(super) jkt: String,
    /// The proof, to be used up where nodes share the store.
    pub(super) proof: Option<Spend>,
}

impl Caller {
    /// Authenticates the app of a request. What would be refused is held once more against the
    /// registry as it is now: the app may have been registered a moment ago, by another process.
    pub(super) async fn authenticate(
        platform: &Platform,
        parts: &request::Parts,
        form: &Form,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if parts.headers.contains_key(client_attestation::HEADER) {
            return attested::authenticate(platform, parts, form, now).await;
        }
        let certificate = client_certificate(platform, parts)?;
        let roots = &platform.config.mtls.roots;
        let authorization = single(&parts.headers, AUTHORIZATION.as_str())
            .map_err(|()| Refusal::request("there must be one Authorization header"))?;
        let claimed = Credentials {
            authorization,
            client_id: form.get("client_id"),
            client_secret: form.get("client_secret"),
            client_assertion_type: form.get("client_assertion_type"),
            client_assertion: form.get("client_assertion"),
            certificate: certificate.as_deref().map(|certificate| Presented { certificate, roots }),
        }
        .claim()?;
        let begun = Instant::now();
        let authenticated = match Self::check(platform, &claimed, now) {
            Err(error @ AuthError::Client(_)) => {
                let moved = platform.registry.renew_since(platform, begun).await;
                let moved = moved.inspect_err(|error| {
                    tracing::error!(%error, "the registry could not be renewed");
                });
                match moved {
                    Ok(true) => Self::check(platform, &claimed, now),
                    Ok(false) | Err(_) => Err(error),
                }
            }
            result => result,
        };
        let (registered, assertion) = authenticated?;
        Ok(Self { registered, assertion, certificate, challenge: None, attested: None })
    }

    fn check(
        platform: &Platform,
        claimed: &Claimed<'_>,
        now: Timestamp,
    ) -> Result<(Arc<Registered>, Option<Spend>), AuthError> {
        let config = &platform.config;
        let registered = platform.app(&claimed.client_id);
        let authenticated = claimed.check(
            registered.as_deref(),
            &config.issuer,
            config.development,
            &platform.vault,
            now,
        )?;
        // An app that is not registered was refused above.
        let registered = registered.ok_or(AuthError::Client("unknown app"))?;
        Ok((registered, authenticated.spend))
    }

    /// Authenticates an app that must prove itself: not a public one.
    pub(super) async fn authenticate_confidential(
        platform: &Platform,
        parts: &request::Parts,
        form: &Form,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let caller = Self::authenticate(platform, parts, form, now).await?;
        if caller.registered.app.auth_method == AuthMethod::None {
            return Err(AuthError::Client("this endpoint is for apps that authenticate").into());
        }
        Ok(caller)
    }

    /// What the request uses up, with this proof.
    pub(super) fn spends(&self, proof: Option<Spend>) -> Spends {
        Spends { proof, assertion: self.assertion, challenge: self.challenge }
    }

    /// Uses up what authenticates a request that has no operation of its own to do it in.
    pub(super) async fn spend(&self, platform: &Platform) -> Result<(), Refusal> {
        let proof = self.attested.as_ref().and_then(|attested| attested.proven.as_ref());
        use_up(platform, self.spends(proof.and_then(|proven| proven.proof))).await
    }

    /// What vouches for the installation, as tokens say it.
    pub(super) fn attestation(&self) -> Option<&AppAttestation> {
        self.attested.as_ref().map(|attested| &attested.claim)
    }

    /// What it is worth.
    pub(super) fn evidence(&self) -> Evidence {
        self.attestation().map_or(Evidence::None, |attestation| attestation.evidence)
    }

    /// What the tokens of this request are to be bound to: for an app with DPoP the proven instance
    /// key, for one with certificate-bound tokens its certificate, whichever method it authenticates
    /// by (RFC 8705 3); for others nothing, whatever comes.
    pub(super) fn instance_key(
        &self,
        platform: &Platform,
        headers: &HeaderMap,
        url: &str,
        now: Timestamp,
    ) -> Result<Proven, Refusal> {
        if let Some(proven) = self.attested.as_ref().and_then(|attested| attested.proven.clone()) {
            return Ok(proven);
        }
        if self.registered.app.certificate_bound {
            return self.certificate_in_time(now);
        }
        if !self.registered.app.dpop {
            return Ok(Proven::default());
        }
        let expected = Expected { method: "POST", url, access_token: None };
        let proven = prove(platform, headers, expected, now)
            .map_err(|refusal| refusal.header(DPOP_NONCE, &platform.proofs.nonces.at(now)))?;
        match &self.attested {
            Some(attested) => attested.same_key(proven),
            None => Ok(proven),
        }
    }

    /// The instance key of a request to `path` that may show one and need not. An attested key is shown, too,
    /// by a proof of possession of its own (draft-ietf-oauth-attestation-based-client-auth-10 9.4).
    pub(super) fn shown_key(
        &self,
        platform: &Platform,
        headers: &HeaderMap,
        path: &str,
        now: Timestamp,
    ) -> Result<Proven, Refusal> {
        if !self.registered.app.dpop || !headers.contains_key(dpop::HEADER) {
            return Ok(self.attested.as_ref().map(Attested::key).unwrap_or_default());
        }
        let url = format!("{}{path}", base(platform, headers));
        self.instance_key(platform, headers, &url, now)
    }

    fn certificate_in_time(&self, now: Timestamp) -> Result<Proven, Refusal> {
        let certificate = self.certificate.as_deref().ok_or_else(|| {
            Refusal::request(
                "this app's tokens are bound to its TLS client certificate, and none came; see \
                 mtls_endpoint_aliases in the metadata",
            )
        })?;
        if !certificate.in_time(now) {
            return Err(Refusal::request("the client certificate has expired or is not valid yet"));
        }
        Ok(Proven { jkt: Bound::Certificate(certificate.thumbprint()).name(), proof: None })
    }
}

/// Uses up what a request brings for one use only, if it has no operation of its own to do it in.
pub(super) async fn use_up(platform: &Platform, spends: Spends) -> Result<(), Refusal> {
    platform.use_up(spends).await?.map_or(Ok(()), |replay| Err(replayed(replay)))
}

/// RFC 9449 8.2: the next proof's nonce comes with each answer, so no request is made in vain.
pub(super) fn with_next_nonce(
    platform: &Platform,
    result: Result<Response, Refusal>,
) -> Result<Response, Refusal> {
    let nonce = platform.proofs.nonces.at(crate::platform::now());
    result
        .map(|mut response| {
            if let Ok(value) = HeaderValue::from_str(&nonce) {
                response.headers_mut().insert(DPOP_NONCE, value);
            }
            response
        })
        .map_err(|refusal| refusal.header_once(DPOP_NONCE, &nonce))
}

/// An assertion or a proof that was seen before.
pub(super) fn replayed(replay: Replay) -> Refusal {
    match replay {
        Replay::Assertion => {
            AuthError::Client("the jti of the assertion or proof was used before").into()
        }
        Replay::Challenge => attested::challenge_used(),
        Replay::Proof => {
            Refusal::new(ErrorCode::InvalidDpopProof, "the proof's jti was used before")
        }
    }
}

/// Checks the one DPoP proof of a request and takes its identifier, as far as this node knows: what is
/// left to use up in the store comes along.
pub(super) fn prove(
    platform: &Platform,
    headers: &HeaderMap,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<Proven, Refusal> {
    use ErrorCode::InvalidDpopProof;
    let header = single(headers, dpop::HEADER)
        .map_err(|()| Refusal::new(InvalidDpopProof, "there must be one DPoP header"))?
        .ok_or_else(|| Refusal::new(InvalidDpopProof, "this app's requests need a DPoP proof"))?;
    let proof = verify_proof(header, expected, &platform.proofs.nonces, now)?;
    take(platform, proof, now)
}

/// Takes the identifier of a proof that holds.
pub(super) fn take(platform: &Platform, proof: Proof, now: Timestamp) -> Result<Proven, Refusal> {
    match platform.proofs.take(&platform.vault, &proof, now) {
        Taken::New(spend) => Ok(Proven { jkt: proof.jkt, proof: spend }),
        Taken::Replay => Err(replayed(Replay::Proof)),
        Taken::Full => Err(Refusal::too_many(1)),
    }
}
