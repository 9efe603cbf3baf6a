//! PROTOCOL 5, the last paragraph: a code is redeemed once, and an answer that was lost is given
//! again to whom it belongs.

use serde_json::Value;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[tokio::test]
async fn a_lost_answer_is_given_afresh_for_the_same_grant() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let lost = weather.redeem(&attempt).await.accepts();
    let fresh = weather.redeem(&attempt).await.accepts();
    let (old, new) = (text(&lost["refresh_token"]), text(&fresh["refresh_token"]));
    assert_ne!(old, new);
    weather.refresh(old).await.refuses(400, "invalid_grant");
    // Showing the dead one is no theft: the grant lives on.
    weather.refresh(new).await.accepts();
    weather.userinfo(text(&lost["access_token"])).await.accepts();
    let account = rig.platform.account(&number(1), "show").await;
    assert_eq!(account["grants"].as_array().unwrap().len(), 1, "{account}");
}

#[tokio::test]
async fn once_the_refresh_token_was_used_the_code_is_used_up() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let tokens = weather.redeem(&attempt).await.accepts();
    weather.refresh(text(&tokens["refresh_token"])).await.accepts();
    weather.redeem(&attempt).await.refuses(400, "invalid_grant");
    weather.refresh(text(&tokens["refresh_token"])).await.accepts();
}

#[tokio::test]
async fn another_request_with_the_same_verifier_is_no_repetition() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    weather.redeem_with(&attempt, &[("scope", "openid")]).await.accepts();
    for other in [
        &[("scope", "openid phone")][..],
        &[],
        &[("scope", "openid"), ("resource", "https://a.example")],
    ] {
        weather.redeem_with(&attempt, other).await.refuses(400, "invalid_grant");
    }
    weather.redeem_with(&attempt, &[("scope", "openid")]).await.accepts();
}

#[tokio::test]
async fn a_bearer_app_never_gets_an_answer_twice() {
    let rig = Rig::start().await;
    let app =
        rig.install(&Registration::new("bearer").method("client_secret_basic").bearer()).await;
    let attempt = app.attempt();
    rig.text(&number(1), &attempt).await;
    let tokens = app.redeem(&attempt).await.accepts();
    app.redeem(&attempt).await.refuses(400, "invalid_grant");
    app.refresh(text(&tokens["refresh_token"])).await.accepts();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_a_bearer_code_is_redeemed_once() {
    let rig = Rig::start().await;
    let app =
        rig.install(&Registration::new("bearer").method("client_secret_basic").bearer()).await;
    for round in 0..10 {
        let attempt = app.attempt();
        rig.text(&number(round), &attempt).await;
        let draft = app.token_draft(&attempt);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (request, address) = (draft.request(), rig.platform.place.address);
            tasks.spawn(async move { twinpath_e2e::http::send(address, &request).await });
        }
        let answers = tasks.join_all().await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1);
        for lost in answers.iter().filter(|answer| answer.status != 200) {
            lost.refuses(400, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_not_given_with_anothers_key() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.accepts();
    let thief = rig.again(&weather.app);
    thief.redeem(&attempt).await.refuses(400, "authorization_pending");
    weather.redeem(&attempt).await.accepts();
}
