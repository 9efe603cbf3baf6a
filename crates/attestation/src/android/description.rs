//! The key description: what the phone's keystore says of a key
//! (source.android.com, "Key and ID attestation", schema of every version).

use super::authorization::AuthorizationList;

/// `KeyDescription`, extension 1.3.6.1.4.1.11129.2.1.17 of the leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDescription {
    /// 1 Keymaster 2, 2 Keymaster 3, 3 Keymaster 4, 4 Keymaster 4.1, 100 to 400 `KeyMint` 1 to 4.
    pub attestation_version: i128,
    /// Where the statement was made.
    pub attestation_level: SecurityLevel,
    /// The version of the keystore's hardware interface.
    pub keymint_version: i128,
    /// Where the key lives.
    pub keymint_level: SecurityLevel,
    /// The challenge the app gave to the keystore.
    pub challenge: Vec<u8>,
    /// A device's identifier, changing every 30 days; empty for ordinary apps.
    pub unique_id: Vec<u8>,
    /// What Android itself says.
    pub software: AuthorizationList,
    /// What the hardware says.
    pub hardware: AuthorizationList,
}

/// `SecurityLevel`, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecurityLevel {
    /// Android's own processes.
    Software,
    /// A trusted execution environment.
    TrustedEnvironment,
    /// A separate secure element.
    StrongBox,
}

/// `RootOfTrust`: how the device started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootOfTrust {
    /// Digest of the key the system was verified with; zeros where there is none.
    pub verified_boot_key: Vec<u8>,
    /// Whether the bootloader is locked.
    pub device_locked: bool,
    /// What verified boot found.
    pub verified_boot_state: VerifiedBootState,
    /// Digest of everything verified boot protects; from Keymaster 4 on.
    pub verified_boot_hash: Option<Vec<u8>>,
}

/// `VerifiedBootState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VerifiedBootState {
    /// The maker's system.
    Verified,
    /// A system the owner signed.
    SelfSigned,
    /// Anything: the bootloader is unlocked.
    Unverified,
    /// Verification failed.
    Failed,
}

/// `AttestationApplicationId`: the apps that share the key's user id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationId {
    /// All packages of that user id.
    pub packages: Vec<Package>,
    /// SHA-256 of the certificates these packages are signed with.
    pub signatures: Vec<Vec<u8>>,
}

/// `AttestationPackageInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// Its version code.
    pub version: i128,
}
