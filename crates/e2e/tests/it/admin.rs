//! The admin API: who may use it, each resource, and how bad input is refused.

use std::path::Path;

use serde_json::{Value, json};
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Answer, Request, send};
use twinpath_e2e::number;
use twinpath_e2e::platform::{Platform, Registration};
use twinpath_e2e::rig::Rig;

const NOTHING: Value = Value::Null;

/// Fails unless this is a problem (RFC 9457) of this kind.
#[track_caller]
fn refused(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let problem = answer.json();
    assert_eq!(problem["type"], format!("urn:twinpath:problem:{kind}"), "{problem}");
    assert_eq!(problem["status"], status, "{problem}");
    assert!(problem["detail"].is_string() && problem["title"].is_string(), "{problem}");
}

async fn platform() -> Platform {
    Platform::start(&Settings::default()).await
}

/// A named token: itself, and its id.
async fn token(platform: &Platform, role: &str) -> (String, String) {
    let new = json!({"name": format!("a-{role}"), "role": role});
    let answer = platform.admin("POST", "/tokens", &new).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let made = answer.json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

#[tokio::test]
async fn only_a_token_of_this_server_is_let_in() {
    let platform = platform().await;
    let ask = |token: Option<&str>| {
        let request = Request::new("GET", "/admin/v1/apps");
        match token {
            Some(token) => request.header("Authorization", token),
            None => request,
        }
    };
    let own = format!("Bearer {}", platform.admin_token());
    send(platform.admin, &ask(Some(&own))).await.accepts();
    let cut = own[..own.len() - 1].to_owned();
    let basic = own.replace("Bearer", "Basic");
    for wrong in
        [None, Some("Bearer"), Some("Bearer "), Some("Bearer x"), Some(&*cut), Some(&*basic)]
    {
        let answer = send(platform.admin, &ask(wrong)).await;
        refused(&answer, 401, "unauthorized");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer "), "{answer:?}");
    }
    let twice = ask(Some(&own)).header("Authorization", &own);
    refused(&send(platform.admin, &twice).await, 401, "unauthorized");
    let public = platform.place.address;
    assert_eq!(send(public, &ask(Some(&own))).await.status, 404);
    let metrics = Request::new("GET", "/metrics");
    assert_eq!(send(public, &metrics).await.status, 404);
    assert_eq!(send(platform.admin, &metrics).await.status, 200);
}

#[tokio::test]
async fn a_role_bounds_what_a_token_may_do() {
    let platform = platform().await;
    let (read, _) = token(&platform, "read").await;
    let (write, _) = token(&platform, "write").await;
    let app = json!({"client_name": "A", "token_endpoint_auth_method": "client_secret_post"});
    let new = json!({"name": "x", "role": "write"});
    for token in [&read, &write] {
        platform.admin_as(token, "GET", "/apps", &NOTHING).await.accepts();
        platform.admin_as(token, "GET", "/audit", &NOTHING).await.accepts();
        let more = platform.admin_as(token, "POST", "/tokens", &new).await;
        refused(&more, 403, "forbidden");
        let end = platform.admin_as(token, "DELETE", "/tokens/AAAAAAAAAAAAAAAAAAAAAA", &NOTHING);
        refused(&end.await, 403, "forbidden");
    }
    let writes = [
        ("POST", "/apps"),
        ("PATCH", "/apps/a"),
        ("DELETE", "/apps/a"),
        ("POST", "/apps/a/rotate-secret"),
        ("POST", "/accounts/acc_a/block"),
        ("POST", "/accounts/acc_a/unblock"),
        ("POST", "/accounts/acc_a/revoke"),
        ("POST", "/accounts/acc_a/restore"),
        ("DELETE", "/accounts/acc_a"),
        ("DELETE", "/accounts/acc_a/grants/grant_a"),
        ("POST", "/keys/rotate"),
        ("POST", "/registration-tokens"),
        ("DELETE", "/registration-tokens/AAAAAAAAAAAAAAAAAAAAAA"),
    ];
    for (method, path) in writes {
        refused(&platform.admin_as(&read, method, path, &app).await, 403, "forbidden");
    }
    assert_eq!(platform.admin_as(&write, "POST", "/apps", &app).await.status, 201);
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_and_others_are_not() {
    let platform = platform().await;
    let (one, id) = token(&platform, "read").await;
    let (other, _) = token(&platform, "read").await;
    let path = format!("/tokens/{id}");
    assert_eq!(platform.admin("DELETE", &path, &NOTHING).await.status, 204);
    refused(&platform.admin_as(&one, "GET", "/keys", &NOTHING).await, 401, "unauthorized");
    platform.admin_as(&other, "GET", "/keys", &NOTHING).await.accepts();
    refused(&platform.admin("DELETE", "/tokens/x", &NOTHING).await, 404, "unknown");
    for wrong in [
        json!({"name": "a b", "role": "read"}),
        json!({"name": "a", "role": "read", "days": 0}),
        json!({"name": "a", "role": "read", "days": 367}),
    ] {
        refused(&platform.admin("POST", "/tokens", &wrong).await, 400, "invalid-settings");
    }
    let owner = json!({"name": "a", "role": "owner"});
    refused(&platform.admin("POST", "/tokens", &owner).await, 400, "malformed-request");
    let trail = platform.admin("GET", "/audit?kind=admin_token", &NOTHING).await.accepts();
    let kinds: Vec<_> = trail["events"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    let (made, ended) = ("admin_token.created", "admin_token.revoked");
    assert_eq!(kinds, [made, made, ended]);
}

#[tokio::test]
async fn apps_are_registered_changed_and_deleted() {
    let platform = platform().await;
    let new = json!({
        "client_id": "shop", "client_name": "Shop", "scope": "openid phone",
        "token_endpoint_auth_method": "client_secret_post",
    });
    let made = platform.admin("POST", "/apps", &new).await;
    assert_eq!((made.status, made.header("location")), (201, Some("/admin/v1/apps/shop")));
    let made = made.json();
    let secret = made["client_secret"].as_str().unwrap();
    refused(&platform.admin("POST", "/apps", &new).await, 409, "conflict");

    let shown = platform.admin("GET", "/apps/shop", &NOTHING).await.accepts();
    assert_eq!((&shown["scope"], &shown["client_secret"]), (&json!("openid phone"), &NOTHING));
    let change = json!({"client_name": "Shop 2"});
    let changed = platform.admin("PATCH", "/apps/shop", &change).await.accepts();
    assert_eq!(
        (&changed["client_name"], &changed["scope"]),
        (&change["client_name"], &shown["scope"])
    );
    let rotated = platform.admin("POST", "/apps/shop/rotate-secret", &NOTHING).await.accepts();
    assert_ne!(rotated["client_secret"].as_str().unwrap(), secret);

    let other_id = json!({"client_id": "shop2"});
    let answer = platform.admin("PATCH", "/apps/shop", &other_id).await;
    refused(&answer, 400, "malformed-request");
    platform.register(&Registration::new("keyed")).await;
    let answer = platform.admin("POST", "/apps/keyed/rotate-secret", &NOTHING).await;
    refused(&answer, 409, "conflict");

    assert_eq!(platform.admin("DELETE", "/apps/shop", &NOTHING).await.status, 204);
    for (method, path, body) in [
        ("GET", "/apps/shop", &NOTHING),
        ("DELETE", "/apps/shop", &NOTHING),
        ("PATCH", "/apps/shop", &change),
        ("POST", "/apps/shop/rotate-secret", &NOTHING),
        ("GET", "/apps/%00", &NOTHING),
        ("GET", "/apps/a%2Fb", &NOTHING),
    ] {
        refused(&platform.admin(method, path, body).await, 404, "unknown");
    }
}

#[tokio::test]
async fn what_an_app_cannot_be_is_refused_with_a_reason() {
    let platform = platform().await;
    for (wrong, word) in [
        (json!({}), "name"),
        (json!({"client_name": "A"}), "JWK set"),
        (json!({"client_name": "", "token_endpoint_auth_method": "none"}), "name"),
        (json!({"client_name": "A", "client_id": "a b"}), "client_id"),
        (
            json!({"client_name": "A", "token_endpoint_auth_method": "none",
                "redirect_uris": ["javascript:alert(1)"]}),
            "redirect_uri",
        ),
    ] {
        let answer = platform.admin("POST", "/apps", &wrong).await;
        refused(&answer, 400, "invalid-settings");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(word), "{detail}");
    }
    let private = json!({"kty": "oct", "k": "AAAA"});
    for wrong in [
        json!({"client_name": "A", "unknown": 1}),
        json!({"client_name": "A", "auth_method": "none"}),
        json!({"client_name": 1}),
        json!({"client_name": "A", "token_endpoint_auth_method": "magic"}),
        json!({"client_name": "A", "jwks": {"keys": [private]}}),
        json!([]),
        json!([null, "A"]),
        json!("x"),
    ] {
        refused(&platform.admin("POST", "/apps", &wrong).await, 400, "malformed-request");
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let platform = platform().await;
    for name in ["a", "b", "c", "d", "e"] {
        let developer = if name == "e" { "last one" } else { "first" };
        platform.register(&Registration::new(name).developer(developer)).await;
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = platform.admin("GET", &format!("/apps{query}"), &NOTHING).await.accepts();
        let apps = page["apps"].as_array().unwrap();
        assert!(apps.len() <= 2);
        seen.extend(apps.iter().map(|app| app["client_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&after={next}");
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);

    let first = platform.admin("GET", "/developers?limit=1", &NOTHING).await.accepts();
    let apps = json!({"developer": "first", "apps": ["a", "b", "c", "d"]});
    assert_eq!(first, json!({"developers": [apps], "next": "first"}));
    let rest = platform.admin("GET", "/developers?after=first", &NOTHING).await.accepts();
    let last = json!({"developer": "last one", "apps": ["e"]});
    assert_eq!(rest, json!({"developers": [last]}));
    let one = platform.admin("GET", "/developers/last%20one", &NOTHING).await.accepts();
    assert_eq!(one, last);
    refused(&platform.admin("GET", "/developers/nobody", &NOTHING).await, 404, "unknown");

    for path in [
        "/apps?limit=0",
        "/apps?limit=501",
        "/apps?limit=-1",
        "/apps?limit=x",
        "/apps?limit=99999999999999999999999",
        "/apps?after=a%20b",
        "/apps?page=2",
        "/apps?limit=1&limit=2",
        "/developers?limit=0",
        "/audit?limit=0",
        "/audit?after=x",
        "/audit?after=99999999999999999999999",
        "/audit?newest=maybe",
        "/audit?newest=true&after=1",
        "/keys?limit=1",
    ] {
        refused(&platform.admin("GET", path, &NOTHING).await, 400, "malformed-request");
    }
}

#[tokio::test]
async fn accounts_are_found_by_number_and_their_grants_end_one_by_one() {
    let rig = Rig::start().await;
    let (weather, maps) = (rig.instance("weather").await, rig.instance("maps").await);
    let tokens = rig.authorize(&weather, &number(1)).await;
    let others = rig.authorize(&maps, &number(1)).await;
    let stranger = rig.authorize(&rig.again(&weather.app), &number(2)).await;
    let platform = &rig.platform;

    let account = platform.account(&number(1), "show").await;
    let id = account["account"].as_str().unwrap();
    let path = format!("/accounts/{id}");
    assert_eq!(platform.admin("GET", &path, &NOTHING).await.accepts(), account);
    let grants = platform.admin("GET", &format!("{path}/grants"), &NOTHING).await.accepts();
    assert_eq!(grants["grants"].as_array().unwrap().len(), 2);
    let of = |client_id: &str| {
        let all = account["grants"].as_array().unwrap();
        let grant = all.iter().find(|grant| grant["client_id"] == client_id).unwrap();
        format!("{path}/grants/{}", grant["grant"].as_str().unwrap())
    };
    let shown = platform.admin("GET", &of("weather"), &NOTHING).await.accepts();
    assert_eq!(shown["jkt"], weather.key.thumbprint());

    let theirs = platform.account(&number(2), "show").await;
    let theirs = theirs["grants"][0]["grant"].as_str().unwrap();
    for wrong in [format!("{path}/grants/{theirs}"), format!("{path}/grants/x")] {
        refused(&platform.admin("GET", &wrong, &NOTHING).await, 404, "unknown");
        refused(&platform.admin("DELETE", &wrong, &NOTHING).await, 404, "unknown");
    }
    assert_eq!(platform.admin("DELETE", &of("weather"), &NOTHING).await.status, 204);
    refused(&platform.admin("DELETE", &of("weather"), &NOTHING).await, 404, "unknown");
    refused(&platform.admin("GET", &of("weather"), &NOTHING).await, 404, "unknown");
    let refresh = |tokens: &Value| tokens["refresh_token"].as_str().unwrap().to_owned();
    weather.refresh(&refresh(&tokens)).await.refuses(400, "invalid_grant");
    assert_eq!(weather.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 401);
    maps.refresh(&refresh(&others)).await.accepts();
    assert!(stranger["access_token"].is_string());

    let (kind, account) = ("kind=grant.revoked", format!("account={id}"));
    let trail = platform.admin("GET", &format!("/audit?{kind}&{account}"), &NOTHING).await;
    let events = trail.accepts();
    let line = &events["events"][0];
    assert_eq!((&line["client_id"], &line["reason"]), (&json!("weather"), &json!("operator")));
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_number_is_told_in_no_refusal() {
    let platform = platform().await;
    let search = async |number: &str| {
        platform.admin("POST", "/accounts/search", &json!({"number": number})).await
    };
    refused(&search("+447400123478").await, 404, "unknown");
    for wrong in ["447400123478", "+44 7400123478", "+1", "", "acc_x"] {
        let answer = search(wrong).await;
        refused(&answer, 400, "malformed-request");
        assert!(!answer.text().contains("7400123478"), "{}", answer.text());
    }
    let none = "acc_AAAAAAAAAAAAAAAAAAAAAA";
    for id in [none, "x", "%2B447400123478"] {
        for (method, path) in [
            ("GET", format!("/accounts/{id}")),
            ("DELETE", format!("/accounts/{id}")),
            ("POST", format!("/accounts/{id}/block")),
            ("POST", format!("/accounts/{id}/restore")),
            ("GET", format!("/accounts/{id}/grants")),
            ("DELETE", format!("/accounts/{id}/grants/grant_AAAAAAAAAAAAAAAAAAAAAA")),
        ] {
            let answer = platform.admin(method, &path, &NOTHING).await;
            refused(&answer, 404, "unknown");
            assert!(!answer.text().contains("7400123478"), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn the_audit_trail_is_read_line_after_line() {
    let platform = platform().await;
    for name in ["a", "b", "c"] {
        platform.register(&Registration::new(name)).await;
    }
    platform.rotate_keys("now").await;
    let (mut kinds, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        let page = platform.admin("GET", &format!("/audit{query}"), &NOTHING).await.accepts();
        kinds.extend(page["events"].as_array().unwrap().iter().map(|line| line["kind"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=1&after={next}");
    }
    let (app, key) = ("app.registered", "key.rotated");
    let retired = "key.retired";
    let all = [key, app, app, app, key, retired];
    assert_eq!(kinds, all, "the first key is made at the start");
    let newest = platform.admin("GET", "/audit?newest=true&limit=2", &NOTHING).await.accepts();
    let last: Vec<_> = newest["events"].as_array().unwrap().iter().map(|l| &l["kind"]).collect();
    assert_eq!(last, [key, retired]);
    let of_b = platform.admin("GET", "/audit?client_id=b", &NOTHING).await.accepts();
    assert_eq!(of_b["events"].as_array().unwrap().len(), 1);
    // A page is looked at and holds nothing that is wanted.
    let page = platform.admin("GET", "/audit?client_id=c&limit=2", &NOTHING).await.accepts();
    assert_eq!((&page["events"], page["next"].is_string()), (&json!([]), true));
}

#[tokio::test]
async fn keys_are_listed_and_rotated() {
    let platform = platform().await;
    let before = platform.admin("GET", "/keys", &NOTHING).await.accepts();
    let told = platform.rotate_keys("now").await;
    let after = platform.admin("GET", "/keys", &NOTHING).await.accepts();
    assert_eq!(told["keys"], after["keys"]);
    let keys = |list: &Value| list["keys"].as_array().unwrap().clone();
    assert_eq!(keys(&before).len() + 1, keys(&after).len());
    assert_eq!(
        (&keys(&after)[0]["kid"], &keys(&after)[0]["state"]),
        (&told["made"][0], &json!("active"))
    );
    assert!(!after.to_string().contains("private"), "{after}");
    for wrong in [json!({"rotation": "soon"}), json!({"now": true}), json!([])] {
        let answer = platform.admin("POST", "/keys/rotate", &wrong).await;
        refused(&answer, 400, "malformed-request");
    }
    refused(&platform.admin("POST", "/keys/rotate", &NOTHING).await, 415, "media-type");
    assert_eq!(platform.admin("GET", "/keys", &NOTHING).await.accepts(), after);
}

#[tokio::test]
async fn what_is_no_request_of_the_api_is_refused() {
    let platform = platform().await;
    let own = format!("Bearer {}", platform.admin_token());
    let ask = |method: &str, path: &str, kind: Option<&str>, body: &[u8]| {
        let mut request = Request::new(method, path).header("Authorization", &own);
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
        }
        body.clone_into(&mut request.body);
        request
    };
    let json = Some("application/json");
    let apps = "/admin/v1/apps";
    let large = format!("{{\"client_name\":\"{}\"}}", "a".repeat(64 * 1024));
    for (request, status, kind) in [
        (ask("GET", "/", None, b""), 404, "no-endpoint"),
        (ask("POST", "/commands", json, br#"{"command":"list_apps"}"#), 404, "no-endpoint"),
        (ask("GET", "/admin/v1", None, b""), 404, "no-endpoint"),
        (ask("GET", "/admin/v2/apps", None, b""), 404, "no-endpoint"),
        (ask("PUT", apps, json, b"{}"), 405, "no-method"),
        (ask("POST", "/admin/v1/audit", json, b"{}"), 405, "no-method"),
        (ask("POST", apps, None, b"{}"), 415, "media-type"),
        (ask("POST", apps, Some("text/plain"), b"{}"), 415, "media-type"),
        (ask("POST", apps, json, b""), 400, "malformed-request"),
        (ask("POST", apps, json, b"{"), 400, "malformed-request"),
        (ask("POST", apps, json, b"{}{}"), 400, "malformed-request"),
        (ask("POST", apps, json, b"{\"client_name\":\"\xff\"}"), 400, "malformed-request"),
        (ask("POST", apps, json, &b"[".repeat(10_000)), 400, "malformed-request"),
        (ask("POST", apps, json, large.as_bytes()), 413, "too-large"),
        (ask("GET", "/admin/v1/apps/%ff", None, b""), 400, "malformed-request"),
        (ask("GET", "/admin/v1/apps?after=%ff", None, b""), 400, "malformed-request"),
    ] {
        let answer = send(platform.admin, &request).await;
        refused(&answer, status, kind);
        assert_eq!(answer.header("allow").is_some(), status == 405, "{answer:?}");
    }
    platform.admin("GET", "/apps", &NOTHING).await.accepts();
}

#[tokio::test]
async fn the_document_is_served_as_it_is_kept() {
    let platform = platform().await;
    let answer = send(platform.admin, &Request::new("GET", "/admin/v1/openapi.json")).await;
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/admin-openapi.json");
    assert_eq!(answer.text(), std::fs::read_to_string(kept).unwrap());
}
