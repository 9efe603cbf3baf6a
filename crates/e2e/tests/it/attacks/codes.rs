//! Codes of another sign-in, and without their verifier.

use serde_json::json;
use twinpath_e2e::browser::{Browser, parameter};
use twinpath_e2e::http::Answer;
use twinpath_e2e::jose::{open, sha256};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::{number, random_text};

use super::{by_form, code_of};
use crate::authorize::{CALLBACK, SignIn, location, web_app};
use crate::fapi::push_draft;

/// RFC 9700 4.5: a stolen code is put into another sign-in of the same app, with the app's own key.
#[tokio::test]
async fn code_injection_a_code_is_of_its_own_sign_in() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let maps = rig.install(&Registration::new("maps").web(CALLBACK)).await;
    let (victims, attackers) = (SignIn::new(&weather, &[]), SignIn::new(&weather, &[]));
    let stolen = code_of(&rig, &victims, &number(1)).await;
    let planted = code_of(&rig, &attackers, &number(2)).await;
    let refused = |answer: Answer| answer.refuses(400, "invalid_grant");
    refused(attackers.redeem(&weather, &stolen).await);
    refused(victims.redeem(&weather, &planted).await);
    // The verifier is known too, but it is another app that asks.
    refused(victims.redeem(&maps, &stolen).await);
    for middle in [4, stolen.len() / 2, stolen.len() - 4] {
        let spliced = format!("{}{}", &stolen[..middle], &planted[middle..]);
        assert!(spliced != stolen && spliced != planted || middle == 4, "{spliced}");
        if spliced != planted {
            refused(victims.redeem(&weather, &spliced).await);
            refused(attackers.redeem(&weather, &spliced).await);
        }
    }
    let of_victim = victims.redeem(&weather, &stolen).await.accepts();
    let of_attacker = attackers.redeem(&weather, &planted).await.accepts();
    let sub =
        |tokens: &serde_json::Value| open(tokens["id_token"].as_str().unwrap()).1["sub"].clone();
    assert_ne!(sub(&of_victim), sub(&of_attacker));
}

#[tokio::test]
async fn pkce_downgrade_a_request_without_s256_gets_no_code() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let browser = Browser::new(rig.platform.place.address);
    let verifier = random_text();
    let (long, method) = ("A".repeat(44), "code_challenge_method");
    for downgrade in [
        &[("code_challenge", ""), (method, "")][..],
        &[("code_challenge", "")],
        &[(method, "")],
        &[(method, "plain")],
        &[("code_challenge", &verifier), (method, "plain")],
        &[(method, "s256")],
        &[(method, "S512")],
        &[(method, "none")],
        &[("code_challenge", &long)],
        &[("code_challenge", "A")],
        // RFC 9700 2.1.1: a nonce does not stand in for it here.
        &[("code_challenge", ""), (method, ""), ("nonce", &verifier)],
    ] {
        let signing_in = SignIn::new(&weather, downgrade);
        for answer in
            [browser.get(&signing_in.url).await, browser.submit(&by_form(&signing_in)).await]
        {
            let told = location(&answer);
            assert!(told.starts_with(CALLBACK), "{downgrade:?}: {told}");
            assert_eq!(parameter(&told, "error").as_deref(), Some("invalid_request"));
            assert_eq!(parameter(&told, "code"), None, "{downgrade:?}");
        }
        let pushed = weather.send(&push_draft(&weather, &signing_in)).await;
        pushed.refuses(400, "invalid_request");
    }
    let methods = &rig.platform.place.metadata["code_challenge_methods_supported"];
    assert_eq!(methods, &json!(["S256"]));
}

#[tokio::test]
async fn pkce_downgrade_a_code_is_redeemed_with_its_verifier_alone() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let signing_in = SignIn::new(&weather, &[]);
    let code = code_of(&rig, &signing_in, &number(1)).await;
    let grant = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    let draft = || weather.draft("token_endpoint", &grant);
    let challenge = sha256(signing_in.verifier.as_bytes());
    weather.send(&draft()).await.refuses(400, "invalid_request");
    for (wrong, error) in [
        ("", "invalid_request"),
        ("short", "invalid_request"),
        (&"a".repeat(129), "invalid_request"),
        (&format!("{}+", signing_in.verifier), "invalid_request"),
        // As if the method had been `plain`: the challenge was seen in the browser.
        (&challenge, "invalid_grant"),
        (&sha256(challenge.as_bytes()), "invalid_grant"),
        (&signing_in.verifier.to_lowercase(), "invalid_grant"),
        (&format!("{}a", signing_in.verifier), "invalid_grant"),
        (&random_text(), "invalid_grant"),
    ] {
        let answer = weather.send(&draft().set("code_verifier", wrong)).await;
        assert_eq!(answer.error().as_deref(), Some(error), "{wrong}: {}", answer.text());
        answer.refuses(400, error);
    }
    let challenged = draft().set("code_challenge", &challenge);
    weather.send(&challenged).await.refuses(400, "invalid_request");
    weather.send(&draft().set("code_verifier", &signing_in.verifier)).await.accepts();
}
