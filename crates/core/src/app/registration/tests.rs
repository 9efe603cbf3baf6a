//! Registering: what is refused, why, and what is kept.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;
use twinpath_wire::jwk::{Jwk, JwkSet};

use super::*;
use crate::app::authenticate::KEYS_TRIED;
use crate::app::{Registered, client_metadata};
use crate::fixtures::{Model, START, Seeded, vault};
use crate::records::CertificateName;

fn new_app() -> ClientMetadata {
    ClientMetadata {
        client_id: Some("weather".into()),
        client_name: Some("Weather".into()),
        auth_method: Some(AuthMethod::ClientSecretBasic),
        scope: Some("openid phone".into()),
        ..ClientMetadata::default()
    }
}

fn register(app: ClientMetadata) -> Result<(App, Option<String>), RegistrationError> {
    app.register(&vault(), START, &mut Seeded(6))
}

/// Why `app` is refused.
#[track_caller]
fn refusal(app: ClientMetadata) -> String {
    register(app).expect_err("it was registered").0
}

fn key(kid: Option<&str>) -> Jwk {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let mut jwk = Jwk::from_uncompressed_p256(pair.public_key().as_ref()).unwrap();
    jwk.kid = kid.map(str::to_owned);
    jwk
}

fn with_keys(keys: Vec<Jwk>) -> ClientMetadata {
    let jwks = Some(JwkSet { keys });
    ClientMetadata { jwks, auth_method: Some(AuthMethod::PrivateKeyJwt), ..new_app() }
}

#[test]
fn a_whole_app_is_kept_as_it_was_said() {
    let digest = "AB:".repeat(31) + "ab";
    let (app, secret) = register(ClientMetadata {
        redirect_uris: Some(vec![
            "https://app.example/cb?x=1".into(),
            "com.example.app:/cb".into(),
        ]),
        android_package: Some("com.example.my_app".into()),
        android_cert_sha256: Some(vec![digest]),
        apple_app_id: Some("ABCDE12345.com.example.my-app".into()),
        developer: Some("Clouds Ltd".into()),
        client_name: Some("  Weather ".into()),
        ..new_app()
    })
    .unwrap();
    assert_eq!(app.client_name, "Weather");
    assert_eq!(app.developer, "Clouds Ltd");
    assert_eq!(app.scope, ["openid", "phone"]);
    assert_eq!(app.android_cert_sha256, ["ab".repeat(32)]);
    assert_eq!(app.redirect_uris.len(), 2);
    assert_eq!((app.created_at, app.updated_at), (START, START));
    assert!(secret.is_some());
    assert_eq!(register(new_app()).unwrap().0.developer, "weather", "itself alone");
}

#[test]
fn a_client_id_is_made_where_none_is_given() {
    let one = register(ClientMetadata { client_id: None, ..new_app() }).unwrap().0;
    let other = ClientMetadata { client_id: None, ..new_app() };
    let other = other.register(&vault(), START, &mut Seeded(7)).unwrap().0;
    assert_ne!(one.client_id, other.client_id);
    assert_eq!(one.client_id.as_str().len(), 16);
}

#[test]
fn bad_members_are_refused_with_a_reason() {
    let id = |id: &str| ClientMetadata { client_id: Some(id.into()), ..new_app() };
    for bad in ["", "wea ther", "a/b", "é", "a:b", &"x".repeat(129)] {
        assert!(refusal(id(bad)).contains("client_id has 1 to 128 characters"), "{bad}");
    }
    let name = |name: &str| ClientMetadata { client_name: Some(name.into()), ..new_app() };
    for bad in ["", "  ", "a\nb", "a\0"] {
        assert!(refusal(name(bad)).contains("name must not be empty"), "{bad:?}");
    }
    for bad in ["x".repeat(41), "天".repeat(12), "[".repeat(21), "\u{1F600}".repeat(6)] {
        assert!(refusal(name(&bad)).contains("must fit a text"), "{bad}");
    }
    for good in ["x".repeat(40), "天".repeat(11), "Ünïté & Co".into()] {
        assert!(register(name(&good)).is_ok(), "{good}");
    }
    for bad in ["", "a\nb", &"x".repeat(129)] {
        let developer = Some(bad.to_owned());
        let why = refusal(ClientMetadata { developer, ..new_app() });
        assert!(why.contains("developer must have 1 to 128"), "{bad}");
    }
    for bad in ["open\"id", "a\\b", "é", &"a ".repeat(10).replace('a', "\u{7f}")] {
        let why = refusal(ClientMetadata { scope: Some(bad.into()), ..new_app() });
        assert!(why.contains("RFC 6749 3.3"), "{bad}: {why}");
    }
    let many: Vec<_> = (0..65).map(|n| format!("s{n}")).collect();
    assert!(
        refusal(ClientMetadata { scope: Some(many.join(" ")), ..new_app() }).contains("too many")
    );
}

