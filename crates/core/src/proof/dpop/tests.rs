use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use twinpath_wire::jwk::Jwk;
use twinpath_wire::jws::compose;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const URL: &str = "https://id.example.com/token";

fn key() -> (EcdsaKeyPair, Value) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let jwk = Jwk::from_uncompressed_p256(pair.public_key().as_ref()).unwrap();
    (pair, serde_json::to_value(jwk).unwrap())
}

fn nonces() -> Nonces {
    Nonces::new(&[9; 32])
}

/// A right proof, changed by `edit`, and checked.
fn check(edit: impl FnOnce(&mut Value, &mut Value)) -> Result<Proof, DpopError> {
    let (pair, jwk) = key();
    let mut header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
    let mut claims = json!({
        "jti": "a", "htm": "POST", "htu": URL, "iat": NOW.seconds(), "nonce": nonces().at(NOW),
    });
    edit(&mut header, &mut claims);
    let proof = compose(&header, &claims, |input| {
        let signature = pair.sign(&SystemRandom::new(), input).unwrap();
        Ok::<_, serde_json::Error>(signature.as_ref().to_vec())
    });
    let expected = Expected { method: "POST", url: URL, access_token: None };
    verify_proof(&proof.unwrap(), expected, &nonces(), NOW)
}

#[test]
fn a_right_proof_holds() {
    let proof = check(|_, _| ()).unwrap();
    assert_eq!(proof.jti, "a");
    // Any clock at most a minute behind takes it for stale by then.
    assert_eq!(proof.stale_at, NOW.plus_seconds(120));
    check(|_, c| c["iat"] = json!(NOW.seconds() + 10)).unwrap();
    check(|_, c| c["iat"] = json!(NOW.seconds() - 10)).unwrap();
    check(|_, c| c["htu"] = json!("HTTPS://ID.example.com:443/token?x#y")).unwrap();
    check(|h, _| h["typ"] = json!("application/dpop+jwt")).unwrap();
}

#[test]
fn wrong_claims_are_refused() {
    let now = NOW.seconds();
    for (name, value, why) in [
        ("jti", json!(""), DpopError::Identifier),
        ("jti", json!("x".repeat(257)), DpopError::Identifier),
        ("jti", json!(1), DpopError::Malformed),
        ("htm", json!("GET"), DpopError::Request),
        ("htm", json!("post"), DpopError::Request),
        ("htu", json!("https://id.example.com/userinfo"), DpopError::Request),
        ("htu", json!("http://id.example.com/token"), DpopError::Request),
        ("htu", json!("https://id.example.com:444/token"), DpopError::Request),
        ("htu", json!("/token"), DpopError::Request),
        ("iat", json!(now - 61), DpopError::Time),
        ("iat", json!(now + 61), DpopError::Time),
        ("iat", json!(i64::MIN), DpopError::Time),
        ("iat", json!(i64::MAX), DpopError::Time),
        ("iat", json!("now"), DpopError::Malformed),
        ("nonce", json!("x"), DpopError::UseNonce),
        ("nonce", Value::Null, DpopError::UseNonce),
    ] {
        let refused = check(|_, claims| claims[name] = value.clone());
        assert_eq!(refused, Err(why), "{name} {value}");
    }
}

#[test]
fn wrong_headers_are_refused() {
    let other = key().1;
    for (name, value, why) in [
        ("typ", json!("JWT"), DpopError::Type),
        ("typ", Value::Null, DpopError::Type),
        ("alg", json!("none"), DpopError::Signature),
        ("alg", json!("RS256"), DpopError::Signature),
        ("alg", json!("HS256"), DpopError::Signature),
        ("jwk", other, DpopError::Signature),
        ("jwk", Value::Null, DpopError::Key),
        ("jwk", json!({"kty": "oct", "k": "AAAA"}), DpopError::Malformed),
        ("crit", json!(["b64"]), DpopError::Malformed),
    ] {
        assert_eq!(check(|header, _| header[name] = value.clone()), Err(why), "{name} {value}");
    }
    let private = check(|header, _| header["jwk"]["d"] = header["jwk"]["x"].clone());
    assert_eq!(private, Err(DpopError::Malformed));
    let off_curve = check(|header, _| header["jwk"]["y"] = header["jwk"]["x"].clone());
    assert_eq!(off_curve, Err(DpopError::Key));
}

#[test]
fn a_proof_is_bound_to_its_access_token() {
    let expected = Expected { method: "GET", url: URL, access_token: Some("token") };
    let mut claims = ProofClaims {
        jti: "a".into(),
        htm: "GET".into(),
        htu: URL.into(),
        iat: NOW.seconds(),
        ath: None,
        nonce: None,
    };
    assert_eq!(check_claims(&claims, expected, NOW), Err(DpopError::AccessToken));
    claims.ath = Some(ath("other"));
    assert_eq!(check_claims(&claims, expected, NOW), Err(DpopError::AccessToken));
    claims.ath = Some(ath("token"));
    assert_eq!(check_claims(&claims, expected, NOW), Ok(()));
}

#[test]
fn junk_is_no_proof() {
    let expected = Expected { method: "POST", url: URL, access_token: None };
    for junk in ["", ".", "..", "a.b.c", "e30.e30.", "e30.e30.AA.AA", &"a".repeat(MAX_JWT + 1)] {
        let refused = verify_proof(junk, expected, &nonces(), NOW);
        assert_eq!(refused, Err(DpopError::Malformed), "{junk}");
    }
}
