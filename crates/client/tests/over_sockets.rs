//! The SDK against a platform over real sockets: what networks and servers do to it.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod platform;

use std::sync::Arc;

use platform::{Platform, Turn};
use twinpath_client::{
    Client, ClientConfig, Confirmation, Error, FileStore, MemoryStore, Method, Options, Payload,
    SenderError, SoftwareKey, Text, TextSender, TokenStore, Tokens,
};

/// A phone whose texts arrive at once.
struct Phone(Arc<Platform>);

impl TextSender for Phone {
    async fn send(&self, text: &Text) -> Result<(), SenderError> {
        assert_eq!(text.to, ["+8610690001"]);
        self.0.receive(&text.body);
        Ok(())
    }

    async fn confirmation_code(&self, _: &Confirmation) -> Result<String, SenderError> {
        Ok("12345678".to_owned())
    }
}

async fn client_with(platform: &Platform, store: Arc<dyn TokenStore>) -> Client {
    let key = Arc::new(SoftwareKey::generate().expect("a key"));
    let config = ClientConfig::new("weather", "Weather").key(key).store(store);
    Client::discover(&platform.issuer, config).await.expect("discovers")
}

/// A client that is signed in.
async fn signed_in(platform: &Arc<Platform>) -> Client {
    let client = client_with(platform, Arc::new(MemoryStore::default())).await;
    authorize(&client, platform).await;
    client
}

async fn authorize(client: &Client, platform: &Arc<Platform>) -> Tokens {
    let phone = Phone(Arc::clone(platform));
    client.authorize(&phone, Options::default()).await.expect("authorizes")
}

async fn call(client: &Client, platform: &Platform) -> u16 {
    let url = format!("{}/api?day=1", platform.issuer);
    client.call(Method::GET, &url, None).await.expect("answers").status().as_u16()
}

#[tokio::test]
async fn from_text_to_api() {
    let platform = Platform::start().await;
    platform.state().turns.extend([Turn::Pending, Turn::Pending]);
    let client = client_with(&platform, Arc::new(MemoryStore::default())).await;
    assert!(!client.signed_in());
    let tokens = authorize(&client, &platform).await;
    assert_eq!(tokens.terminal_hint.as_deref(), Some("+86•••••••••78"));
    let claims = client.id_claims().await.expect("checks").expect("an ID token");
    assert_eq!(claims.sub, "s1");
    assert_eq!(call(&client, &platform).await, 200);
    let url = format!("{}/api", platform.issuer);
    let payload = Payload::json(&serde_json::json!({"city": "Oslo"})).expect("JSON");
    let response = client.call(Method::POST, &url, Some(payload)).await.expect("answers");
    assert_eq!(response.status().as_u16(), 200);
    client.revoke().await.expect("revokes");
    assert_eq!(platform.state().revoked, ["r1"]);
    assert!(matches!(client.call(Method::GET, &url, None).await, Err(Error::SignedOut)));
}

#[tokio::test]
async fn nonces_are_learned_for_each_origin_and_kept() {
    let platform = Platform::start().await;
    platform.state().nonces = Some(("n1".into(), "n1".into()));
    let client = signed_in(&platform).await;
    assert_eq!(call(&client, &platform).await, 200);
    assert_eq!(platform.state().errors_given, ["use_dpop_nonce"]);
    platform.state().nonces = Some(("n2".into(), "n2".into()));
    assert_eq!(call(&client, &platform).await, 200);
    client.refresh().await.expect("refreshes with the nonce that the API gave");
    assert_eq!(platform.state().errors_given, ["use_dpop_nonce"]);
}

#[tokio::test]
async fn busy_and_failing_servers_are_waited_for() {
    let platform = Platform::start().await;
    platform.state().turns.extend([Turn::Busy, Turn::Fail, Turn::Confirm]);
    let client = signed_in(&platform).await;
    let given = platform.state().errors_given.clone();
    assert_eq!(given, ["temporarily_unavailable", "server_error", "confirmation_required"]);
    assert!(client.signed_in());
}

