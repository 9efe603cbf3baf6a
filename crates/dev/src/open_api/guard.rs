//! The checks before any answer: is the token the platform's, for this API, in time; does the caller
//! hold the key it is bound to; is it good for what is asked; was the terminal proven lately, where that
//! matters.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use axum::http::{HeaderMap, Method, header};
use serde::Deserialize;
use twinpath_core::ids::{Digest, Timestamp};
use twinpath_core::proof::{
    Algorithm, DpopError, Expected, MAX_JWT, Nonces, Proof, ReplayWindow, Seen, verify_proof,
};
use twinpath_wire::assertion::Audience;
use twinpath_wire::jws::Compact;
use twinpath_wire::oauth::{
    ACCESS_TOKEN_TYP, ACR_TERMINAL, ACR_TERMINAL_CONFIRMED, Confirmation, TOKEN_TYPE_BEARER,
    TOKEN_TYPE_DPOP,
};
use twinpath_wire::resource::ResourceMetadata;

use super::Refusal;
use super::keys::{Keys, KeysError};

/// Seconds for which proofs are remembered: longer than any can be fresh.
const REPLAY_KEEP_S: i64 = 120;
/// Proofs remembered at most, in each of two generations.
const REPLAY_LIMIT: usize = 100_000;

/// Lets callers in, or not.
#[derive(Debug)]
pub struct Guard {
    issuer: String,
    url: String,
    scope: &'static str,
    keys: Keys,
    nonces: Nonces,
    seen: Mutex<ReplayWindow>,
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account, as this app knows it (pairwise).
    pub subject: String,
    /// The app.
    pub client_id: String,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Its path below the API's.
    pub below: &'static str,
    /// How old the terminal's proof may be, in seconds (RFC 9470 3); `None` if that does not matter.
    pub max_age_s: Option<u32>,
}

/// The claims that matter here (RFC 9068 2.2).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    sub: String,
    client_id: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    cnf: Confirmation,
    auth_time: Option<i64>,
    acr: Option<String>,
}

impl Claims {
    /// Whether a terminal was proven, and not longer ago than this. A token that no person stands
    /// behind has no such time.
    fn proven_within(&self, max_age_s: u32, now: Timestamp) -> bool {
        let known = [ACR_TERMINAL, ACR_TERMINAL_CONFIRMED];
        let proven = self.acr.as_deref().is_some_and(|acr| known.contains(&acr));
        let age = self.auth_time.map(|at| now.seconds().saturating_sub(at));
        proven && age.is_some_and(|age| age <= i64::from(max_age_s))
    }
}

