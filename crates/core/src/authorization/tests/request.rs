//! Requests that must be refused, each by the right channel.

use std::collections::BTreeMap;

use serde_json::json;
use twinpath_wire::oauth::{ACR_TERMINAL, ACR_TERMINAL_CONFIRMED, ErrorCode};

use super::*;
use crate::app::Registered;
use crate::authorization::fixtures::rules;
use crate::fixtures::{app, assert_matches};
use crate::grant::DetailTypes;
use crate::outbound::{Confirm, ConfirmPolicy};
use crate::records::{App, AuthMethod, GrantType, Prompt};

/// Parameters by name; several values are set apart by a line break.
#[derive(Clone, Debug)]
struct Query(BTreeMap<&'static str, String>);

impl Parameters for Query {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.get(name).into_iter().flat_map(str::lines).map(str::to_owned).collect()
    }
}

impl Query {
    fn good() -> Self {
        let pairs = [
            ("response_type", "code"),
            ("redirect_uri", "https://app.example/cb"),
            ("state", "s"),
            ("code_challenge_method", "S256"),
        ];
        let mut query = Self(pairs.map(|(name, value)| (name, value.to_owned())).into());
        query.0.insert("code_challenge", challenge());
        query
    }

    fn with(&self, name: &'static str, value: &str) -> Self {
        let mut query = self.clone();
        query.0.insert(name, value.to_owned());
        query
    }
}

fn registered_app() -> App {
    App {
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        grant_types: vec![GrantType::AuthorizationCode],
        ..app("weather", AuthMethod::None)
    }
}

fn check(query: &Query, app: App) -> Result<AuthorizationRequest, Rejection> {
    let registered = Registered::new(app, &BTreeMap::new(), &vault()).unwrap();
    let resources = ["https://api.example".to_owned()];
    let (details, vault) = (DetailTypes::default(), vault());
    let rules = Rules { resources: &resources, details: &details, ..rules(&vault) };
    check_request(query, &registered, &rules)
}

