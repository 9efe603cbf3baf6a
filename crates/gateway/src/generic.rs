//! A provider by description: where its texts' fields are, and what its calls must show.
//!
//! A description is configuration (TOML, unknown keys refused); the secrets it names come beside it,
//! so that they can be read from files. [`Generic::new`] checks both once; reading cannot fail for
//! what configuration says.

mod authentication;
mod check;
mod network;
mod texts;

pub use authentication::{Algorithm, Authentication, Encoding, Hmac, Named, Timestamp, User};
pub use network::Network;

use crate::proof::{Flaw, Secret};
use crate::webhook::{Acknowledgement, Call, Refused, Said};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The secrets a description names.
pub type Secrets = BTreeMap<String, Secret>;

/// How a provider calls.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// How it calls.
    pub method: Method,
    /// Where its fields are.
    pub format: Format,
    /// JSON only: the path of the array of texts in one call (`results`); each field's path starts
    /// at an item of it.
    #[serde(default)]
    pub items: Option<String>,
    /// The fields.
    pub fields: Fields,
    /// How the text is written.
    #[serde(default)]
    pub text_encoding: TextEncoding,
    /// What a text's fields must be; one that differs is acknowledged and left (`type` is
    /// `mo_text`). Looked for in the item, then in the whole call.
    #[serde(default)]
    pub only: BTreeMap<String, String>,
    /// How it says what became of texts to phones.
    #[serde(default)]
    pub receipts: Option<Receipts>,
    /// With `fields.timestamp`: how far that may be from now, in seconds.
    #[serde(default)]
    pub window_s: Option<u32>,
    /// What it has to show: all of them.
    pub authentication: Vec<Authentication>,
    /// How it wants to be answered.
    #[serde(default)]
    pub success: Success,
}

/// HTTP's method.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Method {
    /// Fields in the query.
    #[serde(rename = "GET")]
    Get,
    /// Fields in the body or in the query.
    #[serde(rename = "POST")]
    Post,
}

/// Where fields are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `application/x-www-form-urlencoded` in the body.
    Form,
    /// The URL's query.
    Query,
    /// JSON in the body.
    Json,
}

/// Names of parameters, or paths in JSON (`a.b.0.c`).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// What the provider calls the text; without it, repeated texts are told by their content.
    #[serde(default)]
    pub id: Option<String>,
    /// The sender.
    pub from: String,
    /// The number it was sent to.
    #[serde(default)]
    pub to: Option<String>,
    /// The text, all of it: never a "clean" one without its keyword.
    pub text: String,
    /// When: seconds since 1970, milliseconds, or RFC 3339. Needs `window_s`.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// `by_coding`: the field of the data coding.
    #[serde(default)]
    pub coding: Option<String>,
    /// `by_coding`: the field that holds the octets in hex.
    #[serde(default)]
    pub binary: Option<String>,
}

/// A delivery receipt: an item that has both fields, and all of `only`, is one and no text.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Receipts {
    /// What the provider called the text when it took it.
    pub id: String,
    /// What became of the text: a word or number that one of the lists below names. Any other says
    /// that it is still on its way.
    pub status: String,
    /// The provider's code for why.
    pub error: Option<String>,
    /// As `only` of texts, which does not hold for receipts.
    pub only: BTreeMap<String, String>,
    /// The phone has it.
    pub delivered: Vec<String>,
    /// It never arrives.
    pub failed: Vec<String>,
    /// Its time was over.
    pub expired: Vec<String>,
    /// The network or provider would not carry it.
    pub rejected: Vec<String>,
}

/// How texts are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextEncoding {
    /// As they are.
    #[default]
    Plain,
    /// UTF-16, big endian, in hex.
    HexUcs2,
    /// By `fields.coding`: 0, 1, 3 or none is plain; 2 (Kannel) or 8 (SMPP, Jasmin) is UTF-16, big
    /// endian, in hex in `fields.binary`, or plain where that is empty; anything else is no text.
    ByCoding,
}

/// What a call is answered with once it is recorded.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Success {
    /// 200 to 299.
    pub status: u16,
    /// Of the body.
    pub content_type: String,
    /// Jasmin wants `ACK/Jasmin`. Kannel sends a body to the phone: leave it empty.
    pub body: String,
}

impl Default for Success {
    fn default() -> Self {
        Self { status: 200, content_type: String::new(), body: String::new() }
    }
}

/// A description with its secrets, checked.
#[derive(Clone, Debug)]
pub struct Generic {
    description: Description,
    secrets: Secrets,
}

impl Generic {
    /// Checks a description and that its secrets are the ones it names.
    pub fn new(description: Description, secrets: Secrets) -> Result<Self, Flaw> {
        description.check(&secrets)?;
        Ok(Self { description, secrets })
    }

    pub(crate) fn read(&self, call: &Call<'_>) -> Result<Said, Refused> {
        for authentication in &self.description.authentication {
            authentication.holds(call, &self.secrets)?;
        }
        self.description.said(call)
    }

    pub(crate) fn acknowledgement(&self) -> Acknowledgement<'_> {
        let Success { status, content_type, body } = &self.description.success;
        Acknowledgement { status: *status, content_type, body }
    }

    pub(crate) fn methods(&self) -> &'static [&'static str] {
        match self.description.method {
            Method::Get => &["GET"],
            Method::Post => &["POST"],
        }
    }

    /// Whether the server must have seen a client certificate of its trusted ones.
    pub fn requires_certificate(&self) -> bool {
        self.description.authentication.contains(&Authentication::Mtls)
    }

    /// The networks that calls must come from: from one of each list.
    pub fn addresses(&self) -> Vec<&[Network]> {
        let listed = self.description.authentication.iter();
        listed.filter_map(Authentication::networks).collect()
    }
}

#[cfg(test)]
mod tests;
