//! The API's `OpenAPI` 3.1 document. Endpoints stand in it because they are routed: both come from the
//! same attribute of a handler.

use ::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::problem::{self, Problem};
use super::{API, Shared, owners, readers, writers};

/// What stands around the endpoints.
pub(super) fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Twinpath admin API")
        .version("1")
        .description(Some(
            "Apps and their installations, developers, accounts, grants, keys and the audit trail of one deployment. \
             Errors are problem details (RFC 9457).",
        ))
        .license(Some(utoipa::openapi::License::new("MIT OR Apache-2.0")));
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let mut components = ComponentsBuilder::new()
        .security_scheme("admin_token", bearer)
        .schema(Problem::name(), Problem::schema());
    for (name, response) in problem::responses() {
        components = components.response(name, response);
    }
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new("admin_token", Vec::<String>::new())]))
        .build()
}

fn document() -> OpenApi {
    let all = utoipa_axum::router::OpenApiRouter::<Shared>::with_openapi(frame())
        .merge(readers())
        .merge(writers())
        .merge(owners());
    utoipa_axum::router::OpenApiRouter::with_openapi(frame()).nest(API, all).into_openapi()
}

/// The document as it stands in `docs/admin-openapi.json`.
pub fn openapi() -> Result<String, serde_json::Error> {
    document().to_pretty_json().map(|text| text + "\n")
}

pub(super) async fn serve() -> Response {
    match openapi() {
        Ok(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => ::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_document_is_the_one_the_code_makes() {
        crate::documents::assert_kept("admin-openapi.json", "admin", &openapi().unwrap());
    }

    /// Whoever reads the document knows which token each request needs.
    #[test]
    fn every_request_tells_how_it_is_refused() {
        let text = openapi().unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() >= 15, "{}", paths.len());
        let mut ids = std::collections::BTreeSet::new();
        for (path, item) in paths {
            assert!(path.starts_with("/admin/v1/"), "{path}");
            for (method, operation) in item.as_object().unwrap() {
                for status in ["400", "401", "403", "503"] {
                    let name = operation["responses"][status]["$ref"].as_str().unwrap();
                    let told = document.pointer(name.trim_start_matches('#')).unwrap();
                    let content = &told["content"]["application/problem+json"];
                    assert!(content.is_object(), "{method} {path}");
                }
                let id = operation["operationId"].as_str().unwrap().to_owned();
                assert!(ids.insert(id), "{method} {path}");
            }
        }
    }
}
