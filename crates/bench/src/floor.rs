//! The floor: the same HTTP stack, the same requests, every signature verified and made, and nothing
//! else. No store, no texts, no limits, no replay window. It shares no parsing with the server, so
//! what the server wastes there shows in the ratio. Not fit for anything but being measured.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use twinpath_core::records::{AuthMethod, Trust};
use twinpath_core::token::{AccessClaims, IdClaims};
use twinpath_server::http::{Listener, MAX_BODY, Shutdown, path};
use twinpath_wire::assertion::AssertionClaims;
use twinpath_wire::b64;
use twinpath_wire::dpop::ProofClaims;
use twinpath_wire::jwk::{Jwk, JwkSet};
use twinpath_wire::oauth::{
    ACCESS_TOKEN_TYP, ACR_TERMINAL, AMR_SMS_MO, AMR_SWK, Confirmation, TOKEN_TYPE_BEARER,
    TOKEN_TYPE_DPOP, TokenResponse,
};

use crate::app::Key;

/// As the server's default.
const LIFE_S: i64 = 600;
const CONNECTIONS: usize = 50_000;
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What the floor serves.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) issuer: String,
    pub(crate) dpop: bool,
    pub(crate) apps: Vec<FloorApp>,
}

/// A registered app.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FloorApp {
    pub(crate) client_id: String,
    pub(crate) method: AuthMethod,
    pub(crate) key: Option<Jwk>,
    pub(crate) secret: Option<String>,
}

enum Credential {
    Key(ParsedPublicKey),
    Hmac(Box<hmac::Key>),
    Basic(String),
    Post(String),
    Nothing,
}

struct Floor {
    issuer: String,
    token_url: String,
    dpop: bool,
    apps: HashMap<String, Credential>,
    signer: Key,
    access_header: String,
    id_header: String,
    nonce: String,
}

/// Serves until it is dropped.
pub(crate) async fn serve(settings: Settings) -> std::io::Result<()> {
    let listener = TcpListener::bind(settings.listen).await?;
    let floor = Arc::new(Floor::new(settings).map_err(std::io::Error::other)?);
    let router = Router::new()
        .route(path::TOKEN, post(token))
        .route(path::JWKS, get(jwks))
        .with_state(floor);
    let (_running, stop) = tokio::sync::watch::channel(false);
    Listener::new(listener, router, CONNECTIONS).serve(Shutdown(stop)).await;
    Ok(())
}

async fn jwks(State(floor): State<Arc<Floor>>) -> Response {
    let mut key = floor.signer.public.clone();
    key.kid = Some(floor.signer.jkt.clone());
    let keys = serde_json::to_vec(&JwkSet { keys: vec![key] });
    Response::new(keys.unwrap_or_default().into())
}

async fn token(State(floor): State<Arc<Floor>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let answer = match to_bytes(body, MAX_BODY).await {
        Ok(body) => floor.answer(&parts.headers, &body),
        Err(_) => Err("invalid_request"),
    };
    let (status, body) = match answer {
        Ok(tokens) => (StatusCode::OK, serde_json::to_vec(&tokens).unwrap_or_default()),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{{\"error\":\"{error}\"}}").into_bytes()),
    };
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(nonce) = HeaderValue::from_str(&floor.nonce) {
        headers.insert(NONCE, nonce);
    }
    response
}

/// The header of a proof.
#[derive(Deserialize)]
struct ProofHeader<'a> {
    alg: &'a str,
    typ: &'a str,
    jwk: Point<'a>,
}

#[derive(Deserialize)]
struct Point<'a> {
    x: &'a str,
    y: &'a str,
}

/// A JWS in its parts: what is signed, header, payload, signature.
struct Parts<'a> {
    input: &'a str,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

fn split(jws: &str) -> Option<Parts<'_>> {
    let (input, signature) = jws.rsplit_once('.')?;
    let (header, payload) = input.split_once('.')?;
    let decode = |part| b64::decode(part).ok();
    Some(Parts {
        input,
        header: decode(header)?,
        payload: decode(payload)?,
        signature: decode(signature)?,
    })
}

fn seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn random<const N: usize>() -> String {
    let mut bytes = [0; N];
    // A floor without randomness would only repeat itself, and the check says so.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    b64::encode(bytes)
}

