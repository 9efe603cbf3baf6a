//! Apps that register themselves (RFC 7591) and manage what they registered (RFC 7592).

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use twinpath_e2e::app::{App, Auth, Instance, Place};
use twinpath_e2e::browser::{Browser, parameter};
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Answer, Request, send};
use twinpath_e2e::jose::Key;
use twinpath_e2e::number;
use twinpath_e2e::platform::{Platform, Registration};
use twinpath_e2e::process::{Installation, twinpath};
use twinpath_e2e::rig::Rig;

use crate::authorize::{CALLBACK, SignIn, location, sign_in};

const NOTHING: Value = Value::Null;

fn settings() -> Settings {
    Settings::default().with("[registration]\nenabled = true\nrequests_per_hour = 100000")
}

async fn platform() -> Platform {
    Platform::start(&settings()).await
}

/// An initial access token: itself, and its id.
async fn initial_token(platform: &Platform, more: &Value) -> (String, String) {
    let mut new = json!({"developer": "Clouds Ltd", "scope": "openid phone"});
    for (name, value) in more.as_object().into_iter().flatten() {
        new[name] = value.clone();
    }
    let answer = platform.admin("POST", "/registration-tokens", &new).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let made = answer.json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

/// What an app says of itself, and more.
fn metadata(more: &Value) -> Value {
    let mut said = json!({
        "client_name": "Weather", "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "client_secret_post",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        said[name] = value.clone();
    }
    said
}

fn asks(method: &str, path: &str, token: &str, body: &Value) -> Request {
    let mut request =
        Request::new(method, path).header("Authorization", &format!("Bearer {token}"));
    if !body.is_null() {
        request = request.header("Content-Type", "application/json");
        request.body = body.to_string().into_bytes();
    }
    request
}

async fn register(place: &Place, token: &str, said: &Value) -> Answer {
    let path = place.path("registration_endpoint");
    send(place.address, &asks("POST", path, token, said)).await
}

/// A request for the registration that an answer told of.
async fn manage(address: SocketAddr, told: &Value, method: &str, body: &Value) -> Answer {
    let uri = told["registration_client_uri"].as_str().unwrap();
    let path = &uri[uri.find("/register/").unwrap()..];
    let token = told["registration_access_token"].as_str().unwrap();
    send(address, &asks(method, path, token, body)).await
}

#[track_caller]
fn made(answer: &Answer) -> Value {
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

/// A challenge (RFC 6750 3) and the same for every reason.
#[track_caller]
fn unauthorized(answer: &Answer) {
    answer.refuses(401, "invalid_token");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer "), "{challenge}");
}

#[tokio::test]
async fn an_app_registers_itself_works_changes_and_goes() {
    let rig = Rig::with(settings()).await;
    let place = &rig.platform.place;
    let (token, _) = initial_token(&rig.platform, &NOTHING).await;
    let key = Key::generate();
    let said = metadata(&json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key.jwk()]},
        "client_uri": "https://weather.example", "software_id": "x",
    }));
    let told = made(&register(place, &token, &said).await);
    let id = told["client_id"].as_str().unwrap().to_owned();
    assert_eq!(told["registration_client_uri"], format!("{}/register/{id}", place.issuer));
    assert_eq!(
        (&told["scope"], &told["developer"]),
        (&json!("openid phone"), &json!("Clouds Ltd"))
    );
    assert_eq!(told["dpop_bound_access_tokens"], true);
    assert!(told["client_id_issued_at"].is_i64() && told.get("client_secret").is_none(), "{told}");

    // It is known at once.
    let (name, auth) = ("Weather".to_owned(), Auth::PrivateKeyJwt(key));
    let app = Arc::new(App { client_id: id.clone(), name, auth, dpop: true });
    let weather = Instance::new(&app, place);
    let browser = Browser::new(place.address);
    let signing_in = SignIn::new(&weather, &[]);
    let back = sign_in(&rig, &browser, &signing_in.url, &number(1)).await;
    let code = parameter(&back, "code").unwrap();
    let tokens = signing_in.redeem(&weather, &code).await.accepts();
    assert_eq!(tokens["scope"], "openid phone");

    let read = manage(place.address, &told, "GET", &NOTHING).await.accepts();
    assert_eq!(read, told);

    let narrower =
        json!({"client_id": id, "scope": "openid", "client_uri": null, "software_id": null});
    let mut narrower_said = said.clone();
    for (name, value) in narrower.as_object().unwrap() {
        narrower_said[name] = value.clone();
    }
    let changed = manage(place.address, &told, "PUT", &narrower_said).await.accepts();
    assert_eq!((&changed["scope"], changed.get("client_uri")), (&json!("openid"), None));
    assert_eq!(changed["registration_access_token"], told["registration_access_token"]);
    let wider = browser.get(&SignIn::new(&weather, &[]).url).await;
    let error = parameter(&location(&wider), "error");
    assert_eq!(error.as_deref(), Some("invalid_scope"), "in force at once");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    weather.send_fresh(|| weather.draft("token_endpoint", &form)).await.accepts();

    let gone = manage(place.address, &told, "DELETE", &NOTHING).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    for method in ["GET", "DELETE"] {
        unauthorized(&manage(place.address, &told, method, &NOTHING).await);
    }
    let after = weather.send_fresh(|| weather.draft("token_endpoint", &form)).await;
    after.refuses(401, "invalid_client");
    let trail = rig.platform.admin("GET", "/audit?kind=app", &NOTHING).await.accepts();
    let kinds: Vec<_> = trail["events"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["app.registered", "app.updated", "app.deleted"]);
}

