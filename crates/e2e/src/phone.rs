//! What phones show of an app and its key, as a vendor of the tests' own attests it: Android Key
//! Attestation chains and App Attest objects, written from the vendors' schemas by hand.

use std::path::PathBuf;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::jose::{Key, base64url};

/// The app that the phones have.
pub const PACKAGE: &str = "com.example.app";
/// SHA-256 of what it is signed with.
pub const SIGNER: [u8; 32] = [7; 32];
/// The same as an operator registers it.
pub fn signer_hex() -> String {
    "07".repeat(32)
}
/// The app on Apple's phones.
pub const APPLE_APP: &str = "TEAM123456.com.example.app";

/// A vendor: a root, and an authority below it that attests keys.
pub struct Vendor {
    root: Certificate,
    authority: Certificate,
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// A member of a key description that a test may change.
#[derive(Clone, Debug)]
pub struct Says {
    /// What the key answers.
    pub challenge: Vec<u8>,
    /// 0 software, 1 trusted environment, 2 secure element.
    pub level: u8,
    /// The app's package.
    pub package: String,
    /// What it is signed with.
    pub signer: [u8; 32],
    /// 0 verified, 1 self-signed, 2 unverified, 3 failed.
    pub boot: u8,
    /// Whether the bootloader is locked.
    pub locked: bool,
    /// `YYYYMM`.
    pub patch: u32,
}

impl Says {
    /// A key in the trusted environment of a sound phone.
    pub fn good(challenge: &[u8]) -> Self {
        Self {
            challenge: challenge.to_vec(),
            level: 1,
            package: PACKAGE.to_owned(),
            signer: SIGNER,
            boot: 0,
            locked: true,
            patch: 202_606,
        }
    }

    fn der(&self) -> Vec<u8> {
        let package = sequence(&[octets(self.package.as_bytes()), integer(1)].concat());
        let application = sequence(&[set(&package), set(&octets(&self.signer))].concat());
        let boot = sequence(
            &[
                octets(&[9; 32]),
                tlv(0x01, &[if self.locked { 0xff } else { 0 }]),
                tlv(0x0a, &[self.boot]),
                octets(&[8; 32]),
            ]
            .concat(),
        );
        let software = explicit(709, &octets(&application));
        let hardware = [
            explicit(1, &set(&integer(2))),
            explicit(2, &integer(3)),
            explicit(3, &integer(256)),
            explicit(10, &integer(1)),
            explicit(503, &[5, 0]),
            explicit(702, &integer(0)),
            explicit(704, &boot),
            explicit(706, &integer(self.patch)),
        ]
        .concat();
        sequence(
            &[
                integer(300),
                tlv(0x0a, &[self.level]),
                integer(300),
                tlv(0x0a, &[self.level]),
                octets(&self.challenge),
                octets(&[]),
                sequence(&software),
                sequence(&hardware),
            ]
            .concat(),
        )
    }
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length @ 0..=0x7f) => der.push(length),
        Ok(length) => der.extend([0x81, length]),
        Err(_) => {
            der.push(0x82);
            der.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        }
    }
    der.extend(content);
    der
}

fn sequence(content: &[u8]) -> Vec<u8> {
    tlv(0x30, content)
}

fn set(content: &[u8]) -> Vec<u8> {
    tlv(0x31, content)
}

fn octets(content: &[u8]) -> Vec<u8> {
    tlv(0x04, content)
}

fn integer(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let short: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    match short.first() {
        None => tlv(2, &[0]),
        Some(first) if *first > 0x7f => tlv(2, &[&[0], &short[..]].concat()),
        Some(_) => tlv(2, &short),
    }
}

/// `[number] EXPLICIT`.
fn explicit(number: u32, content: &[u8]) -> Vec<u8> {
    let low = u8::try_from(number & 0x7f).unwrap();
    let tag = match number {
        0..=30 => vec![0xa0 | low],
        31..=127 => vec![0xbf, low],
        _ => vec![0xbf, 0x80 | u8::try_from(number >> 7).unwrap(), low],
    };
    let tagged = tlv(0, content);
    [&tag, &tagged[1..]].concat()
}

