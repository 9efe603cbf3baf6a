//! What a certificate names, held against what is registered (RFC 8705 2.1.2).
//!
//! | member | how it is compared |
//! |---|---|
//! | `tls_client_auth_subject_dn` | RFC 4514, parsed: as many RDNs in the same order, in each the same set of types and values. Types by OID, whichever name was used; values character by character, case and spaces included, whether UTF8String, PrintableString or IA5String; values of other types as their DER |
//! | `tls_client_auth_san_dns` | a `dNSName`, letters' case aside; `*` is a character like others |
//! | `tls_client_auth_san_uri`, `_san_email` | byte by byte |
//! | `tls_client_auth_san_ip` | as an address: its 4 or 16 bytes |

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr as _;

use x509_cert::Certificate;
use x509_cert::attr::AttributeValue;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Encode as _, Tag, Tagged as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::spki::ObjectIdentifier;

use crate::records::CertificateName;

/// The longest registered name, in bytes.
const MAX_NAME: usize = 1024;

/// Whether `certificate` names `name`.
pub(super) fn stands_in(name: &CertificateName, certificate: &Certificate) -> bool {
    let tbs = &certificate.tbs_certificate;
    let alternatives = || tbs.get::<SubjectAltName>().ok().flatten().map_or(Vec::new(), |s| s.1.0);
    let any = |named: &dyn Fn(&GeneralName) -> bool| alternatives().iter().any(named);
    match name {
        CertificateName::SubjectDn(text) => Name::from_str(text)
            .is_ok_and(|name| distinguished(&name) == distinguished(&tbs.subject)),
        CertificateName::SanDns(dns) => any(
            &|san| matches!(san, GeneralName::DnsName(name) if name.as_str().eq_ignore_ascii_case(dns)),
        ),
        CertificateName::SanUri(uri) => any(
            &|san| matches!(san, GeneralName::UniformResourceIdentifier(name) if name.as_str() == uri),
        ),
        CertificateName::SanEmail(email) => {
            any(&|san| matches!(san, GeneralName::Rfc822Name(name) if name.as_str() == email))
        }
        CertificateName::SanIp(ip) => {
            any(&|san| matches!(san, GeneralName::IpAddress(bytes) if is(*ip, bytes.as_bytes())))
        }
    }
}

fn is(ip: IpAddr, bytes: &[u8]) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets() == bytes,
        IpAddr::V6(ip) => ip.octets() == bytes,
    }
}

type Attribute = (ObjectIdentifier, Value);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    Other(Vec<u8>),
}

fn distinguished(name: &Name) -> Vec<BTreeSet<Attribute>> {
    let values = |rdn: &x509_cert::name::RelativeDistinguishedName| {
        rdn.0.iter().map(|attribute| (attribute.oid, value(&attribute.value))).collect()
    };
    name.0.iter().map(values).collect()
}

fn value(value: &AttributeValue) -> Value {
    let text = match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok().map(|s| s.as_str()),
        Tag::PrintableString => {
            value.decode_as::<PrintableStringRef<'_>>().ok().map(|s| s.as_str())
        }
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok().map(|s| s.as_str()),
        _ => None,
    };
    match text {
        Some(text) => Value::Text(text.to_owned()),
        None => Value::Other(value.to_der().unwrap_or_default()),
    }
}

/// A name as it may be registered, or what is wrong with it.
pub(in crate::app) fn checked_name(name: CertificateName) -> Result<CertificateName, &'static str> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let fault = match &name {
        CertificateName::SubjectDn(text) => {
            let read = Name::from_str(text).is_ok_and(|name| !name.is_empty());
            (!sized(text) || !read).then_some(
                "tls_client_auth_subject_dn must be an RFC 4514 string like CN=app,O=Example",
            )
        }
        CertificateName::SanDns(text) => (!sized(text) || !plain(text))
            .then_some("tls_client_auth_san_dns must be a host's name, in its A-label form"),
        CertificateName::SanUri(text) => (!sized(text) || !crate::grant::absolute(text))
            .then_some("tls_client_auth_san_uri must be an absolute URI without a fragment"),
        CertificateName::SanEmail(text) => (!sized(text) || !plain(text) || !text.contains('@'))
            .then_some("tls_client_auth_san_email must be an address like app@example.com"),
        CertificateName::SanIp(_) => None,
    };
    fault.map_or(Ok(name), Err)
}

fn sized(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
}
