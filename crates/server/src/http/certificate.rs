//! The client certificate of a request (RFC 8705): from our own TLS, or handed on by a proxy.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, request};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use twinpath_core::app::{ClientCertificate, MAX_CERTIFICATE};

use crate::config::Config;
use crate::http::request::single;
use crate::http::{Peer, Refusal};
use crate::platform::Platform;

/// The certificate shown on the connection, among a request's extensions.
#[derive(Clone, Debug)]
pub(super) struct Shown(pub(super) Arc<ClientCertificate>);

/// The certificate of a request. On a trusted proxy's connection its header alone counts, as the
/// proxy may have a certificate of its own; on any other the header is nothing.
pub(crate) fn client_certificate(
    platform: &Platform,
    parts: &request::Parts,
) -> Result<Option<Arc<ClientCertificate>>, Refusal> {
    let Some(header) = &platform.config.mtls.header else {
        return Ok(shown(parts));
    };
    let count = |outcome| {
        platform.counters.count("twinpath_client_certificate_headers_total", "http", outcome);
    };
    if !from_trusted_proxy(parts, &platform.config) {
        if parts.headers.contains_key(header) {
            tracing::debug!("a certificate in a header of no trusted proxy is ignored");
            count("ignored");
        }
        return Ok(shown(parts));
    }
    match handed_on(parts, header) {
        Ok(certificate) => Ok(certificate.map(Arc::new)),
        Err(why) => {
            tracing::warn!(why, "a proxy hands on a certificate that cannot be read");
            count("malformed");
            Err(Refusal::request("the client certificate cannot be read"))
        }
    }
}

fn shown(parts: &request::Parts) -> Option<Arc<ClientCertificate>> {
    parts.extensions.get::<Shown>().map(|shown| Arc::clone(&shown.0))
}

/// Whether the other end of the connection is a trusted proxy.
fn from_trusted_proxy(parts: &request::Parts, config: &Config) -> bool {
    let peer = parts.extensions.get::<Peer>();
    peer.is_some_and(|peer| config.trusted_proxies.contains(&peer.0.ip().to_canonical()))
}

fn handed_on(
    parts: &request::Parts,
    header: &HeaderName,
) -> Result<Option<ClientCertificate>, &'static str> {
    let value = single(&parts.headers, header.as_str()).map_err(|()| "it stands more than once")?;
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    // URL-encoded PEM has at most three characters for each of base64, which has four for three bytes.
    if value.len() > 4 * MAX_CERTIFICATE {
        return Err("it is too long");
    }
    let der = match value.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')) {
        // RFC 9440 2.2, a byte sequence of RFC 8941 3.3.5.
        Some(bytes) => STANDARD.decode(bytes).map_err(|_| "it is no base64")?.into(),
        // nginx: $ssl_client_escaped_cert.
        None => escaped_pem(value).ok_or("it is neither RFC 9440 nor URL-encoded PEM")?,
    };
    ClientCertificate::read(vec![der]).map(Some).map_err(|_| "it is no certificate")
}

/// One certificate. `+` is base64's own here, not a space.
fn escaped_pem(value: &str) -> Option<CertificateDer<'static>> {
    let mut pem = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            pem.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            pem.push(byte);
        }
    }
    let mut certificates = CertificateDer::pem_slice_iter(&pem);
    let first = certificates.next()?.ok()?;
    certificates.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: HeaderName = HeaderName::from_static("client-cert");

    fn read(values: &[&str]) -> Result<Option<String>, &'static str> {
        let mut request = http::Request::new(());
        for value in values {
            request.headers_mut().append(NAME, value.parse().unwrap());
        }
        let read = handed_on(&request.into_parts().0, &NAME)?;
        Ok(read.map(|certificate| certificate.thumbprint().to_owned()))
    }

    #[test]
    fn both_forms_of_the_header_are_read_and_nothing_else() {
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        let right = ClientCertificate::read(vec![made.cert.der().clone()]).unwrap();
        let base64 = STANDARD.encode(made.cert.der());
        // As nginx escapes: everything but letters, digits and a few marks.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let escape = |pem: &str| -> String {
            let one = |b: u8| {
                if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }
            };
            pem.bytes().map(one).collect()
        };
        let pem = escape(&made.cert.pem());
        let known = Ok(Some(right.thumbprint().to_owned()));
        assert_eq!(read(&[&format!(":{base64}:")]), known);
        assert_eq!(read(&[&pem]), known);
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[""]), Ok(None));

        let key = escape(&made.signing_key.serialize_pem());
        let long = format!(":{}:", "A".repeat(4 * MAX_CERTIFICATE));
        for wrong in [
            &[base64.as_str()][..],
            &[&format!(":{base64}")],
            &[&format!(":{base64}:, :{base64}:")],
            &[&pem, &pem],
            &[&format!("{pem}{pem}")],
            &[&pem[..pem.len() / 2]],
            &["%"],
            &["%zz"],
            &["::"],
            &[":AAAA:"],
            &[&key],
            &[&long],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
