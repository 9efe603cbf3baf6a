//! What an app asks of a key, and each way not to meet it.

use super::authority::*;
use super::*;

const WANTED: Requirements<'static> = Requirements {
    challenge: Some(CHALLENGE),
    package: PACKAGE,
    signers: &[SIGNER, [8; 32]],
    level: SecurityLevel::StrongBox,
    verified_boot: true,
    os_patch: Some(202_408),
    vendor_patch: Some(20_240_805),
    boot_patch: Some(202_408),
};

fn refused(says: &Says) -> Vec<&'static str> {
    words(&WANTED.check(&says.verified()))
}

#[test]
fn a_good_key_is_taken() {
    let verified = Says::good().verified();
    assert!(verified.key.p256.is_some());
    assert_eq!(WANTED.check(&verified), []);
}

#[test]
fn a_secure_element_is_named_by_its_makers_certificate() {
    let verified = Verified { strongbox_backed: false, ..Says::good().verified() };
    assert_eq!(words(&WANTED.check(&verified)), ["level_not_backed"]);
    let tee = Requirements { level: SecurityLevel::TrustedEnvironment, ..WANTED };
    assert_eq!(tee.check(&verified), []);
}

#[test]
fn the_challenge_must_be_this_one() {
    for challenge in [&b"another"[..], b"", &CHALLENGE[1..], b"A challenge of this server"] {
        let says = Says { challenge: challenge.to_vec(), ..Says::good() };
        assert_eq!(refused(&says), ["challenge_mismatch"]);
        let later = Requirements { challenge: None, ..WANTED };
        assert_eq!(later.check(&says.verified()), [], "checked when it was stored");
    }
}

#[test]
fn the_app_must_be_this_one() {
    let with = |packages: &[&str], signers: &[&[u8]]| {
        refused(&Says::good().software(709, application(packages, signers)))
    };
    assert_eq!(with(&["com.example.app2"], &[&SIGNER]), ["package_mismatch"]);
    assert_eq!(with(&["com.example"], &[&SIGNER]), ["package_mismatch"]);
    assert_eq!(with(&[], &[&SIGNER]), ["package_mismatch"]);
    assert_eq!(with(&[PACKAGE], &[&[9; 32]]), ["signer_mismatch"]);
    assert_eq!(with(&[PACKAGE], &[&SIGNER[..31]]), ["signer_mismatch"]);
    assert_eq!(with(&[PACKAGE], &[]), ["signer_mismatch"], "no signer is not any signer");
    assert_eq!(with(&[PACKAGE], &[&SIGNER, &[9; 32]]), ["signer_mismatch"], "one of two");
    assert_eq!(with(&["evil"], &[&[9; 32]]), ["package_mismatch", "signer_mismatch"]);
    assert_eq!(refused(&Says::good().without(709)), ["application_missing"]);
}

#[test]
fn apps_of_one_signer_may_share_a_user_id() {
    let shared = application(&["com.example.other", PACKAGE], &[&[8; 32], &SIGNER]);
    assert_eq!(refused(&Says::good().software(709, shared)), [""; 0]);
}

#[test]
fn the_two_lists_must_not_name_different_apps() {
    let other = application(&["com.example.other"], &[&SIGNER]);
    assert_eq!(refused(&Says::good().hardware(709, other)), ["application_conflict"]);
    let mut moved = Says::good().hardware(709, application(&[PACKAGE], &[&SIGNER]));
    moved.software.clear();
    assert_eq!(refused(&moved), [""; 0]);
}

#[test]
fn both_levels_count() {
    let at = |levels| refused(&Says { levels, ..Says::good() });
    assert_eq!(at((1, 1)), ["attestation_level_too_low", "key_level_too_low"]);
    assert_eq!(at((1, 2)), ["attestation_level_too_low"]);
    assert_eq!(at((2, 1)), ["key_level_too_low"]);
    let tee = Requirements { level: SecurityLevel::TrustedEnvironment, ..WANTED };
    let check = |levels| words(&tee.check(&Says { levels, ..Says::good() }.verified()));
    assert_eq!(check((1, 1)), [""; 0]);
    assert_eq!(check((0, 1)), ["attestation_level_too_low"], "as early phones upgraded do");
    assert_eq!(check((1, 0)), ["key_level_too_low"]);
}

