//! A phone and its vendor: a CA, a key, and objects in which one thing may be wrong.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};

use super::super::sha256;

pub(super) const APP: &str = "ABCDE12345.com.example.app";
/// 2026-03-01, when all certificates are valid.
pub(super) const NOW: i64 = 1_772_323_200;
pub(super) const DAY: i64 = 86_400;

/// A CA like the vendor's: a root, and an issuer below it, both on P-384.
pub(super) struct Vendor {
    pub(super) root_pem: String,
    pub(super) issuer: Vec<u8>,
    pub(super) signer: Issuer<'static, KeyPair>,
}

impl Vendor {
    pub(super) fn new() -> Self {
        Self::with(|_| ())
    }

    /// Changes the issuer's certificate before it is signed.
    pub(super) fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let (root_key, issuer_key) = (key(), key());
        let root = params("Test Root CA", IsCa::Ca(BasicConstraints::Unconstrained));
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let mut issuer = params("Test CA 1", IsCa::Ca(BasicConstraints::Constrained(0)));
        change(&mut issuer);
        let der =
            issuer.signed_by(&issuer_key, &Issuer::new(root, root_key)).unwrap().der().to_vec();
        Self { root_pem, issuer: der, signer: Issuer::new(issuer, issuer_key) }
    }

    pub(super) fn leaf(&self, params: &CertificateParams, key: &KeyPair) -> Vec<u8> {
        params.signed_by(key, &self.signer).unwrap().der().to_vec()
    }
}

pub(super) fn params(name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

/// A key in a phone, and all that its attestation says. Every field may be changed before it is made.
pub(super) struct Phone {
    pub(super) key: KeyPair,
    pub(super) app: &'static str,
    pub(super) flags: u8,
    pub(super) counter: u32,
    pub(super) aaguid: [u8; 16],
    pub(super) credential_id: Vec<u8>,
    /// Coordinates in the authenticator data.
    pub(super) point: Vec<u8>,
    pub(super) extensions: Vec<u8>,
    /// What else the leaf's extensions hold.
    pub(super) facts: Vec<CustomExtension>,
    /// The nonce's extension, if another one than that of the authenticator data.
    pub(super) nonce: Option<Vec<CustomExtension>>,
    pub(super) leaf: CertificateParams,
}

impl Phone {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let point = key.public_key_raw().to_vec();
        Self {
            credential_id: sha256(&[&point]).to_vec(),
            point,
            key,
            app: APP,
            flags: 0x40,
            counter: 0,
            aaguid: *b"appattest\0\0\0\0\0\0\0",
            extensions: Vec::new(),
            facts: Vec::new(),
            nonce: None,
            leaf: params("leaf", IsCa::ExplicitNoCa),
        }
    }

    /// As iOS 27 does it: extensions that no flag announces, and a leaf that says what it is for.
    pub(super) fn of_2026() -> Self {
        let mut phone = Self::new();
        phone.extensions = extensions("7", 4);
        phone.facts = vec![platform("iphoneos")];
        phone.leaf.extended_key_usages = vec![eku(&[1, 2, 840, 113_635, 100, 4, 24])];
        phone
    }

    pub(super) fn key_id(&self) -> [u8; 32] {
        sha256(&[self.key.public_key_raw()])
    }

    pub(super) fn auth_data(&self) -> Vec<u8> {
        let length = u16::try_from(self.credential_id.len()).unwrap().to_be_bytes();
        let (x, y) = (&self.point[1..33], &self.point[33..]);
        let key =
            [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21], &bytes(x)[..], &[0x22], &bytes(y)].concat();
        [&self.head()[..], &self.aaguid, &length, &self.credential_id, &key, &self.extensions]
            .concat()
    }

    fn head(&self) -> Vec<u8> {
        [&sha256(&[self.app.as_bytes()])[..], &[self.flags], &self.counter.to_be_bytes()].concat()
    }

    /// The leaf, with the nonce over this authenticator data.
    pub(super) fn certificate(&self, vendor: &Vendor, client_data_hash: &[u8; 32]) -> Vec<u8> {
        let mut leaf = self.leaf.clone();
        let nonce = sha256(&[&self.auth_data(), client_data_hash]);
        leaf.custom_extensions =
            self.nonce.clone().unwrap_or_else(|| vec![nonce_extension(&nonce)]);
        leaf.custom_extensions.extend(self.facts.clone());
        vendor.leaf(&leaf, &self.key)
    }

    pub(super) fn attest(&self, vendor: &Vendor, client_data_hash: &[u8; 32]) -> Vec<u8> {
        let chain = [self.certificate(vendor, client_data_hash), vendor.issuer.clone()];
        object(&chain, b"receipt", &self.auth_data())
    }

    /// An assertion with the phone's flags, counter and extensions.
    pub(super) fn assert(&self, client_data_hash: &[u8; 32]) -> Vec<u8> {
        let data = [self.head(), self.extensions.clone()].concat();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.key.serialize_der());
        let nonce = sha256(&[&data, client_data_hash]);
        let signature = key.unwrap().sign(&SystemRandom::new(), &nonce).unwrap();
        let entries =
            [text("signature"), bytes(signature.as_ref()), text("authenticatorData"), bytes(&data)];
        [vec![0xa2], entries.concat()].concat()
    }
}

pub(super) fn eku(oid: &[u64]) -> ExtendedKeyUsagePurpose {
    ExtendedKeyUsagePurpose::Other(oid.to_vec())
}

pub(super) fn nonce_extension(nonce: &[u8]) -> CustomExtension {
    let value = [&[0x30, 0x24, 0xa1, 0x22, 0x04, 0x20], nonce].concat();
    CustomExtension::from_oid_content(&[1, 2, 840, 113_635, 100, 8, 2], value)
}

/// Facts of the device: a version under 1400, the platform under 1026.
pub(super) fn platform(name: &str) -> CustomExtension {
    let length = |more: usize| u8::try_from(name.len() + more).unwrap();
    let version = [0xbf, 0x8a, 0x78, 0x04, 0x04, 0x02, b'2', b'7'];
    let mut facts = vec![0x30, length(14)];
    facts.extend(version);
    facts.extend([0xbf, 0x88, 0x02, length(2), 0x04, length(0)]);
    facts.extend(name.as_bytes());
    CustomExtension::from_oid_content(&[1, 2, 840, 113_635, 100, 8, 7], facts)
}

pub(super) fn extensions(version: &str, category: u32) -> Vec<u8> {
    let version = [text("apple_bundle_version_01"), text(version)].concat();
    let category = [text("apple_validation_category_01"), bytes(&category.to_le_bytes())].concat();
    [vec![0xa2], version, category].concat()
}

pub(super) fn object(chain: &[Vec<u8>], receipt: &[u8], auth_data: &[u8]) -> Vec<u8> {
    let x5c: Vec<u8> = chain.iter().flat_map(|der| bytes(der)).collect();
    let statement =
        [vec![0xa2], text("x5c"), head(4, chain.len()), x5c, text("receipt"), bytes(receipt)];
    [
        vec![0xa3],
        text("fmt"),
        text("apple-appattest"),
        text("attStmt"),
        statement.concat(),
        text("authData"),
        bytes(auth_data),
    ]
    .concat()
}

pub(super) fn text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

pub(super) fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len()), bytes.to_vec()].concat()
}

fn head(major: u8, length: usize) -> Vec<u8> {
    let major = major << 5;
    match u16::try_from(length).unwrap().to_be_bytes() {
        [0, short @ 0..24] => vec![major | short],
        [0, long] => vec![major | 0x18, long],
        [high, low] => vec![major | 0x19, high, low],
    }
}
