//! PROTOCOL 7.4 and beyond: limits by what texts and authorizations have in common, and what a route's
//! trust is good for.

use twinpath_core::ids::TerminalKey;
use twinpath_core::number::E164;
use twinpath_core::records::{Account, Terminal};
use twinpath_core::transaction::{Context, Missing, Operation, Rows, Step, Write};
use twinpath_e2e::browser::{Browser, text_to_send};
use twinpath_e2e::config::Settings;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::{ROUTE, Rig};
use twinpath_e2e::{jose, number};

use crate::authorize::{CALLBACK, SignIn, enter};
use crate::risk::reasons;

#[tokio::test]
async fn texts_of_one_block_of_numbers_are_limited() {
    let limits = "[limits]\ntexts_per_prefix_per_hour = 2\nprefix_digits = 9\n";
    let rig = Rig::with(Settings::default().with(limits)).await;
    let weather = rig.instance("weather").await;
    let (one, two, three) = ("+447400123401", "+447400123402", "+447400123403");
    let first = weather.attempt();
    // Redeliveries do not count.
    for _ in 0..3 {
        rig.text(one, &first).await;
    }
    weather.redeem(&first).await.accepts();
    rig.authorize(&weather, two).await;
    let late = weather.attempt();
    rig.text(three, &late).await;
    weather.redeem(&late).await.refuses(400, "authorization_pending");
    assert!(rig.platform.texts(ROUTE, "over_prefix_limit").await >= 1.0);
    rig.authorize(&weather, "+447400987654").await;
}

#[tokio::test]
async fn texts_of_one_route_are_limited() {
    let limits = "[limits]\ntexts_per_route_per_minute = 3\n";
    let rig = Rig::with(Settings::default().with(limits)).await;
    let weather = rig.instance("weather").await;
    for n in 0..3 {
        rig.authorize(&weather, &number(n)).await;
    }
    let late = weather.attempt();
    rig.text(&number(4), &late).await;
    weather.redeem(&late).await.refuses(400, "authorization_pending");
    assert!(rig.platform.texts(ROUTE, "over_route_limit").await >= 1.0);
}

#[tokio::test]
async fn an_app_has_so_many_authorizations_and_its_failures_cost_it_none() {
    let limits = "[limits]\nauthorizations_per_app_per_hour = 2\n";
    let rig = Rig::with(Settings::default().with(limits)).await;
    let weather = rig.instance("weather").await;
    for n in 0..5 {
        let odd = weather.worded("Vote for me");
        rig.text(&number(n), &odd).await;
        weather.redeem(&odd).await.refuses(400, "invalid_grant");
    }
    rig.authorize(&weather, &number(1)).await;
    rig.authorize(&weather, &number(2)).await;
    let late = weather.attempt();
    rig.text(&number(3), &late).await;
    let answer = weather.redeem(&late).await;
    answer.refuses(429, "temporarily_unavailable");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");
    // Another app is not concerned.
    rig.authorize(&rig.instance("notes").await, &number(3)).await;
}

#[tokio::test]
async fn an_app_over_its_accounts_still_serves_those_who_have_one() {
    let limits = "[limits]\naccounts_per_app_per_hour = 1\n";
    let rig = Rig::with(Settings::default().with(limits)).await;
    let weather = rig.instance("weather").await;
    rig.authorize(&weather, &number(1)).await;
    let late = weather.attempt();
    rig.text(&number(2), &late).await;
    weather.redeem(&late).await.refuses(429, "temporarily_unavailable");
    rig.authorize(&rig.again(&weather.app), &number(1)).await;
}

#[tokio::test]
async fn one_source_that_proves_many_numbers_is_blocked_for_more() {
    let limits = "[limits.farming]\nnumbers_per_instance = 2\n";
    let rig = Rig::with(Settings::default().with(limits)).await;
    let weather = rig.instance("weather").await;
    rig.authorize(&weather, &number(1)).await;
    rig.authorize(&rig.again(&weather.app), &number(2)).await;
    // Another key is free to make: the address counts.
    let farm = rig.again(&weather.app);
    let attempt = farm.attempt();
    rig.text(&number(3), &attempt).await;
    farm.redeem(&attempt).await.refuses(400, "access_denied");
    farm.redeem(&attempt).await.refuses(400, "invalid_grant");
    assert_eq!(reasons(&rig, "code.refused").await, ["risk_many_numbers"]);
    rig.authorize(&weather, &number(1)).await;
    rig.authorize(&rig.instance("notes").await, &number(3)).await;
}

#[tokio::test]
async fn new_accounts_of_one_block_are_limited_and_old_ones_served() {
    let limits = "[limits]\nprefix_digits = 9\n[limits.farming]\naccounts_per_prefix = 2\n";
    let rig = Rig::with(Settings::default().with(limits)).await;
    let weather = rig.instance("weather").await;
    for phone in ["+447400123401", "+447400123402"] {
        rig.authorize(&weather, phone).await;
    }
    let attempt = weather.attempt();
    rig.text("+447400123403", &attempt).await;
    weather.redeem(&attempt).await.refuses(400, "access_denied");
    assert_eq!(reasons(&rig, "code.refused").await, ["risk_many_accounts"]);
    rig.authorize(&rig.again(&weather.app), "+447400123401").await;
    rig.authorize(&weather, "+447400987654").await;
}