impl Floor {
    fn new(settings: Settings) -> Result<Self, String> {
        let signer = Key::generate().map_err(|error| error.to_string())?;
        let header = |typ: &str| {
            b64::encode(format!(r#"{{"alg":"ES256","typ":"{typ}","kid":"{}"}}"#, signer.jkt))
        };
        Ok(Self {
            token_url: format!("{}{}", settings.issuer, path::TOKEN),
            issuer: settings.issuer,
            dpop: settings.dpop,
            apps: settings
                .apps
                .into_iter()
                .map(|app| Some((app.client_id.clone(), Credential::of(app)?)))
                .collect::<Option<_>>()
                .ok_or("an app's key or secret is missing")?,
            access_header: header(ACCESS_TOKEN_TYP),
            id_header: header("JWT"),
            nonce: random::<24>(),
            signer,
        })
    }

    fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Result<TokenResponse, &'static str> {
        let form: HashMap<_, _> = form_urlencoded::parse(body).collect();
        let get = |name: &str| form.get(name).map(AsRef::as_ref);
        let client_id = self.authenticate(headers, &get).ok_or("invalid_client")?;
        let jkt = if self.dpop { Some(self.prove(headers)?) } else { None };
        let verifier = get("terminal_verifier").ok_or("invalid_request")?;
        let _commitment = Sha256::digest(verifier);
        Ok(self.issue(&client_id, jkt))
    }

    fn authenticate<'a>(
        &self,
        headers: &HeaderMap,
        get: &impl Fn(&str) -> Option<&'a str>,
    ) -> Option<String> {
        let Some(client_id) = get("client_id") else {
            let header = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
            let pair = String::from_utf8(STANDARD.decode(header).ok()?).ok()?;
            let (client_id, secret) = pair.split_once(':')?;
            let known = self.apps.get(client_id)?;
            let right = matches!(known, Credential::Basic(expected) if expected == secret);
            return right.then(|| client_id.to_owned());
        };
        let right = match self.apps.get(client_id)? {
            Credential::Nothing => true,
            Credential::Basic(_) => false,
            Credential::Post(expected) => get("client_secret")? == expected,
            Credential::Key(key) => {
                let jws = split(get("client_assertion")?)?;
                key.verify_sig(jws.input.as_bytes(), &jws.signature).ok()?;
                self.asserts(&jws, client_id)?
            }
            Credential::Hmac(key) => {
                let jws = split(get("client_assertion")?)?;
                hmac::verify(key, jws.input.as_bytes(), &jws.signature).ok()?;
                self.asserts(&jws, client_id)?
            }
        };
        right.then(|| client_id.to_owned())
    }

    fn asserts(&self, jws: &Parts<'_>, client_id: &str) -> Option<bool> {
        let claims: AssertionClaims = serde_json::from_slice(&jws.payload).ok()?;
        let right = claims.sub == client_id && claims.iss == client_id;
        Some(right && claims.aud.is_only(&self.issuer) && claims.exp > seconds())
    }

    /// The thumbprint of the proven key.
    fn prove(&self, headers: &HeaderMap) -> Result<String, &'static str> {
        const WRONG: &str = "invalid_dpop_proof";
        let proof = headers.get("dpop").and_then(|value| value.to_str().ok()).ok_or(WRONG)?;
        let jws = split(proof).ok_or(WRONG)?;
        let header: ProofHeader<'_> = serde_json::from_slice(&jws.header).map_err(|_| WRONG)?;
        let claims: ProofClaims = serde_json::from_slice(&jws.payload).map_err(|_| WRONG)?;
        if claims.nonce.as_deref() != Some(self.nonce.as_str()) {
            return Err("use_dpop_nonce");
        }
        let about = claims.htm == "POST" && claims.htu == self.token_url;
        if !about || header.alg != "ES256" || header.typ != "dpop+jwt" {
            return Err(WRONG);
        }
        let mut point = vec![4];
        point.extend(b64::decode(header.jwk.x).map_err(|_| WRONG)?);
        point.extend(b64::decode(header.jwk.y).map_err(|_| WRONG)?);
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).map_err(|_| WRONG)?;
        key.verify_sig(jws.input.as_bytes(), &jws.signature).map_err(|_| WRONG)?;
        let canonical = format!(
            r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
            header.jwk.x, header.jwk.y
        );
        Ok(b64::encode(Sha256::digest(canonical)))
    }

    /// Tokens with as much in them as the server's.
    fn issue(&self, client_id: &str, jkt: Option<String>) -> TokenResponse {
        let now = seconds();
        let (sub, union_id) = ("s".repeat(22), "u".repeat(22));
        let amr = vec![AMR_SMS_MO.to_owned(), AMR_SWK.to_owned()];
        let kind = if jkt.is_some() { TOKEN_TYPE_DPOP } else { TOKEN_TYPE_BEARER };
        let access = AccessClaims {
            iss: self.issuer.clone(),
            sub: sub.clone(),
            aud: self.issuer.as_str().into(),
            client_id: client_id.to_owned(),
            iat: now,
            exp: now + LIFE_S,
            jti: random::<48>(),
            scope: "openid".to_owned(),
            auth_time: Some(now),
            acr: Some(ACR_TERMINAL.to_owned()),
            amr: amr.clone(),
            union_id: Some(union_id.clone()),
            cnf: jkt.map(|jkt| Confirmation { jkt: Some(jkt), ..Default::default() }),
            act: None,
            authorization_details: Vec::new(),
            app_attestation: None,
            terminal_trust: Some(Trust::Operator),
        };
        let id = IdClaims {
            iss: self.issuer.clone(),
            sub,
            aud: client_id.to_owned(),
            iat: now,
            exp: now + LIFE_S,
            auth_time: now,
            acr: ACR_TERMINAL.to_owned(),
            amr,
            union_id,
            terminal_trust: Some(Trust::Operator),
            nonce: None,
            sid: None,
            at_hash: None,
            phone_number: None,
            phone_number_verified: None,
        };
        let json = |claims| serde_json::to_string(claims).unwrap_or_default();
        let id = serde_json::to_string(&id).unwrap_or_default();
        TokenResponse {
            access_token: self.signer.sign(&self.access_header, &json(&access)),
            token_type: kind.to_owned(),
            expires_in: u64::try_from(LIFE_S).ok(),
            scope: Some("openid".to_owned()),
            refresh_token: Some(random::<64>()),
            id_token: Some(self.signer.sign(&self.id_header, &id)),
            terminal_hint: Some("+86•••••••••00".to_owned()),
            authorization_details: None,
            issued_token_type: None,
        }
    }
}

