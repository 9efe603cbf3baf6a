//! What a server that logs all it can says of phones, texts and secrets: nothing.

use twinpath_e2e::app::Instance;
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::http::send;
use twinpath_e2e::number;
use twinpath_e2e::operator::{Operator, Reply, SIM_SWAP};
use twinpath_e2e::pdu::{DELIVER_SM, Text, deliver_body, frame};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::process::Installation;
use twinpath_e2e::receiver::Receiver;
use twinpath_e2e::rig::ROUTE;

use crate::confirmation::{awaits, digits, wrong};
use crate::webhooks::{called, generic};

const KEY: &str = "a-key-of-the-gateways-9f3a";
const API_KEY: &str = "a-key-of-the-api-77c1";
/// A landline, whose texts are refused.
const LANDLINE: &str = "+442079460123";

fn settings(centre: &Centre, api: &Receiver, operator: &Operator) -> Settings {
    let sections = format!(
        "[terminal]\nconfirm = \"always\"\n\
         {}\n[[sms.api]]\nname = \"api\"\nprovider = \"generic\"\nsecret = \"{API_KEY}\"\n\
         [sms.api.generic]\nmethod = \"GET\"\nsender = \"15005550006\"\n\
         url = \"{}?to={{to}}&text={{text}}&key={{secret.secret}}\"\n{}",
        generic("hook", KEY),
        api.url("/send"),
        operator.section("checks = [\"sim_swap\"]\non_error = \"allow\""),
    );
    let bind = Bind::new(ROUTE, centre.port).with("mode = \"receiver\"\ncountries = [\"GB\"]");
    Settings::binds(&[bind]).with(&sections)
}

/// What a provider was asked to send.
fn asked(head: &str) -> String {
    let target = head.split(' ').nth(1).unwrap();
    let (_, query) = target.split_once('?').unwrap();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "text").unwrap().1.into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_holds_a_number_a_text_or_a_secret() {
    let (centre, operator) = (Centre::start().await, Operator::start().await);
    operator.answers(SIM_SWAP, Reply::raw("503 Service Unavailable", ""));
    let api = Receiver::start(&["500 Internal Server Error", "200 OK", "400 Bad Request"]).await;
    let place = Installation::new(&settings(&centre, &api, &operator)).env("TWINPATH_LOG", "debug");
    let app = place.register(&Registration::new("weather")).await;
    let server = place.start().await;
    centre.bound(1).await;
    let weather = Instance::new(&app, &place.place().await);
    let mut hidden: Vec<String> = [KEY, API_KEY, &LANDLINE[3..]].map(str::to_owned).to_vec();

    // By SMPP, with an operator that cannot tell, a provider that fails, and digits that are wrong.
    let first = weather.attempt();
    assert!(centre.text(&number(1), &first.text).await.is_ok());
    let network = ("network_token", "a-token-of-the-network-41d0");
    awaits(&weather.redeem_with(&first, &[network]).await);
    let (failed, sent) = (api.next().await, api.next().await);
    assert_eq!(asked(&failed.head), asked(&sent.head));
    let right = digits(&asked(&sent.head));
    let said = wrong(&right);
    awaits(&weather.redeem_with(&first, &[network, ("confirmation_code", &said)]).await);
    let answer = weather.redeem_with(&first, &[network, ("confirmation_code", &right)]).await;
    let tokens = answer.accepts();
    weather.refresh(tokens["refresh_token"].as_str().unwrap()).await.accepts();
    hidden.extend([network.1.to_owned(), right, said]);
    for name in ["access_token", "refresh_token", "id_token"] {
        hidden.extend(tokens[name].as_str().map(str::to_owned));
    }

    // By a webhook, with the wrong key and with the right one.
    let second = weather.attempt();
    for (key, status) in [("another-key-0c0c", 401), (KEY, 200)] {
        let request = called("/sms/hook", key, &number(2), "15005550006", &second.text);
        assert_eq!(send(place.address, &request).await.status, status);
        hidden.push(key.to_owned());
    }
    awaits(&weather.redeem(&second).await);

    // What is not taken: two numbers' texts of one code, a landline, a foreign phone, words alone, an
    // unknown code to revoke, half a PDU.
    let third = weather.attempt();
    for from in [&number(3), &number(4), LANDLINE, "+33612345678"] {
        assert!(centre.text(from, &third.text).await.is_ok());
    }
    weather.redeem(&third).await.refuses(400, "invalid_grant");
    for words in ["remember the milk", "REVOKE 123454"] {
        assert!(centre.text(&number(5), words).await.is_ok());
        hidden.push(words.split_once(' ').unwrap().1.to_owned());
    }
    let odd = Text::new("ACME", &third.text).with("source_addr_ton", 5);
    assert!(centre.deliver(&odd).await.is_ok());
    let cut = deliver_body(1, 1, b"447400000006", 0, 0, b"half a text of somebody's");
    assert!(centre.frame(&frame(DELIVER_SM, 0, &cut[..cut.len() - 3])).await.is_ok());
    place.json(&["account", "show", &number(1)]).await;
    server.terminate().await;
    server.ended().await;

    for attempt in [&first, &second, &third] {
        hidden.extend([&attempt.text, &attempt.code, &attempt.verifier].map(String::clone));
    }
    hidden.extend((1..=6).map(|n| number(n)[3..].to_owned()));
    hidden.extend(["612345678", "half a text"].map(str::to_owned));
    let log = place.log();
    for line in ["a text", "DEBUG", "a gateway's call was refused", "could not tell"] {
        assert!(log.contains(line), "{line:?} is not in the log:\n{log}");
    }
    let plain = log.to_lowercase();
    for word in &hidden {
        let found = plain.lines().find(|line| line.contains(&word.to_lowercase()));
        assert_eq!(found, None, "{word}");
    }
}
