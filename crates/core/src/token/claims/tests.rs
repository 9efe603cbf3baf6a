//! What tokens say, and to whom.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::fixtures::{Commitment, ISSUER, Model, START as NOW, Seeded, app, issued, vault};
use crate::ids::AccountId;
use crate::records::AuthMethod;

fn grant(client: &'static str, jkt: &'static str) -> Grant {
    let mut model = Model::new();
    let mut grant = issued(model.sign_in(&Commitment::new(client, jkt, 0), 0)).grant;
    grant.auth_time = NOW.plus_seconds(-30);
    grant
}

fn registered(client: &str, developer: &str) -> Registered {
    let mut app = app(client, AuthMethod::None);
    app.developer = developer.to_owned();
    Registered::new(app, &BTreeMap::new(), &vault()).unwrap()
}

fn issue(grant: &Grant, resources: &[&str]) -> AccessClaims {
    let subject = Subject::of(grant, &registered("weather", "clouds"), &vault());
    let resources: Vec<_> = resources.iter().map(|&uri| uri.to_owned()).collect();
    let random = &mut Seeded(2);
    let asked = ("openid", resources.as_slice());
    AccessClaims::issue(ISSUER, &subject, grant, asked, (NOW, 600), (&vault(), random))
}

#[test]
fn an_access_token_has_the_claims_of_rfc_9068() {
    let grant = grant("weather", "k1");
    let claims = issue(&grant, &[]);
    let json = serde_json::to_value(&claims).unwrap();
    let now = NOW.seconds();
    assert_eq!(json["iss"], ISSUER);
    assert_eq!(json["aud"], ISSUER);
    assert_eq!(json["client_id"], "weather");
    assert_eq!((&json["iat"], &json["exp"]), (&json!(now), &json!(now + 600)));
    assert_eq!(json["auth_time"], json!(now - 30));
    assert_eq!(json["scope"], "openid");
    assert_eq!(json["acr"], "urn:twinpath:acr:terminal");
    assert_eq!(json["amr"], json!(["sms_mo", "swk"]));
    assert_eq!(json["cnf"], json!({"jkt": "k1"}));
    assert_eq!(json["sub"], json!(vault().subject(&grant.client_id, grant.account)));
    let handle = AccessHandle::read(&vault(), json["jti"].as_str().unwrap());
    assert_eq!(handle, Some(AccessHandle::Grant(grant.terminal, grant.id)));
    let names: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(!names.iter().any(|name| name.contains("phone")), "{names:?}");
    assert_eq!(serde_json::from_value::<AccessClaims>(json).unwrap(), claims);
}

#[test]
fn a_bearer_token_is_bound_to_nothing() {
    let json = serde_json::to_value(issue(&grant("bank", ""), &[])).unwrap();
    assert!(json.get("cnf").is_none());
    assert_eq!(json["amr"], json!(["sms_mo"]));
}

#[test]
fn the_audience_is_the_resources_or_the_issuer() {
    let grant = grant("weather", "k1");
    let (a, b) = ("https://a.example", "https://b.example");
    assert_eq!(issue(&grant, &[a]).aud, json!(a));
    assert_eq!(issue(&grant, &[a, b]).aud, json!([a, b]));
    assert!(issue(&grant, &[]).is_for(ISSUER));
    assert!(!issue(&grant, &[a]).is_for(ISSUER));
    assert!(
        issue(&grant, &[a, b]).is_for(b) && !issue(&grant, &[a, b]).is_for("https://c.example")
    );
    let odd = AccessClaims { aud: json!(7), ..issue(&grant, &[]) };
    assert!(!odd.is_for("7"));
}

#[test]
fn subjects_are_pairwise_and_unions_are_one_developers() {
    let (weather, bank) = (grant("weather", "k1"), grant("bank", "k1"));
    let account = AccountId([7; 16]);
    let of = |grant: &Grant, client: &str, developer: &str| {
        let grant = Grant { account, ..grant.clone() };
        Subject::of(&grant, &registered(client, developer), &vault())
    };
    let one = of(&weather, "weather", "clouds");
    assert_eq!(one, of(&weather, "weather", "clouds"));
    let sister = of(&bank, "bank", "clouds");
    assert!(one.sub != sister.sub && one.union_id == sister.union_id);
    let stranger = of(&bank, "bank", "money");
    assert!(one.sub != stranger.sub && one.union_id != stranger.union_id);
    let other = Grant { account: AccountId([8; 16]), ..weather.clone() };
    let other = Subject::of(&other, &registered("weather", "clouds"), &vault());
    assert!(one.sub != other.sub && one.union_id != other.union_id);
}

#[test]
fn an_id_token_is_for_the_app() {
    let grant = grant("weather", "k1");
    let subject = Subject::of(&grant, &registered("weather", "clouds"), &vault());
    let claims =
        IdClaims::issue(ISSUER, &subject, &grant, IdTokenRequest::default(), (NOW, 600), &vault());
    assert_eq!(claims.aud, "weather");
    assert_eq!(claims.sub, issue(&grant, &[]).sub);
    assert_eq!((claims.iat, claims.exp), (NOW.seconds(), NOW.seconds() + 600));
    assert_eq!(claims.auth_time, NOW.seconds() - 30);
}

#[test]
fn a_sub_stays_what_it_was_and_a_sectors_apps_share_one() {
    let account = AccountId([7; 16]);
    let sub = |client: &str, sector: Option<&str>| {
        let mut app = app(client, AuthMethod::None);
        app.sector_identifier = sector.map(str::to_owned);
        pairwise(&app, account, &vault())
    };
    // As every app without a sector has known its users since the first release.
    assert_eq!(sub("weather", None), "4zNQIE1kFzrZimcF0HEALw");
    assert_ne!(sub("weather", None), sub("bank", None));
    let shared = sub("weather", Some("apps.example"));
    assert_eq!(shared, sub("bank", Some("apps.example")));
    assert_ne!(shared, sub("weather", Some("other.example")));
    assert_ne!(shared, sub("weather", None));
    // An app whose client_id is another's sector is still itself.
    assert_ne!(shared, sub("apps.example", None));
}

/// OIDC Core A.3 gives `jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y` its `at_hash`.
#[test]
fn at_hash_is_half_of_the_access_tokens_hash() {
    let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(at_hash(SigningAlgorithm::Es256, token), "77QmUPtjPfzWtF2AnpK9RQ");
    let whole = digest(&SHA512, token.as_bytes());
    let half = b64::encode(&whole.as_ref()[..32]);
    assert_eq!(at_hash(SigningAlgorithm::EdDsa, token), half);
}

#[test]
fn an_id_token_tells_the_number_if_asked_and_allowed() {
    let asked = |scope: &str, claims: &str| {
        let request = AuthorizationRequest {
            scope: scope.to_owned(),
            nonce: Some("n".to_owned()),
            claims: serde_json::from_str(claims).unwrap(),
            ..AuthorizationRequest::default()
        };
        let told = IdTokenRequest::of(&request, "+447911123456");
        assert_eq!(told.nonce.as_deref(), Some("n"));
        assert!(!format!("{told:?}").contains("+44"));
        told.phone_number
    };
    let claims = r#"{"id_token":{"phone_number":null}}"#;
    assert_eq!(asked("openid phone", claims).as_deref(), Some("+447911123456"));
    assert_eq!(asked("openid", claims), None);
    assert_eq!(asked("openid phone", "null"), None);
    assert_eq!(asked("openid phone", r#"{"userinfo":{"phone_number":null}}"#), None);
}
