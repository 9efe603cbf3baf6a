//! PROTOCOL 5 and RFC 6749: whatever comes in over HTTP gets a precise answer, and the next request
//! is served.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use twinpath_e2e::app::Draft;
use twinpath_e2e::http::{Request, send, send_octets};
use twinpath_e2e::number;
use twinpath_e2e::pdu::Text;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::within;

fn form(path: &str, body: impl Into<Vec<u8>>) -> Request {
    let mut request =
        Request::new("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
    request.body = body.into();
    request
}

#[tokio::test]
async fn bodies_that_are_no_form_are_refused() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let address = rig.platform.place.address;
    let good = weather.token_draft(&weather.attempt()).request();
    let with_type = |types: &[&str]| {
        let mut request = good.clone();
        request.headers.retain(|(name, _)| name != "Content-Type");
        types.iter().fold(request, |request, kind| request.header("Content-Type", kind))
    };
    for types in [
        &[][..],
        &["application/json"],
        &["multipart/form-data; boundary=x"],
        &["text/plain"],
        &["application/x-www-form-urlencoded", "application/json"],
        &["application/x-www-form-urlencodedx"],
        &["\u{ff}"],
    ] {
        send(address, &with_type(types)).await.refuses(400, "invalid_request");
    }
    for path in ["/token", "/introspect", "/revoke"] {
        let mut json = Request::new("POST", path).header("Content-Type", "application/json");
        json.body = br#"{"grant_type":"refresh_token"}"#.to_vec();
        send(address, &json).await.refuses(400, "invalid_request");
        send(address, &form(path, "")).await.refuses(400, "invalid_request");
    }
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let address = rig.platform.place.address;
    let draft = weather.token_draft(&weather.attempt());
    let fits = draft.clone().set("padding", "x".repeat(60_000)).request();
    assert!(fits.body.len() <= 64 * 1024);
    send(address, &fits).await.refuses(400, "authorization_pending");
    for padding in [64 * 1024, 1024 * 1024] {
        let large = draft.clone().set("padding", "x".repeat(padding)).request();
        send(address, &large).await.refuses(413, "invalid_request");
    }
    // The same without an announced length.
    let mut chunked = b"POST /token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
        Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n"
        .to_vec();
    for _ in 0..80 {
        chunked.extend(format!("400\r\n{}\r\n", "y".repeat(0x400)).into_bytes());
    }
    chunked.extend(b"0\r\n\r\n");
    send_octets(address, &chunked).await.unwrap().refuses(413, "invalid_request");
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn parameters_stand_once() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let draft = || weather.token_draft(&weather.attempt());
    for name in [
        "grant_type",
        "terminal_verifier",
        "client_id",
        "client_assertion",
        "client_assertion_type",
    ] {
        let draft = draft();
        let value = draft.form.iter().find(|(known, _)| known == name).unwrap().1.clone();
        weather.send(&draft.add(name, &value)).await.refuses(400, "invalid_request");
    }
    for name in ["scope", "login_hint", "unknown"] {
        let twice = draft().add(name, "a").add(name, "a");
        weather.send(&twice).await.refuses(400, "invalid_request");
    }
    let resources =
        draft().add("resource", "https://a.example").add("resource", "https://b.example");
    weather.send(&resources).await.refuses(400, "authorization_pending");
    let unknown = draft().add("unknown", "ignored (RFC 6749 3.2)").add("scope", "");
    weather.send(&unknown).await.refuses(400, "authorization_pending");
    let many = (0..500).fold(draft(), |draft, n| draft.add(&format!("p{n}"), "1"));
    weather.send(&many).await.refuses(400, "invalid_request");
}

type Spoil = fn(Draft) -> Draft;

