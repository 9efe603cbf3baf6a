//! RFC 8705: apps that show TLS client certificates, and tokens bound to them, over real TLS.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use twinpath_e2e::app::Instance;
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Request, send_octets};
use twinpath_e2e::jose::open;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::within;

use pki::{Identity, Pki, refresh};

pub(crate) mod pki;
pub(crate) mod proxy;

const DNS: &str = "weather.example.com";

/// A platform whose own listener asks for certificates.
async fn start() -> (Pki, Rig, SocketAddr) {
    let pki = Pki::new();
    let rig = Rig::with(Settings::default().with(&pki.listener())).await;
    let mtls = rig.platform.server.mtls.unwrap();
    (pki, rig, mtls)
}

/// An app with `tls_client_auth` and bound tokens.
fn by_ca(client_id: &str) -> Registration {
    let app = Registration::new(client_id).method("tls_client_auth").bearer();
    app.with("tls_client_auth_san_dns", DNS).with(BOUND, true)
}

/// An app with `self_signed_tls_client_auth` and bound tokens.
fn by_key(client_id: &str, identity: &Identity) -> Registration {
    let app = Registration::new(client_id).method("self_signed_tls_client_auth").bearer();
    app.with("jwks", identity.jwks()).with(BOUND, true)
}

const BOUND: &str = "tls_client_certificate_bound_access_tokens";

fn claims_of(jwt: &str) -> Value {
    open(jwt).1
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}"))
}

/// Signs in with the right certificate.
async fn sign_in(
    (pki, rig, mtls): &(Pki, Rig, SocketAddr),
    instance: &Instance,
    identity: &Identity,
) -> Value {
    let attempt = instance.attempt();
    rig.text(&number(1), &attempt).await;
    let draft = instance.token_draft(&attempt);
    pki.send(*mtls, Some(identity), &draft).await.accepts()
}

#[tokio::test]
async fn tokens_are_bound_to_the_certificate() {
    let all = start().await;
    let (pki, rig, mtls) = (&all.0, &all.1, all.2);
    let own = Identity::self_signed();
    let weather = rig.install(&by_ca("weather")).await;
    let bank = rig.install(&by_key("bank", &own)).await;
    for (instance, right) in [(&weather, &pki.issue(DNS)), (&bank, &own)] {
        let tokens = sign_in(&all, instance, right).await;
        let (access, again) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
        let cnf = json!({"x5t#S256": right.thumbprint()});
        assert_eq!(tokens["token_type"], "Bearer");
        assert_eq!(claims_of(access)["cnf"], cnf);

        let ask = instance.draft("introspection_endpoint", &[("token", access)]);
        let told = pki.send(mtls, Some(right), &ask).await.accepts();
        assert_eq!((&told["active"], &told["cnf"]), (&json!(true), &cnf));
        assert_eq!(told["token_type"], "Bearer");
        let ask = instance.draft("introspection_endpoint", &[("token", again)]);
        assert_eq!(pki.send(mtls, Some(right), &ask).await.accepts()["cnf"], cnf);

        // Kept, not rotated: the app authenticates and the grant is bound.
        for _ in 0..2 {
            let fresh = pki.send(mtls, Some(right), &refresh(instance, again)).await.accepts();
            assert!(fresh.get("refresh_token").is_none(), "{fresh}");
            assert_eq!(claims_of(text(&fresh, "access_token"))["cnf"], cnf);
        }

        let bearer = format!("Bearer {access}");
        let told = pki.userinfo(mtls, Some(right), &bearer).await.accepts();
        assert_eq!(told["sub"], claims_of(access)["sub"]);
        let other = pki.issue(DNS);
        for shown in [Some(&other), None] {
            pki.userinfo(mtls, shown, &bearer).await.refuses(401, "invalid_token");
        }
        let as_proven = format!("DPoP {access}");
        pki.userinfo(mtls, Some(right), &as_proven).await.refuses(401, "invalid_token");
        // Over the listener that asks for none.
        instance.userinfo(access).await.refuses(401, "invalid_token");
    }
}

