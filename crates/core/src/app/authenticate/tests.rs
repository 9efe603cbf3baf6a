//! Every method, right and wrong. Names in parentheses are those of the FAPI 2.0 conformance suite
//! whose checks these are ours for.

use std::collections::BTreeMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use twinpath_wire::b64;
use twinpath_wire::jwk::{Jwk, JwkSet, PublicKey};
use twinpath_wire::jws::compose;

use super::*;
use crate::app::NewSecret;
use crate::fixtures::{ISSUER, Model, START as NOW, Seeded, app, client, vault};
use crate::grant::{Replay, Spends};
use crate::records::App;
use crate::transaction::{Context, Operation, Rows, Step};

const WRONG: Result<Authenticated, AuthError> = Err(UNKNOWN);

struct Keys {
    pair: EcdsaKeyPair,
    jwk: Jwk,
}

fn keys(kid: Option<&str>) -> Keys {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let mut jwk = Jwk::from_uncompressed_p256(pair.public_key().as_ref()).unwrap();
    jwk.kid = kid.map(str::to_owned);
    Keys { pair, jwk }
}

impl Keys {
    fn sign(&self, header: &Value, claims: &Value) -> String {
        sign_with(header, claims, |input| {
            self.pair.sign(&SystemRandom::new(), input).unwrap().as_ref().to_vec()
        })
    }
}

fn sign_with(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    compose(header, claims, |input| Ok::<_, serde_json::Error>(sign(input))).unwrap()
}

fn header() -> Value {
    json!({"alg": "ES256", "typ": TYP, "kid": "a"})
}

fn claims() -> Value {
    let now = NOW.seconds();
    json!({"iss": "weather", "sub": "weather", "aud": ISSUER, "exp": now + 60, "iat": now, "jti": "1"})
}

fn registered(app: App) -> Registered {
    Registered::new(app, &BTreeMap::new(), &vault()).unwrap()
}

fn with_keys(keys: &[&Keys]) -> Registered {
    let set = JwkSet { keys: keys.iter().map(|keys| keys.jwk.clone()).collect() };
    registered(App { jwks: Some(set), ..app("weather", AuthMethod::PrivateKeyJwt) })
}

fn with_secret(method: AuthMethod) -> (Registered, String) {
    let secret = NewSecret::make(&client("weather"), method, &vault(), &mut Seeded(5));
    let secret = secret.unwrap().unwrap();
    (registered(App { secret: Some(secret.kept), ..app("weather", method) }), secret.clear)
}

fn by_assertion(assertion: &str) -> Credentials<'_> {
    Credentials {
        client_id: Some("weather"),
        client_assertion_type: Some(CLIENT_ASSERTION_TYPE),
        client_assertion: Some(assertion),
        ..Credentials::default()
    }
}

fn check_in(
    credentials: Credentials<'_>,
    registered: &Registered,
    development: bool,
) -> Result<Authenticated, AuthError> {
    let claimed = credentials.claim()?;
    let known = (claimed.client_id == registered.app.client_id).then_some(registered);
    claimed.check(known, ISSUER, development, &vault(), NOW)
}

fn check(
    credentials: Credentials<'_>,
    registered: &Registered,
) -> Result<Authenticated, AuthError> {
    check_in(credentials, registered, false)
}

/// A right assertion, changed by `edit`, and checked.
fn assertion(edit: impl FnOnce(&mut Value, &mut Value)) -> Result<Authenticated, AuthError> {
    let keys = keys(Some("a"));
    let (mut header, mut claims) = (header(), claims());
    edit(&mut header, &mut claims);
    check(by_assertion(&keys.sign(&header, &claims)), &with_keys(&[&keys]))
}

#[test]
fn a_right_assertion_is_used_up_until_it_expires() {
    let spend = assertion(|_, _| ()).unwrap().spend.unwrap();
    assert_eq!(spend.key, vault().identifier("assertion", "weather", "1"));
    let exp = NOW.plus_seconds(60);
    assert!(spend.until >= exp, "its jti is forgotten while it could be replayed");
    // As the store runs it: the second use is a replay, whatever the other claims.
    let mut model = Model::new();
    model.jtis.insert(spend.key, crate::records::UsedJti { key: spend.key, purge_at: spend.until });
    let mut rows = Rows::new();
    rows.load(spend.key(), model.load(&spend.key()));
    assert_eq!(spend.decide(&rows, NOW), Ok(None));
    assert!(spend.decide(&rows, spend.until).unwrap().is_some());
}

