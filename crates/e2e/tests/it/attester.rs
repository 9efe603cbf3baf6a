//! The built-in attester (PROTOCOL 11): phones' evidence, and all that comes of it.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use twinpath_e2e::app::Instance;
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Answer, Request, send};
use twinpath_e2e::jose::{Key, base64url, open};
use twinpath_e2e::number;
use twinpath_e2e::phone::{
    APPLE_APP, DEVELOPMENT, PACKAGE, PRODUCTION, Play, Says, Vendor, android_body, apple_body,
    evidence_digest, signer_hex,
};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;

const COMBINED: &str = "attest_jwt_client_auth_dpop";
const APART: &str = "attest_jwt_client_auth";

fn app(client_id: &str, method: &str) -> Registration {
    Registration::new(client_id)
        .method(method)
        .with("android_package", PACKAGE)
        .with("android_cert_sha256", json!([signer_hex()]))
        .with("apple_app_id", APPLE_APP)
}

async fn start(more: &str) -> (Vendor, Rig) {
    let vendor = Vendor::new();
    let rig = Rig::with(Settings::default().with(&vendor.settings(more))).await;
    (vendor, rig)
}

async fn challenge(rig: &Rig, client_id: &str) -> String {
    let place = &rig.platform.place;
    let mut request = Request::new("POST", place.path("challenge_endpoint"))
        .header("Content-Type", "application/x-www-form-urlencoded");
    request.body = format!("client_id={client_id}").into_bytes();
    let answer = send(place.address, &request).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.accepts()["attestation_challenge"].as_str().unwrap().to_owned()
}

/// Sends evidence; with a proof by the instance key, if `proof` names its nonce.
async fn post(instance: &Instance, path: &str, body: &Value, proof: Option<&str>) -> Answer {
    let place = &instance.place;
    let mut request = Request::new("POST", path).header("Content-Type", "application/json");
    if let Some(nonce) = proof {
        let mut claims = instance.proof_claims("POST", &format!("{}{path}", place.issuer));
        claims["nonce"] = nonce.into();
        let proof = instance.key.jwt(&instance.proof_header(), &claims);
        request = request.header("DPoP", &proof);
    }
    request.body = body.to_string().into_bytes();
    send(place.address, &request).await
}

/// A nonce of the server's for a proof.
async fn nonce(instance: &Instance, path: &str, body: &Value) -> String {
    let answer = post(instance, path, body, Some("none")).await;
    answer.refuses(400, "use_dpop_nonce");
    answer.header("dpop-nonce").unwrap().to_owned()
}

/// Android evidence as a phone would make it, but for what `change` changes.
async fn android(
    (vendor, rig): &(Vendor, Rig),
    instance: &Instance,
    change: impl FnOnce(&mut Says),
) -> Answer {
    let id = instance.app.client_id.as_str();
    let challenge = challenge(rig, id).await;
    let digest = evidence_digest(&rig.platform.place.issuer, id, &challenge, None);
    let mut says = Says::good(&digest);
    change(&mut says);
    let chain = vendor.chain(&instance.key, &says);
    post(instance, ANDROID, &android_body(id, &challenge, &chain), None).await
}

const ANDROID: &str = "/attestation/android";
const APPLE: &str = "/attestation/apple";
const RENEW: &str = "/attestation/renew";

/// Keeps the client attestation that must have come.
fn attest(instance: &Instance, answer: &Answer) -> String {
    let told = answer.accepts();
    assert_eq!(told["expires_in"], 86_400);
    let attestation = told["client_attestation"].as_str().unwrap().to_owned();
    instance.attest(&attestation);
    attestation
}

/// Apple evidence as a phone would make it, in this environment.
async fn apple((vendor, rig): &(Vendor, Rig), instance: &Instance, aaguid: &[u8; 16]) -> Answer {
    let id = instance.app.client_id.as_str();
    let challenge = challenge(rig, id).await;
    let (issuer, jkt) = (&rig.platform.place.issuer, instance.key.thumbprint());
    let digest = evidence_digest(issuer, id, &challenge, Some(&jkt));
    let (key_id, object, _) = vendor.object(&digest, aaguid);
    let body = apple_body(id, &challenge, (&key_id, &object), &instance.key.jwk());
    let nonce = nonce(instance, APPLE, &body).await;
    post(instance, APPLE, &body, Some(&nonce)).await
}

