//! Parameters that say what is asked for: `scope` (RFC 6749 3.3) and `resource` (RFC 8707 2).

use twinpath_wire::oauth::ErrorCode;

/// A parameter that cannot be granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParameterError {
    /// For the wire.
    pub code: ErrorCode,
    /// For the developer.
    pub description: String,
}

impl ParameterError {
    pub(crate) fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }
}

const MAX_SCOPES: usize = 64;
const MAX_RESOURCES: usize = 8;
const MAX_RESOURCE_LEN: usize = 512;

/// Scopes by which a person tells an app of themselves. The platform alone serves them, and only the app
/// that the person signed in to.
const PERSONAL: [&str; 3] = ["openid", "phone", "offline_access"];

/// A scope: tokens in the order asked for, each once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Reads the wire form.
    pub fn parse(text: &str) -> Result<Self, ParameterError> {
        let invalid = |why: &str| Err(ParameterError::new(ErrorCode::InvalidScope, why));
        let mut tokens: Vec<String> = Vec::new();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            if !token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
                return invalid("scope has a character that RFC 6749 3.3 does not allow");
            }
            if !tokens.iter().any(|known| known == token) {
                tokens.push(token.to_owned());
            }
        }
        if tokens.len() > MAX_SCOPES {
            return invalid("scope names too many things");
        }
        Ok(Self(tokens))
    }

    /// What is granted: what was asked, if all of it is `allowed`; all of it if nothing was asked.
    pub fn within(asked: Option<&str>, allowed: &[String]) -> Result<Self, ParameterError> {
        let Some(asked) = asked.filter(|asked| !asked.trim().is_empty()) else {
            return Ok(Self(allowed.to_vec()));
        };
        let scope = Self::parse(asked)?;
        match scope.0.iter().find(|token| !allowed.contains(token)) {
            Some(refused) => Err(ParameterError::new(
                ErrorCode::InvalidScope,
                format!("scope '{refused}' is not registered for this app or not in its grant"),
            )),
            None => Ok(scope),
        }
    }

    /// With this token too.
    #[must_use]
    pub fn and(mut self, token: &str) -> Self {
        if !self.has(token) {
            self.0.push(token.to_owned());
        }
        self
    }

    /// What of it is still `allowed`.
    #[must_use]
    pub fn retain(mut self, allowed: &[String]) -> Self {
        self.0.retain(|token| allowed.contains(token));
        self
    }

    /// What of `allowed` is for APIs other than the platform's own: all but `openid` and what goes with
    /// it. An error if nothing remains.
    pub(crate) fn impersonal(
        asked: Option<&str>,
        allowed: &[String],
    ) -> Result<Self, ParameterError> {
        let theirs = |token: &&String| !PERSONAL.contains(&token.as_str());
        let allowed: Vec<_> = allowed.iter().filter(theirs).cloned().collect();
        let scope = Self::within(asked, &allowed)?;
        if scope.0.is_empty() {
            let why = "nothing can be granted: no scope of any API is registered and at hand";
            return Err(ParameterError::new(ErrorCode::InvalidScope, why));
        }
        Ok(scope)
    }

    /// Whether it names `token`.
    pub fn has(&self, token: &str) -> bool {
        self.0.iter().any(|known| known == token)
    }

    /// Its tokens.
    pub fn tokens(&self) -> &[String] {
        &self.0
    }

    /// The wire form.
    pub fn join(&self) -> String {
        self.0.join(" ")
    }
}

/// The resources a token is for: absolute URIs without fragment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resources(pub Vec<String>);

impl Resources {
    /// Checks what was asked against what is `allowed`; an empty `allowed` allows any.
    pub fn within(asked: &[String], allowed: &[String]) -> Result<Self, ParameterError> {
        let invalid = |why: &str| Err(ParameterError::new(ErrorCode::InvalidTarget, why));
        if asked.len() > MAX_RESOURCES {
            return invalid("too many resource parameters");
        }
        for uri in asked {
            if uri.len() > MAX_RESOURCE_LEN || !absolute(uri) {
                return invalid("resource must be an absolute URI without a fragment (RFC 8707 2)");
            }
            if !allowed.is_empty() && !allowed.contains(uri) {
                return invalid("this resource is not known here or not in the grant");
            }
        }
        let mut resources: Vec<String> = Vec::new();
        for uri in asked {
            if !resources.contains(uri) {
                resources.push(uri.clone());
            }
        }
        Ok(Self(resources))
    }
}

/// Whether it is an absolute URI without a fragment (RFC 3986 4.3).
pub(crate) fn absolute(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let rest_ok = !rest.is_empty()
        && rest.bytes().all(|b| b.is_ascii_graphic() && !b"#<>\"{}|\\^`".contains(&b));
    scheme_ok && rest_ok
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Vec<String> {
        items.iter().map(|&item| item.to_owned()).collect()
    }

    #[test]
    fn scope_is_narrowed_never_widened() {
        let allowed = list(&["openid", "phone"]);
        assert_eq!(Scope::within(None, &allowed).unwrap().join(), "openid phone");
        assert_eq!(Scope::within(Some(""), &allowed).unwrap().join(), "openid phone");
        assert_eq!(Scope::within(Some("phone phone"), &allowed).unwrap().join(), "phone");
        for bad in ["admin", "openid admin", "open\"id", "a\u{e9}"] {
            let error = Scope::within(Some(bad), &allowed).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidScope, "{bad}");
        }
    }

    #[test]
    fn resources_are_absolute_uris() {
        let asked = list(&["https://api.example.com/v1", "https://api.example.com/v1"]);
        assert_eq!(Resources::within(&asked, &[]).unwrap().0.len(), 1);
        for bad in ["", "api", "/v1", "https://a/#f", "https://a b", "1x:y", ":y", "x:"] {
            let error = Resources::within(&list(&[bad]), &[]).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidTarget, "{bad}");
        }
        assert!(Resources::within(&asked, &list(&["https://other.example"])).is_err());
    }
}
