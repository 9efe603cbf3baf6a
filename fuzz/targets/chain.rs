//! A whole chain: two octets of length before each certificate. What verifies against the published
//! roots must be a statement that a real phone made, word for word: the leaf is one of the fixtures'.
#![no_main]

use std::collections::HashSet;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use twinpath_attestation::android::{
    Chain, Requirements, Revocations, Roots, SecurityLevel, Trust, inspect, limits, verify,
};

/// 2026-02-24 and 2024-09-20, when the newest and the older chains were valid.
const TIMES: [i64; 2] = [1_771_977_600, 1_726_790_400];

static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::published);
static REVOCATIONS: LazyLock<Revocations> = LazyLock::new(Revocations::default);
static LEAVES: LazyLock<HashSet<Vec<u8>>> = LazyLock::new(|| {
    let mut leaves = HashSet::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/chain-seeds");
    for entry in std::fs::read_dir(folder).expect("run `fuzz/run`, which writes the seeds") {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        leaves.insert(split(&bytes).remove(0).to_vec());
    }
    leaves
});

fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let [high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (part, following) = rest.split_at(length);
        parts.push(part);
        bytes = following;
    }
    parts
}

fuzz_target!(|bytes: &[u8]| {
    let chain = split(bytes);
    if chain.len() > limits::CERTIFICATES + 1 {
        return;
    }
    for at in TIMES {
        let trust = Trust { roots: &ROOTS, revocations: &REVOCATIONS, at, expired_factory: false };
        match verify(&chain, &trust) {
            Err(reasons) => assert!(!reasons.is_empty()),
            Ok(verified) => {
                assert!(LEAVES.contains(chain[0]), "a leaf that no phone made");
                let wanted = Requirements {
                    challenge: None,
                    package: "com.example.app",
                    signers: &[],
                    level: SecurityLevel::Software,
                    verified_boot: true,
                    os_patch: Some(202_401),
                    vendor_patch: Some(202_401),
                    boot_patch: Some(202_401),
                };
                assert!(!wanted.check(&verified).is_empty());
            }
        }
        if let (Ok(read), [leaf, ..]) = (Chain::read(&chain), &chain[..]) {
            let told = inspect(leaf, &trust).expect("a leaf that was read in the chain");
            assert_eq!(told.get("attestationVersion").is_some(), read.description().is_some());
        }
    }
});
