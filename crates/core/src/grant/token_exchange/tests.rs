//! What is delegated, and everything that is not.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::app::Registered;
use crate::fixtures::{Commitment, ISSUER, Model, START as NOW, Seeded, app, issued, vault};
use crate::grant::AccessHandle;
use crate::token::Subject;

const A: &str = "https://a.example/v1";
const B: &str = "https://b.example/v1";
const C: &str = "https://c.example/v1";

struct Form(Vec<(&'static str, String)>);

impl Parameters for Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.clone()).collect()
    }
}

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

/// The API behind [`A`], which calls those behind [`B`] and [`C`].
fn api(id: &str) -> App {
    App {
        serves: strings(&[A]),
        may_exchange_for: strings(&[B, C]),
        scope: strings(&["openid", "phone", "read", "write"]),
        ..app(id, AuthMethod::PrivateKeyJwt)
    }
}

/// An access token of the app "weather" for these resources.
fn claims(scope: &str, resources: &[&str]) -> AccessClaims {
    let mut model = Model::new();
    let grant = issued(model.sign_in(&Commitment::new("weather", "k1", 0), 0)).grant;
    let weather = app("weather", AuthMethod::None);
    let registered = Registered::new(weather, &BTreeMap::new(), &vault()).unwrap();
    let subject = Subject::of(&grant, &registered, &vault());
    let resources = strings(resources);
    let (vault, random) = (vault(), &mut Seeded(2));
    let asked = (scope, resources.as_slice());
    AccessClaims::issue(ISSUER, &subject, &grant, asked, (NOW, 600), (&vault, random))
}

