//! An API by description: configuration, with the secrets it names beside it.

use super::template::{Values, check, filled};
use super::{ApiAttempt, message_id, of_status, temporary};
use crate::fields::{at, json, scalar};
use crate::generic::{Method, Secrets};
use crate::proof::Flaw;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How a provider takes texts. Templates have places: `{to}`, `{from}`, both also without their `+`
/// as `{to_digits}` and `{from_digits}`, `{text}`, `{reference}` and `{secret.<name>}`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// `GET` has no body.
    pub method: Method,
    /// A template; values are percent-encoded. None may stand in the host.
    pub url: String,
    /// The number or name texts come from.
    pub sender: String,
    /// Templates by header; `{text}` has no place there.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// HTTP Basic (RFC 7617).
    #[serde(default)]
    pub basic: Option<crate::generic::User>,
    /// The body.
    #[serde(default)]
    pub body: Option<Form>,
    /// Statuses that may mean success.
    #[serde(default = "successes")]
    pub success_statuses: Vec<u16>,
    /// Statuses to try again after, besides 401, 403, 408, 425, 429 and 500 to 599.
    #[serde(default)]
    pub temporary_statuses: Vec<u16>,
    /// What else must be in a JSON answer of success: value by path.
    #[serde(default)]
    pub accepted: BTreeMap<String, String>,
    /// What in a JSON answer means that it may be tried again: values by path.
    #[serde(default)]
    pub temporary: BTreeMap<String, Vec<String>>,
    /// The path of the provider's name for the text in a JSON answer.
    #[serde(default)]
    pub message_id: Option<String>,
    /// Whether receipts will name the text by `{reference}`, which the request then holds.
    #[serde(default)]
    pub message_id_is_reference: bool,
    /// What stands before and after that name in another answer: Jasmin's is `Success "<id>"`.
    #[serde(default)]
    pub message_id_between: Option<(String, String)>,
}

/// A body.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `application/x-www-form-urlencoded`: templates by name.
    Form(BTreeMap<String, String>),
    /// JSON in which every text is a template.
    Json(Value),
}

fn successes() -> Vec<u16> {
    vec![200, 201, 202]
}

/// A description with its secrets, checked.
#[derive(Clone, Debug)]
pub struct DescribedApi {
    description: Description,
    secrets: Secrets,
}

impl DescribedApi {
    /// Checks a description and that its secrets are the ones it names.
    pub fn new(description: Description, secrets: Secrets) -> Result<Self, Flaw> {
        description.check(&secrets)?;
        let api = Self { description, secrets };
        let request = api.request("+10", "x", "x");
        request.map_err(|_| Flaw::new("url", "or a header makes no HTTP request"))?;
        Ok(api)
    }

    pub(super) fn request(
        &self,
        to: &str,
        text: &str,
        reference: &str,
    ) -> Result<http::Request<Vec<u8>>, http::Error> {
        let Description { method, url, sender, headers, basic, body, .. } = &self.description;
        let values = Values { to, from: sender, text, reference, secrets: &self.secrets };
        let (kind, octets) = match body {
            None => (None, Vec::new()),
            Some(Form::Form(pairs)) => {
                (Some("application/x-www-form-urlencoded"), form(pairs, &values))
            }
            Some(Form::Json(value)) => {
                (Some("application/json"), json_filled(value, &values).to_string().into_bytes())
            }
        };
        let mut map = HeaderMap::new();
        kind.map(|kind| map.insert(CONTENT_TYPE, HeaderValue::from_static(kind)));
        for (name, template) in headers {
            let value = filled(template, &values, str::to_owned);
            map.insert(HeaderName::try_from(name)?, sensitive(value)?);
        }
        if let Some(user) = basic {
            map.insert(http::header::AUTHORIZATION, sensitive(user.written(&self.secrets))?);
        }
        let mut request = http::Request::builder()
            .method(match method {
                Method::Get => http::Method::GET,
                Method::Post => http::Method::POST,
            })
            .uri(filled(url, &values, encoded))
            .body(octets)?;
        *request.headers_mut() = map;
        Ok(request)
    }

    pub(super) fn named_by_reference(&self) -> bool {
        self.description.message_id_is_reference
    }

    pub(super) fn answer(&self, status: u16, body: &[u8]) -> ApiAttempt {
        let description = &self.description;
        let value = json(body).unwrap_or_default();
        let found = |path: &String| at(&value, path).and_then(scalar);
        let passing = description
            .temporary
            .iter()
            .any(|(path, values)| found(path).is_some_and(|found| values.contains(&found)));
        if passing || description.temporary_statuses.contains(&status) {
            return temporary("unavailable");
        }
        if !description.success_statuses.contains(&status) {
            return of_status(status);
        }
        for (path, value) in &description.accepted {
            match found(path) {
                Some(said) if said == *value => {}
                Some(_) => return ApiAttempt::Permanent("refused"),
                // Not the provider's answer, but a page of something on the way.
                None => return temporary("unexpected"),
            }
        }
        let id = description.message_id.as_ref().and_then(found);
        let id = id.or_else(|| description.between(body));
        ApiAttempt::Accepted { message_id: message_id(id.as_deref()) }
    }
}