#[test]
fn other_right_forms_of_an_assertion_pass() {
    assertion(|header, _| header["typ"] = Value::Null).unwrap();
    assertion(|header, _| header["typ"] = json!("JWT")).unwrap();
    assertion(|header, _| header["typ"] = json!("application/client-authentication+jwt")).unwrap();
    assertion(|header, _| drop(header.as_object_mut().unwrap().remove("kid"))).unwrap();
    assertion(|_, claims| drop(claims.as_object_mut().unwrap().remove("iat"))).unwrap();
    assertion(|_, claims| claims["iat"] = json!(NOW.seconds() + 10)).unwrap();
    assertion(|_, claims| claims["nbf"] = json!(NOW.seconds())).unwrap();
    assertion(|_, claims| claims["exp"] = json!(NOW.seconds() + MAX_ASSERTION_LIFE_S)).unwrap();
    assertion(|_, claims| claims["jti"] = json!("x".repeat(MAX_JTI))).unwrap();
    assertion(|_, claims| claims["more"] = json!({"a": 1})).unwrap();
}

#[test]
fn wrong_claims_are_refused() {
    let now = NOW.seconds();
    for (name, value) in [
        // EnsureClientAssertionWithWrongAudFails
        ("aud", json!("https://other.example")),
        ("aud", json!(format!("{ISSUER}/"))),
        ("aud", json!([ISSUER])),
        ("aud", json!([ISSUER, "https://other.example"])),
        ("aud", json!("")),
        ("aud", Value::Null),
        // PARTokenEndpointAsAudienceFails
        ("aud", json!(format!("{ISSUER}/token"))),
        ("iss", json!("bank")),
        ("sub", json!("bank")),
        ("iss", json!(ISSUER)),
        ("sub", json!("Weather")),
        // EnsureClientAssertionWithNoSubFails
        ("sub", Value::Null),
        ("iss", Value::Null),
        // EnsureClientAssertionWithExpIs5MinutesInPastFails
        ("exp", json!(now - 300)),
        ("exp", json!(now)),
        ("exp", json!(now + MAX_ASSERTION_LIFE_S + 1)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(i64::MIN)),
        ("exp", json!("soon")),
        ("exp", Value::Null),
        ("iat", json!(now + 61)),
        ("iat", json!(i64::MAX)),
        ("iat", json!(now - MAX_ASSERTION_LIFE_S - 1)),
        ("nbf", json!(now + 61)),
        ("nbf", json!("later")),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!("x".repeat(MAX_JTI + 1))),
        ("jti", json!(7)),
    ] {
        let refused = assertion(|_, claims| claims[name] = value.clone());
        assert!(matches!(refused, Err(AuthError::Client(_))), "{name}={value}: {refused:?}");
    }
}

#[test]
fn wrong_headers_are_refused() {
    for (name, value) in [
        ("typ", json!("dpop+jwt")),
        ("typ", json!("at+jwt")),
        ("typ", json!("oauth-client-attestation+jwt")),
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("")),
        ("alg", json!("RS256")),
        ("alg", json!("PS256")),
        ("alg", json!("EdDSA")),
        ("alg", json!("HS256")),
        ("alg", json!("es256")),
        ("alg", Value::Null),
        ("kid", json!("b")),
        ("kid", json!("")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
    ] {
        let refused = assertion(|header, _| header[name] = value.clone());
        assert!(matches!(refused, Err(AuthError::Client(_))), "{name}={value}: {refused:?}");
    }
}

#[test]
fn a_key_in_the_header_is_not_the_apps() {
    let (own, thief) = (keys(Some("a")), keys(Some("a")));
    let mut header = header();
    header["jwk"] = serde_json::to_value(&thief.jwk).unwrap();
    header["jku"] = json!("https://thief.example/jwks");
    let assertion = thief.sign(&header, &claims());
    assert_eq!(check(by_assertion(&assertion), &with_keys(&[&own])), WRONG);
}

