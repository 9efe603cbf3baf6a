//! From the leaf to a root: how far a chain is believed (RFC 5280 6, with the rules of Android's key
//! attestation on top).

use super::chain::{Chain, EAT, KEY_DESCRIPTION, PROVISIONING, nth};
use super::{Reason, Trust, Verified, Word};
use crate::x509::{Certificate, Key, SignatureError, oid, rfc3339};

/// The attribute `serialNumber` of a name, which keys put in at the factory have.
const NAME_SERIAL_NUMBER: &[u8] = &[0x55, 4, 5];

/// Extensions that may be critical.
const KNOWN: &[&[u8]] = &[
    KEY_DESCRIPTION,
    PROVISIONING,
    oid::BASIC_CONSTRAINTS,
    oid::KEY_USAGE,
    oid::SUBJECT_KEY_IDENTIFIER,
    oid::AUTHORITY_KEY_IDENTIFIER,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::CERTIFICATE_POLICIES,
];

/// How a chain's upper end stands to the roots.
struct End {
    /// How many of its certificates are below the root.
    below: usize,
    /// The root's name, where there is one.
    root: Option<String>,
}

impl Chain<'_> {
    /// Whether the chain leads to a root and says what it says properly. `Err`: every reason found.
    pub fn verify(&self, trust: &Trust<'_>) -> Result<Verified, Vec<Reason>> {
        let mut reasons = self.faults.clone();
        self.links(&mut reasons);
        let end = self.end(trust, &mut reasons);
        self.issuers(&end, &mut reasons);
        self.validity(&end, trust, &mut reasons);
        self.revocation(trust, &mut reasons);
        match (&self.description, end.root) {
            (Some(description), Some(root)) if reasons.is_empty() => Ok(Verified {
                key: self.key(),
                description: description.clone(),
                serials: self.serials(),
                provisioning: self.provisioning.clone(),
                strongbox_backed: self.strongbox_backed(),
                root,
                at: trust.at,
            }),
            _ => Err(reasons),
        }
    }

    /// Names and signatures from each certificate to the next.
    fn links(&self, reasons: &mut Vec<Reason>) {
        for (index, pair) in self.certificates.windows(2).enumerate() {
            let [subject, issuer] = pair else { continue };
            if !subject.issuer.same(&issuer.subject) {
                let names = (subject.issuer.display(), issuer.subject.display());
                let detail =
                    format!("{} is by {:?}, the next is {:?}", nth(index), names.0, names.1);
                reasons.push(Reason::new(Word::NameMismatch, detail));
            }
            if let Err(error) = subject.signed_by(&issuer.key) {
                reasons.push(unsigned(&nth(index), &issuer.key, error));
            }
        }
    }

    /// Finds the root that the last certificate is, or that signed it.
    fn end(&self, trust: &Trust<'_>, reasons: &mut Vec<Reason>) -> End {
        let length = self.certificates.len();
        let unknown = End { below: length, root: None };
        let Some(last) = self.certificates.last() else {
            return unknown;
        };
        let at = nth(length - 1);
        if trust.roots.iter().any(|it| it.spki == last.spki && it.subject.same(&last.subject)) {
            // The copy that came is checked as well, so that no octet of a chain can be another.
            if let Err(error) = last.signed_by(&last.key) {
                reasons.push(unsigned(&at, &last.key, error));
            }
            return End { below: length - 1, root: Some(last.subject.display()) };
        }
        if last.issuer.same(&last.subject) {
            let detail = format!("{at}, {:?}, is none of the roots", last.subject.display());
            reasons.push(Reason::new(Word::UnknownRoot, detail));
            return End { below: length - 1, root: None };
        }
        let mut failure = Reason::new(
            Word::UnknownRoot,
            format!("{at} is by {:?}, which is none of the roots", last.issuer.display()),
        );
        for root in trust.roots.iter().filter(|root| root.subject.same(&last.issuer)) {
            match last.signed_by(&root.key) {
                Ok(()) => return End { below: length, root: Some(root.subject.display()) },
                Err(error) => failure = unsigned(&at, &root.key, error),
            }
        }
        reasons.push(failure);
        unknown
    }

    /// What issuers must be, and what they must not say.
    fn issuers(&self, end: &End, reasons: &mut Vec<Reason>) {
        if end.below < 2 {
            let detail = "between the leaf and a root there is always an attestation key";
            reasons.push(Reason::new(Word::ChainTooShort, detail));
        }
        for (index, certificate) in self.certificates.iter().enumerate() {
            let at = nth(index);
            for extension in certificate.unknown_critical(KNOWN) {
                let detail = format!("{at} has the critical extension {extension}");
                reasons.push(Reason::new(Word::UnknownCriticalExtension, detail));
            }
            if index > 0 {
                issuer(certificate, index, &at, reasons);
            }
        }
    }

    /// Dates of all certificates between the leaf and the root.
    fn validity(&self, end: &End, trust: &Trust<'_>, reasons: &mut Vec<Reason>) {
        let factory = self.made_in_factory(end);
        for (index, certificate) in self.certificates.iter().enumerate().take(end.below).skip(1) {
            let at = nth(index);
            if trust.at < certificate.not_before {
                let detail = format!("{at} is valid from {}", rfc3339(certificate.not_before));
                reasons.push(Reason::new(Word::CertificateNotYetValid, detail));
            } else if trust.at > certificate.not_after && !(factory && trust.expired_factory) {
                let word = if factory {
                    Word::FactoryCertificateExpired
                } else {
                    Word::CertificateExpired
                };
                let detail = format!("{at} was valid until {}", rfc3339(certificate.not_after));
                reasons.push(Reason::new(word, detail));
            }
        }
    }

    /// Whether the attestation key was put in at the factory: the certificate below the root is then
    /// named by a serial number, and nothing is said of provisioning.
    fn made_in_factory(&self, end: &End) -> bool {
        let top = end.below.checked_sub(1).and_then(|index| self.certificates.get(index));
        self.provisioning.is_none() && top.is_some_and(|it| it.subject.has(NAME_SERIAL_NUMBER))
    }

    fn revocation(&self, trust: &Trust<'_>, reasons: &mut Vec<Reason>) {
        for (index, serial) in self.serials().into_iter().enumerate() {
            let Some(entry) = trust.revocations.entry(&serial) else { continue };
            let word = if entry.suspended { Word::Suspended } else { Word::Revoked };
            let why = entry.reason.as_deref().unwrap_or("no reason given");
            let detail = format!("{}, serial number {serial}: {why}", nth(index));
            reasons.push(Reason::new(word, detail));
        }
    }

    /// Whether a certificate above the leaf is named as one of a `StrongBox`. A leaked key of a phone
    /// without one can *say* `StrongBox`; its certificate, which Google or the maker signed, does not.
    pub(super) fn strongbox_backed(&self) -> bool {
        self.certificates.iter().skip(1).any(|it| it.subject.mentions("strongbox"))
    }
}