#[test]
fn an_api_serves_and_calls_absolute_uris() {
    let uris = |uri: &str| Some(vec![uri.to_owned()]);
    let serves = |uri: &str| ClientMetadata { serves: uris(uri), ..new_app() };
    let calls = |uri: &str| ClientMetadata { may_exchange_for: uris(uri), ..new_app() };
    let (app, _) = register(serves("https://api.example")).unwrap();
    assert_eq!(client_metadata(&app, None)["serves"], json!(["https://api.example"]));
    let (app, _) = register(calls("https://api.example")).unwrap();
    assert_eq!(client_metadata(&app, None)["may_exchange_for"], json!(["https://api.example"]));
    for bad in ["", "api", "https://api.example/#part"] {
        assert!(refusal(serves(bad)).contains("absolute URI"), "{bad}");
        assert!(refusal(calls(bad)).contains("absolute URI"), "{bad}");
    }
}

#[test]
fn redirect_uris_are_whole() {
    for bad in [
        "",
        "app",
        "/cb",
        "//app.example/cb",
        "/cb:1",
        "?a:b",
        ":x",
        "x:",
        "1x:y",
        "https://app.example/cb#part",
        "https://app.example/c b",
        "https://app.example/\u{e9}",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "https://app.example/\"",
        &format!("https://{}", "x".repeat(512)),
    ] {
        let redirect_uris = Some(vec!["https://app.example/cb".into(), bad.to_owned()]);
        let why = refusal(ClientMetadata { redirect_uris, ..new_app() });
        assert!(why.contains("must be an absolute URI without a fragment"), "{bad}: {why}");
        assert!(why.contains(&format!("{bad:?}")), "it names the one at fault: {why}");
    }
    // RFC 9700 2.6: http on this machine only, and no name that looks like a host.
    for bad in ["http://app.example/cb", "http://10.0.0.1/cb", "https://app.example@evil.example/"]
    {
        let redirect_uris = Some(vec![bad.to_owned()]);
        let why = refusal(ClientMetadata { redirect_uris, ..new_app() });
        assert!(why.contains("must be https, or http on loopback"), "{bad}: {why}");
    }
    // What the answer says stands in it once.
    for (bad, name) in [
        ("https://app.example/cb?state=1", "state"),
        ("https://app.example/cb?x=1&iss", "iss"),
        ("com.example.app:/cb?%63ode=", "code"),
        ("https://app.example/cb?error", "error"),
    ] {
        let uris = Some(vec![bad.to_owned()]);
        let why = refusal(ClientMetadata { redirect_uris: uris.clone(), ..new_app() });
        assert!(why.contains(&format!("must not say {name}")), "{bad}: {why}");
        let why = refusal(ClientMetadata { post_logout_redirect_uris: uris, ..new_app() });
        assert!(why.contains(&format!("must not say {name}")), "{bad}: {why}");
    }
    for good in [
        "http://127.0.0.1/cb",
        "http://[::1]:8080/cb",
        "http://localhost:3000/cb",
        "https://app.example/cb?codes=1&x=state&Error",
        "https://app.example/cb?%zz",
    ] {
        let redirect_uris = Some(vec![good.to_owned()]);
        assert!(register(ClientMetadata { redirect_uris, ..new_app() }).is_ok(), "{good}");
    }
}

