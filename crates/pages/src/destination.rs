//! Where a redirect goes: in a person's terms, and in those of the pages' security policy.

use crate::hostile::scheme_and_host;

/// Where a person is after the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A web site: its host, with a port if there is one.
    Site(String),
    /// A program that listens on the loopback of this computer (RFC 8252 7.3).
    Computer,
    /// An app on this device, by a scheme of its own (RFC 8252 7.1).
    App,
    /// Nowhere: a device goes on by itself (RFC 8628).
    Device,
}

impl Destination {
    /// Where a registered redirect URI goes.
    pub fn of(redirect_uri: &str) -> Self {
        match scheme_and_host(redirect_uri) {
            Some((scheme, host)) if scheme == "http" && is_loopback(&host) => Self::Computer,
            Some((scheme, host)) if scheme == "https" || scheme == "http" => Self::Site(host),
            _ => Self::App,
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let name = if host.starts_with('[') {
        host.split_inclusive(']').next()
    } else {
        host.split(':').next()
    };
    matches!(name, Some("127.0.0.1" | "localhost" | "[::1]"))
}

/// The header `Content-Security-Policy` of a page: nothing inline, nothing foreign, no frames.
///
/// Browsers hold a form's redirects to `form-action` too, so a page whose form ends at an app needs
/// its (registered!) `redirect_uri` here. A policy cannot name an IPv6 address; for `[::1]` it names
/// the scheme.
pub fn content_security_policy(redirect_uri: Option<&str>) -> String {
    let target = redirect_uri.and_then(source).map(|s| format!(" {s}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'{target}; frame-ancestors 'none'; base-uri 'none'"
    )
}

/// A redirect URI as a source of CSP 3.
fn source(uri: &str) -> Option<String> {
    let scheme = uri.split_once(':')?.0.to_ascii_lowercase();
    if matches!(&*scheme, "http" | "https") {
        let (_, host) = scheme_and_host(uri)?;
        let host = if host.contains('[') { String::new() } else { format!("//{host}") };
        return Some(format!("{scheme}:{host}"));
    }
    let own = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    own.then(|| format!("{scheme}:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_told_apart() {
        let site = |host: &str| Destination::Site(host.to_owned());
        assert_eq!(Destination::of("https://App.example/cb?x=1"), site("app.example"));
        assert_eq!(Destination::of("http://10.0.0.1:8080/cb"), site("10.0.0.1:8080"));
        assert_eq!(
            Destination::of("https://127.0.0.1.evil.example/"),
            site("127.0.0.1.evil.example")
        );
        assert_eq!(
            Destination::of("http://127.0.0.1.evil.example/"),
            site("127.0.0.1.evil.example")
        );
        for loopback in ["http://127.0.0.1:5000/cb", "http://[::1]:5000/", "http://localhost/cb"] {
            assert_eq!(Destination::of(loopback), Destination::Computer, "{loopback}");
        }
        assert_eq!(Destination::of("com.example.app:/cb"), Destination::App);
        assert_eq!(Destination::of("com.example.app://cb/x"), Destination::App);
    }

    #[test]
    fn the_policy_names_the_target_and_nothing_else() {
        let form_action = |uri| {
            let policy = content_security_policy(Some(uri));
            let part = policy.split("; ").find(|p| p.starts_with("form-action")).unwrap();
            part.strip_prefix("form-action ").unwrap().to_owned()
        };
        assert_eq!(form_action("https://app.example:8443/cb"), "'self' https://app.example:8443");
        assert_eq!(form_action("http://127.0.0.1:5000/cb"), "'self' http://127.0.0.1:5000");
        assert_eq!(form_action("http://[::1]:5000/cb"), "'self' http:");
        assert_eq!(form_action("com.example.app:/cb"), "'self' com.example.app:");
        assert_eq!(form_action("nonsense"), "'self'");
        assert_eq!(form_action("https://a.example;script-src *"), "'self'");
        assert_eq!(form_action("a b;script-src *:x"), "'self'");
        assert_eq!(form_action("x.y://a;script-src *\r\nSet-Cookie: a=b"), "'self' x.y:");
        assert!(!content_security_policy(None).contains("unsafe"));
    }
}