#[tokio::test]
async fn a_registration_needs_a_token_of_this_server_that_is_left() {
    let platform = platform().await;
    let place = &platform.place;
    let (token, _) = initial_token(&platform, &NOTHING).await;
    let (revoked, id) = initial_token(&platform, &NOTHING).await;
    let path = format!("/registration-tokens/{id}");
    assert_eq!(platform.admin("DELETE", &path, &NOTHING).await.status, 204);
    let said = metadata(&NOTHING);

    let endpoint = place.path("registration_endpoint");
    let mut bare = Request::new("POST", endpoint).header("Content-Type", "application/json");
    bare.body = said.to_string().into_bytes();
    let answer = send(place.address, &bare).await;
    unauthorized(&answer);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"registration\""));
    for scheme in ["Basic", "DPoP", "Bearer,"] {
        let other = bare.clone().header("Authorization", &format!("{scheme} {token}"));
        unauthorized(&send(place.address, &other).await);
    }
    let twice = bare.clone().header("Authorization", "Bearer x");
    let twice = twice.header("Authorization", &format!("Bearer {token}"));
    unauthorized(&send(place.address, &twice).await);
    let cut = &token[..token.len() - 1];
    for wrong in ["", "x", cut, &revoked, platform.admin_token()] {
        unauthorized(&register(place, wrong, &said).await);
    }
    // What was refused for what it said used nothing up.
    register(place, &token, &metadata(&json!({"scope": "admin"})))
        .await
        .refuses(400, "invalid_client_metadata");
    let told = made(&register(place, &token, &said).await);
    unauthorized(&register(place, &token, &said).await);
    // Tokens of one kind are none of another.
    let manager = told["registration_access_token"].as_str().unwrap();
    unauthorized(&register(place, manager, &said).await);
    let apps = platform.admin("GET", "/apps", &NOTHING).await.accepts();
    assert_eq!(apps["apps"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_use_is_one_app_however_many_ask_at_once() {
    let platform = platform().await;
    for uses in [1, 3] {
        let (token, _) = initial_token(&platform, &json!({"uses": uses})).await;
        let said = metadata(&json!({"client_name": format!("A{uses}")}));
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (place, token, said) = (Arc::clone(&platform.place), token.clone(), said.clone());
            asked.spawn(async move { register(&place, &token, &said).await.status });
        }
        let mut statuses = asked.join_all().await;
        statuses.sort_unstable();
        let expected = [vec![201; uses], vec![401; 8 - uses]].concat();
        assert_eq!(statuses, expected);
    }
}

#[tokio::test]
async fn what_an_app_says_is_bounded() {
    let platform = platform().await;
    let place = &platform.place;
    let (token, _) = initial_token(&platform, &NOTHING).await;
    for (more, error, why) in [
        (json!({"scope": "openid admin"}), "invalid_client_metadata", "beyond"),
        (json!({"first_party": true}), "invalid_client_metadata", "first_party"),
        (json!({"serves": ["https://a.example"]}), "invalid_client_metadata", "serves"),
        (json!({"may_exchange_for": ["a"]}), "invalid_client_metadata", "may_exchange_for"),
        (json!({"sector_identifier": "a.example"}), "invalid_client_metadata", "sector_identifier"),
        (json!({"client_id": "chosen"}), "invalid_client_metadata", "client_id"),
        (json!({"developer": "Another"}), "invalid_client_metadata", "developer"),
        (json!({"software_statement": "a.b.c"}), "invalid_client_metadata", "not supported"),
        (json!({"jwks_uri": "https://a.example/jwks"}), "invalid_client_metadata", "jwks"),
        (json!({"token_endpoint_auth_method": "none"}), "invalid_client_metadata", "none"),
        (json!({"token_endpoint_auth_method": "magic"}), "invalid_client_metadata", "magic"),
        (json!({"grant_types": ["client_credentials"]}), "invalid_client_metadata", "credentials"),
        (json!({"client_name": ""}), "invalid_client_metadata", "name"),
        (json!({"redirect_uris": "https://a.example/"}), "invalid_client_metadata", "sequence"),
        (json!({"redirect_uris": ["http://a.example/"]}), "invalid_redirect_uri", "https"),
        (json!({"redirect_uris": ["https://a.example/#x"]}), "invalid_redirect_uri", "fragment"),
        (json!({"redirect_uris": ["https://*.a.example/"]}), "invalid_redirect_uri", "plain host"),
        (json!({"redirect_uris": ["https://a@b.example/"]}), "invalid_redirect_uri", "user's name"),
        (json!({"redirect_uris": ["http://localhost@b.example/"]}), "invalid_redirect_uri", ""),
        (json!({"redirect_uris": ["weather:/cb"]}), "invalid_redirect_uri", "with a dot"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri", "javascript"),
    ] {
        let answer = register(place, &token, &metadata(&more)).await;
        answer.refuses(400, error);
        let told = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(told.contains(why), "{more}: {told}");
    }
    made(&register(place, &token, &metadata(&NOTHING)).await);
}

#[tokio::test]
async fn bodies_that_are_none_are_refused() {
    let platform = platform().await;
    let place = &platform.place;
    let (token, _) = initial_token(&platform, &NOTHING).await;
    let endpoint = place.path("registration_endpoint");
    let with = |body: &[u8], kinds: &[&str]| {
        let mut request = asks("POST", endpoint, &token, &NOTHING);
        for kind in kinds {
            request = request.header("Content-Type", kind);
        }
        request.body = body.to_vec();
        request
    };
    let good = metadata(&NOTHING).to_string();
    let json = "application/json";
    for kinds in [&[][..], &["text/plain"], &["application/x-www-form-urlencoded"], &[json, json]] {
        send(place.address, &with(good.as_bytes(), kinds)).await.refuses(400, "invalid_request");
    }
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for bad in ["", "{", "[]", "null", "7", "\"a\"", "{\"a\": 1}}", &deep, "{\"a\": \u{1}}"] {
        let answer = send(place.address, &with(bad.as_bytes(), &[json])).await;
        answer.refuses(400, "invalid_client_metadata");
    }
    let answer = send(place.address, &with(b"{\"client_name\": \"\xff\"}", &[json])).await;
    answer.refuses(400, "invalid_client_metadata");
    let long = metadata(&json!({"contacts": ["x".repeat(64 * 1024)]})).to_string();
    send(place.address, &with(long.as_bytes(), &[json])).await.refuses(413, "invalid_request");
    let get = send(place.address, &asks("GET", endpoint, &token, &NOTHING)).await;
    assert_eq!(get.status, 405);
    let charset = with(good.as_bytes(), &["Application/JSON; charset=utf-8"]);
    made(&send(place.address, &charset).await);
}

#[tokio::test]
async fn a_registration_is_its_own_apps_to_manage() {
    let platform = platform().await;
    let place = &platform.place;
    let (token, _) = initial_token(&platform, &json!({"uses": 2})).await;
    let one = made(&register(place, &token, &metadata(&NOTHING)).await);
    let other = made(&register(place, &token, &metadata(&NOTHING)).await);
    let operators = Registration::new("operators").method("client_secret_post");
    platform.register(&operators).await;
    let own = one["registration_access_token"].clone();
    let id = |told: &Value| told["client_id"].as_str().unwrap().to_owned();
    let replacement = |more: Value| {
        let mut said = metadata(&more);
        said["client_id"] = json!(id(&one));
        said
    };
    let with = |told: &Value, token: &Value| {
        let mut told = told.clone();
        told["registration_access_token"] = token.clone();
        told
    };
    let at = |name: &str| {
        json!({
            "registration_client_uri": format!("{}/register/{name}", place.issuer),
            "registration_access_token": own,
        })
    };
    let wrong = [
        with(&one, &other["registration_access_token"]),
        with(&one, &one["client_secret"]),
        with(&one, &json!(token)),
        with(&one, &json!("x")),
        at("operators"),
        at("unknown"),
        at("%ff"),
        at("a%2Fb"),
    ];
    let mut answers = Vec::new();
    for told in &wrong {
        for (method, body) in [("GET", NOTHING), ("PUT", replacement(NOTHING)), ("DELETE", NOTHING)]
        {
            let answer = manage(place.address, told, method, &body).await;
            unauthorized(&answer);
            answers.push((answer.header("www-authenticate").map(str::to_owned), answer.body));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "nobody learns which apps there are");

    for more in [
        json!({"scope": "openid phone admin"}),
        json!({"first_party": true}),
        json!({"client_secret": "chosen"}),
        json!({"client_secret": other["client_secret"]}),
        json!({"registration_access_token": own}),
    ] {
        let answer = manage(place.address, &one, "PUT", &replacement(more)).await;
        answer.refuses(400, "invalid_client_metadata");
    }
    let mut anothers = replacement(NOTHING);
    for client_id in [json!(id(&other)), NOTHING] {
        anothers["client_id"] = client_id;
        let answer = manage(place.address, &one, "PUT", &anothers).await;
        answer.refuses(400, "invalid_client_metadata");
    }
    let foreign = replacement(json!({"redirect_uris": ["http://a.example/"]}));
    manage(place.address, &one, "PUT", &foreign).await.refuses(400, "invalid_redirect_uri");
    // Nothing of it changed; its own secret may be repeated, and what it was told of itself.
    let read = manage(place.address, &one, "GET", &NOTHING).await.accepts();
    assert_eq!((&read["redirect_uris"], &read["scope"]), (&json!([CALLBACK]), &one["scope"]));
    let same =
        replacement(json!({"client_secret": one["client_secret"], "developer": "Clouds Ltd"}));
    let same = manage(place.address, &one, "PUT", &same).await.accepts();
    assert!(same.get("client_secret").is_none(), "{same}");
}

#[tokio::test]
async fn a_source_that_asks_too_often_has_to_wait() {
    let few = Settings::default().with("[registration]\nenabled = true\nrequests_per_hour = 2");
    let platform = Platform::start(&few).await;
    for _ in 0..2 {
        unauthorized(&register(&platform.place, "x", &NOTHING).await);
    }
    let (token, _) = initial_token(&platform, &NOTHING).await;
    let answer = register(&platform.place, &token, &metadata(&NOTHING)).await;
    answer.refuses(429, "temporarily_unavailable");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
}

#[tokio::test]
async fn without_the_setting_nobody_registers_and_nothing_tells_of_it() {
    let platform = Platform::start(&Settings::default()).await;
    let (token, _) = initial_token(&platform, &NOTHING).await;
    let place = &platform.place;
    assert!(place.metadata.get("registration_endpoint").is_none());
    for (method, path) in [("POST", "/register"), ("GET", "/register/a"), ("PUT", "/register/a")] {
        let request = asks(method, path, &token, &metadata(&NOTHING));
        send(place.address, &request).await.refuses(404, "invalid_request");
    }
}

/// A good token of a server with another master key.
async fn anothers_token() -> String {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = "127.0.0.1:0";
    let text = settings().file("http://127.0.0.1", nowhere, nowhere, folder.path());
    let file = folder.path().join("twinpath.toml");
    std::fs::write(&file, text).unwrap();
    let output = tokio::process::Command::new(twinpath())
        .args(["registration-token", "create", "--developer", "Clouds Ltd", "--config"])
        .arg(&file)
        .env("TWINPATH__KEYS__MASTER", "07".repeat(32))
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    made["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_command_line_makes_and_revokes_tokens() {
    let place = Installation::new(&settings());
    let create = ["registration-token", "create", "--developer", "Clouds Ltd", "--scope"];
    let (kind, uses) = ("client_credentials", ["--uses", "3", "--days", "1", "--grant-type"]);
    // Without a server: it needs nothing but the key.
    let made = place.json(&[&create[..], &["openid phone"], &uses, &[kind]].concat()).await;
    assert_eq!((&made["grant_types"], &made["uses"]), (&json!([kind]), &json!(3)));
    let token = made["token"].as_str().unwrap();
    let server = place.start().await;
    let said = json!({"client_name": "Nightly", "grant_types": [kind]});
    let there = Place::discover(&place.issuer, place.address).await;
    unauthorized(&register(&there, &anothers_token().await, &said).await);
    let told = register(&there, token, &said).await;
    assert_eq!(told.status, 201, "{}", told.text());
    let ended = place.json(&["registration-token", "revoke", token]).await;
    assert_eq!(ended, json!({"revoked": made["id"]}));
    unauthorized(&register(&there, token, &said).await);
    let shown = place.json(&["app", "show", told.json()["client_id"].as_str().unwrap()]).await;
    assert_eq!(shown["developer"], "Clouds Ltd");
    assert!(shown.get("registration_access_token").is_none(), "{shown}");
    drop(server);
}