impl Credential {
    fn of(app: FloorApp) -> Option<Self> {
        Some(match app.method {
            AuthMethod::PrivateKeyJwt => {
                let point = app.key?.key.uncompressed_p256()?;
                Self::Key(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?)
            }
            AuthMethod::ClientSecretJwt => {
                Self::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, app.secret?.as_bytes())))
            }
            AuthMethod::ClientSecretBasic => Self::Basic(app.secret?),
            AuthMethod::ClientSecretPost => Self::Post(app.secret?),
            AuthMethod::None => Self::Nothing,
            // The load goes without TLS and without attestation.
            AuthMethod::TlsClientAuth
            | AuthMethod::SelfSignedTlsClientAuth
            | AuthMethod::AttestJwtClientAuth
            | AuthMethod::AttestJwtClientAuthDpop => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::check::{Checker, Receipt};
    use crate::target::Site;

    const ADDRESS: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    fn checker(floor: &Floor) -> Checker {
        let apps = (0..2).map(|n| App::new(n, AuthMethod::None, None, None).unwrap()).collect();
        let mut key = floor.signer.public.clone();
        key.kid = Some(floor.signer.jkt.clone());
        Checker::new(&Site {
            address: ADDRESS,
            issuer: floor.issuer.clone(),
            apps,
            published: JwkSet { keys: vec![key] },
            esme: None,
        })
    }

    #[test]
    fn the_check_takes_what_is_right_and_nothing_else() {
        let settings = |issuer: &str| Settings {
            listen: ADDRESS,
            issuer: issuer.to_owned(),
            dpop: true,
            apps: Vec::new(),
        };
        let floor = Floor::new(settings("http://127.0.0.1:1")).unwrap();
        let issue = |floor: &Floor, client_id: &str, jkt: &str| {
            let tokens = floor.issue(client_id, Some(jkt.to_owned()));
            let body = serde_json::to_vec(&tokens).unwrap();
            let (asked, came) = (seconds() - 5, seconds() + 5);
            Receipt { body, app: 0, jkt: Some("k".to_owned()), number: 0, asked, came }
        };
        let mut checker = checker(&floor);
        let right = issue(&floor, "bench-0", "k");
        assert_eq!(checker.check(std::slice::from_ref(&right)), [""; 0]);
        assert_eq!(checker.check(&[right]), ["a refresh token came twice"]);
        assert_eq!(checker.check(&[issue(&floor, "bench-1", "k")]), ["client_id"]);
        assert_eq!(checker.check(&[issue(&floor, "bench-0", "other")]), ["cnf.jkt"]);
        let other = Floor::new(settings("http://127.0.0.1:1")).unwrap();
        assert_eq!(checker.check(&[issue(&other, "bench-0", "k")]), ["an unknown kid"]);
        let mut forged = Floor::new(settings("http://127.0.0.1:1")).unwrap();
        forged.access_header.clone_from(&floor.access_header);
        forged.id_header.clone_from(&floor.id_header);
        assert_eq!(checker.check(&[issue(&forged, "bench-0", "k")]), ["a token's signature"]);
        let late = Receipt { asked: seconds() + 1, ..issue(&floor, "bench-0", "k") };
        assert_eq!(checker.check(&[late]), ["iat"]);
        let nothing = Receipt { body: b"{}".to_vec(), ..issue(&floor, "bench-0", "k") };
        assert_eq!(checker.check(&[nothing]), ["the answer is no token response"]);
        assert_eq!(checker.checked(), 1);
    }
}
