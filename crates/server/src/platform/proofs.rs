//! Proofs that were used (RFC 9449 11.1), and their nonces (RFC 9449 8): the one place that knows
//! whether other nodes take them too.
//!
//! Alone, memory is enough: the nonces' key dies with the process, and a proof from before it with
//! them. Nodes on one store take each other's nonces, so there a proof is used up in the store as
//! well. Memory stays in front: what this node has seen costs no look at the store.

use std::sync::{Mutex, PoisonError};

use twinpath_core::grant::Spend;
use twinpath_core::ids::Timestamp;
use twinpath_core::proof::{Nonces, Proof, ReplayWindow, Seen};
use twinpath_core::transaction::random_bytes;
use twinpath_core::vault::Vault;

use crate::platform::SystemRandom;

/// Seconds for which proofs' identifiers are kept: longer than any proof can be fresh.
const KEEP_S: i64 = 120;
/// Identifiers kept at most, in each of two generations: 16 bytes each.
const LIMIT: usize = 4_000_000;

/// Who takes the proofs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Takers {
    /// This process.
    Local,
    /// Every node on the store.
    Shared,
}

/// The proofs seen lately, and the nonces of those to come.
#[derive(Debug)]
pub struct Proofs {
    /// What proofs must carry.
    pub nonces: Nonces,
    takers: Takers,
    seen: Mutex<ReplayWindow>,
}

/// What becomes of a proof that holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It was not seen here. What is left to use up in the store, before the proof counts.
    New(Option<Spend>),
    /// It was used before.
    Replay,
    /// There is no room to remember it.
    Full,
}

impl Proofs {
    /// For a store that is `shared` with other nodes, or not.
    pub fn new(vault: &Vault, shared: bool) -> Self {
        let seen = Mutex::new(ReplayWindow::new(KEEP_S, LIMIT));
        if shared {
            return Self { nonces: Nonces::shared(vault), takers: Takers::Shared, seen };
        }
        Self { nonces: Nonces::new(&random_bytes(&mut SystemRandom)), takers: Takers::Local, seen }
    }

    /// Takes a proof if it is new.
    pub fn take(&self, vault: &Vault, proof: &Proof, now: Timestamp) -> Taken {
        let key = vault.identifier("dpop", &proof.jkt, &proof.jti);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).see(key, now);
        match (seen, self.takers) {
            (Seen::New, Takers::Local) => Taken::New(None),
            (Seen::New, Takers::Shared) => Taken::New(Some(Spend { key, until: proof.stale_at })),
            (Seen::Replay, _) => Taken::Replay,
            (Seen::Full, _) => Taken::Full,
        }
    }
}

#[cfg(test)]
mod tests {
    use twinpath_wire::jwk::{Jwk, PublicKey};

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn proof(jti: &str) -> Proof {
        let stale_at = NOW.plus_seconds(120);
        let jwk = Jwk::new(PublicKey::Ed25519 { x: [1; 32] });
        Proof { jwk, jkt: "k".to_owned(), jti: jti.to_owned(), stale_at }
    }

    fn vault() -> Vault {
        Vault::new(&[1; 32]).unwrap()
    }

    #[test]
    fn alone_memory_is_enough() {
        let (vault, proofs) = (vault(), Proofs::new(&vault(), false));
        assert_eq!(proofs.take(&vault, &proof("a"), NOW), Taken::New(None));
        assert_eq!(proofs.take(&vault, &proof("a"), NOW), Taken::Replay);
        let other = Proofs::new(&vault, false);
        assert!(!other.nonces.accepts(&proofs.nonces.at(NOW), NOW), "nonces die with the process");
    }

    #[test]
    fn nodes_name_one_row_for_one_proof() {
        let vault = vault();
        let (here, there) = (Proofs::new(&vault, true), Proofs::new(&vault, true));
        assert!(there.nonces.accepts(&here.nonces.at(NOW), NOW));
        let taken = here.take(&vault, &proof("a"), NOW);
        let Taken::New(Some(spend)) = taken else { panic!("{taken:?}") };
        assert_eq!(spend.until, NOW.plus_seconds(120));
        assert_eq!(there.take(&vault, &proof("a"), NOW), Taken::New(Some(spend)));
        assert_ne!(there.take(&vault, &proof("b"), NOW), Taken::New(Some(spend)));
        // Memory is in front.
        assert_eq!(here.take(&vault, &proof("a"), NOW), Taken::Replay);
    }
}
