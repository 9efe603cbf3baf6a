//! Open redirectors and mix-up: where answers go, and from whom they are.

use twinpath_e2e::app::{Draft, Instance};
use twinpath_e2e::browser::{Browser, form, parameter, text_to_send};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

use super::{by_form, code_of, leads_nowhere, values};
use crate::authorize::{SignIn, location, sign_in, web_app};
use crate::fapi::push_draft;

const REDIRECTORS: [&str; 40] = [
    "https://evil.example/cb?app=1",
    "https://weather.example",
    "https://weather.example/cb",
    "https://weather.example/cb?app=2",
    "https://weather.example/cb?app=1&next=https://evil.example",
    "https://weather.example/cb?app=1#",
    "https://weather.example/cb?app=1#@evil.example",
    "https://weather.example/cb/?app=1",
    "https://weather.example/cb/../open?app=1&to=https://evil.example",
    "https://weather.example/%63b?app=1",
    "https://weather.example/CB?app=1",
    "https://WEATHER.example/cb?app=1",
    "HTTPS://weather.example/cb?app=1",
    "http://weather.example/cb?app=1",
    "https://weather.example:443/cb?app=1",
    "https://weather.example./cb?app=1",
    "https://www.weather.example/cb?app=1",
    "https://weather.example.evil.example/cb?app=1",
    "https://weather.example%2eevil.example/cb?app=1",
    "https://weather.example@evil.example/cb?app=1",
    "https://weather.example:x@evil.example/cb?app=1",
    "https://evil.example\\@weather.example/cb?app=1",
    "https://evil.example#weather.example/cb?app=1",
    "https://evil.example?weather.example/cb?app=1",
    "https://evil.example/https://weather.example/cb?app=1",
    "https://we\u{430}ther.example/cb?app=1",
    "//evil.example/cb?app=1",
    "///evil.example/cb?app=1",
    "/\\evil.example/cb?app=1",
    "https:evil.example/cb?app=1",
    "/cb?app=1",
    "javascript:alert(1)//https://weather.example/cb?app=1",
    "data:text/html,<meta http-equiv=refresh content=0>",
    " https://weather.example/cb?app=1",
    "https://weather.example/cb?app=1 ",
    "https://weather.example/cb?app=1\r\nLocation: https://evil.example",
    "https://weather.example/cb?app=1\u{0}.evil.example",
    "https://weather.example/cb?app=1,https://evil.example",
    "https%3A%2F%2Fweather.example%2Fcb%3Fapp%3D1",
    "urn:ietf:wg:oauth:2.0:oob",
];

#[tokio::test]
async fn open_redirector_no_trick_with_a_redirect_uri_leads_anywhere() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let browser = Browser::new(rig.platform.place.address);
    for trick in REDIRECTORS {
        // Also where the request has other faults, which would be told to the app.
        for fault in [("prompt", "login"), ("response_type", "token"), ("scope", "admin")] {
            let signing_in = SignIn::new(&weather, &[("redirect_uri", trick), fault]);
            leads_nowhere(&browser.get(&signing_in.url).await, trick);
            leads_nowhere(&browser.submit(&by_form(&signing_in)).await, trick);
        }
        let signing_in = SignIn::new(&weather, &[("redirect_uri", trick)]);
        let pushed = weather.send(&push_draft(&weather, &signing_in)).await;
        assert_eq!(pushed.status, 400, "{trick}");
        pushed.refuses(400, "invalid_request");
    }
    let twice = SignIn::new(&weather, &[]).url + "&redirect_uri=https%3A%2F%2Fevil.example";
    leads_nowhere(&browser.get(&twice).await, "twice");
    let (page, _) = browser.open(&SignIn::new(&weather, &[]).url).await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn open_redirector_a_loopback_address_varies_in_its_port_only() {
    let rig = Rig::start().await;
    let native = rig.install(&Registration::new("native").web("http://127.0.0.1/cb")).await;
    let browser = Browser::new(rig.platform.place.address);
    for trick in [
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:8080.evil.example/cb",
        "http://127.0.0.1:8080\\evil.example/cb",
        "http://127.0.0.1:8080/cb/../evil.example",
        "http://127.0.0.1:8080/cb?to=https://evil.example",
        "http://127.0.0.1:8080/cb#evil.example",
        "http://127.0.0.1:8080/other",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:+80/cb",
        "http://127.0.0.2/cb",
        "http://127.1/cb",
        "http://2130706433/cb",
        "http://0.0.0.0/cb",
        "http://[::1]/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://localhost/cb",
        "https://127.0.0.1/cb",
    ] {
        let url = SignIn::new(&native, &[("redirect_uri", trick)]).url;
        leads_nowhere(&browser.get(&url).await, trick);
    }
    let own = [("redirect_uri", "http://127.0.0.1:49152/cb")];
    let (page, _) = browser.open(&SignIn::new(&native, &own).url).await;
    text_to_send(&page.text());
}

/// RFC 9207: an app with several servers learns from each answer whose it is.
#[tokio::test]
async fn mix_up_every_answer_names_this_issuer_once() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let place = &rig.platform.place;
    assert_eq!(place.metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(place.metadata["issuer"], place.issuer.as_str());
    let browser = Browser::new(place.address);
    let mut answers = Vec::new();
    let evil = ("iss", "https://evil.example");
    for fault in [("response_type", "token"), ("scope", "admin"), ("prompt", "none")] {
        let url = SignIn::new(&weather, &[fault, evil]).url;
        answers.push(location(&browser.get(&url).await));
    }
    let (page, _) = browser.open(&SignIn::new(&weather, &[evil]).url).await;
    answers.push(location(&browser.submit(&form(&page.text(), "/cancel")).await));
    assert!(answers.iter().all(|answer| parameter(answer, "error").is_some()), "{answers:?}");
    let success = sign_in(&rig, &browser, &SignIn::new(&weather, &[evil]).url, &number(1)).await;
    assert!(parameter(&success, "code").is_some());
    answers.push(success);
    let silent = SignIn::new(&weather, &[("prompt", "none"), evil]);
    answers.push(location(&browser.get(&silent.url).await));
    for answer in answers {
        assert_eq!(values(&answer, "iss"), [place.issuer.as_str()], "{answer}");
    }
}

/// The app was led to send to this server what is for another one.
#[tokio::test]
async fn mix_up_what_is_for_one_server_is_worth_nothing_at_another() {
    let (honest, other) = (Rig::start().await, Rig::start().await);
    let (weather, twin) = (web_app(&honest).await, web_app(&other).await);
    let signing_in = SignIn::new(&weather, &[]);
    let code = code_of(&honest, &signing_in, &number(1)).await;
    signing_in.redeem(&twin, &code).await.refuses(400, "invalid_grant");
    weather.warm().await;
    let draft = |of: &Instance| of.draft("token_endpoint", &[("grant_type", "refresh_token")]);
    let (ours, theirs) = (draft(&weather), draft(&twin));
    let value = |draft: &Draft, name: &str| {
        draft.form.iter().find(|(known, _)| known == name).unwrap().1.clone()
    };
    let assertion = value(&theirs, "client_assertion");
    let lent = ours.clone().set("client_assertion", assertion);
    weather.send(&lent).await.refuses(401, "invalid_client");
    let lent = draft(&weather).header("DPoP", theirs.header_value("DPoP"));
    weather.send(&lent).await.refuses(400, "invalid_dpop_proof");
    signing_in.redeem(&weather, &code).await.accepts();
}
