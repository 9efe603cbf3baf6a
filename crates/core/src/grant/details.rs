//! `authorization_details` (RFC 9396): types that the platform registers, each with the JSON Schema of its
//! objects.
//!
//! What comes is an app's, so everything about it is bounded, and what is told back of it is plain. What
//! is granted is granted whole: an object is never changed, only left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;
use twinpath_wire::oauth::ErrorCode;

use crate::grant::ParameterError;
use crate::records::App;

mod summary;

/// Most objects in one request.
const MAX_OBJECTS: usize = 8;
/// Most bytes of the parameter.
const MAX_BYTES: usize = 8 * 1024;
/// How deep objects and arrays may lie within one another, the outermost array included.
const MAX_DEPTH: usize = 8;
/// Most characters of a place that is told back.
const MAX_PLACE: usize = 100;

/// The registered types.
#[derive(Clone, Debug, Default)]
pub struct DetailTypes(Arc<BTreeMap<String, DetailType>>);

#[derive(Debug)]
struct DetailType {
    description: String,
    schema: Validator,
}

/// A type as the platform's operator writes it.
#[derive(Clone, Debug)]
pub struct DetailTypeSource {
    /// RFC 9396 2: `type`.
    pub name: String,
    /// What it allows, in plain words.
    pub description: String,
    /// JSON Schema of its objects. A `$ref` may lead within it only.
    pub schema: Value,
}

/// Why types cannot be registered: for the operator.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct DetailTypeError(pub String);

impl DetailTypes {
    /// Compiles the schemas. Nothing is fetched; patterns are matched in linear time, so that no object
    /// costs more than its length.
    pub fn new(sources: Vec<DetailTypeSource>) -> Result<Self, DetailTypeError> {
        let mut types = BTreeMap::new();
        for DetailTypeSource { name, description, schema } in sources {
            let refuse = |why: String| Err(DetailTypeError(format!("type {name:?}: {why}")));
            if !(1..=128).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_graphic()) {
                return refuse("the name must be 1 to 128 visible ASCII characters".to_owned());
            }
            let words = description.chars().count();
            if !(1..=200).contains(&words) || description.chars().any(char::is_control) {
                return refuse("the description must say in 1 to 200 characters".to_owned());
            }
            let schema = match compile(&schema) {
                Ok(schema) => schema,
                Err(error) => return refuse(format!("the schema cannot be used: {error}")),
            };
            if types.insert(name.clone(), DetailType { description, schema }).is_some() {
                return refuse("it is there twice".to_owned());
            }
        }
        Ok(Self(Arc::new(types)))
    }

    /// The names of all (RFC 9396 10).
    pub fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// What of the parameter's text is granted: all of it, or nothing.
    pub fn check(&self, raw: &str, app: &App) -> Result<Vec<Value>, ParameterError> {
        let objects = parse(raw)?;
        for (at, object) in objects.iter().enumerate() {
            let name = object.get("type").and_then(Value::as_str).unwrap_or_default();
            let allowed = app.authorization_details_types.iter().any(|known| known == name);
            let known = self.0.get(name).filter(|_| allowed);
            let Some(known) = known else {
                return refuse(format!("[{at}].type is not registered here for this app"));
            };
            known.schema.validate(object).map_err(|error| invalid(place(at, &error)))?;
        }
        Ok(objects)
    }

    /// A line for people about each.
    pub fn summaries(&self, granted: &[Value]) -> Vec<String> {
        granted.iter().map(|object| self.summary(object)).collect()
    }

    /// A line for people: what the type allows, and the first members.
    pub fn summary(&self, object: &Value) -> String {
        let name = object.get("type").and_then(Value::as_str).unwrap_or_default();
        // A type that was taken out of the configuration has only its name.
        let title = self.0.get(name).map_or(name, |known| known.description.as_str());
        summary::line(title, object)
    }
}

fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| error.to_string())
}

/// What of the parameter's text is within `granted`: every object must be one of those (RFC 9396 6).
pub fn details_within(raw: &str, granted: &[Value]) -> Result<Vec<Value>, ParameterError> {
    let objects = parse(raw)?;
    match objects.iter().position(|object| !granted.contains(object)) {
        Some(at) => refuse(format!("[{at}] is not among what was granted")),
        None => Ok(objects),
    }
}

fn invalid(why: impl AsRef<str>) -> ParameterError {
    ParameterError {
        code: ErrorCode::InvalidAuthorizationDetails,
        description: format!("authorization_details{}", why.as_ref()),
    }
}

fn refuse<T>(why: impl AsRef<str>) -> Result<T, ParameterError> {
    Err(invalid(why))
}

/// RFC 9396 2: an array of objects, each with its `type`. Each object once.
fn parse(raw: &str) -> Result<Vec<Value>, ParameterError> {
    if raw.len() > MAX_BYTES {
        return refuse(format!(" is longer than {MAX_BYTES} bytes"));
    }
    let value: Value = serde_json::from_str(raw).map_err(|_| invalid(" is not JSON"))?;
    if deeper(&value, MAX_DEPTH) {
        return refuse(format!(" lies deeper than {MAX_DEPTH}"));
    }
    let Value::Array(said) = value else {
        return refuse(" must be an array of objects");
    };
    if said.is_empty() || said.len() > MAX_OBJECTS {
        return refuse(format!(" must hold 1 to {MAX_OBJECTS} objects"));
    }
    let mut objects: Vec<Value> = Vec::with_capacity(said.len());
    for (at, object) in said.into_iter().enumerate() {
        if !object.get("type").is_some_and(Value::is_string) {
            return refuse(format!("[{at}].type is missing or no string"));
        }
        if !objects.contains(&object) {
            objects.push(object);
        }
    }
    Ok(objects)
}

/// Whether arrays and objects lie deeper within one another than `left`. The parser has its own limit,
/// so this ends.
fn deeper(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left == 0 || items.iter().any(|item| deeper(item, left - 1)),
        Value::Object(members) => {
            left == 0 || members.values().any(|member| deeper(member, left - 1))
        }
        _ => false,
    }
}

/// Where an object breaks its schema, and which rule. The value is not repeated.
fn place(at: usize, error: &ValidationError<'_>) -> String {
    let path = error.instance_path().as_str();
    let shown: String = path.chars().take(MAX_PLACE).map(plain).collect();
    let rule = match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            format!("{} is missing", name.chars().map(plain).collect::<String>())
        }
        kind => format!("breaks '{}' of the schema", kind.keyword()),
    };
    format!("[{at}]{shown}: {rule}")
}

/// RFC 6749 5.2: what an `error_description` may hold.
fn plain(c: char) -> char {
    if c.is_ascii_graphic() && c != '"' && c != '\\' { c } else { '?' }
}

#[cfg(test)]
mod tests;
