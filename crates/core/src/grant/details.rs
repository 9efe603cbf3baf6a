//! `authorization_details` (RFC 9396): types that the platform registers, each with the JSON Schema of its
//! objects.

use serde_json::Value;
use twinpath_wire::oauth::ErrorCode;

use crate::grant::ParameterError;
use crate::records::App;

/// The registered types.
#[derive(Clone, Debug, Default)]
pub struct DetailTypes;

impl DetailTypes {
    /// What of the parameter's text is granted: all of it, or nothing.
    pub fn check(&self, _raw: &str, _app: &App) -> Result<Vec<Value>, ParameterError> {
        Err(ParameterError {
            code: ErrorCode::InvalidAuthorizationDetails,
            description: "no authorization_details types are registered here".to_owned(),
        })
    }

    /// A line for people about each.
    pub fn summaries(&self, _granted: &[Value]) -> Vec<String> {
        Vec::new()
    }
}