#[test]
fn platform_identifiers_have_their_grammar() {
    for bad in [
        "",
        "app",
        ".",
        "com.",
        ".app",
        "com..app",
        "com.ex ample",
        "com.é",
        "com/x.y",
        &"a.".repeat(200),
    ] {
        let android_package = Some(bad.to_owned());
        assert!(
            refusal(ClientMetadata { android_package, ..new_app() }).contains("android_package"),
            "{bad}"
        );
        let apple_app_id = Some(bad.to_owned());
        assert!(
            refusal(ClientMetadata { apple_app_id, ..new_app() }).contains("apple_app_id"),
            "{bad}"
        );
    }
    for bad in ["", "ab", &"ab".repeat(31), &"ab".repeat(33), &"zz".repeat(32), &"é".repeat(32)] {
        let android_cert_sha256 = Some(vec![bad.to_owned()]);
        let why = refusal(ClientMetadata { android_cert_sha256, ..new_app() });
        assert!(why.contains("32 bytes in hex"), "{bad}");
    }
}

#[test]
fn keys_go_with_private_key_jwt() {
    assert!(register(with_keys(vec![key(None)])).is_ok());
    assert!(
        refusal(ClientMetadata { jwks: None, ..with_keys(Vec::new()) }).contains("needs a JWK set")
    );
    assert!(refusal(with_keys(Vec::new())).contains("1 to 16 public keys"));
    let mut wrong_use = key(None);
    wrong_use.key_use = Some("enc".into());
    let mut wrong_alg = key(None);
    wrong_alg.alg = Some("RS256".into());
    let mut off_curve = key(None);
    if let twinpath_wire::jwk::PublicKey::P256 { x, y } = &mut off_curve.key {
        *y = *x;
    }
    for bad in [wrong_use, wrong_alg, off_curve] {
        assert!(refusal(with_keys(vec![key(None), bad])).contains("1 to 16 public keys"));
    }
    let method = AuthMethod::ClientSecretBasic;
    let why = refusal(ClientMetadata { auth_method: Some(method), ..with_keys(vec![key(None)]) });
    assert!(why.contains("goes with private_key_jwt"));
}

#[test]
fn many_keys_are_told_apart_by_kid() {
    let keys = |count: usize, kid: &dyn Fn(usize) -> Option<String>| {
        with_keys((0..count).map(|at| key(kid(at).as_deref())).collect())
    };
    let own = |at: usize| Some(format!("k{at}"));
    assert!(register(keys(KEYS_TRIED, &|_| None)).is_ok());
    assert!(register(keys(16, &own)).is_ok());
    assert!(refusal(keys(17, &own)).contains("1 to 16"));
    // Else an assertion by the last of them would never verify.
    assert!(refusal(keys(KEYS_TRIED + 1, &|_| None)).contains("needs a kid of its own"));
    assert!(
        refusal(keys(KEYS_TRIED + 1, &|_| Some("k".into()))).contains("needs a kid of its own")
    );
}

#[test]
fn a_private_key_is_not_even_read() {
    let mut private = serde_json::to_value(key(None)).unwrap();
    private["d"] = private["x"].clone();
    let symmetric = json!({"kty": "oct", "k": "AAAA"});
    for secret in [private, symmetric] {
        let set = json!({"keys": [serde_json::to_value(key(None)).unwrap(), secret]});
        let error = serde_json::from_value::<JwkSet>(set).unwrap_err().to_string();
        assert!(error.contains("private or symmetric key material"), "{error}");
    }
}

