//! Attestation-based client authentication (draft-ietf-oauth-attestation-based-client-auth-10, PROTOCOL
//! 5), both methods, with an attester that is not the platform.

use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use twinpath_e2e::app::{Draft, Instance};
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{self, Answer, Request};
use twinpath_e2e::jose::{Key, compact, hmac_jwt, open};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;
use twinpath_e2e::{now_s, number, random_text};

use crate::risk::reasons;

const METHODS: [&str; 2] = ["attest_jwt_client_auth", "attest_jwt_client_auth_dpop"];
const POP: &str = METHODS[0];
const COMBINED: &str = METHODS[1];
const ATTESTATION: &str = "OAuth-Client-Attestation";
const ATTESTATION_POP: &str = "OAuth-Client-Attestation-PoP";
const CHALLENGE: &str = "oauth-client-attestation-challenge";

#[tokio::test]
async fn an_app_may_have_an_attester_of_its_own() {
    let (rig, attester) = (Rig::start().await, Key::generate());
    let keys = json!({"keys": [attester.jwk()]});
    let vouch = |instance: &Instance| {
        let header = json!({"alg": "ES256", "typ": "oauth-client-attestation+jwt"});
        let claims = json!({"sub": instance.app.client_id, "iat": now_s(), "exp": now_s() + 600,
            "cnf": {"jwk": instance.key.jwk()}});
        instance.attest(&attester.jwt(&header, &claims));
    };
    for (n, (id, method)) in (1..).zip([("weather", POP), ("maps", COMBINED)]) {
        let registration = Registration::new(id).method(method).with("jwks", keys.clone());
        let instance = rig.install(&registration).await;
        vouch(&instance);
        let tokens = rig.authorize(&instance, &number(n)).await;
        let access = open(tokens["access_token"].as_str().unwrap()).1;
        assert_eq!(access["app_attestation"]["attester"], "registered");
        assert_eq!(access["app_attestation"]["evidence"], "software");
        assert_eq!(access["amr"], json!(["sms_mo", "swk"]));
    }
    // It is no other app's.
    let other = rig.install(&Registration::new("other").method(COMBINED)).await;
    vouch(&other);
    other.redeem(&other.attempt()).await.refuses(400, "invalid_client_attestation");
}

/// A rig whose platform trusts `attester` for every app, and `other` for `maps` only.
struct World {
    rig: Rig,
    attester: Arc<Key>,
    other: Arc<Key>,
    folder: TempDir,
}

impl World {
    async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (attester, other) = (Arc::new(Key::generate()), Arc::new(Key::generate()));
        write_keys(&folder, "mdm", &[&attester]);
        write_keys(&folder, "maps-only", &[&other]);
        let path = folder.path().display();
        let sections = format!(
            "[attestation]\nrefresh_s = 1\n\
             [[attestation.attester]]\nname = \"mdm\"\njwks_file = \"{path}/mdm\"\nclients = [\"*\"]\n\
             [[attestation.attester]]\nname = \"maps-only\"\njwks_file = \"{path}/maps-only\"\n\
             clients = [\"maps\"]\nevidence = \"tee\"\n"
        );
        Self { rig: Rig::with(settings.with(&sections)).await, attester, other, folder }
    }

    async fn install(&self, client_id: &str, method: &str) -> Installation {
        self.install_as(Registration::new(client_id).method(method)).await
    }

    async fn install_as(&self, registration: Registration) -> Installation {
        self.vouched(self.rig.install(&registration).await)
    }

    /// A further installation of an app.
    fn again(&self, first: &Installation) -> Installation {
        self.vouched(self.rig.again(&first.app))
    }

    fn vouched(&self, instance: Instance) -> Installation {
        let installed = Installation { instance, attester: Arc::clone(&self.attester) };
        installed.attest(&installed.attestation(&installed.attestation_claims()));
        installed
    }
}

/// An installation with its attester.
struct Installation {
    instance: Instance,
    attester: Arc<Key>,
}

impl Deref for Installation {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Installation {
    /// The claims of a good client attestation.
    fn attestation_claims(&self) -> Value {
        let (now, cnf) = (now_s(), json!({"jwk": self.key.jwk()}));
        json!({"sub": self.app.client_id, "iat": now, "exp": now + 3600, "cnf": cnf})
    }

