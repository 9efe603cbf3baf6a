//! Keys, and JWTs with whatever header and claims a test wants.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// SHA-256 in base64url.
pub fn sha256(bytes: &[u8]) -> String {
    base64url(digest(&SHA256, bytes).as_ref())
}

/// A P-256 key pair.
pub struct Key(EcdsaKeyPair);

impl Key {
    /// A fresh one.
    pub fn generate() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y)})
    }

    /// The uncompressed point: what an attacker would use as an HMAC secret.
    pub fn point(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// RFC 7638: the required members in order, nothing else.
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let canonical =
            format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        sha256(canonical.as_bytes())
    }

    /// Signs a JWT, whatever its header says.
    pub fn jwt(&self, header: &Value, claims: &Value) -> String {
        compact(header, claims, |input| {
            self.0.sign(&SystemRandom::new(), input).unwrap().as_ref().to_vec()
        })
    }
}

/// A JWT under an HMAC with SHA-256, whatever its header says.
pub fn hmac_jwt(secret: &[u8], header: &Value, claims: &Value) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    compact(header, claims, |input| hmac::sign(&key, input).as_ref().to_vec())
}

/// An RSA key pair of 2048 bits.
pub struct RsaKey(RsaKeyPair);

impl RsaKey {
    /// A fresh one.
    pub fn generate() -> Self {
        Self(RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap())
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        // RFC 8017 A.1.1 in DER: of 2048 bits, so every length is known.
        let der = self.0.public_key().as_ref();
        assert_eq!(der.len(), 270);
        json!({"kty": "RSA", "n": base64url(&der[9..265]), "e": base64url(&der[267..])})
    }

    /// Signs as PS256, or as RS256.
    pub fn jwt(&self, header: &Value, claims: &Value, pss: bool) -> String {
        compact(header, claims, |input| {
            let mut signature = vec![0; self.0.public_modulus_len()];
            let padding = if pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
            self.0.sign(padding, &SystemRandom::new(), input, &mut signature).unwrap();
            signature
        })
    }
}

/// A JWT with the signature that `sign` makes.
pub fn compact(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let input = format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(claims.to_string().as_bytes())
    );
    let signature = base64url(&sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// A JWT's header and claims, nothing verified.
pub fn open(jwt: &str) -> (Value, Value) {
    let part = |n| {
        let bytes = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(n).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    (part(0), part(1))
}

/// Whether a JWT is signed, with the one algorithm of its kind, by the key of a JWK set that its `kid`
/// names.
pub fn is_signed_by(jwt: &str, jwks: &Value) -> bool {
    let (header, _) = open(jwt);
    let keys = jwks["keys"].as_array().unwrap();
    let Some(key) = keys.iter().find(|key| key["kid"] == header["kid"]) else {
        return false;
    };
    let member = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let (input, signature) = jwt.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let verifies = |public: UnparsedPublicKey<Vec<u8>>| {
        public.verify(input.as_bytes(), &signature).is_ok() && header["alg"] == key["alg"]
    };
    match (key["crv"].as_str(), header["alg"].as_str()) {
        (Some("P-256"), Some("ES256")) => {
            let point = [vec![4], member("x"), member("y")].concat();
            verifies(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point))
        }
        (Some("Ed25519"), Some("EdDSA")) => verifies(UnparsedPublicKey::new(&ED25519, member("x"))),
        _ => false,
    }
}
