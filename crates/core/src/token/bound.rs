//! What a grant and its tokens are bound to.

use twinpath_wire::oauth::{Confirmation, TOKEN_TYPE_BEARER, TOKEN_TYPE_DPOP};

/// A base64url thumbprint cannot begin so.
const CERTIFICATE: &str = "x5t#S256:";

/// What [`Grant::jkt`](crate::records::Grant::jkt) names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound<'a> {
    /// Nothing: whoever holds a token may use it.
    Nothing,
    /// The key of one app instance, by its thumbprint (RFC 9449).
    Key(&'a str),
    /// A certificate of the app, by its thumbprint (RFC 8705). All its users may share it, so it says
    /// nothing of who they are.
    Certificate(&'a str),
}

impl<'a> Bound<'a> {
    /// Reads a name.
    pub fn of(name: &'a str) -> Self {
        match name.strip_prefix(CERTIFICATE) {
            Some(thumbprint) => Self::Certificate(thumbprint),
            None if name.is_empty() => Self::Nothing,
            None => Self::Key(name),
        }
    }

    /// As a grant keeps it.
    pub fn name(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Key(jkt) => jkt.to_owned(),
            Self::Certificate(thumbprint) => format!("{CERTIFICATE}{thumbprint}"),
        }
    }

    /// The instance key's thumbprint, as it stands in a commitment; empty if there is none.
    pub fn jkt(self) -> &'a str {
        match self {
            Self::Key(jkt) => jkt,
            Self::Nothing | Self::Certificate(_) => "",
        }
    }

    /// `cnf` (RFC 9449 6.1, RFC 8705 3.1).
    pub fn confirmation(self) -> Option<Confirmation> {
        let none = Confirmation::default();
        match self {
            Self::Nothing => None,
            Self::Key(jkt) => Some(Confirmation { jkt: Some(jkt.to_owned()), ..none }),
            Self::Certificate(x5t) => Some(Confirmation { x5t_s256: Some(x5t.to_owned()), ..none }),
        }
    }

    /// `token_type`: a token bound to a certificate is shown as a bearer token (RFC 8705 3).
    pub fn token_type(self) -> &'static str {
        match self {
            Self::Key(_) => TOKEN_TYPE_DPOP,
            Self::Nothing | Self::Certificate(_) => TOKEN_TYPE_BEARER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        for (bound, name, cnf, kind, jkt) in [
            (Bound::Nothing, "", "null", "Bearer", ""),
            (Bound::Key("Nzb"), "Nzb", r#"{"jkt":"Nzb"}"#, "DPoP", "Nzb"),
            (Bound::Certificate("Nzb"), "x5t#S256:Nzb", r#"{"x5t#S256":"Nzb"}"#, "Bearer", ""),
        ] {
            assert_eq!((bound.name().as_str(), Bound::of(name)), (name, bound));
            assert_eq!(serde_json::to_string(&bound.confirmation()).unwrap(), cnf);
            assert_eq!((bound.token_type(), bound.jkt()), (kind, jkt));
        }
        assert_ne!(Bound::of(thumbprint).name(), Bound::Certificate(thumbprint).name());
    }
}