/// One certificate above the leaf. `index` is also the number of certificates below it.
fn issuer(certificate: &Certificate<'_>, index: usize, at: &str, reasons: &mut Vec<Reason>) {
    if certificate.extension(KEY_DESCRIPTION).or(certificate.extension(EAT)).is_some() {
        let detail = format!("{at} is itself the attestation of a key, which must sign no other");
        reasons.push(Reason::new(Word::ChainExtended, detail));
    }
    match certificate.basic_constraints() {
        Ok(limits) if limits.authority => {
            let between = i128::try_from(index).unwrap_or(i128::MAX) - 1;
            if limits.path_length.is_some_and(|allowed| allowed < between) {
                let detail = format!("{at} allows fewer than {between} authorities below it");
                reasons.push(Reason::new(Word::PathTooLong, detail));
            }
        }
        _ => {
            let detail = format!("{at} is no certificate authority");
            reasons.push(Reason::new(Word::IssuerNotCa, detail));
        }
    }
    if certificate.may_sign_certificates() != Ok(true) {
        let detail = format!("{at} may not sign certificates");
        reasons.push(Reason::new(Word::IssuerKeyUsage, detail));
    }
}

fn unsigned(at: &str, key: &Key<'_>, error: SignatureError) -> Reason {
    let key = key.name();
    match error {
        SignatureError::Bad => {
            Reason::new(Word::BadSignature, format!("{at} is not signed by its issuer's {key} key"))
        }
        SignatureError::Unsupported => {
            let detail = format!("{at} is signed in a way not taken from a {key} key");
            Reason::new(Word::UnsupportedAlgorithm, detail)
        }
        SignatureError::Weak => {
            Reason::new(Word::WeakKey, format!("{at} is signed by a {key} key, which is too short"))
        }
    }
}