#[test]
fn only_the_apps_own_keys_count() {
    let (old, new, other) = (keys(Some("old")), keys(Some("new")), keys(Some("old")));
    let app = with_keys(&[&old, &new]);
    let sign = |keys: &Keys, kid: Option<&str>| {
        let mut header = header();
        header["kid"] = json!(kid);
        keys.sign(&header, &claims())
    };
    for (keys, kid) in [(&old, Some("old")), (&new, Some("new")), (&old, None), (&new, None)] {
        assert!(check(by_assertion(&sign(keys, kid)), &app).is_ok(), "{kid:?}");
    }
    for (keys, kid) in
        [(&other, Some("old")), (&other, None), (&new, Some("old")), (&old, Some("x"))]
    {
        assert_eq!(check(by_assertion(&sign(keys, kid)), &app), WRONG, "{kid:?}");
    }
}

#[test]
fn a_signature_covers_header_and_claims() {
    let keys = keys(Some("a"));
    let app = with_keys(&[&keys]);
    let right = keys.sign(&header(), &claims());
    let mut more = claims();
    more["jti"] = json!("2");
    let other = keys.sign(&header(), &more);
    let parts = |jws: &str| jws.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (right, other) = (parts(&right), parts(&other));
    let cut = &right[2][..right[2].len() - 2];
    for forged in [
        format!("{}.{}.{}", right[0], other[1], right[2]),
        format!("{}.{}.", right[0], right[1]),
        format!("{}.{}.{cut}", right[0], right[1]),
        format!("{}.{}.{}", right[0], right[1], b64::encode([0; 64])),
    ] {
        assert_eq!(check(by_assertion(&forged), &app), WRONG, "{forged}");
    }
}

#[test]
fn junk_is_no_assertion() {
    let app = with_keys(&[&keys(None)]);
    let long = "a".repeat(MAX_JWT + 1);
    for junk in ["", ".", "..", "a.b.c", "e30.e30.", "e30.e30.AA.AA", &long] {
        let refused = check(by_assertion(junk), &app);
        assert!(matches!(refused, Err(AuthError::Client(_))), "{junk}: {refused:?}");
    }
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let keys = keys(Some("a"));
    let app = with_keys(&[&keys]);
    let mut header = header();
    header["alg"] = json!("HS256");
    let point = keys.jwk.key.uncompressed_p256().unwrap().to_vec();
    for secret in [serde_json::to_vec(&keys.jwk).unwrap(), point, b"a".to_vec(), Vec::new()] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        let forged = sign_with(&header, &claims(), |input| {
            aws_lc_rs::hmac::sign(&key, input).as_ref().to_vec()
        });
        assert_eq!(check(by_assertion(&forged), &app), WRONG);
    }
    let unsigned = sign_with(&json!({"alg": "none", "typ": TYP}), &claims(), |_| Vec::new());
    assert_eq!(check(by_assertion(&unsigned), &app), WRONG);
}

/// `EnsureSignedClientAssertionWithRS256Fails`, with a right RS256 signature.
#[test]
fn rsa_keys_sign_ps256_only() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // RFC 8017 A.1.1: a sequence of two numbers, here of 257 and 3 bytes.
    let der = pair.public_key().as_ref();
    let (n, e) = (der[der.len() - 261..der.len() - 5].to_vec(), der[der.len() - 3..].to_vec());
    let set = JwkSet { keys: vec![Jwk::new(PublicKey::Rsa { n, e })] };
    let app = registered(App { jwks: Some(set), ..app("weather", AuthMethod::PrivateKeyJwt) });
    let sign = |alg: &str, padding: &'static dyn aws_lc_rs::signature::RsaEncoding| {
        sign_with(&json!({"alg": alg, "typ": TYP}), &claims(), |input| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &SystemRandom::new(), input, &mut signature).unwrap();
            signature
        })
    };
    assert!(check(by_assertion(&sign("PS256", &RSA_PSS_SHA256)), &app).is_ok());
    for forged in [sign("RS256", &RSA_PKCS1_SHA256), sign("PS256", &RSA_PKCS1_SHA256)] {
        assert_eq!(check(by_assertion(&forged), &app), WRONG);
    }
}

