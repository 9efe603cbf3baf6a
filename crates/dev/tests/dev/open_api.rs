//! The demo `OpenAPI` against tokens that a platform of the tests' own makes: good ones, and every
//! kind that must not pass.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::http;
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use twinpath_client::{InstanceKey as _, SoftwareKey};
use twinpath_dev::open_api::{HOME, OpenApi, RECENT_S};
use twinpath_wire::dpop::ath;
use twinpath_wire::jwk::JwkSet;
use twinpath_wire::jws::{self, Header};

static NEXT: AtomicUsize = AtomicUsize::new(0);

struct Scene {
    issuer: String,
    api: OpenApi,
    platform_key: SoftwareKey,
    phone_key: SoftwareKey,
    nonce: String,
}

struct Said {
    status: u16,
    challenge: String,
    body: Value,
    nonce: String,
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn sign(key: &SoftwareKey, header: &Header, claims: &Value) -> String {
    jws::compose(header, claims, |input| Ok::<_, serde_json::Error>(key.sign(input).unwrap()))
        .unwrap()
}

/// `claims` with some of them changed.
fn with(claims: &Value, changes: &Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

impl Scene {
    async fn new() -> Self {
        let platform_key = SoftwareKey::generate().unwrap();
        let mut jwk = platform_key.public_jwk().clone();
        jwk.kid = Some("k1".to_owned());
        let keys = JwkSet { keys: vec![jwk] };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let metadata = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")});
        let router = Router::new()
            .route("/.well-known/oauth-authorization-server", get(async || Json(metadata)))
            .route("/jwks", get(async || Json(keys)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = OpenApi::serve(listener, &issuer).unwrap();
        let phone_key = SoftwareKey::generate().unwrap();
        let mut scene = Self { issuer, api, platform_key, phone_key, nonce: String::new() };
        scene.nonce = scene.ask(&[]).await.nonce;
        scene
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.issuer, "aud": self.api.url(), "sub": "s1", "client_id": "weather",
            "iat": now(), "exp": now() + 60, "jti": "t", "scope": "openid weather.read",
            "cnf": {"jkt": self.phone_key.public_jwk().thumbprint()},
        })
    }

    fn token_of(&self, claims: &Value) -> String {
        let header = Header { kid: Some("k1".to_owned()), ..Header::new("ES256", "at+jwt") };
        sign(&self.platform_key, &header, claims)
    }

    fn token(&self) -> String {
        self.token_of(&self.claims())
    }

    /// A good proof for the route that asks for a recent authentication.
    fn home_proof(&self, token: &str) -> String {
        let htu = json!({"htu": format!("{}{HOME}", self.api.url())});
        Self::proof_of(&self.phone_key, &with(&self.proof_claims(token), &htu))
    }

    fn proof_claims(&self, token: &str) -> Value {
        let jti = format!("proof-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        json!({
            "jti": jti, "htm": "GET", "htu": self.api.url(), "iat": now(),
            "ath": ath(token), "nonce": self.nonce,
        })
    }

    fn proof_of(key: &SoftwareKey, claims: &Value) -> String {
        let header =
            Header { jwk: Some(key.public_jwk().clone()), ..Header::new("ES256", "dpop+jwt") };
        sign(key, &header, claims)
    }

    fn proof(&self, token: &str) -> String {
        Self::proof_of(&self.phone_key, &self.proof_claims(token))
    }

    async fn ask(&self, headers: &[(&str, &str)]) -> Said {
        self.ask_at("", headers).await
    }

    async fn ask_at(&self, below: &str, headers: &[(&str, &str)]) -> Said {
        let mut request = http().get(format!("{}{below}", self.api.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let (challenge, nonce) = (header("www-authenticate"), header("dpop-nonce"));
        assert_eq!(header("cache-control"), "no-store");
        let status = response.status().as_u16();
        Said { status, challenge, nonce, body: response.json().await.unwrap() }
    }

    async fn show(&self, token: &str, proof: &str) -> Said {
        self.ask(&[("authorization", &format!("DPoP {token}")), ("dpop", proof)]).await
    }

    async fn refused(&self, token: &str, error: &str) {
        let said = self.show(token, &self.proof(token)).await;
        assert_refused(&said, 401, error);
    }
}

#[track_caller]
fn assert_refused(said: &Said, status: u16, error: &str) {
    assert_eq!((said.status, said.body["error"].as_str()), (status, Some(error)), "{}", said.body);
    assert!(said.challenge.starts_with("DPoP "), "{}", said.challenge);
    assert!(said.challenge.contains(&format!("error=\"{error}\"")), "{}", said.challenge);
}

#[tokio::test]
async fn a_good_token_with_its_proof() {
    let scene = Scene::new().await;
    let token = scene.token();
    let said = scene.show(&token, &scene.proof(&token)).await;
    assert_eq!((said.status, said.body["subject"].as_str()), (200, Some("s1")), "{}", said.body);
    assert!(!said.nonce.is_empty());
    let several =
        with(&scene.claims(), &json!({"aud": ["https://other.example", scene.api.url()]}));
    let token = scene.token_of(&several);
    assert_eq!(scene.show(&token, &scene.proof(&token)).await.status, 200);
    scene.api.stop().await;
}

#[tokio::test]
async fn no_token_is_challenged_without_an_error() {
    let scene = Scene::new().await;
    for headers in [&[][..], &[("authorization", "Basic YTpi")]] {
        let said = scene.ask(headers).await;
        assert_eq!(
            (said.status, said.challenge.contains("error")),
            (401, false),
            "{}",
            said.challenge
        );
        assert!(said.challenge.starts_with("DPoP algs="), "{}", said.challenge);
    }
}

#[tokio::test]
async fn a_challenge_leads_to_what_the_api_says_of_itself() {
    let scene = Scene::new().await;
    let token = scene.token_of(&with(&scene.claims(), &json!({"scope": "openid"})));
    let refused = scene.show(&token, &scene.proof(&token)).await;
    let origin = scene.api.url().strip_suffix("/weather").unwrap();
    let at = format!("{origin}/.well-known/oauth-protected-resource/weather");
    for said in [scene.ask(&[]).await, refused] {
        let named = format!(", resource_metadata=\"{at}\"");
        assert!(said.challenge.ends_with(&named), "{}", said.challenge);
    }
    let response = http().get(&at).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let told: Value = response.json().await.unwrap();
    let expected = json!({
        "resource": scene.api.url(),
        "authorization_servers": [scene.issuer],
        "scopes_supported": ["weather.read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Demo weather",
        "dpop_signing_alg_values_supported": ["ES256", "Ed25519", "EdDSA", "PS256"],
        "dpop_bound_access_tokens_required": true,
    });
    assert_eq!(told, expected);
    // RFC 9728 3.3: found there, it would be the metadata of another resource.
    let root = format!("{origin}/.well-known/oauth-protected-resource");
    assert_eq!(http().get(root).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn tokens_that_are_not_for_here() {
    let scene = Scene::new().await;
    for changes in [
        json!({"aud": "https://other.example/weather"}),
        json!({"aud": scene.issuer}),
        json!({"iss": "https://other.example"}),
        json!({"exp": now() - 1}),
        json!({"exp": now()}),
        json!({"cnf": {}}),
        json!({"cnf": {"jkt": "another"}}),
    ] {
        scene.refused(&scene.token_of(&with(&scene.claims(), &changes)), "invalid_token").await;
    }
    let token = scene.token_of(&with(&scene.claims(), &json!({"scope": "openid weather.reader"})));
    let said = scene.show(&token, &scene.proof(&token)).await;
    assert_refused(&said, 403, "insufficient_scope");
    assert!(said.challenge.contains("scope=\"weather.read\""), "{}", said.challenge);
}

#[tokio::test]
async fn tokens_that_are_not_the_platforms() {
    let scene = Scene::new().await;
    let claims = scene.claims();
    let signed = |alg: &str, typ: &str, kid: Option<&str>| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(alg, typ) };
        sign(&scene.platform_key, &header, &claims)
    };
    for token in [
        signed("ES256", "JWT", Some("k1")),
        signed("ES256", "at+jwt", Some("k2")),
        signed("ES256", "at+jwt", None),
        signed("none", "at+jwt", Some("k1")),
        signed("HS256", "at+jwt", Some("k1")),
    ] {
        scene.refused(&token, "invalid_token").await;
    }
    let header = Header { kid: Some("k1".to_owned()), ..Header::new("ES256", "at+jwt") };
    scene.refused(&sign(&scene.phone_key, &header, &claims), "invalid_token").await;
    // Tampered: another payload under the same signature.
    let (good, other) = (scene.token(), scene.token_of(&with(&claims, &json!({"sub": "s2"}))));
    let part = |token: &str, at: usize| token.split('.').nth(at).unwrap().to_owned();
    let tampered = format!("{}.{}.{}", part(&good, 0), part(&other, 1), part(&good, 2));
    scene.refused(&tampered, "invalid_token").await;
    scene.refused("no.token.atall", "invalid_token").await;
}

#[tokio::test]
async fn a_bound_token_is_no_bearer_token() {
    let scene = Scene::new().await;
    let bearer = format!("Bearer {}", scene.token());
    assert_refused(&scene.ask(&[("authorization", &bearer)]).await, 401, "invalid_token");
    let dpop = format!("DPoP {}", scene.token());
    assert_refused(&scene.ask(&[("authorization", &dpop)]).await, 401, "invalid_dpop_proof");
}

#[tokio::test]
async fn proofs_that_do_not_hold() {
    let scene = Scene::new().await;
    let token = scene.token();
    let proof = scene.proof(&token);
    assert_eq!(scene.show(&token, &proof).await.status, 200);
    assert_refused(&scene.show(&token, &proof).await, 401, "invalid_dpop_proof");

    let good = scene.proof_claims(&token);
    let mut without_nonce = good.clone();
    without_nonce.as_object_mut().unwrap().remove("nonce");
    for claims in [without_nonce, with(&good, &json!({"nonce": "made-up"}))] {
        let said = scene.show(&token, &Scene::proof_of(&scene.phone_key, &claims)).await;
        assert_refused(&said, 401, "use_dpop_nonce");
        assert_eq!(said.nonce, scene.nonce);
    }
    for changes in [
        json!({"htm": "POST"}),
        json!({"htu": "https://other.example/weather"}),
        json!({"iat": now() - 600}),
        json!({"ath": ath("another token")}),
        json!({"ath": null}),
    ] {
        let claims = with(&scene.proof_claims(&token), &changes);
        let said = scene.show(&token, &Scene::proof_of(&scene.phone_key, &claims)).await;
        assert_refused(&said, 401, "invalid_dpop_proof");
    }
    // Another key's proof: the token is stolen.
    let thief = SoftwareKey::generate().unwrap();
    let proof = Scene::proof_of(&thief, &scene.proof_claims(&token));
    assert_refused(&scene.show(&token, &proof).await, 401, "invalid_token");
    let (one, two) = (scene.proof(&token), scene.proof(&token));
    let authorization = format!("DPoP {token}");
    let twice = [("authorization", authorization.as_str()), ("dpop", &one), ("dpop", &two)];
    assert_refused(&scene.ask(&twice).await, 401, "invalid_dpop_proof");
}

#[tokio::test]
async fn what_needs_a_recent_proof_of_the_terminal() {
    let scene = Scene::new().await;
    let show = async |changes: &Value| {
        let token = scene.token_of(&with(&scene.claims(), changes));
        let (authorization, proof) = (format!("DPoP {token}"), scene.home_proof(&token));
        scene.ask_at(HOME, &[("authorization", &authorization), ("dpop", &proof)]).await
    };
    let (acr, max_age) = ("urn:twinpath:acr:terminal", i64::from(RECENT_S));
    for good in [
        json!({"acr": acr, "auth_time": now()}),
        json!({"acr": acr, "auth_time": now() - max_age + 30}),
        json!({"acr": "urn:twinpath:acr:terminal-confirmed", "auth_time": now()}),
    ] {
        let said = show(&good).await;
        assert_eq!(said.status, 200, "{good}: {}", said.body);
    }
    for bad in [
        json!({"acr": acr, "auth_time": now() - max_age - 1}),
        // What an app got for itself: nobody was authenticated.
        json!({}),
        json!({"acr": acr}),
        json!({"auth_time": now()}),
        json!({"acr": "urn:example:password", "auth_time": now()}),
    ] {
        let said = show(&bad).await;
        assert_refused(&said, 401, "insufficient_user_authentication");
        let wanted = format!("acr_values=\"{acr}\", max_age=\"{RECENT_S}\"");
        assert!(said.challenge.contains(&wanted), "{}", said.challenge);
    }
    // Other faults come first, and the other route does not ask.
    let old = json!({"acr": acr, "auth_time": now() - max_age - 1});
    let wrong = show(&with(&old, &json!({"aud": "https://other.example"}))).await;
    assert_refused(&wrong, 401, "invalid_token");
    let token = scene.token_of(&with(&scene.claims(), &old));
    assert_eq!(scene.show(&token, &scene.proof(&token)).await.status, 200);
    // A proof for one route is none for the other.
    let authorization = format!("DPoP {token}");
    let proof = scene.home_proof(&token);
    let said = scene.ask(&[("authorization", &authorization), ("dpop", &proof)]).await;
    assert_refused(&said, 401, "invalid_dpop_proof");
}
