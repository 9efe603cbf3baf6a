//! What an app asks of a key before it is taken for the app's own.

use super::{Reason, SecurityLevel, Verified};

/// What must hold. Facts of the hardware count only where the hardware's list has them, unless the
/// wanted level is [`SecurityLevel::Software`].
#[derive(Clone, Debug)]
pub struct Requirements<'a> {
    /// The challenge, exactly; `None` where stored evidence is checked again.
    pub challenge: Option<&'a [u8]>,
    /// The app's package. It must be among the packages of the key's user id.
    pub package: &'a str,
    /// SHA-256 of the certificates the app may be signed with. Each signer that the phone names must
    /// be one of them, and it must name one.
    pub signers: &'a [[u8; 32]],
    /// Both the statement and the key must be at least at this level.
    pub level: SecurityLevel,
    /// Whether verified boot must have found the maker's system and the bootloader be locked.
    pub verified_boot: bool,
    /// The oldest patch level of the system, `YYYYMM`.
    pub os_patch: Option<u32>,
    /// The oldest patch level of the vendor image, `YYYYMM` or `YYYYMMDD`.
    pub vendor_patch: Option<u32>,
    /// The oldest patch level of the boot image, `YYYYMM` or `YYYYMMDD`.
    pub boot_patch: Option<u32>,
}

impl Requirements<'_> {
    /// Every requirement that the key does not meet; empty: it is taken.
    pub fn check(&self, key: &Verified) -> Vec<Reason> {
        let _ = key;
        todo!()
    }
}