fn authority(kind: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, kind);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn leaf(name: &str, oid: &[u64], value: Vec<u8>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.custom_extensions = vec![CustomExtension::from_oid_content(oid, value)];
    params
}

/// A key that the vendor has no private part of.
struct PublicKey<'k>(&'k Key);

impl PublicKeyData for PublicKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl Default for Vendor {
    fn default() -> Self {
        Self::new()
    }
}

impl Vendor {
    /// A new one.
    pub fn new() -> Self {
        let (root_key, root) = (KeyPair::generate().unwrap(), authority("A vendor's root"));
        let root_certificate = root.self_signed(&root_key).unwrap();
        let (key, mut params) =
            (KeyPair::generate().unwrap(), authority("A vendor's StrongBox and TEE phones"));
        params.serial_number = Some(SerialNumber::from(0x00c0_ffee_u64));
        let authority = params.signed_by(&key, &Issuer::new(root, root_key)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("roots.pem"), root_certificate.pem()).unwrap();
        Self { root: root_certificate, authority, issuer: Issuer::new(params, key), folder }
    }

    /// A file in the vendor's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `[attestation]` of a server that trusts this vendor alone, with more lines.
    pub fn settings(&self, more: &str) -> String {
        let roots = self.path("roots.pem").display().to_string();
        format!(
            "[attestation]\nandroid_roots_file = \"{roots}\"\napple_roots_file = \"{roots}\"\n{more}\n"
        )
    }

    /// The serial number of the authority that attests, as a status list names it.
    pub fn serial(&self) -> &'static str {
        "c0ffee"
    }

    /// Android Key Attestation of `key`: DER, leaf first.
    pub fn chain(&self, key: &Key, says: &Says) -> Vec<Vec<u8>> {
        let description = [1, 3, 6, 1, 4, 1, 11129, 2, 1, 17];
        let params = leaf("Android Keystore Key", &description, says.der());
        let leaf = params.signed_by(&PublicKey(key), &self.issuer).unwrap();
        [&leaf, &self.authority, &self.root].map(|one| one.der().to_vec()).into()
    }

    /// App Attest of a key of its own, in this environment: key id and object.
    pub fn object(&self, client_data_hash: &[u8], aaguid: &[u8; 16]) -> (Vec<u8>, Vec<u8>, Key) {
        let attested = Key::generate();
        let key_id = sha256(attested.point());
        let point = attested.point();
        // COSE_Key: EC2, ES256, P-256.
        let cose = [
            &[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20][..],
            &point[1..33],
            &[0x22, 0x58, 0x20],
            &point[33..],
        ]
        .concat();
        let data = [
            &sha256(APPLE_APP.as_bytes())[..],
            &[0x40, 0, 0, 0, 0],
            aaguid,
            &[0, 32],
            &key_id,
            &cose,
        ]
        .concat();
        let nonce = sha256(&[&data, client_data_hash].concat());
        let extension = sequence(&explicit(1, &octets(&nonce)));
        let params = leaf("A key", &[1, 2, 840, 113_635, 100, 8, 2], extension);
        let leaf = params.signed_by(&PublicKey(&attested), &self.issuer).unwrap();
        let bytes = |bytes: &[u8]| {
            let length = u16::try_from(bytes.len()).unwrap();
            let mut cbor = match length {
                0..=23 => vec![0x40 | u8::try_from(length).unwrap()],
                24..=255 => vec![0x58, u8::try_from(length).unwrap()],
                _ => [&[0x59][..], &length.to_be_bytes()].concat(),
            };
            cbor.extend(bytes);
            cbor
        };
        let text = |text: &str| {
            let mut cbor = vec![0x60 | u8::try_from(text.len()).unwrap()];
            cbor.extend(text.as_bytes());
            cbor
        };
        let object = [
            vec![0xa3],
            text("fmt"),
            text("apple-appattest"),
            text("attStmt"),
            vec![0xa2],
            text("x5c"),
            vec![0x82],
            bytes(leaf.der()),
            bytes(self.authority.der()),
            text("receipt"),
            bytes(b"receipt"),
            text("authData"),
            bytes(&data),
        ]
        .concat();
        (key_id, object, attested)
    }
}

