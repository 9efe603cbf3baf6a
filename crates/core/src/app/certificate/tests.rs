//! Certificates made for each test, right and wrong in one thing.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519, PKCS_RSA_SHA256, SanType, date_time_ymd,
};
use twinpath_wire::jwk::JwkSet;

use super::*;
use crate::app::{Credentials, Registered};
use crate::fixtures::{ISSUER, START as NOW, app, vault};
use crate::records::CertificateName::{self, SanDns, SanEmail, SanIp, SanUri, SubjectDn};

type Der = CertificateDer<'static>;

struct Ca {
    der: Der,
    issuer: Issuer<'static, KeyPair>,
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = params();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn ca(name: &str) -> Ca {
    let (key, params) = (KeyPair::generate().unwrap(), ca_params(name));
    let der = params.self_signed(&key).unwrap().der().clone();
    Ca { der, issuer: Issuer::new(params, key) }
}

/// In time at [`NOW`], for the subject `CN=weather,O=Clouds`.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Clouds");
    name.push(DnType::CommonName, "weather");
    params.distinguished_name = name;
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2028, 1, 1));
    params
}

impl Ca {
    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Der {
        let mut params = params();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer).unwrap().der().clone()
    }
}

fn read(chain: &[&Der]) -> ClientCertificate {
    ClientCertificate::read(chain.iter().map(|&der| der.clone()).collect()).unwrap()
}

fn subject() -> CertificateName {
    SubjectDn("CN=weather,O=Clouds".into())
}

/// Authenticates at [`NOW`], as a request with nothing but `client_id` and the certificate does.
fn shows(app: &App, chain: &[&Der], roots: &[&Der]) -> Result<(), &'static str> {
    let roots: Vec<_> = roots.iter().map(|&der| der.clone()).collect();
    let (certificate, roots) = (read(chain), ClientRoots::new(&roots).unwrap());
    let presented = Presented { certificate: &certificate, roots: &roots };
    outcome(app, Some(presented))
}

