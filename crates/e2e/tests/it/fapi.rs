//! FAPI 2.0 Security Profile, on the code flow: pushed requests, codes, userinfo. Each case names the
//! conformance suite's test that it carries over; `assertions` and `proofs` hold the token endpoint to
//! the same.

use serde_json::{Value, json};
use twinpath_e2e::app::{Draft, Instance, assertion_header};
use twinpath_e2e::browser::{Browser, parameter};
use twinpath_e2e::http::{Answer, Request, send};
use twinpath_e2e::jose::{Key, RsaKey, base64url, compact, hmac_jwt, sha256};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;
use twinpath_e2e::{now_s, number, random_text};

use crate::authorize::{CALLBACK, SignIn, sign_in, web_app};

const PAR: &str = "pushed_authorization_request_endpoint";

/// A sign-in's parameters, as they are pushed.
pub(crate) fn push_draft(instance: &Instance, signing_in: &SignIn) -> Draft {
    let (_, query) = signing_in.url.split_once('?').unwrap();
    let said: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let form: Vec<_> = said.iter().map(|(name, value)| (&**name, &**value)).collect();
    instance.draft(PAR, &form)
}

/// The page's URL for a pushed request.
pub(crate) fn pushed_url(instance: &Instance, request_uri: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([("client_id", &*instance.app.client_id), ("request_uri", request_uri)]);
    format!("{}?{}", instance.place.url("authorization_endpoint"), query.finish())
}

/// The `request_uri` of a push that succeeded.
pub(crate) fn request_uri(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["request_uri"].as_str().unwrap().to_owned()
}

/// The token request for a code.
fn code_draft(instance: &Instance, signing_in: &SignIn, code: &str) -> Draft {
    let verifier = signing_in.verifier.as_str();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    instance.draft("token_endpoint", &form)
}

/// A whole sign-in with a pushed request, up to its code.
async fn pushed_code(rig: &Rig, instance: &Instance, signing_in: &SignIn) -> String {
    let pushed = instance.send_fresh(|| push_draft(instance, signing_in)).await;
    let browser = Browser::new(rig.platform.place.address);
    let url = pushed_url(instance, &request_uri(&pushed));
    let location = sign_in(rig, &browser, &url, &number(1)).await;
    parameter(&location, "code").unwrap_or_else(|| panic!("no code: {location}"))
}

#[tokio::test]
async fn a_push_and_its_code_name_the_redirect_uri() {
    let rig = Rig::start().await;
    let weather = rig.install(&Registration::new("weather").web(CALLBACK)).await;
    let signing_in = SignIn::new(&weather, &[]);
    // Each answer has one nonce for the next proof (RFC 9449 8.2), also one that refuses.
    let nonces =
        |answer: &Answer| answer.headers.iter().filter(|(name, _)| name == "dpop-nonce").count();
    let unwarned = weather.send(&push_draft(&weather, &signing_in)).await;
    assert_eq!((unwarned.error().as_deref(), nonces(&unwarned)), (Some("use_dpop_nonce"), 1));
    let unsaid = push_draft(&weather, &signing_in).without("redirect_uri");
    let refused = weather.send(&unsaid).await;
    assert_eq!(nonces(&refused), 1);
    refused.refuses(400, "invalid_request");
    let code = pushed_code(&rig, &weather, &signing_in).await;
    // RFC 6749 4.1.3: what the request said, the token request says again.
    let unsaid = || code_draft(&weather, &signing_in, &code).without("redirect_uri");
    weather.send_fresh(unsaid).await.refuses(400, "invalid_grant");
    weather.send_fresh(|| code_draft(&weather, &signing_in, &code)).await.accepts();
}

fn with(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}

fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member);
    object
}

/// `EnsureClientAssertionWithWrongAudFails`, `PARTokenEndpointAsAudienceFails`: the issuer, alone, as a
/// string (RFC 10070, which takes back what RFC 9126 2 allowed).
#[tokio::test]
async fn an_assertion_at_par_is_for_the_issuer_alone() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let signing_in = SignIn::new(&weather, &[]);
    let place = &rig.platform.place;
    let issuer = place.issuer.as_str();
    for aud in [
        json!(place.url("token_endpoint")),
        json!(place.url(PAR)),
        json!(place.url("authorization_endpoint")),
        json!([issuer]),
        json!([issuer, place.url(PAR)]),
        json!(format!("{issuer}/")),
        json!(issuer.to_uppercase()),
        json!("https://other.example"),
        json!(""),
        json!(null),
    ] {
        let claims = with(weather.assertion_claims(), "aud", aud.clone());
        let assertion = weather.assertion(&assertion_header(), &claims);
        let draft = push_draft(&weather, &signing_in).set("client_assertion", assertion);
        let answer = weather.send(&draft).await;
        assert_eq!(answer.status, 401, "{aud}: {}", answer.text());
        answer.refuses(401, "invalid_client");
    }
    request_uri(&weather.send(&push_draft(&weather, &signing_in)).await);
}

