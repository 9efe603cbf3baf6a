//! An endpoint as the document writes it.

use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, Required, Response, ResponseBuilder, ResponsesBuilder};

use super::endpoints::{ATTESTED, Answer, Caller, Endpoint, OWN_REGISTRATION};
use super::member::{Kind, required};
use super::shapes;
use crate::http::path;

impl Endpoint {
    pub(super) fn operation(&self, method: &HttpMethod) -> OperationBuilder {
        let mut operation =
            OperationBuilder::new().summary(Some(self.summary)).responses(self.responses());
        let attested = if self.caller == Caller::App { ATTESTED } else { &[] };
        for header in self.headers.iter().chain(attested) {
            operation = operation.parameter(header.parameter(ParameterIn::Header));
        }
        if self.path == OWN_REGISTRATION {
            let id = required("client_id", Kind::Text, "The app.");
            operation = operation.parameter(id.parameter(ParameterIn::Path));
        }
        match self.said {
            Some(said) if *method == HttpMethod::Get => {
                let shape = shapes().find(|shape| shape.name == said);
                let members = shape.map_or(&[][..], |shape| shape.members);
                for member in members.iter().copied().flatten() {
                    operation = operation.parameter(member.parameter(ParameterIn::Query));
                }
            }
            Some(said) => {
                let kind = match self.caller {
                    Caller::Token | Caller::Evidence => "application/json",
                    Caller::Anyone | Caller::App => "application/x-www-form-urlencoded",
                };
                // A challenge may be had without saying anything.
                let optional = self.path == path::ATTESTATION_CHALLENGE;
                let need = if optional { Required::False } else { Required::True };
                let body =
                    RequestBodyBuilder::new().required(Some(need)).content(kind, content(said));
                operation = operation.request_body(Some(body.build()));
            }
            None => {}
        }
        let named = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
        match self.caller {
            Caller::Anyone | Caller::Evidence => operation,
            // Or by the form, or by headers.
            Caller::App => operation
                .security(SecurityRequirement::default())
                .security(named("client_secret_basic")),
            Caller::Token => operation.security(named("access_token")),
        }
    }

    fn responses(&self) -> ResponsesBuilder {
        let mut responses = ResponsesBuilder::new();
        let error = match self.answer {
            Answer::Page => page("Refused"),
            Answer::Empty | Answer::Gone | Answer::Json(..) => json("Error", "Refused"),
        };
        for status in self.errors {
            responses = responses.response(status.to_string(), error.clone());
        }
        match self.answer {
            Answer::Empty => {
                responses.response("200", ResponseBuilder::new().description("Done").build())
            }
            Answer::Gone => {
                responses.response("204", ResponseBuilder::new().description("Gone").build())
            }
            Answer::Json(status, shape) if self.path == "/readyz" => responses
                .response(status.to_string(), json(shape, "It does"))
                .response("503", json(shape, "It does not")),
            Answer::Json(status, shape) => {
                responses.response(status.to_string(), json(shape, "Done"))
            }
            Answer::Page => responses
                .response("200", page("A page"))
                .response("303", ResponseBuilder::new().description("A redirect").build()),
        }
    }
}

fn json(shape: &str, text: &str) -> Response {
    let response = ResponseBuilder::new().description(text);
    response.content("application/json", content(shape)).build()
}

fn page(text: &str) -> Response {
    let html = ObjectBuilder::new().schema_type(Type::String).build();
    let content = ContentBuilder::new().schema(Some(html)).build();
    ResponseBuilder::new().description(text).content("text/html", content).build()
}

fn content(shape: &str) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(shape))).build()
}
