//! Relying parties that others wrote: npm `openid-client` and `oauth4webapi`, `PyPI` `Authlib`, the
//! `openidconnect` crate. Each checks our answers by its own reading of the standards.

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _,
};
use serde_json::{Value, json};
use twinpath_e2e::browser::{Browser, parameter};
use twinpath_e2e::http::{self, Request};
use twinpath_e2e::number;
use twinpath_e2e::peer::Peer;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

use crate::authorize::sign_in;

const CALLBACK: &str = "https://app.example/cb";

/// Signs a person in at the URL that the peer says, and tells it where that led.
async fn carry(rig: &Rig, peer: &mut Peer, from: &str) -> Browser {
    let url = peer.hear("authorize").await;
    let browser = Browser::new(rig.platform.place.address);
    let location = sign_in(rig, &browser, url.as_str().unwrap(), from).await;
    peer.tell(&json!({"location": location})).await;
    browser
}

async fn register(rig: &Rig, registration: Registration) -> Value {
    let (metadata, _) = registration.metadata();
    rig.platform.register_as(&metadata).await
}

async fn openid_client(rig: &Rig) -> (Peer, Value) {
    let mut peer = Peer::node("openid-client.js");
    let issuer = &rig.platform.place.issuer;
    peer.tell(&json!({"issuer": issuer, "redirect_uri": CALLBACK})).await;
    let jwk = peer.hear("jwk").await;
    (peer, json!({"keys": [jwk]}))
}

/// Every way to authenticate, with DPoP and without, pushed and not; then logging out.
#[tokio::test]
async fn openid_client_runs_the_code_flow() {
    let rig = Rig::start().await;
    let (mut peer, jwks) = openid_client(&rig).await;
    for (at, (method, dpop, par)) in [
        ("private_key_jwt", true, true),
        ("private_key_jwt", true, false),
        ("client_secret_basic", false, false),
        ("client_secret_post", false, true),
        ("client_secret_jwt", true, true),
    ]
    .into_iter()
    .enumerate()
    {
        let client_id = format!("app-{at}");
        let signed_out = format!("https://app.example/out/{at}");
        let mut registration = Registration::new(&client_id)
            .method(method)
            .web(CALLBACK)
            .with("post_logout_redirect_uris", json!([signed_out]));
        if method == "private_key_jwt" {
            registration = registration.with("jwks", jwks.clone());
        }
        if !dpop {
            registration = registration.bearer();
        }
        let app = register(&rig, registration).await;
        peer.tell(&json!({
            "do": "code",
            "client_id": client_id,
            "secret": app["client_secret"],
            "authentication": method,
            "dpop": dpop,
            "par": par,
            "refreshed_is_rotated": !dpop,
        }))
        .await;
        let browser = carry(&rig, &mut peer, &number(1)).await;
        let done = peer.hear("done").await;
        assert_eq!(done["token_type"], if dpop { "dpop" } else { "bearer" }, "{method}");
        let out = done["end_session"].as_str().unwrap();
        let mut url = form_urlencoded::Serializer::new(String::new());
        url.append_pair("post_logout_redirect_uri", &signed_out).append_pair("state", "bye");
        let answer = browser.get(&format!("{out}&{}", url.finish())).await;
        let location = answer.header("location").unwrap_or_else(|| panic!("{}", answer.text()));
        assert_eq!(location, format!("{signed_out}?state=bye"));
    }
}

#[tokio::test]
async fn oauth4webapi_runs_the_fapi_2_flow() {
    let rig = Rig::start().await;
    let mut peer = Peer::node("oauth4webapi.js");
    let issuer = &rig.platform.place.issuer;
    peer.tell(&json!({"issuer": issuer, "redirect_uri": CALLBACK})).await;
    let jwks = json!({"keys": [peer.hear("jwk").await]});
    let registration = Registration::new("bank")
        .web(CALLBACK)
        .with("jwks", jwks)
        .with("require_pushed_authorization_requests", true);
    register(&rig, registration).await;
    peer.tell(&json!({"client_id": "bank"})).await;
    carry(&rig, &mut peer, &number(1)).await;
    assert!(peer.hear("done").await["sub"].is_string());
}

