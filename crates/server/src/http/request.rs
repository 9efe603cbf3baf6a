//! Reading a request: a form with every parameter once, its source, its URL.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, StatusCode, request};

use twinpath_core::authorization::Parameters;

use crate::config::Config;
use crate::http::{MAX_BODY, Peer, Refusal};
use crate::platform::Platform;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);
const MAX_PARAMETERS: usize = 64;

/// The parameters that may stand more than once (RFC 8707 2, RFC 8693 2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// The parameters of a form-encoded body. Empty ones count as absent (RFC 6749 3.2).
#[derive(Debug, Default)]
pub(super) struct Form {
    parameters: Vec<(String, String)>,
}

impl Form {
    /// Reads a request's body.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Refusal> {
        if !is_of_type(headers, "application/x-www-form-urlencoded") {
            return Err(Refusal::request(
                "the body must be application/x-www-form-urlencoded, said once in Content-Type",
            ));
        }
        Self::parse(&read_body(headers, body).await?)
    }

    /// Reads a body, or a query.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut parameters: Vec<(String, String)> = Vec::with_capacity(8);
        for (name, value) in form_urlencoded::parse(bytes) {
            if parameters.len() >= MAX_PARAMETERS {
                return Err(Refusal::request("too many parameters"));
            }
            if !REPEATABLE.contains(&name.as_ref())
                && parameters.iter().any(|(known, _)| *known == name)
            {
                // The name is the client's own text: only plain ones are told back.
                let plain = name.len() <= 64
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                let name = if plain { name.as_ref() } else { "a parameter" };
                return Err(Refusal::request(format!("{name} stands more than once")));
            }
            parameters.push((name.into_owned(), value.into_owned()));
        }
        parameters.retain(|(_, value)| !value.is_empty());
        Ok(Self { parameters })
    }

    /// A parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    pub(super) fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::request(format!("{name} is missing")))
    }

    /// Every value of a parameter that may stand more than once.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let named = self.parameters.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.clone()).collect()
    }
}

impl Parameters for Form {
    fn get(&self, name: &str) -> Option<&str> {
        Self::get(self, name)
    }

    fn all(&self, name: &str) -> Vec<String> {
        Self::all(self, name)
    }
}

/// A request's body, if it is not too large and comes in time.
pub(crate) async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let too_large =
        || Refusal::request("the body is larger than 64 KiB").status(StatusCode::PAYLOAD_TOO_LARGE);
    let announced = headers.get(http::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    if announced.and_then(|v| v.parse::<usize>().ok()).is_some_and(|n| n > MAX_BODY) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIME, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => {
            Err(Refusal::request("the body did not arrive in time")
                .status(StatusCode::REQUEST_TIMEOUT))
        }
    }
}

/// Whether the one `Content-Type` is this one.
pub(super) fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let kind = only.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case(media_type)
}

/// The one value of a header; `Err` if it stands more than once or is no text.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

/// The base URL by which a client asked: that of the aliases for mTLS (RFC 8705 5) if it named their
/// host, else the issuer. A client says which of the two, never what they are.
pub(super) fn base<'a>(platform: &'a Platform, headers: &HeaderMap) -> &'a str {
    let config = &platform.config;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let named = |url: &&String| {
        let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
        authority.is_some_and(|it| host.is_some_and(|host| host.eq_ignore_ascii_case(it)))
    };
    config.mtls.public_url.as_ref().filter(named).unwrap_or(&config.issuer)
}

/// Where a request comes from; of IPv6 the network of a subscriber, who has 2^64 addresses.
pub(super) fn source(parts: &request::Parts, config: &Config) -> IpAddr {
    match nearest(parts, config) {
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) & (u128::MAX << 64)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The nearest address that is no trusted proxy.
pub(crate) fn nearest(parts: &request::Parts, config: &Config) -> IpAddr {
    let peer =
        parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
    let mut source = peer.to_canonical();
    let forwarded: Vec<_> = parts
        .headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in forwarded.iter().rev() {
        if !config.trusted_proxies.contains(&source) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(ip) => source = ip.to_canonical(),
            Err(_) => break,
        }
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Form, String> {
        Form::parse(body.as_bytes()).map_err(|refusal| refusal.description)
    }

    #[test]
    fn every_parameter_stands_once() {
        let form = parse("a=1&b=&resource=x&resource=y").unwrap();
        assert_eq!((form.get("a"), form.get("b")), (Some("1"), None));
        assert_eq!(form.all("resource"), ["x", "y"]);
        assert_eq!(parse("scope=a&scope=a").unwrap_err(), "scope stands more than once");
        assert_eq!(parse("%3Cb%3E=a&%3Cb%3E=a").unwrap_err(), "a parameter stands more than once");
        let many = (0..65).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(parse(&many).unwrap_err(), "too many parameters");
    }

    #[test]
    fn only_forms_are_read() {
        let with = |types: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in types {
                headers.append(CONTENT_TYPE, value.parse().unwrap());
            }
            is_of_type(&headers, "application/x-www-form-urlencoded")
        };
        assert!(with(&["application/x-www-form-urlencoded"]));
        assert!(with(&["Application/X-WWW-Form-Urlencoded; charset=UTF-8"]));
        for wrong in [&[][..], &["application/json"], &["multipart/form-data"], &["", ""]] {
            assert!(!with(wrong), "{wrong:?}");
        }
    }
}
