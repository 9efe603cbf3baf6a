//! Apps and signing keys as requests see them: a snapshot, renewed when the store's registry version
//! moves, so that what a command changes is in force within [`WATCH`] without a restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use twinpath_core::app::Registered;
use twinpath_core::ids::ClientId;
use twinpath_core::token::KeyRing;
use twinpath_core::vault::Vault;
use twinpath_store::Store;

use crate::operator::read_signing_keys;
use crate::platform::{Platform, StartError, now};

/// How often the version is looked at.
pub const WATCH: Duration = Duration::from_secs(1);

const PAGE: usize = 500;

/// The cached registry.
#[derive(Debug)]
pub struct Registry {
    snapshot: RwLock<Arc<Snapshot>>,
}

#[derive(Debug)]
struct Snapshot {
    version: u64,
    apps: HashMap<ClientId, Arc<Registered>>,
    keys: Arc<KeyRing>,
}

impl Registry {
    /// Loads everything.
    pub async fn load(
        store: &Store,
        vault: &Vault,
        phrases: &BTreeMap<String, String>,
    ) -> Result<Self, StartError> {
        let snapshot = Snapshot::load(store, vault, phrases).await?;
        Ok(Self { snapshot: RwLock::new(Arc::new(snapshot)) })
    }

    /// The app of this id.
    pub fn app(&self, id: &ClientId) -> Option<Arc<Registered>> {
        self.current().apps.get(id).cloned()
    }

    /// The signing keys.
    pub fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.current().keys)
    }

    fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loads again if the store's version moved.
    pub async fn renew(&self, platform: &Platform) -> Result<(), StartError> {
        let version = platform.store.registry_version().await?;
        if version == self.current().version {
            return Ok(());
        }
        let phrases = &platform.config.terminal.phrases;
        let fresh = Snapshot::load(&platform.store, &platform.vault, phrases).await?;
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        Ok(())
    }
}

impl Snapshot {
    async fn load(
        store: &Store,
        vault: &Vault,
        phrases: &BTreeMap<String, String>,
    ) -> Result<Self, StartError> {
        // Read first: what changes while we load moves the version again.
        let version = store.registry_version().await?;
        let keys = KeyRing::open(&read_signing_keys(store).await?, vault, now())?;
        let mut apps = HashMap::new();
        let mut after = None;
        loop {
            let page = store.apps(after, PAGE).await?;
            after = page.last().map(|app| app.client_id.clone());
            if after.is_none() {
                break;
            }
            for app in page {
                let id = app.client_id.clone();
                apps.insert(id, Arc::new(Registered::new(app, phrases, vault)?));
            }
        }
        Ok(Self { version, apps, keys: Arc::new(keys) })
    }
}
