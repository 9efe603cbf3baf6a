//! The sender: what a grant's request was and how it is answered, tokens signed and number masked.

use std::sync::Arc;

use axum::response::Response;
use http::HeaderMap;
use serde_json::Value;
use twinpath_core::app::Registered;
use twinpath_core::grant::{Scope, Spends};
use twinpath_core::ids::{ClientId, CodeKey, Timestamp};
use twinpath_core::instance::ScopeRule;
use twinpath_core::join::UnredeemedGate;
use twinpath_core::records::{App, Grant};
use twinpath_core::token::{AccessClaims, Bound, IdClaims, IdTokenRequest, Subject, at_hash};
use twinpath_wire::oauth::{TOKEN_TYPE_BEARER, TOKEN_TYPE_DPOP, TokenResponse};

use crate::http::Refusal;
use crate::http::authentication::{Caller, Proven, use_up};
use crate::http::refusal::{fault, json};
use crate::http::request::Form;
use crate::platform::{Platform, SystemRandom, now};

/// A request of an authenticated app with a proven key.
#[derive(Debug)]
pub(super) struct TokenRequest {
    pub(super) form: Form,
    pub(super) headers: HeaderMap,
    pub(super) source: std::net::IpAddr,
    pub(super) caller: Caller,
    pub(super) proven: Proven,
    pub(super) now: Timestamp,
}

impl TokenRequest {
    /// What it uses up.
    pub(super) fn spends(&self) -> Spends {
        self.caller.spends(self.proven.proof)
    }

    /// What the installation may have.
    pub(super) fn scope_rule(&self, platform: &Platform) -> ScopeRule {
        let policy = Arc::clone(&platform.config.attestation.scopes);
        ScopeRule { policy, evidence: self.caller.evidence() }
    }

    /// The source whose codes are counted (PROTOCOL 7.4): that of every request but an attested instance's,
    /// which has a limit of its own.
    pub(super) fn limited_source(&self) -> Option<(std::net::IpAddr, &ClientId)> {
        let attested = self.caller.attested.is_some();
        (!attested).then_some((self.source, &self.caller.registered.app.client_id))
    }

    /// Who proves terminals, for the farming block: the attested instance, or else the source, as other
    /// keys are free to make.
    pub(super) fn holder(&self) -> String {
        let app = &self.caller.registered.app.client_id;
        match self.caller.attested {
            Some(_) => format!("{app} {}", self.proven.jkt),
            None => format!("{app} {}", self.source),
        }
    }

    /// The limit of an attested instance that names `code`.
    pub(super) fn gate(&self, platform: &Platform, code: CodeKey) -> Option<UnredeemedGate> {
        self.caller.attested.as_ref()?;
        let limits = &platform.config.limits;
        let instance = (&self.caller.registered.app.client_id, self.proven.jkt.as_str());
        let limit = (limits.unredeemed_codes_per_instance, limits.block_s);
        Some(UnredeemedGate::new(&platform.vault, instance, code, limit))
    }

    /// Refuses it before its operation. The assertion stays, for a request that is made well; a proof
    /// that held is used up all the same, as nothing ties it to what the request said.
    pub(super) async fn refuse(&self, platform: &Platform, refusal: Refusal) -> Refusal {
        // A challenge that stood as the proof's nonce goes with the proof.
        let answered = self.caller.proves_by_dpop();
        let challenge = self.caller.challenge.filter(|_| answered);
        let spends = Spends { assertion: None, challenge, ..self.spends() };
        use_up(platform, spends).await.err().unwrap_or(refusal)
    }
}

/// The sender's answer for a grant: tokens signed, number masked.
pub(super) struct Tokens<'a> {
    pub(super) registered: &'a Registered,
    pub(super) grant: &'a Grant,
    pub(super) scope: &'a Scope,
    pub(super) resources: &'a [String],
    pub(super) details: &'a [Value],
    pub(super) refresh_token: Option<String>,
    pub(super) terminal_hint: Option<String>,
    pub(super) id_token: IdTokenRequest,
}

impl Tokens<'_> {
    pub(super) fn respond(self, platform: &Platform) -> Result<Response, Refusal> {
        let config = &platform.config;
        let (now, keys) = (now(), platform.keys());
        // Whatever the grant holds: what a token says has to be proven well enough.
        let scope = config.terminal.scopes.within(self.scope, self.grant, now)?;
        let subject = Subject::of(self.grant, self.registered, &platform.vault);
        let mut access = AccessClaims::issue(
            &config.issuer,
            &subject,
            self.grant,
            (&scope.join(), self.resources),
            (now, config.tokens.access_ttl_s),
            (&platform.vault, &mut SystemRandom),
        );
        access.authorization_details = self.details.to_vec();
        let unsigned = |_| fault("a token could not be signed");
        let access_token = platform.issue(&self.registered.app, &access, &keys);
        let access_token = access_token.map_err(|_| fault("a token could not be made"))?;
        let id_token = if scope.has("openid") {
            let ttl_s = config.tokens.id_ttl_s;
            let alg = self.registered.app.id_token_signed_response_alg.as_deref();
            let signer = keys.signer_for(alg);
            let at_hash = Some(at_hash(signer.alg(), &access_token));
            let claims = IdClaims::issue(
                &config.issuer,
                &subject,
                self.grant,
                IdTokenRequest { at_hash, ..self.id_token },
                (now, ttl_s),
                &platform.vault,
            );
            Some(signer.sign("JWT", &claims).map_err(unsigned)?)
        } else {
            None
        };
        Ok(json(&TokenResponse {
            access_token,
            token_type: Bound::of(&self.grant.jkt).token_type().to_owned(),
            expires_in: u64::try_from(config.tokens.access_ttl_s).ok(),
            scope: Some(scope.join()),
            refresh_token: self.refresh_token,
            id_token,
            terminal_hint: self.terminal_hint,
            authorization_details: (!self.details.is_empty()).then(|| self.details.into()),
            issued_token_type: None,
        }))
    }
}

/// The sender's answer to an app or an API that holds a token by its own credentials: an access token
/// alone. `kind` is what was issued, if it was for another token (RFC 8693 2.2.1).
pub(super) fn respond_alone(
    platform: &Platform,
    app: &App,
    claims: &AccessClaims,
    kind: Option<&str>,
) -> Result<Response, Refusal> {
    let access_token = platform.issue(app, claims, &platform.keys());
    let by_proof = claims.cnf.as_ref().is_some_and(|cnf| cnf.jkt.is_some());
    let token_type = if by_proof { TOKEN_TYPE_DPOP } else { TOKEN_TYPE_BEARER };
    Ok(json(&TokenResponse {
        access_token: access_token.map_err(|_| fault("a token could not be made"))?,
        token_type: token_type.to_owned(),
        expires_in: u64::try_from(claims.exp.saturating_sub(claims.iat)).ok(),
        scope: Some(claims.scope.clone()),
        issued_token_type: kind.map(str::to_owned),
        ..TokenResponse::default()
    }))
}
