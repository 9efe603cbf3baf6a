//! `AuthorizationList`: what a key may do, how it came to be, and on what device.

use super::description::{ApplicationId, RootOfTrust};

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
    /// Whether the tags rise, as X.690 and the schema have it.
    pub tags_ordered: bool,
}
