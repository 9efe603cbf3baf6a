//! DPoP nonces (RFC 9449 8) without state: a time and a MAC.
//!
//! A node alone has a key that lives as long as its process. After a restart every proof needs a fresh
//! nonce, so a proof from before it never passes, and the replay window may be in memory. Nodes on one
//! store take each other's nonces: their key is the deployment's, and the store remembers proofs.

use aws_lc_rs::hmac;
use twinpath_wire::b64;

use crate::ids::Timestamp;
use crate::vault::{Vault, same};

/// Seconds between two nonces.
const STEP_S: i64 = 60;
/// How many steps a nonce stays good: at least four minutes.
const STEPS: i64 = 5;

/// Makes and checks nonces.
pub struct Nonces {
    key: hmac::Key,
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonces")
    }
}

impl Nonces {
    /// From a key made at start.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// The same on every node that has this master key.
    pub fn shared(vault: &Vault) -> Self {
        Self { key: vault.nonces().clone() }
    }

    /// The nonce to tell at `now`.
    pub fn at(&self, now: Timestamp) -> String {
        b64::encode(self.bytes(now.seconds().div_euclid(STEP_S)))
    }

    /// Whether `nonce` was told recently, under the same key.
    pub fn accepts(&self, nonce: &str, now: Timestamp) -> bool {
        let Ok(bytes) = b64::decode_array::<24>(nonce) else {
            return false;
        };
        let Some((step, _)) = bytes.split_first_chunk::<8>() else {
            return false;
        };
        let step = i64::from_be_bytes(*step);
        let present = now.seconds().div_euclid(STEP_S);
        // A clock stepped back leaves nonces of the near future, and they are as good.
        let recent = present.saturating_sub(STEPS) < step && step <= present.saturating_add(1);
        recent && same(&self.bytes(step), &bytes)
    }

    fn bytes(&self, step: i64) -> [u8; 24] {
        let step = step.to_be_bytes();
        let mac = hmac::sign(&self.key, &step);
        let mut bytes = [0; 24];
        for (to, from) in bytes.iter_mut().zip(step.iter().chain(mac.as_ref())) {
            *to = *from;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_lives_minutes_and_dies_with_its_process() {
        let nonces = Nonces::new(&[1; 32]);
        let start = Timestamp(1_800_000_000_000);
        let nonce = nonces.at(start);
        assert!(nonces.accepts(&nonce, start));
        assert!(nonces.accepts(&nonce, start.plus_seconds(230)));
        assert!(!nonces.accepts(&nonce, start.plus_seconds(301)));
        assert!(!nonces.accepts(&nonce, start.plus_seconds(-121)));
        assert!(!Nonces::new(&[2; 32]).accepts(&nonce, start));
        for bad in ["", "x", "AAAA", &"A".repeat(32), &nonce[1..]] {
            assert!(!nonces.accepts(bad, start), "{bad}");
        }
    }

    #[test]
    fn nodes_with_one_master_key_take_each_others_nonces() {
        let node = |master| Nonces::shared(&Vault::new(&[master; 32]).unwrap());
        let now = Timestamp(1_800_000_000_000);
        assert!(node(1).accepts(&node(1).at(now), now));
        assert!(!node(1).accepts(&node(2).at(now), now));
    }
}
