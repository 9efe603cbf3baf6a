//! A certificate authority of the tests' own, and a writer of DER.

#![expect(clippy::cast_possible_truncation, reason = "octets are cut out of numbers")]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING,
    ML_DSA_87_SIGNING, PqdsaKeyPair,
};

use super::*;

/// One element.
pub(super) fn tlv(identifier: &[u8], contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut bytes = identifier.to_vec();
    match length {
        0..=0x7f => bytes.push(length as u8),
        0x80..=0xff => bytes.extend([0x81, length as u8]),
        _ => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend(contents);
    bytes
}

pub(super) fn sequence(members: &[Vec<u8>]) -> Vec<u8> {
    tlv(&[0x30], &members.concat())
}

pub(super) fn set(members: &[Vec<u8>]) -> Vec<u8> {
    tlv(&[0x31], &members.concat())
}

pub(super) fn integer(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let padding = (0..7)
        .take_while(|&it| bytes[it] == if bytes[it + 1] & 0x80 == 0 { 0 } else { 0xff })
        .count();
    tlv(&[2], &bytes[padding..])
}

pub(super) fn integers(values: &[i64]) -> Vec<u8> {
    set(&values.iter().map(|value| integer(*value)).collect::<Vec<_>>())
}

pub(super) fn enumerated(value: u8) -> Vec<u8> {
    tlv(&[10], &[value])
}

pub(super) fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(&[4], bytes)
}

pub(super) fn null() -> Vec<u8> {
    tlv(&[5], &[])
}

/// `[number] EXPLICIT`.
pub(super) fn explicit(number: u32, contents: &[u8]) -> Vec<u8> {
    let identifier = match number {
        0..=30 => vec![0xa0 | number as u8],
        31..=127 => vec![0xbf, number as u8],
        _ => vec![0xbf, 0x80 | (number >> 7) as u8, number as u8 & 0x7f],
    };
    tlv(&identifier, contents)
}

fn oid(contents: &[u8]) -> Vec<u8> {
    tlv(&[6], contents)
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(&[3], &[&[0], bytes].concat())
}

type Sign = dyn Fn(&[u8]) -> Vec<u8>;

/// A key that signs certificates.
pub(super) struct Signer {
    pub(super) spki: Vec<u8>,
    algorithm: Vec<u8>,
    sign: Box<Sign>,
}

impl Signer {
    pub(super) fn p256() -> Self {
        let curve = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        Self::ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, &curve, 2)
    }

    pub(super) fn p384() -> Self {
        Self::ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING, &[0x2b, 0x81, 4, 0, 0x22], 3)
    }

    fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, curve: &[u8], hash: u8) -> Self {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let kind = sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), oid(curve)]);
        Self {
            spki: sequence(&[kind, bits(pair.public_key().as_ref())]),
            algorithm: sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, hash])]),
            sign: Box::new(move |tbs| {
                pair.sign(&SystemRandom::new(), tbs).unwrap().as_ref().to_vec()
            }),
        }
    }

    /// A good algorithm that no chain of Android's has.
    pub(super) fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let identifier = sequence(&[oid(&[0x2b, 0x65, 0x70])]);
        Self {
            spki: sequence(&[identifier.clone(), bits(pair.public_key().as_ref())]),
            algorithm: identifier,
            sign: Box::new(move |tbs| pair.sign(tbs).as_ref().to_vec()),
        }
    }

    /// Of the parameter set 44, 65 or 87.
    pub(super) fn ml_dsa(parameters: u8) -> Self {
        let (algorithm, last) = match parameters {
            44 => (&ML_DSA_44_SIGNING, 17),
            65 => (&ML_DSA_65_SIGNING, 18),
            _ => (&ML_DSA_87_SIGNING, 19),
        };
        let pair = PqdsaKeyPair::generate(algorithm).unwrap();
        let identifier = sequence(&[oid(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, last])]);
        Self {
            spki: sequence(&[identifier.clone(), bits(pair.public_key().as_ref())]),
            algorithm: identifier,
            sign: Box::new(move |tbs| {
                let mut signature = vec![0; 8192];
                let length = pair.sign(tbs, &mut signature).unwrap();
                signature.truncate(length);
                signature
            }),
        }
    }
}