    fn attestation(&self, claims: &Value) -> String {
        self.attester.jwt(&attestation_header(), claims)
    }
}

fn attestation_header() -> Value {
    json!({"alg": "ES256", "typ": "oauth-client-attestation+jwt"})
}

fn pop_header() -> Value {
    json!({"alg": "ES256", "typ": "oauth-client-attestation-pop+jwt"})
}

fn write_keys(folder: &TempDir, name: &str, keys: &[&Key]) {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
    // Whole or not at all: the server may read it at any time.
    let beside = folder.path().join(format!("{name}.new"));
    std::fs::write(&beside, json!({"keys": keys}).to_string()).unwrap();
    std::fs::rename(beside, folder.path().join(name)).unwrap();
}

fn with(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}

fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member);
    object
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// A right token request of a warm installation, spoilt.
async fn spoilt(instance: &Instance, spoil: impl FnOnce(Draft) -> Draft) -> Answer {
    let draft = instance.token_draft(&instance.attempt());
    instance.send(&spoil(draft)).await
}

/// The same with this attestation.
async fn attested(instance: &Instance, attestation: &str) -> Answer {
    spoilt(instance, |draft| draft.header(ATTESTATION, attestation)).await
}

/// The same with this proof of possession.
async fn proven(instance: &Instance, pop: &str) -> Answer {
    spoilt(instance, |draft| draft.header(ATTESTATION_POP, pop)).await
}

const REFUSED: &str = "invalid_client_attestation";

#[tokio::test]
async fn an_attested_installation_is_authorized_refreshes_and_revokes() {
    let world = World::start().await;
    for (n, method) in [(1, POP), (2, COMBINED)] {
        let weather = world.install(&format!("weather-{n}"), method).await;
        let tokens = world.rig.authorize(&weather, &number(n)).await;
        let (header, claims) = open(text(&tokens["access_token"]));
        assert_eq!(header["typ"], "at+jwt");
        assert_eq!(claims["cnf"]["jkt"], weather.key.thumbprint());
        // Not rotated: the app authenticates, and the grant is bound.
        let first = text(&tokens["refresh_token"]);
        let again = weather.refresh(first).await.accepts();
        assert_eq!(again["refresh_token"].as_str().unwrap_or(first), first, "{again}");
        weather.refresh(first).await.accepts();
        assert_eq!(weather.userinfo(text(&again["access_token"])).await.status, 200);
        assert_eq!(weather.revoke(first).await.status, 200);
        weather.refresh(first).await.refuses(400, "invalid_grant");
    }
}

/// Draft 9.3: a refresh token is its installation's.
#[tokio::test]
async fn a_refresh_token_is_bound_to_the_attested_key() {
    let world = World::start().await;
    for (n, method) in [(1, POP), (2, COMBINED)] {
        let weather = world.install(&format!("weather-{n}"), method).await;
        let tokens = world.rig.authorize(&weather, &number(n)).await;
        let token = text(&tokens["refresh_token"]);
        let thief = world.again(&weather);
        thief.refresh(token).await.refuses(400, "invalid_grant");
        let bare = weather
            .draft("token_endpoint", &[("grant_type", "refresh_token"), ("refresh_token", token)]);
        let bare = bare.without_header(ATTESTATION).without_header(ATTESTATION_POP);
        weather.send(&bare).await.refuses(401, "invalid_client");
        weather.refresh(token).await.accepts();
    }
}

#[tokio::test]
async fn the_metadata_says_how() {
    let world = World::start().await;
    let metadata = &world.rig.platform.place.metadata;
    for list in [
        "token_endpoint_auth_methods_supported",
        "revocation_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_methods_supported",
    ] {
        for method in METHODS {
            assert!(metadata[list].as_array().unwrap().contains(&json!(method)), "{list}");
        }
    }
    let pop = &metadata["client_attestation_pop_methods_supported"];
    assert_eq!(pop, &json!(["attestation_pop_jwt", "dpop_combined", "none"]));
    for list in [
        "client_attestation_signing_alg_values_supported",
        "client_attestation_pop_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
    ] {
        assert_eq!(metadata[list], json!(["ES256", "Ed25519", "EdDSA", "PS256"]), "{list}");
    }
}

async fn challenge(world: &World, form: &str) -> Answer {
    let place = &world.rig.platform.place;
    let mut request = Request::new("POST", place.path("challenge_endpoint"));
    if !form.is_empty() {
        request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.body = form.as_bytes().to_vec();
    }
    http::send(place.address, &request).await
}

