//! Keys that verify. Parsed once, bound to one algorithm each: a header's `alg` is only ever compared
//! with it (RFC 8725 3.1). `RS256` and `none` do not exist here.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use twinpath_wire::jwk::{Jwk, PublicKey};
use twinpath_wire::jws::Compact;

/// A signature algorithm (RFC 7518 3.1, RFC 8037 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl Algorithm {
    /// All of them, as metadata names them: Ed25519 by both its names.
    pub const NAMES: [&'static str; 4] = ["ES256", "Ed25519", "EdDSA", "PS256"];

    /// As in a header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
        }
    }

    /// Whether a header or a key that says `alg` means it. RFC 9864 2.2 gave Ed25519 a name that says
    /// which curve; newer clients sign with that one.
    pub fn is_named(self, alg: &str) -> bool {
        alg == self.as_str() || (self == Self::EdDsa && alg == "Ed25519")
    }
}

/// A public key that verifies signatures of one algorithm.
#[derive(Debug)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    kid: Option<String>,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// From a JWK; `None` if it is no point on its curve, no modulus of 2048 to 8192 bits, or says it
    /// is for something else.
    pub fn new(jwk: &Jwk) -> Option<Self> {
        let (algorithm, key) = match &jwk.key {
            PublicKey::P256 { .. } => {
                let point = jwk.key.uncompressed_p256()?;
                (Algorithm::Es256, ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?)
            }
            PublicKey::Ed25519 { x } => (Algorithm::EdDsa, ParsedPublicKey::new(&ED25519, x).ok()?),
            PublicKey::Rsa { n, e } => (Algorithm::Ps256, rsa(n, e)?),
        };
        let other_alg = jwk.alg.as_deref().is_some_and(|alg| !algorithm.is_named(alg));
        let other_use = jwk.key_use.as_deref().is_some_and(|said| said != "sig");
        if other_alg || other_use {
            return None;
        }
        Some(Self { algorithm, kid: jwk.kid.clone(), key })
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether it signed `jws` with its own algorithm.
    pub fn verifies(&self, jws: &Compact<'_>) -> bool {
        self.algorithm.is_named(&jws.header.alg)
            && self.key.verify_sig(jws.signing_input, &jws.signature).is_ok()
    }
}

fn rsa(n: &[u8], e: &[u8]) -> Option<ParsedPublicKey> {
    let der: PublicKeyX509Der<'_> = RsaPublicKeyComponents { n, e }.as_der().ok()?;
    ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, der.as_ref()).ok()
}
