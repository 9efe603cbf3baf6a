//! temporary
use aws_lc_rs::{rand::SystemRandom, signature::*};
use std::time::Instant;
use twinpath_core::number::*;
use twinpath_wire::{jwk::*, jws::*};
fn t(name: &str, mut f: impl FnMut()) {
    let n = 2000;
    let mut best = f64::MAX;
    for _ in 0..15 {
        let s = Instant::now();
        for _ in 0..n {
            f();
        }
        best = best.min(s.elapsed().as_secs_f64() * 1e6 / f64::from(n));
    }
    println!("{name}: {best:.2} us");
}
fn main() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let rng = SystemRandom::new();
    let msg = [7u8; 400];
    let sig = pair.sign(&rng, &msg).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).unwrap();
    t("sign", || {
        pair.sign(&rng, &msg).unwrap();
    });
    t("verify parsed", || {
        key.verify_sig(&msg, sig.as_ref()).unwrap();
    });
    t("parse key", || {
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).unwrap();
    });
    t("parse key + verify", || {
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point)
            .unwrap()
            .verify_sig(&msg, sig.as_ref())
            .unwrap();
    });
    let unparsed = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point);
    t("unparsed verify", || {
        unparsed.verify(&msg, sig.as_ref()).unwrap();
    });
    t("sha256 aws 400 B", || {
        std::hint::black_box(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &msg));
    });
    use sha2::Digest as _;
    t("sha256 sha2 400 B", || {
        std::hint::black_box(sha2::Sha256::digest(msg));
    });
    let mut buf = [0u8; 32];
    t("rand 32", || {
        aws_lc_rs::rand::fill(&mut buf).unwrap();
    });
    let hk = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[1; 32]);
    t("hmac 64", || {
        std::hint::black_box(aws_lc_rs::hmac::sign(&hk, &msg[..64]));
    });
    let policy = SenderPolicy {
        country: None,
        countries: vec![],
        unknown_ton: UnknownTon::International,
        trust: twinpath_core::records::Trust::Operator,
    };
    t("normalize sender", || {
        std::hint::black_box(
            policy.normalize(Sender { ton: 1, npi: 1, address: b"8613800001234" }).unwrap(),
        );
    });
    let n = E164::parse("+8613800001234").unwrap();
    t("hint", || {
        std::hint::black_box(n.hint());
    });
    let text = "Bench 1 sign-in. Send only from inside the app. TP1-GRFES-6P687-MYXA8-3VV8M-ES2XV-BRYV1-XQMN6";
    t("read_message", || {
        std::hint::black_box(twinpath_wire::code::read_message(text)).unwrap();
    });
    let jwk = Jwk::from_uncompressed_p256(&point).unwrap();
    let mut h = Header::new("ES256", "dpop+jwt");
    h.jwk = Some(jwk.clone());
    let claims = twinpath_wire::dpop::ProofClaims {
        jti: "abcdefgh.1.0".into(),
        htm: "POST".into(),
        htu: "http://127.0.0.1:1234/token".into(),
        iat: 1,
        ath: None,
        nonce: Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()),
    };
    let proof = compose::<Box<dyn std::error::Error>>(&h, &claims, |i| {
        Ok(pair.sign(&rng, i).unwrap().as_ref().to_vec())
    })
    .unwrap();
    t("Compact::parse(proof)", || {
        std::hint::black_box(Compact::parse(&proof, 8192).unwrap());
    });
    t("thumbprint", || {
        std::hint::black_box(jwk.thumbprint());
    });
    t("VerifyingKey::new", || {
        std::hint::black_box(twinpath_core::proof::VerifyingKey::new(&jwk).unwrap());
    });
}
