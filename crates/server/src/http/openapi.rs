//! The OAuth endpoints' `OpenAPI` 3.1 document. Their requests are forms and headers that several RFCs
//! give meaning to, so the document is a table: an endpoint more is an entry in [`endpoints`].

use twinpath_wire::metadata::{OAUTH_WELL_KNOWN, OPENID_WELL_KNOWN};
use twinpath_wire::oauth::{GRANT_AUTHORIZATION_CODE, GRANT_REFRESH_TOKEN, GRANT_TERMINAL};
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
    /// By a token: of access, or for registration.
    Token,
}

/// An endpoint.
struct Endpoint {
    methods: &'static [HttpMethod],
    path: &'static str,
    summary: &'static str,
    caller: Caller,
    headers: &'static [Member],
    /// The name of the shape of what is said: a form, a query with `GET`, JSON beside a token.
    said: Option<&'static str>,
    answer: Answer,
    /// Statuses with an error.
    errors: &'static [u16],
}

/// How an endpoint answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// 200 without a body.
    Empty,
    /// 204.
    Gone,
    /// JSON of this status and shape; errors are OAuth's.
    Json(u16, &'static str),
    /// A page for people, or a redirect (303); errors are pages too.
    Page,
}

/// PROTOCOL 5: app authentication in a form.
const AUTHENTICATION: &[Member] = &[
    member("client_id", Kind::Text, "Always, except with client_secret_basic."),
    member("client_secret", Kind::Text, "For client_secret_post."),
    member("client_assertion_type", Kind::Text, "RFC 7523 2.2."),
    member("client_assertion", Kind::Text, "For private_key_jwt and client_secret_jwt."),
];

/// What is asked of the authorization endpoint.
const AUTHORIZATION: &[Member] = &[
    member("response_type", Kind::Text, "code."),
    member("redirect_uri", Kind::Text, "As registered."),
    member("scope", Kind::Text, "RFC 6749 3.3."),
    member("state", Kind::Text, "Given back."),
    member("code_challenge", Kind::Text, "RFC 7636 4.2."),
    member("code_challenge_method", Kind::Text, "S256."),
    member("nonce", Kind::Text, "OpenID Connect Core 3.1.2.1."),
    member("prompt", Kind::Text, "OpenID Connect Core 3.1.2.1."),
    member("max_age", Kind::Text, "OpenID Connect Core 3.1.2.1, seconds."),
    member("login_hint", Kind::Text, "tel:+...: the proven number must be this one."),
    member("ui_locales", Kind::Text, "Languages of the page."),
    member("resource", Kind::List, "RFC 8707; may stand more than once."),
    member("dpop_jkt", Kind::Text, "RFC 9449 10."),
];

/// What an app says of itself.
const CLIENT: &[Member] = &[
    required("client_name", Kind::Text, "Shown to people, and in texts."),
    member("redirect_uris", Kind::List, "https, loopback, or a private-use scheme with a dot."),
    member("token_endpoint_auth_method", Kind::Text, "RFC 7591 2."),
    member("grant_types", Kind::List, "Within the initial access token's."),
    member("scope", Kind::Text, "Within the initial access token's."),
    member("dpop_bound_access_tokens", Kind::Flag, "RFC 9449 5.2; true if it is not said."),
    member("client_uri", Kind::Text, "RFC 7591 2."),
];

const TOKEN_HEADERS: &[Member] = &[
    member("DPoP", Kind::Text, "A proof (RFC 9449)."),
    member("Prefer", Kind::Text, "wait=N: hold the answer until the text arrives (RFC 7240)."),
];

const PUSH_HEADERS: &[Member] = &[member("DPoP", Kind::Text, "RFC 9449 10.1.")];

const PROOF: &[Member] = &[member("DPoP", Kind::Text, "A proof with ath, for a bound token.")];

