//! PROTOCOL 1 to 5 and 10: text and request in either order, and what the server says of itself.

use twinpath_e2e::app::{TERMINAL_GRANT, WORDS};
use twinpath_e2e::config::Settings;
use twinpath_e2e::number;
use twinpath_e2e::pdu::Text;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::{until, within};

#[tokio::test]
async fn text_first_then_request() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text("+447400123478", &attempt).await;
    let answer = weather.redeem(&attempt).await;
    let tokens = answer.accepts();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(tokens["token_type"], "DPoP");
    assert_eq!(tokens["expires_in"], 600);
    assert_eq!(tokens["scope"], "openid phone");
    assert_eq!(tokens["terminal_hint"], "+44••••••••78");
    for member in ["access_token", "refresh_token", "id_token"] {
        assert!(tokens[member].is_string(), "{member} in {tokens}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_request_is_answered_when_its_text_is_acknowledged() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let mut delays = Vec::new();
    for n in 0..15 {
        let attempt = weather.attempt();
        let text = async {
            waiting(&rig, 1.0).await;
            rig.text(&number(n), &attempt).await
        };
        let (answer, acknowledged) = tokio::join!(weather.wait(&attempt, 30), text);
        answer.accepts();
        assert_eq!(answer.header("preference-applied"), Some("wait=30"));
        delays.push(answer.at - acknowledged);
    }
    delays.sort_by(f64::total_cmp);
    let (median, worst) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    println!("answer after the text's acknowledgement: median {median:.2} ms, worst {worst:.2} ms");
    assert!(median < 50.0, "{delays:?}");
}

/// Waits until so many requests wait.
async fn waiting(rig: &Rig, count: f64) {
    until("the request waits", async || {
        let waiting = rig.platform.metric("twinpath_waiting_requests").await;
        (waiting >= count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_orders_lead_to_the_same_account() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let first = rig.authorize(&weather, &number(1)).await;
    let other_phone = rig.again(&weather.app);
    other_phone.warm().await;
    let attempt = other_phone.attempt();
    let text = async {
        waiting(&rig, 1.0).await;
        rig.text(&number(1), &attempt).await
    };
    let (answer, _) = tokio::join!(other_phone.wait(&attempt, 30), text);
    assert_eq!(subject(&first), subject(&answer.accepts()));
    let stranger = rig.authorize(&rig.again(&weather.app), &number(2)).await;
    assert_ne!(subject(&first), subject(&stranger));
}

fn subject(tokens: &serde_json::Value) -> String {
    let (_, claims) = twinpath_e2e::jose::open(tokens["access_token"].as_str().unwrap());
    claims["sub"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_wait_and_each_gets_its_own_text() {
    let rig = Rig::start().await;
    let app = rig.platform.register(&Registration::new("weather")).await;
    let mut tasks = tokio::task::JoinSet::new();
    let mut attempts = Vec::new();
    for n in 0..100 {
        let instance = rig.again(&app);
        instance.warm().await;
        let attempt = instance.attempt();
        attempts.push((number(n), attempt.clone()));
        tasks.spawn(async move { (n, instance.wait(&attempt, 30).await) });
    }
    waiting(&rig, 100.0).await;
    for (from, attempt) in attempts.iter().rev() {
        rig.text(from, attempt).await;
    }
    while let Some(done) = within("an answer", tasks.join_next()).await {
        let (n, answer) = done.unwrap();
        let hint = format!("+44••••••••{:02}", n % 100);
        assert_eq!(answer.accepts()["terminal_hint"], hint.as_str());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_and_request_at_the_same_moment_never_miss_each_other() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let begun = tokio::time::Instant::now();
    for n in 0..100 {
        let (from, attempt) = (number(n), weather.attempt());
        let text = rig.text(&from, &attempt);
        let (answer, _) = tokio::join!(weather.wait(&attempt, 30), text);
        answer.accepts();
    }
    let spent = begun.elapsed();
    assert!(spent.as_secs() < 25, "a wait ran to its end: {spent:?}");
}

#[tokio::test]
async fn an_issuer_may_have_a_path() {
    let settings = Settings { issuer_path: "/tenants/a".to_owned(), ..Settings::default() };
    let rig = Rig::with(settings).await;
    let place = &rig.platform.place;
    assert_eq!(place.path("token_endpoint"), "/tenants/a/token");
    let openid = place.get("/tenants/a/.well-known/openid-configuration").await.accepts();
    assert_eq!(openid, place.metadata);
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    weather.userinfo(tokens["access_token"].as_str().unwrap()).await.accepts();
    weather.refresh(refresh).await.accepts();
    place.get("/token").await.refuses(404, "invalid_request");
}

#[tokio::test]
async fn phrases_in_other_languages_and_spellings_are_the_apps_words() {
    let rig = Rig::start().await;
    let app = rig.platform.register(&Registration::new("weather")).await;
    let name = &app.name;
    let spellings = [
        format!("{} SIGN-IN, send only from INSIDE the app!", name.to_uppercase()),
        format!("{name} - acceso. Enviar solo desde dentro de la app."),
        format!("{name} 登录. 仅从应用内发送."),
        format!("{name} ऐप से ही भेजें"),
        format!("{name} sign–in… Send only from inside the app"),
    ];
    for (n, words) in spellings.iter().enumerate() {
        let instance = rig.again(&app);
        let attempt = instance.worded(words);
        let text = Text::new(&number(u32::try_from(n).unwrap()), "").in_ucs2(&attempt.text);
        // Longer than 70 characters: a phone would send the same in GSM, or in two parts.
        let text = if attempt.text.encode_utf16().count() > 70 {
            text.as_payload_ucs2(&attempt.text)
        } else {
            text
        };
        rig.deliver(&text).await.ok();
        instance.redeem(&attempt).await.accepts();
    }
}

#[tokio::test]
async fn the_code_is_read_however_a_phone_writes_it() {
    let rig = Rig::start().await;
    let app = rig.platform.register(&Registration::new("weather")).await;
    let words = format!("{} {WORDS}", app.name);
    let spellings: [fn(&str) -> String; 8] = [
        |code| code.to_lowercase(),
        |code| code.replace('-', ""),
        |code| code.replace('-', " "),
        |code| code.replace('-', "\r\n"),
        |code| code.replace("TP1-", "TP1"),
        |code| code.replace('0', "O").replace('1', "I"),
        |code| code.replace('0', "o").replace('1', "l"),
        |code| format!("{code} {code}"),
    ];
    for (n, spell) in spellings.iter().enumerate() {
        let instance = rig.again(&app);
        let attempt = instance.attempt();
        let from = number(u32::try_from(n).unwrap());
        let text = format!("{words} {}", spell(&attempt.code));
        rig.centre.text(&from, &text).await.ok();
        let answer = instance.redeem(&attempt).await;
        assert_eq!(answer.status, 200, "{text}: {}", answer.text());
    }
    // Unicode's dashes and full-width letters need UCS-2.
    for (n, dash) in ["\u{2011}", "\u{2013}", "\u{2014}", "\u{2212}", "\u{ff0d}"].iter().enumerate()
    {
        let instance = rig.again(&app);
        let attempt = instance.attempt();
        let code = attempt.code.replace('-', dash).replace("TP", "\u{ff34}\u{ff30}");
        let text = Text::new(&number(100 + u32::try_from(n).unwrap()), "");
        rig.deliver(&text.as_payload_ucs2(&format!("{words} {code}"))).await.ok();
        instance.redeem(&attempt).await.accepts();
    }
}

#[tokio::test]
async fn the_metadata_says_where_everything_is() {
    let rig = Rig::with(Settings::default().development()).await;
    let place = &rig.platform.place;
    let metadata = &place.metadata;
    assert_eq!(metadata["issuer"], place.issuer.as_str());
    for endpoint in [
        "token_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "introspection_endpoint",
        "userinfo_endpoint",
    ] {
        assert!(place.url(endpoint).starts_with(&place.issuer), "{endpoint}");
    }
    let has = |member: &str, value: &str| {
        let list = metadata[member].as_array().unwrap_or_else(|| panic!("no {member}"));
        assert!(list.iter().any(|item| item == value), "{value} not in {member}: {list:?}");
    };
    has("grant_types_supported", TERMINAL_GRANT);
    has("grant_types_supported", "refresh_token");
    has("terminal_numbers", "+8610690001");
    has("terminal_code_methods_supported", "twinpath-1");
    has("dpop_signing_alg_values_supported", "ES256");
    has("scopes_supported", "openid");
    has("subject_types_supported", "pairwise");
    has("id_token_signing_alg_values_supported", "ES256");
    for method in [
        "private_key_jwt",
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "none",
    ] {
        has("token_endpoint_auth_methods_supported", method);
    }
    let algs = &metadata["token_endpoint_auth_signing_alg_values_supported"];
    assert!(!algs.to_string().contains("none") && !algs.to_string().contains("RS256"), "{algs}");
    let phrase = &metadata["terminal_phrases"]["en"];
    assert_eq!(*phrase, format!("{{app}} {WORDS}").as_str());
    assert_eq!(metadata["require_terminal_announcement"], false);
    // RFC 8414 2: it has to be there, even if it is empty.
    assert!(metadata["response_types_supported"].is_array(), "{metadata}");
    let same = place.get("/.well-known/openid-configuration").await.accepts();
    assert_eq!(same, *metadata);
    let jwks = place.jwks().await;
    let keys = jwks["keys"].as_array().unwrap();
    assert!(keys.iter().all(|key| key.get("d").is_none() && key["kid"].is_string()), "{jwks}");
}

#[tokio::test]
async fn a_production_server_does_not_offer_apps_without_authentication() {
    let rig = Rig::start().await;
    let metadata = &rig.platform.place.metadata;
    assert!(!metadata["token_endpoint_auth_methods_supported"].to_string().contains("\"none\""));
    let public = rig.install(&Registration::new("demo").method("none")).await;
    let attempt = public.attempt();
    rig.text(&number(1), &attempt).await;
    public.redeem(&attempt).await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn health_is_told() {
    let rig = Rig::start().await;
    let live = rig.platform.place.get("/livez").await;
    assert_eq!(live.status, 200);
    let ready = rig.platform.place.get("/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.text());
    assert!(ready.text().contains("bound"), "{}", ready.text());
}