/// RFC 8705 7.1: a refresh token is the app's, and outlives its certificate.
#[tokio::test]
async fn an_app_renews_its_certificate_and_goes_on() {
    let all = start().await;
    let (pki, rig, mtls) = (&all.0, &all.1, all.2);
    let weather = rig.install(&by_ca("weather")).await;
    let bank =
        rig.install(&by_ca("bank").with("tls_client_auth_san_dns", "bank.example.com")).await;
    let (old, new) = (pki.issue(DNS), pki.issue(DNS));
    let tokens = sign_in(&all, &weather, &old).await;
    let draft = refresh(&weather, text(&tokens, "refresh_token"));
    let expired = pki.issue_until(DNS, 2020);
    pki.send(mtls, Some(&expired), &draft).await.refuses(401, "invalid_client");
    let stolen = refresh(&bank, text(&tokens, "refresh_token"));
    let banks = pki.issue("bank.example.com");
    pki.send(mtls, Some(&banks), &stolen).await.refuses(400, "invalid_grant");
    let fresh = pki.send(mtls, Some(&new), &draft).await.accepts();
    let access = text(&fresh, "access_token");
    assert_eq!(claims_of(access)["cnf"], json!({"x5t#S256": new.thumbprint()}));
    let bearer = format!("Bearer {access}");
    pki.userinfo(mtls, Some(&new), &bearer).await.accepts();
    pki.userinfo(mtls, Some(&old), &bearer).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn other_certificates_show_nobody() {
    let all = start().await;
    let (pki, rig, mtls) = (&all.0, &all.1, all.2);
    let (own, other_ca) = (Identity::self_signed(), Pki::new());
    let weather = rig.install(&by_ca("weather")).await;
    let bank = rig.install(&by_key("bank", &own)).await;
    let (right, expired) = (pki.issue(DNS), pki.issue_until(DNS, 2020));
    let wrong = [
        ("none", None),
        ("another CA's", Some(other_ca.issue(DNS))),
        ("for another name", Some(pki.issue("bank.example.com"))),
        ("expired", Some(expired)),
        ("its own", Some(Identity::self_signed())),
    ];
    for (instance, right, foreign) in [(&weather, &right, &own), (&bank, &own, &right)] {
        let attempt = instance.attempt();
        rig.text(&number(2), &attempt).await;
        for (what, identity) in &wrong {
            let answer = pki.send(mtls, identity.as_ref(), &instance.token_draft(&attempt)).await;
            assert_eq!(answer.error().as_deref(), Some("invalid_client"), "{what}");
            answer.refuses(401, "invalid_client");
        }
        // Over the listener that asks for none; and each app's certificate for the other.
        instance.redeem(&attempt).await.refuses(401, "invalid_client");
        let answer = pki.send(mtls, Some(foreign), &instance.token_draft(&attempt)).await;
        answer.refuses(401, "invalid_client");
        // Whoever has no key for a certificate gets no connection.
        let request = instance.token_draft(&attempt).request();
        assert!(pki.try_send(mtls, Some(&right.stolen()), &request).await.is_none());
        // None of these used the code up.
        pki.send(mtls, Some(right), &instance.token_draft(&attempt)).await.accepts();
    }
}

#[tokio::test]
async fn a_bound_token_needs_a_certificate_whatever_the_method() {
    let all = start().await;
    let (pki, rig, mtls) = (&all.0, &all.1, all.2);
    let weather = rig.install(&Registration::new("weather").bearer().with(BOUND, true)).await;
    let identity = Identity::self_signed();
    let attempt = weather.attempt();
    rig.text(&number(3), &attempt).await;
    let expired = pki.issue_until(DNS, 2020);
    for shown in [None, Some(&expired)] {
        let answer = pki.send(mtls, shown, &weather.token_draft(&attempt)).await;
        answer.refuses(400, "invalid_request");
        assert!(answer.text().contains("certificate"), "{}", answer.text());
    }
    let tokens = pki.send(mtls, Some(&identity), &weather.token_draft(&attempt)).await.accepts();
    let again = text(&tokens, "refresh_token");
    pki.send(mtls, None, &refresh(&weather, again)).await.refuses(400, "invalid_request");
    pki.send(mtls, Some(&identity), &refresh(&weather, again)).await.accepts();
    // An installation that shares the certificate does not end this one's grant.
    let second = rig.again(&weather.app);
    let attempt = second.attempt();
    rig.text(&number(3), &attempt).await;
    pki.send(mtls, Some(&identity), &second.token_draft(&attempt)).await.accepts();
    pki.send(mtls, Some(&identity), &refresh(&weather, again)).await.accepts();
}

#[tokio::test]
async fn apps_with_proofs_are_as_they_were() {
    let all = start().await;
    let (pki, rig, mtls) = (&all.0, &all.1, all.2);
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let identity = Identity::self_signed();
    for shown in [None, Some(&identity)] {
        let attempt = weather.attempt();
        rig.text(&number(4), &attempt).await;
        let tokens = pki.send(mtls, shown, &weather.token_draft(&attempt)).await.accepts();
        assert_eq!(tokens["token_type"], "DPoP");
        let cnf = json!({"jkt": weather.key.thumbprint()});
        assert_eq!(claims_of(text(&tokens, "access_token"))["cnf"], cnf);
        // A certificate is no proof.
        let bearer = format!("Bearer {}", text(&tokens, "access_token"));
        pki.userinfo(mtls, shown, &bearer).await.refuses(401, "invalid_token");
    }
    // Whoever asks at the alias proves its URL, not the issuer's (RFC 9449 4.3).
    let attempt = weather.attempt();
    rig.text(&number(4), &attempt).await;
    let alias = weather.place.metadata["mtls_endpoint_aliases"]["token_endpoint"].as_str().unwrap();
    let at_alias = |url: &str| {
        let draft = weather.token_draft(&attempt).header("DPoP", &weather.proof("POST", url));
        let octets = String::from_utf8(draft.request().octets()).unwrap();
        octets.replace("Host: localhost", "Host: mtls.example.com")
    };
    for (url, status) in [(weather.place.url("token_endpoint"), 400), (alias, 200)] {
        let stream = pki.connect(mtls, None).await.unwrap();
        let answer = twinpath_e2e::http::exchange(stream, at_alias(url).as_bytes()).await.unwrap();
        assert_eq!(answer.status, status, "{url}: {}", answer.text());
    }
}

#[tokio::test]
async fn metadata_tells_what_certificates_are_good_for() {
    let all = start().await;
    let metadata = &all.1.platform.place.metadata;
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
    let aliases = metadata["mtls_endpoint_aliases"].as_object().unwrap();
    assert_eq!(aliases["token_endpoint"], "https://mtls.example.com/token");
    // All that apps call without a user: RFC 8705 5.
    assert_eq!(aliases.len(), 8, "{aliases:?}");
    for endpoint in ["token", "introspection", "revocation"] {
        let methods = metadata[format!("{endpoint}_endpoint_auth_methods_supported")].to_string();
        assert!(methods.contains("\"tls_client_auth\""), "{methods}");
        assert!(methods.contains("\"self_signed_tls_client_auth\""), "{methods}");
    }
    let plain = Rig::start().await;
    let metadata = plain.platform.place.metadata.to_string();
    assert!(!metadata.contains("tls"), "{metadata}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_handshake_ends_the_connection_and_nothing_else() {
    let all = start().await;
    let (pki, rig, mtls) = (&all.0, &all.1, all.2);
    let mut silent = TcpStream::connect(mtls).await.unwrap();
    let mut halfway = TcpStream::connect(mtls).await.unwrap();
    halfway.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    let plain = Request::new("GET", "/livez").octets();
    for junk in [&plain[..], &[0; 600], &[0xff; 600], b"\x16\x03\x01\xff\xff"] {
        let answer = send_octets(mtls, &[junk, &vec![0; 70_000]].concat()).await;
        assert!(answer.is_none(), "{answer:?}");
    }
    let weather = rig.install(&by_ca("weather")).await;
    sign_in(&all, &weather, &pki.issue(DNS)).await;
    // The server's own clock has to pass: a handshake has 10 seconds.
    for stream in [&mut silent, &mut halfway] {
        let mut rest = Vec::new();
        let _ = within("the end of no handshake", stream.read_to_end(&mut rest)).await;
    }
}

#[tokio::test]
async fn the_second_paths_own_listener_can_speak_tls() {
    let pki = Pki::new();
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = Settings::default().with(&format!("[http.tls]\n{}", pki.files()));
    let issuer = format!("https://{address}");
    let file = settings.file(&issuer, &address.to_string(), "127.0.0.1:0", folder.path());
    let path = folder.path().join("twinpath.toml");
    std::fs::write(&path, file).unwrap();
    let config = twinpath_server::config::load(&path, std::iter::empty()).unwrap();
    let server = twinpath_server::serve::Server::start_on(listener, config).await.unwrap();
    let request = Request::new("GET", "/.well-known/oauth-authorization-server");
    // A certificate is not asked for here.
    for shown in [None, Some(&Identity::self_signed())] {
        let metadata = pki.try_send(address, shown, &request).await.unwrap().accepts();
        assert_eq!(metadata["issuer"], issuer);
    }
    assert!(Pki::new().try_send(address, None, &request).await.is_none(), "another server's");
    assert!(send_octets(address, &request.octets()).await.is_none(), "in the clear");
    server.stop().await;
}
