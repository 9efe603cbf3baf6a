//! Numbers are told of installations that their accounts did not know, and end these by text.

use twinpath_e2e::number;
use twinpath_e2e::pdu::Text;
use twinpath_e2e::rig::ROUTE;

use crate::confirmation::texts::{Mobile, OUT, revocation};

#[tokio::test]
async fn a_number_ends_what_it_is_told_of() {
    let mobile = Mobile::with("").await;
    let rig = &mobile.rig;
    let first = rig.instance("weather").await;
    rig.authorize(&first, &number(1)).await;
    rig.authorize(&first, &number(1)).await;
    let second = rig.again(&first.app);
    let tokens = rig.authorize(&second, &number(1)).await;
    let (to, text) = mobile.text(1).await;
    assert_eq!(to, number(1));
    assert!(text.contains("App weather"), "{text}");
    let revoke = revocation(&text);
    // Another number, other digits, other words.
    let other: u32 = revoke.get(7..).unwrap().parse().unwrap();
    let other = format!("REVOKE {:06}", (other + 1) % 1_000_000);
    for (from, body, word) in [
        (number(2), revoke.as_str(), "revoked_nothing"),
        (number(1), &other, "revoked_nothing"),
        (number(1), "STOP", "no_code"),
        (number(1), &format!("please {revoke}"), "no_code"),
    ] {
        let before = rig.platform.texts(ROUTE, word).await;
        rig.centre.text(&from, body).await.ok();
        assert!(rig.platform.texts(ROUTE, word).await > before, "{body}");
    }
    let refreshed = second.refresh(tokens["refresh_token"].as_str().unwrap()).await.accepts();
    rig.centre.text(&number(1), &format!(" {} \n", revoke.to_lowercase())).await.ok();
    assert!((rig.platform.texts(ROUTE, "revoked").await - 1.0).abs() < 0.5);
    let refused = second.refresh(
        refreshed["refresh_token"]
            .as_str()
            .unwrap_or_else(|| tokens["refresh_token"].as_str().unwrap()),
    );
    refused.await.refuses(400, "invalid_grant");
    // The first installation is as it was, and nobody was answered.
    let again = rig.authorize(&first, &number(1)).await;
    first.refresh(again["refresh_token"].as_str().unwrap()).await.accepts();
    mobile.ended(OUT, "accepted", 1.0).await;
    assert_eq!(mobile.texts(), 1);
    let audit = rig.platform.admin("GET", "/audit", &serde_json::Value::Null).await.accepts();
    assert!(audit.to_string().contains("\"text\""), "{audit}");
}

#[tokio::test]
async fn guessing_is_bounded() {
    let mobile = Mobile::with("").await;
    let rig = &mobile.rig;
    let first = rig.instance("weather").await;
    rig.authorize(&first, &number(1)).await;
    rig.authorize(&rig.again(&first.app), &number(1)).await;
    let revoke = revocation(&mobile.text(1).await.1);
    for guess in 0..10 {
        rig.centre.text(&number(1), &format!("REVOKE {guess:06}")).await.ok();
    }
    rig.centre.text(&number(1), &revoke).await.ok();
    assert!(rig.platform.texts(ROUTE, "over_limit").await >= 1.0);
}

#[tokio::test]
async fn nobody_is_told_where_that_is_off() {
    let mobile = Mobile::with("[terminal]\nnotify = false").await;
    let rig = &mobile.rig;
    let first = rig.instance("weather").await;
    rig.authorize(&first, &number(1)).await;
    rig.authorize(&rig.again(&first.app), &number(1)).await;
    rig.deliver(&Text::new(&number(1), "REVOKE 123456")).await.ok();
    assert_eq!(mobile.texts(), 0);
}