/// Android itself, once it is the attacker's, can say anything in its own list.
#[test]
fn what_android_says_does_not_stand_for_the_hardware() {
    let mut moved = Says::good();
    let facts = std::mem::take(&mut moved.hardware);
    moved.software.extend(facts);
    moved.software.sort_by_key(|field| field.0);
    let expected = [
        "key_not_p256",
        "purpose_not_sign",
        "origin_not_generated",
        "root_of_trust_missing",
        "os_patch_too_old",
        "vendor_patch_too_old",
        "boot_patch_too_old",
    ];
    assert_eq!(refused(&moved), expected);
    let software = Requirements { level: SecurityLevel::Software, ..WANTED };
    assert_eq!(software.check(&moved.verified()), [], "asked for no hardware");
    // The hardware's word goes first where both speak.
    let contrary = moved.hardware(704, boot(&[9; 32], 0, 2));
    let reasons = words(&software.check(&contrary.verified()));
    assert_eq!(reasons, ["boot_unverified", "bootloader_unlocked"]);
}

#[test]
fn each_state_of_the_boot_has_its_reason() {
    let with = |locked, state| refused(&Says::good().hardware(704, boot(&[9; 32], locked, state)));
    assert_eq!(with(0xff, 1), ["boot_self_signed"]);
    assert_eq!(with(0xff, 2), ["boot_unverified"]);
    assert_eq!(with(0xff, 3), ["boot_failed"]);
    assert_eq!(with(0x00, 0), ["bootloader_unlocked"]);
    assert_eq!(with(0x00, 2), ["boot_unverified", "bootloader_unlocked"]);
    assert_eq!(refused(&Says::good().without(704)), ["root_of_trust_missing"]);
    let any = Requirements { verified_boot: false, ..WANTED };
    assert_eq!(any.check(&Says::good().without(704).verified()), []);
}

#[test]
fn patch_levels_must_be_known_and_recent() {
    let with = |tag, level| refused(&Says::good().hardware(tag, integer(level)));
    assert_eq!(with(706, 202_407), ["os_patch_too_old"]);
    assert_eq!(with(706, 0), ["os_patch_too_old"]);
    assert_eq!(with(706, 209_913), ["os_patch_too_old"], "there is no month 13");
    assert_eq!(with(706, 202_501), [""; 0]);
    assert_eq!(with(718, 20_240_804), ["vendor_patch_too_old"]);
    assert_eq!(with(718, 202_408), ["vendor_patch_too_old"], "on which day it does not say");
    assert_eq!(with(718, 202_409), [""; 0]);
    assert_eq!(with(719, 20_240_731), ["boot_patch_too_old"]);
    assert_eq!(with(719, 20_240_801), [""; 0]);
    assert_eq!(refused(&Says::good().without(706)), ["os_patch_too_old"]);
    let any = Requirements { os_patch: None, vendor_patch: None, boot_patch: None, ..WANTED };
    let says = Says::good().without(706).without(718).without(719);
    assert_eq!(any.check(&says.verified()), []);
}

#[test]
fn the_key_must_have_been_made_where_it_lives() {
    for origin in [1, 2, 3, 4, 9] {
        assert_eq!(refused(&Says::good().hardware(702, integer(origin))), ["origin_not_generated"]);
    }
    let said_by_android = Says::good().without(702).software(702, integer(0));
    assert_eq!(refused(&said_by_android), ["origin_not_generated"]);
}

#[test]
fn the_key_signs_and_does_nothing_else() {
    let with = |purposes: &[i64]| refused(&Says::good().hardware(1, integers(purposes)));
    assert_eq!(with(&[2, 3]), [""; 0]);
    assert_eq!(with(&[3]), ["purpose_not_sign"]);
    assert_eq!(with(&[]), ["purpose_not_sign"]);
    assert_eq!(with(&[7]), ["purpose_not_sign", "purpose_too_wide"], "ATTEST_KEY");
    for other in [0, 1, 4, 5, 6, 7, 99] {
        assert_eq!(with(&[2, other]), ["purpose_too_wide"]);
    }
}