/// `EnsureClientAssertionWithNoSubFails`, `EnsureClientAssertionWithExpIs5MinutesInPastFails`, and their
/// neighbours.
#[tokio::test]
async fn an_assertion_at_par_names_its_app_and_is_in_time() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let signing_in = SignIn::new(&weather, &[]);
    let pushed = async |claims: &Value| {
        let assertion = weather.assertion(&assertion_header(), claims);
        weather.send(&push_draft(&weather, &signing_in).set("client_assertion", assertion)).await
    };
    for claim in ["sub", "iss", "aud", "exp", "jti"] {
        let answer = pushed(&without(weather.assertion_claims(), claim)).await;
        assert_eq!(answer.status, 401, "without {claim}: {}", answer.text());
        answer.refuses(401, "invalid_client");
    }
    let now = now_s();
    for (claim, value) in [
        ("exp", json!(now - 300)),
        ("exp", json!(now + 86_400)),
        ("sub", json!("maps")),
        ("iss", json!("maps")),
        ("iat", json!(now + 120)),
        ("nbf", json!(now + 120)),
    ] {
        let answer = pushed(&with(weather.assertion_claims(), claim, value.clone())).await;
        assert_eq!(answer.status, 401, "{claim} = {value}: {}", answer.text());
        answer.refuses(401, "invalid_client");
    }
    let once = weather.assertion_claims();
    request_uri(&pushed(&once).await);
    pushed(&once).await.refuses(401, "invalid_client");
    let nobody = push_draft(&weather, &signing_in).without("client_assertion");
    weather.send(&nobody.without("client_assertion_type")).await.refuses(401, "invalid_client");
}

/// `EnsureSignedClientAssertionWithRS256Fails`: with the very key that signs PS256.
#[tokio::test]
async fn an_rsa_apps_assertion_is_ps256_and_never_rs256() {
    let rig = Rig::start().await;
    let rsa = RsaKey::generate();
    let registration = Registration::new("weather").web(CALLBACK);
    let weather = rig.install(&registration.with("jwks", json!({"keys": [rsa.jwk()]}))).await;
    let signing_in = SignIn::new(&weather, &[]);
    let signed = |alg: &str, pss: bool| {
        rsa.jwt(&with(assertion_header(), "alg", json!(alg)), &weather.assertion_claims(), pss)
    };
    let push = |assertion: String| {
        // The proof may be left out here: it is not what is tried.
        let draft = push_draft(&weather, &signing_in).without_header("DPoP");
        draft.set("client_assertion", assertion)
    };
    for wrong in [signed("RS256", false), signed("PS256", false), signed("RS256", true)] {
        weather.send(&push(wrong)).await.refuses(401, "invalid_client");
    }
    request_uri(&weather.send(&push(signed("PS256", true))).await);
}

/// What is no proof, for a request with these claims: the name of the case, the proof, the error.
fn no_proofs(weather: &Instance, good: &dyn Fn() -> Value) -> Vec<(&'static str, String)> {
    let (header, stranger) = (weather.proof_header(), Key::generate());
    let alg = |alg: &str| with(header.clone(), "alg", json!(alg));
    let claiming =
        |claim: &str, value: Value| weather.key.jwt(&header, &with(good(), claim, value));
    let private = with(weather.key.jwk(), "d", json!(base64url(&[7; 32])));
    let now = now_s();
    vec![
        ("htm", claiming("htm", json!("PUT"))),
        ("htu", claiming("htu", json!("https://other.example/par"))),
        ("htu of another endpoint", claiming("htu", json!(weather.place.url("jwks_uri")))),
        ("iat of five minutes ago", claiming("iat", json!(now - 300))),
        ("iat in five minutes", claiming("iat", json!(now + 300))),
        ("no iat", weather.key.jwt(&header, &without(good(), "iat"))),
        ("no jti", weather.key.jwt(&header, &without(good(), "jti"))),
        ("no htm", weather.key.jwt(&header, &without(good(), "htm"))),
        ("no htu", weather.key.jwt(&header, &without(good(), "htu"))),
        ("typ", weather.key.jwt(&with(header.clone(), "typ", json!("JWT")), &good())),
        ("no jwk", weather.key.jwt(&without(header.clone(), "jwk"), &good())),
        ("a private key", weather.key.jwt(&with(header.clone(), "jwk", private), &good())),
        ("another key's signature", stranger.jwt(&header, &good())),
        ("none", compact(&alg("none"), &good(), |_| Vec::new())),
        ("HS256", hmac_jwt(weather.key.point(), &alg("HS256"), &good())),
        ("no JWT", "x".to_owned()),
    ]
}

