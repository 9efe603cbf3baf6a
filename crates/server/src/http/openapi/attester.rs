//! What the built-in attester takes and gives (PROTOCOL 11).

use super::member::{Kind, Member, Shape, member, required};

/// In every body.
const SHOWN: &[Member] = &[
    required("client_id", Kind::Text, "The app."),
    required("challenge", Kind::Text, "From the challenge endpoint, for this app."),
];

const KEY: Member = required("jwk", Kind::Object, "The instance key (RFC 7517 4).");

pub(super) const SHAPES: &[Shape] = &[
    Shape {
        name: "AttestationChallengeRequest",
        text: "draft-ietf-oauth-attestation-based-client-auth 6.1; the body may be left out.",
        members: &[&[member("client_id", Kind::Text, "The app; the attester takes no other.")]],
    },
    Shape {
        name: "AttestationChallenge",
        text: "draft-ietf-oauth-attestation-based-client-auth 6.1.",
        members: &[&[required("attestation_challenge", Kind::Text, "To be answered once.")]],
    },
    Shape {
        name: "AndroidEvidence",
        text: "Android Key Attestation of the instance key.",
        members: &[
            SHOWN,
            &[required("certificate_chain", Kind::List, "DER in base64 (RFC 4648 4), leaf first.")],
        ],
    },
    Shape {
        name: "AppleEvidence",
        text: "Apple App Attest.",
        members: &[
            SHOWN,
            &[
                required("key_id", Kind::Text, "As generateKey gave it."),
                required("attestation_object", Kind::Text, "As attestKey gave it, in base64."),
                KEY,
            ],
        ],
    },
    Shape {
        name: "PlayIntegrityEvidence",
        text: "A Play Integrity token of a classic request.",
        members: &[
            SHOWN,
            &[required("integrity_token", Kind::Text, "As Google Play gave it."), KEY],
        ],
    },
    Shape {
        name: "AttestationRenewal",
        text: "For evidence that is stored.",
        members: &[
            SHOWN,
            &[member("assertion", Kind::Text, "As generateAssertion gave it, in base64.")],
        ],
    },
    Shape {
        name: "ClientAttestation",
        text: "What the instance key's requests show.",
        members: &[&[
            required("client_attestation", Kind::Text, "For OAuth-Client-Attestation."),
            required("expires_in", Kind::Number, "Seconds."),
        ]],
    },
];
