//! Chains of real phones, with the values that Android's own verifier reads in them.

use std::path::Path;

use serde_json::Value;

use super::*;

/// Every `.pem` with the `.json` beside it.
fn pairs() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder()];
    while let Some(open) = folders.pop() {
        for entry in std::fs::read_dir(open).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "pem")
                && path.with_extension("json").exists()
            {
                found.push((relative(&path), relative(&path.with_extension("json"))));
            }
        }
    }
    assert!(found.len() >= 14, "only {} chains in {}", found.len(), folder().display());
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(folder()).unwrap().display().to_string()
}

fn time_of(name: &str) -> i64 {
    if name.contains("2026") { FEBRUARY_2026 } else { SEPTEMBER_2024 }
}

fn inspected(name: &str, at: i64) -> Value {
    let (roots, revocations) = (Roots::published(), Revocations::default());
    let trust = Trust { roots: &roots, revocations: &revocations, at, expired_factory: false };
    inspect(read(name).as_bytes(), &trust).unwrap()
}

fn expected(name: &str) -> Value {
    let plain: Vec<String> = read(name)
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(str::to_owned)
        .collect();
    serde_json::from_str(&plain.join("\n")).unwrap()
}

#[test]
fn every_chain_is_read_to_the_values_beside_it() {
    for (pem, json) in pairs() {
        let mut ours = inspected(&pem, time_of(&pem));
        let mut theirs = expected(&json);
        for list in ["softwareEnforced", "hardwareEnforced"] {
            // Older files were written before this member was.
            let list = theirs[list].as_object_mut().unwrap();
            list.entry("areTagsOrdered").or_insert(true.into());
        }
        for own in
            ["verified", "reasons", "verifiedAt", "serials", "chain", "root", "provisioningInfo"]
        {
            ours.as_object_mut().unwrap().remove(own);
        }
        assert_eq!(ours, theirs, "{pem}");
    }
}

#[test]
fn every_chain_to_a_published_root_verifies() {
    for (pem, _) in pairs().iter().filter(|pair| !pair.0.starts_with("marlin")) {
        let verified = verify_at(&chain(pem), time_of(pem)).unwrap_or_else(|reasons| {
            panic!("{pem}: {:?}", reasons.iter().map(ToString::to_string).collect::<Vec<_>>())
        });
        assert_eq!(verified.serials.len(), chain(pem).len());
        assert_eq!(verified.key.p256.is_some(), pem.contains("_EC_"), "{pem}");
        assert_eq!(verified.provisioning.is_some(), !pem.starts_with("blueline"), "{pem}");
        assert_eq!(verified.root.contains("Key Attestation CA1"), pem.contains("2026"));
        let without_root = &chain(pem)[..chain(pem).len() - 1];
        assert_eq!(verify_at(without_root, time_of(pem)).unwrap().root, verified.root, "{pem}");
    }
}

#[test]
fn software_chains_lead_to_no_root() {
    let ec = verify_at(&chain("marlin/sdk29/TEE_EC_NONE.pem"), SEPTEMBER_2024).unwrap_err();
    assert_eq!(words(&ec), ["unknown_root"]);
    let rsa = verify_at(&chain("marlin/sdk29/TEE_RSA_NONE.pem"), SEPTEMBER_2024).unwrap_err();
    assert_eq!(words(&rsa), ["weak_key", "weak_key", "unknown_root"], "RSA of 1024 bits");
}

#[test]
fn a_signature_with_sha_384_on_p256_is_understood() {
    let pem = read("p256_sha384_intermediate.pem");
    let refused = verify_at(&chain("p256_sha384_intermediate.pem"), SEPTEMBER_2024).unwrap_err();
    assert!(words(&refused).contains(&"unknown_root"));
    assert!(!words(&refused).contains(&"bad_signature"));
    let own = Roots::parse(&pem).unwrap();
    let revocations = Revocations::default();
    let trust = Trust {
        roots: &own,
        revocations: &revocations,
        at: SEPTEMBER_2024,
        expired_factory: false,
    };
    let refused = verify(&chain("p256_sha384_intermediate.pem"), &trust).err().unwrap_or_default();
    assert_eq!(words(&refused), ["malformed_key_description"], "its extension is a dummy");
}