#[test]
fn a_request_is_kept_as_it_was_checked() {
    let query = Query::good()
        .with("scope", "openid")
        .with("nonce", "n")
        .with("prompt", "login  consent login")
        .with("max_age", "0")
        .with("login_hint", "TEL:+447911123456")
        .with("resource", "https://api.example\nhttps://api.example")
        .with("acr_values", &format!("other {ACR_TERMINAL}"))
        .with("dpop_jkt", &challenge())
        .with("response_mode", "query")
        .with("claims", r#"{"id_token":{"auth_time":{"essential":true}}}"#);
    let request = check(&query, registered_app()).unwrap();
    assert_eq!(request.redirect_uri.as_deref(), Some("https://app.example/cb"));
    assert!(request.redirect_uri_said);
    assert_eq!((&*request.scope, request.state.as_deref()), ("openid", Some("s")));
    assert_eq!((request.jkt, request.code_challenge), (challenge(), challenge()));
    assert_eq!(request.prompt, [Prompt::Login, Prompt::Consent]);
    assert_eq!((request.max_age, request.login_hint), (Some(0), Some(terminal(0))));
    assert_eq!(request.resources, ["https://api.example"]);
    assert_eq!(request.claims.unwrap().id_token["auth_time"], json!({ "essential": true }));
}

#[test]
fn what_is_not_said_is_the_apps() {
    let mut query = Query::good();
    query.0.remove("redirect_uri");
    query.0.insert("scope", String::new());
    let app = App { default_max_age: Some(60), ..registered_app() };
    let request = check(&query.with("login_hint", "jane"), app.clone()).unwrap();
    assert_eq!(request.redirect_uri.as_deref(), Some("https://app.example/cb"));
    assert!(!request.redirect_uri_said);
    assert_eq!((&*request.scope, request.max_age), ("openid phone", Some(60)));
    assert_eq!((request.login_hint, request.prompt, request.jkt), (None, vec![], String::new()));
    let request = check(&query.with("max_age", "5"), app).unwrap();
    assert_eq!(request.max_age, Some(5));
}

/// What is wrong besides does not matter: the redirect URI comes first.
#[test]
fn a_wrong_redirect_uri_is_told_to_the_person() {
    let mut absent = Query::good();
    absent.0.remove("redirect_uri");
    let uris = |uris: &[&str]| App {
        redirect_uris: uris.iter().map(|&uri| uri.to_owned()).collect(),
        ..registered_app()
    };
    let wrong = [
        (Query::good().with("redirect_uri", "https://evil.example/cb"), registered_app()),
        (Query::good().with("redirect_uri", "https://app.example/cb/.."), registered_app()),
        (Query::good(), uris(&[])),
        (absent.clone(), uris(&[])),
        (absent, uris(&["https://app.example/cb", "https://b.example/cb"])),
    ];
    for (query, app) in wrong {
        for query in [query.clone(), query.with("response_type", "token")] {
            let rejection = check(&query, app.clone()).unwrap_err();
            assert_matches!(rejection, Rejection::Page(ErrorCode::InvalidRequest, _));
        }
    }
}

#[test]
fn all_else_is_told_to_the_app_with_its_state() {
    let long = |length: usize| "x".repeat(length);
    let acr = |acr: serde_json::Value| json!({ "id_token": { "acr": acr } }).to_string();
    let invalid = ErrorCode::InvalidRequest;
    let unmet = ErrorCode::UnmetAuthenticationRequirements;
    let wrong = [
        ("response_type", String::new(), invalid),
        ("response_type", "token".into(), ErrorCode::UnsupportedResponseType),
        ("response_type", "code id_token".into(), ErrorCode::UnsupportedResponseType),
        ("response_mode", "fragment".into(), invalid),
        ("request", "e30.e30.".into(), ErrorCode::RequestNotSupported),
        ("registration", "{}".into(), ErrorCode::RegistrationNotSupported),
        ("scope", "openid admin".into(), ErrorCode::InvalidScope),
        ("resource", "https://evil.example".into(), ErrorCode::InvalidTarget),
        ("resource", "/relative".into(), ErrorCode::InvalidTarget),
        ("authorization_details", "[]".into(), ErrorCode::InvalidAuthorizationDetails),
        ("nonce", long(513), invalid),
        ("ui_locales", long(257), invalid),
        ("code_challenge", String::new(), invalid),
        ("code_challenge", long(42), invalid),
        ("code_challenge", format!("{}=", challenge()), invalid),
        ("code_challenge_method", String::new(), invalid),
        ("code_challenge_method", "plain".into(), invalid),
        ("code_challenge_method", "s256".into(), invalid),
        ("dpop_jkt", long(42), invalid),
        ("prompt", "none login".into(), invalid),
        ("prompt", "create".into(), invalid),
        ("prompt", "LOGIN".into(), invalid),
        ("max_age", "-1".into(), invalid),
        ("max_age", "+1".into(), invalid),
        ("max_age", "1.5".into(), invalid),
        ("max_age", "4294967296".into(), invalid),
        ("login_hint", "tel:07911123456".into(), invalid),
        ("login_hint", "tel:".into(), invalid),
        ("claims", "[]".into(), invalid),
        ("claims", "{".into(), invalid),
        ("claims", r#"{"id_token":[]}"#.into(), invalid),
        ("claims", format!("{{\"x\":\"{}\"}}", long(4096)), invalid),
        ("claims", "[".repeat(4000), invalid),
        ("claims", acr(json!({ "essential": true, "value": "gold" })), unmet),
        ("claims", acr(json!({ "essential": true, "values": ["gold", 1] })), unmet),
        ("acr_values", "gold silver".into(), unmet),
    ];
    for (name, value, expected) in wrong {
        let rejection = check(&Query::good().with(name, &value), registered_app()).unwrap_err();
        assert_matches!(&rejection, Rejection::Redirect { redirect_uri, state, code, .. }
            if redirect_uri == "https://app.example/cb"
                && state.as_deref() == Some("s")
                && *code == expected);
        assert!(!rejection.error().description.contains(&long(100)), "{name} is told back");
    }
    let app = App { grant_types: Vec::new(), ..registered_app() };
    let rejection = check(&Query::good(), app).unwrap_err();
    assert_eq!(rejection.error().code, ErrorCode::UnauthorizedClient);
}

#[test]
fn a_state_that_is_too_long_is_not_told_back() {
    let good = Query::good().with("state", &"x".repeat(2048));
    assert!(check(&good, registered_app()).is_ok());
    let rejection = check(&good.with("state", &"x".repeat(2049)), registered_app()).unwrap_err();
    assert_matches!(
        rejection,
        Rejection::Redirect { state: None, code: ErrorCode::InvalidRequest, .. }
    );
}

#[test]
fn a_level_that_is_met_or_only_wished_for_is_no_hindrance() {
    for acr in [
        json!(null),
        json!({ "value": "gold" }),
        json!({ "essential": true }),
        json!({ "essential": true, "value": ACR_TERMINAL }),
        json!({ "essential": true, "values": ["gold", ACR_TERMINAL] }),
    ] {
        let claims = json!({ "id_token": { "acr": acr } }).to_string();
        let checked = check(&Query::good().with("claims", &claims), registered_app());
        assert!(checked.is_ok(), "{claims}");
    }
}

/// Checked where texts go to phones, under this policy.
fn confirming(query: &Query, policy: &ConfirmPolicy) -> Result<Confirm, ErrorCode> {
    let registered = Registered::new(registered_app(), &BTreeMap::new(), &vault()).unwrap();
    let vault = vault();
    let rules = Rules { confirm: policy, confirmable: true, ..rules(&vault) };
    let checked = check_request(query, &registered, &rules);
    checked.map(|request| request.confirm).map_err(|rejection| rejection.error().code)
}

#[test]
fn policy_and_request_say_what_must_be_confirmed() {
    let sensitive: Arc<[String]> = Arc::from(["phone".to_owned()]);
    let policy = |all| ConfirmPolicy { all, sensitive: Arc::clone(&sensitive) };
    let scope = |scope| Query::good().with("scope", scope);
    for (query, all, expected) in [
        (scope("openid"), Confirm::Never, Confirm::Never),
        (scope("openid phone"), Confirm::Never, Confirm::Always),
        // No scope is all the app may have.
        (scope(""), Confirm::Never, Confirm::Always),
        (scope("openid"), Confirm::Always, Confirm::Always),
        // A browser is none that is known, whatever key its request names.
        (scope("openid"), Confirm::NewDevice, Confirm::Always),
        (scope("openid").with("acr_values", ACR_TERMINAL), Confirm::Always, Confirm::Always),
    ] {
        assert_eq!(confirming(&query, &policy(all)), Ok(expected), "{query:?} {all:?}");
    }
}

#[test]
fn a_confirmation_can_be_asked_for_where_texts_go_to_phones() {
    let never = ConfirmPolicy::default();
    let query = |name, value: &str| Query::good().with("scope", "openid").with(name, value);
    let acr = |acr: serde_json::Value| {
        query("claims", &json!({ "id_token": { "acr": acr } }).to_string())
    };
    let (both, reverse) = (
        format!("{ACR_TERMINAL} {ACR_TERMINAL_CONFIRMED}"),
        format!("gold {ACR_TERMINAL_CONFIRMED} {ACR_TERMINAL}"),
    );
    let unmet = ErrorCode::UnmetAuthenticationRequirements;
    for (query, expected) in [
        (query("acr_values", "gold"), Err(unmet)),
        (acr(json!({ "essential": true, "value": "gold" })), Err(unmet)),
        (query("acr_values", &both), Ok(Confirm::Never)),
        (query("acr_values", &reverse), Ok(Confirm::Always)),
        (query("acr_values", ACR_TERMINAL_CONFIRMED), Ok(Confirm::Always)),
        (acr(json!({ "essential": true, "value": ACR_TERMINAL_CONFIRMED })), Ok(Confirm::Always)),
        (acr(json!({ "value": ACR_TERMINAL_CONFIRMED })), Ok(Confirm::Never)),
    ] {
        assert_eq!(confirming(&query, &never), expected, "{query:?}");
    }
    // Where none go, it cannot be met.
    let query = query("acr_values", ACR_TERMINAL_CONFIRMED);
    let rejection = check(&query, registered_app()).unwrap_err();
    assert_eq!(rejection.error().code, unmet);
}
