//! Android Key Attestation: a certificate chain whose leaf describes a key of the phone's keystore.
//!
//! [`verify`] says whether the chain leads to a root and what it says; [`Requirements::check`] says
//! whether that is enough for an app. Both give *every* reason they find, never just the first.
//!
//! [`inspect`] prints all of it.
//!
//! What is not judged: the leaf's own dates, which the phone's software chooses; a root's dates, since
//! of a root only name and key count (RFC 5280 6.1.1 d).

mod authorization;
mod chain;
mod description;
mod inspect;
mod path;
mod provisioning;
mod reason;
mod requirements;
mod revocations;
mod roots;
#[cfg(test)]
mod tests;

pub use authorization::AuthorizationList;
pub use chain::Chain;
pub use description::{
    ApplicationId, KeyDescription, Package, RootOfTrust, SecurityLevel, VerifiedBootState,
};
pub use inspect::{InspectError, inspect};
pub use provisioning::Provisioning;
pub use reason::{Reason, Word};
pub use requirements::Requirements;
pub use revocations::{Entry, Revocations, RevocationsError};
pub use roots::{Roots, RootsError};

/// Bounds on what is read at all.
pub mod limits {
    /// Certificates in a chain.
    pub const CERTIFICATES: usize = 10;
    /// Bytes of one certificate.
    pub const CERTIFICATE_BYTES: usize = 16 * 1024;
    /// Extensions of one certificate.
    pub use crate::x509::EXTENSIONS;
    /// Fields of an authorization list.
    pub const FIELDS: usize = 128;
    /// Members of a set: purposes, packages, signers.
    pub const MEMBERS: usize = 128;
    /// Roots in a file.
    pub const ROOTS: usize = 64;
    /// Bytes of a status list.
    pub const REVOCATION_BYTES: usize = 16 * 1024 * 1024;
    /// Entries of a status list.
    pub const REVOCATION_ENTRIES: usize = 200_000;
}

/// What a chain is verified against.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// The roots.
    pub roots: &'a Roots,
    /// The serial numbers that must not be believed.
    pub revocations: &'a Revocations,
    /// Unix seconds at which the issuing certificates must be valid. Certificates of remotely
    /// provisioned keys live for weeks only: whoever checks stored evidence again gives the time the
    /// evidence came, with the revocations of today.
    pub at: i64,
    /// Whether expired certificates of keys put in at the factory are let pass, which Android's own
    /// verifier does, because such a device can never get new ones.
    pub expired_factory: bool,
}

/// What a chain that leads to a root says.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The attested key.
    pub key: AttestedKey,
    /// What is said of it.
    pub description: KeyDescription,
    /// The serial number of every certificate, leaf first, in lower-case hex without leading zeros.
    /// Stored so that a later revocation can be found.
    pub serials: Vec<String>,
    /// What Google says of a remotely provisioned device; `None` for keys put in at the factory.
    pub provisioning: Option<Provisioning>,
    /// Whether a certificate above the leaf, which Google or the maker signed, names a `StrongBox`. Not
    /// every maker writes it there: without it, a statement of `StrongBox` is the phone's word alone.
    pub strongbox_backed: bool,
    /// The root's name.
    pub root: String,
    /// The time it was verified for, as given in [`Trust::at`].
    pub at: i64,
}

/// The leaf's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedKey {
    /// `SubjectPublicKeyInfo`, as it stands in the certificate.
    pub spki: Vec<u8>,
    /// The point, where the key is an EC key on P-256 and the point is on the curve.
    pub p256: Option<P256>,
}

/// A public key on P-256, as in a JWK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct P256 {
    /// Big-endian.
    pub x: [u8; 32],
    /// Big-endian.
    pub y: [u8; 32],
}

/// Verifies a chain of DER certificates, leaf first, with or without the root itself.
///
/// `Err` holds every reason found, at least one. Whether what is said is enough for an app is left to
/// [`Requirements::check`].
pub fn verify<C: AsRef<[u8]>>(chain: &[C], trust: &Trust<'_>) -> Result<Verified, Vec<Reason>> {
    Chain::read(chain)?.verify(trust)
}