/// `DpopNegativeTests` at the endpoint for pushed requests.
#[tokio::test]
async fn at_par_a_proof_is_right_or_the_push_is_refused() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let signing_in = SignIn::new(&weather, &[]);
    let first = weather.send(&push_draft(&weather, &signing_in)).await;
    first.refuses(400, "use_dpop_nonce");
    assert!(first.header("dpop-nonce").is_some());
    let url = rig.platform.place.url(PAR);
    let good = || weather.proof_claims("POST", url);
    let push = async |proof: &str| {
        weather.send(&push_draft(&weather, &signing_in).header("DPoP", proof)).await
    };
    for (what, proof) in no_proofs(&weather, &good) {
        let answer = push(&proof).await;
        assert_eq!(answer.error().as_deref(), Some("invalid_dpop_proof"), "{what}");
        answer.refuses(400, "invalid_dpop_proof");
    }
    let elsewhere = weather.proof("POST", rig.platform.place.url("token_endpoint"));
    push(&elsewhere).await.refuses(400, "invalid_dpop_proof");
    let two = push_draft(&weather, &signing_in).more_header("DPoP", &weather.proof("POST", url));
    weather.send(&two).await.refuses(400, "invalid_dpop_proof");
    // RFC 9449 10.1: what is said and what is proven are one key.
    let other = SignIn::new(&weather, &[("dpop_jkt", &Key::generate().thumbprint())]);
    weather.send(&push_draft(&weather, &other)).await.refuses(400, "invalid_dpop_proof");
    let once = weather.proof("POST", url);
    request_uri(&push(&once).await);
    push(&once).await.refuses(400, "invalid_dpop_proof");
}

/// `EnsureDpopProofWithIat10Seconds{Before,After}Succeeds`: at all three endpoints.
#[tokio::test]
async fn a_proof_of_ten_seconds_before_or_after_is_taken() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let place = &rig.platform.place;
    for skew in [-10, 10] {
        let proof = |method: &str, endpoint: &str, ath: Option<&str>| {
            let mut claims = weather.proof_claims(method, place.url(endpoint));
            claims["iat"] = json!(now_s() + skew);
            if let Some(token) = ath {
                claims["ath"] = json!(sha256(token.as_bytes()));
            }
            weather.key.jwt(&weather.proof_header(), &claims)
        };
        let signing_in = SignIn::new(&weather, &[]);
        let push = push_draft(&weather, &signing_in).header("DPoP", &proof("POST", PAR, None));
        let url = pushed_url(&weather, &request_uri(&weather.send(&push).await));
        let browser = Browser::new(place.address);
        let location = sign_in(&rig, &browser, &url, &number(1)).await;
        let code = parameter(&location, "code").unwrap();
        let redeem = code_draft(&weather, &signing_in, &code);
        let redeem = redeem.header("DPoP", &proof("POST", "token_endpoint", None));
        let tokens = weather.send(&redeem).await.accepts();
        let access = tokens["access_token"].as_str().unwrap();
        let shown = proof("GET", "userinfo_endpoint", Some(access));
        userinfo(&rig, access, &shown).await.accepts();
    }
}

async fn userinfo(rig: &Rig, access: &str, proof: &str) -> Answer {
    let place = &rig.platform.place;
    let request = Request::new("GET", place.path("userinfo_endpoint"))
        .header("Authorization", &format!("DPoP {access}"))
        .header("DPoP", proof);
    send(place.address, &request).await
}

/// `EnsureHolderOfKeyRequired` and `DpopNegativeTests` where a code is redeemed: nothing of it uses the
/// code up.
#[tokio::test]
async fn a_code_is_redeemed_by_the_key_that_pushed_and_by_no_other() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let signing_in = SignIn::new(&weather, &[]);
    let code = pushed_code(&rig, &weather, &signing_in).await;
    let draft = || code_draft(&weather, &signing_in, &code);
    weather.send(&draft().without_header("DPoP")).await.refuses(400, "invalid_dpop_proof");
    let good = || weather.proof_claims("POST", rig.platform.place.url("token_endpoint"));
    for (what, proof) in no_proofs(&weather, &good) {
        let answer = weather.send(&draft().header("DPoP", &proof)).await;
        assert_eq!(answer.error().as_deref(), Some("invalid_dpop_proof"), "{what}");
        answer.refuses(400, "invalid_dpop_proof");
    }
    signing_in.redeem(&rig.again(&weather.app), &code).await.refuses(400, "invalid_grant");
    let tokens = weather.send(&draft()).await.accepts();
    assert_eq!(tokens["token_type"], "DPoP");
}