fn outcome(app: &App, certificate: Option<Presented<'_>>) -> Result<(), &'static str> {
    let registered = Registered::new(app.clone(), &std::collections::BTreeMap::new(), &vault());
    let shown = Credentials { client_id: Some("weather"), certificate, ..Credentials::default() };
    let claimed = shown.claim().unwrap();
    match claimed.check(Some(&registered.unwrap()), ISSUER, false, &vault(), NOW) {
        Ok(authenticated) => {
            assert_eq!(authenticated.spend, None);
            Ok(())
        }
        Err(AuthError::Client(why) | AuthError::Request(why)) => Err(why),
    }
}

fn by_ca(name: CertificateName) -> App {
    App { tls_client_auth: Some(name), ..app("weather", AuthMethod::TlsClientAuth) }
}

fn by_key(keys: Vec<PublicKey>) -> App {
    let jwks = Some(JwkSet { keys: keys.into_iter().map(Jwk::new).collect() });
    App { jwks, ..app("weather", AuthMethod::SelfSignedTlsClientAuth) }
}

#[test]
fn a_certificate_of_a_trusted_ca_shows_the_app_it_names() {
    let (ours, other) = (ca("ours"), ca("other"));
    let app = by_ca(subject());
    let right = ours.issue(|_| {});
    assert_eq!(shows(&app, &[&right], &[&ours.der]), Ok(()));
    assert_eq!(shows(&app, &[&right], &[&other.der, &ours.der]), Ok(()));
    let for_clients =
        ours.issue(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    assert_eq!(shows(&app, &[&for_clients], &[&ours.der]), Ok(()));

    let unknown = Err("the client certificate does not lead to a CA that this platform trusts");
    assert_eq!(shows(&app, &[&right], &[]), unknown);
    assert_eq!(shows(&app, &[&right], &[&other.der]), unknown);
    let same_name = ca("ours");
    assert_eq!(shows(&app, &[&right], &[&same_name.der]), unknown, "another key");
    let for_servers =
        ours.issue(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    assert_eq!(shows(&app, &[&for_servers], &[&ours.der]), unknown);
    let a_ca = ours.issue(|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(shows(&app, &[&a_ca], &[&ours.der]), unknown);
    let key = KeyPair::generate().unwrap();
    let own = params().self_signed(&key).unwrap().der().clone();
    assert_eq!(shows(&app, &[&own], &[&ours.der]), unknown);

    let other_name = Err("the client certificate does not name what is registered for this app");
    let thief = ours.issue(|p| p.distinguished_name.push(DnType::CommonName, "thief"));
    assert_eq!(shows(&app, &[&thief], &[&ours.der]), other_name);
    let nothing = App { tls_client_auth: None, ..app.clone() };
    assert_eq!(shows(&nothing, &[&right], &[&ours.der]), other_name);

    let late = Err("the client certificate has expired or is not valid yet");
    let expired = ours.issue(|p| p.not_after = date_time_ymd(2027, 1, 1));
    assert_eq!(shows(&app, &[&expired], &[&ours.der]), late);
    let future = ours.issue(|p| p.not_before = date_time_ymd(2027, 12, 1));
    assert_eq!(shows(&app, &[&future], &[&ours.der]), late);
    assert!(outcome(&app, None).unwrap_err().contains("none came"));
}

#[test]
fn a_chain_leads_by_way_of_its_intermediates() {
    let root = ca("root");
    let (key, params) = (KeyPair::generate().unwrap(), ca_params("between"));
    let between = params.signed_by(&key, &root.issuer).unwrap().der().clone();
    let middle = Ca { der: between, issuer: Issuer::new(params, key) };
    let right = middle.issue(|_| {});
    let app = by_ca(subject());
    assert_eq!(shows(&app, &[&right, &middle.der], &[&root.der]), Ok(()));
    assert_eq!(shows(&app, &[&right], &[&middle.der]), Ok(()), "trusted as it stands");
    assert!(shows(&app, &[&right], &[&root.der]).is_err());
    assert!(shows(&app, &[&right, &ca("between").der], &[&root.der]).is_err());
    // What the client brings along is no root.
    assert!(shows(&app, &[&right, &middle.der, &root.der], &[]).is_err());
}

#[test]
fn names_are_compared_whole() {
    let ca = ca("ours");
    let text = |text: &str| text.to_owned().try_into().unwrap();
    let named = ca.issue(|p| {
        p.distinguished_name.push(DnType::CountryName, "GB");
        p.distinguished_name
            .push(DnType::LocalityName, DnValue::Utf8String("Ely, \"Cambs\"".into()));
        p.subject_alt_names = vec![
            SanType::DnsName(text("App.example.com")),
            SanType::DnsName(text("*.example.org")),
            SanType::URI(text("https://app.example.com/A")),
            SanType::Rfc822Name(text("Ops@example.com")),
            SanType::IpAddress("192.0.2.1".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ];
    });
    let stands = |name: CertificateName| {
        checked_name(name.clone()).unwrap();
        shows(&by_ca(name), &[&named], &[&ca.der]).is_ok()
    };
    let dn = |text: &str| SubjectDn(text.to_owned());
    // RFC 4514: the last RDN comes first.
    let whole = r#"L=Ely\, \"Cambs\",C=GB,CN=weather,O=Clouds"#;
    assert!(stands(dn(whole)));
    assert!(stands(dn(r"2.5.4.7=Ely\2C \22Cambs\22,c=GB,commonName=weather,2.5.4.10=Clouds")));
    assert!(stands(dn(&whole.replace("C=GB", "C=#13024742"))), "PrintableString GB");
    for wrong in [
        "CN=weather",
        "CN=weather,O=Clouds",
        r#"O=Clouds,CN=weather,C=GB,L=Ely\, \"Cambs\""#,
        &whole.replace("weather", "Weather"),
        &whole.replace("weather", "weather "),
        &whole.replace("C=GB,CN=weather", "C=GB+CN=weather"),
        &whole.replace("O=Clouds", "OU=Clouds"),
        &format!("CN=x,{whole}"),
    ] {
        assert!(!stands(dn(wrong)), "{wrong}");
    }
    for (right, wrong) in [
        (SanDns("app.example.com".into()), SanDns("example.com".into())),
        (SanDns("*.example.org".into()), SanDns("a.example.org".into())),
        (SanUri("https://app.example.com/A".into()), SanUri("https://app.example.com/a".into())),
        (SanEmail("Ops@example.com".into()), SanEmail("ops@example.com".into())),
        (SanIp("192.0.2.1".parse().unwrap()), SanIp("192.0.2.2".parse().unwrap())),
        (SanIp("2001:db8::1".parse().unwrap()), SanIp("::ffff:192.0.2.1".parse().unwrap())),
        // A name of one kind is none of another.
        (SanDns("APP.example.com".into()), SanUri("urn:App.example.com".into())),
    ] {
        assert!(stands(right.clone()), "{right:?}");
        assert!(!stands(wrong.clone()), "{wrong:?}");
    }
    let bare = ca.issue(|_| {});
    assert!(shows(&by_ca(SanDns("weather".into())), &[&bare], &[&ca.der]).is_err());
}

#[test]
fn names_that_say_nothing_are_not_registered() {
    let long = "a".repeat(1025);
    for bad in [
        SubjectDn(String::new()),
        SubjectDn("weather".into()),
        SubjectDn("CN=weather, O=Clouds".into()),
        SubjectDn("NOTHING=weather".into()),
        SubjectDn("CN=#zz".into()),
        SubjectDn(format!("CN={long}")),
        SanDns(String::new()),
        SanDns("a b".into()),
        SanDns("bücher.example".into()),
        SanDns(long.clone()),
        SanUri("app".into()),
        SanUri(format!("urn:{long}")),
        SanEmail("app".into()),
        SanEmail("é@example.com".into()),
    ] {
        assert!(checked_name(bad.clone()).is_err(), "{bad:?}");
    }
}

#[test]
fn a_registered_key_shows_the_app_whatever_the_certificate_says() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519, &PKCS_RSA_SHA256] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let der = params().self_signed(&key).unwrap().der().clone();
        let app = by_key(vec![read(&[&der]).key().expect("a key of a kind that JWKs can be")]);
        // As it would be registered.
        let jwk = &app.jwks.as_ref().unwrap().keys[0];
        assert!(crate::proof::VerifyingKey::new(jwk).is_some());
        assert_eq!(shows(&app, &[&der], &[]), Ok(()));
        let mut renewed = params();
        renewed.distinguished_name.push(DnType::CommonName, "anything");
        let renewed = renewed.self_signed(&key).unwrap().der().clone();
        assert_eq!(shows(&app, &[&renewed], &[]), Ok(()));
        let mut expired = params();
        expired.not_after = date_time_ymd(2026, 12, 31);
        let expired = expired.self_signed(&key).unwrap().der().clone();
        assert!(shows(&app, &[&expired], &[]).unwrap_err().contains("expired"));
        // The same words with another key.
        let other = params().self_signed(&KeyPair::generate_for(algorithm).unwrap()).unwrap();
        let unknown = Err("the client certificate's key is not registered for this app");
        assert_eq!(shows(&app, &[other.der()], &[]), unknown);
        assert_eq!(shows(&by_key(Vec::new()), &[&der], &[]), unknown);
        assert!(outcome(&app, None).unwrap_err().contains("none came"));
    }
    // A key that no JWK here can be is nobody's.
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let der = params().self_signed(&key).unwrap().der().clone();
    assert_eq!(read(&[&der]).key(), None);
    assert!(shows(&by_key(Vec::new()), &[&der], &[]).is_err());
}

#[test]
fn a_certificate_is_for_the_methods_that_take_one() {
    let ca = ca("ours");
    let der = ca.issue(|_| {});
    for method in [
        AuthMethod::PrivateKeyJwt,
        AuthMethod::ClientSecretBasic,
        AuthMethod::ClientSecretPost,
        AuthMethod::ClientSecretJwt,
        AuthMethod::None,
    ] {
        let app = App { tls_client_auth: Some(subject()), ..app("weather", method) };
        assert!(shows(&app, &[&der], &[&ca.der]).is_err(), "{method:?}");
    }
    // One kind does not stand in for the other.
    let key = read(&[&der]).key().unwrap();
    let app = App { auth_method: AuthMethod::TlsClientAuth, ..by_key(vec![key.clone()]) };
    assert!(shows(&app, &[&der], &[&ca.der]).is_err());
    let app = App { auth_method: AuthMethod::SelfSignedTlsClientAuth, ..by_ca(subject()) };
    assert!(shows(&app, &[&der], &[&ca.der]).is_err());
    // Nor a secret for the certificate.
    let certificate = read(&[&der]);
    let roots = ClientRoots::default();
    let shown = Credentials {
        client_id: Some("weather"),
        client_secret: Some("x"),
        certificate: Some(Presented { certificate: &certificate, roots: &roots }),
        ..Credentials::default()
    };
    let registered =
        Registered::new(by_key(vec![key]), &std::collections::BTreeMap::new(), &vault());
    let claimed = shown.claim().unwrap();
    assert!(claimed.check(Some(&registered.unwrap()), ISSUER, true, &vault(), NOW).is_err());
}

#[test]
fn what_is_no_certificate_or_too_much_is_not_read() {
    let der = ca("ours").issue(|_| {});
    let read = |chain: Vec<Vec<u8>>| {
        ClientCertificate::read(chain.into_iter().map(CertificateDer::from).collect())
    };
    assert!(read(vec![der.to_vec(); MAX_CHAIN]).is_ok());
    assert_eq!(read(Vec::new()), Err(CertificateError::None));
    assert_eq!(read(vec![der.to_vec(); MAX_CHAIN + 1]), Err(CertificateError::TooLarge));
    assert_eq!(read(vec![vec![0x30; MAX_CERTIFICATE + 1]]), Err(CertificateError::TooLarge));
    assert_eq!(
        read(vec![der.to_vec(), vec![0; MAX_CERTIFICATE + 1]]),
        Err(CertificateError::TooLarge)
    );
    let mut longer = der.to_vec();
    longer.push(0);
    for wrong in [Vec::new(), vec![0x30], b"no DER".to_vec(), longer] {
        assert_eq!(read(vec![wrong]), Err(CertificateError::Malformed));
    }
    // Cut or spoilt anywhere it is refused or read, and never a panic.
    for at in 0..der.len() {
        assert!(read(vec![der[..at].to_vec()]).is_err(), "{at}");
        for flip in [1, 0x80] {
            let mut spoilt = der.to_vec();
            spoilt[at] ^= flip;
            if let Ok(read) = read(vec![spoilt]) {
                let _ = (read.key(), read.in_time(NOW));
                let app = by_ca(SanDns("a".into()));
                let _ = shows_any(&app, &read);
            }
        }
    }
    assert_eq!(ClientRoots::new(&[der.clone(), Der::from(vec![1])]).unwrap_err(), RootError(2));
}

fn shows_any(app: &App, certificate: &ClientCertificate) -> Result<(), &'static str> {
    let roots = ClientRoots::default();
    outcome(app, Some(Presented { certificate, roots: &roots }))
}

#[test]
fn the_thumbprint_is_that_of_the_der() {
    let der = ca("ours").issue(|_| {});
    let expected = b64::encode(digest::digest(&digest::SHA256, &der));
    assert_eq!((read(&[&der]).thumbprint(), expected.len()), (expected.as_str(), 43));
}
