//! The OAuth endpoints' `OpenAPI` 3.1 document. Their requests are forms and headers that several RFCs
//! give meaning to, so the document is tables: of [`endpoints`], and of the [`shapes`] that these take
//! and give.

mod attester;
mod endpoints;
mod member;
mod operation;
mod shapes;

use utoipa::openapi::path::{PathItem, PathsBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};

use endpoints::endpoints;
use member::Shape;

fn shapes() -> impl Iterator<Item = &'static Shape> {
    shapes::SHAPES.iter().chain(attester::SHAPES)
}

/// The document as it stands in `docs/openapi.json`.
pub fn openapi() -> Result<String, serde_json::Error> {
    document().to_pretty_json().map(|text| text + "\n")
}

fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Twinpath")
        .version("1")
        .description(Some(
            "The OAuth endpoints, below the issuer. What they mean is in protocol.md; where they \
             are, clients take from the metadata.",
        ))
        .license(Some(utoipa::openapi::License::new("MIT OR Apache-2.0")));
    let mut paths = PathsBuilder::new();
    for endpoint in endpoints() {
        for method in endpoint.methods {
            let item = PathItem::new(method.clone(), endpoint.operation(method));
            paths = paths.path(endpoint.path, item);
        }
    }
    let scheme = |scheme| SecurityScheme::Http(Http::new(scheme));
    let mut components = ComponentsBuilder::new()
        .security_scheme("client_secret_basic", scheme(HttpAuthScheme::Basic))
        .security_scheme("access_token", scheme(HttpAuthScheme::Bearer));
    for shape in shapes() {
        components = components.schema(shape.name, shape.schema());
    }
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components.build())).build()
}

#[cfg(test)]
mod tests {
    use super::endpoints::{Answer, OWN_REGISTRATION};
    use super::*;
    use crate::http::path;

    #[test]
    fn an_apps_registration_is_below_the_endpoint() {
        assert_eq!(OWN_REGISTRATION, format!("{}/{{client_id}}", path::REGISTER));
    }

    #[test]
    fn every_shape_that_is_named_is_there() {
        let known = |name: &str| shapes().any(|shape| shape.name == name);
        for endpoint in endpoints() {
            assert!(endpoint.said.is_none_or(known), "{}", endpoint.path);
            if let Answer::Json(_, shape) = endpoint.answer {
                assert!(known(shape), "{}", endpoint.path);
            }
        }
        assert!(known("Error"));
    }

    #[test]
    fn the_kept_document_is_the_one_the_code_makes() {
        crate::documents::assert_kept("openapi.json", "oauth", &openapi().unwrap());
    }
}
