//! PROTOCOL 5 and 9, DPoP (RFC 9449): nonces, and everything that is no proof.

use serde_json::{Value, json};
use twinpath_e2e::app::Instance;
use twinpath_e2e::http::Answer;
use twinpath_e2e::jose::{Key, RsaKey, base64url, compact, hmac_jwt};
use twinpath_e2e::rig::Rig;
use twinpath_e2e::{now_s, number};

fn with(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}

fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member);
    object
}

async fn asked(instance: &Instance, proof: &str) -> Answer {
    let draft = instance.token_draft(&instance.attempt()).header("DPoP", proof);
    instance.send(&draft).await
}

fn claims(instance: &Instance) -> Value {
    instance.proof_claims("POST", instance.place.url("token_endpoint"))
}

#[tokio::test]
async fn a_proof_needs_the_servers_nonce() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let answer = weather.send(&weather.token_draft(&attempt)).await;
    answer.refuses(400, "use_dpop_nonce");
    let nonce = answer.header("dpop-nonce").expect("DPoP-Nonce").to_owned();
    for wrong in [json!("x"), json!(""), json!(format!("{nonce}x")), json!(nonce[1..])] {
        let proof =
            weather.key.jwt(&weather.proof_header(), &with(claims(&weather), "nonce", wrong));
        asked(&weather, &proof).await.refuses(400, "use_dpop_nonce");
    }
    let answer = weather.redeem(&attempt).await;
    answer.accepts();
    assert!(answer.header("dpop-nonce").is_some(), "RFC 9449 8.2");
    // A nonce is good for several proofs, also for other keys.
    let other = rig.again(&weather.app);
    let proof = other.key.jwt(&other.proof_header(), &with(claims(&other), "nonce", json!(nonce)));
    asked(&other, &proof).await.refuses(400, "authorization_pending");
}

#[tokio::test]
async fn a_proofs_claims_have_to_be_right() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let place = &rig.platform.place;
    let (token, now) = (place.url("token_endpoint"), now_s());
    let changes = [
        ("htm", json!("GET")),
        ("htm", json!("post")),
        ("htu", json!(place.url("userinfo_endpoint"))),
        ("htu", json!(token.replace("http://", "https://"))),
        ("htu", json!(format!("{token}/"))),
        ("htu", json!(token.replace("/token", "/TOKEN"))),
        ("htu", json!("/token")),
        ("htu", json!("http://evil.example/token")),
        ("iat", json!(now - 120)),
        ("iat", json!(now + 120)),
        ("iat", json!(0)),
        ("iat", json!(i64::MIN)),
        ("iat", json!(i64::MAX)),
        ("iat", json!("now")),
        ("iat", json!(1.5)),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("x".repeat(1000))),
        ("nonce", json!(["a"])),
    ];
    for (claim, value) in changes {
        let proof =
            weather.key.jwt(&weather.proof_header(), &with(claims(&weather), claim, value.clone()));
        let answer = asked(&weather, &proof).await;
        assert_eq!(answer.error().as_deref(), Some("invalid_dpop_proof"), "{claim} = {value}");
        answer.refuses(400, "invalid_dpop_proof");
    }
    for claim in ["htm", "htu", "iat", "jti"] {
        let proof = weather.key.jwt(&weather.proof_header(), &without(claims(&weather), claim));
        asked(&weather, &proof).await.refuses(400, "invalid_dpop_proof");
    }
    // RFC 9449 4.3.9: compared after normalisation, without query and fragment; FAPI: a little skew.
    let host = token.strip_prefix("http://").unwrap();
    let fine = [
        ("htu", json!(format!("{token}?a=b#c"))),
        ("htu", json!(format!("HTTP://{host}"))),
        ("iat", json!(now_s() - 10)),
        ("iat", json!(now_s() + 8)),
    ];
    for (claim, value) in fine {
        let proof = weather.key.jwt(&weather.proof_header(), &with(claims(&weather), claim, value));
        asked(&weather, &proof).await.refuses(400, "authorization_pending");
    }
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn a_proofs_key_has_to_be_public_and_its_own() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let (good, stranger, rsa) = (weather.proof_header(), Key::generate(), RsaKey::generate());
    let jwk = weather.key.jwk();
    let alg = |alg: &str| with(good.clone(), "alg", json!(alg));
    let jwk_with =
        |name: &str, value: Value| with(good.clone(), "jwk", with(jwk.clone(), name, value));
    let sign = |header: &Value| weather.key.jwt(header, &claims(&weather));
    let rsa_header = json!({"alg": "RS256", "typ": "dpop+jwt", "jwk": rsa.jwk()});
    let hmac_key = json!({"kty": "oct", "k": base64url(b"secret")});
    let forgeries = [
        ("another key", stranger.jwt(&good, &claims(&weather))),
        ("no jwk", sign(&without(good.clone(), "jwk"))),
        ("no typ", sign(&without(good.clone(), "typ"))),
        ("typ JWT", sign(&with(good.clone(), "typ", json!("JWT")))),
        ("none", compact(&alg("none"), &claims(&weather), |_| Vec::new())),
        ("HS256", hmac_jwt(weather.key.point(), &alg("HS256"), &claims(&weather))),
        (
            "HS256 with its key",
            hmac_jwt(
                b"secret",
                &json!({"alg": "HS256", "typ": "dpop+jwt", "jwk": hmac_key}),
                &claims(&weather),
            ),
        ),
        ("RS256", rsa.jwt(&rsa_header, &claims(&weather), false)),
        (
            "ES256 said, RSA key",
            rsa.jwt(&with(rsa_header.clone(), "alg", json!("ES256")), &claims(&weather), true),
        ),
        ("ES384", sign(&alg("ES384"))),
        ("a private key", sign(&jwk_with("d", json!(base64url(&[7; 32]))))),
        ("a point off the curve", sign(&jwk_with("x", json!(base64url(&[7; 32]))))),
        ("no point at all", sign(&jwk_with("x", json!("")))),
        ("a short coordinate", sign(&jwk_with("x", json!(base64url(&[7; 31]))))),
        ("another curve", sign(&jwk_with("crv", json!("P-384")))),
        ("no kty", sign(&with(good.clone(), "jwk", without(jwk.clone(), "kty")))),
        ("a jwk of text", sign(&with(good.clone(), "jwk", json!("x")))),
        ("crit", sign(&with(good.clone(), "crit", json!(["jwk"])))),
        ("no signature", compact(&good, &claims(&weather), |_| Vec::new())),
        ("zeros", compact(&good, &claims(&weather), |_| vec![0; 64])),
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("no JWT", "x".to_owned()),
        ("too long", format!("{}{}", sign(&good), "A".repeat(30_000))),
    ];
    for (what, proof) in forgeries {
        let answer = asked(&weather, &proof).await;
        assert_eq!(answer.error().as_deref(), Some("invalid_dpop_proof"), "{what}");
        answer.refuses(400, "invalid_dpop_proof");
    }
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn an_rsa_key_proves_with_ps256() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let rsa = RsaKey::generate();
    let header = json!({"alg": "PS256", "typ": "dpop+jwt", "jwk": rsa.jwk()});
    let proof = rsa.jwt(&header, &claims(&weather), true);
    asked(&weather, &proof).await.refuses(400, "authorization_pending");
}

