//! Which calls are let in before anything is read: by address, by certificate, by the number texted to;
//! and the URL that a provider signs where a proxy stands before the server.

use std::net::SocketAddr;

use aws_lc_rs::digest::{SHA256, digest};
use twinpath_e2e::app::Attempt;
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Request, send};
use twinpath_e2e::number;
use twinpath_e2e::pdu::hex;

use super::{GENERIC, SECRET, World, called, form, post, twilio};
use crate::certificates::pki::{Identity, Pki};
use crate::certificates::proxy::Nginx;

/// Behind a proxy, which is the test itself.
fn settings(webhook: &str, generic: &str) -> Settings {
    let section = format!(
        "[[sms.webhook]]\nname = \"generic\"\nprovider = \"generic\"\n\
         trust = \"aggregator\"\n{webhook}\n{generic}"
    );
    let http_more =
        "trusted_proxies = [\"127.0.0.1\"]\nclient_certificate_header = \"client-cert\"";
    Settings { http_more: http_more.to_owned(), ..Settings::default() }.with(&section)
}

fn call(path: &str, attempt: &Attempt, to: &str) -> Request {
    called(path, SECRET, &number(1), to, &attempt.text)
}

/// The status of a call that a proxy says came over these hops.
async fn from(address: SocketAddr, request: &Request, hops: &str) -> u16 {
    send(address, &request.clone().header("X-Forwarded-For", hops)).await.status
}

#[tokio::test]
async fn only_addresses_that_are_named_may_call() {
    let secret = format!("secret = \"{SECRET}\"");
    let allow = format!("{secret}\nallow = [\"192.0.2.0/24\", \"2001:db8::/32\"]");
    let described = GENERIC.replace(
        "authentication = [",
        "authentication = [{ address = [\"192.0.2.0/24\", \"2001:db8::/32\"] }, ",
    );
    for settings in [settings(&allow, GENERIC), settings(&secret, &described)] {
        let world = World::with("generic", &settings).await;
        let attempt = world.weather.attempt();
        let (address, request) =
            (world.platform.place.address, call("/sms/generic", &attempt, "1"));
        assert_eq!(send(address, &request).await.status, 403);
        // The nearest hop counts: what is before it is the caller's own word.
        for hops in ["198.51.100.1", "192.0.2.7, 198.51.100.1", "2001:db9::1", "nobody"] {
            assert_eq!(from(address, &request, hops).await, 403, "{hops}");
        }
        world.counts("address_refused", 5.0).await;
        world.pending(&attempt).await;
        for hops in ["192.0.2.7", "198.51.100.1, 192.0.2.255", "2001:db8::7"] {
            assert_eq!(from(address, &request, hops).await, 200, "{hops}");
        }
        world.weather.redeem(&attempt).await.accepts();
    }
}

#[tokio::test]
async fn texts_to_other_numbers_are_left_where_it_says_so() {
    let numbers = "numbers = [\"+15005550006\"]";
    let secret = format!("secret = \"{SECRET}\"\n{numbers}");
    for (more, other) in [("only_numbers = true", true), ("only_numbers = false", false)] {
        let settings = settings(&format!("{secret}\n{more}"), GENERIC);
        let world = World::with("generic", &settings).await;
        let attempt = world.weather.attempt();
        let address = world.platform.place.address;
        let elsewhere = call("/sms/generic", &attempt, "15005550007");
        assert_eq!(send(address, &elsewhere).await.status, 200, "to be left is no failure");
        if other {
            world.counts("other_number", 1.0).await;
            world.pending(&attempt).await;
            let here = call("/sms/generic", &attempt, "15005550006");
            assert_eq!(send(address, &here).await.status, 200);
        }
        world.weather.redeem(&attempt).await.accepts();
    }
}

/// As `openssl x509 -fingerprint -sha256` prints it.
fn fingerprint(identity: &Identity) -> String {
    hex(digest(&SHA256, &identity.certificate).as_ref())
}

/// At the listener that asks for certificates, and by nginx, which hands them on.
#[tokio::test]
async fn only_certificates_that_are_named_may_call() {
    let pki = Pki::new();
    let (right, wrong) = (Identity::self_signed(), Identity::self_signed());
    let old = pki.issue_until("gateway.example.com", 2020);
    let webhook =
        format!("certificates_sha256 = [\"{}\", \"{}\"]", fingerprint(&right), fingerprint(&old));
    let key = "{ query = { name = \"key\", secret = \"secret\" } }";
    let generic = GENERIC.replace(key, "\"mtls\"");
    assert_ne!(generic, GENERIC);
    for proxied in [false, true] {
        let mut settings = settings(&webhook, &generic).with(&pki.listener());
        if !proxied {
            // Of a trusted proxy's connections the header alone would count.
            settings.http_more = String::new();
        }
        let world = World::with("generic", &settings).await;
        let (plain, mtls) = (world.platform.place.address, world.platform.server.mtls.unwrap());
        let nginx = Nginx::start(&pki, plain).await;
        let (address, path) =
            if proxied { (nginx.address, "/hooks/generic") } else { (mtls, "/sms/generic") };
        let attempt = world.weather.attempt();
        let request = call(path, &attempt, "1");
        // What has run out nginx refuses itself.
        let expired = if proxied { 400 } else { 403 };
        for (shown, status) in [(None, 403), (Some(&wrong), 403), (Some(&old), expired)] {
            let answer = pki.try_send(address, shown, &request).await.unwrap();
            assert_eq!(answer.status, status, "{path}");
        }
        let request_here = call("/sms/generic", &attempt, "1");
        assert_eq!(send(plain, &request_here).await.status, 403, "no certificate");
        world.pending(&attempt).await;
        assert_eq!(pki.try_send(address, Some(&right), &request).await.unwrap().status, 200);
        world.weather.redeem(&attempt).await.accepts();
        world.counts("certificate_refused", if proxied { 3.0 } else { 4.0 }).await;
    }
}

#[tokio::test]
async fn twilio_signs_the_url_that_it_was_given() {
    let public = "https://sms.example.com/hooks/twilio";
    let world = World::start("twilio", &format!("url = \"{public}\"\n")).await;
    let pki = Pki::new();
    let nginx = Nginx::start(&pki, world.platform.place.address).await;
    let (attempt, from) = (world.weather.attempt(), number(1));
    let pairs = [("Body", attempt.text.as_str()), ("From", from.as_str()), ("MessageSid", "SM1")];
    let send = async |signed: &str, query: &str| {
        let mark = twilio(signed, &pairs);
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let headers = [kind, ("X-Twilio-Signature", mark.as_str())];
        let request = post(&format!("/hooks/twilio{query}"), &headers, &form(&pairs));
        pki.try_send(nginx.address, None, &request).await.unwrap().status
    };
    // As nginx calls it, and as the issuer would have it.
    assert_eq!(send(&format!("http://{}/sms/twilio", world.platform.place.address), "").await, 401);
    assert_eq!(send(&world.url(), "").await, 401);
    assert_eq!(send(public, "?site=a").await, 401, "the query is signed too");
    world.pending(&attempt).await;
    assert_eq!(send(&format!("{public}?site=a"), "?site=a").await, 200);
    assert_eq!(send(public, "").await, 200);
    world.counts("duplicate", 1.0).await;
    world.weather.redeem(&attempt).await.accepts();
}