/// A certificate before it is signed.
pub(super) struct Draft {
    pub(super) key: Signer,
    pub(super) subject: Vec<(&'static [u8], String)>,
    pub(super) serial: i64,
    pub(super) not_before: &'static str,
    pub(super) not_after: &'static str,
    /// Whether it has `BasicConstraints` with cA.
    pub(super) authority: bool,
    /// The path length therein.
    pub(super) path_length: Option<i64>,
    pub(super) key_usage: Option<u8>,
    /// The octet that stands for TRUE.
    pub(super) truth: u8,
    /// Identifier, criticality, value.
    pub(super) extensions: Vec<(&'static [u8], bool, Vec<u8>)>,
}

pub(super) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
pub(super) const SERIAL_NUMBER: &[u8] = &[0x55, 4, 5];
pub(super) const ORGANIZATION: &[u8] = &[0x55, 4, 10];
pub(super) const DESCRIPTION: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 17];
pub(super) const EAT: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 25];
pub(super) const PROVISIONING: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 30];

impl Draft {
    fn authority(kind: &'static [u8], name: &str, serial: i64) -> Self {
        Self {
            key: Signer::p256(),
            subject: vec![(kind, name.to_owned())],
            serial,
            not_before: "20240101000000Z",
            not_after: "20300101000000Z",
            authority: true,
            path_length: None,
            key_usage: Some(0x04),
            truth: 0xff,
            extensions: vec![],
        }
    }

    fn name(&self) -> Vec<u8> {
        let attribute = |(kind, text): &(&[u8], String)| {
            set(&[sequence(&[oid(kind), tlv(&[12], text.as_bytes())])])
        };
        sequence(&self.subject.iter().map(attribute).collect::<Vec<_>>())
    }

    pub(super) fn sign(&self, issuer: &Self) -> Vec<u8> {
        let extension = |kind: &[u8], critical: bool, value: &[u8]| {
            let flag = if critical { tlv(&[1], &[self.truth]) } else { vec![] };
            sequence(&[oid(kind), flag, octets(value)])
        };
        let mut extensions = vec![];
        if self.authority {
            let length = self.path_length.map(integer).unwrap_or_default();
            let value = sequence(&[tlv(&[1], &[self.truth]), length]);
            extensions.push(extension(&[0x55, 29, 19], true, &value));
        }
        if let Some(usage) = self.key_usage {
            extensions.push(extension(&[0x55, 29, 15], true, &tlv(&[3], &[0, usage])));
        }
        for (kind, critical, value) in &self.extensions {
            extensions.push(extension(kind, *critical, value));
        }
        let time = |text: &str| tlv(&[24], text.as_bytes());
        let tbs = sequence(&[
            explicit(0, &integer(2)),
            integer(self.serial),
            issuer.key.algorithm.clone(),
            issuer.name(),
            sequence(&[time(self.not_before), time(self.not_after)]),
            self.name(),
            self.key.spki.clone(),
            explicit(3, &sequence(&extensions)),
        ]);
        let signature = bits(&(issuer.key.sign)(&tbs));
        sequence(&[tbs, issuer.key.algorithm.clone(), signature])
    }
}

/// A chain before it is signed: leaf, attestation key, intermediate, root.
pub(super) struct Line {
    pub(super) drafts: Vec<Draft>,
}

impl Line {
    /// A chain as from a phone with a secure element and a key put in at the factory.
    pub(super) fn new(says: &Says) -> Self {
        let mut leaf = Draft::authority(COMMON_NAME, "Android Keystore Key", 1);
        leaf.authority = false;
        leaf.key_usage = Some(0x80);
        leaf.extensions = vec![(DESCRIPTION, false, says.encode())];
        let mut attestation = Draft::authority(SERIAL_NUMBER, "0a1b2c3d", 0x0a1b_2c3d);
        attestation.subject.push((ORGANIZATION, "StrongBox".to_owned()));
        let intermediate = Draft::authority(SERIAL_NUMBER, "e18c4f2c", 0x00e1_8c4f);
        let root = Draft::authority(SERIAL_NUMBER, "0011223344556677", 0x00d5_0ff2);
        Self { drafts: vec![leaf, attestation, intermediate, root] }
    }

    /// The same with a key provisioned over the air.
    pub(super) fn remote(says: &Says) -> Self {
        let mut line = Self::new(says);
        let map = [0xa1, 0x01, 0x05];
        line.drafts[1].extensions = vec![(PROVISIONING, false, map.to_vec())];
        line
    }

    pub(super) fn sign(&self) -> (Vec<Vec<u8>>, Roots) {
        let issuer = |index: usize| self.drafts.get(index + 1).unwrap_or(&self.drafts[index]);
        let sign = |(index, draft): (usize, &Draft)| draft.sign(issuer(index));
        let chain: Vec<_> = self.drafts.iter().enumerate().map(sign).collect();
        let roots = roots_of(chain.last().unwrap());
        (chain, roots)
    }

