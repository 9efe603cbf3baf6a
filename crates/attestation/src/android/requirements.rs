//! What an app asks of a key before it is taken for the app's own.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::authorization::patch_level;
use super::{
    ApplicationId, AuthorizationList, KeyDescription, Package, Reason, SecurityLevel, Verified,
    VerifiedBootState, Word,
};

const ALGORITHM_EC: i128 = 3;
const CURVE_P256: i128 = 1;
const PURPOSE_SIGN: i128 = 2;
const PURPOSE_VERIFY: i128 = 3;
const ORIGIN_GENERATED: i128 = 0;

/// What must hold. Facts of the hardware count only where the hardware's list has them, unless the
/// wanted level is [`SecurityLevel::Software`].
#[derive(Clone, Debug)]
pub struct Requirements<'a> {
    /// The challenge, exactly; `None` where stored evidence is checked again.
    pub challenge: Option<&'a [u8]>,
    /// The app's package. It must be among the packages of the key's user id: apps that share one
    /// are of one signer, and share their keys anyway.
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

/// The lists that count: the hardware's, then Android's own if software is enough.
struct Facts<'a> {
    lists: Vec<&'a AuthorizationList>,
    reasons: Vec<Reason>,
}

impl Requirements<'_> {
    /// Every requirement that the key does not meet; empty: it is taken.
    pub fn check(&self, key: &Verified) -> Vec<Reason> {
        let said = &key.description;
        let mut lists = vec![&said.hardware];
        if self.level == SecurityLevel::Software {
            lists.push(&said.software);
        }
        let mut facts = Facts { lists, reasons: Vec::new() };
        self.challenge(said, &mut facts.reasons);
        self.application(said, &mut facts.reasons);
        self.level(key, &mut facts.reasons);
        facts.key(key);
        facts.times(said, key.at);
        if self.verified_boot {
            facts.boot();
        }
        facts.patch(Word::OsPatchTooOld, self.os_patch, |list| list.os_patch_level);
        facts.patch(Word::VendorPatchTooOld, self.vendor_patch, |list| list.vendor_patch_level);
        facts.patch(Word::BootPatchTooOld, self.boot_patch, |list| list.boot_patch_level);
        facts.reasons
    }

    fn challenge(&self, said: &KeyDescription, reasons: &mut Vec<Reason>) {
        let Some(wanted) = self.challenge else { return };
        if verify_slices_are_equal(wanted, &said.challenge).is_err() {
            reasons.push(Reason::new(Word::ChallengeMismatch, "the key answers another challenge"));
        }
    }

    /// The id is Android's word, which verified boot vouches for; some keystores put it into the
    /// hardware's list.
    fn application(&self, said: &KeyDescription, reasons: &mut Vec<Reason>) {
        let software = said.software.attestation_application_id.as_ref();
        let hardware = said.hardware.attestation_application_id.as_ref();
        if software.is_some() && hardware.is_some() && software != hardware {
            let detail = "the two lists name different applications";
            reasons.push(Reason::new(Word::ApplicationConflict, detail));
        }
        match software.or(hardware) {
            Some(id) => self.package(id, reasons),
            None => reasons.push(Reason::new(Word::ApplicationMissing, "no application is named")),
        }
    }

    fn package(&self, id: &ApplicationId, reasons: &mut Vec<Reason>) {
        if !id.packages.iter().any(|package| package.name == self.package) {
            let name = |package: &Package| package.name.chars().take(128).collect::<String>();
            let names: Vec<_> = id.packages.iter().take(8).map(name).collect();
            let detail = format!("the key belongs to {names:?}, not to {:?}", self.package);
            reasons.push(Reason::new(Word::PackageMismatch, detail));
        }
        let ours = |signer: &Vec<u8>| self.signers.iter().any(|it| it[..] == signer[..]);
        if id.signatures.is_empty() {
            reasons.push(Reason::new(Word::SignerMismatch, "the phone names no signer"));
        }
        for signer in id.signatures.iter().filter(|signer| !ours(signer)) {
            let digest = crate::x509::hex(signer.get(..32).unwrap_or(signer));
            let detail = format!("signed by {digest}, which is not registered");
            reasons.push(Reason::new(Word::SignerMismatch, detail));
        }
    }

    fn level(&self, key: &Verified, reasons: &mut Vec<Reason>) {
        let said = &key.description;
        if self.level == SecurityLevel::StrongBox && !key.strongbox_backed {
            let detail = "no certificate above the leaf is named as one of a StrongBox";
            reasons.push(Reason::new(Word::LevelNotBacked, detail));
        }
        let wanted = self.level.as_str();
        let levels = [
            (Word::AttestationLevelTooLow, "the statement was made", said.attestation_level),
            (Word::KeyLevelTooLow, "the key lives", said.keymint_level),
        ];
        for (word, what, level) in levels.into_iter().filter(|it| it.2 < self.level) {
            reasons.push(Reason::new(word, format!("{what} at {}, not {wanted}", level.as_str())));
        }
    }
}