impl Guard {
    /// For tokens of `issuer` whose audience is `url` and whose scope holds `scope`.
    pub fn new(issuer: &str, url: &str, scope: &'static str) -> Result<Self, KeysError> {
        let mut key = [0; 32];
        if aws_lc_rs::rand::fill(&mut key).is_err() {
            // Nonces that could be guessed would be none.
            std::process::abort();
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            url: url.to_owned(),
            scope,
            keys: Keys::new(issuer)?,
            nonces: Nonces::new(&key),
            seen: Mutex::new(ReplayWindow::new(REPLAY_KEEP_S, REPLAY_LIMIT)),
        })
    }

    /// The API's own URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The nonce for the next proof.
    pub fn nonce(&self) -> String {
        self.nonces.at(now())
    }

    /// What the API says of itself (RFC 9728 2).
    pub fn metadata(&self) -> ResourceMetadata {
        let strings = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
        ResourceMetadata {
            resource: self.url.clone(),
            authorization_servers: vec![self.issuer.clone()],
            scopes_supported: strings(&[self.scope]),
            bearer_methods_supported: strings(&["header"]),
            resource_name: Some("Demo weather".to_owned()),
            dpop_signing_alg_values_supported: strings(&Algorithm::NAMES),
            dpop_bound_access_tokens_required: Some(true),
        }
    }

    /// Checks a request for this API. The order is that of cost, and a proof is used up last.
    pub async fn admit(
        &self,
        method: &Method,
        headers: &HeaderMap,
        route: Route,
    ) -> Result<Caller, Refusal> {
        let now = now();
        let token = shown_token(headers)?;
        let claims = self.checked_claims(token, now).await?;
        let url = format!("{}{}", self.url, route.below);
        let expected = Expected { method: method.as_str(), url: &url, access_token: Some(token) };
        let header = single(headers, twinpath_wire::dpop::HEADER).ok_or(DpopError::Malformed)?;
        let proof = verify_proof(header, expected, &self.nonces, now)?;
        if claims.cnf.jkt.as_ref() != Some(&proof.jkt) {
            return Err(Refusal::Token("the token is bound to another key than the proof's"));
        }
        if !claims.scope.split(' ').any(|scope| scope == self.scope) {
            return Err(Refusal::Scope(self.scope));
        }
        if let Some(max_age_s) = route.max_age_s
            && !claims.proven_within(max_age_s, now)
        {
            return Err(Refusal::Authentication { max_age_s });
        }
        self.use_up(&proof, now)?;
        Ok(Caller { subject: claims.sub, client_id: claims.client_id })
    }

    /// RFC 9068 4.
    async fn checked_claims(&self, token: &str, now: Timestamp) -> Result<Claims, Refusal> {
        const MALFORMED: Refusal = Refusal::Token("the access token is malformed");
        let jws = Compact::parse(token, MAX_JWT).map_err(|_| MALFORMED)?;
        if !jws.header.has_typ(ACCESS_TOKEN_TYP) {
            return Err(Refusal::Token("the token is no access token: its typ is not at+jwt"));
        }
        let kid = jws.header.kid.as_deref().ok_or(MALFORMED)?;
        let key = self.keys.find(kid).await?;
        let key = key.filter(|key| key.algorithm() == Algorithm::Es256);
        // The key says which algorithm counts, never the token (RFC 8725 3.1).
        if !key.is_some_and(|key| key.verifies(&jws)) {
            return Err(Refusal::Token("the access token is not signed by the platform"));
        }
        let claims: Claims = jws.claims().map_err(|_| MALFORMED)?;
        if claims.iss != self.issuer {
            return Err(Refusal::Token("the access token is another issuer's"));
        }
        if !claims.aud.contains(&self.url) {
            return Err(Refusal::Token("the access token is for another API"));
        }
        if claims.exp <= now.seconds() {
            return Err(Refusal::Token("the access token has expired"));
        }
        Ok(claims)
    }

    /// Each proof counts once (RFC 9449 11.1).
    fn use_up(&self, proof: &Proof, now: Timestamp) -> Result<(), Refusal> {
        let mut context = digest::Context::new(&digest::SHA256);
        // A thumbprint has a fixed length, so the two cannot be confused.
        context.update(proof.jkt.as_bytes());
        context.update(proof.jti.as_bytes());
        let hash = context.finish();
        let hash = hash.as_ref().first_chunk::<16>().map_or(Digest([0; 16]), |hash| Digest(*hash));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.see(hash, now) {
            Seen::New => Ok(()),
            Seen::Replay => Err(Refusal::Replayed),
            Seen::Full => Err(Refusal::Busy),
        }
    }
}

/// The token of the one `Authorization` header. Tokens of this platform are bound to keys, so shown
/// as a bearer they are worth nothing (RFC 9449 7.2).
fn shown_token(headers: &HeaderMap) -> Result<&str, Refusal> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Err(Refusal::NoToken);
    }
    let shown = single(headers, header::AUTHORIZATION.as_str());
    let (scheme, token) = shown.and_then(|shown| shown.split_once(' ')).ok_or(Refusal::NoToken)?;
    if scheme.eq_ignore_ascii_case(TOKEN_TYPE_DPOP) {
        Ok(token.trim())
    } else if scheme.eq_ignore_ascii_case(TOKEN_TYPE_BEARER) {
        Err(Refusal::Token("the access token must be shown with DPoP and a proof, not as a bearer"))
    } else {
        Err(Refusal::NoToken)
    }
}

/// The value of a header that must come once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}