#[tokio::test]
async fn wrong_parameters_have_their_own_errors() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let spoilt: [(&str, Spoil, &str); 17] = [
        ("no grant_type", |d| d.without("grant_type"), "invalid_request"),
        ("password", |d| d.set("grant_type", "password"), "unsupported_grant_type"),
        (
            "device",
            |d| d.set("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            "unauthorized_client",
        ),
        (
            "case",
            |d| d.set("grant_type", "URN:twinpath:oauth:grant-type:terminal"),
            "unsupported_grant_type",
        ),
        ("scope not registered", |d| d.set("scope", "openid admin"), "invalid_scope"),
        ("scope with a quote", |d| d.set("scope", "open\"id"), "invalid_scope"),
        ("scope with NUL", |d| d.set("scope", "openid\u{0}"), "invalid_scope"),
        ("scope outside ASCII", |d| d.set("scope", "öpenid"), "invalid_scope"),
        ("relative resource", |d| d.set("resource", "/v1"), "invalid_target"),
        ("resource with fragment", |d| d.set("resource", "https://a.example/#b"), "invalid_target"),
        ("no URI", |d| d.set("resource", "\u{0}"), "invalid_target"),
        (
            "acr_values",
            |d| d.set("acr_values", "urn:example:acr"),
            "unmet_authentication_requirements",
        ),
        ("max_age", |d| d.set("max_age", "soon"), "invalid_request"),
        ("negative max_age", |d| d.set("max_age", "-1"), "invalid_request"),
        (
            "details",
            |d| d.set("authorization_details", r#"[{"type":"x"}]"#),
            "invalid_authorization_details",
        ),
        (
            "details no JSON",
            |d| d.set("authorization_details", "{"),
            "invalid_authorization_details",
        ),
        ("login_hint", |d| d.set("login_hint", "nobody"), "invalid_request"),
    ];
    for (what, spoil, error) in spoilt {
        let answer = weather.send(&spoil(weather.token_draft(&attempt))).await;
        assert_eq!(answer.error().as_deref(), Some(error), "{what}: {}", answer.text());
        answer.refuses(400, error);
    }
    // None of these used the code up.
    weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn octets_that_are_no_text_are_refused_or_ignored() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let address = rig.platform.place.address;
    let body = |draft: Draft| String::from_utf8(draft.request().body).unwrap();
    let good = || weather.token_draft(&weather.attempt());
    let spoilt = [
        ("client_id=%00", body(good().without("client_id")), "invalid_client"),
        ("client_id=%ff%fe", body(good().without("client_id")), "invalid_client"),
        ("client_id=..%2f..%2f", body(good().without("client_id")), "invalid_client"),
        ("client_assertion=%ff", body(good().without("client_assertion")), "invalid_client"),
        ("terminal_verifier=%00", body(good().without("terminal_verifier")), "invalid_request"),
        ("terminal_verifier=%c3%28", body(good().without("terminal_verifier")), "invalid_request"),
        ("grant_type=%ff", body(good().without("grant_type")), "unsupported_grant_type"),
        ("scope=%ff", body(good()), "invalid_scope"),
        ("%ff=%ff&%00=%00&=&&&", body(good()), "authorization_pending"),
        ("%zz=%&%u1234=%", body(good()), "authorization_pending"),
    ];
    for (more, rest, error) in spoilt {
        let draft = good();
        let mut request = form("/token", format!("{more}&{rest}"));
        request = request.header("DPoP", draft.header_value("DPoP"));
        let answer = send(address, &request).await;
        assert_eq!(answer.error().as_deref(), Some(error), "{more}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let mut binary = form("/token", (0..=255).cycle().take(10_000).collect::<Vec<u8>>());
    send(address, &binary).await.refuses(400, "invalid_request");
    binary.body = vec![0; 60_000];
    send(address, &binary).await.refuses(400, "invalid_request");
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn other_methods_and_paths_are_told_apart() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let address = rig.platform.place.address;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        let answer = send(address, &Request::new(method, "/token")).await;
        answer.refuses(405, "invalid_request");
    }
    for (method, path) in [("POST", "/jwks.json"), ("GET", "/introspect"), ("GET", "/revoke")] {
        send(address, &Request::new(method, path)).await.refuses(405, "invalid_request");
    }
    let long = format!("/{}", "a".repeat(8000));
    for path in ["/", "/token/", "/nowhere", "/%00", "/..%2f..%2fetc/passwd", "/sms/nobody", &long]
    {
        send(address, &Request::new("GET", path)).await.refuses(404, "invalid_request");
        send(address, &form(path, "a=b")).await.refuses(404, "invalid_request");
    }
    // Credentials are never taken from a query (RFC 6749 2.3.1).
    let mut in_query = weather.token_draft(&weather.attempt()).request();
    in_query.target = format!("/token?{}", String::from_utf8(in_query.body).unwrap());
    in_query.body = Vec::new();
    send(address, &in_query).await.refuses(400, "invalid_request");
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn junk_instead_of_http_ends_the_connection_and_nothing_else() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let address = rig.platform.place.address;
    let headers = "x: y\r\n".repeat(5000);
    let junk: [Vec<u8>; 10] = [
        b"\r\n\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(40),
        b"GET\r\n\r\n".to_vec(),
        b"POST /token HTTP/9.9\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
            .to_vec(),
        b"POST /token HTTP/1.1\r\nHo\x00st: a\r\n\r\n".to_vec(),
        format!("GET /livez HTTP/1.1\r\n{headers}\r\n").into_bytes(),
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(200_000)).into_bytes(),
    ];
    for octets in &junk {
        let answer = send_octets(address, octets).await;
        assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)));
    }
    // Headers that are odd but allowed, and values beyond ASCII.
    weather.warm().await;
    for (name, value) in [
        ("Authorization", "Basic"),
        ("Authorization", "Basic !!!"),
        ("Authorization", "Bearer x"),
        ("Authorization", "\u{ff}"),
    ] {
        let draft = weather.token_draft(&weather.attempt());
        let draft = draft.without("client_assertion").without("client_assertion_type");
        let answer = weather.send(&draft.header(name, value)).await;
        assert!([400, 401].contains(&answer.status), "{value}: {}", answer.text());
        let error = answer.error().unwrap();
        assert!(["invalid_request", "invalid_client"].contains(&error.as_str()), "{error}");
    }
    let odd = weather.token_draft(&weather.attempt()).header("DPoP", "\u{ff}\u{fe}");
    weather.send(&odd).await.refuses(400, "invalid_dpop_proof");
    let odd = weather.token_draft(&weather.attempt()).header("Prefer", "\u{ff}");
    weather.send(&odd).await.refuses(400, "authorization_pending");
    let odd = weather.token_draft(&weather.attempt()).header("X-Forwarded-For", "1.2.3.4, \u{ff}");
    weather.send(&odd).await.refuses(400, "authorization_pending");
    rig.still_works(&weather.app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_never_end_hold_up_nobody_and_are_cut_off() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let address = rig.platform.place.address;
    let request = weather.token_draft(&weather.attempt()).request().octets();
    let mut slow = Vec::new();
    for part in [1, 20, request.len() / 2, request.len() - 1] {
        for _ in 0..25 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&request[..part]).await.unwrap();
            slow.push(stream);
        }
    }
    rig.still_works(&weather.app).await;
    // The server's own clock has to pass: a head has 15 seconds, a body 10.
    for mut stream in slow {
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        let _ = within("the slow connection's end", end).await;
    }
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn several_requests_go_over_one_connection() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.platform.place.address).await.unwrap();
    let one = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(&one.repeat(3)).await.unwrap();
    let mut received = String::new();
    let mut more = [0; 4096];
    while received.matches("HTTP/1.1 200").count() < 3 {
        let count = within("an answer", stream.read(&mut more)).await.unwrap();
        assert!(count > 0, "{received}");
        received.push_str(&String::from_utf8_lossy(&more[..count]));
    }
}

#[tokio::test]
async fn no_answer_shows_a_whole_number_or_a_secret() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.deliver(&Text::new("+447400123478", &attempt.text)).await.ok();
    let tokens = weather.redeem_with(&attempt, &[("scope", "openid")]).await.accepts();
    let everything = [
        tokens.to_string(),
        weather.introspect(tokens["access_token"].as_str().unwrap()).await.text(),
        weather.userinfo(tokens["access_token"].as_str().unwrap()).await.text(),
        send(rig.platform.admin, &Request::new("GET", "/metrics")).await.text(),
        rig.platform.place.get("/readyz").await.text(),
    ];
    for text in everything {
        assert!(!text.contains("7400123478") && !text.contains(&attempt.verifier), "{text}");
    }
}