#[test]
fn ed25519_signs() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = pair.public_key().as_ref().try_into().unwrap();
    let set = JwkSet { keys: vec![Jwk::new(PublicKey::Ed25519 { x })] };
    let app = registered(App { jwks: Some(set), ..app("weather", AuthMethod::PrivateKeyJwt) });
    let sign = |alg: &str| {
        let header = json!({"alg": alg, "typ": TYP});
        sign_with(&header, &claims(), |input| pair.sign(input).as_ref().to_vec())
    };
    assert!(check(by_assertion(&sign("EdDSA")), &app).is_ok());
    assert_eq!(check(by_assertion(&sign("ES256")), &app), WRONG);
}

#[test]
fn client_secret_jwt_is_hs256_with_the_secret() {
    let (app, secret) = with_secret(AuthMethod::ClientSecretJwt);
    let sign = |alg: &str, secret: &str| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        sign_with(&json!({"alg": alg, "typ": "JWT"}), &claims(), |input| {
            aws_lc_rs::hmac::sign(&key, input).as_ref().to_vec()
        })
    };
    assert!(check(by_assertion(&sign("HS256", &secret)), &app).unwrap().spend.is_some());
    for (alg, shown) in [
        ("HS256", "other"),
        ("HS256", ""),
        ("HS512", &secret),
        ("none", &secret),
        ("ES256", &secret),
    ] {
        assert_eq!(check(by_assertion(&sign(alg, shown)), &app), WRONG, "{alg} {shown}");
    }
    // The secret itself is not what is shown, and a key of one's own does not help.
    let own = keys(None).sign(&json!({"alg": "ES256", "typ": TYP}), &claims());
    assert_eq!(check(by_assertion(&own), &app), WRONG);
    let post = Credentials {
        client_id: Some("weather"),
        client_secret: Some(&secret),
        ..Credentials::default()
    };
    assert!(check(post, &app).is_err());
}

fn basic_header(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn by_basic(header: &str) -> Credentials<'_> {
    Credentials { authorization: Some(header), ..Credentials::default() }
}

#[test]
fn basic_is_form_encoded_first() {
    let (app, secret) = with_secret(AuthMethod::ClientSecretBasic);
    let encoded = secret.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
    let upper = encoded.to_uppercase();
    for header in [
        basic_header("weather", &secret),
        basic_header("%77eather", &encoded),
        basic_header("weather", &upper),
        basic_header("weather", &secret).replace("Basic", "bAsIc"),
    ] {
        assert_eq!(check(by_basic(&header), &app), Ok(Authenticated { spend: None }), "{header}");
    }
    let both = Credentials { client_id: Some("weather"), ..by_basic("") };
    let header = basic_header("weather", &secret);
    assert!(check(Credentials { authorization: Some(&header), ..both }, &app).is_ok());
}

#[test]
fn wrong_or_malformed_basic_is_refused() {
    let (app, secret) = with_secret(AuthMethod::ClientSecretBasic);
    let right = basic_header("weather", &secret);
    let unpadded = STANDARD.encode(format!("weather:{secret}")).trim_end_matches('=').to_owned();
    for header in [
        String::new(),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic !!!".to_owned(),
        right.replace("Basic ", "Bearer "),
        right.replace("Basic ", "Basic:"),
        format!("{right}, {right}"),
        format!("Basic {unpadded}{}", if unpadded.len() % 4 == 0 { "=" } else { "" }),
        format!("Basic {}", STANDARD.encode("weather")),
        format!("Basic {}", STANDARD.encode(b"weather:\xff")),
        basic_header("weather", ""),
        basic_header("weather", "tps_other"),
        basic_header("weather", &secret[..secret.len() - 1]),
        basic_header("weather", &format!("{secret}x")),
        basic_header("weather", &format!("{secret} ")),
        basic_header("weather", &secret.to_uppercase()),
        basic_header("Weather", &secret),
        basic_header("", &secret),
        basic_header("wea ther", &secret),
        basic_header("weather", "%"),
        basic_header("weather", "%4"),
        basic_header("weather", "%zz"),
        basic_header("weather", "%+1"),
        basic_header("weather", "%ff%fe"),
        basic_header("weather", &"x".repeat(MAX_SECRET + 1)),
        basic_header("weather", &"x".repeat(100_000)),
    ] {
        let refused = check(by_basic(&header), &app);
        assert!(matches!(refused, Err(AuthError::Client(_))), "{header}: {refused:?}");
    }
}