const SHAPES: &[Shape] = &[
    Shape {
        name: "TokenRequest",
        text: "RFC 6749 and its extensions. Parameters that are not known are passed over.",
        members: &[
            &[
                required(
                    "grant_type",
                    Kind::OneOf(&[GRANT_TERMINAL, GRANT_AUTHORIZATION_CODE, GRANT_REFRESH_TOKEN]),
                    "What is shown for the token.",
                ),
                member("terminal_verifier", Kind::Text, "What the text's code was made from."),
                member("code", Kind::Text, "RFC 6749 4.1.3."),
                member("redirect_uri", Kind::Text, "RFC 6749 4.1.3."),
                member("code_verifier", Kind::Text, "RFC 7636 4.5."),
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
        name: "PushedRequest",
        text: "RFC 9126 2.1: an authorization request, and the app that makes it.",
        members: &[AUTHORIZATION, AUTHENTICATION],
    },
    Shape {
        name: "PushedResponse",
        text: "RFC 9126 2.2.",
        members: &[&[
            required("request_uri", Kind::Text, "For the authorization endpoint, once."),
            required("expires_in", Kind::Number, "Seconds."),
        ]],
    },
    Shape {
        name: "AuthorizationRequest",
        text: "RFC 6749 4.1.1, or client_id and the request_uri of a pushed request.",
        members: &[
            &[
                required("client_id", Kind::Text, "The app."),
                member("request_uri", Kind::Text, "RFC 9126 4."),
            ],
            AUTHORIZATION,
        ],
    },
    Shape {
        name: "LogoutRequest",
        text: "OpenID Connect RP-Initiated Logout 2.",
        members: &[&[
            member("id_token_hint", Kind::Text, "An ID token of the session."),
            member("client_id", Kind::Text, "The app."),
            member("post_logout_redirect_uri", Kind::Text, "As registered."),
            member("state", Kind::Text, "Given back."),
            member("ui_locales", Kind::Text, "Languages of the page."),
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
        name: "ClientMetadata",
        text: "RFC 7591 2 and its registry. Members that are not known are passed over.",
        members: &[CLIENT],
    },
    Shape {
        name: "ClientInformation",
        text: "RFC 7591 3.2.1, RFC 7592 3: with everything that is registered.",
        members: &[
            &[
                required("client_id", Kind::Text, "The app."),
                required("client_id_issued_at", Kind::Number, "Seconds since 1970."),
                required("registration_client_uri", Kind::Text, "Its registration."),
                required("registration_access_token", Kind::Text, "For its registration."),
                member("client_secret", Kind::Text, "If one was just made; told once."),
                member("client_secret_expires_at", Kind::Number, "0: never."),
            ],
            CLIENT,
        ],
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

/// RFC 7592 2.
const OWN_REGISTRATION: &str = "/register/{client_id}";
/// 404 where registration is off.
const REGISTRATION: &[u16] = &[400, 401, 404, 408, 413, 429, 503];

/// Every endpoint.
fn endpoints() -> Vec<Endpoint> {
    let form = |path, summary, said, answer| Endpoint {
        methods: &[HttpMethod::Post],
        path,
        summary,
        caller: Caller::App,
        headers: &[],
        said: Some(said),
        answer,
        errors: &[400, 401, 408, 413, 429, 503],
    };
    let page = |path, summary, said| Endpoint {
        methods: &[HttpMethod::Get, HttpMethod::Post],
        caller: Caller::Anyone,
        errors: &[400, 401, 408, 413, 429, 503],
        ..form(path, summary, said, Answer::Page)
    };
    let read = |path, summary, shape| Endpoint {
        methods: &[HttpMethod::Get],
        path,
        summary,
        caller: Caller::Anyone,
        headers: &[],
        said: None,
        answer: Answer::Json(200, shape),
        errors: &[],
    };
    let own = |method, said, answer| Endpoint {
        methods: match method {
            HttpMethod::Put => &[HttpMethod::Put],
            HttpMethod::Delete => &[HttpMethod::Delete],
            _ => &[HttpMethod::Get],
        },
        caller: Caller::Token,
        said,
        answer,
        errors: REGISTRATION,
        ..read(OWN_REGISTRATION, "An app's own registration (RFC 7592)", "ClientInformation")
    };
    let made = Answer::Json(201, "ClientInformation");
    let token = Answer::Json(200, "TokenResponse");
    let pushed = Answer::Json(201, "PushedResponse");
    let told = Answer::Json(200, "IntrospectionResponse");
    vec![
        Endpoint {
            headers: TOKEN_HEADERS,
            ..form(path::TOKEN, "Token endpoint", "TokenRequest", token)
        },
        page(path::AUTHORIZE, "Authorization endpoint", "AuthorizationRequest"),
        Endpoint {
            headers: PUSH_HEADERS,
            ..form(path::PAR, "Pushed requests (RFC 9126)", "PushedRequest", pushed)
        },
        form(path::REVOKE, "Revocation (RFC 7009)", "TokenOfCaller", Answer::Empty),
        form(path::INTROSPECT, "Introspection (RFC 7662)", "TokenOfCaller", told),
        page(path::LOGOUT, "Logout (OpenID Connect RP-Initiated Logout)", "LogoutRequest"),
        Endpoint {
            methods: &[HttpMethod::Get, HttpMethod::Post],
            caller: Caller::Token,
            headers: PROOF,
            errors: &[401, 403, 503],
            ..read(path::USERINFO, "Userinfo (OpenID Connect Core 5.3)", "UserInfo")
        },
        Endpoint {
            caller: Caller::Token,
            errors: REGISTRATION,
            ..form(path::REGISTER, "Registration (RFC 7591), if it is on", "ClientMetadata", made)
        },
        own(HttpMethod::Get, None, Answer::Json(200, "ClientInformation")),
        own(HttpMethod::Put, Some("ClientMetadata"), Answer::Json(200, "ClientInformation")),
        own(HttpMethod::Delete, None, Answer::Gone),
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
            let item = PathItem::new(method.clone(), endpoint.operation(method));
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
    fn operation(&self, method: &HttpMethod) -> OperationBuilder {
        let mut operation =
            OperationBuilder::new().summary(Some(self.summary)).responses(self.responses());
        for header in self.headers {
            operation = operation.parameter(header.parameter(ParameterIn::Header));
        }
        if self.path == OWN_REGISTRATION {
            let id = required("client_id", Kind::Text, "The app.");
            operation = operation.parameter(id.parameter(ParameterIn::Path));
        }
        match self.said {
            Some(said) if *method == HttpMethod::Get => {
                let shape = SHAPES.iter().find(|shape| shape.name == said);
                let members = shape.map_or(&[][..], |shape| shape.members);
                for member in members.iter().copied().flatten() {
                    operation = operation.parameter(member.parameter(ParameterIn::Query));
                }
            }
            Some(said) => {
                let kind = match self.caller {
                    Caller::Token => "application/json",
                    Caller::Anyone | Caller::App => "application/x-www-form-urlencoded",
                };
                let body = RequestBodyBuilder::new()
                    .required(Some(Required::True))
                    .content(kind, content(said));
                operation = operation.request_body(Some(body.build()));
            }
            None => {}
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

impl Member {
    fn parameter(&self, place: ParameterIn) -> ParameterBuilder {
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(place)
            .required(if self.required { Required::True } else { Required::False })
            .description(Some(self.text))
            .schema(Some(self.kind.schema("")))
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
    fn an_apps_registration_is_below_the_endpoint() {
        assert_eq!(OWN_REGISTRATION, format!("{}/{{client_id}}", path::REGISTER));
    }

    #[test]
    fn every_shape_that_is_named_is_there() {
        let known = |name: &str| SHAPES.iter().any(|shape| shape.name == name);
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
