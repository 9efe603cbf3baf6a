//! What requests and answers hold, as tables.

use twinpath_wire::oauth::{
    GRANT_AUTHORIZATION_CODE, GRANT_CLIENT_CREDENTIALS, GRANT_DEVICE_CODE, GRANT_REFRESH_TOKEN,
    GRANT_TERMINAL, GRANT_TOKEN_EXCHANGE,
};

use super::member::{Kind, Member, Shape, member, required};

/// Every `grant_type`.
const GRANTS: &[&str] = &[
    GRANT_TERMINAL,
    GRANT_AUTHORIZATION_CODE,
    GRANT_REFRESH_TOKEN,
    GRANT_DEVICE_CODE,
    GRANT_CLIENT_CREDENTIALS,
    GRANT_TOKEN_EXCHANGE,
];

/// PROTOCOL 5: app authentication in a form.
const AUTHENTICATION: &[Member] = &[
    member("client_id", Kind::Text, "Always, except with client_secret_basic."),
    member("client_secret", Kind::Text, "For client_secret_post."),
    member("client_assertion_type", Kind::Text, "RFC 7523 2.2."),
    member("client_assertion", Kind::Text, "For private_key_jwt and client_secret_jwt."),
];

/// What every kind of request may ask for.
const ASKED: &[Member] = &[
    member("scope", Kind::Text, "RFC 6749 3.3."),
    member("resource", Kind::List, "RFC 8707; may stand more than once."),
    member("authorization_details", Kind::Text, "RFC 9396 2: a JSON array, as text."),
];

/// What is said of the person, and to the person.
const PERSON: &[Member] = &[
    member("login_hint", Kind::Text, "tel:+...: the proven number must be this one."),
    member("max_age", Kind::Text, "OpenID Connect Core 3.1.2.1, seconds."),
    member("acr_values", Kind::Text, "RFC 9470 4."),
];

const LOCALES: Member = member("ui_locales", Kind::Text, "Languages of texts and pages.");
const STATE: Member = member("state", Kind::Text, "Given back.");

/// What is bound to the code that a request leads to.
const CODE: &[Member] = &[
    member("code_challenge", Kind::Text, "RFC 7636 4.2."),
    member("code_challenge_method", Kind::Text, "S256."),
    member("dpop_jkt", Kind::Text, "RFC 9449 10."),
    member("nonce", Kind::Text, "OpenID Connect Core 3.1.2.1."),
    member("claims", Kind::Text, "OpenID Connect Core 5.5: a JSON object, as text."),
    LOCALES,
];

/// What is asked of the authorization endpoint alone.
const AUTHORIZATION: &[Member] = &[
    member("response_type", Kind::Text, "code."),
    member("response_mode", Kind::Text, "query."),
    STATE,
    member("prompt", Kind::Text, "OpenID Connect Core 3.1.2.1."),
    member("id_token_hint", Kind::Text, "OpenID Connect Core 3.1.2.1."),
];

