//! PROTOCOL 5, app authentication: RFC 7523 with RFC 10070, and what is no assertion at all.

use serde_json::{Value, json};
use twinpath_e2e::app::{Instance, assertion_header};
use twinpath_e2e::jose::{Key, RsaKey, base64url, compact, hmac_jwt};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::{now_s, number, random_text};

/// Sends a token request with this assertion.
async fn asked(instance: &Instance, assertion: &str) -> twinpath_e2e::http::Answer {
    let draft = instance.token_draft(&instance.attempt()).set("client_assertion", assertion);
    instance.send(&draft).await
}

fn with(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}

fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member);
    object
}

#[tokio::test]
async fn an_assertions_claims_have_to_be_right() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let place = &rig.platform.place;
    let now = now_s();
    let changes = [
        ("aud", json!(place.url("token_endpoint"))),
        ("aud", json!([place.issuer])),
        ("aud", json!(format!("{}/", place.issuer))),
        ("aud", json!("https://other.example")),
        ("aud", json!(1)),
        ("iss", json!("maps")),
        ("iss", json!(place.issuer)),
        ("sub", json!("maps")),
        ("sub", json!(null)),
        ("exp", json!(now - 1)),
        ("exp", json!(now - 300)),
        ("exp", json!(now + 86_400)),
        ("exp", json!("soon")),
        ("exp", json!(9.9e99)),
        ("iat", json!(now + 120)),
        ("iat", json!(now - 86_400)),
        ("nbf", json!(now + 120)),
        ("jti", json!("")),
        ("jti", json!(["a"])),
        ("jti", json!("x".repeat(1000))),
    ];
    for (claim, value) in changes {
        let claims = with(weather.assertion_claims(), claim, value.clone());
        let answer = asked(&weather, &weather.assertion(&assertion_header(), &claims)).await;
        assert_eq!(answer.error().as_deref(), Some("invalid_client"), "{claim} = {value}");
        answer.refuses(401, "invalid_client");
    }
    for claim in ["aud", "iss", "sub", "exp", "jti"] {
        let claims = without(weather.assertion_claims(), claim);
        let answer = asked(&weather, &weather.assertion(&assertion_header(), &claims)).await;
        answer.refuses(401, "invalid_client");
    }
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn an_assertions_header_has_to_be_right() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let headers = [
        with(assertion_header(), "typ", json!("at+jwt")),
        with(assertion_header(), "typ", json!("dpop+jwt")),
        with(assertion_header(), "typ", json!(7)),
        with(assertion_header(), "alg", json!("ES384")),
        with(assertion_header(), "alg", json!("es256")),
        with(assertion_header(), "crit", json!(["exp"])),
        with(assertion_header(), "b64", json!(false)),
        with(assertion_header(), "kid", json!(["a"])),
        without(assertion_header(), "alg"),
        json!([]),
        json!("x"),
    ];
    for header in headers {
        let assertion = weather.assertion(&header, &weather.assertion_claims());
        let answer = asked(&weather, &assertion).await;
        assert_eq!(answer.error().as_deref(), Some("invalid_client"), "{header}");
        answer.refuses(401, "invalid_client");
    }
    for header in
        [without(assertion_header(), "typ"), with(assertion_header(), "typ", json!("JWT"))]
    {
        let assertion = weather.assertion(&header, &weather.assertion_claims());
        asked(&weather, &assertion).await.refuses(400, "authorization_pending");
    }
}

