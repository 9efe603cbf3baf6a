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
/// Browsers hold every redirect of a form's answer to `form-action`, those of the app it leads to and of
/// whomever that redirects to as well. So a page whose form `leads_out` must do without: its forms are
/// its own all the same, as nothing in it is anybody else's markup.
pub fn content_security_policy(leads_out: bool) -> String {
    let form_action = if leads_out { "" } else { "form-action 'self'; " };
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
         connect-src 'self'; {form_action}frame-ancestors 'none'; base-uri 'none'"
    )
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
    fn forms_stay_here_unless_they_lead_out() {
        let (stays, leads) = (content_security_policy(false), content_security_policy(true));
        assert!(stays.contains("; form-action 'self'; frame-ancestors 'none'"), "{stays}");
        assert!(!leads.contains("form-action") && leads.contains("; frame-ancestors 'none'"));
        assert!(!stays.contains("unsafe") && !leads.contains("unsafe"));
    }
}