#[test]
fn the_key_is_on_p256_by_every_word() {
    let with = |tag, value| refused(&Says::good().hardware(tag, integer(value)));
    assert_eq!(with(2, 1), ["key_not_p256"], "RSA");
    assert_eq!(with(10, 2), ["key_not_p256"], "P-384");
    assert_eq!(with(10, 4), ["key_not_p256"], "Curve 25519");
    assert_eq!(with(3, 384), ["key_not_p256"]);
    assert_eq!(refused(&Says::good().without(10)), [""; 0], "the size tells it");
    assert_eq!(refused(&Says::good().without(10).without(3)), ["key_not_p256"]);
    for key in [Signer::p384, || Signer::ml_dsa(44)] {
        let mut line = Line::new(&Says::good());
        line.drafts[0].key = key();
        let (chain, roots) = line.sign();
        let verified = verify_with(&chain, &roots).unwrap();
        assert_eq!(words(&WANTED.check(&verified)), ["key_not_p256"]);
    }
}

#[test]
fn a_point_off_the_curve_is_no_key() {
    let mut line = Line::new(&Says::good());
    let last = line.drafts[0].key.spki.len() - 1;
    line.drafts[0].key.spki[last] ^= 1;
    let (chain, roots) = line.sign();
    let verified = verify_with(&chain, &roots).unwrap();
    assert_eq!(verified.key.p256, None);
    assert_eq!(words(&WANTED.check(&verified)), ["key_not_p256"]);
}

#[test]
fn a_key_of_all_apps_or_of_another_time_is_refused() {
    let now = SEPTEMBER_2024 * 1000;
    let cases: [(u32, Vec<u8>, &str); 4] = [
        (600, null(), "all_applications"),
        (400, integer(now + 1), "key_not_yet_active"),
        (401, integer(now - 1), "key_expired"),
        (402, integer(now - 1), "key_expired"),
    ];
    for (tag, value, word) in cases {
        assert_eq!(refused(&Says::good().hardware(tag, value.clone())), [word]);
        assert_eq!(refused(&Says::good().software(tag, value)), [word], "said by Android");
    }
    let in_time = Says::good()
        .hardware(400, integer(now))
        .hardware(401, integer(now))
        .hardware(402, integer(now));
    assert_eq!(refused(&in_time), [""; 0]);
}

/// Phones of the fixtures had their bootloaders unlocked; the newest are fine but for the app.
#[test]
fn real_phones_are_judged_by_what_they_are() {
    let wanted = Requirements {
        challenge: Some(b"challenge"),
        package: "com.google.wireless.android.security.attestationverifier.collector",
        signers: &[],
        os_patch: None,
        vendor_patch: None,
        boot_patch: None,
        level: SecurityLevel::TrustedEnvironment,
        verified_boot: true,
    };
    let unlocked = verify_at(&chain("akita/sdk34/TEE_EC_NONE.pem"), SEPTEMBER_2024).unwrap();
    let expected = ["signer_mismatch", "boot_unverified", "bootloader_unlocked"];
    assert_eq!(words(&wanted.check(&unlocked)), expected);

    let locked = verify_at(&chain("tegu/sdk36/SB_EC_2026_ROOT.pem"), FEBRUARY_2026).unwrap();
    let digest: [u8; 32] =
        locked.description.software.attestation_application_id.as_ref().unwrap().signatures[0]
            .clone()
            .try_into()
            .unwrap();
    let wanted = Requirements {
        challenge: Some(b"90578e1d-f5bf-4ccf-a27f-a4f4d89ee21f"),
        package: "com.google.android.attestation",
        signers: &[digest],
        os_patch: Some(202_602),
        level: SecurityLevel::StrongBox,
        ..wanted
    };
    assert_eq!(wanted.check(&locked), []);
}
