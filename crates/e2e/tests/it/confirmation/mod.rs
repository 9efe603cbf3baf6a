//! PROTOCOL 6 over real SMPP: texts to phones that confirm a sign-in, that tell of one, and the text that
//! ends it.

mod notices;
mod pages;
mod policies;
mod sdk;
mod sending;
pub(crate) mod texts;

use serde_json::Value;
use twinpath_core::ids::{CodeKey, Timestamp};
use twinpath_core::records::CodeRecord;
use twinpath_core::transaction::{Context, Missing, Operation, Rows, Step, Write};
use twinpath_e2e::app::Attempt;
use twinpath_e2e::http::Answer;
use twinpath_e2e::number;
use twinpath_wire::code::read_message;

use self::texts::Mobile;
pub(crate) use self::texts::digits;

pub(crate) const ALWAYS: &str = "[terminal]\nconfirm = \"always\"";

/// Fails unless the answer asks for digits; gives how often they may be tried.
#[track_caller]
pub(crate) fn awaits(answer: &Answer) -> u64 {
    answer.refuses(400, "confirmation_required");
    let body = answer.json();
    assert_eq!(body["channel"], "sms");
    assert!((1..=300).contains(&body["expires_in"].as_u64().unwrap()), "{body}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    body["attempts_left"].as_u64().unwrap()
}

/// Other digits than these.
pub(crate) fn wrong(right: &str) -> String {
    let number: u32 = right.parse().unwrap();
    format!("{:08}", (number + 1) % 100_000_000)
}

pub(crate) fn claims(tokens: &Value) -> Value {
    twinpath_e2e::jose::open(tokens["access_token"].as_str().unwrap()).1
}

/// Ends the time of a code.
struct End(CodeKey);

impl Operation for End {
    type Outcome = ();

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let code = view.code(self.0)?.unwrap().clone();
        let expires_at = Timestamp(cx.now.0 - 1);
        Ok(Step::Done(vec![Write::Code(CodeRecord { expires_at, ..code })], ()))
    }
}

async fn end(mobile: &Mobile, attempt: &Attempt) {
    let platform = &mobile.rig.platform.server.platform;
    let code = read_message(&attempt.text).unwrap().code;
    platform.run(End(platform.vault.code_key(&code))).await.unwrap();
}

#[tokio::test]
async fn three_wrong_digits_end_a_code() {
    let mobile = Mobile::with(ALWAYS).await;
    let weather = mobile.rig.instance("weather").await;
    let (attempt, right) = mobile.asked(&weather, &number(1)).await;
    let said = wrong(&right);
    for left in [2, 1] {
        let answer = weather.redeem_with(&attempt, &[("confirmation_code", &said)]).await;
        assert_eq!(awaits(&answer), left);
    }
    // What is no digits is no attempt.
    for bad in ["1234567", "123456789", "1234567x", "+1234567"] {
        let answer = weather.redeem_with(&attempt, &[("confirmation_code", bad)]).await;
        answer.refuses(400, "invalid_request");
    }
    assert_eq!(awaits(&weather.redeem(&attempt).await), 1);
    let last = weather.redeem_with(&attempt, &[("confirmation_code", &said)]).await;
    last.refuses(400, "access_denied");
    let late = weather.redeem_with(&attempt, &[("confirmation_code", &right)]).await;
    late.refuses(400, "invalid_grant");
    assert_eq!(mobile.texts(), 1, "one text for each code");
}

#[tokio::test]
async fn digits_are_for_the_request_they_were_texted_for() {
    let mobile = Mobile::with(ALWAYS).await;
    let weather = mobile.rig.instance("weather").await;
    let attempt = weather.attempt();
    mobile.rig.text(&number(1), &attempt).await;
    awaits(&weather.redeem_with(&attempt, &[("scope", "openid")]).await);
    let right = digits(&mobile.text(1).await.1);
    let confirmed = ("confirmation_code", right.as_str());
    for scope in [&[("scope", "openid phone"), confirmed][..], &[confirmed]] {
        weather.redeem_with(&attempt, scope).await.refuses(400, "invalid_grant");
    }
    let other_app = mobile.rig.instance("maps").await;
    let stolen = other_app.redeem_with(&attempt, &[confirmed]).await;
    stolen.refuses(400, "authorization_pending");
    let tokens = weather.redeem_with(&attempt, &[("scope", "openid"), confirmed]).await.accepts();
    assert_eq!(tokens["scope"], "openid");
    // The answer was lost: the same request gets another.
    let again = weather.redeem_with(&attempt, &[("scope", "openid"), confirmed]).await.accepts();
    assert_eq!(claims(&again)["acr"], "urn:twinpath:acr:terminal-confirmed");
}

#[tokio::test]
async fn digits_come_too_late_or_after_another_numbers_text() {
    let mobile = Mobile::with(ALWAYS).await;
    let weather = mobile.rig.instance("weather").await;
    let late = weather.attempt();
    mobile.rig.text(&number(1), &late).await;
    awaits(&weather.redeem(&late).await);
    let right = digits(&mobile.text(1).await.1);
    end(&mobile, &late).await;
    let answer = weather.redeem_with(&late, &[("confirmation_code", &right)]).await;
    answer.refuses(400, "expired_token");

    let shared = weather.attempt();
    mobile.rig.text(&number(2), &shared).await;
    awaits(&weather.redeem(&shared).await);
    let right = digits(&mobile.text(2).await.1);
    mobile.rig.text(&number(3), &shared).await;
    let answer = weather.redeem_with(&shared, &[("confirmation_code", &right)]).await;
    answer.refuses(400, "invalid_grant");
}