fn sensitive(value: String) -> Result<HeaderValue, http::Error> {
    let mut value = HeaderValue::try_from(value)?;
    value.set_sensitive(true);
    Ok(value)
}

fn encoded(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
}

fn form(pairs: &BTreeMap<String, String>, values: &Values<'_>) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, template) in pairs {
        form.append_pair(name, &filled(template, values, str::to_owned));
    }
    form.finish().into_bytes()
}

fn json_filled(value: &Value, values: &Values<'_>) -> Value {
    match value {
        Value::String(template) => Value::String(filled(template, values, str::to_owned)),
        Value::Array(items) => items.iter().map(|item| json_filled(item, values)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), json_filled(member, values)))
            .collect(),
        other => other.clone(),
    }
}

/// Every text of a JSON value.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}

impl Description {
    fn between(&self, body: &[u8]) -> Option<String> {
        let (before, after) = self.message_id_between.as_ref()?;
        let (_, rest) = std::str::from_utf8(body).ok()?.split_once(before)?;
        rest.split_once(after).map(|(id, _)| id.to_owned())
    }

    /// The number and the text must be in it somewhere, and every secret in use.
    fn check(&self, secrets: &Secrets) -> Result<(), Flaw> {
        let mut places = BTreeSet::new();
        for (name, template) in &self.headers {
            let key = format!("headers.{name}");
            let mut own = BTreeSet::new();
            check(template, &key, secrets, &mut own)?;
            if HeaderName::try_from(name).is_err() || own.contains("text") {
                return Err(Flaw::new(key, "is no header's name, or holds {text}"));
            }
            places.extend(own);
        }
        check(&self.url, "url", secrets, &mut places)?;
        self.check_body(secrets, &mut places)?;
        self.check_rest()?;
        let to = places.contains("to") || places.contains("to_digits");
        if self.message_id_is_reference && !places.contains("reference") {
            return Err(Flaw::new("message_id_is_reference", "needs a place for {reference}"));
        }
        if !to || !places.contains("text") {
            return Err(Flaw::new("body", "and url have no place for {to} or {text}"));
        }
        let basic = self.basic.as_ref().map(|basic| basic.secret.as_str());
        if let Some(missing) = basic.filter(|name| !secrets.contains_key(*name)) {
            return Err(Flaw::new(format!("secrets.{missing}"), "is missing"));
        }
        let used = |name: &str| places.contains(&format!("secret.{name}")) || basic == Some(name);
        match secrets.keys().find(|name| !used(name)) {
            Some(unused) => Err(Flaw::new(format!("secrets.{unused}"), "is used by nothing")),
            None => Ok(()),
        }
    }

    fn check_body(&self, secrets: &Secrets, places: &mut BTreeSet<String>) -> Result<(), Flaw> {
        if self.method == Method::Get && self.body.is_some() {
            return Err(Flaw::new("body", "has no place in a GET"));
        }
        match &self.body {
            None => Ok(()),
            Some(Form::Form(pairs)) => pairs.iter().try_for_each(|(name, template)| {
                check(template, &format!("body.form.{name}"), secrets, places)
            }),
            Some(Form::Json(value)) => {
                let mut templates = Vec::new();
                texts(value, &mut templates);
                templates.iter().try_for_each(|text| check(text, "body.json", secrets, places))
            }
        }
    }

    fn check_rest(&self) -> Result<(), Flaw> {
        let rest = self.url.strip_prefix("https://").or_else(|| self.url.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
        if host.is_empty() || host.contains(['{', '@']) {
            return Err(Flaw::new("url", "is no http or https URL with a fixed host"));
        }
        let named = [self.message_id.is_some(), self.message_id_between.is_some()];
        if self.message_id_is_reference && named.contains(&true) {
            return Err(Flaw::new("message_id_is_reference", "leaves no other message_id"));
        }
        if self.sender.is_empty() {
            return Err(Flaw::new("sender", "is empty"));
        }
        let success = |status: &u16| (200..300).contains(status);
        if self.success_statuses.is_empty() || !self.success_statuses.iter().all(success) {
            return Err(Flaw::new("success_statuses", "is empty or holds another than 200 to 299"));
        }
        Ok(())
    }
}
