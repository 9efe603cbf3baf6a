//! The key description: what the phone's keystore says of a key
//! (source.android.com, "Key and ID attestation", schema of every version).

use super::authorization::AuthorizationList;
use super::{Reason, limits};
use crate::der::{Element, Fault, Reader, Tag, integer};

/// `KeyDescription`, extension 1.3.6.1.4.1.11129.2.1.17 of the leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDescription {
    /// 1 Keymaster 2, 2 Keymaster 3, 3 Keymaster 4, 4 Keymaster 4.1, 100 to 400 `KeyMint` 1 to 4.
    /// The tags are the same in all of them, so any other version is read as well.
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

impl KeyDescription {
    /// Reads the extension's value. What is odd in a single field leaves that field out and is told
    /// in `reasons`; `Err` means that the whole cannot be understood.
    pub fn parse(der: &[u8], reasons: &mut Vec<Reason>) -> Result<Self, Fault> {
        let mut outer = Reader::new(der);
        let mut fields = outer.open(Tag::SEQUENCE)?;
        outer.end()?;
        let description = Self {
            attestation_version: integer(fields.expect(Tag::INTEGER)?)?,
            attestation_level: SecurityLevel::parse(fields.expect(Tag::ENUMERATED)?)?,
            keymint_version: integer(fields.expect(Tag::INTEGER)?)?,
            keymint_level: SecurityLevel::parse(fields.expect(Tag::ENUMERATED)?)?,
            challenge: fields.expect(Tag::OCTET_STRING)?.to_vec(),
            unique_id: fields.expect(Tag::OCTET_STRING)?.to_vec(),
            software: AuthorizationList::parse(fields.element()?, "softwareEnforced", reasons)?,
            hardware: AuthorizationList::parse(fields.element()?, "hardwareEnforced", reasons)?,
        };
        fields.end()?;
        Ok(description)
    }
}

impl SecurityLevel {
    fn parse(contents: &[u8]) -> Result<Self, Fault> {
        match integer(contents)? {
            0 => Ok(Self::Software),
            1 => Ok(Self::TrustedEnvironment),
            2 => Ok(Self::StrongBox),
            _ => Err(Fault::Contents),
        }
    }

    /// The published name: `SOFTWARE`, `TRUSTED_ENVIRONMENT` or `STRONG_BOX`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Software => "SOFTWARE",
            Self::TrustedEnvironment => "TRUSTED_ENVIRONMENT",
            Self::StrongBox => "STRONG_BOX",
        }
    }
}

impl RootOfTrust {
    pub(super) fn parse(value: Element<'_>, odd: &mut Vec<String>) -> Result<Self, Fault> {
        let mut fields = value.open(Tag::SEQUENCE)?;
        let verified_boot_key = fields.expect(Tag::OCTET_STRING)?.to_vec();
        let device_locked = device_locked(fields.expect(Tag::BOOLEAN)?, odd)?;
        let verified_boot_state = VerifiedBootState::parse(fields.expect(Tag::ENUMERATED)?)?;
        let hash = fields.optional(Tag::OCTET_STRING)?;
        fields.end()?;
        Ok(Self {
            verified_boot_key,
            device_locked,
            verified_boot_state,
            verified_boot_hash: hash.map(|it| it.contents.to_vec()),
        })
    }
}

/// Many phones write 0x01 for TRUE, as BER allows and DER does not; Android's own verifier takes it.
/// There is no other way to read it, so it is read and told of.
fn device_locked(contents: &[u8], odd: &mut Vec<String>) -> Result<bool, Fault> {
    match contents {
        [0x00] => Ok(false),
        [0xff] => Ok(true),
        [other] => {
            odd.push(format!("rootOfTrust.deviceLocked is 0x{other:02x}, TRUE only in BER"));
            Ok(true)
        }
        _ => Err(Fault::Contents),
    }
}

impl VerifiedBootState {
    fn parse(contents: &[u8]) -> Result<Self, Fault> {
        match integer(contents)? {
            0 => Ok(Self::Verified),
            1 => Ok(Self::SelfSigned),
            2 => Ok(Self::Unverified),
            3 => Ok(Self::Failed),
            _ => Err(Fault::Contents),
        }
    }

    /// The published name: `VERIFIED`, `SELF_SIGNED`, `UNVERIFIED` or `FAILED`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "VERIFIED",
            Self::SelfSigned => "SELF_SIGNED",
            Self::Unverified => "UNVERIFIED",
            Self::Failed => "FAILED",
        }
    }
}

impl ApplicationId {
    /// Reads the DER that is wrapped in an octet string.
    pub(super) fn parse(der: &[u8]) -> Result<Self, Fault> {
        let mut outer = Reader::new(der);
        let mut fields = outer.open(Tag::SEQUENCE)?;
        outer.end()?;
        let packages = fields.open(Tag::SET)?.all(limits::MEMBERS)?;
        let signatures = fields.open(Tag::SET)?.all(limits::MEMBERS)?;
        fields.end()?;
        Ok(Self {
            packages: packages.into_iter().map(Package::parse).collect::<Result<_, _>>()?,
            signatures: signatures
                .into_iter()
                .map(|it| it.expect(Tag::OCTET_STRING).map(<[u8]>::to_vec))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Package {
    fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.open(Tag::SEQUENCE)?;
        let name = text(fields.expect(Tag::OCTET_STRING)?)?;
        let version = integer(fields.expect(Tag::INTEGER)?)?;
        fields.end()?;
        Ok(Self { name, version })
    }
}

/// UTF-8, or nothing.
pub(super) fn text(octets: &[u8]) -> Result<String, Fault> {
    String::from_utf8(octets.to_vec()).map_err(|_| Fault::Contents)
}