/// The text to send, prepared.
const TEXT: &[Member] = &[
    member("sms_to", Kind::List, "Where it goes, the first preferred."),
    member("sms_body", Kind::Text, "What it says."),
    member("sms_uri", Kind::Text, "Opens it."),
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

const CONFIRMATION: Member =
    member("confirmation_code", Kind::Text, "Eight digits that were texted to the phone.");
const NETWORK: Member = member(
    "network_token",
    Kind::Text,
    "The operator's access token of the phone, for CAMARA's Number Verification.",
);

pub(super) const SHAPES: &[Shape] = &[
    Shape {
        name: "TokenRequest",
        text: "RFC 6749 and its extensions. Parameters that are not known are passed over.",
        members: &[
            &[
                required("grant_type", Kind::OneOf(GRANTS), "What is shown for the token."),
                member("terminal_verifier", Kind::Text, "What the text's code was made from."),
                CONFIRMATION,
                NETWORK,
                LOCALES,
                member("code", Kind::Text, "RFC 6749 4.1.3."),
                member("redirect_uri", Kind::Text, "RFC 6749 4.1.3: as the request said it."),
                member("code_verifier", Kind::Text, "RFC 7636 4.5."),
                member("refresh_token", Kind::Text, "RFC 6749 6."),
                member("device_code", Kind::Text, "RFC 8628 3.4."),
                member("subject_token", Kind::Text, "RFC 8693 2.1: the token that was shown."),
                member("subject_token_type", Kind::Text, "RFC 8693 2.1."),
                member("requested_token_type", Kind::Text, "RFC 8693 2.1."),
                member("audience", Kind::Text, "RFC 8693 2.1."),
            ],
            ASKED,
            PERSON,
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
        members: &[
            &[required("redirect_uri", Kind::Text, "As registered.")],
            AUTHORIZATION,
            ASKED,
            PERSON,
            CODE,
            AUTHENTICATION,
        ],
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
                member("redirect_uri", Kind::Text, "As registered."),
            ],
            AUTHORIZATION,
            ASKED,
            PERSON,
            CODE,
        ],
    },
    Shape {
        name: "AnnouncementRequest",
        text: "The code of a text that will be sent, and what its token request will ask for at most.",
        members: &[
            &[
                required("code", Kind::Text, "The 35 symbols, dashes optional."),
                member("terminal_country", Kind::Text, "ISO 3166-1: the SIM's home network."),
                member("login_hint", Kind::Text, "tel:+...: a guess, to choose the number."),
            ],
            ASKED,
            &[LOCALES],
            AUTHENTICATION,
        ],
    },
    Shape {
        name: "AnnouncementResponse",
        text: "The text to send.",
        members: &[
            TEXT,
            &[
                required("expires_in", Kind::Number, "Seconds within which the text may arrive."),
                required("interval", Kind::Number, "Seconds between polls."),
            ],
        ],
    },
    Shape {
        name: "DeviceRequest",
        text: "RFC 8628 3.1.",
        members: &[ASKED, PERSON, &[LOCALES], AUTHENTICATION],
    },
    Shape {
        name: "DeviceResponse",
        text: "RFC 8628 3.2, and the text that the person sends.",
        members: &[
            &[
                required("device_code", Kind::Text, "For the token endpoint."),
                required("user_code", Kind::Text, "The code in the text."),
                required("verification_uri", Kind::Text, "Opens a text to the platform."),
                member("verification_uri_complete", Kind::Text, "Opens the text as it is sent."),
                required("expires_in", Kind::Number, "Seconds."),
                member("interval", Kind::Number, "Seconds between polls."),
            ],
            TEXT,
        ],
    },
    Shape {
        name: "ChallengeRequest",
        text: "draft-ietf-oauth-first-party-apps 5.1: an authorization request without a browser, or \
               the auth_session of one.",
        members: &[
            &[
                member("auth_session", Kind::Text, "Of the answer before."),
                CONFIRMATION,
                NETWORK,
                member("response_type", Kind::Text, "code."),
            ],
            ASKED,
            PERSON,
            CODE,
            AUTHENTICATION,
        ],
    },
    Shape {
        name: "ChallengeResponse",
        text: "draft-ietf-oauth-first-party-apps 5.2.1.",
        members: &[&[required("authorization_code", Kind::Text, "For the token endpoint.")]],
    },
    Shape {
        name: "LogoutRequest",
        text: "OpenID Connect RP-Initiated Logout 2.",
        members: &[&[
            member("id_token_hint", Kind::Text, "An ID token of the session."),
            member("client_id", Kind::Text, "The app."),
            member("post_logout_redirect_uri", Kind::Text, "As registered."),
            STATE,
            LOCALES,
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
        text: "RFC 6749 5.2; of the authorization challenge, with the text to send.",
        members: &[
            &[
                required("error", Kind::Text, "The code."),
                member("error_description", Kind::Text, "For developers."),
                member("reasons", Kind::List, "Of the attester: every reason to refuse evidence."),
                member("interval", Kind::Number, "Seconds between polls."),
                member("channel", Kind::Text, "With confirmation_required: sms."),
                member(
                    "expires_in",
                    Kind::Number,
                    "With confirmation_required: seconds that the digits live.",
                ),
                member(
                    "attempts_left",
                    Kind::Number,
                    "With confirmation_required: how often they may be tried.",
                ),
                member(
                    "auth_session",
                    Kind::Text,
                    "With insufficient_authorization: for the next request.",
                ),
            ],
            TEXT,
        ],
    },
];
