//! What a description may not say: each flaw names its key.

use super::authentication::{Authentication, Hmac, Part};
use super::{Description, Format, Method, Receipts, Secrets, TextEncoding};
use crate::proof::Flaw;
use std::collections::BTreeSet;

/// Most octets of a success answer.
const MAX_ANSWER: usize = 256;

fn flawed(holds: bool, key: impl Into<String>, reason: &'static str) -> Result<(), Flaw> {
    if holds { Err(Flaw::new(key, reason)) } else { Ok(()) }
}

fn is_header(name: &str) -> bool {
    http::HeaderName::from_bytes(name.as_bytes()).is_ok()
}

impl Receipts {
    fn check(&self) -> Result<(), Flaw> {
        flawed(self.id.is_empty(), "receipts.id", "is missing")?;
        flawed(self.status.is_empty(), "receipts.status", "is missing")?;
        flawed(self.error.as_ref().is_some_and(String::is_empty), "receipts.error", "is empty")?;
        flawed(self.only.contains_key(""), "receipts.only", "has an empty name")?;
        flawed(self.delivered.is_empty(), "receipts.delivered", "is missing: which say so?")?;
        let lists = [&self.delivered, &self.failed, &self.expired, &self.rejected];
        let words: Vec<_> = lists.into_iter().flatten().collect();
        let once = words.iter().collect::<BTreeSet<_>>().len() == words.len();
        flawed(!once, "receipts", "has one status in two places")
    }
}

impl Description {
    /// Whether it can be read by, with these secrets.
    pub fn check(&self, secrets: &Secrets) -> Result<(), Flaw> {
        self.check_shape()?;
        self.check_fields()?;
        self.receipts.as_ref().map_or(Ok(()), Receipts::check)?;
        self.check_success()?;
        flawed(self.authentication.is_empty(), "authentication", "is empty: anybody could post")?;
        for (index, authentication) in self.authentication.iter().enumerate() {
            self.check_one(authentication, &format!("authentication.{index}"), secrets)?;
        }
        let named: BTreeSet<_> =
            self.authentication.iter().filter_map(Authentication::secret).collect();
        match secrets.keys().find(|name| !named.contains(name.as_str())) {
            Some(unused) => Err(Flaw::new(format!("secrets.{unused}"), "is used by nothing")),
            None => Ok(()),
        }
    }

    fn check_shape(&self) -> Result<(), Flaw> {
        let body = self.format != Format::Query;
        flawed(body && self.method == Method::Get, "format", "must be query when method is GET")?;
        let items = self.items.is_some() && self.format != Format::Json;
        flawed(items, "items", "needs format json")
    }

    fn check_fields(&self) -> Result<(), Flaw> {
        let fields = &self.fields;
        for (key, name) in [
            ("fields.id", fields.id.as_ref()),
            ("fields.from", Some(&fields.from)),
            ("fields.to", fields.to.as_ref()),
            ("fields.text", Some(&fields.text)),
            ("fields.timestamp", fields.timestamp.as_ref()),
            ("fields.coding", fields.coding.as_ref()),
            ("fields.binary", fields.binary.as_ref()),
            ("items", self.items.as_ref()),
        ] {
            flawed(name.is_some_and(String::is_empty), key, "is empty")?;
        }
        flawed(self.only.contains_key(""), "only", "has an empty name")?;
        let by_coding = self.text_encoding == TextEncoding::ByCoding;
        let needs = "is needed by text_encoding by_coding";
        flawed(by_coding && fields.coding.is_none(), "fields.coding", needs)?;
        flawed(by_coding && fields.binary.is_none(), "fields.binary", needs)?;
        let idle = "is used by text_encoding by_coding alone";
        flawed(!by_coding && fields.coding.is_some(), "fields.coding", idle)?;
        flawed(!by_coding && fields.binary.is_some(), "fields.binary", idle)?;
        let timestamp = fields.timestamp.is_some();
        flawed(timestamp && self.window_s.is_none(), "window_s", "is needed by fields.timestamp")?;
        flawed(!timestamp && self.window_s.is_some(), "window_s", "needs fields.timestamp")
    }

    fn check_success(&self) -> Result<(), Flaw> {
        let success = &self.success;
        flawed(!(200..300).contains(&success.status), "success.status", "is not 200 to 299")?;
        let bodiless = success.status == 204 || success.status == 205;
        flawed(bodiless && !success.body.is_empty(), "success.body", "has no place in 204 or 205")?;
        let unnamed = !success.body.is_empty() && success.content_type.is_empty();
        flawed(unnamed, "success.content_type", "is needed by success.body")?;
        flawed(success.body.len() > MAX_ANSWER, "success.body", "is longer than 256 octets")?;
        let value = http::HeaderValue::from_str(&success.content_type);
        flawed(value.is_err(), "success.content_type", "is no media type")
    }

    fn check_one(
        &self,
        authentication: &Authentication,
        key: &str,
        secrets: &Secrets,
    ) -> Result<(), Flaw> {
        if let Some(name) = authentication.secret() {
            let missing = !secrets.contains_key(name);
            flawed(missing, format!("secrets.{name}"), "is missing")?;
        }
        match authentication {
            Authentication::Header(named) => {
                let key = format!("{key}.header.name");
                flawed(!is_header(&named.name), key, "is no header's name")
            }
            Authentication::Query(named) => {
                flawed(named.name.is_empty(), format!("{key}.query.name"), "is empty")
            }
            Authentication::Basic(user) => {
                let no = user.user.is_empty() || user.user.contains(':');
                flawed(no, format!("{key}.basic.user"), "is empty or holds a colon")
            }
            Authentication::Hmac(hmac) => self.check_hmac(hmac, &format!("{key}.hmac")),
            Authentication::Mtls => Ok(()),
            Authentication::Address(networks) => {
                flawed(networks.is_empty(), format!("{key}.address"), "is empty")
            }
        }
    }

    /// A mark has to cover where the fields are, and the time it is judged by.
    fn check_hmac(&self, hmac: &Hmac, key: &str) -> Result<(), Flaw> {
        flawed(!is_header(&hmac.header), format!("{key}.header"), "is no header's name")?;
        let signed = format!("{key}.signed");
        let parts: Option<Vec<_>> = hmac.signed.iter().map(|part| Part::parse(part)).collect();
        let unknown = "knows body, url, method, header:<name> and literal:<text>";
        let parts = parts.ok_or_else(|| Flaw::new(&signed, unknown))?;
        let covers = |part: &Part<'_>| match self.format {
            Format::Query => matches!(part, Part::Url),
            Format::Form | Format::Json => matches!(part, Part::Body),
        };
        let bare = "does not cover the fields: body for form and json, url for query";
        flawed(!parts.iter().any(covers), &signed, bare)?;
        let headers = parts.iter().filter_map(|part| match part {
            Part::Header(name) => Some(*name),
            _ => None,
        });
        flawed(headers.clone().any(|name| !is_header(name)), &signed, "is no header's name")?;
        let Some(timestamp) = &hmac.timestamp else { return Ok(()) };
        let mut names = headers.filter(|name| name.eq_ignore_ascii_case(&timestamp.header));
        flawed(names.next().is_none(), format!("{key}.timestamp.header"), "is not in signed")
    }
}
