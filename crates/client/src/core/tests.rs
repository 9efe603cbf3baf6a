//! The machines against a scripted platform: no sockets, no clocks.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use twinpath_wire::{
    assertion::{AssertionClaims, Audience},
    b64,
    code::{Code, read_message},
    dpop::ProofClaims,
    jws::Compact,
    metadata::Metadata,
    phrase::default_phrases,
};

use super::*;

const TOKEN: &str = "https://id.example.com/token";
const NOW: i64 = 784_111_777;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Time, randomness and memory of one instance.
struct World {
    now: i64,
    uptime: Duration,
    origins: Origins,
    events: u8,
}

impl World {
    fn new() -> Self {
        Self { now: NOW, uptime: Duration::ZERO, origins: Origins::default(), events: 0 }
    }

    fn cx(&mut self) -> Context<'_> {
        self.events += 1;
        let mut random = [self.events; 32];
        random[31] = !self.events;
        Context { now: self.now, uptime: self.uptime, random, origins: &mut self.origins }
    }

    fn pass(&mut self, pause: Duration) {
        self.uptime += pause;
        self.now += i64::try_from(pause.as_secs()).expect("short");
    }
}

fn app(authentication: Authentication) -> Arc<App> {
    Arc::new(App {
        issuer: "https://id.example.com".into(),
        client_id: "weather".into(),
        name: "Weather".into(),
        authentication,
        key: Some(Arc::new(SoftwareKey::generate().expect("a key"))),
    })
}

fn metadata() -> Arc<Metadata> {
    Arc::new(Metadata {
        issuer: "https://id.example.com".into(),
        token_endpoint: TOKEN.into(),
        revocation_endpoint: Some("https://id.example.com/revoke".into()),
        terminal_numbers: vec!["+8610690001".into(), "10690001".into()],
        terminal_code_methods_supported: vec!["twinpath-1".into()],
        terminal_phrases: default_phrases(),
        ..Metadata::default()
    })
}

fn answer(status: u16, headers: &[(&str, &str)], body: &serde_json::Value) -> Answer {
    let field = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers = headers.iter().map(field).collect();
    Answer { status, headers, body: body.to_string().into_bytes() }
}

fn refusal(error: &str) -> Answer {
    answer(400, &[], &json!({"error": error}))
}

fn granted() -> Answer {
    let body = json!({
        "access_token": "at", "token_type": "DPoP", "expires_in": 600, "refresh_token": "rt",
        "scope": "forecast", "terminal_hint": "+86•••••••••78"
    });
    answer(200, &[], &body)
}

fn begin(world: &mut World, options: Options) -> (Authorization, Text) {
    let app = app(Authentication::None);
    match Authorization::begin(app, metadata(), options, &world.cx()) {
        Ok((machine, Step::SendText(text))) => (machine, text),
        other => panic!("{other:?}"),
    }
}

/// A machine whose text is sent, with its first request.
fn asking(world: &mut World) -> (Authorization, Request) {
    let (mut machine, _) = begin(world, Options::default());
    let request = request(machine.text_sent(&world.cx()));
    (machine, request)
}