/// Taken, as Android's own verifier does: phones like this are many, and it can be read in one way.
#[test]
fn a_boolean_that_only_ber_allows_is_read_and_told() {
    let name = "invalid/malformed_rot_device_locked.pem";
    let verified = verify_at(&chain(name), SEPTEMBER_2024).unwrap();
    assert!(verified.description.hardware.root_of_trust.unwrap().device_locked);
    let json = inspected(name, SEPTEMBER_2024);
    assert_eq!(json["hardwareEnforced"]["rootOfTrust"]["deviceLocked"], true);
    let note = "hardwareEnforced.rootOfTrust.deviceLocked is 0x01, TRUE only in BER";
    assert_eq!(json["notes"], serde_json::json!([note]));
}

#[test]
fn dates_of_issuers_count_and_those_of_leaf_and_root_do_not() {
    let rkp = chain("tegu/sdk36/TEE_EC_2026_ROOT.pem");
    let late = verify_at(&rkp, FEBRUARY_2026 + 30 * 86_400).unwrap_err();
    assert_eq!(words(&late), ["certificate_expired"], "the attestation key's, after two weeks");
    let early = verify_at(&rkp, FEBRUARY_2026 - 30 * 86_400).unwrap_err();
    assert_eq!(words(&early), ["certificate_not_yet_valid"; 3]);

    let factory = chain("blueline/sdk28/TEE_EC_NONE.pem");
    // The copy of the root in this chain ended in May 2026; its name and key are trusted still.
    verify_at(&factory, FEBRUARY_2026 + 180 * 86_400).unwrap();
    let at = FEBRUARY_2026 + 4 * 365 * 86_400;
    assert_eq!(words(&verify_at(&factory, at).unwrap_err()), ["factory_certificate_expired"; 2]);
    let (roots, revocations) = (Roots::published(), Revocations::default());
    let lenient = Trust { roots: &roots, revocations: &revocations, at, expired_factory: true };
    verify(&factory, &lenient).unwrap();
    let rkp = verify(&rkp, &lenient).unwrap_err();
    assert!(words(&rkp).contains(&"certificate_expired"), "only for keys put in at the factory");
}

#[test]
fn each_serial_number_can_be_revoked() {
    let roots = Roots::published();
    for name in ["tegu/sdk36/SB_EC_2026_ROOT.pem", "akita/sdk34/TEE_EC_NONE.pem"] {
        let chain = chain(name);
        let at = time_of(name);
        for serial in &verify_at(&chain, at).unwrap().serials {
            for (status, word) in [("REVOKED", "revoked"), ("SUSPENDED", "suspended")] {
                let list = format!(
                    r#"{{"entries":{{"{serial}":{{"status":"{status}","reason":"KEY_COMPROMISE"}}}}}}"#
                );
                let revocations = Revocations::parse(list.as_bytes()).unwrap();
                let trust =
                    Trust { roots: &roots, revocations: &revocations, at, expired_factory: false };
                let reasons = verify(&chain, &trust).unwrap_err();
                assert_eq!(words(&reasons), [word], "{serial}");
                assert!(reasons[0].detail.contains("KEY_COMPROMISE"));
            }
        }
    }
}

#[test]
fn what_is_no_chain_is_told_apart_from_a_chain_that_is_refused() {
    let (roots, revocations) = (Roots::published(), Revocations::default());
    let trust = Trust { roots: &roots, revocations: &revocations, at: 0, expired_factory: false };
    assert!(matches!(inspect(b"nothing", &trust), Err(InspectError::Chain(_))));
    assert!(matches!(inspect(b"", &trust), Err(InspectError::Chain(_))));
    let cut = read("akita/sdk34/TEE_EC_NONE.pem").replace("-----END", "");
    assert!(matches!(inspect(cut.as_bytes(), &trust), Err(InspectError::Pem(_))));
    let leaf = &chain("akita/sdk34/TEE_EC_NONE.pem")[0];
    let lone = inspect(leaf, &trust).unwrap();
    assert_eq!(lone["attestationVersion"], "300");
    assert_eq!(lone["verified"], false);
}