#[tokio::test]
async fn a_challenge_is_told_to_whoever_asks_and_used_once() {
    let world = World::start().await;
    let weather = world.install("weather", POP).await;
    let combined = world.install("combined", COMBINED).await;
    weather.warm().await;
    combined.warm().await;
    for (form, good) in [("", true), ("client_id=weather", true), ("client_id=combined", false)] {
        let answer = challenge(&world, form).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let told = answer.accepts()["attestation_challenge"].clone();
        let answered =
            || weather.possession(&with(weather.possession_claims(), "challenge", told.clone()));
        let first = proven(&weather, &answered()).await;
        let expected = if good { "authorization_pending" } else { "use_attestation_challenge" };
        first.refuses(400, expected);
        // Another proof, the same challenge.
        proven(&weather, &answered()).await.refuses(400, "use_attestation_challenge");
    }
    // In the combined mode it is the proof's nonce (7.3).
    let url = combined.place.url("token_endpoint");
    for form in ["", "client_id=combined"] {
        let told = challenge(&world, form).await.accepts()["attestation_challenge"].clone();
        let claims = || with(combined.proof_claims("POST", url), "nonce", told.clone());
        let proof = || combined.key.jwt(&combined.proof_header(), &claims());
        let first = spoilt(&combined, |draft| draft.header("DPoP", &proof())).await;
        first.refuses(400, "authorization_pending");
        let again = spoilt(&combined, |draft| draft.header("DPoP", &proof())).await;
        again.refuses(400, "use_attestation_challenge");
    }
    challenge(&world, "client_id=no%20body").await.refuses(400, "invalid_request");
}