fn request(step: Step) -> Request {
    match step {
        Step::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

fn pause(step: &Step) -> u64 {
    match step {
        Step::WaitFor(pause) => pause.as_secs(),
        other => panic!("{other:?}"),
    }
}

fn failure(step: Step) -> Error {
    match step {
        Step::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

fn form(request: &Request, name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(request.body.as_bytes());
    fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
}

fn proof(request: &Request) -> ProofClaims {
    let proof = header(request, "dpop").expect("a proof");
    let proof = Compact::parse(proof, 4_096).expect("a JWS");
    assert!(proof.header.has_typ("dpop+jwt") && proof.header.jwk.is_some());
    proof.claims().expect("claims")
}

#[test]
fn the_text_commits_to_what_the_request_shows() {
    let mut world = World::new();
    let options = Options { scope: Some("forecast".into()), ..Options::default() };
    let (mut machine, text) = begin(&mut world, options);
    let message = read_message(&text.body).expect("readable");
    assert_eq!(message.words.as_str(), "weathersigninsendonlyfrominsidetheapp");
    assert_eq!(text.to, ["+8610690001", "10690001"]);
    assert!(text.sms_uri.starts_with("sms:+8610690001?body=Weather%20sign-in.%20Send"));

    let request = request(machine.text_sent(&world.cx()));
    let verifier = form(&request, "terminal_verifier").expect("shown");
    let jkt = Compact::parse(header(&request, "dpop").expect("a proof"), 4_096).expect("a JWS");
    let jkt = jkt.header.jwk.expect("a key").thumbprint();
    let code = Code::commit("https://id.example.com", "weather", &jkt, &verifier);
    assert_eq!(code, message.code);
    assert_eq!(form(&request, "scope").as_deref(), Some("forecast"));
    assert_eq!(form(&request, "client_id").as_deref(), Some("weather"));
    assert_eq!(header(&request, "prefer"), Some("wait=25"));
    let proof = proof(&request);
    assert_eq!((proof.htm.as_str(), proof.htu.as_str(), proof.iat), ("POST", TOKEN, NOW));

    match machine.answered(&granted(), &mut world.cx()) {
        Step::Done(Some(tokens)) => {
            assert_eq!(tokens.expires_at, Some(NOW + 600));
            assert!(tokens.live_at(NOW + 589, 10) && !tokens.live_at(NOW + 590, 10));
            assert!(!format!("{tokens:?}").contains("rt"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_language_falls_back_to_english() {
    let text = |language: &str| {
        let options = Options { language: language.into(), ..Options::default() };
        begin(&mut World::new(), options).1.body
    };
    assert!(text("zh").contains("登录"));
    assert!(text("zh-cn").contains("登录"));
    assert!(text("fr").starts_with("Weather sign-in"));
    let long = App {
        name: "A name too long for Chinese".into(),
        ..Arc::into_inner(app(Authentication::None)).expect("one owner")
    };
    let options = Options { language: "zh-CN".into(), ..Options::default() };
    match Authorization::begin(Arc::new(long), metadata(), options, &World::new().cx()) {
        Ok((_, Step::SendText(text))) => assert!(text.body.contains("sign-in")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pending_waits_the_interval_and_slow_down_adds_to_it() {
    let mut world = World::new();
    let (mut machine, first) = asking(&mut world);
    let pending = answer(400, &[], &json!({"error": "authorization_pending", "interval": 3}));
    assert_eq!(pause(&machine.answered(&pending, &mut world.cx())), 3);
    world.pass(Duration::from_secs(3));
    let second = request(machine.waited(&world.cx()));
    assert_eq!(form(&first, "terminal_verifier"), form(&second, "terminal_verifier"));
    assert_ne!(proof(&first).jti, proof(&second).jti);
    assert_eq!(pause(&machine.answered(&refusal("slow_down"), &mut world.cx())), 8);
    assert_eq!(pause(&machine.answered(&refusal("authorization_pending"), &mut world.cx())), 8);
}

#[test]
fn an_overdue_text_is_announced_once_and_then_given_up() {
    let mut world = World::new();
    let (mut machine, _) = asking(&mut world);
    let pending = refusal("authorization_pending");
    world.pass(Duration::from_secs(60));
    match machine.answered(&pending, &mut world.cx()) {
        Step::TextOverdue(text) => assert!(text.body.contains("TP1-")),
        other => panic!("{other:?}"),
    }
    assert_eq!(pause(&machine.reminded(&world.cx())), 5);
    assert_eq!(pause(&machine.answered(&pending, &mut world.cx())), 5);
    world.pass(Duration::from_secs(240));
    let error = failure(machine.answered(&pending, &mut world.cx()));
    assert!(matches!(error, Error::NoText) && error.can_restart());
}

#[test]
fn a_nonce_is_used_at_once_and_never_in_a_loop() {
    let mut world = World::new();
    let (mut machine, first) = asking(&mut world);
    assert_eq!(proof(&first).nonce, None);
    let nonce =
        |nonce: &str| answer(400, &[("DPoP-Nonce", nonce)], &json!({"error": "use_dpop_nonce"}));
    let second = request(machine.answered(&nonce("n1"), &mut world.cx()));
    assert_eq!(proof(&second).nonce.as_deref(), Some("n1"));
    assert_ne!(proof(&first).jti, proof(&second).jti);
    let third = request(machine.answered(&nonce("n2"), &mut world.cx()));
    assert_eq!(proof(&third).nonce.as_deref(), Some("n2"));
    let error = failure(machine.answered(&nonce("n2"), &mut world.cx()));
    assert!(matches!(error, Error::Refused(_)), "the nonce asked for was there");
    let mut step = machine.answered(&nonce("m0"), &mut world.cx());
    for turn in 1..3 {
        request(step);
        step = machine.answered(&nonce(&format!("m{turn}")), &mut world.cx());
    }
    request(step);
    assert_eq!(pause(&machine.answered(&nonce("m9"), &mut world.cx())), 1, "slows down");
}

#[test]
fn a_wrong_clock_is_corrected_by_the_servers() {
    let mut world = World::new();
    world.now = NOW - 3_600;
    let (mut machine, first) = asking(&mut world);
    assert_eq!(proof(&first).iat, NOW - 3_600);
    let stale = answer(400, &[("Date", DATE)], &json!({"error": "invalid_dpop_proof"}));
    let second = request(machine.answered(&stale, &mut world.cx()));
    assert_eq!(proof(&second).iat, NOW);
    assert_eq!(world.origins.skew(TOKEN), 3_600);
    let error = failure(machine.answered(&stale, &mut world.cx()));
    assert!(matches!(error, Error::Refused(_)), "the clock was right, so the proof is wrong");
}

#[test]
fn lost_and_failed_answers_repeat_the_same_question() {
    let mut world = World::new();
    let (mut machine, first) = asking(&mut world);
    assert_eq!(pause(&machine.lost("reset".into(), &world.cx())), 1);
    let second = request(machine.waited(&world.cx()));
    let failed = answer(503, &[("Retry-After", "7")], &json!({}));
    assert_eq!(pause(&machine.answered(&failed, &mut world.cx())), 7);
    assert_eq!(pause(&machine.answered(&answer(502, &[], &json!({})), &mut world.cx())), 4);
    let portal = Answer { status: 200, headers: vec![], body: b"<html>".to_vec() };
    let step = machine.answered(&portal, &mut world.cx());
    assert_eq!(pause(&step), 1, "something in between answered");
    let busy = answer(429, &[("Retry-After", "9")], &json!({"error": "temporarily_unavailable"}));
    assert_eq!(pause(&machine.answered(&busy, &mut world.cx())), 9);
    assert_eq!(form(&first, "terminal_verifier"), form(&second, "terminal_verifier"));
    assert_ne!(proof(&first).jti, proof(&second).jti);
    let long = answer(429, &[("Retry-After", "86400")], &json!({}));
    let error = failure(machine.answered(&long, &mut world.cx()));
    assert!(matches!(error, Error::Busy(pause) if pause.as_secs() == 86_400));
}

#[test]
fn the_last_words_of_the_platform() {
    let end = |error: &str| {
        let mut world = World::new();
        let (mut machine, _) = asking(&mut world);
        failure(machine.answered(&refusal(error), &mut world.cx()))
    };
    assert!(matches!(end("expired_token"), Error::Expired));
    assert!(matches!(end("access_denied"), Error::Denied(_)));
    assert!(matches!(end("invalid_grant"), Error::Refused(_)));
    assert!(matches!(end("unheard_of"), Error::Refused(_)));
    let mut world = World::new();
    let (mut machine, first) = asking(&mut world);
    machine.answered(&refusal("expired_token"), &mut world.cx());
    let (mut again, _) = machine.restart(&world.cx()).expect("restarts");
    let second = request(again.text_sent(&world.cx()));
    assert_ne!(form(&first, "terminal_verifier"), form(&second, "terminal_verifier"));
}

#[test]
fn a_confirmation_is_asked_for_and_shown() {
    let mut world = World::new();
    let (mut machine, _) = asking(&mut world);
    let asked = json!({"error": "confirmation_required", "channel": "sms", "attempts_left": 2});
    match machine.answered(&answer(400, &[], &asked), &mut world.cx()) {
        Step::Confirm(confirmation) => assert_eq!(confirmation.attempts_left, Some(2)),
        other => panic!("{other:?}"),
    }
    world.pass(Duration::from_secs(290));
    let shown = request(machine.confirm(" 12345678\n", &world.cx()));
    assert_eq!(form(&shown, "confirmation_code").as_deref(), Some("12345678"));
    assert_eq!(pause(&machine.lost("reset".into(), &world.cx())), 1);
}

#[test]
fn what_the_network_gave_is_shown_with_each_request_and_in_no_log() {
    let mut world = World::new();
    let network_token = Some("of-the-operator".into());
    let options = Options { network_token, ..Options::default() };
    assert!(!format!("{options:?}").contains("of-the-operator"));
    let (mut machine, _) = begin(&mut world, options);
    let first = request(machine.text_sent(&world.cx()));
    let pending = json!({"error": "authorization_pending"});
    machine.answered(&answer(400, &[], &pending), &mut world.cx());
    world.pass(Duration::from_secs(30));
    let second = request(machine.waited(&world.cx()));
    for asked in [first, second] {
        assert_eq!(form(&asked, "network_token").as_deref(), Some("of-the-operator"));
    }
}

#[test]
fn every_way_to_authenticate() {
    let shown = |authentication: Authentication| {
        let mut world = World::new();
        let begun =
            Authorization::begin(app(authentication), metadata(), Options::default(), &world.cx());
        request(begun.expect("begins").0.text_sent(&world.cx()))
    };
    let basic = shown(Authentication::ClientSecretBasic("a:b c".into()));
    let pair = header(&basic, "authorization").expect("shown");
    assert_eq!(pair, "Basic d2VhdGhlcjphJTNBYitj");
    assert_eq!(form(&basic, "client_id"), None);
    let post = shown(Authentication::ClientSecretPost("s".into()));
    assert_eq!(form(&post, "client_secret").as_deref(), Some("s"));

    let key = Arc::new(SoftwareKey::generate().expect("a key"));
    let private = Authentication::PrivateKeyJwt { key, kid: Some("k1".into()) };
    for (authentication, alg) in
        [(private, "ES256"), (Authentication::ClientSecretJwt("s".into()), "HS256")]
    {
        let request = shown(authentication);
        let assertion = form(&request, "client_assertion").expect("shown");
        let assertion = Compact::parse(&assertion, 4_096).expect("a JWS");
        assert_eq!(assertion.header.alg, alg);
        let claims: AssertionClaims = assertion.claims().expect("claims");
        assert_eq!(claims.aud, Audience::One("https://id.example.com".into()));
        assert_eq!((claims.exp, claims.iat), (NOW + 60, Some(NOW)));
        assert_ne!(claims.jti, Some(proof(&request).jti));
        assert!(!format!("{request:?}").contains("assertion"));
    }
}

#[test]
fn an_app_without_a_key_takes_bearer_tokens_only() {
    let keyless = App { key: None, ..Arc::into_inner(app(Authentication::None)).expect("owner") };
    assert_eq!(keyless.jkt(), "");
    let mut world = World::new();
    let begun =
        Authorization::begin(Arc::new(keyless), metadata(), Options::default(), &world.cx());
    let (mut machine, _) = begun.expect("begins");
    assert_eq!(header(&request(machine.text_sent(&world.cx())), "dpop"), None);
    let error = failure(machine.answered(&granted(), &mut world.cx()));
    assert!(matches!(error, Error::Malformed(_)));
}

#[test]
fn unsupported_platforms_are_named() {
    let refused = |change: fn(&mut Metadata)| {
        let mut metadata = Arc::unwrap_or_clone(metadata());
        change(&mut metadata);
        let app = app(Authentication::None);
        Authorization::begin(app, Arc::new(metadata), Options::default(), &World::new().cx()).err()
    };
    // Required, and no endpoint for it.
    let cases: [fn(&mut Metadata); 3] = [
        |m| m.terminal_code_methods_supported.clear(),
        |m| m.terminal_numbers.clear(),
        |m| m.require_terminal_announcement = Some(true),
    ];
    for change in cases {
        assert!(matches!(refused(change), Some(Error::Unsupported(_))));
    }
}

fn held() -> Tokens {
    serde_json::from_value(json!({
        "access_token": "old", "token_type": "DPoP", "refresh_token": "r1", "terminal_hint": "+86•"
    }))
    .expect("tokens")
}

#[test]
fn a_lost_refresh_is_repeated_with_the_same_token() {
    let mut world = World::new();
    let (mut machine, step) =
        Refresh::begin(app(Authentication::None), &metadata(), held(), &world.cx())
            .expect("begins");
    let first = request(step);
    assert_eq!(pause(&machine.lost("reset".into(), &world.cx())), 1);
    let second = request(machine.waited(&world.cx()));
    assert_eq!(form(&first, "refresh_token").as_deref(), Some("r1"));
    assert_eq!(form(&second, "refresh_token").as_deref(), Some("r1"));
    assert_ne!(proof(&first).jti, proof(&second).jti);
    let body = json!({"access_token": "new", "token_type": "DPoP", "refresh_token": "r2"});
    match machine.answered(&answer(200, &[], &body), &mut world.cx()) {
        Step::Done(Some(tokens)) => {
            assert_eq!(tokens.refresh_token.as_deref(), Some("r2"));
            assert_eq!(tokens.terminal_hint.as_deref(), Some("+86•"));
        }
        other => panic!("{other:?}"),
    }
    let ended = failure(machine.answered(&refusal("invalid_grant"), &mut world.cx()));
    assert!(matches!(ended, Error::SignedOut));
}

#[test]
fn revocation_takes_any_200() {
    let mut world = World::new();
    let (mut machine, step) =
        Revocation::begin(app(Authentication::None), &metadata(), held(), &world.cx())
            .expect("begins");
    let request = request(step);
    assert_eq!(form(&request, "token").as_deref(), Some("r1"));
    assert_eq!(form(&request, "token_type_hint").as_deref(), Some("refresh_token"));
    let empty = Answer { status: 200, ..Answer::default() };
    assert!(matches!(machine.answered(&empty, &mut world.cx()), Step::Done(None)));
}

#[test]
fn proofs_of_calls_carry_the_tokens_hash_and_the_apis_own_nonce() {
    let mut world = World::new();
    let app = app(Authentication::None);
    let url = "https://api.example.com/forecast?q=1";
    let show = |world: &mut World| {
        ResourceCall::show(&app, &held(), "GET", url, &world.cx()).expect("shown")
    };
    let claims = |headers: &[(&'static str, String)]| {
        let proof = Compact::parse(&headers[1].1, 4_096).expect("a JWS");
        proof.claims::<ProofClaims>().expect("claims")
    };
    let (call, headers) = show(&mut world);
    assert_eq!(headers[0].1, "DPoP old");
    assert_eq!(claims(&headers).htu, "https://api.example.com/forecast");
    assert_eq!(claims(&headers).ath, Some(twinpath_wire::dpop::ath("old")));
    let challenge = ("WWW-Authenticate", r#"DPoP error="use_dpop_nonce""#);
    let asked = answer(401, &[challenge, ("DPoP-Nonce", "a1")], &json!({}));
    assert_eq!(call.judge(&asked, &mut world.cx()), ResourceVerdict::Again);
    let (again, headers) = show(&mut world);
    assert_eq!(claims(&headers).nonce.as_deref(), Some("a1"));
    assert_eq!(again.judge(&asked, &mut world.cx()), ResourceVerdict::Final);
    let over = answer(401, &[("WWW-Authenticate", r#"DPoP error="invalid_token""#)], &json!({}));
    assert_eq!(again.judge(&over, &mut world.cx()), ResourceVerdict::Refresh);
    assert_eq!(world.origins.peer("https://id.example.com").nonce, None);
}

#[test]
fn hmac_assertions_check_with_the_secret() {
    let mut world = World::new();
    let app = app(Authentication::ClientSecretJwt("secret".into()));
    let begun = Authorization::begin(app, metadata(), Options::default(), &world.cx());
    let request = request(begun.expect("begins").0.text_sent(&world.cx()));
    let assertion = form(&request, "client_assertion").expect("shown");
    let assertion = Compact::parse(&assertion, 4_096).expect("a JWS");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"secret");
    aws_lc_rs::hmac::verify(&key, assertion.signing_input, &assertion.signature).expect("checks");
    assert_eq!(b64::encode(&assertion.signature).len(), 43);
}

const ANNOUNCE: &str = "https://id.example.com/terminal_authorization";

/// A machine that has to announce, with its announcement.
fn announcing(world: &mut World, options: Options, required: bool) -> (Authorization, Request) {
    let mut metadata = Arc::unwrap_or_clone(metadata());
    metadata.terminal_authorization_endpoint = Some(ANNOUNCE.into());
    metadata.require_terminal_announcement = Some(required);
    let app = app(Authentication::None);
    match Authorization::begin(app, Arc::new(metadata), options, &world.cx()) {
        Ok((machine, step)) => (machine, request(step)),
        Err(error) => panic!("{error}"),
    }
}

fn prepared(code: &str) -> Answer {
    let body = json!({
        "sms_to": ["10690001"], "sms_body": format!("Weather. {code}"),
        "sms_uri": "sms:10690001?body=x", "expires_in": 300, "interval": 5
    });
    answer(200, &[], &body)
}

#[test]
fn where_it_is_required_the_code_is_announced_before_its_text() {
    let mut world = World::new();
    let options = Options { scope: Some("forecast".into()), ..Options::default() };
    let (mut machine, first) = announcing(&mut world, options, true);
    assert_eq!(first.url, ANNOUNCE);
    assert_eq!(form(&first, "scope").as_deref(), Some("forecast"));
    assert!(header(&first, "dpop").is_some());
    let code = form(&first, "code").unwrap();
    // A nonce to learn, a lost answer: the same code is announced again.
    let nonce = [("dpop-nonce", "n1")];
    let again = answer(400, &nonce, &json!({"error": "use_dpop_nonce"}));
    let second = request(machine.answered(&again, &mut world.cx()));
    assert_eq!(form(&second, "code").as_ref(), Some(&code));
    assert_eq!(pause(&machine.lost("reset".into(), &world.cx())), 1);
    let third = request(machine.waited(&world.cx()));
    assert_eq!((third.url.as_str(), form(&third, "code").as_ref()), (ANNOUNCE, Some(&code)));
    let text = match machine.answered(&prepared(&code), &mut world.cx()) {
        Step::SendText(text) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(text.to, ["10690001"]);
    assert!(text.body.ends_with(&code) && text.sms_uri.starts_with("sms:10690001?body="));
    let redeeming = request(machine.text_sent(&world.cx()));
    assert_eq!(redeeming.url, TOKEN);
    assert!(matches!(machine.answered(&granted(), &mut world.cx()), Step::Done(Some(_))));
}

#[test]
fn another_s_code_in_the_prepared_text_is_refused() {
    let mut world = World::new();
    let (_, other) = announcing(&mut world, Options::default(), true);
    let (mut machine, _) = announcing(&mut world, Options::default(), true);
    let theirs = prepared(&form(&other, "code").unwrap());
    let error = failure(machine.answered(&theirs, &mut world.cx()));
    assert!(matches!(error, Error::Malformed(_)), "{error}");
    let (mut machine, _) = announcing(&mut world, Options::default(), true);
    let error = failure(machine.answered(&refusal("invalid_scope"), &mut world.cx()));
    assert!(matches!(error, Error::Refused(_)), "{error}");
}

#[test]
fn a_country_is_told_where_announcing_is_optional() {
    let mut world = World::new();
    let options = Options { terminal_country: Some("CN".into()), ..Options::default() };
    let (_, request) = announcing(&mut world, options, false);
    assert_eq!(form(&request, "terminal_country").as_deref(), Some("CN"));
}
