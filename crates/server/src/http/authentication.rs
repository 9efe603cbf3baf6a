//! The checker: which app sends a request, and with which instance key.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use twinpath_core::app::{AuthError, Claimed, Credentials, Registered};
use twinpath_core::grant::{Replay, Spend, Spends};
use twinpath_core::ids::Timestamp;
use twinpath_core::proof::{Expected, verify_proof};
use twinpath_core::records::AuthMethod;
use twinpath_wire::dpop;
use twinpath_wire::oauth::ErrorCode;

use crate::http::Refusal;
use crate::http::refusal::DPOP_NONCE;
use crate::http::request::{Form, single};
use crate::platform::{Platform, Taken};

/// An authenticated app.
#[derive(Debug)]
pub(super) struct Caller {
    /// The app.
    pub(super) registered: Arc<Registered>,
    /// Its assertion, to be used up.
    pub(super) assertion: Option<Spend>,
}

/// An instance key that signed a proof.
#[derive(Clone, Debug, Default)]
pub(super) struct Proven {
    /// Its thumbprint; empty for an app registered without DPoP.
    pub(super) jkt: String,
    /// The proof, to be used up where nodes share the store.
    pub(super) proof: Option<Spend>,
}

impl Caller {
    /// Authenticates the app of a request. What would be refused is held once more against the
    /// registry as it is now: the app may have been registered a moment ago, by another process.
    pub(super) async fn authenticate(
        platform: &Platform,
        headers: &HeaderMap,
        form: &Form,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let authorization = single(headers, AUTHORIZATION.as_str())
            .map_err(|()| Refusal::request("there must be one Authorization header"))?;
        let claimed = Credentials {
            authorization,
            client_id: form.get("client_id"),
            client_secret: form.get("client_secret"),
            client_assertion_type: form.get("client_assertion_type"),
            client_assertion: form.get("client_assertion"),
        }
        .claim()?;
        let begun = Instant::now();
        match Self::check(platform, &claimed, now) {
            Err(error @ AuthError::Client(_)) => {
                let moved = platform.registry.renew_since(platform, begun).await;
                let moved = moved.inspect_err(|error| {
                    tracing::error!(%error, "the registry could not be renewed");
                });
                match moved {
                    Ok(true) => Ok(Self::check(platform, &claimed, now)?),
                    Ok(false) | Err(_) => Err(error.into()),
                }
            }
            result => Ok(result?),
        }
    }

    fn check(
        platform: &Platform,
        claimed: &Claimed<'_>,
        now: Timestamp,
    ) -> Result<Self, AuthError> {
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
        Ok(Self { registered, assertion: authenticated.spend })
    }

    /// Authenticates an app that must prove itself: not a public one.
    pub(super) async fn authenticate_confidential(
        platform: &Platform,
        headers: &HeaderMap,
        form: &Form,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let caller = Self::authenticate(platform, headers, form, now).await?;
        if caller.registered.app.auth_method == AuthMethod::None {
            return Err(AuthError::Client("this endpoint is for apps that authenticate").into());
        }
        Ok(caller)
    }

    /// Uses up the assertion of a request that has no operation of its own to do it in.
    pub(super) async fn spend(&self, platform: &Platform) -> Result<(), Refusal> {
        use_up(platform, Spends { proof: None, assertion: self.assertion }).await
    }

    /// The proven instance key; none for an app registered without DPoP, whatever header comes.
    pub(super) fn instance_key(
        &self,
        platform: &Platform,
        headers: &HeaderMap,
        url: &str,
        now: Timestamp,
    ) -> Result<Proven, Refusal> {
        if !self.registered.app.dpop {
            return Ok(Proven::default());
        }
        let expected = Expected { method: "POST", url, access_token: None };
        prove(platform, headers, expected, now)
            .map_err(|refusal| refusal.header(DPOP_NONCE, &platform.proofs.nonces.at(now)))
    }
}

/// Uses up what a request brings for one use only, if it has no operation of its own to do it in.
pub(super) async fn use_up(platform: &Platform, spends: Spends) -> Result<(), Refusal> {
    platform.use_up(spends).await?.map_or(Ok(()), |replay| Err(replayed(replay)))
}

/// An assertion or a proof that was seen before.
pub(super) fn replayed(replay: Replay) -> Refusal {
    match replay {
        Replay::Assertion => AuthError::Client("the assertion's jti was used before").into(),
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
    match platform.proofs.take(&platform.vault, &proof, now) {
        Taken::New(spend) => Ok(Proven { jkt: proof.jkt, proof: spend }),
        Taken::Replay => Err(replayed(Replay::Proof)),
        Taken::Full => Err(Refusal::too_many(1)),
    }
}
