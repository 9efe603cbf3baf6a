//! What an app may say of itself, and how often.

#![expect(clippy::needless_pass_by_value, reason = "what is said is written where it is passed")]

use super::*;
use crate::app::client_metadata;
use crate::app::{Configure, Configured, InitialTerms, RevokeInitialToken, Wish};
use crate::fixtures::{Model, START, Seeded, vault};

fn token_for(uses: u32, grant_types: &[GrantType]) -> InitialToken {
    let terms = InitialTerms {
        developer: "Clouds Ltd".to_owned(),
        scope: "openid phone".to_owned(),
        grant_types: grant_types.to_vec(),
        uses,
        days: 1,
    };
    InitialToken::new(terms, START, &mut Seeded(1)).unwrap()
}

fn said(more: Value) -> Map<String, Value> {
    let mut said = json!({
        "client_name": "Weather", "redirect_uris": ["https://weather.example/cb"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    for (name, value) in more.as_object().unwrap() {
        said[name] = value.clone();
    }
    said.as_object().unwrap().clone()
}

fn register_with(token: &InitialToken, more: Value) -> Result<Told, MetadataError> {
    token.register(&said(more), false, &vault(), START, &mut Seeded(5))
}

fn register(more: Value) -> Result<Told, MetadataError> {
    register_with(&token_for(1, &[]), more)
}

#[track_caller]
fn refusal(more: Value) -> String {
    let error = register(more.clone()).map(|told| told.app).expect_err("it was registered");
    assert_eq!(error.code, ErrorCode::InvalidClientMetadata, "{more}");
    error.description
}

#[test]
fn what_is_not_said_takes_its_default_within_the_token() {
    let told = register(json!({})).unwrap();
    assert_eq!(told.app.developer, "Clouds Ltd");
    assert_eq!(told.app.scope, ["openid", "phone"]);
    assert!(told.app.dpop && !told.app.first_party);
    let (code, refresh) = (GrantType::AuthorizationCode, GrantType::RefreshToken);
    assert_eq!(told.app.grant_types, [GrantType::Terminal, code, refresh]);
    assert!(told.secret.is_some());
    assert!(told.access_token.starts_with("tpm_"));
    assert!(!serde_json::to_string(&told.app).unwrap().contains(&told.access_token));
    let method = json!({"token_endpoint_auth_method": null});
    assert_eq!(register(method).unwrap().app.auth_method, AuthMethod::ClientSecretBasic);
    let token = token_for(1, &[code]);
    assert_eq!(register_with(&token, json!({})).unwrap().app.grant_types, [code]);
    let none = register_with(&token, json!({"redirect_uris": []})).unwrap_err();
    assert_eq!(none.description, "grant_types is missing");
}

#[test]
fn what_must_be_attested_is_not_for_the_app_to_say() {
    for method in ["attest_jwt_client_auth", "attest_jwt_client_auth_dpop"] {
        let why = refusal(json!({"token_endpoint_auth_method": method}));
        assert!(why.contains("by the operator"), "{why}");
    }
}

#[test]
fn what_nobody_knows_is_passed_over() {
    let told = register(json!({
        "client_name#ja": "x", "application_type": "web", "contacts": ["a@weather.example"],
        "first_party": false, "serves": [], "developer": "Clouds Ltd", "jwks_uri": null,
    }));
    assert!(told.is_ok(), "{told:?}");
}

#[test]
fn an_app_never_says_what_is_for_operators() {
    for (name, value) in [
        ("client_id", json!("admin")),
        ("developer", json!("Another Ltd")),
        ("first_party", json!(true)),
        ("first_party", json!("yes")),
        ("serves", json!(["https://api.example"])),
        ("may_exchange_for", json!(["https://api.example"])),
        ("sector_identifier", json!("bank.example")),
        ("authorization_details_types", json!(["payment"])),
    ] {
        let why = refusal(json!({name: value}));
        assert_eq!(why, format!("{name} is not for the app to say"), "{value}");
    }
    assert!(refusal(json!({"software_statement": "e30.e30."})).contains("not supported"));
    assert!(refusal(json!({"jwks_uri": "https://weather.example/jwks"})).contains("in jwks"));
}

#[test]
fn scope_grants_and_method_stay_within_the_token() {
    assert!(refusal(json!({"scope": "openid admin"})).contains("beyond"));
    assert!(refusal(json!({"scope": "open\"id"})).contains("malformed"));
    assert_eq!(register(json!({"scope": "openid"})).unwrap().app.scope, ["openid"]);
    let own = json!({"grant_types": ["client_credentials"]});
    assert!(refusal(own.clone()).contains("client_credentials may not"));
    assert!(register_with(&token_for(1, &[GrantType::ClientCredentials]), own).is_ok());
    assert!(refusal(json!({"grant_types": ["implicit"]})).contains("implicit"));
    assert!(refusal(json!({"response_types": ["token"]})).contains("response_types"));
    let public = json!({"token_endpoint_auth_method": "none"});
    assert!(refusal(public.clone()).contains("none is not allowed"));
    let token = token_for(1, &[]);
    assert!(token.register(&said(public), true, &vault(), START, &mut Seeded(5)).is_ok());
    assert!(refusal(json!({"token_endpoint_auth_method": "private_key_jwt"})).contains("JWK set"));
    assert!(refusal(json!({"client_name": null})).contains("the name is missing"));
    assert!(refusal(json!({"client_name": 7})).contains("invalid type"));
}

#[test]
fn redirect_uris_are_an_apps_own() {
    for good in [
        "https://weather.example/cb?x=1",
        "https://weather.example:8443/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:8080/cb",
        "http://localhost:3000/cb",
        "com.example.weather:/cb",
    ] {
        assert!(register(json!({"redirect_uris": [good]})).is_ok(), "{good}");
    }
    for bad in [
        "",
        "/cb",
        "weather:/cb",
        "weather.:/cb",
        ".weather:/cb",
        "http://weather.example/cb",
        "http://127.0.0.1.weather.example/cb",
        "http://localhost@weather.example/cb",
        "http://localhost:80@weather.example/cb",
        "https://weather.example@evil.example/cb",
        "https://*.weather.example/cb",
        "https://weather.example:0/cb",
        "https://weather.example:x/cb",
        "https:///cb",
        "https:weather.example/cb",
        "https://weather..example/cb",
        "https://weather.example\\@evil.example/cb",
        "https://weather.example/cb#part",
        "https://%77eather.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "sms:+8610690001",
        "about:blank",
    ] {
        let uris = json!(["https://weather.example/cb", bad]);
        let error = register(json!({"redirect_uris": uris})).map(|told| told.app).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRedirectUri, "{bad}");
        assert!(error.description.contains(&format!("{bad:?}")), "{}", error.description);
        assert!(refusal(json!({"post_logout_redirect_uris": uris})).contains("redirect_uri"));
    }
    let many = vec!["https://weather.example/cb"; MAX_LISTED + 1];
    let error = register(json!({"redirect_uris": many})).map(|told| told.app).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidRedirectUri);
    assert!(refusal(json!({"post_logout_redirect_uris": many})).contains("at most"));
}

#[test]
fn the_platform_is_not_made_to_call_into_a_network() {
    let logout = |uri: &str| json!({"backchannel_logout_uri": uri});
    assert!(register(logout("https://weather.example/logout")).is_ok());
    for bad in [
        "http://127.0.0.1/logout",
        "https://127.0.0.1/logout",
        "https://[::1]/logout",
        "https://localhost/logout",
        "https://2130706433/logout",
        "https://0x7f.1/logout",
        "https://10.0.0.0x1/logout",
        "https://user@weather.example/logout",
        "ftp://weather.example/",
    ] {
        assert!(refusal(logout(bad)).contains("domain name"), "{bad}");
    }
}

fn attempt(model: &mut Model, token: &InitialToken, seed: u64) -> SelfRegistered {
    let told = token.register(&said(json!({})), false, &vault(), START, &mut Seeded(seed)).unwrap();
    model.run(SelfRegister::new(vault(), token.clone(), told.app))
}

#[test]
fn a_token_is_used_as_often_as_it_says() {
    for uses in [1, 2, 3, 8] {
        let (mut model, token) = (Model::new(), token_for(uses, &[]));
        for n in 0..uses {
            assert_eq!(attempt(&mut model, &token, n.into()), SelfRegistered::Done, "{uses}");
        }
        assert_eq!(attempt(&mut model, &token, 99), SelfRegistered::Unusable);
        let count = usize::try_from(uses).unwrap();
        assert_eq!((model.apps.len(), model.jtis.len()), (count, count));
    }
}

#[test]
fn a_revoked_token_registers_nothing_and_is_not_used_up() {
    let (mut model, token) = (Model::new(), token_for(2, &[]));
    assert_eq!(attempt(&mut model, &token, 1), SelfRegistered::Done);
    model.run(RevokeInitialToken::new(&vault(), &token.id).unwrap());
    let rows = model.jtis.len();
    assert_eq!(attempt(&mut model, &token, 2), SelfRegistered::Unusable);
    assert_eq!((model.apps.len(), model.jtis.len()), (1, rows));
}

/// A model with one app that registered itself.
fn registered() -> (Model, Told) {
    let (mut model, token) = (Model::new(), token_for(1, &[]));
    let told = register_with(&token, json!({})).unwrap();
    model.run(SelfRegister::new(vault(), token, told.app.clone()));
    (model, told)
}

fn configure(model: &mut Model, told: &Told, token: &str, wish: Wish) -> Configured {
    let client_id = told.app.client_id.clone();
    model.run(Configure { vault: vault(), client_id, token: token.to_owned(), wish })
}

fn replace(model: &mut Model, told: &Told, more: Value) -> Result<(App, Option<String>), String> {
    let mut said = said(more);
    said.entry("client_id").or_insert(json!(told.app.client_id));
    let wish = Wish::Replace { said: Arc::new(said), development: false };
    match configure(model, told, &told.access_token, wish) {
        Configured::Is(app, secret) => Ok((*app, secret)),
        Configured::Refused(error) => Err(error.description),
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_apps_own_token_opens_its_registration() {
    let (mut model, told) = registered();
    let token = &told.access_token;
    let cut = &token[..token.len() - 1];
    let secret = told.secret.as_deref().unwrap();
    for wrong in ["", cut, secret, &register(json!({})).unwrap().app.developer] {
        for wish in [Wish::Read, Wish::Delete] {
            let outcome = configure(&mut model, &told, wrong, wish);
            assert!(matches!(outcome, Configured::Unauthorized), "{wrong}");
        }
    }
    let read = configure(&mut model, &told, token, Wish::Read);
    assert!(matches!(read, Configured::Is(app, None) if *app == told.app));
    // An operator's app has no such token.
    let mut operators = told.app.clone();
    operators.registration = None;
    model.apps.insert(operators.client_id.clone(), operators);
    assert!(matches!(configure(&mut model, &told, token, Wish::Read), Configured::Unauthorized));
}

#[test]
fn an_update_replaces_all_and_raises_nothing() {
    let (mut model, told) = registered();
    let more = json!({"scope": "openid", "client_uri": "https://weather.example"});
    let (app, secret) = replace(&mut model, &told, more).unwrap();
    assert_eq!((app.scope.len(), secret), (1, None));
    assert_eq!((&app.secret, &app.registration), (&told.app.secret, &told.app.registration));
    assert_eq!(app.developer, "Clouds Ltd");
    // The secret may be repeated, and what is not said is gone.
    let (app, _) = replace(&mut model, &told, json!({"client_secret": told.secret})).unwrap();
    assert_eq!((app.scope.len(), app.client_uri), (2, None));
    let new = json!({"token_endpoint_auth_method": "client_secret_basic"});
    assert!(replace(&mut model, &told, new).unwrap().1.is_some(), "another method, another secret");
    for (more, why) in [
        (json!({"client_id": null}), "client_id must be there"),
        (json!({"client_id": "another"}), "client_id must be there"),
        (json!({"scope": "openid admin"}), "beyond"),
        (json!({"first_party": true}), "first_party is not for"),
        (json!({"client_secret": "chosen"}), "cannot be chosen"),
        (json!({"registration_access_token": "x"}), "no part of an update"),
        (json!({"client_id_issued_at": 1}), "no part of an update"),
        (json!({"grant_types": ["client_credentials"]}), "may not be registered"),
    ] {
        let error = replace(&mut model, &told, more.clone()).unwrap_err();
        assert!(error.contains(why), "{more}: {error}");
    }
}

#[test]
fn what_an_operator_said_since_stays() {
    let (mut model, told) = registered();
    let said = ClientMetadata {
        first_party: Some(true),
        scope: Some("openid admin".to_owned()),
        ..ClientMetadata::default()
    };
    let (app, _) = said.update(&told.app, &vault(), START, &mut Seeded(3)).unwrap();
    let shown = client_metadata(&app, None);
    model.apps.insert(app.client_id.clone(), app);
    assert!(replace(&mut model, &told, json!({"scope": "openid phone"})).is_err());
    let again = json!({"scope": "admin", "first_party": shown["first_party"]});
    let (app, _) = replace(&mut model, &told, again).unwrap();
    assert!(app.first_party);
    assert_eq!(app.scope, ["admin"]);
    assert!(replace(&mut model, &told, json!({})).unwrap().0.first_party);
}

#[test]
fn a_deleted_app_is_gone_with_its_token() {
    let (mut model, told) = registered();
    let token = told.access_token.clone();
    assert!(matches!(configure(&mut model, &told, &token, Wish::Delete), Configured::Deleted));
    assert!(model.apps.is_empty());
    assert!(matches!(configure(&mut model, &told, &token, Wish::Delete), Configured::Unauthorized));
}