#[tokio::test]
async fn each_answer_tells_the_next_challenge() {
    let world = World::start().await;
    let weather = world
        .install_as(Registration::new("weather").method(POP).web("https://weather.example/cb"));
    let weather = weather.await;
    weather.warm().await;
    let tokens = world.rig.authorize(&weather, &number(1)).await;
    let told = |answer: &Answer| answer.header(CHALLENGE).map(str::to_owned);
    let mut seen = Vec::new();
    let refresh = weather.refresh(text(&tokens["refresh_token"])).await;
    assert_eq!(refresh.status, 200);
    seen.push(told(&refresh));
    let introspected = weather.introspect(text(&tokens["access_token"])).await;
    assert_eq!(introspected.status, 200);
    seen.push(told(&introspected));
    let form = [
        ("response_type", "code"),
        ("redirect_uri", "https://weather.example/cb"),
        ("scope", "openid"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let pushed = weather.send(&weather.draft("pushed_authorization_request_endpoint", &form)).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    seen.push(told(&pushed));
    let revoked = weather.revoke(text(&tokens["refresh_token"])).await;
    assert_eq!(revoked.status, 200);
    seen.push(told(&revoked));
    let refused = spoilt(&weather, |draft| draft.header(ATTESTATION, "x")).await;
    refused.refuses(400, REFUSED);
    seen.push(told(&refused));
    assert!(seen.iter().all(Option::is_some), "{seen:?}");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 5, "each its own");
}

/// Draft 9.4: a pushed request is bound to the key that its proof of possession shows, without a DPoP proof.
#[tokio::test]
async fn a_pushed_request_is_bound_to_the_attested_key() {
    let world = World::start().await;
    let registration = Registration::new("weather").method(POP).web("https://weather.example/cb");
    let weather = world.install_as(registration).await;
    weather.warm().await;
    let push = |more: Vec<(&'static str, String)>| {
        let form = [
            ("response_type", "code"),
            ("redirect_uri", "https://weather.example/cb"),
            ("scope", "openid"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ];
        let draft = weather.draft("pushed_authorization_request_endpoint", &form);
        more.into_iter()
            .fold(draft.without_header("DPoP"), |draft, (name, value)| draft.set(name, value))
    };
    let own = weather.send(&push(vec![("dpop_jkt", weather.key.thumbprint())])).await;
    assert_eq!(own.status, 201, "{}", own.text());
    let others = weather.send(&push(vec![("dpop_jkt", Key::generate().thumbprint())])).await;
    others.refuses(400, "invalid_dpop_proof");
}

#[tokio::test]
async fn an_attestations_claims_have_to_be_right() {
    let world = World::start().await;
    for method in METHODS {
        let weather = world.install(&method.replace('_', "-"), method).await;
        weather.warm().await;
        let now = now_s();
        let mut private = weather.key.jwk();
        private["d"] = json!("AA");
        let stranger = Key::generate();
        for (claim, value) in [
            ("sub", json!("maps")),
            ("sub", json!("")),
            ("sub", json!(null)),
            ("iat", json!(now + 120)),
            ("nbf", json!(now + 120)),
            ("exp", json!("soon")),
            ("exp", json!(9.9e99)),
            ("cnf", json!(null)),
            ("cnf", json!({"jkt": weather.key.thumbprint()})),
            ("cnf", json!({"jwk": private})),
            // Another installation's.
            ("cnf", json!({"jwk": stranger.jwk()})),
        ] {
            let claims = with(weather.attestation_claims(), claim, value.clone());
            let answer = attested(&weather, &weather.attestation(&claims)).await;
            assert_eq!(answer.error().as_deref(), Some(REFUSED), "{claim} = {value}");
            answer.refuses(400, REFUSED);
        }
        for claim in ["sub", "exp", "cnf"] {
            let claims = without(weather.attestation_claims(), claim);
            attested(&weather, &weather.attestation(&claims)).await.refuses(400, REFUSED);
        }
        let fine = with(weather.attestation_claims(), "iss", json!("https://mdm.example"));
        let answer = attested(&weather, &weather.attestation(&fine)).await;
        answer.refuses(400, "authorization_pending");
    }
}

#[tokio::test]
async fn an_attestation_has_to_be_fresh() {
    let world = World::start().await;
    for method in METHODS {
        let weather = world.install(&method.replace('_', "-"), method).await;
        weather.warm().await;
        let now = now_s();
        let claims = |iat: Option<i64>, exp: i64| {
            let claims = with(without(weather.attestation_claims(), "iat"), "exp", json!(exp));
            iat.map_or(claims.clone(), |iat| with(claims, "iat", json!(iat)))
        };
        for (iat, exp) in [
            (Some(now - 60), now - 1),
            (None, now - 300),
            (Some(now - 86_500), now + 3600),
            (None, now + 10 * 86_400),
        ] {
            let answer = attested(&weather, &weather.attestation(&claims(iat, exp))).await;
            answer.refuses(400, "use_fresh_attestation");
        }
        for (iat, exp) in [(Some(now - 80_000), now + 365 * 86_400), (None, now + 60)] {
            let answer = attested(&weather, &weather.attestation(&claims(iat, exp))).await;
            answer.refuses(400, "authorization_pending");
        }
    }
}

#[tokio::test]
async fn an_attestation_has_to_be_by_an_attester_of_the_app() {
    let world = World::start().await;
    let weather = world.install("weather", COMBINED).await;
    weather.warm().await;
    let (header, claims) = (attestation_header(), weather.attestation_claims());
    let alg = |alg: &str| with(attestation_header(), "alg", json!(alg));
    let stranger = Key::generate();
    let good = weather.attestation(&claims);
    let (head, tail) = good.rsplit_once('.').unwrap();
    let forgeries = [
        stranger.jwt(&header, &claims),
        stranger.jwt(&with(header.clone(), "jwk", stranger.jwk()), &claims),
        stranger.jwt(&with(header.clone(), "jku", json!("https://evil.example/jwks")), &claims),
        weather.key.jwt(&header, &claims),
        // Trusted, but for another app.
        world.other.jwt(&header, &claims),
        compact(&alg("none"), &claims, |_| Vec::new()),
        compact(&header, &claims, |_| Vec::new()),
        hmac_jwt(world.attester.point(), &alg("HS256"), &claims),
        world.attester.jwt(&alg("EdDSA"), &claims),
        world.attester.jwt(&with(header.clone(), "crit", json!(["exp"])), &claims),
        world.attester.jwt(&with(header.clone(), "typ", json!("JWT")), &claims),
        world.attester.jwt(&without(header.clone(), "typ"), &claims),
        world.attester.jwt(&pop_header(), &claims),
        format!("{head}.{}", tail.chars().rev().collect::<String>()),
        format!("{good}x"),
        "x".to_owned(),
        "x".repeat(9000),
    ];
    for forged in forgeries {
        let answer = attested(&weather, &forged).await;
        assert_eq!(answer.error().as_deref(), Some(REFUSED), "{forged}");
        answer.refuses(400, REFUSED);
    }
    attested(&weather, &good).await.refuses(400, "authorization_pending");
    let maps = world.install("maps", COMBINED).await;
    maps.warm().await;
    let by_other = world.other.jwt(&header, &maps.attestation_claims());
    attested(&maps, &by_other).await.refuses(400, "authorization_pending");
}

/// The platform's own keys sign attestations, and other things that are none.
#[tokio::test]
async fn tokens_and_attestations_are_told_apart() {
    let world = World::start().await;
    let weather = world.install("weather", COMBINED).await;
    let tokens = world.rig.authorize(&weather, &number(1)).await;
    for token in ["access_token", "id_token"] {
        attested(&weather, text(&tokens[token])).await.refuses(400, REFUSED);
    }
    let attestation = weather.attestation(&weather.attestation_claims());
    assert_eq!(weather.userinfo(&attestation).await.status, 401);
    let pop = weather.possession(&weather.possession_claims());
    assert_eq!(weather.userinfo(&pop).await.status, 401);
}

#[tokio::test]
async fn a_proof_of_possession_has_to_be_right() {
    let world = World::start().await;
    let weather = world.install("weather", POP).await;
    weather.warm().await;
    let place = &world.rig.platform.place;
    let now = now_s();
    for (claim, value) in [
        ("aud", json!(place.url("token_endpoint"))),
        ("aud", json!(format!("{}/", place.issuer))),
        ("aud", json!([place.issuer])),
        ("aud", json!("https://other.example")),
        ("jti", json!("")),
        ("jti", json!(["a"])),
        ("jti", json!("x".repeat(1000))),
        ("iat", json!(now - 3600)),
        ("iat", json!(now + 3600)),
        ("iat", json!(i64::MIN)),
        ("exp", json!(now - 1)),
        ("nbf", json!(now + 120)),
    ] {
        let pop = weather.possession(&with(weather.possession_claims(), claim, value.clone()));
        let answer = proven(&weather, &pop).await;
        assert_eq!(answer.error().as_deref(), Some(REFUSED), "{claim} = {value}");
        answer.refuses(400, REFUSED);
    }
    for claim in ["aud", "jti", "iat"] {
        let pop = weather.possession(&without(weather.possession_claims(), claim));
        proven(&weather, &pop).await.refuses(400, REFUSED);
    }
    let claims = weather.possession_claims();
    let alg = |alg: &str| with(pop_header(), "alg", json!(alg));
    for forged in [
        Key::generate().jwt(&pop_header(), &claims),
        world.attester.jwt(&pop_header(), &claims),
        weather.key.jwt(&with(pop_header(), "typ", json!("dpop+jwt")), &claims),
        weather.key.jwt(&attestation_header(), &claims),
        compact(&alg("none"), &claims, |_| Vec::new()),
        hmac_jwt(weather.key.point(), &alg("HS256"), &claims),
        weather.attestation(&weather.attestation_claims()),
        "x".to_owned(),
        "x".repeat(9000),
    ] {
        proven(&weather, &forged).await.refuses(400, REFUSED);
    }
    spoilt(&weather, |draft| draft.without_header(ATTESTATION_POP)).await.refuses(400, REFUSED);
    // Nothing of all that was used up.
    let answer = proven(&weather, &weather.possession(&weather.possession_claims())).await;
    answer.refuses(400, "authorization_pending");
}

#[tokio::test]
async fn a_proof_of_possession_answers_a_fresh_challenge() {
    let world = World::start().await;
    let weather = world.install("weather", POP).await;
    let attempt = weather.attempt();
    let first = weather.send(&weather.token_draft(&attempt)).await;
    first.refuses(400, "use_attestation_challenge");
    assert!(first.header(CHALLENGE).is_some());
    weather.warm().await;
    for wrong in [json!("x"), json!(""), json!(random_text())] {
        let pop = weather.possession(&with(weather.possession_claims(), "challenge", wrong));
        let answer = proven(&weather, &pop).await;
        answer.refuses(400, "use_attestation_challenge");
        assert!(answer.header(CHALLENGE).is_some());
    }
    let draft = weather.token_draft(&attempt);
    weather.send(&draft).await.refuses(400, "authorization_pending");
    // The whole request again is refused for its DPoP proof; its proof of possession with another one,
    // for its challenge.
    weather.send(&draft).await.refuses(400, "invalid_dpop_proof");
    let pop = draft.header_value(ATTESTATION_POP).to_owned();
    proven(&weather, &pop).await.refuses(400, "use_attestation_challenge");
    world.rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.accepts();
}

/// Without a DPoP proof in front, at an endpoint that needs none.
#[tokio::test]
async fn a_replayed_proof_of_possession_revokes_nothing() {
    let world = World::start().await;
    let weather = world.install("weather", POP).await;
    let first = world.rig.authorize(&weather, &number(1)).await;
    let second = world.rig.authorize(&weather, &number(2)).await;
    let revoke = |tokens: &Value| {
        let token = text(&tokens["refresh_token"]).to_owned();
        weather.draft("revocation_endpoint", &[("token", &token)]).without_header("DPoP")
    };
    let captured = revoke(&first);
    assert_eq!(weather.send(&captured).await.status, 200);
    let replayed = captured.set("token", text(&second["refresh_token"]));
    weather.send(&replayed).await.refuses(400, "use_attestation_challenge");
    weather.refresh(text(&second["refresh_token"])).await.accepts();
}

#[tokio::test]
async fn the_attested_key_is_the_dpop_key() {
    let world = World::start().await;
    for method in METHODS {
        let weather = world.install(&method.replace('_', "-"), method).await;
        weather.warm().await;
        let thief = world.again(&weather);
        thief.warm().await;
        let proof = thief.proof("POST", thief.place.url("token_endpoint"));
        let answer = spoilt(&weather, |draft| draft.header("DPoP", &proof)).await;
        answer.refuses(400, REFUSED);
        let bare = spoilt(&weather, |draft| draft.without_header("DPoP")).await;
        assert_eq!(bare.status, 400, "{}", bare.text());
    }
}

#[tokio::test]
async fn an_app_proves_possession_in_its_registered_way() {
    let world = World::start().await;
    let weather = world.install("weather", COMBINED).await;
    weather.warm().await;
    let pop = weather.possession(&weather.possession_claims());
    proven(&weather, &pop).await.refuses(400, REFUSED);
    spoilt(&weather, |draft| draft.without_header("DPoP")).await.refuses(400, REFUSED);
    spoilt(&weather, |draft| draft.without_header(ATTESTATION))
        .await
        .refuses(401, "invalid_client");
    let twice = spoilt(&weather, |draft| {
        let attestation = draft.header_value(ATTESTATION).to_owned();
        draft.more_header(ATTESTATION, &attestation)
    });
    twice.await.refuses(400, REFUSED);
    for (name, value) in [("client_secret", "x"), ("client_assertion", "x")] {
        let answer = spoilt(&weather, |draft| draft.set(name, value)).await;
        answer.refuses(400, "invalid_request");
    }
    let stranger = spoilt(&weather, |draft| draft.set("client_id", "nobody")).await;
    stranger.refuses(401, "invalid_client");
    let keyed = world.rig.instance("keyed").await;
    keyed.warm().await;
    let (by_pop, attested) = (world.install("by-pop", POP).await, weather.attestation_claims());
    by_pop.warm().await;
    let twice = spoilt(&by_pop, |draft| {
        let pop = draft.header_value(ATTESTATION_POP).to_owned();
        draft.more_header(ATTESTATION_POP, &pop)
    });
    twice.await.refuses(400, REFUSED);
    // An attestation does not stand in for another method.
    let claims = with(attested, "sub", json!("keyed"));
    let answer = spoilt(&keyed, |draft| {
        let draft =
            ["client_assertion", "client_assertion_type"].into_iter().fold(draft, Draft::without);
        draft.header(ATTESTATION, &weather.attestation(&claims))
    });
    answer.await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn other_endpoints_take_attestations_below_the_issuers_path() {
    let settings = Settings { issuer_path: "/id".to_owned(), ..Settings::default() };
    let world = World::with(settings).await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    for (n, method) in [(1, POP), (2, COMBINED)] {
        let registration = Registration::new(&format!("tv-{n}"))
            .method(method)
            .with("grant_types", json!([device, "refresh_token"]));
        let tv = world.install_as(registration).await;
        let begin = || tv.draft("device_authorization_endpoint", &[("scope", "openid")]);
        let shown = tv.send_fresh(begin).await.accepts();
        world.rig.centre.text(&number(n), text(&shown["sms_body"])).await.ok();
        let code = text(&shown["device_code"]).to_owned();
        // Whoever has the code only, has nothing: it is bound to the key that asked.
        let thief = world.again(&tv);
        thief.grant(device, &[("device_code", &code)]).await.refuses(400, "invalid_grant");
        let tokens = tv.grant(device, &[("device_code", &code)]).await.accepts();
        let answer = tv.introspect(text(&tokens["refresh_token"])).await;
        assert_eq!(answer.accepts()["active"], true);
        assert_eq!(tv.revoke(text(&tokens["refresh_token"])).await.status, 200);
    }
}

#[tokio::test]
async fn an_attesters_keys_are_replaced_while_the_server_runs() {
    let world = World::start().await;
    let weather = world.install("weather", COMBINED).await;
    weather.warm().await;
    let next = Key::generate();
    let by_next = async || {
        attested(&weather, &next.jwt(&attestation_header(), &weather.attestation_claims())).await
    };
    by_next().await.refuses(400, REFUSED);
    write_keys(&world.folder, "mdm", &[&next]);
    until("the new key counts", async || {
        (by_next().await.error().as_deref() != Some(REFUSED)).then_some(())
    })
    .await;
    let by_old = weather.attestation(&weather.attestation_claims());
    attested(&weather, &by_old).await.refuses(400, REFUSED);
    // What cannot be used leaves what is known in force.
    std::fs::write(world.folder.path().join("mdm"), "{").unwrap();
    let other = Key::generate();
    write_keys(&world.folder, "maps-only", &[&other]);
    until("the file was looked at", async || {
        let answer = by_next().await;
        assert_ne!(answer.error().as_deref(), Some(REFUSED));
        world.rig.platform.server.platform.attesters.refresh().is_err().then_some(())
    })
    .await;
    by_next().await.refuses(400, "authorization_pending");
}

#[tokio::test]
async fn attested_apps_are_bound_to_their_keys() {
    let world = World::start().await;
    for method in METHODS {
        for (member, value) in [
            ("dpop_bound_access_tokens", json!(false)),
            ("tls_client_certificate_bound_access_tokens", json!(true)),
        ] {
            let (metadata, _) = Registration::new("weather").method(method).metadata();
            let metadata = with(metadata, member, value);
            let answer = world.rig.platform.admin("POST", "/apps", &metadata).await;
            assert_eq!(answer.status, 400, "{member}: {}", answer.text());
        }
    }
}

/// PROTOCOL 7.4: an attested key is limited itself, and not by its address.
#[tokio::test]
async fn an_instance_that_leaves_codes_unredeemed_is_stopped() {
    let settings = Settings::default().with("[limits]\npending_codes_per_address = 1");
    let world = World::with(settings).await;
    let weather = world.install("weather", COMBINED).await;
    world.rig.authorize(&weather, &number(1)).await;
    for _ in 0..3 {
        weather.redeem(&weather.attempt()).await.refuses(400, "authorization_pending");
    }
    let over = weather.redeem(&weather.attempt()).await;
    over.refuses(429, "temporarily_unavailable");
    assert_eq!(over.header("retry-after"), Some("600"));
    let announced = weather.attempt();
    let announce =
        || weather.draft("terminal_authorization_endpoint", &[]).add("code", &announced.code);
    weather.send_fresh(announce).await.refuses(429, "temporarily_unavailable");
    // Another installation at the same address is not its business.
    let other = world.again(&weather);
    world.rig.authorize(&other, &number(2)).await;
}

/// A key that somebody vouches for is not free to make: the installation counts, not its address.
#[tokio::test]
async fn an_attested_installation_that_proves_many_numbers_is_blocked_for_more() {
    let limits = "[limits.farming]\nnumbers_per_instance = 2\n";
    let world = World::with(Settings::default().with(limits)).await;
    for method in METHODS {
        let farm = world.install(method, method).await;
        for n in [1, 2] {
            world.rig.authorize(&farm, &number(n)).await;
        }
        let attempt = farm.attempt();
        world.rig.text(&number(3), &attempt).await;
        farm.redeem(&attempt).await.refuses(400, "access_denied");
        world.rig.authorize(&farm, &number(1)).await;
        world.rig.authorize(&world.again(&farm), &number(3)).await;
    }
    assert_eq!(reasons(&world.rig, "code.refused").await, ["risk_many_numbers"; 2]);
}
