//! `AuthorizationList`: what a key may do, how it came to be, and on what device.

use super::description::{ApplicationId, RootOfTrust, text};
use super::{Reason, Word, limits};
use crate::der::{Element, Fault, Tag, integer};

/// One list; a field is `None` where its tag is absent or cannot be read.
///
/// Integers are as they came. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the published tag of that name")]
#[expect(clippy::struct_excessive_bools, reason = "each flag is a tag of the published schema")]
pub struct AuthorizationList {
    pub purposes: Option<Vec<i128>>,
    pub algorithm: Option<i128>,
    pub key_size: Option<i128>,
    pub block_modes: Option<Vec<i128>>,
    pub digests: Option<Vec<i128>>,
    pub paddings: Option<Vec<i128>>,
    pub caller_nonce: bool,
    pub min_mac_length: Option<i128>,
    pub ec_curve: Option<i128>,
    pub ml_dsa_variant: Option<i128>,
    pub rsa_public_exponent: Option<i128>,
    pub mgf_digests: Option<Vec<i128>>,
    pub rollback_resistance: bool,
    pub early_boot_only: bool,
    pub active_date_time: Option<i128>,
    pub origination_expire_date_time: Option<i128>,
    pub usage_expire_date_time: Option<i128>,
    pub usage_count_limit: Option<i128>,
    pub user_secure_id: Option<i128>,
    pub no_auth_required: bool,
    pub user_auth_type: Option<i128>,
    pub auth_timeout: Option<i128>,
    pub allow_while_on_body: bool,
    pub trusted_user_presence_required: bool,
    pub trusted_confirmation_required: bool,
    pub unlocked_device_required: bool,
    pub all_applications: bool,
    pub application_id: Option<Vec<u8>>,
    pub creation_date_time: Option<i128>,
    pub origin: Option<i128>,
    pub rollback_resistant: bool,
    pub root_of_trust: Option<RootOfTrust>,
    pub os_version: Option<i128>,
    pub os_patch_level: Option<i128>,
    pub attestation_application_id: Option<ApplicationId>,
    pub attestation_id_brand: Option<String>,
    pub attestation_id_device: Option<String>,
    pub attestation_id_product: Option<String>,
    pub attestation_id_serial: Option<String>,
    pub attestation_id_imei: Option<String>,
    pub attestation_id_meid: Option<String>,
    pub attestation_id_manufacturer: Option<String>,
    pub attestation_id_model: Option<String>,
    pub vendor_patch_level: Option<i128>,
    pub boot_patch_level: Option<i128>,
    pub device_unique_attestation: bool,
    pub identity_credential_key: bool,
    pub attestation_id_second_imei: Option<String>,
    pub module_hash: Option<Vec<u8>>,
    /// Tags that no published schema names, as they came.
    pub unknown_tags: Vec<u32>,
    /// What is not as DER has it and could be read all the same.
    pub odd: Vec<String>,
    /// Whether the tags rise, as X.690 and the schema have it.
    pub tags_ordered: bool,
}

impl AuthorizationList {
    /// Reads a list of `[tag] EXPLICIT` fields; `name` is what the reasons call it.
    pub(super) fn parse(
        element: Element<'_>,
        name: &str,
        reasons: &mut Vec<Reason>,
    ) -> Result<Self, Fault> {
        let mut list = Self { tags_ordered: true, ..Self::default() };
        let mut seen: Vec<u32> = Vec::new();
        for field in element.open(Tag::SEQUENCE)?.all(limits::FIELDS)? {
            let number = field.tag.number;
            let label = || format!("{name}.{}", tag_name(number).unwrap_or("?"));
            list.tags_ordered &= seen.last().is_none_or(|last| *last < number);
            if seen.contains(&number) {
                let detail = format!("{} (tag {number}) is there twice", label());
                reasons.push(Reason::new(Word::DuplicateTag, detail));
                continue;
            }
            seen.push(number);
            if let Err(fault) = list.field(field) {
                let detail = format!("{} (tag {number}) cannot be read: {fault}", label());
                reasons.push(Reason::new(Word::MalformedAuthorization, detail));
            }
        }
        Ok(list)
    }

