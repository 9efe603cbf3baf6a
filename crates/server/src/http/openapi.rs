//! The OAuth endpoints' `OpenAPI` 3.1 document. Their requests are forms and headers that several RFCs
//! give meaning to, so the document is a table: an endpoint more is an entry in [`endpoints`].

use twinpath_wire::metadata::{OAUTH_WELL_KNOWN, OPENID_WELL_KNOWN};
use twinpath_wire::oauth::{GRANT_REFRESH_TOKEN, GRANT_TERMINAL};
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AdditionalProperties, Array, Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    Response, ResponseBuilder, ResponsesBuilder,
};

use crate::http::path;

/// A member of a form or an answer.
struct Member {
    name: &'static str,
    kind: Kind,
    required: bool,
    text: &'static str,
}

/// What a member is.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    OneOf(&'static [&'static str]),
    Number,
    Flag,
    List,
    Any,
}

const fn member(name: &'static str, kind: Kind, text: &'static str) -> Member {
    Member { name, kind, required: false, text }
}

const fn required(name: &'static str, kind: Kind, text: &'static str) -> Member {
    Member { name, kind, required: true, text }
}

/// A shape that the document names.
struct Shape {
    name: &'static str,
    text: &'static str,
    members: &'static [&'static [Member]],
}

/// How an endpoint knows its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// It does not.
    Anyone,
    /// By app authentication, in the form or as `client_secret_basic`.
    App,
    /// By an access token.
    Token,
}

/// An endpoint.
struct Endpoint {
    methods: &'static [HttpMethod],
    path: &'static str,
    summary: &'static str,
    caller: Caller,
    headers: &'static [Member],
    /// The name of the form's shape.
    form: Option<&'static str>,
    /// The name of the answer's shape; `None` for an empty body.
    answer: Option<&'static str>,
    /// Statuses with an OAuth error.
    errors: &'static [u16],
}

/// PROTOCOL 5: app authentication in a form.
const AUTHENTICATION: &[Member] = &[
    member("client_id", Kind::Text, "Always, except with client_secret_basic."),
    member("client_secret", Kind::Text, "For client_secret_post."),
    member("client_assertion_type", Kind::Text, "RFC 7523 2.2."),
    member("client_assertion", Kind::Text, "For private_key_jwt and client_secret_jwt."),
];

const TOKEN_HEADERS: &[Member] = &[
    member("DPoP", Kind::Text, "A proof (RFC 9449)."),
    member("Prefer", Kind::Text, "wait=N: hold the answer until the text arrives (RFC 7240)."),
];

const PROOF: &[Member] = &[member("DPoP", Kind::Text, "A proof with ath, for a bound token.")];

const SHAPES: &[Shape] = &[
    Shape {
        name: "TokenRequest",
        text: "RFC 6749 and its extensions. Parameters that are not known are passed over.",
        members: &[
            &[
                required(
                    "grant_type",
                    Kind::OneOf(&[GRANT_TERMINAL, GRANT_REFRESH_TOKEN]),
                    "What is shown for the token.",
                ),
                member("terminal_verifier", Kind::Text, "What the text's code was made from."),
                member("refresh_token", Kind::Text, "RFC 6749 6."),
                member("scope", Kind::Text, "RFC 6749 3.3."),
                member("resource", Kind::List, "RFC 8707; may stand more than once."),
                member("login_hint", Kind::Text, "tel:+...: the proven number must be this one."),
            ],
            AUTHENTICATION,
        ],
    },
    Shape {
        name: "TokenResponse",
        text: "RFC 6749 5.1.",
        members: &[&[
            required("access_token", Kind::Text, "RFC 9068."),
            required("token_type", Kind::OneOf(&["DPoP", "Bearer"]), "RFC 6749 7.1."),
            member("expires_in", Kind::Number, "Seconds."),
            member("scope", Kind::Text, "What was granted."),
            member("refresh_token", Kind::Text, "RFC 6749 6."),
            member("id_token", Kind::Text, "OpenID Connect Core 2."),
            member("terminal_hint", Kind::Text, "The proven number, masked."),
            member("authorization_details", Kind::Any, "RFC 9396 7."),
        ]],
    },
    Shape {
        name: "TokenOfCaller",
        text: "A token, and the app that asks about it (RFC 7009 2.1, RFC 7662 2.1).",
        members: &[
            &[
                required("token", Kind::Text, "An access or refresh token."),
                member("token_type_hint", Kind::Text, "Passed over: a token says what it is."),
            ],
            AUTHENTICATION,
        ],
    },
    Shape {
        name: "IntrospectionResponse",
        text: "RFC 7662 2.2; further members only if active.",
        members: &[&[required("active", Kind::Flag, "Whether the token can be used.")]],
    },
    Shape {
        name: "UserInfo",
        text: "OpenID Connect Core 5.3.2.",
        members: &[&[
            required("sub", Kind::Text, "The account, for this app."),
            member("union_id", Kind::Text, "The account, for all apps of its developer."),
            member("phone_number", Kind::Text, "With scope phone."),
            member("phone_number_verified", Kind::Flag, "With scope phone."),
        ]],
    },
    Shape {
        name: "JwkSet",
        text: "RFC 7517 5.",
        members: &[&[required("keys", Kind::Any, "The public keys.")]],
    },
    Shape {
        name: "Metadata",
        text: "RFC 8414 2, OpenID Connect Discovery 3.",
        members: &[&[
            required("issuer", Kind::Text, "The server's identity."),
            required("token_endpoint", Kind::Text, "RFC 8414 2."),
            required("response_types_supported", Kind::List, "RFC 8414 2."),
        ]],
    },
    Shape {
        name: "Health",
        text: "How the server is.",
        members: &[&[required("status", Kind::Text, "ok or unavailable.")]],
    },
    Shape {
        name: "Error",
        text: "RFC 6749 5.2.",
        members: &[&[
            required("error", Kind::Text, "The code."),
            member("error_description", Kind::Text, "For developers."),
            member("interval", Kind::Number, "Seconds between polls."),
        ]],
    },
];