/// The aaguid of Apple's production environment.
pub const PRODUCTION: &[u8; 16] = b"appattest\0\0\0\0\0\0\0";
/// The aaguid of its development environment.
pub const DEVELOPMENT: &[u8; 16] = b"appattestdevelop";

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// PROTOCOL 11: what evidence answers.
pub fn evidence_digest(
    issuer: &str,
    client_id: &str,
    challenge: &str,
    jkt: Option<&str>,
) -> Vec<u8> {
    let mut fields = vec!["twinpath-attest-1", issuer, client_id, challenge];
    fields.extend(jkt);
    let framed = fields.into_iter().flat_map(|field| {
        let length = u32::try_from(field.len()).unwrap().to_be_bytes();
        [&length[..], field.as_bytes()].concat()
    });
    sha256(&framed.collect::<Vec<_>>())
}

/// The body of `POST /attestation/android`.
pub fn android_body(client_id: &str, challenge: &str, chain: &[Vec<u8>]) -> Value {
    let chain: Vec<_> = chain.iter().map(|der| STANDARD.encode(der)).collect();
    json!({"client_id": client_id, "challenge": challenge, "certificate_chain": chain})
}

/// Google Play, with an app's keys of the Play Console.
pub struct Play {
    wrapping: [u8; 32],
    signing: Key,
}

impl Default for Play {
    fn default() -> Self {
        Self { wrapping: [5; 32], signing: Key::generate() }
    }
}

impl Play {
    /// The two keys as the console shows them: decryption, verification.
    pub fn keys(&self) -> (String, String) {
        let spki = PublicKey(&self.signing).subject_public_key_info();
        (STANDARD.encode(self.wrapping), STANDARD.encode(spki))
    }

    /// What a sound phone's token says.
    pub fn verdict(nonce: &str) -> Value {
        json!({
            "requestDetails": {
                "requestPackageName": PACKAGE,
                "nonce": nonce,
                "timestampMillis": (crate::now_s() * 1000).to_string(),
            },
            "appIntegrity": {
                "appRecognitionVerdict": "PLAY_RECOGNIZED",
                "packageName": PACKAGE,
                "certificateSha256Digest": [base64url(&SIGNER)],
                "versionCode": "42",
            },
            "deviceIntegrity": {"deviceRecognitionVerdict": ["MEETS_DEVICE_INTEGRITY"]},
        })
    }

    /// A token: a JWE (A256KW, A256GCM) around a JWS.
    pub fn token(&self, verdict: &Value) -> String {
        let inner = self.signing.jwt(&json!({"alg": "ES256"}), verdict);
        let header = base64url(json!({"alg": "A256KW", "enc": "A256GCM"}).to_string().as_bytes());
        let (content_key, nonce) = ([6; 32], [7; 12]);
        let kek = AesKek::new(&AES_256, &self.wrapping).unwrap();
        let mut wrapped = [0; 40];
        kek.wrap(&content_key, &mut wrapped).unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &content_key).unwrap());
        let mut sealed = inner.into_bytes();
        let aad = Aad::from(header.as_bytes());
        let tag = key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .unwrap();
        let parts = [&wrapped[..], &nonce, &sealed, tag.as_ref()].map(base64url);
        format!("{header}.{}", parts.join("."))
    }
}

/// The body of `POST /attestation/apple`.
pub fn apple_body(client_id: &str, challenge: &str, made: (&[u8], &[u8]), jwk: &Value) -> Value {
    let (key_id, object) = made;
    json!({
        "client_id": client_id,
        "challenge": challenge,
        "key_id": STANDARD.encode(key_id),
        "attestation_object": STANDARD.encode(object),
        "jwk": jwk,
    })
}