    /// Every reason that a verification at [`SEPTEMBER_2024`] finds.
    pub(super) fn reasons(&self) -> Vec<&'static str> {
        let (chain, roots) = self.sign();
        words(&verify_with(&chain, &roots).err().unwrap_or_default())
    }
}

pub(super) fn verify_with(chain: &[Vec<u8>], roots: &Roots) -> Result<Verified, Vec<Reason>> {
    let revocations = Revocations::default();
    let at = SEPTEMBER_2024;
    verify(chain, &Trust { roots, revocations: &revocations, at, expired_factory: false })
}

pub(super) fn roots_of(root: &[u8]) -> Roots {
    Roots::parse(&pem(&[root])).unwrap()
}

pub(super) fn pem<C: AsRef<[u8]>>(chain: &[C]) -> String {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let blocks: Vec<_> = chain.iter().map(|der| engine.encode(der)).collect();
    let edge = "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----";
    let inner = blocks.join(&format!("\n{edge}\n"));
    format!("-----BEGIN CERTIFICATE-----\n{inner}\n-----END CERTIFICATE-----\n")
}

/// What a key description says.
#[derive(Clone)]
pub(super) struct Says {
    pub(super) version: i64,
    pub(super) levels: (u8, u8),
    pub(super) challenge: Vec<u8>,
    /// Tag and value, in order.
    pub(super) software: Vec<(u32, Vec<u8>)>,
    pub(super) hardware: Vec<(u32, Vec<u8>)>,
}

pub(super) const CHALLENGE: &[u8] = b"a challenge of this server";
pub(super) const PACKAGE: &str = "com.example.app";
pub(super) const SIGNER: [u8; 32] = [7; 32];

impl Says {
    /// A key in a secure element that every app should take.
    pub(super) fn good() -> Self {
        Self {
            version: 300,
            levels: (2, 2),
            challenge: CHALLENGE.to_vec(),
            software: vec![
                (701, integer(1_726_000_000_000)),
                (709, application(&[PACKAGE], &[&SIGNER])),
            ],
            hardware: vec![
                (1, integers(&[2])),
                (2, integer(3)),
                (3, integer(256)),
                (5, integers(&[4])),
                (10, integer(1)),
                (503, null()),
                (702, integer(0)),
                (704, boot(&[9; 32], 0xff, 0)),
                (705, integer(140_000)),
                (706, integer(202_408)),
                (718, integer(20_240_805)),
                (719, integer(20_240_805)),
            ],
        }
    }

    /// Replaces a field of the hardware's list, or adds it where tags rise.
    pub(super) fn hardware(mut self, tag: u32, value: Vec<u8>) -> Self {
        self.hardware.retain(|field| field.0 != tag);
        self.hardware.push((tag, value));
        self.hardware.sort_by_key(|field| field.0);
        self
    }

    pub(super) fn software(mut self, tag: u32, value: Vec<u8>) -> Self {
        self.software.retain(|field| field.0 != tag);
        self.software.push((tag, value));
        self.software.sort_by_key(|field| field.0);
        self
    }

    pub(super) fn without(mut self, tag: u32) -> Self {
        self.hardware.retain(|field| field.0 != tag);
        self.software.retain(|field| field.0 != tag);
        self
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let list = |fields: &[(u32, Vec<u8>)]| {
            sequence(&fields.iter().map(|(tag, it)| explicit(*tag, it)).collect::<Vec<_>>())
        };
        sequence(&[
            integer(self.version),
            enumerated(self.levels.0),
            integer(self.version),
            enumerated(self.levels.1),
            octets(&self.challenge),
            octets(b""),
            list(&self.software),
            list(&self.hardware),
        ])
    }

    /// What a chain that says this verifies to.
    pub(super) fn verified(&self) -> Verified {
        let (chain, roots) = Line::new(self).sign();
        verify_with(&chain, &roots).unwrap()
    }
}

/// `AttestationApplicationId` in its octet string.
pub(super) fn application(packages: &[&str], signers: &[&[u8]]) -> Vec<u8> {
    let package = |name: &&str| sequence(&[octets(name.as_bytes()), integer(42)]);
    octets(&sequence(&[
        set(&packages.iter().map(package).collect::<Vec<_>>()),
        set(&signers.iter().map(|it| octets(it)).collect::<Vec<_>>()),
    ]))
}

/// `RootOfTrust`.
pub(super) fn boot(key: &[u8], locked: u8, state: u8) -> Vec<u8> {
    sequence(&[octets(key), tlv(&[1], &[locked]), enumerated(state), octets(&[3; 32])])
}
