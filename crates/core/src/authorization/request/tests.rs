//! What is read out of the claims parameter.

use serde_json::json;

use super::*;
use crate::fixtures::app;
use crate::records::AuthMethod;

fn claims(said: &serde_json::Value) -> ClaimsRequest {
    super::claims(Some(&said.to_string())).unwrap().unwrap()
}

#[test]
fn a_claim_of_the_number_is_a_scope_if_the_app_may_have_it() {
    let scope = |allowed: &[&str], said: &serde_json::Value| {
        let mut app = app("weather", AuthMethod::None);
        app.scope = allowed.iter().map(|&token| token.to_owned()).collect();
        let asked = Scope::within(Some("openid"), &app.scope).unwrap();
        with_claims(asked, Some(&claims(said)), &app).join()
    };
    let both = ["openid", "phone"];
    for place in ["id_token", "userinfo"] {
        for name in ["phone_number", "phone_number_verified"] {
            let said = json!({place: {name: null}});
            assert_eq!(scope(&both, &said), "openid phone");
            assert_eq!(scope(&["openid"], &said), "openid");
        }
        assert_eq!(scope(&both, &json!({place: {"email": {"essential": true}}})), "openid");
    }
}

#[test]
fn one_person_can_be_expected_by_a_claim() {
    let expected =
        |said: serde_json::Value| expected_sub(Some(&claims(&said))).map_err(|error| error.code);
    let a = json!({"sub": {"value": "a"}});
    assert_eq!(expected(json!({"id_token": a})), Ok(Some("a".to_owned())));
    assert_eq!(expected(json!({"userinfo": a, "id_token": a})), Ok(Some("a".to_owned())));
    assert_eq!(expected(json!({"id_token": {"sub": null}})), Ok(None));
    assert_eq!(expected(json!({"id_token": {"sub": {"essential": true}}})), Ok(None));
    let b = json!({"sub": {"value": "b"}});
    let invalid = Err(ErrorCode::InvalidRequest);
    assert_eq!(expected(json!({"id_token": a, "userinfo": b})), invalid);
    assert_eq!(expected(json!({"id_token": {"sub": {"value": ["a"]}}})), invalid);
}