#[tokio::test]
async fn authlib_runs_the_code_flow() {
    let rig = Rig::start().await;
    for method in ["client_secret_basic", "client_secret_post"] {
        let registration = Registration::new(method)
            .method(method)
            .bearer()
            .scope("openid phone offline_access")
            .web(CALLBACK);
        let app = register(&rig, registration).await;
        let mut peer = Peer::python("authlib_client.py");
        peer.tell(&json!({
            "issuer": rig.platform.place.issuer,
            "client_id": method,
            "client_secret": app["client_secret"],
            "redirect_uri": CALLBACK,
            "authentication": method,
        }))
        .await;
        carry(&rig, &mut peer, &number(1)).await;
        assert!(peer.hear("done").await["sub"].is_string());
    }
}

/// The crate's requests, sent as our tests send theirs.
async fn sent(
    request: openidconnect::HttpRequest,
) -> Result<openidconnect::HttpResponse, std::io::Error> {
    let uri = request.uri();
    let address = uri.authority().unwrap().as_str().parse().unwrap();
    let target = uri.path_and_query().unwrap().as_str();
    let mut ours = Request::new(request.method().as_str(), target);
    for (name, value) in request.headers() {
        ours = ours.header(name.as_str(), value.to_str().unwrap());
    }
    ours.body.clone_from(request.body());
    let answer = http::send(address, &ours).await;
    let mut response = ::http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    Ok(response.body(answer.body).unwrap())
}

#[tokio::test]
async fn the_openidconnect_crate_runs_the_code_flow() {
    let rig = Rig::start().await;
    let registration =
        Registration::new("web").method("client_secret_basic").bearer().web(CALLBACK);
    let app = register(&rig, registration).await;
    let issuer = IssuerUrl::new(rig.platform.place.issuer.clone()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &sent).await.unwrap();
    let secret = ClientSecret::new(app["client_secret"].as_str().unwrap().to_owned());
    let client =
        CoreClient::from_provider_metadata(metadata, ClientId::new("web".into()), Some(secret))
            .set_redirect_uri(RedirectUrl::new(CALLBACK.into()).unwrap());
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let (url, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("phone".into()))
        .set_pkce_challenge(challenge)
        .url();
    let browser = Browser::new(rig.platform.place.address);
    let location = sign_in(&rig, &browser, url.as_str(), &number(1)).await;
    assert_eq!(parameter(&location, "state").as_ref(), Some(state.secret()));
    let code = AuthorizationCode::new(parameter(&location, "code").unwrap());
    let request = client.exchange_code(code).unwrap().set_pkce_verifier(verifier);
    let tokens = request.request_async(&sent).await.unwrap();
    let id_token = tokens.id_token().unwrap();
    let checker = client.id_token_verifier();
    let claims = id_token.claims(&checker, &nonce).unwrap();
    if let Some(expected) = claims.access_token_hash() {
        let algorithm = id_token.signing_alg().unwrap();
        let key = id_token.signing_key(&checker).unwrap();
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).unwrap();
        assert_eq!(actual, *expected);
    }
    let subject = Some(claims.subject().clone());
    let request = client.user_info(tokens.access_token().to_owned(), subject).unwrap();
    let user: CoreUserInfoClaims = request.request_async(&sent).await.unwrap();
    assert_eq!(user.phone_number().map(|n| n.as_str().to_owned()), Some(number(1)));
    let refresh = tokens.refresh_token().unwrap();
    let request = client.exchange_refresh_token(refresh).unwrap();
    assert!(request.request_async(&sent).await.unwrap().refresh_token().is_some());
}