#[test]
fn form_decoding_takes_two_hex_digits_and_nothing_else() {
    assert_eq!(form_decode("a+b%20c%2B%c3%a9").as_deref(), Some("a b c+é"));
    for bad in ["%", "%a", "%g0", "%0g", "%+1", "%-1", "% 1", "%ff"] {
        assert_eq!(form_decode(bad), None, "{bad}");
    }
}

#[test]
fn a_request_authenticates_once() {
    let (_, secret) = with_secret(AuthMethod::ClientSecretBasic);
    let header = basic_header("weather", &secret);
    let basic = by_basic(&header);
    let post = Credentials {
        client_id: Some("weather"),
        client_secret: Some(&secret),
        ..Credentials::default()
    };
    let assertion = by_assertion("a.b.c");
    for mixed in [
        Credentials { client_secret: Some(&secret), ..basic },
        Credentials { client_secret: Some(""), ..basic },
        Credentials {
            client_assertion: assertion.client_assertion,
            client_assertion_type: assertion.client_assertion_type,
            ..basic
        },
        Credentials { client_secret: Some(&secret), ..assertion },
        // Half an assertion.
        Credentials { client_assertion_type: None, ..assertion },
        Credentials { client_assertion: None, ..assertion },
        Credentials { client_assertion_type: Some("x"), ..post },
        // RFC 7522's type, and no type at all.
        Credentials {
            client_assertion_type: Some("urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
            ..assertion
        },
        Credentials { client_assertion_type: Some(""), ..assertion },
        // client_id
        Credentials { client_id: Some("bank"), ..basic },
        Credentials { client_id: Some(""), ..basic },
        Credentials { client_id: None, ..post },
        Credentials { client_id: None, ..assertion },
        Credentials::default(),
    ] {
        let refused = mixed.claim().map(|claimed| claimed.client_id);
        assert!(matches!(refused, Err(AuthError::Request(_))), "{mixed:?}: {refused:?}");
    }
}

#[test]
fn post_secrets_are_compared_whole() {
    let (app, secret) = with_secret(AuthMethod::ClientSecretPost);
    let by_post = |secret| Credentials {
        client_id: Some("weather"),
        client_secret: Some(secret),
        ..Credentials::default()
    };
    assert_eq!(check(by_post(&secret), &app), Ok(Authenticated { spend: None }));
    let long = "x".repeat(MAX_SECRET + 1);
    let more = format!("{secret}\0");
    for wrong in ["", "tps_", "other", &secret[1..], &more, &long] {
        assert_eq!(check(by_post(wrong), &app), WRONG, "{wrong}");
    }
}

#[test]
fn an_app_uses_the_method_it_registered() {
    let keys = keys(Some("a"));
    let signed = keys.sign(&header(), &claims());
    let nothing = Credentials { client_id: Some("weather"), ..Credentials::default() };
    for method in
        [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost, AuthMethod::ClientSecretJwt]
    {
        let (mut app, secret) = with_secret(method);
        // Even if it had keys.
        app.keys = with_keys(&[&keys]).keys;
        let header = basic_header("weather", &secret);
        let shown = [
            (AuthMethod::ClientSecretBasic, by_basic(&header)),
            (AuthMethod::ClientSecretPost, Credentials { client_secret: Some(&secret), ..nothing }),
            (AuthMethod::PrivateKeyJwt, by_assertion(&signed)),
            (AuthMethod::None, nothing),
        ];
        for (other, credentials) in shown {
            let answer = check_in(credentials, &app, true);
            assert_eq!(answer.is_ok(), other == method, "{method:?} by {other:?}: {answer:?}");
        }
    }
}

#[test]
fn no_method_is_for_development_only() {
    let app = registered(app("weather", AuthMethod::None));
    let nothing = Credentials { client_id: Some("weather"), ..Credentials::default() };
    assert_eq!(check_in(nothing, &app, true), Ok(Authenticated { spend: None }));
    assert!(matches!(check_in(nothing, &app, false), Err(AuthError::Client(_))));
    let secret = Credentials { client_secret: Some("x"), ..nothing };
    assert!(check_in(secret, &app, true).is_err());
    let keys = keys(None);
    let signed = keys.sign(&header(), &claims());
    assert!(check_in(by_assertion(&signed), &app, true).is_err());
}

#[test]
fn an_unknown_app_is_told_what_a_wrong_secret_is() {
    let (_, secret) = with_secret(AuthMethod::ClientSecretBasic);
    let header = basic_header("nobody", &secret);
    let keys = keys(None);
    let signed = keys.sign(&super::tests::header(), &claims());
    for credentials in [
        by_basic(&header),
        by_assertion(&signed),
        Credentials {
            client_id: Some("nobody"),
            client_secret: Some("x"),
            ..Credentials::default()
        },
        Credentials { client_id: Some("nobody"), ..Credentials::default() },
    ] {
        let claimed = credentials.claim().unwrap();
        assert_eq!(claimed.check(None, ISSUER, true, &vault(), NOW), WRONG);
    }
    for id in ["", "no body", "é", &"x".repeat(129)] {
        let credentials = Credentials { client_id: Some(id), ..Credentials::default() };
        assert_eq!(credentials.claim().map(|claimed| claimed.client_id), Err(UNKNOWN), "{id}");
    }
}

#[test]
fn an_app_without_its_secret_row_lets_nobody_in() {
    let by_post = Credentials {
        client_id: Some("weather"),
        client_secret: Some(""),
        ..Credentials::default()
    };
    let bare = registered(app("weather", AuthMethod::ClientSecretPost));
    assert_eq!(check(by_post, &bare), WRONG);
    let keys = keys(None);
    let bare = registered(app("weather", AuthMethod::PrivateKeyJwt));
    assert_eq!(check(by_assertion(&keys.sign(&header(), &claims())), &bare), WRONG);
    let bare = registered(app("weather", AuthMethod::ClientSecretJwt));
    assert_eq!(check(by_assertion(&keys.sign(&header(), &claims())), &bare), WRONG);
}

/// RFC 6749 2.3.1: a secret is its app's alone.
#[test]
fn a_secret_works_for_its_own_app_only() {
    let (weather, secret) = with_secret(AuthMethod::ClientSecretPost);
    let mut stolen = weather.app.clone();
    stolen.client_id = client("bank");
    let by_post = Credentials {
        client_id: Some("bank"),
        client_secret: Some(&secret),
        ..Credentials::default()
    };
    assert_eq!(check(by_post, &registered(stolen)), WRONG);
}

#[test]
fn a_replayed_assertion_stops_a_redemption_before_it_touches_the_code() {
    use crate::fixtures::Commitment;
    use crate::join::{Redeem, Redeemed};
    let spend = assertion(|_, _| ()).unwrap().spend;
    let commitment = Commitment::new("weather", "k1", 0);
    let spends = Spends { proof: None, assertion: spend, challenge: None };
    let redeem = || Redeem::new(commitment.request().into(), vault(), spends);
    let mut model = Model::new();
    assert!(matches!(model.run(redeem()), Redeemed::Pending));
    assert!(matches!(model.run(redeem()), Redeemed::Replayed(Replay::Assertion)));
    let mut cx = Context { now: NOW, random: &mut Seeded(1) };
    let mut rows = Rows::new();
    rows.load(spend.unwrap().key(), model.load(&spend.unwrap().key()));
    let step = redeem().decide(&rows, &mut cx).unwrap();
    assert!(
        matches!(step, Step::Done(writes, Redeemed::Replayed(Replay::Assertion)) if writes.is_empty())
    );
}
