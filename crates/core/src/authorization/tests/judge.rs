//! Every kind of session against every kind of request.

use twinpath_wire::oauth::ErrorCode::{ConsentRequired, LoginRequired};

use super::*;
use crate::authorization::judge::Verdict::{Consent, Prove, Refuse, Silent};
use crate::authorization::judge::{Verdict, judge};
use crate::records::Prompt;

/// A session whose terminal was proven 100 seconds ago, with a grant for `openid phone` at one resource.
fn found() -> (FoundSession, crate::ids::Timestamp) {
    let mut model = Model::new();
    let request = AuthorizationRequest {
        scope: "openid phone".to_owned(),
        resources: vec!["https://api.example".to_owned()],
        ..asked()
    };
    let page = approved_for(&mut model, 1, request);
    granted(model.run(page.exchange()));
    model.pass(100);
    (page.find(&mut model).unwrap(), model.now)
}

type Change = fn(AuthorizationRequest) -> AuthorizationRequest;

/// Verdicts for a session with a grant, for one without, for a trusted app, and for no session.
const TABLE: &[(&str, Change, [Verdict; 4])] = &[
    ("plain", |r| r, [Silent, Consent, Silent, Prove]),
    ("none", |r| prompt(r, &[Prompt::None]), [Silent, Refuse(ConsentRequired), Silent, LOGIN]),
    ("login", |r| prompt(r, &[Prompt::Login]), [Prove; 4]),
    ("select", |r| prompt(r, &[Prompt::SelectAccount]), [Prove; 4]),
    ("consent", |r| prompt(r, &[Prompt::Consent]), [Consent, Consent, Consent, Prove]),
    ("both", |r| prompt(r, &[Prompt::Consent, Prompt::Login]), [Prove; 4]),
    ("stale", |r| age(r, 100), [Prove; 4]),
    ("fresh", |r| age(r, 101), [Silent, Consent, Silent, Prove]),
    ("never", |r| age(r, 0), [Prove; 4]),
    ("ever", |r| age(r, u32::MAX), [Silent, Consent, Silent, Prove]),
    ("stale none", |r| age(prompt(r, &[Prompt::None]), 100), [LOGIN; 4]),
    ("own hint", |r| hint(r, 0), [Silent, Consent, Silent, Prove]),
    ("other hint", |r| hint(r, 1), [Prove; 4]),
    ("other hint none", |r| hint(prompt(r, &[Prompt::None]), 1), [LOGIN; 4]),
    ("wider scope", |r| scope(r, "openid email"), [Consent, Consent, Silent, Prove]),
    ("all scope", |r| scope(r, "phone openid"), [Silent, Consent, Silent, Prove]),
    ("no scope", |r| scope(r, ""), [Silent, Consent, Silent, Prove]),
    ("own resource", |r| resource(r, "https://api.example"), [Silent, Consent, Silent, Prove]),
    ("resource", |r| resource(r, "https://b.example"), [Consent, Consent, Silent, Prove]),
    (
        "no resource",
        |r| AuthorizationRequest { resources: Vec::new(), ..r },
        [Consent, Consent, Silent, Prove],
    ),
    ("details", details, [Consent, Consent, Silent, Prove]),
];

const LOGIN: Verdict = Refuse(LoginRequired);

fn prompt(request: AuthorizationRequest, prompts: &[Prompt]) -> AuthorizationRequest {
    AuthorizationRequest { prompt: prompts.to_vec(), ..request }
}

fn age(request: AuthorizationRequest, seconds: u32) -> AuthorizationRequest {
    AuthorizationRequest { max_age: Some(seconds), ..request }
}

fn hint(request: AuthorizationRequest, phone: usize) -> AuthorizationRequest {
    AuthorizationRequest { login_hint: Some(terminal(phone)), ..request }
}

fn scope(request: AuthorizationRequest, scope: &str) -> AuthorizationRequest {
    AuthorizationRequest { scope: scope.to_owned(), ..request }
}

fn resource(request: AuthorizationRequest, uri: &str) -> AuthorizationRequest {
    AuthorizationRequest { resources: vec![uri.to_owned()], ..request }
}

fn details(request: AuthorizationRequest) -> AuthorizationRequest {
    let detail = serde_json::json!({ "type": "payment" });
    AuthorizationRequest { authorization_details: vec![detail], ..request }
}

#[test]
fn a_session_is_good_for_what_it_is_good_for() {
    let (with, now) = found();
    let without = FoundSession { granted: Vec::new(), ..with.clone() };
    for (name, change, verdicts) in TABLE {
        let request = change(resource(asked(), "https://api.example"));
        let judged = [
            judge(&request, Some((&with, "sub")), false, now),
            judge(&request, Some((&without, "sub")), false, now),
            judge(&request, Some((&without, "sub")), true, now),
            judge(&request, None, false, now),
        ];
        assert_eq!(&judged, verdicts, "{name}");
    }
    // Being the operator's own spares the question, not the proof.
    let none = prompt(asked(), &[Prompt::None]);
    assert_eq!(judge(&none, None, true, now), LOGIN);
    let split = scope(resource(asked(), "https://api.example"), "openid email");
    assert_eq!(judge(&split, Some((&with, "sub")), false, now), Consent, "no one grant has both");
}