/// Every endpoint.
fn endpoints() -> Vec<Endpoint> {
    let form = |path, summary, form, answer| Endpoint {
        methods: &[HttpMethod::Post],
        path,
        summary,
        caller: Caller::App,
        headers: &[],
        form: Some(form),
        answer,
        errors: &[400, 401, 408, 413, 429, 503],
    };
    let read = |path, summary, answer| Endpoint {
        methods: &[HttpMethod::Get],
        path,
        summary,
        caller: Caller::Anyone,
        headers: &[],
        form: None,
        answer: Some(answer),
        errors: &[],
    };
    vec![
        Endpoint {
            headers: TOKEN_HEADERS,
            ..form(path::TOKEN, "Token endpoint", "TokenRequest", Some("TokenResponse"))
        },
        form(path::REVOKE, "Revocation (RFC 7009)", "TokenOfCaller", None),
        form(
            path::INTROSPECT,
            "Introspection (RFC 7662)",
            "TokenOfCaller",
            Some("IntrospectionResponse"),
        ),
        Endpoint {
            methods: &[HttpMethod::Get, HttpMethod::Post],
            caller: Caller::Token,
            headers: PROOF,
            errors: &[401, 403, 503],
            ..read(path::USERINFO, "Userinfo (OpenID Connect Core 5.3)", "UserInfo")
        },
        read(path::JWKS, "Signing keys (RFC 7517)", "JwkSet"),
        read(OAUTH_WELL_KNOWN, "Metadata (RFC 8414)", "Metadata"),
        read(OPENID_WELL_KNOWN, "Metadata (OpenID Connect Discovery)", "Metadata"),
        read("/livez", "Whether the process answers", "Health"),
        read("/readyz", "Whether the store takes writes", "Health"),
    ]
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
            let item = PathItem::new(method.clone(), endpoint.operation());
            paths = paths.path(endpoint.path, item);
        }
    }
    let scheme = |scheme| SecurityScheme::Http(Http::new(scheme));
    let mut components = ComponentsBuilder::new()
        .security_scheme("client_secret_basic", scheme(HttpAuthScheme::Basic))
        .security_scheme("access_token", scheme(HttpAuthScheme::Bearer));
    for shape in SHAPES {
        components = components.schema(shape.name, shape.schema());
    }
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components.build())).build()
}

impl Endpoint {
    fn operation(&self) -> OperationBuilder {
        let mut operation =
            OperationBuilder::new().summary(Some(self.summary)).responses(self.responses());
        for header in self.headers {
            let parameter = ParameterBuilder::new()
                .name(header.name)
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some(header.text))
                .schema(Some(header.kind.schema("")));
            operation = operation.parameter(parameter);
        }
        if let Some(form) = self.form {
            let content = content(form);
            let body = RequestBodyBuilder::new()
                .required(Some(Required::True))
                .content("application/x-www-form-urlencoded", content);
            operation = operation.request_body(Some(body.build()));
        }
        let named = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
        match self.caller {
            Caller::Anyone => operation,
            // Or by the form.
            Caller::App => operation
                .security(SecurityRequirement::default())
                .security(named("client_secret_basic")),
            Caller::Token => operation.security(named("access_token")),
        }
    }

    fn responses(&self) -> ResponsesBuilder {
        let json = |shape: Option<&str>, text: &str| -> Response {
            let response = ResponseBuilder::new().description(text);
            match shape {
                Some(shape) => response.content("application/json", content(shape)).build(),
                None => response.build(),
            }
        };
        let mut responses = ResponsesBuilder::new().response("200", json(self.answer, "Done"));
        if self.path == "/readyz" {
            responses = responses.response("503", json(self.answer, "The store takes no writes"));
        }
        for status in self.errors {
            let refused = json(Some("Error"), "Refused");
            responses = responses.response(status.to_string(), refused);
        }
        responses
    }
}

fn content(shape: &str) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(shape))).build()
}

impl Shape {
    fn schema(&self) -> Object {
        let mut object = ObjectBuilder::new()
            .description(Some(self.text))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)));
        for member in self.members.iter().copied().flatten() {
            object = object.property(member.name, member.kind.schema(member.text));
            if member.required {
                object = object.required(member.name);
            }
        }
        object.build()
    }
}

impl Kind {
    fn schema(self, text: &str) -> RefOr<Schema> {
        let plain = |kind| ObjectBuilder::new().schema_type(kind);
        let object = match self {
            Self::Text => plain(Type::String),
            Self::OneOf(values) => plain(Type::String).enum_values(Some(values.iter().copied())),
            Self::Number => plain(Type::Integer),
            Self::Flag => plain(Type::Boolean),
            Self::List => {
                let mut list = Array::new(plain(Type::String).build());
                list.description = (!text.is_empty()).then(|| text.to_owned());
                return RefOr::T(Schema::Array(list));
            }
            Self::Any => plain(Type::Array),
        };
        let description = (!text.is_empty()).then_some(text);
        RefOr::T(Schema::Object(object.description(description).build()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_that_is_named_is_there() {
        let known = |name: &str| SHAPES.iter().any(|shape| shape.name == name);
        for endpoint in endpoints() {
            for name in endpoint.form.iter().chain(&endpoint.answer) {
                assert!(known(name), "{name}");
            }
        }
        assert!(known("Error"));
    }

    #[test]
    fn the_kept_document_is_the_one_the_code_makes() {
        crate::kept::assert_kept("openapi.json", "oauth", &openapi().unwrap());
    }
}