async fn renew(rig: &Rig, instance: &Instance) -> Answer {
    let id = instance.app.client_id.as_str();
    let challenge = challenge(rig, id).await;
    let body = json!({"client_id": id, "challenge": challenge});
    post(instance, RENEW, &body, Some(&challenge)).await
}

fn reasons(answer: &Answer) -> Vec<String> {
    answer.refuses(400, "invalid_client_attestation");
    let told = answer.json();
    let all = told["reasons"].as_array().unwrap_or_else(|| panic!("no reasons in {told}"));
    all.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

fn claims(tokens: &Value, name: &str) -> Value {
    open(tokens[name].as_str().unwrap()).1
}

#[tokio::test]
async fn a_phones_hardware_signs_in_by_both_methods() {
    let all = start("").await;
    let rig = &all.1;
    for (n, (id, method)) in (1..).zip([("weather", COMBINED), ("maps", APART)]) {
        let instance = rig.install(&app(id, method)).await;
        let attestation = attest(&instance, &android(&all, &instance, |_| {}).await);
        let (header, said) = open(&attestation);
        assert_eq!(header["typ"], "oauth-client-attestation+jwt");
        assert_eq!((&said["sub"], &said["cnf"]["jwk"]), (&json!(id), &instance.key.jwk()));

        let tokens = rig.authorize(&instance, &number(n)).await;
        let access = claims(&tokens, "access_token");
        assert_eq!(access["amr"], json!(["sms_mo", "hwk"]), "{method}");
        assert_eq!(access["cnf"]["jkt"], instance.key.thumbprint());
        assert_eq!(access["app_attestation"]["evidence"], "tee");
        assert_eq!(access["app_attestation"]["attester"], "built_in");

        let refresh = tokens["refresh_token"].as_str().unwrap();
        let again = instance.refresh(refresh).await.accepts();
        assert!(again["refresh_token"].is_null(), "it is not rotated: {again}");
        let token = again["access_token"].as_str().unwrap();
        instance.userinfo(token).await.accepts();
    }
    let audit = rig.platform.admin("GET", "/audit?limit=500", &Value::Null).await.accepts();
    let events = audit["events"].as_array().unwrap();
    let told = |kind: &str| {
        let mut of = events.iter().filter(|it| it["kind"] == kind);
        of.next().unwrap_or_else(|| panic!("no {kind} in {events:?}")).clone()
    };
    assert_eq!(told("instance.attested")["evidence"], "tee");
    assert_eq!(told("grant.issued")["evidence"], "tee");
    assert!(told("grant.issued")["instance"].is_string());
}

#[tokio::test]
async fn evidence_that_is_not_enough_is_refused_with_every_reason() {
    let all = start("").await;
    let registration = app("bank", COMBINED)
        .with("app_attestation_evidence", json!(["tee"]))
        .with("android_min_os_patch_level", 202_601);
    let bank = all.1.install(&registration).await;
    let refused = async |change: fn(&mut Says)| reasons(&android(&all, &bank, change).await);
    assert_eq!(refused(|it| it.challenge[0] ^= 1).await, ["challenge_mismatch"]);
    assert_eq!(refused(|it| it.package.push('x')).await, ["package_mismatch"]);
    assert_eq!(refused(|it| it.signer[0] ^= 1).await, ["signer_mismatch"]);
    assert_eq!(refused(|it| it.boot = 1).await, ["boot_self_signed"]);
    assert_eq!(refused(|it| it.boot = 2).await, ["boot_unverified"]);
    assert_eq!(refused(|it| it.locked = false).await, ["bootloader_unlocked"]);
    assert_eq!(refused(|it| it.patch = 202_512).await, ["os_patch_too_old"]);
    let software = refused(|it| it.level = 0).await;
    assert!(software.contains(&"key_level_too_low".to_owned()), "{software:?}");
    let all_of_it = refused(|it| (it.boot, it.locked, it.patch) = (2, false, 0)).await;
    assert!(all_of_it.len() >= 3, "{all_of_it:?}");
    // Another vendor's phone.
    let stranger = (Vendor::new(), start("").await.1);
    let id = "bank";
    let challenge = challenge(&all.1, id).await;
    let digest = evidence_digest(&all.1.platform.place.issuer, id, &challenge, None);
    let chain = stranger.0.chain(&bank.key, &Says::good(&digest));
    let answer = post(&bank, ANDROID, &android_body(id, &challenge, &chain), None).await;
    assert_eq!(reasons(&answer), ["unknown_root"]);
    // What was refused used nothing up.
    let chain = all.0.chain(&bank.key, &Says::good(&digest));
    let body = android_body(id, &challenge, &chain);
    attest(&bank, &post(&bank, ANDROID, &body, None).await);
    assert_eq!(reasons(&post(&bank, ANDROID, &body, None).await), ["challenge_used"]);
}

#[tokio::test]
async fn a_challenge_is_the_apps_and_good_once() {
    let all = start("").await;
    let rig = &all.1;
    let (weather, maps) =
        (rig.install(&app("weather", COMBINED)).await, rig.install(&app("maps", COMBINED)).await);
    let bound = challenge(rig, "maps").await;
    let digest = evidence_digest(&rig.platform.place.issuer, "weather", &bound, None);
    let chain = all.0.chain(&weather.key, &Says::good(&digest));
    let answer = post(&weather, ANDROID, &android_body("weather", &bound, &chain), None).await;
    assert_eq!(reasons(&answer), ["challenge_unknown"]);
    // One that no app is named for is any app's.
    let place = &rig.platform.place;
    let free = send(place.address, &Request::new("POST", place.path("challenge_endpoint"))).await;
    let free = free.accepts()["attestation_challenge"].as_str().unwrap().to_owned();
    let digest = evidence_digest(&place.issuer, "maps", &free, None);
    let chain = all.0.chain(&maps.key, &Says::good(&digest));
    let body = android_body("maps", &free, &chain);
    attest(&maps, &post(&maps, ANDROID, &body, None).await);
    assert_eq!(reasons(&post(&maps, ANDROID, &body, None).await), ["challenge_used"]);
}

#[tokio::test]
async fn malformed_evidence_is_told_what_is_wrong() {
    let all = start("").await;
    let rig = &all.1;
    let weather = rig.install(&app("weather", COMBINED)).await;
    let plain = rig.install(&Registration::new("plain")).await;
    let good = async || challenge(rig, "weather").await;
    let body = |challenge: &str| android_body("weather", challenge, &[vec![0x30, 0]]);
    let sent = async |body: &Value| post(&weather, ANDROID, body, None).await;
    assert_eq!(reasons(&sent(&body(&good().await)).await), ["malformed_certificate"]);
    assert_eq!(reasons(&sent(&body("x")).await), ["challenge_unknown"]);
    for wrong in [json!([]), json!({}), json!({"client_id": 1}), json!("x"), Value::Null] {
        sent(&wrong).await.refuses(400, "invalid_request");
    }
    let mut not_base64 = body(&good().await);
    not_base64["certificate_chain"] = json!(["-_-"]);
    sent(&not_base64).await.refuses(400, "invalid_request");
    let mut long = body(&good().await);
    long["certificate_chain"] = json!(vec!["MAA="; 17]);
    sent(&long).await.refuses(400, "invalid_request");
    let mut empty = body(&good().await);
    empty["certificate_chain"] = json!([]);
    assert_eq!(reasons(&sent(&empty).await), ["empty_chain"]);
    for other in ["plain", "nobody", "", "a b"] {
        let mut body = body(&good().await);
        body["client_id"] = other.into();
        post(&plain, ANDROID, &body, None).await.refuses(401, "invalid_client");
    }
    let huge = json!({"client_id": "a".repeat(70_000)});
    sent(&huge).await.refuses(413, "invalid_request");
}

#[tokio::test]
async fn apple_vouches_for_a_key_in_software() {
    let all = start("").await;
    let rig = &all.1;
    let weather = rig.install(&app("weather", COMBINED)).await;
    attest(&weather, &apple(&all, &weather, PRODUCTION).await);
    let tokens = rig.authorize(&weather, &number(1)).await;
    let access = claims(&tokens, "access_token");
    assert_eq!(access["amr"], json!(["sms_mo", "swk"]), "never hwk");
    assert_eq!(access["app_attestation"]["evidence"], "app_attest");
    let other = rig.again(&weather.app);
    assert_eq!(reasons(&apple(&all, &other, DEVELOPMENT).await), ["environment_not_allowed"]);
    // The object vouches for one key, and the proof must be that key's.
    let (id, issuer) = ("weather", &rig.platform.place.issuer);
    let challenge = challenge(rig, id).await;
    let stolen = Key::generate();
    let digest = evidence_digest(issuer, id, &challenge, Some(&stolen.thumbprint()));
    let (key_id, object, _) = all.0.object(&digest, PRODUCTION);
    let body = apple_body(id, &challenge, (&key_id, &object), &stolen.jwk());
    let nonce_of = nonce(&other, APPLE, &body).await;
    let answer = post(&other, APPLE, &body, Some(&nonce_of)).await;
    assert_eq!(reasons(&answer), ["key_mismatch"]);
    let body = apple_body(id, &challenge, (&key_id, &object), &other.key.jwk());
    let nonce_of = nonce(&other, APPLE, &body).await;
    assert_eq!(reasons(&post(&other, APPLE, &body, Some(&nonce_of)).await), ["nonce_mismatch"]);
    post(&other, APPLE, &body, None).await.refuses(400, "invalid_dpop_proof");
}

#[tokio::test]
async fn stored_evidence_is_judged_again_by_the_policy_of_the_day() {
    let all = start("").await;
    let rig = &all.1;
    let weather = rig.install(&app("weather", COMBINED)).await;
    assert_eq!(reasons(&renew(rig, &weather).await), ["instance_unknown"]);
    attest(&weather, &android(&all, &weather, |_| {}).await);
    attest(&weather, &renew(rig, &weather).await);
    rig.authorize(&weather, &number(1)).await;
    // The proof's nonce is the challenge, and nothing else.
    let challenge = challenge(rig, "weather").await;
    let body = json!({"client_id": "weather", "challenge": challenge});
    let answer = post(&weather, RENEW, &body, Some("other")).await;
    answer.refuses(400, "use_dpop_nonce");
    post(&weather, RENEW, &body, None).await.refuses(400, "invalid_dpop_proof");
    attest(&weather, &post(&weather, RENEW, &body, Some(&challenge)).await);
    assert_eq!(reasons(&post(&weather, RENEW, &body, Some(&challenge)).await), ["challenge_used"]);
    // Policy moves, without a release.
    let now = json!({"app_attestation_evidence": ["strongbox"]});
    rig.platform.admin("PATCH", "/apps/weather", &now).await.accepts();
    let refused = reasons(&renew(rig, &weather).await);
    assert!(refused.contains(&"evidence_not_enough".to_owned()), "{refused:?}");
    let refused = weather.redeem(&weather.attempt()).await;
    refused.refuses(400, "invalid_client_attestation");
    let now = json!({"app_attestation_evidence": ["tee"], "android_min_os_patch_level": 202_701});
    rig.platform.admin("PATCH", "/apps/weather", &now).await.accepts();
    assert_eq!(reasons(&renew(rig, &weather).await), ["os_patch_too_old"]);
}

#[tokio::test]
async fn revocations_are_taken_from_a_file_while_the_server_runs() {
    let vendor = Vendor::new();
    let list = vendor.path("status.json");
    std::fs::write(&list, br#"{"entries": {}}"#).unwrap();
    let more = format!("android_revocations_file = {list:?}\nrefresh_s = 1");
    let rig = Rig::with(Settings::default().with(&vendor.settings(&more))).await;
    let all = (vendor, rig);
    let weather = all.1.install(&app("weather", COMBINED)).await;
    attest(&weather, &android(&all, &weather, |_| {}).await);
    // What cannot be read changes nothing.
    std::fs::write(&list, b"{").unwrap();
    attest(&weather, &renew(&all.1, &weather).await);
    let revoked = json!({"entries": {all.0.serial(): {"status": "REVOKED"}}});
    std::fs::write(&list, revoked.to_string()).unwrap();
    let refused = until("the revocation", async || {
        let answer = renew(&all.1, &weather).await;
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(reasons(&refused.await), ["revoked"]);
    let other = all.1.again(&weather.app);
    assert_eq!(reasons(&android(&all, &other, |_| {}).await), ["revoked"]);
}

#[tokio::test]
async fn an_operator_blocks_and_revokes_one_installation() {
    let all = start("").await;
    let rig = &all.1;
    let lost = rig.install(&app("weather", COMBINED)).await;
    let kept = rig.again(&lost.app);
    for instance in [&lost, &kept] {
        attest(instance, &android(&all, instance, |_| {}).await);
    }
    let tokens = rig.authorize(&lost, &number(1)).await;
    let token = tokens["access_token"].as_str().unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let list = rig.platform.admin("GET", "/apps/weather/instances", &Value::Null).await.accepts();
    let listed = list["instances"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|it| it["evidence"] == "tee" && it["status"] == "active"));
    let chain = listed.iter().find(|it| !it["statement"]["certificate_chain"].is_null());
    assert!(chain.is_none(), "the chain itself is no operator's business");

    let path = format!("/apps/weather/instances/{}", lost.key.thumbprint());
    let named = rig.platform.admin("PATCH", &path, &json!({"name": "Anna's phone"})).await;
    assert_eq!(named.accepts()["name"], "Anna's phone");
    let order = async |what: &str| {
        let path = format!("{path}/{what}");
        rig.platform.admin("POST", &path, &Value::Null).await.accepts()["status"].clone()
    };
    assert_eq!(order("block").await, "blocked");
    lost.refresh(refresh).await.refuses(400, "invalid_client_attestation");
    assert_eq!(lost.userinfo(token).await.status, 401);
    assert_eq!(reasons(&renew(rig, &lost).await), ["instance_blocked"]);
    assert_eq!(reasons(&android(&all, &lost, |_| {}).await), ["instance_blocked"]);
    rig.authorize(&kept, &number(2)).await;
    assert_eq!(order("unblock").await, "active");
    lost.refresh(refresh).await.accepts();
    lost.userinfo(token).await.accepts();
    assert_eq!(order("revoke").await, "revoked");
    assert_eq!(order("unblock").await, "revoked");
    lost.refresh(refresh).await.refuses(400, "invalid_client_attestation");
    assert_eq!(reasons(&android(&all, &lost, |_| {}).await), ["instance_revoked"]);
}

#[tokio::test]
async fn a_scope_asks_for_evidence_of_its_own() {
    let more = "[attestation.scopes]\nphone = [\"strongbox\", \"app_attest\"]";
    let all = start(more).await;
    let rig = &all.1;
    let tee = rig.install(&app("weather", COMBINED)).await;
    attest(&tee, &android(&all, &tee, |_| {}).await);
    // What nobody asked for is left out; what was asked for is refused.
    let tokens = rig.authorize(&tee, &number(1)).await;
    assert_eq!(tokens["scope"], "openid");
    let attempt = tee.attempt();
    rig.text(&number(1), &attempt).await;
    let refused = tee.redeem_with(&attempt, &[("scope", "openid phone")]).await;
    refused.refuses(400, "invalid_scope");
    tee.redeem(&attempt).await.accepts();
    for (n, level) in [(2, true), (3, false)] {
        let instance = rig.again(&tee.app);
        let answer = if level {
            android(&all, &instance, |it| it.level = 2).await
        } else {
            apple(&all, &instance, PRODUCTION).await
        };
        attest(&instance, &answer);
        let tokens = rig.authorize(&instance, &number(n)).await;
        assert_eq!(tokens["scope"], "openid phone");
    }
    // An app that shows nothing does not have it at all.
    let plain = rig.install(&Registration::new("plain")).await;
    assert_eq!(rig.authorize(&plain, &number(4)).await["scope"], "openid");
}

#[tokio::test]
async fn who_shows_another_key_is_not_the_installation() {
    let all = start("").await;
    let rig = &all.1;
    for (n, (id, method)) in (1..).zip([("weather", COMBINED), ("maps", APART)]) {
        let instance = rig.install(&app(id, method)).await;
        let attestation = attest(&instance, &android(&all, &instance, |_| {}).await);
        let thief = rig.again(&instance.app);
        thief.attest(&attestation);
        let attempt = thief.attempt();
        rig.text(&number(n), &attempt).await;
        thief.redeem(&attempt).await.refuses(400, "invalid_client_attestation");
        // Without an attestation nobody is this app.
        let make = || thief.token_draft(&attempt).without_header("OAuth-Client-Attestation");
        thief.send_fresh(make).await.refuses(401, "invalid_client");
    }
}

#[tokio::test]
async fn an_app_of_another_method_shows_no_attestation() {
    let all = start("").await;
    let rig = &all.1;
    let attested = rig.install(&app("weather", COMBINED)).await;
    let attestation = attest(&attested, &android(&all, &attested, |_| {}).await);
    let plain = rig.install(&Registration::new("plain")).await;
    let attempt = plain.attempt();
    let make = || {
        plain
            .token_draft(&attempt)
            .without("client_assertion")
            .without("client_assertion_type")
            .header("OAuth-Client-Attestation", &attestation)
    };
    plain.send_fresh(make).await.refuses(401, "invalid_client");
    let make = || plain.token_draft(&attempt).header("OAuth-Client-Attestation", &attestation);
    plain.send_fresh(make).await.refuses(400, "invalid_request");
    let wrong = json!({"client_id": "x", "client_name": "X",
        "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [Key::generate().jwk()]},
        "app_attestation_evidence": ["tee"]});
    let answer = rig.platform.admin("POST", "/apps", &wrong).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let _kept = Arc::clone(&plain.app);
}

const PLAY: &str = "/attestation/play-integrity";

/// A token as Google Play would make it, but for what `change` changes.
async fn play(
    rig: &Rig,
    play: &Play,
    instance: &Instance,
    change: impl FnOnce(&mut Value),
) -> Answer {
    let id = instance.app.client_id.as_str();
    let challenge = challenge(rig, id).await;
    let (issuer, jkt) = (&rig.platform.place.issuer, instance.key.thumbprint());
    let digest = evidence_digest(issuer, id, &challenge, Some(&jkt));
    let mut verdict = Play::verdict(&base64url(&digest));
    change(&mut verdict);
    let body = json!({"client_id": id, "challenge": challenge, "jwk": instance.key.jwk(),
        "integrity_token": play.token(&verdict)});
    let nonce = nonce(instance, PLAY, &body).await;
    post(instance, PLAY, &body, Some(&nonce)).await
}

#[tokio::test]
async fn google_play_vouches_for_app_and_device() {
    let (_vendor, rig) = start("").await;
    let google = Play::default();
    let (decryption, verification) = google.keys();
    let registration = app("weather", COMBINED)
        .with("play_integrity_decryption_key", decryption)
        .with("play_integrity_verification_key", verification);
    let weather = rig.install(&registration).await;
    attest(&weather, &play(&rig, &google, &weather, |_| {}).await);
    let access = claims(&rig.authorize(&weather, &number(1)).await, "access_token");
    assert_eq!(access["amr"], json!(["sms_mo", "swk"]));
    assert_eq!(access["app_attestation"]["evidence"], "software");
    attest(&weather, &renew(&rig, &weather).await);

    let other = rig.again(&weather.app);
    let refused =
        async |change: fn(&mut Value)| reasons(&play(&rig, &google, &other, change).await);
    let labels = "/deviceIntegrity/deviceRecognitionVerdict";
    let rooted = refused(|it| it["deviceIntegrity"] = json!({})).await;
    assert_eq!(rooted, ["evidence_not_enough"], "{labels}");
    let changed = refused(|it| it["appIntegrity"]["packageName"] = "com.evil".into()).await;
    assert_eq!(changed, ["app_package_mismatch"]);
    let replayed = refused(|it| it["requestDetails"]["nonce"] = "x".into()).await;
    assert_eq!(replayed, ["nonce_mismatch"]);
    // Another developer's keys, and an app without any.
    let stranger = play(&rig, &Play::default(), &other, |_| {}).await;
    assert_eq!(reasons(&stranger).len(), 1);
    let plain = rig.install(&app("plain", COMBINED)).await;
    let none = play(&rig, &google, &plain, |_| {}).await;
    assert_eq!(reasons(&none), ["play_integrity_not_registered"]);
    // The keys are told to nobody.
    let shown = rig.platform.admin("GET", "/apps/weather", &Value::Null).await.accepts();
    assert!(shown["play_integrity_decryption_key"].is_null(), "{shown}");
}

#[tokio::test]
async fn an_installation_blocked_while_it_waits_gets_nothing() {
    let all = start("").await;
    let rig = &all.1;
    let weather = rig.install(&app("weather", COMBINED)).await;
    attest(&weather, &android(&all, &weather, |_| {}).await);
    weather.warm().await;
    let attempt = weather.attempt();
    let block = async {
        until("the request to wait", async || {
            (rig.platform.metric("twinpath_waiting_requests").await > 0.0).then_some(())
        })
        .await;
        let path = format!("/apps/weather/instances/{}/block", weather.key.thumbprint());
        rig.platform.admin("POST", &path, &Value::Null).await.accepts();
        rig.text(&number(1), &attempt).await;
    };
    let (answer, ()) = tokio::join!(weather.wait(&attempt, 20), block);
    answer.refuses(400, "invalid_client_attestation");
}

#[tokio::test]
async fn an_app_that_moves_to_attestation_and_back() {
    let all = start("").await;
    let rig = &all.1;
    let weather = rig.install(&app("weather", COMBINED)).await;
    attest(&weather, &android(&all, &weather, |_| {}).await);
    let tokens = rig.authorize(&weather, &number(1)).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let keys = json!({"keys": [Key::generate().jwk()]});
    let back = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys});
    let moved = rig.platform.admin("PATCH", "/apps/weather", &back).await.accepts();
    assert!(moved["app_attestation_evidence"].is_null(), "{moved}");
    weather.refresh(refresh).await.refuses(401, "invalid_client");
    let again = json!({"token_endpoint_auth_method": COMBINED});
    let moved = rig.platform.admin("PATCH", "/apps/weather", &again).await.accepts();
    assert_eq!(moved["app_attestation_evidence"], json!(["software"]));
    weather.refresh(refresh).await.accepts();
}

/// A status list under an URL: what is asked, and how it is answered.
async fn serve_list(listener: TcpListener, list: Arc<Mutex<(String, u32)>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut octets = vec![0; 4096];
        let read = stream.read(&mut octets).await.unwrap();
        let asked = String::from_utf8_lossy(&octets[..read]).to_lowercase();
        let answer = {
            let mut list = list.lock().unwrap();
            let etag = format!("\"{}\"", list.0.len());
            if asked.contains(&format!("if-none-match: {etag}")) {
                list.1 += 1;
                "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_owned()
            } else {
                let (length, body) = (list.0.len(), &list.0);
                format!(
                    "HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Length: {length}\r\n\
                     Connection: close\r\n\r\n{body}"
                )
            }
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn revocations_are_fetched_and_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/status", listener.local_addr().unwrap());
    let list = Arc::new(Mutex::new((r#"{"entries": {}}"#.to_owned(), 0)));
    let server = tokio::spawn(serve_list(listener, Arc::clone(&list)));
    let vendor = Vendor::new();
    let kept = vendor.path("kept.json");
    let more = format!(
        "android_revocations_url = {url:?}\nandroid_revocations_file = \"{}\"\nrefresh_s = 1",
        kept.display()
    );
    let rig = Rig::with(Settings::default().with(&vendor.settings(&more))).await;
    let all = (vendor, rig);
    let weather = all.1.install(&app("weather", COMBINED)).await;
    attest(&weather, &android(&all, &weather, |_| {}).await);
    // What has not changed is not sent again.
    until("a conditional request", async || (list.lock().unwrap().1 > 0).then_some(())).await;
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), r#"{"entries": {}}"#);
    // A broken list revokes nothing and forgets nothing.
    list.lock().unwrap().0 = "{".to_owned();
    attest(&weather, &renew(&all.1, &weather).await);
    let revoked = json!({"entries": {all.0.serial(): {"status": "REVOKED"}}}).to_string();
    list.lock().unwrap().0.clone_from(&revoked);
    let refused = until("the revocation", async || {
        let answer = renew(&all.1, &weather).await;
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(reasons(&refused.await), ["revoked"]);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), revoked);
    // What was attested before counts no longer.
    let refused = weather.redeem(&weather.attempt()).await;
    refused.refuses(400, "invalid_client_attestation");
    server.abort();
}