    fn field(&mut self, field: Element<'_>) -> Result<(), Fault> {
        let mut inner = field.open(Tag::explicit(field.tag.number))?;
        let value = inner.element()?;
        inner.end()?;
        match field.tag.number {
            1 => self.purposes = Some(set(value)?),
            2 => self.algorithm = Some(number(value)?),
            3 => self.key_size = Some(number(value)?),
            4 => self.block_modes = Some(set(value)?),
            5 => self.digests = Some(set(value)?),
            6 => self.paddings = Some(set(value)?),
            7 => self.caller_nonce = flag(value)?,
            8 => self.min_mac_length = Some(number(value)?),
            10 => self.ec_curve = Some(number(value)?),
            11 => self.ml_dsa_variant = Some(number(value)?),
            200 => self.rsa_public_exponent = Some(number(value)?),
            203 => self.mgf_digests = Some(set(value)?),
            303 => self.rollback_resistance = flag(value)?,
            305 => self.early_boot_only = flag(value)?,
            400 => self.active_date_time = Some(number(value)?),
            401 => self.origination_expire_date_time = Some(number(value)?),
            402 => self.usage_expire_date_time = Some(number(value)?),
            405 => self.usage_count_limit = Some(number(value)?),
            502 => self.user_secure_id = Some(number(value)?),
            503 => self.no_auth_required = flag(value)?,
            504 => self.user_auth_type = Some(number(value)?),
            505 => self.auth_timeout = Some(number(value)?),
            506 => self.allow_while_on_body = flag(value)?,
            507 => self.trusted_user_presence_required = flag(value)?,
            508 => self.trusted_confirmation_required = flag(value)?,
            509 => self.unlocked_device_required = flag(value)?,
            600 => self.all_applications = flag(value)?,
            601 => self.application_id = Some(octets(value)?.to_vec()),
            701 => self.creation_date_time = Some(number(value)?),
            702 => self.origin = Some(number(value)?),
            703 => self.rollback_resistant = flag(value)?,
            704 => self.root_of_trust = Some(RootOfTrust::parse(value, &mut self.odd)?),
            705 => self.os_version = Some(number(value)?),
            706 => self.os_patch_level = Some(number(value)?),
            709 => self.attestation_application_id = Some(ApplicationId::parse(octets(value)?)?),
            718 => self.vendor_patch_level = Some(number(value)?),
            719 => self.boot_patch_level = Some(number(value)?),
            720 => self.device_unique_attestation = flag(value)?,
            721 => self.identity_credential_key = flag(value)?,
            724 => self.module_hash = Some(octets(value)?.to_vec()),
            other => return self.identifier(other, value),
        }
        Ok(())
    }

    /// Identifiers of the device; any other tag is only noted.
    fn identifier(&mut self, tag: u32, value: Element<'_>) -> Result<(), Fault> {
        let field = match tag {
            710 => &mut self.attestation_id_brand,
            711 => &mut self.attestation_id_device,
            712 => &mut self.attestation_id_product,
            713 => &mut self.attestation_id_serial,
            714 => &mut self.attestation_id_imei,
            715 => &mut self.attestation_id_meid,
            716 => &mut self.attestation_id_manufacturer,
            717 => &mut self.attestation_id_model,
            723 => &mut self.attestation_id_second_imei,
            unknown => {
                self.unknown_tags.push(unknown);
                return Ok(());
            }
        };
        *field = Some(text(octets(value)?)?);
        Ok(())
    }
}

fn number(value: Element<'_>) -> Result<i128, Fault> {
    integer(value.expect(Tag::INTEGER)?)
}

fn octets(value: Element<'_>) -> Result<&[u8], Fault> {
    value.expect(Tag::OCTET_STRING)
}

/// NULL: that the tag is there is all it says.
fn flag(value: Element<'_>) -> Result<bool, Fault> {
    if value.expect(Tag::NULL)?.is_empty() { Ok(true) } else { Err(Fault::Contents) }
}

/// A SET OF INTEGER in the order it came, since keystores do not sort as X.690 11.6 has it.
fn set(value: Element<'_>) -> Result<Vec<i128>, Fault> {
    value.open(Tag::SET)?.all(limits::MEMBERS)?.into_iter().map(number).collect()
}

/// A patch level, `YYYYMM` or `YYYYMMDD`, as the latter with day 0 where none is given; `None` where
/// it is no date, such as the 0 of systems without one.
pub(super) fn patch_level(level: i128) -> Option<u32> {
    let level = u32::try_from(level).ok()?;
    let full = match level {
        100_000..=999_999 => level * 100,
        10_000_000..=99_999_999 => level,
        _ => return None,
    };
    (1..=12).contains(&(full / 100 % 100)).then_some(full)
}

/// A tag's name as it is printed.
pub(super) const fn tag_name(tag: u32) -> Option<&'static str> {
    Some(match tag {
        1 => "purposes",
        2 => "algorithms",
        3 => "keySize",
        4 => "blockModes",
        5 => "digests",
        6 => "paddings",
        7 => "callerNonce",
        8 => "minMacLength",
        10 => "ecCurve",
        11 => "mlDsaVariant",
        200 => "rsaPublicExponent",
        203 => "rsaOaepMgfDigests",
        303 => "rollbackResistance",
        305 => "earlyBootOnly",
        400 => "activeDateTime",
        401 => "originationExpireDateTime",
        402 => "usageExpireDateTime",
        405 => "usageCountLimit",
        502 => "userSecureId",
        503 => "noAuthRequired",
        504 => "userAuthType",
        505 => "authTimeout",
        506 => "allowWhileOnBody",
        507 => "trustedUserPresenceRequired",
        508 => "trustedConfirmationRequired",
        509 => "unlockedDeviceRequired",
        600 => "allApplications",
        601 => "applicationId",
        701 => "creationDateTime",
        702 => "origin",
        703 => "rollbackResistant",
        704 => "rootOfTrust",
        705 => "osVersion",
        706 => "osPatchLevel",
        709 => "attestationApplicationId",
        710 => "attestationIdBrand",
        711 => "attestationIdDevice",
        712 => "attestationIdProduct",
        713 => "attestationIdSerial",
        714 => "attestationIdImei",
        715 => "attestationIdMeid",
        716 => "attestationIdManufacturer",
        717 => "attestationIdModel",
        718 => "vendorPatchLevel",
        719 => "bootPatchLevel",
        720 => "deviceUniqueAttestation",
        721 => "identityCredentialKey",
        723 => "attestationIdSecondImei",
        724 => "moduleHash",
        _ => return None,
    })
}
