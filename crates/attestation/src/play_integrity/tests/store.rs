//! A store that makes tokens: signs, then encrypts.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::*;

pub(super) const NOW: i64 = 1_772_323_200;
pub(super) const NONCE: &str = "q3Jw0F2nYc5yQ0d1Gk7mR8sT9uV0wX1yZ2aB3cD4eF4";
pub(super) const CERTIFICATE: [u8; 32] = [0xab; 32];
pub(super) const PACKAGE: &str = "com.example.app";

pub(super) struct Store {
    pub(super) kek: [u8; 32],
    pub(super) signer: EcdsaKeyPair,
}

impl Store {
    pub(super) fn new() -> Self {
        let mut kek = [0; 32];
        fill(&mut kek).unwrap();
        Self { kek, signer: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    /// As the console shows them.
    pub(super) fn keys(&self) -> Keys {
        let spki = crate::p256::spki_of(self.signer.public_key().as_ref());
        Keys::new(&STANDARD.encode(self.kek), &STANDARD.encode(spki)).unwrap()
    }

    pub(super) fn token(&self, verdict: &Value) -> String {
        self.encrypt(
            HEADER,
            self.sign(r#"{"alg":"ES256"}"#, verdict.to_string().as_bytes()).as_bytes(),
        )
    }

    pub(super) fn sign(&self, header: &str, payload: &[u8]) -> String {
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = self.signer.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encode(signature))
    }

    pub(super) fn encrypt(&self, header: &str, text: &[u8]) -> String {
        let (mut key, mut iv, mut wrapped) = ([0; 32], [0; 12], [0; 40]);
        fill(&mut key).unwrap();
        fill(&mut iv).unwrap();
        AesKek::new(&AES_256, &self.kek).unwrap().wrap(&key, &mut wrapped).unwrap();
        let (protected, mut sealed) = (encode(header), text.to_vec());
        let tag = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap())
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(iv),
                Aad::from(&protected),
                &mut sealed,
            )
            .unwrap();
        [protected, encode(wrapped), encode(iv), encode(sealed), encode(tag)].join(".")
    }
}

pub(super) const HEADER: &str = r#"{"alg":"A256KW","enc":"A256GCM"}"#;

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What the store says of a good app on a good phone.
pub(super) fn verdict() -> Value {
    json!({
        "requestDetails": {
            "requestPackageName": PACKAGE,
            "nonce": NONCE,
            "timestampMillis": (NOW * 1000).to_string(),
        },
        "appIntegrity": {
            "appRecognitionVerdict": "PLAY_RECOGNIZED",
            "packageName": PACKAGE,
            "certificateSha256Digest": [encode(CERTIFICATE)],
            "versionCode": "42",
        },
        "deviceIntegrity": {
            "deviceRecognitionVerdict":
                ["MEETS_BASIC_INTEGRITY", "MEETS_DEVICE_INTEGRITY", "MEETS_STRONG_INTEGRITY"],
        },
        "accountDetails": { "appLicensingVerdict": "LICENSED" },
    })
}

pub(super) fn expected() -> Expected<'static> {
    Expected {
        package: PACKAGE,
        nonce: NONCE,
        certificates: &[CERTIFICATE],
        now: NOW,
        max_age: 300,
    }
}
