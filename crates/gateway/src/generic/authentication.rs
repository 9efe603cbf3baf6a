//! What a described provider's calls must show.

use super::Secrets;
use crate::fields::Parameters;
use crate::generic::Network;
use crate::proof::{Secret, base64_mark, header, hex_mark, near, seconds, shown};
use crate::webhook::{Call, Refused};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use zeroize::Zeroizing;

/// One thing that must hold.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// A header that is a secret. `Authorization: Bearer x` is the secret `Bearer x`.
    Header(Named),
    /// A parameter of the query that is a secret: it ends up in logs on the way.
    Query(Named),
    /// HTTP Basic (RFC 7617).
    Basic(User),
    /// A mark over the call.
    Hmac(Hmac),
    /// A client certificate: the server holds it.
    Mtls,
    /// The address called from: the server holds it.
    Address(Vec<Network>),
}

/// A header or parameter and the secret it has to be.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Of the header or parameter.
    pub name: String,
    /// The secret's name.
    pub secret: String,
}

/// A user whose password is a secret.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user.
    pub user: String,
    /// The secret's name.
    pub secret: String,
}

/// A mark over parts of the call.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hmac {
    /// The hash.
    pub algorithm: Algorithm,
    /// The header that holds the mark.
    pub header: String,
    /// How it is written.
    pub encoding: Encoding,
    /// What stands before it: `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// What is signed, one after the other: `body`, `url`, `method`, `header:Name`, `literal:.`.
    pub signed: Vec<String>,
    /// The secret's name.
    pub secret: String,
    /// The header that says when; it must be signed.
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
}

/// A header of seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    /// Its name.
    pub header: String,
    /// How far it may be from now, in seconds.
    pub window_s: u32,
}

/// The hash of a mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// SHA-1: good enough in HMAC, where a provider knows no other.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a mark is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// In either case.
    Hex,
    /// With padding.
    Base64,
}

/// A part of what is signed.
pub(super) enum Part<'a> {
    Body,
    Url,
    Method,
    Header(&'a str),
    Literal(&'a str),
}

impl<'a> Part<'a> {
    pub(super) fn parse(written: &'a str) -> Option<Self> {
        match written {
            "body" => Some(Self::Body),
            "url" => Some(Self::Url),
            "method" => Some(Self::Method),
            _ => match written.split_once(':')? {
                ("header", name) => Some(Self::Header(name)),
                ("literal", literal) => Some(Self::Literal(literal)),
                _ => None,
            },
        }
    }
}

impl Authentication {
    /// The secret's name.
    pub(super) fn secret(&self) -> Option<&str> {
        match self {
            Self::Header(Named { secret, .. })
            | Self::Query(Named { secret, .. })
            | Self::Basic(User { secret, .. })
            | Self::Hmac(Hmac { secret, .. }) => Some(secret),
            Self::Mtls | Self::Address(_) => None,
        }
    }

    /// The networks to call from.
    pub(super) fn networks(&self) -> Option<&[Network]> {
        if let Self::Address(networks) = self { Some(networks) } else { None }
    }

    /// Whether the call shows it. What the server alone can see is the server's to hold.
    pub(super) fn holds(&self, call: &Call<'_>, secrets: &Secrets) -> Result<(), Refused> {
        let Some(name) = self.secret() else { return Ok(()) };
        let secret = secrets.get(name).ok_or(Refused::Unauthenticated)?;
        match self {
            Self::Header(named) => shown(secret.is(header(call, &named.name)?.as_bytes())),
            Self::Query(named) => {
                let query = Parameters::of_url(call.url)?;
                let value = query.one(&named.name)?.ok_or(Refused::Unauthenticated)?;
                shown(secret.is(value.as_bytes()))
            }
            Self::Basic(user) => user.holds(call, secret),
            Self::Hmac(hmac) => hmac.holds(call, secret),
            Self::Mtls | Self::Address(_) => Ok(()),
        }
    }
}

impl User {
    /// The header's value, where this side shows it.
    pub(crate) fn written(&self, secrets: &Secrets) -> String {
        let password = secrets.get(&self.secret).map(Secret::bytes).unwrap_or_default();
        let pair = Zeroizing::new([self.user.as_bytes(), b":", password].concat());
        format!("Basic {}", STANDARD.encode(pair))
    }

    fn holds(&self, call: &Call<'_>, secret: &Secret) -> Result<(), Refused> {
        let no = Refused::Unauthenticated;
        let (scheme, written) = header(call, "authorization")?.split_once(' ').ok_or(no)?;
        shown(scheme.eq_ignore_ascii_case("basic"))?;
        let pair = STANDARD.decode(written.trim()).map_err(|_| no)?;
        let colon = pair.iter().position(|octet| *octet == b':').ok_or(no)?;
        let (user, password) = pair.split_at_checked(colon).ok_or(no)?;
        shown(user == self.user.as_bytes())?;
        shown(secret.is(password.get(1..).unwrap_or_default()))
    }
}

impl Hmac {
    fn holds(&self, call: &Call<'_>, secret: &Secret) -> Result<(), Refused> {
        let written = header(call, &self.header)?;
        let written = written.strip_prefix(&self.prefix).ok_or(Refused::Unauthenticated)?;
        let mark = match self.encoding {
            Encoding::Hex => hex_mark(written)?,
            Encoding::Base64 => base64_mark(written)?,
        };
        let by = match self.algorithm {
            Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha256 => hmac::HMAC_SHA256,
            Algorithm::Sha512 => hmac::HMAC_SHA512,
        };
        shown(secret.marked(by, &self.message(call)?, &mark))?;
        self.timestamp.as_ref().map_or(Ok(()), |timestamp| {
            let at = seconds(header(call, &timestamp.header)?)?;
            near(call.now, at, i64::from(timestamp.window_s))
        })
    }

    fn message(&self, call: &Call<'_>) -> Result<Vec<u8>, Refused> {
        let mut message = Vec::new();
        for part in &self.signed {
            message.extend_from_slice(match Part::parse(part) {
                Some(Part::Body) => call.body,
                Some(Part::Url) => call.url.as_bytes(),
                Some(Part::Method) => call.method.as_bytes(),
                Some(Part::Header(name)) => header(call, name)?.as_bytes(),
                Some(Part::Literal(literal)) => literal.as_bytes(),
                None => return Err(Refused::Unauthenticated),
            });
        }
        Ok(message)
    }
}