#[tokio::test]
async fn a_proof_is_used_once() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let proof = weather.proof("POST", rig.platform.place.url("token_endpoint"));
    asked(&weather, &proof).await.refuses(400, "authorization_pending");
    asked(&weather, &proof).await.refuses(400, "invalid_dpop_proof");
    // The jti counts for each key: another installation may choose the same.
    let said = claims(&weather);
    let other = rig.again(&weather.app);
    for key in [&weather.key, &other.key] {
        let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.jwk()});
        asked(&weather, &key.jwt(&header, &said)).await.refuses(400, "authorization_pending");
    }
}

#[tokio::test]
async fn there_is_one_proof_in_a_request() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let url = rig.platform.place.url("token_endpoint");
    let (one, two) = (weather.proof("POST", url), weather.proof("POST", url));
    let draft = weather.token_draft(&weather.attempt());
    let twice = draft.clone().header("DPoP", &one).more_header("DPoP", &two);
    weather.send(&twice).await.refuses(400, "invalid_dpop_proof");
    let twice = draft.clone().header("DPoP", &one).more_header("dpop", &one);
    weather.send(&twice).await.refuses(400, "invalid_dpop_proof");
    let listed = draft.clone().header("DPoP", &format!("{one}, {two}"));
    weather.send(&listed).await.refuses(400, "invalid_dpop_proof");
    let none = draft.without_header("DPoP");
    weather.send(&none).await.refuses(400, "invalid_dpop_proof");
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn at_userinfo_a_proof_is_for_its_token_and_method() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let access = tokens["access_token"].as_str().unwrap();
    weather.userinfo(access).await.accepts();
    let url = rig.platform.place.url("userinfo_endpoint");
    let ath = twinpath_e2e::jose::sha256(access.as_bytes());
    let good = || with(weather.proof_claims("GET", url), "ath", json!(ath));
    let spoilt = [
        without(good(), "ath"),
        with(good(), "ath", json!(twinpath_e2e::jose::sha256(b"x"))),
        with(good(), "htm", json!("POST")),
        with(good(), "htu", json!(rig.platform.place.url("token_endpoint"))),
    ];
    for claims in spoilt {
        let proof = weather.key.jwt(&weather.proof_header(), &claims);
        let request = twinpath_e2e::http::Request::new("GET", "/userinfo")
            .header("Authorization", &format!("DPoP {access}"))
            .header("DPoP", &proof);
        let answer = twinpath_e2e::http::send(rig.platform.place.address, &request).await;
        answer.refuses(401, "invalid_dpop_proof");
        let challenge = answer.header("www-authenticate").expect("RFC 9449 7.1");
        assert!(challenge.starts_with("DPoP ") && challenge.contains("invalid_dpop_proof"));
    }
}
