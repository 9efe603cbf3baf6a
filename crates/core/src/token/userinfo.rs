//! What userinfo says (OIDC Core 5.3, 5.4, 5.5).

use serde_json::{Map, Value, json};

use crate::grant::Scope;
use crate::records::Grant;
use crate::token::{AccessClaims, PHONE, acr_of, amr_of};

/// The claims that an access token's scope gives, and those of how the person was authenticated that the
/// request's `claims` asked for. `number` is told with scope `phone` only.
pub fn userinfo_claims(
    token: &AccessClaims,
    grant: &Grant,
    number: impl FnOnce() -> Option<String>,
) -> Map<String, Value> {
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
    tell("sub", json!(token.sub));
    tell("union_id", json!(token.union_id));
    let phone = Scope::parse(&token.scope).is_ok_and(|scope| scope.has(PHONE));
    if let Some(number) = phone.then(number).flatten() {
        tell("phone_number", json!(number));
        tell("phone_number_verified", json!(true));
    }
    let asked = grant.terms.as_ref().and_then(|terms| terms.claims.as_ref());
    for name in asked.into_iter().flat_map(|claims| claims.userinfo.keys()) {
        match name.as_str() {
            "acr" => drop(tell(name, json!(acr_of(grant)))),
            "amr" => drop(tell(name, json!(amr_of(grant)))),
            "auth_time" => drop(tell(name, json!(grant.auth_time.seconds()))),
            _ => {}
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::app::Registered;
    use crate::fixtures::{Commitment, ISSUER, Model, START as NOW, Seeded, app, issued, vault};
    use crate::records::{AuthMethod, ClaimsRequest, Terms};
    use crate::token::Subject;

    fn told(scope: &str, claims: &str) -> Map<String, Value> {
        let mut grant = issued(Model::new().sign_in(&Commitment::new("weather", "k1", 0), 0)).grant;
        let claims: ClaimsRequest = serde_json::from_str(claims).unwrap();
        grant.terms = Some(Box::new(Terms { claims: Some(claims), ..Terms::default() }));
        let app = app("weather", AuthMethod::None);
        let registered = Registered::new(app, &BTreeMap::new(), &vault()).unwrap();
        let subject = Subject::of(&grant, &registered, &vault());
        let random = (&*vault(), &mut Seeded(1) as &mut dyn crate::transaction::Random);
        let token = AccessClaims::issue(ISSUER, &subject, &grant, (scope, &[]), (NOW, 600), random);
        userinfo_claims(&token, &grant, || Some("+447911123456".to_owned()))
    }

    #[test]
    fn a_number_goes_by_scope_whatever_the_claims_ask() {
        let names = |told: Map<String, Value>| told.keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(names(told("openid", "{}")), "sub union_id");
        let asked = r#"{"userinfo":{"phone_number":{"essential":true},"email":null}}"#;
        assert_eq!(names(told("openid", asked)), "sub union_id");
        let whole = told("openid phone", "{}");
        assert_eq!(whole["phone_number"], "+447911123456");
        assert_eq!(whole["phone_number_verified"], true);
    }

    #[test]
    fn how_the_person_was_authenticated_is_told_if_asked() {
        let told = told("openid", r#"{"userinfo":{"acr":null,"amr":null,"auth_time":null}}"#);
        assert_eq!(told["acr"], "urn:twinpath:acr:terminal");
        assert_eq!(told["amr"], json!(["sms_mo", "swk"]));
        assert_eq!(told["auth_time"], json!(NOW.seconds()));
    }
}
