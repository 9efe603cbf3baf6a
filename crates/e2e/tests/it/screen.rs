//! The sign-in page in Chromium: what no test of ours can tell by reading HTML.

use serde_json::{Value, json};
use twinpath_e2e::browser::parameter;
use twinpath_e2e::number;
use twinpath_e2e::pdu::Text;
use twinpath_e2e::peer::Peer;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

use crate::authorize::{CALLBACK, SignIn};
use crate::confirmation::texts::{Mobile, digits};
use crate::confirmation::{ALWAYS, wrong};

/// Debian's, or the one that is said.
fn chromium() -> String {
    std::env::var("TWINPATH_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned())
}

async fn screen() -> Peer {
    let mut peer = Peer::node("screen.js");
    peer.tell(&json!({"executable": chromium()})).await;
    peer
}

/// The text in an `sms:` link.
fn body_of(sms: &Value) -> String {
    let sms = sms.as_str().unwrap_or_else(|| panic!("no link: {sms}"));
    parameter(sms, "body").unwrap()
}

#[tokio::test]
async fn people_sign_in_on_phones_and_computers_with_script_and_without() {
    let rig = Rig::start().await;
    let weather = rig.install(&Registration::new("weather").web(CALLBACK)).await;
    let mut peer = screen().await;
    for (at, (phone, script, dark, locale, language)) in [
        (false, true, false, "en-GB", "en"),
        (true, true, true, "zh-CN", "zh-Hans"),
        (false, false, true, "hi-IN", "hi"),
        (true, false, false, "es-MX", "es"),
    ]
    .into_iter()
    .enumerate()
    {
        let signing_in = SignIn::new(&weather, &[]);
        peer.tell(&json!({
            "do": "sign_in",
            "url": signing_in.url,
            "callback": "https://weather.example/",
            "phone": phone,
            "script": script,
            "dark": dark,
            "locale": locale,
            "by_keyboard": at % 2 == 0,
        }))
        .await;
        let waiting = peer.hear("waiting").await;
        assert_eq!(waiting["violations"], json!([]), "{locale}");
        assert_eq!(waiting["language"], language);
        assert_eq!(waiting["wide"], false, "nothing to scroll sideways");
        let prominent = if phone { "link_shown" } else { "code_shown" };
        assert_eq!(waiting[prominent], true, "a link for phones, a QR code for computers");
        let from = number(u32::try_from(at).unwrap() + 1);
        let body = body_of(&waiting["sms"]);
        // As a phone does: one alphabet or the other.
        let text = Text::new(&from, &body);
        let text = if body.is_ascii() { text } else { text.in_ucs2(&body) };
        rig.deliver(&text).await.ok();
        peer.tell(&json!({"sent": true})).await;
        let confirm = peer.hear("confirm").await;
        assert_eq!(confirm["violations"], json!([]), "{locale}");
        let text = confirm["text"].as_str().unwrap();
        assert!(text.contains("App weather") && text.contains('\u{2022}'), "{text}");
        assert!(text.contains("weather.example") && !text.contains(&from), "{text}");
        let landed = peer.hear("landed").await;
        assert_eq!(landed["faults"], json!([]), "nothing against the page's own policy");
        let code = parameter(landed["location"].as_str().unwrap(), "code").unwrap();
        signing_in.redeem(&weather, &code).await.accepts();
    }
}

#[tokio::test]
async fn people_enter_the_digits_that_were_texted_to_them() {
    let mobile = Mobile::with(ALWAYS).await;
    let weather = mobile.rig.install(&Registration::new("weather").web(CALLBACK)).await;
    let mut peer = screen().await;
    for (at, dark) in [(1, false), (2, true)] {
        let signing_in = SignIn::new(&weather, &[]);
        peer.tell(&json!({"do": "digits", "url": signing_in.url, "dark": dark})).await;
        let body = body_of(&peer.hear("waiting").await["sms"]);
        let from = number(at);
        mobile.rig.deliver(&Text::new(&from, &body)).await.ok();
        peer.tell(&json!({"sent": true})).await;
        let right = digits(&mobile.text(usize::try_from(at).unwrap()).await.1);
        let page = peer.hear("digits").await;
        assert_eq!((&page["violations"], &page["wide"]), (&json!([]), &json!(false)));
        assert_eq!(page["focused"], true, "ready for the digits");
        peer.tell(&json!({"digits": wrong(&right), "wrong": true})).await;
        let again = peer.hear("again").await;
        assert_eq!(again["violations"], json!([]));
        assert!(again["text"].as_str().unwrap().contains("Attempts left: 2"), "{again}");
        peer.tell(&json!({"digits": right, "wrong": false})).await;
        assert_eq!(peer.hear("confirm").await["faults"], json!([]));
    }
}

#[tokio::test]
async fn no_other_site_frames_the_page() {
    let rig = Rig::start().await;
    let weather = rig.install(&Registration::new("weather").web(CALLBACK)).await;
    let mut peer = screen().await;
    let signing_in = SignIn::new(&weather, &[]);
    let issuer = &rig.platform.place.issuer;
    peer.tell(&json!({"do": "frame", "url": signing_in.url, "issuer": issuer})).await;
    let framed = peer.hear("framed").await;
    assert_eq!(framed["refused"], "net::ERR_BLOCKED_BY_RESPONSE");
}