#[test]
fn a_secret_is_told_once_and_kept_as_little_as_can_be() {
    for method in
        [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost, AuthMethod::ClientSecretJwt]
    {
        let (app, secret) =
            register(ClientMetadata { auth_method: Some(method), ..new_app() }).unwrap();
        let secret = secret.unwrap();
        assert!(secret.starts_with("tps_") && secret.len() == 47);
        assert_eq!(
            matches!(app.secret, Some(Secret::Sealed(_))),
            method == AuthMethod::ClientSecretJwt
        );
        let row = serde_json::to_string(&app).unwrap();
        assert!(!row.contains(&secret));
        assert_eq!(serde_json::from_str::<App>(&row).unwrap(), app);
        let told = client_metadata(&app, Some(&secret));
        assert_eq!(told["client_secret"], json!(secret));
        assert_eq!(told["client_secret_expires_at"], json!(0));
        let shown = client_metadata(&app, None).to_string();
        assert!(!shown.contains("secret\":"), "{shown}");
        let registered = Registered::new(app, &BTreeMap::new(), &vault()).unwrap();
        assert_eq!(registered.hmac.is_some(), method == AuthMethod::ClientSecretJwt);
    }
    for method in [AuthMethod::PrivateKeyJwt, AuthMethod::None] {
        let app = match method {
            AuthMethod::None => ClientMetadata { auth_method: Some(method), ..new_app() },
            _ => with_keys(vec![key(None)]),
        };
        let (app, secret) = register(app).unwrap();
        assert!(secret.is_none() && app.secret.is_none());
    }
}

#[test]
fn metadata_has_the_names_of_rfc_7591() {
    let (app, _) = register(with_keys(vec![key(Some("a"))])).unwrap();
    let shown = client_metadata(&app, None);
    assert_eq!(shown["client_id"], "weather");
    assert_eq!(shown["client_name"], "Weather");
    assert_eq!(shown["client_id_issued_at"], json!(START.seconds()));
    assert_eq!(shown["token_endpoint_auth_method"], "private_key_jwt");
    assert_eq!(shown["scope"], "openid phone");
    assert_eq!(shown["dpop_bound_access_tokens"], true);
    assert_eq!(shown["jwks"]["keys"][0]["kid"], "a");
    assert!(shown.get("android_package").is_none());
}

#[test]
fn putting_and_deleting_need_the_app_to_be_as_expected() {
    let mut model = Model::new();
    let (app, _) = register(new_app()).unwrap();
    let put = |new| PutApp { app: app.clone(), new };
    assert_eq!(model.run(DeleteApp(app.client_id.clone())), PutOutcome::Unknown);
    assert_eq!(model.run(put(false)), PutOutcome::Unknown);
    assert!(model.apps.is_empty());
    assert_eq!(model.run(put(true)), PutOutcome::Done);
    assert_eq!(model.run(put(true)), PutOutcome::Exists);
    assert_eq!(model.run(put(false)), PutOutcome::Done);
    assert_eq!(model.apps[&app.client_id], app);
    assert_eq!(model.run(DeleteApp(app.client_id.clone())), PutOutcome::Done);
    assert!(model.apps.is_empty());
    let kinds: Vec<_> = model.audit.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["app.registered", "app.updated", "app.deleted"]);
}

/// PROTOCOL 9: kept only for apps that authenticate and are bound to a key.
#[test]
fn who_rotates() {
    for (auth_method, dpop, rotates) in [
        (AuthMethod::ClientSecretBasic, true, false),
        (AuthMethod::ClientSecretJwt, true, false),
        (AuthMethod::ClientSecretBasic, false, true),
        (AuthMethod::None, true, true),
        (AuthMethod::None, false, true),
    ] {
        let (app, _) = register(ClientMetadata {
            auth_method: Some(auth_method),
            dpop: Some(dpop),
            ..new_app()
        })
        .unwrap();
        let app = Registered::new(app, &BTreeMap::new(), &vault()).unwrap();
        assert_eq!(app.rotates(), rotates, "{auth_method:?} {dpop}");
    }
}

fn by_certificate() -> ClientMetadata {
    let (auth_method, dns) = (Some(AuthMethod::TlsClientAuth), Some("app.example.com".into()));
    ClientMetadata { auth_method, tls_client_auth_san_dns: dns, ..new_app() }
}

