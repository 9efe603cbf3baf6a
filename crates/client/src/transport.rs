//! HTTP by reqwest: values of [`crate::core`] go out, values come back. No decisions here.

use std::time::Duration;

use reqwest::{Response, Url};

use crate::{
    Error,
    core::{Answer, Request},
};

/// The longest body of metadata, keys or tokens.
const MAX_BODY: usize = 256 * 1024;

/// How long an answer may take, beside the `wait` asked for.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Builds the HTTP client. Redirects are not followed: a proof is for one URL (RFC 9449 4.2), and
/// no endpoint here redirects.
pub(crate) fn build(
    builder: reqwest::ClientBuilder,
    issuer: &Url,
) -> Result<reqwest::Client, Error> {
    let builder = builder
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .user_agent(concat!("twinpath-client/", env!("CARGO_PKG_VERSION")));
    // A server on this machine is not behind a proxy.
    let builder = if is_loopback(issuer) { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| Error::Encoding(reason(&error)))
}

/// Sends a request and reads the whole answer; an error's text when there is none.
pub(crate) async fn exchange(http: &reqwest::Client, request: Request) -> Result<Answer, String> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes());
    let method = method.map_err(|error| error.to_string())?;
    let mut outgoing =
        http.request(method, request.url).timeout(TIMEOUT.saturating_add(request.extra_patience));
    for (name, value) in request.headers {
        outgoing = outgoing.header(name, value);
    }
    let response = outgoing.body(request.body).send().await.map_err(|error| reason(&error))?;
    let mut answer = head(&response);
    answer.body = body(response).await?;
    Ok(answer)
}

/// Reads a JSON document.
pub(crate) async fn document(http: &reqwest::Client, url: &str) -> Result<Vec<u8>, String> {
    let request = http.get(url).header("accept", "application/json").timeout(TIMEOUT);
    let response = request.send().await.map_err(|error| reason(&error))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(format!("HTTP status {}", response.status().as_u16()));
    }
    body(response).await
}

/// Status and header fields of an answer.
pub(crate) fn head(response: &Response) -> Answer {
    let field = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let headers = response.headers().iter().filter_map(field).collect();
    Answer { status: response.status().as_u16(), headers, body: Vec::new() }
}

async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err("the answer is too long".into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error's innermost cause, without its URL, which may hold what the app put there.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { "no answer in time".into() } else { cause.to_string() }
}

/// Takes HTTPS, and HTTP on this machine (PROTOCOL 12).
pub(crate) fn secure_url(text: &str) -> Result<Url, Error> {
    let refused = || Error::InsecureUrl(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let plain = url.username().is_empty() && url.password().is_none();
    if secure && plain { Ok(url) } else { Err(refused()) }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for taken in
            ["https://a.example", "http://127.0.0.1:1/x", "http://[::1]/", "http://localhost"]
        {
            assert!(secure_url(taken).is_ok(), "{taken}");
        }
        for refused in [
            "http://a.example",
            "ftp://127.0.0.1",
            "http://localhost.example",
            "x",
            "https://u:p@a",
        ] {
            assert!(secure_url(refused).is_err(), "{refused}");
        }
    }
}
