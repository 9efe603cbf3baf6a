//! PROTOCOL 2, 3 and 5: who cannot redeem a code, and that they do not use it up.

use twinpath_e2e::app::Attempt;
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::Answer;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

#[tokio::test]
async fn a_thief_with_the_verifier_gets_what_nobodys_code_gets() {
    let rig = Rig::with(Settings::default().development()).await;
    let owner = rig.instance("weather").await;
    let attempt = owner.attempt();
    rig.text(&number(1), &attempt).await;
    let other_key = rig.again(&owner.app);
    let other_app = rig.instance("maps").await;
    let public = rig.install(&Registration::new("demo").method("none")).await;
    let bearer =
        rig.install(&Registration::new("bearer").method("client_secret_post").bearer()).await;
    for thief in [&other_key, &other_app, &public, &bearer] {
        thief.redeem(&attempt).await.refuses(400, "authorization_pending");
    }
    owner.warm().await;
    let no_proof = owner.token_draft(&attempt).without_header("DPoP");
    owner.send(&no_proof).await.refuses(400, "invalid_dpop_proof");
    let unauthenticated = owner.token_draft(&attempt);
    let unauthenticated =
        unauthenticated.without("client_assertion").without("client_assertion_type");
    owner.send(&unauthenticated).await.refuses(401, "invalid_client");
    let too_much = owner.redeem_with(&attempt, &[("scope", "openid admin")]).await;
    too_much.refuses(400, "invalid_scope");
    owner.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn pending_answers_are_the_same_whether_the_text_was_sent_or_not() {
    let rig = Rig::start().await;
    let owner = rig.instance("weather").await;
    let sent = owner.attempt();
    rig.text(&number(1), &sent).await;
    let (thief, innocent) = (rig.again(&owner.app), rig.again(&owner.app));
    let never_sent = innocent.attempt();
    let wrong_key = thief.redeem(&sent).await;
    let nothing = innocent.redeem(&never_sent).await;
    nothing.refuses(400, "authorization_pending");
    assert_eq!(wrong_key.text(), nothing.text());
    assert_eq!(wrong_key.status, nothing.status);
    let names =
        |answer: &Answer| answer.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&wrong_key), names(&nothing));
    assert_eq!(nothing.json()["interval"], 5);
}

#[tokio::test]
async fn wrong_words_use_the_code_up() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    for words in ["Vote for me:", "", "App maps sign-in. Send only from inside the app."] {
        let attempt = weather.worded(words);
        rig.text(&number(1), &attempt).await;
        weather.redeem(&attempt).await.refuses(400, "invalid_grant");
        // The right words come too late, from the same number or another.
        let right = format!("{} {}", twinpath_words(&weather.app.name), attempt.code);
        for n in [1, 2] {
            rig.centre.text(&number(n), &right).await.ok();
            weather.redeem(&attempt).await.refuses(400, "invalid_grant");
        }
    }
}

fn twinpath_words(name: &str) -> String {
    format!("{name} {}", twinpath_e2e::app::WORDS)
}

#[tokio::test]
async fn any_words_will_do_where_the_operator_says_so() {
    let rig = Rig::with(Settings::default().with("[terminal]\nphrase = \"off\"")).await;
    let weather = rig.instance("weather").await;
    let attempt = weather.worded("Whatever");
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn another_number_than_the_login_hint_uses_the_code_up() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let hint = |n| format!("tel:{}", number(n));
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let refused = weather.redeem_with(&attempt, &[("login_hint", &hint(2))]).await;
    refused.refuses(400, "invalid_grant");
    weather.redeem_with(&attempt, &[("login_hint", &hint(1))]).await.refuses(400, "invalid_grant");
    weather.redeem(&attempt).await.refuses(400, "invalid_grant");
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    weather.redeem_with(&attempt, &[("login_hint", "tel:+44-7400-000-001")]).await.accepts();
    let attempt = weather.attempt();
    for nonsense in ["+447400000001", "tel:", "tel:0740", "mailto:a@b", "tel:+44;ext=1"] {
        let answer = weather.redeem_with(&attempt, &[("login_hint", nonsense)]).await;
        answer.refuses(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_code_on_its_way_is_nothing_without_its_verifier() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let symbols = attempt.code.replace("TP1-", "").replace('-', "");
    for guess in [attempt.code.clone(), format!("{symbols}{symbols}")] {
        let guess = Attempt { verifier: guess, ..attempt.clone() };
        let answer = weather.redeem(&guess).await;
        answer.refuses(400, "authorization_pending");
    }
    weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn a_verifier_outside_its_grammar_is_a_malformed_request() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    for verifier in
        ["a".repeat(42), "a".repeat(129), format!("{}+", "a".repeat(50)), "é".repeat(50)]
    {
        let attempt = Attempt { verifier, ..weather.attempt() };
        weather.redeem(&attempt).await.refuses(400, "invalid_request");
    }
    let missing = weather.token_draft(&weather.attempt()).without("terminal_verifier");
    weather.send(&missing).await.refuses(400, "invalid_request");
}
