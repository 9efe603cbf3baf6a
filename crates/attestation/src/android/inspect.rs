//! A chain as JSON, for people and for other programs.
//!
//! Names and forms are those of the decoded extensions that Android's own verifier publishes beside
//! its test chains: integers as strings, octets as base64, absent fields left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::authorization::{AuthorizationList, patch_level, tag_name};
use super::{
    ApplicationId, Chain, KeyDescription, Provisioning, Reason, RootOfTrust, SecurityLevel, Trust,
    limits,
};
use crate::pem::{self, PemError};
use crate::x509::{Certificate, rfc3339};

/// Input that is not a chain at all.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InspectError {
    /// Broken PEM.
    #[error("the file is not PEM certificates: {0}")]
    Pem(#[from] PemError),
    /// Certificates that cannot be read.
    #[error("the chain cannot be read: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Chain(Vec<Reason>),
}

/// Reads PEM certificates, leaf first, or one DER certificate, and tells all of it: the key
/// description's members at the top, beside them `verified`, `reasons`, `chain`, `serials`, and
/// where there is any `provisioningInfo` and `notes`.
pub fn inspect(file: &[u8], trust: &Trust<'_>) -> Result<Value, InspectError> {
    let chain = match std::str::from_utf8(file) {
        Ok(text) if pem::is_pem(text) => pem::certificates(text, limits::CERTIFICATES)?,
        _ => vec![file.to_vec()],
    };
    let chain = Chain::read(&chain).map_err(InspectError::Chain)?;
    let outcome = chain.verify(trust);
    let mut object = chain.description().map(description).unwrap_or_default();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("verified", outcome.is_ok().into());
    if let Ok(verified) = &outcome {
        put("root", verified.root.as_str().into());
    }
    let reasons = outcome.err().unwrap_or_default();
    put("reasons", reasons.iter().map(reason).collect());
    put("verifiedAt", rfc3339(trust.at).into());
    put("serials", chain.serials().into());
    put("chain", chain.certificates.iter().map(certificate).collect());
    if let Some(info) = chain.provisioning() {
        put("provisioningInfo", provisioning(info));
    }
    let mut notes = chain.description().map(notes).unwrap_or_default();
    if chain.provisioning().is_some_and(|info| info.other) {
        notes.push("provisioningInfo holds more than is known here".to_owned());
    }
    let level = chain.description().map(|said| said.attestation_level.max(said.keymint_level));
    if level == Some(SecurityLevel::StrongBox) && !chain.strongbox_backed() {
        notes.push("no certificate above the leaf is named as one of a StrongBox".to_owned());
    }
    if !notes.is_empty() {
        put("notes", notes.into());
    }
    Ok(Value::Object(object))
}

fn reason(reason: &Reason) -> Value {
    json!({ "reason": reason.word.as_str(), "detail": reason.detail })
}

fn certificate(certificate: &Certificate<'_>) -> Value {
    json!({
        "subject": certificate.subject.display(),
        "issuer": certificate.issuer.display(),
        "serial": certificate.serial_hex(),
        "notBefore": rfc3339(certificate.not_before),
        "notAfter": rfc3339(certificate.not_after),
        "key": certificate.key.name(),
    })
}

fn provisioning(info: &Provisioning) -> Value {
    let mut object = Map::new();
    if let Some(count) = info.certificates_issued {
        object.insert("certificatesIssued".to_owned(), count.to_string().into());
    }
    if let Some(name) = &info.name {
        object.insert("name".to_owned(), name.as_str().into());
    }
    Value::Object(object)
}

/// What the published form has no place for.
fn notes(said: &KeyDescription) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, list) in [("softwareEnforced", &said.software), ("hardwareEnforced", &said.hardware)]
    {
        notes.extend(list.odd.iter().map(|odd| format!("{name}.{odd}")));
        let unknown = list.unknown_tags.iter();
        notes.extend(unknown.map(|tag| format!("{name} has the unknown tag {tag}")));
        let levels = [
            (706, list.os_patch_level),
            (718, list.vendor_patch_level),
            (719, list.boot_patch_level),
        ];
        for (tag, level) in levels {
            if let Some(level) = level.filter(|level| patch_level(*level).is_none()) {
                let field = tag_name(tag).unwrap_or_default();
                notes.push(format!("{name}.{field} is {level}, which is no date"));
            }
        }
    }
    notes
}

