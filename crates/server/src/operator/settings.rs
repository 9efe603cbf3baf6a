//! What operators say of an app.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use twinpath_core::app::ClientMetadata;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::{PartialSchema, ToSchema};

/// [`ClientMetadata`] without members that nobody knows: an operator is told of a typing error.
#[derive(Clone, Debug)]
pub struct AppSettings(pub ClientMetadata);

impl ToSchema for AppSettings {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ClientMetadata::schemas(schemas);
    }
}

impl PartialSchema for AppSettings {
    fn schema() -> RefOr<Schema> {
        let mut schema = ClientMetadata::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        schema
    }
}

fn names() -> &'static BTreeSet<String> {
    static NAMES: OnceLock<BTreeSet<String>> = OnceLock::new();
    NAMES.get_or_init(|| match ClientMetadata::schema() {
        RefOr::T(Schema::Object(object)) => object.properties.into_keys().collect(),
        _ => BTreeSet::new(),
    })
}

impl<'de> Deserialize<'de> for AppSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        if let Some(odd) = members.keys().find(|name| !names().contains(*name)) {
            return Err(D::Error::custom(format!("{odd:?} is no member of an app's metadata")));
        }
        serde_json::from_value(Value::Object(members)).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_is_refused() {
        let read = |text: &str| serde_json::from_str::<AppSettings>(text).map(|said| said.0);
        let known = read(r#"{"client_name":"A","token_endpoint_auth_method":"none","scope":null}"#);
        assert_eq!(known.unwrap().client_name.as_deref(), Some("A"));
        for odd in [r#"{"name":"A"}"#, r#"{"auth_method":"none"}"#, "[]", r#"{"dpop":true}"#] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }
}
