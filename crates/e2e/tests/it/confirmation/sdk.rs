//! The SDK through a confirmation: it asks the phone's holder for the digits, once more if they are wrong;
//! and with what the phone's network gave the app.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::json;
use twinpath_client::{
    Authentication, Client, ClientConfig, Confirmation, Options, SenderError, SoftwareKey, Text,
    TextSender,
};
use twinpath_e2e::app::Auth;
use twinpath_e2e::jose::open;
use twinpath_e2e::number;
use twinpath_e2e::operator::{NUMBER_VERIFICATION, Operator, Reply};
use twinpath_e2e::platform::Registration;

use crate::confirmation::texts::{Mobile, digits};
use crate::confirmation::{ALWAYS, wrong};

/// A person who misreads the digits first.
struct Person<'a>(&'a Mobile, AtomicUsize);

impl TextSender for Person<'_> {
    async fn send(&self, text: &Text) -> Result<(), SenderError> {
        self.0.rig.centre.text(&number(1), &text.body).await.ok();
        Ok(())
    }

    async fn confirmation_code(&self, asked: &Confirmation) -> Result<String, SenderError> {
        let right = digits(&self.0.text(1).await.1);
        let asked_before = self.1.fetch_add(1, Relaxed);
        assert_eq!(asked.attempts_left, Some(3 - u32::try_from(asked_before).unwrap()));
        Ok(if asked_before == 0 { wrong(&right) } else { right })
    }
}

async fn client(mobile: &Mobile) -> Client {
    let registration = Registration::new("weather").method("client_secret_basic");
    let app = mobile.rig.platform.register(&registration).await;
    let Auth::SecretBasic(secret) = &app.auth else { panic!("{}", app.auth.method()) };
    let config = ClientConfig::new("weather", &app.name)
        .authentication(Authentication::ClientSecretBasic(secret.as_str().into()))
        .key(Arc::new(SoftwareKey::generate().unwrap()));
    Client::discover(&mobile.rig.platform.place.issuer, config).await.unwrap()
}

#[tokio::test]
async fn the_sdk_asks_for_the_digits() {
    let mobile = Mobile::with(ALWAYS).await;
    let client = client(&mobile).await;
    let person = Person(&mobile, AtomicUsize::new(0));
    let tokens = client.authorize(&person, Options::default()).await.unwrap();
    assert_eq!(open(&tokens.access_token).1["acr"], "urn:twinpath:acr:terminal-confirmed");
    assert_eq!((person.1.into_inner(), mobile.texts()), (2, 1));
}

#[tokio::test]
async fn the_sdk_shows_what_the_network_gave() {
    let operator = Operator::start().await;
    operator.answers(NUMBER_VERIFICATION, Reply::json(&json!({"devicePhoneNumberVerified": true})));
    let checks = "checks = [\"number_verification\"]";
    let section =
        operator.section(&format!("{checks}\non_error = \"deny\"\non_unverified = \"deny\""));
    let mobile = Mobile::with(&section).await;
    let client = client(&mobile).await;
    let person = Person(&mobile, AtomicUsize::new(0));
    let refused = client.authorize(&person, Options::default()).await.unwrap_err();
    assert!(refused.to_string().contains("access denied"), "{refused}");
    let network_token = Some("phone-token".into());
    client.authorize(&person, Options { network_token, ..Options::default() }).await.unwrap();
    assert_eq!(operator.asked(NUMBER_VERIFICATION), [json!({"phoneNumber": number(1)})]);
}