/// A good request, with changes; an empty value takes a parameter away.
fn form(changes: &[(&'static str, &str)]) -> Form {
    let mut form = vec![
        ("subject_token", "a.b.c".to_owned()),
        ("subject_token_type", TOKEN_TYPE_ACCESS_TOKEN.to_owned()),
        ("resource", B.to_owned()),
    ];
    form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let kept = changes.iter().filter(|(_, value)| !value.is_empty());
    form.extend(kept.map(|(name, value)| (*name, (*value).to_owned())));
    Form(form)
}

fn known(uri: &str) -> bool {
    [A, B].contains(&uri)
}

fn check(app: &App, changes: &[(&'static str, &str)]) -> Result<ExchangeRequest, ErrorCode> {
    ExchangeRequest::check(&form(changes), app, &known).map_err(|error| error.code)
}

fn delegate(
    app: &App,
    claims: &AccessClaims,
    changes: &[(&'static str, &str)],
) -> Result<Delegated, ErrorCode> {
    check(app, changes).unwrap().delegate(claims, app).map_err(|error| error.code)
}

#[test]
fn an_api_gets_a_token_for_the_next() {
    let request = check(&api("a"), &[]).unwrap();
    assert_eq!(request.subject_token(), "a.b.c");
    assert!(!format!("{request:?}").contains("a.b.c"));
    let delegated = request.delegate(&claims("read", &[A]), &api("a")).unwrap();
    assert_eq!(delegated.scope.join(), "read");
    assert_eq!(delegated.resources.0, [B]);
    assert_eq!(delegated.act, Actor { sub: "a".to_owned(), act: None });
    for same in [
        &[("requested_token_type", TOKEN_TYPE_ACCESS_TOKEN)][..],
        &[("subject_token_type", TOKEN_TYPE_JWT)],
        &[("resource", ""), ("audience", B)],
        &[("audience", B)],
    ] {
        assert_eq!(delegate(&api("a"), &claims("read", &[A]), same), Ok(delegated.clone()));
    }
}

#[test]
fn malformed_requests() {
    for changes in [
        &[("subject_token", "")][..],
        &[("subject_token_type", "")],
        &[("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token")],
        &[("subject_token_type", "urn:ietf:params:oauth:token-type:id_token")],
        &[("subject_token_type", TOKEN_TYPE_JWT), ("subject_token", "tpa_x")],
        &[("actor_token", "a.b.c")],
        &[("actor_token_type", TOKEN_TYPE_ACCESS_TOKEN)],
        &[("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")],
        &[("requested_token_type", TOKEN_TYPE_JWT)],
        &[("resource", "")],
    ] {
        assert_eq!(check(&api("a"), changes), Err(ErrorCode::InvalidRequest), "{changes:?}");
    }
}

#[test]
fn only_apis_that_authenticate_exchange() {
    let public = App { auth_method: AuthMethod::None, ..api("a") };
    let no_api = App { serves: Vec::new(), ..api("a") };
    for app in [public, no_api] {
        assert_eq!(check(&app, &[]), Err(ErrorCode::UnauthorizedClient));
    }
}

#[test]
fn only_allowed_and_known_targets() {
    for changes in [
        // Not allowed; allowed, but nobody's; no URI.
        &[("resource", A)][..],
        &[("resource", C)],
        &[("resource", "https://b.example/v1/")],
        &[("resource", "b")],
        &[("resource", ""), ("audience", "b")],
        // One of two is not enough.
        &[("resource", B), ("audience", A)],
    ] {
        assert_eq!(check(&api("a"), changes), Err(ErrorCode::InvalidTarget), "{changes:?}");
    }
    let none = App { may_exchange_for: Vec::new(), ..api("a") };
    assert_eq!(check(&none, &[]), Err(ErrorCode::InvalidTarget));
}

#[test]
fn a_token_for_others_is_not_exchanged() {
    for resources in [&[B][..], &[], &["https://a.example/v1/"], &[B, C]] {
        let claims = claims("read", resources);
        let outcome = delegate(&api("a"), &claims, &[]);
        assert_eq!(outcome, Err(ErrorCode::InvalidRequest), "{resources:?}");
    }
    assert!(delegate(&api("a"), &claims("read", &[C, A]), &[]).is_ok());
}

#[test]
fn the_scope_only_shrinks() {
    let ask = |shown: &str, asked: &str| {
        let outcome = delegate(&api("a"), &claims(shown, &[A]), &[("scope", asked)]);
        outcome.map(|delegated| delegated.scope.join())
    };
    assert_eq!(ask("read write", ""), Ok("read write".to_owned()));
    assert_eq!(ask("read write", "write"), Ok("write".to_owned()));
    // What the API is not registered for does not pass through it.
    assert_eq!(ask("read admin", ""), Ok("read".to_owned()));
    assert_eq!(ask("read openid phone", ""), Ok("read".to_owned()));
    for (shown, asked) in [
        ("read", "write"),
        ("read", "read write"),
        ("read admin", "admin"),
        // The number is told to the app alone, not to the APIs it calls.
        ("openid phone read", "openid"),
        ("openid phone read", "read phone"),
        ("openid phone", ""),
        ("admin", ""),
        ("", ""),
    ] {
        assert_eq!(ask(shown, asked), Err(ErrorCode::InvalidScope), "{shown}: {asked}");
    }
}

#[test]
fn a_chain_of_actors_ends() {
    let mut claims = claims("read", &[A]);
    for (turn, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let delegated = delegate(&api(name), &claims, &[]).unwrap();
        assert_eq!(delegated.act.chain().count(), turn + 1);
        claims.act = Some(delegated.act);
    }
    let chain: Vec<_> = claims.actors().map(|actor| actor.sub.as_str()).collect();
    assert_eq!(chain, ["d", "c", "b", "a"]);
    assert_eq!(delegate(&api("e"), &claims, &[]), Err(ErrorCode::InvalidRequest));
}

#[test]
fn an_exchanged_token_is_the_subjects_and_ends_with_the_one_shown() {
    let (shown, api) = (claims("read", &[A]), api("a"));
    let registered = Registered::new(api.clone(), &BTreeMap::new(), &vault()).unwrap();
    let exchange = |shown: &AccessClaims, after: i64, jkt: &str| {
        let delegated = delegate(&api, shown, &[]).unwrap();
        let now = NOW.plus_seconds(after);
        let (vault, random) = (vault(), &mut Seeded(8));
        shown.exchange(&registered, delegated, (now, 60), jkt, (&vault, random)).unwrap()
    };
    let made = exchange(&shown, 10, "k-api");
    assert_eq!((&made.sub, &made.union_id), (&shown.sub, &shown.union_id));
    assert_eq!((made.auth_time, &made.acr, &made.amr), (shown.auth_time, &shown.acr, &shown.amr));
    assert_eq!((made.client_id.as_str(), &made.aud), ("a", &json!(B)));
    assert_eq!((made.iat, made.exp), (NOW.seconds() + 10, NOW.seconds() + 70));
    assert_eq!(made.act, Some(Actor { sub: "a".to_owned(), act: None }));
    assert_eq!(made.cnf.as_ref().unwrap().jkt.as_deref(), Some("k-api"), "its own key");
    let (terminal, grant) = AccessHandle::read(&vault(), &shown.jti).unwrap().grant().unwrap();
    let handle = AccessHandle::Exchanged(terminal, grant, api.created_at);
    assert_eq!(AccessHandle::read(&vault(), &made.jti), Some(handle));
    // Near its end, the shown token's end counts; and a bearer API gets a bearer token.
    let late = exchange(&shown, 590, "");
    assert_eq!((late.exp, late.cnf.is_none()), (shown.exp, true));
    // Exchanged again, the grant stays the same.
    let again = exchange(&AccessClaims { aud: json!(A), ..made }, 20, "");
    assert_eq!(AccessHandle::read(&vault(), &again.jti), Some(handle));
}

#[test]
fn what_an_app_got_for_itself_stands_for_nobody() {
    let backend = app("backend", AuthMethod::PrivateKeyJwt);
    let backend = Registered::new(backend, &BTreeMap::new(), &vault()).unwrap();
    let asked = (&Scope::parse("read").unwrap(), &Resources(strings(&[A])));
    let (vault, mut random) = (vault(), Seeded(2));
    let own = AccessClaims::of_app(ISSUER, &backend, asked, (NOW, 60), "k2", (&vault, &mut random));
    let json = serde_json::to_value(&own).unwrap();
    assert_eq!((&json["sub"], &json["client_id"]), (&json!("backend"), &json!("backend")));
    assert_eq!((&json["aud"], &json["cnf"]), (&json!(A), &json!({"jkt": "k2"})));
    for absent in ["auth_time", "acr", "amr", "union_id", "act"] {
        assert!(json.get(absent).is_none(), "{absent}: {json}");
    }
    assert_eq!(serde_json::from_value::<AccessClaims>(json).unwrap(), own);
    let handle = AccessHandle::read(&vault, &own.jti);
    assert_eq!(handle, Some(AccessHandle::App(backend.app.created_at)));
    let delegated = delegate(&api("a"), &own, &[]).unwrap();
    let registered = Registered::new(api("a"), &BTreeMap::new(), &vault).unwrap();
    let made = own.exchange(&registered, delegated, (NOW, 60), "", (&vault, &mut random));
    assert_eq!(made, None);
}
