//! A chain as it is read: certificates, and what the phone and Google say in them.

use super::{AttestedKey, KeyDescription, P256, Provisioning, Reason, Word, limits};
use crate::der::dotted;
use crate::x509::Certificate;

/// `KeyDescription`: 1.3.6.1.4.1.11129.2.1.17.
pub(super) const KEY_DESCRIPTION: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 17];
/// The same statement as an Entity Attestation Token: 1.3.6.1.4.1.11129.2.1.25.
pub(super) const EAT: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 25];
/// Provisioning information: 1.3.6.1.4.1.11129.2.1.30.
pub(super) const PROVISIONING: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 30];
/// A chain that could be read. Nothing in it is believed yet.
#[derive(Debug)]
pub struct Chain<'a> {
    pub(super) certificates: Vec<Certificate<'a>>,
    pub(super) description: Option<KeyDescription>,
    pub(super) provisioning: Option<Provisioning>,
    /// What was odd in the reading.
    pub(super) faults: Vec<Reason>,
}

impl<'a> Chain<'a> {
    /// Reads certificates, leaf first. `Err` where one of them cannot be read.
    pub fn read<C: AsRef<[u8]>>(chain: &'a [C]) -> Result<Self, Vec<Reason>> {
        if chain.len() > limits::CERTIFICATES {
            let detail = format!("{} certificates, at most {}", chain.len(), limits::CERTIFICATES);
            return Err(vec![Reason::new(Word::ChainTooLong, detail)]);
        }
        let (mut certificates, mut reasons) = (Vec::new(), Vec::new());
        for (index, der) in chain.iter().enumerate() {
            match certificate(index, der.as_ref()) {
                Ok(certificate) => certificates.push(certificate),
                Err(reason) => reasons.push(reason),
            }
        }
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let Some(leaf) = certificates.first() else {
            return Err(vec![Reason::new(Word::EmptyChain, "there is no certificate")]);
        };
        let description = description(leaf, &mut reasons);
        let provisioning = provisioning(&certificates);
        Ok(Self { certificates, description, provisioning, faults: reasons })
    }

    /// What the leaf says, if it says anything that can be understood.
    pub const fn description(&self) -> Option<&KeyDescription> {
        self.description.as_ref()
    }

    /// What Google says of a remotely provisioned device.
    pub const fn provisioning(&self) -> Option<&Provisioning> {
        self.provisioning.as_ref()
    }

    /// Every serial number, leaf first, in lower-case hex without leading zeros.
    pub fn serials(&self) -> Vec<String> {
        self.certificates.iter().map(Certificate::serial_hex).collect()
    }

    /// The leaf's key.
    pub fn key(&self) -> AttestedKey {
        let leaf = self.certificates.first();
        AttestedKey {
            spki: leaf.map(|it| it.spki.to_vec()).unwrap_or_default(),
            p256: leaf.and_then(|it| it.key.p256()).map(|(x, y)| P256 { x, y }),
        }
    }
}

fn certificate(index: usize, der: &[u8]) -> Result<Certificate<'_>, Reason> {
    if der.len() > limits::CERTIFICATE_BYTES {
        let detail = format!("{} has more than {} bytes", nth(index), limits::CERTIFICATE_BYTES);
        return Err(Reason::new(Word::CertificateTooLarge, detail));
    }
    Certificate::parse(der).map_err(|fault| {
        Reason::new(Word::MalformedCertificate, format!("{}: {fault}", nth(index)))
    })
}

fn description(leaf: &Certificate<'_>, reasons: &mut Vec<Reason>) -> Option<KeyDescription> {
    let Some(value) = leaf.extension(KEY_DESCRIPTION) else {
        reasons.push(if leaf.extension(EAT).is_some() {
            Reason::new(Word::EatUnsupported, format!("{} is not read here", dotted(EAT)))
        } else {
            let detail = format!("the leaf has no extension {}", dotted(KEY_DESCRIPTION));
            Reason::new(Word::NoAttestationExtension, detail)
        });
        return None;
    };
    match KeyDescription::parse(value, reasons) {
        Ok(description) => Some(description),
        Err(fault) => {
            reasons.push(Reason::new(Word::MalformedKeyDescription, fault.to_string()));
            None
        }
    }
}

/// The facts stand in the certificate of the attestation key, right above the leaf, and nowhere else.
fn provisioning(certificates: &[Certificate<'_>]) -> Option<Provisioning> {
    certificates.get(1)?.extension(PROVISIONING).map(Provisioning::parse)
}

/// A certificate's place, for people.
pub(super) fn nth(index: usize) -> String {
    if index == 0 { "the leaf".to_owned() } else { format!("certificate {index}") }
}