#[test]
fn a_certificate_has_exactly_one_name_to_show() {
    let (app, secret) = register(by_certificate()).unwrap();
    assert_eq!(app.tls_client_auth, Some(CertificateName::SanDns("app.example.com".into())));
    assert_eq!((secret, &app.secret), (None, &None));
    assert_eq!(client_metadata(&app, None)["tls_client_auth_san_dns"], "app.example.com");
    let ip = Some("2001:DB8::1".to_owned());
    let by_ip = ClientMetadata { tls_client_auth_san_dns: None, ..by_certificate() };
    let by_ip = ClientMetadata { tls_client_auth_san_ip: ip.clone(), ..by_ip };
    let shown = client_metadata(&register(by_ip.clone()).unwrap().0, None);
    assert_eq!(shown["tls_client_auth_san_ip"], "2001:db8::1");

    let two = ClientMetadata { tls_client_auth_san_ip: ip, ..by_certificate() };
    let none = ClientMetadata { tls_client_auth_san_dns: Some(String::new()), ..by_certificate() };
    for bad in [two, none] {
        assert!(refusal(bad).contains("needs one name"));
    }
    let no_ip = ClientMetadata { tls_client_auth_san_ip: Some("app".into()), ..by_ip };
    assert!(refusal(no_ip).contains("must be an IP address"));
    let empty = ClientMetadata { tls_client_auth_san_dns: None, ..by_certificate() };
    let dn = Some("weather".to_owned());
    let no_dn = ClientMetadata { tls_client_auth_subject_dn: dn, ..empty };
    assert!(refusal(no_dn).contains("RFC 4514"));
    for method in [AuthMethod::ClientSecretBasic, AuthMethod::None] {
        let other = ClientMetadata { auth_method: Some(method), ..by_certificate() };
        assert!(refusal(other).contains("goes with tls_client_auth only"));
    }
    let keys = Some(JwkSet { keys: vec![key(None)] });
    assert!(refusal(ClientMetadata { jwks: keys.clone(), ..by_certificate() }).contains("JWK set"));
    let own = Some(AuthMethod::SelfSignedTlsClientAuth);
    let by_key = ClientMetadata { auth_method: own, jwks: keys, ..new_app() };
    assert!(register(by_key.clone()).unwrap().0.jwks.is_some());
    assert!(refusal(ClientMetadata { jwks: None, ..by_key }).contains("certificate's key"));
}

#[test]
fn another_name_or_method_takes_the_old_names_place() {
    let (old, _) = register(by_certificate()).unwrap();
    let update = |said: ClientMetadata| said.update(&old, &vault(), START, &mut Seeded(8));
    let uri = Some("urn:app".to_owned());
    let said = ClientMetadata { tls_client_auth_san_uri: uri, ..ClientMetadata::default() };
    let new = update(said).unwrap().0;
    assert_eq!(new.tls_client_auth, Some(CertificateName::SanUri("urn:app".into())));
    let said = ClientMetadata { client_name: Some("Clouds".into()), ..ClientMetadata::default() };
    assert_eq!(update(said).unwrap().0.tls_client_auth, old.tls_client_auth);
    let method = Some(AuthMethod::ClientSecretBasic);
    let said = ClientMetadata { auth_method: method, ..ClientMetadata::default() };
    assert_eq!(update(said).unwrap().0.tls_client_auth, None);
}

#[test]
fn tokens_are_bound_to_one_thing() {
    let bound = ClientMetadata { certificate_bound: Some(true), ..by_certificate() };
    let app = register(bound.clone()).unwrap().0;
    assert!(app.certificate_bound && !app.dpop);
    let shown = client_metadata(&app, None);
    assert_eq!(shown["tls_client_certificate_bound_access_tokens"], true);
    let both = ClientMetadata { dpop: Some(true), ..bound.clone() };
    assert!(refusal(both).contains("not to both"));
    let prepared = |app| Registered::new(app, &BTreeMap::new(), &vault()).unwrap();
    // PROTOCOL 9: kept if the app authenticates and the grant is bound.
    assert!(!prepared(app).rotates());
    let unbound = ClientMetadata { dpop: Some(false), ..by_certificate() };
    assert!(prepared(register(unbound).unwrap().0).rotates());
    let (auth_method, name) = (Some(AuthMethod::None), None);
    let public = ClientMetadata { auth_method, tls_client_auth_san_dns: name, ..bound };
    assert!(prepared(register(public).unwrap().0).rotates());
}
