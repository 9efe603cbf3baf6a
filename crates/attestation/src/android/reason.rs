//! Why a chain, or the key it speaks of, is refused.

use std::fmt;

/// One ground for refusal: a stable word for programs and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What is wrong, from a closed list.
    pub word: Word,
    /// The same in words, with the certificate, field or value concerned. Never holds a secret.
    pub detail: String,
}

impl Reason {
    pub(crate) fn new(word: Word, detail: impl Into<String>) -> Self {
        Self { word, detail: detail.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.word.as_str(), self.detail)
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// The closed list of grounds for refusal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Word {
            $($(#[$doc])* $name,)+
        }

        impl Word {
            /// Every word there is, in the order of the checks.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word as it is written in answers and logs (`snake_case`, never renamed).
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

words! {
    // What cannot be read.
    /// No certificate at all.
    EmptyChain = "empty_chain",
    /// More certificates than [`super::limits::CERTIFICATES`].
    ChainTooLong = "chain_too_long",
    /// A certificate of more bytes than [`super::limits::CERTIFICATE_BYTES`].
    CertificateTooLarge = "certificate_too_large",
    /// A certificate is not strict DER of RFC 5280 4.1.
    MalformedCertificate = "malformed_certificate",
    /// The first certificate lacks the key description (1.3.6.1.4.1.11129.2.1.17).
    NoAttestationExtension = "no_attestation_extension",
    /// The statement is an Entity Attestation Token (1.3.6.1.4.1.11129.2.1.25), which is not read here.
    EatUnsupported = "eat_unsupported",
    /// The key description does not follow the published schema.
    MalformedKeyDescription = "malformed_key_description",

    // What was read but must not be believed.
    /// A field of an authorization list is not of the type its tag stands for.
    MalformedAuthorization = "malformed_authorization",
    /// One tag twice in one authorization list.
    DuplicateTag = "duplicate_tag",
    /// No attestation key's certificate between the leaf and the root.
    ChainTooShort = "chain_too_short",
    /// A certificate above the leaf holds a key description: an attested key signed another one.
    ChainExtended = "chain_extended",
    /// A certificate's issuer is not the next certificate's subject.
    NameMismatch = "name_mismatch",
    /// A certificate is not signed by the next one's key.
    BadSignature = "bad_signature",
    /// A signature or key algorithm that is not taken.
    UnsupportedAlgorithm = "unsupported_algorithm",
    /// An issuer's key that is too short to be believed.
    WeakKey = "weak_key",
    /// An issuer is not a certificate authority (RFC 5280 4.2.1.9).
    IssuerNotCa = "issuer_not_ca",
    /// An issuer's key usage does not hold the signing of certificates (RFC 5280 4.2.1.3).
    IssuerKeyUsage = "issuer_key_usage",
    /// More authorities below an issuer than its path length allows.
    PathTooLong = "path_too_long",
    /// A critical extension that nobody here understands.
    UnknownCriticalExtension = "unknown_critical_extension",
    /// The chain ends at none of the roots.
    UnknownRoot = "unknown_root",
    /// An issuing certificate is not valid yet.
    CertificateNotYetValid = "certificate_not_yet_valid",
    /// An issuing certificate has expired.
    CertificateExpired = "certificate_expired",
    /// An issuing certificate made in the factory has expired; such devices cannot renew it.
    FactoryCertificateExpired = "factory_certificate_expired",
    /// A serial number is on the list as revoked.
    Revoked = "revoked",
    /// A serial number is on the list as suspended.
    Suspended = "suspended",


    // What was believed but is not enough.
    /// The challenge is another one.
    ChallengeMismatch = "challenge_mismatch",
    /// No application is named.
    ApplicationMissing = "application_missing",
    /// The two lists name different applications.
    ApplicationConflict = "application_conflict",
    /// The key belongs to another package.
    PackageMismatch = "package_mismatch",
    /// The package is signed by somebody else.
    SignerMismatch = "signer_mismatch",
    /// The statement itself was made below the wanted security level.
    AttestationLevelTooLow = "attestation_level_too_low",
    /// `StrongBox` is wanted, and no certificate above the leaf is named as one of it.
    LevelNotBacked = "level_not_backed",
    /// The key lives below the wanted security level.
    KeyLevelTooLow = "key_level_too_low",
    /// No root of trust in the hardware's list.
    RootOfTrustMissing = "root_of_trust_missing",
    /// Verified boot: the system is signed by the owner's own key.
    BootSelfSigned = "boot_self_signed",
    /// Verified boot: the system was not verified.
    BootUnverified = "boot_unverified",
    /// Verified boot: the system failed verification.
    BootFailed = "boot_failed",
    /// The bootloader is unlocked.
    BootloaderUnlocked = "bootloader_unlocked",
    /// The system's patch level is unknown or too old.
    OsPatchTooOld = "os_patch_too_old",
    /// The vendor image's patch level is unknown or too old.
    VendorPatchTooOld = "vendor_patch_too_old",
    /// The boot image's patch level is unknown or too old.
    BootPatchTooOld = "boot_patch_too_old",
    /// The key was not generated where it lives.
    OriginNotGenerated = "origin_not_generated",
    /// The key may not sign.
    PurposeNotSign = "purpose_not_sign",
    /// The key may do more than sign and verify.
    PurposeTooWide = "purpose_too_wide",
    /// The key is not an EC key on P-256.
    KeyNotP256 = "key_not_p256",
    /// Every application of the device may use the key.
    AllApplications = "all_applications",
    /// The key is not active yet.
    KeyNotYetActive = "key_not_yet_active",
    /// The key's time of use has ended.
    KeyExpired = "key_expired",
}

impl From<Reason> for crate::Refusal {
    fn from(reason: Reason) -> Self {
        Self::new(reason.word.as_str(), reason.detail)
    }
}