#[tokio::test]
async fn ranges_that_a_route_does_not_carry_are_refused() {
    let ranges = "ranges = [\"+4474\"]\nrefuse_ranges = [\"+44740099\"]";
    let rig = Rig::bound_with(<_>::default(), |bind| bind.with(ranges)).await;
    let weather = rig.instance("weather").await;
    for phone in ["+447911123456", "+447400991234"] {
        let attempt = weather.attempt();
        rig.text(phone, &attempt).await;
        weather.redeem(&attempt).await.refuses(400, "authorization_pending");
    }
    assert!(rig.platform.texts(ROUTE, "sender_range").await >= 2.0);
    rig.authorize(&weather, "+447400123478").await;
}

#[tokio::test]
async fn what_a_token_says_is_proven_by_a_route_that_is_good_for_it() {
    let scopes = "[terminal.scopes]\npay = { trust = \"operator\" }\n";
    let settings = || Settings::default().with(scopes);
    let registration = Registration::new("weather").scope("openid pay");
    for (trust, scope) in [("operator", "openid pay"), ("aggregator", "openid")] {
        let rig = Rig::bound_with(settings(), |bind| bind.trust(trust)).await;
        let weather = rig.install(&registration).await;
        let tokens = rig.authorize(&weather, &number(1)).await;
        assert_eq!(tokens["scope"], scope);
        for token in ["access_token", "id_token"] {
            let (_, claims) = jose::open(tokens[token].as_str().unwrap());
            assert_eq!(claims["terminal_trust"], trust);
        }
        let access = tokens["access_token"].as_str().unwrap();
        let told = weather.introspect(access).await.accepts();
        assert_eq!((&told["terminal_trust"], &told["scope"]), (&trust.into(), &scope.into()));
        // Refreshing brings no more than that.
        let refreshed = weather.refresh(tokens["refresh_token"].as_str().unwrap()).await.accepts();
        assert_eq!(refreshed["scope"], scope);
        let attempt = weather.attempt();
        rig.text(&number(1), &attempt).await;
        let only = weather.redeem_with(&attempt, &[("scope", "pay")]).await;
        match trust {
            "operator" => assert_eq!(only.accepts()["scope"], "pay"),
            _ => only.refuses(400, "invalid_scope"),
        }
    }
}

/// Makes a number's account older than it is.
struct Age(TerminalKey, i64);

impl Operation for Age {
    type Outcome = ();

    fn decide(&self, view: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let terminal = view.terminal(self.0)?.unwrap().clone();
        let account = view.account(self.0, terminal.account)?.unwrap().clone();
        let created_at = terminal.created_at.plus_seconds(-self.1);
        let writes = vec![
            Write::Terminal(Terminal { created_at, ..terminal }),
            Write::Account(Account { created_at, ..account }),
        ];
        Ok(Step::Done(writes, ()))
    }
}

#[tokio::test]
async fn what_a_new_number_may_not_it_may_when_it_has_been_known_for_long() {
    let scopes = "[terminal.scopes]\npay = { min_age_days = 30 }\n";
    let rig = Rig::with(Settings::default().with(scopes)).await;
    let registration = Registration::new("weather").scope("openid pay").web(CALLBACK);
    let weather = rig.install(&registration).await;
    let new = rig.authorize(&weather, &number(1)).await;
    assert_eq!(new["scope"], "openid", "the number is new");
    let platform = &rig.platform.server.platform;
    let age = async |days: i64| {
        let terminal = platform.vault.terminal_key(&E164::parse(&number(1)).unwrap());
        platform.run(Age(terminal, days * 86_400)).await.unwrap();
    };
    age(29).await;
    assert_eq!(rig.authorize(&weather, &number(1)).await["scope"], "openid");
    age(1).await;
    let old = rig.authorize(&weather, &number(1)).await;
    assert_eq!(old["scope"], "openid pay");
    let refreshed = weather.refresh(old["refresh_token"].as_str().unwrap()).await.accepts();
    assert_eq!(refreshed["scope"], "openid pay");
    // Another number at the same app stays as new as it is; at the page it is the same.
    assert_eq!(rig.authorize(&weather, &number(2)).await["scope"], "openid");
    let browser = Browser::new(rig.platform.place.address);
    for (phone, scope) in [(1, "openid pay"), (3, "openid")] {
        browser.forget("__Host-session");
        let more = [("scope", "openid pay"), ("prompt", "login")];
        let tokens = enter(&rig, &weather, &browser, &number(phone), &more).await;
        assert_eq!(tokens["scope"], scope, "{phone}");
    }
}

#[tokio::test]
async fn accounts_that_begin_at_the_page_count_for_their_app() {
    let limits = "[limits]\naccounts_per_app_per_hour = 1\n";
    let rig = Rig::with(Settings::default().with(limits)).await;
    let weather = rig.install(&Registration::new("weather").web(CALLBACK)).await;
    let browser = || Browser::new(rig.platform.place.address);
    enter(&rig, &weather, &browser(), &number(1), &[]).await;
    // Who has an account is served, at the page and without.
    enter(&rig, &weather, &browser(), &number(1), &[]).await;
    rig.authorize(&weather, &number(1)).await;
    let stranger = browser();
    let (page, at) = stranger.open(&SignIn::new(&weather, &[]).url).await;
    rig.centre.text(&number(2), &text_to_send(&page.text())).await.ok();
    assert_eq!(stranger.open(&at).await.0.status, 429);
    let attempt = weather.attempt();
    rig.text(&number(3), &attempt).await;
    weather.redeem(&attempt).await.refuses(429, "temporarily_unavailable");
}