impl Facts<'_> {
    fn refuse(&mut self, word: Word, detail: impl Into<String>) {
        self.reasons.push(Reason::new(word, detail));
    }

    /// The first list that has a fact.
    fn fact<T>(&self, fact: impl Fn(&AuthorizationList) -> Option<T>) -> Option<T> {
        self.lists.iter().find_map(|list| fact(list))
    }

    fn key(&mut self, key: &Verified) {
        let curve = self.fact(|list| list.ec_curve);
        let size = self.fact(|list| list.key_size);
        // Keymaster 2 may leave the curve out; then the size has to tell it.
        let p256 = match curve {
            Some(curve) => curve == CURVE_P256 && size.is_none_or(|size| size == 256),
            None => size == Some(256),
        };
        let ec = self.fact(|list| list.algorithm) == Some(ALGORITHM_EC);
        if !(ec && p256 && key.key.p256.is_some()) {
            self.refuse(Word::KeyNotP256, "not an EC key on P-256, by statement and certificate");
        }
        let purposes = self.fact(|list| list.purposes.clone()).unwrap_or_default();
        if !purposes.contains(&PURPOSE_SIGN) {
            self.refuse(Word::PurposeNotSign, format!("purposes are {purposes:?}, without 2"));
        }
        if purposes.iter().any(|it| ![PURPOSE_SIGN, PURPOSE_VERIFY].contains(it)) {
            let detail = format!("purposes are {purposes:?}, more than 2 and 3");
            self.refuse(Word::PurposeTooWide, detail);
        }
        let origin = self.fact(|list| list.origin);
        if origin != Some(ORIGIN_GENERATED) {
            let detail = origin.map_or("unknown".to_owned(), |origin| origin.to_string());
            self.refuse(Word::OriginNotGenerated, format!("the key's origin is {detail}, not 0"));
        }
    }

    /// Restrictions count from whichever list has them: early keystores could not keep time.
    fn times(&mut self, said: &KeyDescription, at: i64) {
        let now = i128::from(at) * 1000;
        for list in [&said.hardware, &said.software] {
            if list.all_applications {
                self.refuse(Word::AllApplications, "any application may use the key");
            }
            if list.active_date_time.is_some_and(|from| now < from) {
                self.refuse(Word::KeyNotYetActive, "the key's time has not come");
            }
            let ends = [list.origination_expire_date_time, list.usage_expire_date_time];
            if ends.into_iter().flatten().any(|end| end < now) {
                self.refuse(Word::KeyExpired, "the key's time has ended");
            }
        }
    }

    fn boot(&mut self) {
        let Some(root) = self.fact(|list| list.root_of_trust.clone()) else {
            return self.refuse(Word::RootOfTrustMissing, "the hardware says nothing of the boot");
        };
        match root.verified_boot_state {
            VerifiedBootState::Verified => {}
            VerifiedBootState::SelfSigned => {
                self.refuse(Word::BootSelfSigned, "the system is signed by the phone's owner");
            }
            VerifiedBootState::Unverified => {
                self.refuse(Word::BootUnverified, "the system was not verified");
            }
            VerifiedBootState::Failed => {
                self.refuse(Word::BootFailed, "the system failed verification");
            }
        }
        if !root.device_locked {
            self.refuse(Word::BootloaderUnlocked, "the bootloader is unlocked");
        }
    }

    fn patch(
        &mut self,
        word: Word,
        oldest: Option<u32>,
        level: impl Fn(&AuthorizationList) -> Option<i128>,
    ) {
        let Some(oldest) = oldest else { return };
        let level = self.fact(level);
        let enough = level.and_then(patch_level).zip(patch_level(oldest.into()));
        if enough.is_none_or(|(level, oldest)| level < oldest) {
            let level = level.map_or("unknown".to_owned(), |level| level.to_string());
            self.refuse(word, format!("patch level {level}, wanted {oldest} or later"));
        }
    }
}