/// `DpopNegativeTests` at a protected resource.
#[tokio::test]
async fn at_userinfo_a_proof_is_right_or_nothing_is_told() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let access = tokens["access_token"].as_str().unwrap();
    let url = rig.platform.place.url("userinfo_endpoint");
    let ath = sha256(access.as_bytes());
    let good = || with(weather.proof_claims("GET", url), "ath", json!(ath));
    let mut refused = no_proofs(&weather, &good);
    let header = weather.proof_header();
    refused.push(("no ath", weather.key.jwt(&header, &without(good(), "ath"))));
    for (what, proof) in refused {
        let answer = userinfo(&rig, access, &proof).await;
        assert_eq!(answer.error().as_deref(), Some("invalid_dpop_proof"), "{what}");
        answer.refuses(401, "invalid_dpop_proof");
    }
    let fresh = weather.key.jwt(&header, &without(good(), "nonce"));
    userinfo(&rig, access, &fresh).await.refuses(401, "use_dpop_nonce");
    // A right proof of another key is not the token's.
    let thief = Key::generate();
    let stolen = thief.jwt(&with(header.clone(), "jwk", thief.jwk()), &good());
    userinfo(&rig, access, &stolen).await.refuses(401, "invalid_token");
    let once = weather.key.jwt(&header, &good());
    userinfo(&rig, access, &once).await.accepts();
    userinfo(&rig, access, &once).await.refuses(401, "invalid_dpop_proof");
}

/// `AttemptReuseAuthorizationCodeAfterOneSecond`.
#[tokio::test]
async fn a_code_that_comes_back_after_a_second_ends_what_came_of_it() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let signing_in = SignIn::new(&weather, &[]);
    let code = pushed_code(&rig, &weather, &signing_in).await;
    let tokens = signing_in.redeem(&weather, &code).await.accepts();
    let access = tokens["access_token"].as_str().unwrap();
    weather.userinfo(access).await.accepts();
    // The second is the server's clock's.
    let redeemed = now_s();
    until("a second", async || (now_s() > redeemed + 1).then_some(())).await;
    signing_in.redeem(&weather, &code).await.refuses(400, "invalid_grant");
    assert_eq!(weather.userinfo(access).await.status, 401);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    weather.refresh(refresh).await.refuses(400, "invalid_grant");
}

/// RFC 9126 2.1: what a browser could not ask for cannot be pushed either.
#[tokio::test]
async fn a_push_is_checked_as_a_browsers_request_is() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    for (more, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("redirect_uri", "https://evil.example/cb"), "invalid_request"),
        (("scope", "openid admin"), "invalid_scope"),
        (("request", "eyJ"), "request_not_supported"),
        (("request_uri", "urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        (("dpop_jkt", "x"), "invalid_request"),
    ] {
        let answer = weather.send(&push_draft(&weather, &SignIn::new(&weather, &[more]))).await;
        assert_eq!(answer.error().as_deref(), Some(error), "{more:?}: {}", answer.text());
        answer.refuses(400, error);
        assert_eq!(answer.header("location"), None);
    }
    let get = Request::new("GET", rig.platform.place.path(PAR));
    assert_eq!(send(rig.platform.place.address, &get).await.status, 405);
}

/// RFC 9126 4: beside a `request_uri`, nothing that the browser says counts.
#[tokio::test]
async fn what_was_pushed_is_not_changed_on_the_way() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let signing_in = SignIn::new(&weather, &[("scope", "openid")]);
    let pushed = weather.send(&push_draft(&weather, &signing_in)).await;
    let mut changed = form_urlencoded::Serializer::new(String::new());
    changed.extend_pairs([
        ("redirect_uri", "https://evil.example/cb"),
        ("scope", "openid phone"),
        ("state", "evil"),
        ("code_challenge", &sha256(random_text().as_bytes())),
        ("response_mode", "fragment"),
        ("prompt", "none"),
        ("nonce", "evil"),
    ]);
    let url = format!("{}&{}", pushed_url(&weather, &request_uri(&pushed)), changed.finish());
    let browser = Browser::new(rig.platform.place.address);
    let location = sign_in(&rig, &browser, &url, &number(1)).await;
    assert!(location.starts_with(CALLBACK), "{location}");
    assert_eq!(parameter(&location, "state").as_deref(), Some("st-1"));
    let code = parameter(&location, "code").unwrap();
    let tokens = signing_in.redeem(&weather, &code).await.accepts();
    assert_eq!(tokens["scope"], "openid");
    let (_, claims) = twinpath_e2e::jose::open(tokens["id_token"].as_str().unwrap());
    assert_eq!(claims["nonce"], "no-1");
}