#[tokio::test]
async fn a_lost_response_is_asked_for_again() {
    let platform = Platform::start().await;
    platform.state().turns.push_back(Turn::LoseResponse);
    let client = signed_in(&platform).await;
    let tokens = client.tokens().expect("tokens");
    assert_eq!(tokens.refresh_token.as_deref(), Some("r2"), "r1 was lost on the way");

    platform.state().turns.push_back(Turn::LoseResponse);
    let tokens = client.refresh().await.expect("refreshes");
    assert_eq!(tokens.refresh_token.as_deref(), Some("r4"), "r3 was lost on the way");
    assert_eq!(platform.state().refreshes, 2);
    assert_eq!(call(&client, &platform).await, 200);
}

#[tokio::test]
async fn twenty_calls_refresh_once() {
    let platform = Platform::start().await;
    let client = signed_in(&platform).await;
    platform.state().access_token = "not what the client has".into();
    let calls = (0..20).map(|_| {
        let (client, platform) = (client.clone(), Arc::clone(&platform));
        tokio::spawn(async move { call(&client, &platform).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.expect("no panic"), 200);
    }
    let state = platform.state();
    assert_eq!((state.refreshes, state.api_calls), (1, 20));
}

#[tokio::test]
async fn a_wrong_clock_does_no_harm() {
    let platform = Platform::start().await;
    platform.state().clock = 5_000;
    let client = signed_in(&platform).await;
    assert_eq!(platform.state().errors_given, ["invalid_dpop_proof"]);
    assert_eq!(call(&client, &platform).await, 200);
    platform.state().clock = -5_000;
    assert_eq!(call(&client, &platform).await, 200);
}

#[tokio::test]
async fn an_ended_grant_signs_out() {
    let platform = Platform::start().await;
    let client = signed_in(&platform).await;
    platform.state().access_token = "ended".into();
    platform.state().refresh_token = "ended".into();
    let url = format!("{}/api", platform.issuer);
    let ended = client.call(Method::GET, &url, None).await;
    assert!(matches!(ended, Err(Error::SignedOut)));
    assert!(!client.signed_in());
}

#[tokio::test]
async fn tokens_outlive_the_process() {
    let platform = Platform::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let (keys, tokens) = (dir.path().join("key"), dir.path().join("tokens"));
    let start = || async {
        let key = SoftwareKey::load_or_generate(&keys).expect("a key");
        let store = Arc::new(FileStore::new(&tokens));
        let config = ClientConfig::new("weather", "Weather").key(Arc::new(key)).store(store);
        Client::discover(&platform.issuer, config).await.expect("discovers")
    };
    authorize(&start().await, &platform).await;
    let client = start().await;
    assert_eq!(call(&client, &platform).await, 200);
    client.refresh().await.expect("refreshes");
    assert_eq!(start().await.tokens(), client.tokens());
}

#[tokio::test]
async fn a_cancelled_refresh_is_taken_up_again() {
    let platform = Platform::start().await;
    let client = signed_in(&platform).await;
    platform.state().turns.push_back(Turn::LoseResponse);
    let first = client.clone();
    let cancelled = tokio::spawn(async move { first.refresh().await });
    while platform.state().refreshes == 0 {
        tokio::task::yield_now().await;
    }
    cancelled.abort();
    assert!(cancelled.await.is_err());
    client.refresh().await.expect("the same refresh token still counts");
}

#[tokio::test]
async fn issuers_are_checked() {
    let platform = Platform::start().await;
    let config = || ClientConfig::new("weather", "Weather");
    let discover = async |issuer: &str| Client::discover(issuer, config()).await.err();
    let other = format!("{}/", platform.issuer);
    assert!(matches!(discover(&other).await, Some(Error::IssuerMismatch { .. })));
    let tenant = format!("{}/tenant", platform.issuer);
    assert!(matches!(discover(&tenant).await, Some(Error::Discovery { .. })));
    assert!(matches!(discover("http://id.example.com").await, Some(Error::InsecureUrl(_))));
    let client = signed_in(&platform).await;
    let plain = client.call(Method::GET, "http://api.example.com/", None).await;
    assert!(matches!(plain, Err(Error::InsecureUrl(_))));
}
