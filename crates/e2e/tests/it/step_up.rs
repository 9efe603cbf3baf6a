//! RFC 9470, the whole round: an API wants the terminal to be proven again, the app does so, the API is
//! content. With the SDK, the demo `OpenAPI`, and a real server.

use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpListener;
use twinpath_client::{
    Authentication, Client, ClientConfig, Error, Method, Options, SenderError, SoftwareKey, Text,
    TextSender,
};
use twinpath_core::app::PutApp;
use twinpath_core::grant::AccessHandle;
use twinpath_core::ids::{ClientId, GrantId, TerminalKey, Timestamp};
use twinpath_core::records::App;
use twinpath_core::transaction::{Context, Missing, Operation, Rows, Step, Write};
use twinpath_dev::open_api::{HOME, OpenApi, RECENT_S};
use twinpath_e2e::app::Auth;
use twinpath_e2e::jose::open;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

/// A phone at the message centre.
struct Phone<'a>(&'a Rig);

impl TextSender for Phone<'_> {
    async fn send(&self, text: &Text) -> Result<(), SenderError> {
        self.0.centre.text(&number(1), &text.body).await.ok();
        Ok(())
    }
}

/// Has a grant's terminal proven earlier than it was.
struct Age(TerminalKey, GrantId, Timestamp);

impl Operation for Age {
    type Outcome = ();

    fn decide(&self, view: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let grants = view.grants(self.0)?;
        let mut grant = grants.iter().find(|grant| grant.id == self.1).unwrap().clone();
        grant.auth_time = self.2;
        Ok(Step::Done(vec![Write::Grant(grant)], ()))
    }
}

/// Lets `seconds` pass since the sign-in that gave `token`, and since the app was registered.
async fn pass(rig: &Rig, token: &str, seconds: i64) {
    let platform = &rig.platform.server.platform;
    let (_, claims) = open(token);
    let handle = AccessHandle::read(&platform.vault, claims["jti"].as_str().unwrap());
    let (terminal, grant) = handle.unwrap().grant().unwrap();
    let earlier = Timestamp(claims["auth_time"].as_i64().unwrap() * 1000).plus_seconds(-seconds);
    let app = ClientId::new(claims["client_id"].as_str().unwrap()).unwrap();
    let app = platform.app(&app).unwrap().app.clone();
    let app = App { created_at: app.created_at.plus_seconds(-2 * seconds), ..app };
    platform.run(PutApp { app, new: false }).await.unwrap();
    platform.registry.renew(platform).await.unwrap();
    platform.run(Age(terminal, grant, earlier)).await.unwrap();
}

async fn client(rig: &Rig) -> Client {
    let scope = format!("openid {}", twinpath_dev::open_api::SCOPE);
    let registration = Registration::new("weather").method("client_secret_basic").scope(&scope);
    let app = rig.platform.register(&registration).await;
    let Auth::SecretBasic(secret) = &app.auth else { panic!("{}", app.auth.method()) };
    let config = ClientConfig::new("weather", &app.name)
        .authentication(Authentication::ClientSecretBasic(secret.as_str().into()))
        .key(Arc::new(SoftwareKey::generate().unwrap()));
    Client::discover(&rig.platform.place.issuer, config).await.unwrap()
}

#[tokio::test]
async fn an_api_asks_for_a_recent_proof_and_the_app_gets_one() {
    let rig = Rig::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = OpenApi::serve(listener, &rig.platform.place.issuer).unwrap();
    let home = format!("{}{HOME}", api.url());
    let (client, phone) = (client(&rig).await, Phone(&rig));
    let asked = Options { resource: vec![api.url().to_owned()], ..Options::default() };
    let tokens = client.authorize(&phone, asked.clone()).await.unwrap();
    let fresh = client.call(Method::GET, &home, None).await.unwrap();
    assert_eq!(fresh.status(), 200);

    pass(&rig, &tokens.access_token, i64::from(RECENT_S) + 60).await;
    // A refresh proves nobody anew.
    let refreshed = client.refresh().await.unwrap();
    let before = open(&tokens.access_token).1["auth_time"].as_i64().unwrap();
    assert!(open(&refreshed.access_token).1["auth_time"].as_i64().unwrap() < before);
    let refused = client.call(Method::GET, &home, None).await;
    let Err(Error::StepUp(step_up)) = refused else { panic!("{refused:?}") };
    assert_eq!(step_up.max_age, Some(u64::from(RECENT_S)));
    assert_eq!(step_up.acr_values.as_deref(), Some("urn:twinpath:acr:terminal"));
    let plain = client.call(Method::GET, api.url(), None).await.unwrap();
    assert_eq!(plain.status(), 200, "the rest of the API is content");

    let again = client.authorize(&phone, step_up.options(asked)).await.unwrap();
    assert!(open(&again.access_token).1["auth_time"].as_i64().unwrap() >= before);
    let answer = client.call(Method::GET, &home, None).await.unwrap();
    assert_eq!(answer.status(), 200);
    api.stop().await;
}

#[tokio::test]
async fn what_cannot_be_met_is_said() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    for (asked, error) in [
        (("acr_values", "urn:example:fingerprint"), "unmet_authentication_requirements"),
        (("acr_values", "phr phrh"), "unmet_authentication_requirements"),
        (("max_age", "soon"), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
    ] {
        weather.redeem_with(&attempt, &[asked]).await.refuses(400, error);
    }
    // The code was not used up; one of several is enough.
    let one = [("acr_values", "phr urn:twinpath:acr:terminal"), ("max_age", "0")];
    let tokens = weather.redeem_with(&attempt, &one).await.accepts();
    let (_, claims) = open(tokens["access_token"].as_str().unwrap());
    assert_eq!(claims["acr"], json!("urn:twinpath:acr:terminal"));
}