#[tokio::test]
async fn an_assertions_signature_has_to_be_the_apps() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let twinpath_e2e::app::Auth::PrivateKeyJwt(key) = &weather.app.auth else { panic!("a key") };
    let claims = || weather.assertion_claims();
    let alg = |alg: &str| with(assertion_header(), "alg", json!(alg));
    let stranger = Key::generate();
    let rsa = RsaKey::generate();
    let good = weather.assertion(&assertion_header(), &claims());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n", base64url(key.point()));
    let forgeries = [
        stranger.jwt(&assertion_header(), &claims()),
        stranger.jwt(&with(assertion_header(), "jwk", stranger.jwk()), &claims()),
        stranger
            .jwt(&with(assertion_header(), "jku", json!("https://evil.example/jwks")), &claims()),
        compact(&alg("none"), &claims(), |_| Vec::new()),
        compact(&alg("NONE"), &claims(), |_| Vec::new()),
        compact(&assertion_header(), &claims(), |_| Vec::new()),
        compact(&assertion_header(), &claims(), |_| vec![0; 64]),
        compact(&assertion_header(), &claims(), |_| vec![0; 65]),
        compact(&alg("ES256"), &claims(), |_| b"\x30\x06\x02\x01\x01\x02\x01\x01".to_vec()),
        hmac_jwt(key.point(), &alg("HS256"), &claims()),
        hmac_jwt(key.jwk().to_string().as_bytes(), &alg("HS256"), &claims()),
        hmac_jwt(pem.as_bytes(), &alg("HS256"), &claims()),
        hmac_jwt(b"", &alg("HS256"), &claims()),
        rsa.jwt(&alg("RS256"), &claims(), false),
        rsa.jwt(&alg("PS256"), &claims(), true),
        key.jwt(&alg("RS256"), &claims()),
        key.jwt(&alg("HS256"), &claims()),
        good.rsplit_once('.').unwrap().0.to_owned() + ".",
        good.replacen('.', ".e30", 1),
    ];
    for (n, forgery) in forgeries.iter().enumerate() {
        let answer = asked(&weather, forgery).await;
        assert_eq!(answer.error().as_deref(), Some("invalid_client"), "forgery {n}: {forgery}");
        answer.refuses(401, "invalid_client");
    }
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn what_is_no_jwt_is_refused_and_never_breaks_the_server() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let good = || weather.assertion(&assertion_header(), &weather.assertion_claims());
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let nested = format!("{}.{}.AA", base64url(br#"{"alg":"ES256"}"#), base64url(deep.as_bytes()));
    let twice = format!(
        "{}.{}.AA",
        base64url(br#"{"alg":"ES256"}"#),
        base64url(br#"{"iss":"a","iss":"weather","sub":"weather","aud":"x","exp":1,"jti":"a"}"#)
    );
    let malformed = [
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "....".to_owned(),
        "a.b.c".to_owned(),
        "e30.e30.e30".to_owned(),
        "\u{0}.\u{0}.\u{0}".to_owned(),
        format!("{}=", good()),
        format!(" {}", good()),
        format!("{}.{}", good(), good()),
        good().replace('.', "\u{ff0e}"),
        "A".repeat(40_000),
        format!("{}.{}", good(), "A".repeat(40_000)),
        nested,
        twice,
        base64url(&[0xff; 300]),
    ];
    for text in &malformed {
        let answer = asked(&weather, text).await;
        assert_eq!(answer.error().as_deref(), Some("invalid_client"), "{text:.100}");
        answer.refuses(401, "invalid_client");
    }
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn an_assertion_is_used_once() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let assertion = weather.assertion(&assertion_header(), &weather.assertion_claims());
    asked(&weather, &assertion).await.refuses(400, "authorization_pending");
    asked(&weather, &assertion).await.refuses(401, "invalid_client");
    // Its identifier is what counts, not its octets.
    let claims = weather.assertion_claims();
    let first = weather.assertion(&assertion_header(), &claims);
    let second = weather.assertion(&assertion_header(), &with(claims, "exp", json!(now_s() + 50)));
    asked(&weather, &first).await.refuses(400, "authorization_pending");
    asked(&weather, &second).await.refuses(401, "invalid_client");
    // Nor is it good at another endpoint.
    let at_introspection = weather.draft("introspection_endpoint", &[("token", "x")]);
    let at_introspection = at_introspection.set("client_assertion", &first);
    weather.send(&at_introspection).await.refuses(401, "invalid_client");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_an_assertion_is_used_once() {
    let rig = Rig::start().await;
    let app = rig.install(&Registration::new("b").bearer()).await;
    let draft = app.token_draft(&app.attempt());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let draft = draft.clone().set("terminal_verifier", random_text());
        let (request, address) = (draft.request(), rig.platform.place.address);
        tasks.spawn(async move { twinpath_e2e::http::send(address, &request).await });
    }
    let answers = tasks.join_all().await;
    let taken = answers.iter().filter(|answer| answer.status == 400).count();
    assert_eq!(taken, 1, "{answers:?}");
}

#[tokio::test]
async fn a_secrets_assertion_is_hs256_with_that_secret() {
    let rig = Rig::start().await;
    let shop = rig.install(&Registration::new("shop").method("client_secret_jwt")).await;
    shop.warm().await;
    let claims = || shop.assertion_claims();
    let header = |alg: &str| with(assertion_header(), "alg", json!(alg));
    let forgeries = [
        hmac_jwt(b"", &header("HS256"), &claims()),
        hmac_jwt(b"secret", &header("HS256"), &claims()),
        compact(&header("none"), &claims(), |_| Vec::new()),
        Key::generate().jwt(&header("ES256"), &claims()),
    ];
    for forgery in forgeries {
        asked(&shop, &forgery).await.refuses(401, "invalid_client");
    }
    rig.authorize(&shop, &number(1)).await;
}

#[tokio::test]
async fn an_unknown_app_and_a_wrong_secret_get_the_same_answer() {
    let rig = Rig::start().await;
    for method in ["client_secret_post", "client_secret_basic"] {
        let shop = rig.install(&Registration::new(method).method(method).bearer()).await;
        let attempt = shop.attempt();
        let draft = shop.token_draft(&attempt);
        let (wrong, unknown) = if method == "client_secret_post" {
            let unknown = draft.clone().set("client_id", "nobody");
            (draft.set("client_secret", "wrong"), unknown)
        } else {
            let basic = |pair: &str| {
                use base64::Engine as _;
                let credentials = base64::engine::general_purpose::STANDARD.encode(pair);
                draft.clone().header("Authorization", &format!("Basic {credentials}"))
            };
            (basic(&format!("{method}:wrong")), basic("nobody:wrong"))
        };
        let (wrong, unknown) = (shop.send(&wrong).await, shop.send(&unknown).await);
        wrong.refuses(401, "invalid_client");
        assert_eq!(wrong.text(), unknown.text());
        assert!(wrong.header("www-authenticate").is_some(), "RFC 6749 5.2");
    }
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let stranger = Key::generate().jwt(&assertion_header(), &weather.assertion_claims());
    let wrong = asked(&weather, &stranger).await;
    let mut claims = weather.assertion_claims();
    claims["iss"] = "nobody".into();
    claims["sub"] = "nobody".into();
    let unknown = weather.token_draft(&weather.attempt()).set("client_id", "nobody");
    let unknown = unknown.set("client_assertion", weather.assertion(&assertion_header(), &claims));
    let unknown = weather.send(&unknown).await;
    unknown.refuses(401, "invalid_client");
    assert_eq!(wrong.text(), unknown.text());
}

#[tokio::test]
async fn another_method_than_the_registered_one_is_refused() {
    let rig = Rig::start().await;
    let shop = rig.install(&Registration::new("shop").method("client_secret_basic").bearer()).await;
    let twinpath_e2e::app::Auth::SecretBasic(secret) = &shop.app.auth else { panic!("a secret") };
    let draft = shop.token_draft(&shop.attempt()).without_header("Authorization");
    let in_body = draft.clone().set("client_id", "shop").set("client_secret", secret);
    shop.send(&in_body).await.refuses(401, "invalid_client");
    shop.send(&draft.clone().set("client_id", "shop")).await.refuses(401, "invalid_client");
    let claims = shop.assertion_claims();
    let assertion = hmac_jwt(secret.as_bytes(), &json!({"alg": "HS256"}), &claims);
    let by_assertion = draft
        .set("client_id", "shop")
        .set("client_assertion_type", twinpath_e2e::app::ASSERTION_TYPE)
        .set("client_assertion", assertion);
    shop.send(&by_assertion).await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn two_methods_in_one_request_are_malformed() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let draft = weather.token_draft(&weather.attempt());
    let two = draft.clone().add("client_secret", "x");
    weather.send(&two).await.refuses(400, "invalid_request");
    let two = draft.clone().header("Authorization", "Basic d2VhdGhlcjp4");
    weather.send(&two).await.refuses(400, "invalid_request");
    let untyped = draft.clone().without("client_assertion_type");
    weather.send(&untyped).await.refuses(400, "invalid_request");
    let other_type = draft.clone().set("client_assertion_type", "urn:x");
    weather.send(&other_type).await.refuses(400, "invalid_request");
    let nobody = draft.without("client_id");
    weather.send(&nobody).await.refuses(400, "invalid_request");
}
