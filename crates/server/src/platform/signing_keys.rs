//! The signing keys in the store.

use twinpath_core::records::SigningKey;
use twinpath_core::token::{RotateKey, Rotated, new_signing_key};
use twinpath_core::transaction::{Context, Key, Missing, Operation, Rows, Step};
use twinpath_core::vault::Vault;
use twinpath_store::{Store, StoreError};

use crate::platform::{StartError, SystemRandom, now};

/// Makes a signing key if there is none.
pub async fn ensure_signing_key(store: &Store, vault: &Vault) -> Result<(), StartError> {
    if !read_signing_keys(store).await?.is_empty() {
        return Ok(());
    }
    let new = new_signing_key(vault, now(), &mut SystemRandom)?;
    if store.run(RotateKey { new, force: false }).await? == Rotated::Yes {
        tracing::info!("made the first signing key");
    }
    Ok(())
}

/// Every signing key.
pub async fn read_signing_keys(store: &Store) -> Result<Vec<SigningKey>, StoreError> {
    store.read(ReadSigningKeys).await
}

struct ReadSigningKeys;

impl Operation for ReadSigningKeys {
    type Outcome = Vec<SigningKey>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::SigningKeys);
    }

    fn decide(&self, view: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(Step::Done(Vec::new(), view.signing_keys()?.to_vec()))
    }
}
