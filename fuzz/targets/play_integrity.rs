//! A token: as it comes, as what is encrypted, and as what is signed and then encrypted, with keys of the
//! target's own. The first byte says which.
#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as URL};
use libfuzzer_sys::fuzz_target;
use twinpath_attestation::play_integrity::{Expected, Keys, verify};

const KEK: [u8; 32] = [7; 32];
const CONTENT_KEY: [u8; 32] = [9; 32];
/// What comes before the point in a `SubjectPublicKeyInfo`, in base64: 26 bytes and the 04 of the point.
const SPKI: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";

static SIGNER: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"));
static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let point = SIGNER.public_key().as_ref().get(1..).expect("a point");
    let spki = [STANDARD.decode(SPKI).expect("base64").as_slice(), point].concat();
    Keys::new(&STANDARD.encode(KEK), &STANDARD.encode(spki)).expect("keys")
});
static WRAPPED: LazyLock<String> = LazyLock::new(|| {
    let mut wrapped = [0; 40];
    let kek = AesKek::new(&AES_256, &KEK).expect("a key");
    URL.encode(kek.wrap(&CONTENT_KEY, &mut wrapped).expect("wrapped"))
});

fn sign(payload: &[u8]) -> Vec<u8> {
    let message = format!("{}.{}", URL.encode(r#"{"alg":"ES256"}"#), URL.encode(payload));
    let signature = SIGNER.sign(&SystemRandom::new(), message.as_bytes()).expect("signed");
    format!("{message}.{}", URL.encode(signature)).into_bytes()
}

fn encrypt(mut text: Vec<u8>) -> String {
    let protected = URL.encode(r#"{"alg":"A256KW","enc":"A256GCM"}"#);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &CONTENT_KEY).expect("a key"));
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let tag =
        key.seal_in_place_separate_tag(nonce, Aad::from(&protected), &mut text).expect("sealed");
    let (iv, text, tag) = (URL.encode([0; 12]), URL.encode(text), URL.encode(tag));
    [protected.as_str(), &WRAPPED, &iv, &text, &tag].join(".")
}

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let token = match mode % 3 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => encrypt(rest.to_vec()),
        _ => encrypt(sign(rest)),
    };
    let expected = Expected {
        package: "com.example.app",
        nonce: "n",
        certificates: &[[0; 32]],
        now: 1_767_225_600,
        max_age: 300,
    };
    match verify(&token, &KEYS, &expected) {
        // Nobody but the signer can make one.
        Ok(_) => assert_eq!(mode % 3, 2),
        Err(reasons) => assert!(!reasons.is_empty()),
    }
});