fn description(said: &KeyDescription) -> Map<String, Value> {
    let value = json!({
        "attestationVersion": said.attestation_version.to_string(),
        "attestationSecurityLevel": said.attestation_level.as_str(),
        "keyMintVersion": said.keymint_version.to_string(),
        "keyMintSecurityLevel": said.keymint_level.as_str(),
        "attestationChallenge": STANDARD.encode(&said.challenge),
        "uniqueId": STANDARD.encode(&said.unique_id),
        "softwareEnforced": Fields::of(&said.software),
        "hardwareEnforced": Fields::of(&said.hardware),
    });
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// The members of one list, by tag.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(list: &AuthorizationList) -> Value {
        let mut fields = Self(Map::new());
        fields.sets(list);
        fields.integers(list);
        fields.flags(list);
        fields.texts(list);
        fields.octets(601, list.application_id.as_deref());
        fields.octets(724, list.module_hash.as_deref());
        fields.put(702, list.origin.map(origin));
        fields.put(704, list.root_of_trust.as_ref().map(root_of_trust));
        fields.put(709, list.attestation_application_id.as_ref().map(application_id));
        fields.0.insert("areTagsOrdered".to_owned(), list.tags_ordered.into());
        Value::Object(fields.0)
    }

    fn put(&mut self, tag: u32, value: Option<Value>) {
        if let (Some(name), Some(value)) = (tag_name(tag), value) {
            self.0.insert(name.to_owned(), value);
        }
    }

    fn octets(&mut self, tag: u32, value: Option<&[u8]>) {
        self.put(tag, value.map(|octets| STANDARD.encode(octets).into()));
    }

    fn sets(&mut self, list: &AuthorizationList) {
        let sets = [
            (1, &list.purposes),
            (4, &list.block_modes),
            (5, &list.digests),
            (6, &list.paddings),
            (203, &list.mgf_digests),
        ];
        for (tag, set) in sets {
            let texts = |set: &Vec<i128>| set.iter().map(ToString::to_string).collect();
            self.put(tag, set.as_ref().map(texts));
        }
    }

    fn integers(&mut self, list: &AuthorizationList) {
        let dated = |level: Option<i128>| level.filter(|level| patch_level(*level).is_some());
        let integers = [
            (2, list.algorithm),
            (3, list.key_size),
            (8, list.min_mac_length),
            (10, list.ec_curve),
            (11, list.ml_dsa_variant),
            (200, list.rsa_public_exponent),
            (400, list.active_date_time),
            (401, list.origination_expire_date_time),
            (402, list.usage_expire_date_time),
            (405, list.usage_count_limit),
            (502, list.user_secure_id),
            (504, list.user_auth_type),
            (505, list.auth_timeout),
            (701, list.creation_date_time),
            (705, list.os_version),
            (706, dated(list.os_patch_level)),
            (718, dated(list.vendor_patch_level)),
            (719, dated(list.boot_patch_level)),
        ];
        for (tag, integer) in integers {
            self.put(tag, integer.map(|integer| integer.to_string().into()));
        }
    }

    fn flags(&mut self, list: &AuthorizationList) {
        let flags = [
            (7, list.caller_nonce),
            (303, list.rollback_resistance),
            (305, list.early_boot_only),
            (503, list.no_auth_required),
            (506, list.allow_while_on_body),
            (507, list.trusted_user_presence_required),
            (508, list.trusted_confirmation_required),
            (509, list.unlocked_device_required),
            (600, list.all_applications),
            (703, list.rollback_resistant),
            (720, list.device_unique_attestation),
            (721, list.identity_credential_key),
        ];
        for (tag, flag) in flags {
            self.put(tag, flag.then_some(Value::Bool(true)));
        }
    }

    fn texts(&mut self, list: &AuthorizationList) {
        let texts = [
            (710, &list.attestation_id_brand),
            (711, &list.attestation_id_device),
            (712, &list.attestation_id_product),
            (713, &list.attestation_id_serial),
            (714, &list.attestation_id_imei),
            (715, &list.attestation_id_meid),
            (716, &list.attestation_id_manufacturer),
            (717, &list.attestation_id_model),
            (723, &list.attestation_id_second_imei),
        ];
        for (tag, text) in texts {
            self.put(tag, text.as_deref().map(Value::from));
        }
    }
}

/// The published names of `KeyOrigin`; any other number stays one.
fn origin(origin: i128) -> Value {
    match origin {
        0 => "GENERATED".into(),
        1 => "DERIVED".into(),
        2 => "IMPORTED".into(),
        3 => "RESERVED".into(),
        4 => "SECURELY_IMPORTED".into(),
        other => other.to_string().into(),
    }
}

fn root_of_trust(root: &RootOfTrust) -> Value {
    let mut value = json!({
        "verifiedBootKey": STANDARD.encode(&root.verified_boot_key),
        "deviceLocked": root.device_locked,
        "verifiedBootState": root.verified_boot_state.as_str(),
    });
    if let (Some(hash), Some(object)) = (&root.verified_boot_hash, value.as_object_mut()) {
        object.insert("verifiedBootHash".to_owned(), STANDARD.encode(hash).into());
    }
    value
}

fn application_id(id: &ApplicationId) -> Value {
    let packages: Vec<Value> = id
        .packages
        .iter()
        .map(|package| json!({ "name": package.name, "version": package.version.to_string() }))
        .collect();
    let signatures: Vec<String> = id.signatures.iter().map(|it| STANDARD.encode(it)).collect();
    json!({ "packages": packages, "signatures": signatures })
}
