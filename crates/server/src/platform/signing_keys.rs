//! The signing keys in the store.

use twinpath_core::records::SigningKey;
use twinpath_core::token::{KeepKeys, KeyPolicy};
use twinpath_core::transaction::{Context, Key, Missing, Operation, Rows, Step};
use twinpath_core::vault::Vault;
use twinpath_store::{Store, StoreError};

use crate::platform::{StartError, SystemRandom, now};

/// Makes the first signing keys if there are none. All else can wait until nodes of another version,
/// which may know no announced keys, have been replaced.
pub async fn ensure_signing_key(
    store: &Store,
    vault: &Vault,
    policy: &KeyPolicy,
) -> Result<(), StartError> {
    if read_signing_keys(store).await?.is_empty() {
        keep_signing_keys(store, vault, policy).await?;
    }
    Ok(())
}

/// Does what is due: announces successors, retires, deletes. Any number of nodes may do it.
pub async fn keep_signing_keys(
    store: &Store,
    vault: &Vault,
    policy: &KeyPolicy,
) -> Result<(), StartError> {
    if KeepKeys::is_idle(policy, &read_signing_keys(store).await?, now()) {
        return Ok(());
    }
    let keep = KeepKeys::new(policy, None, vault, &mut SystemRandom)?;
    for kid in store.run(keep).await? {
        tracing::info!(kid, "made a signing key");
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use twinpath_core::token::{KeyState, Rotation, SigningAlgorithm};

    use super::*;

    #[tokio::test]
    async fn many_at_once_make_one_key_for_each_algorithm() {
        let folder = tempfile::tempdir().unwrap();
        let options = twinpath_store::Options {
            clock: Some(Arc::new(now)),
            random: Arc::new(|| Box::new(SystemRandom)),
            ..twinpath_store::Options::default()
        };
        let url = format!("sqlite://{}/t.db", folder.path().display());
        let store = Store::open(&url, options).unwrap();
        let vault = Vault::new(&[7; 32]).unwrap();
        let algorithms = vec![SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];
        let policy = KeyPolicy { algorithms, rotate_s: 0, announce_s: 86_400, retire_s: 86_400 };
        let ensure = || ensure_signing_key(&store, &vault, &policy);
        tokio::try_join!(ensure(), ensure(), ensure(), ensure()).unwrap();
        assert_eq!(read_signing_keys(&store).await.unwrap().len(), 2);
        let ask = || KeepKeys::new(&policy, Some(Rotation::Announce), &vault, &mut SystemRandom);
        let ask = || store.run(ask().unwrap());
        let (a, b, c) = tokio::try_join!(ask(), ask(), ask()).unwrap();
        assert_eq!([a, b, c].concat().len(), 2);
        let keys = read_signing_keys(&store).await.unwrap();
        let count = |state| keys.iter().filter(|key| policy.state(key, now()) == state).count();
        assert_eq!((count(KeyState::Active), count(KeyState::Announced)), (2, 2));
        store.close().await;
    }
}
