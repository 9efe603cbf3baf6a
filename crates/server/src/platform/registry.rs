//! Apps and signing keys as requests see them: a snapshot, renewed when the store's registry version
//! moves, so that what a command changes is in force within [`WATCH`] without a restart; at once when
//! another node tells of it, and for a request that would be refused by what is known so far.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use twinpath_core::app::Registered;
use twinpath_core::ids::ClientId;
use twinpath_core::token::KeyRing;
use twinpath_core::vault::Vault;
use twinpath_store::Store;

use crate::config::Config;
use crate::platform::{Platform, StartError, now, read_signing_keys};

/// How often the version is looked at.
pub const WATCH: Duration = Duration::from_secs(1);

const PAGE: usize = 500;

/// The cached registry.
#[derive(Debug)]
pub struct Registry {
    snapshot: RwLock<Arc<Snapshot>>,
    /// When the last look at the version began.
    looked: tokio::sync::Mutex<Instant>,
    /// Another node changed it.
    stirred: tokio::sync::Notify,
}

#[derive(Debug)]
struct Snapshot {
    version: u64,
    apps: HashMap<ClientId, Arc<Registered>>,
    /// The resources that any of them serves.
    served: HashSet<String>,
    keys: KeyRing,
}

impl Registry {
    /// Loads everything.
    pub async fn load(store: &Store, vault: &Vault, config: &Config) -> Result<Self, StartError> {
        let snapshot = Snapshot::load(store, vault, config).await?;
        let looked = tokio::sync::Mutex::new(Instant::now());
        let stirred = tokio::sync::Notify::new();
        Ok(Self { snapshot: RwLock::new(Arc::new(snapshot)), looked, stirred })
    }

    /// The app of this id.
    pub fn app(&self, id: &ClientId) -> Option<Arc<Registered>> {
        self.current().apps.get(id).cloned()
    }

    /// Whether an app serves this resource (RFC 8707).
    pub fn serves(&self, resource: &str) -> bool {
        self.current().served.contains(resource)
    }

    /// The signing keys of this moment: they change by time too.
    pub fn keys(&self) -> KeyRing {
        self.current().keys.at(now())
    }

    fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has it renewed at once: it changed somewhere.
    pub fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Returns when it was stirred, also if that was before the call. Several stirs may count as one.
    pub async fn stirred(&self) {
        self.stirred.notified().await;
    }

    /// Makes sure that what was changed before `since` is in force. Those who ask together look once.
    /// Whether anything moved.
    pub async fn renew_since(
        &self,
        platform: &Platform,
        since: Instant,
    ) -> Result<bool, StartError> {
        let before = self.current().version;
        let mut looked = self.looked.lock().await;
        if *looked < since {
            let begun = Instant::now();
            self.renew(platform).await?;
            *looked = begun;
        }
        Ok(self.current().version != before)
    }

    /// Loads again if the store's version moved.
    pub async fn renew(&self, platform: &Platform) -> Result<(), StartError> {
        let version = platform.store.registry_version().await?;
        let current = self.current();
        if version == current.version {
            return Ok(());
        }
        let fresh = Snapshot::load(&platform.store, &platform.vault, &platform.config).await?;
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        Ok(())
    }
}

impl Snapshot {
    async fn load(store: &Store, vault: &Vault, config: &Config) -> Result<Self, StartError> {
        // Read first: what changes while we load moves the version again.
        let version = store.registry_version().await?;
        let keys = KeyRing::open(&read_signing_keys(store).await?, vault, &config.keys, now())?;
        let (mut apps, mut served) = (HashMap::new(), HashSet::new());
        let mut after = None;
        loop {
            let page = store.apps(after, PAGE).await?;
            after = page.last().map(|app| app.client_id.clone());
            if after.is_none() {
                break;
            }
            for app in page {
                let id = app.client_id.clone();
                served.extend(app.serves.iter().cloned());
                apps.insert(id, Arc::new(Registered::new(app, &config.terminal.phrases, vault)?));
            }
        }
        Ok(Self { version, apps, served, keys })
    }
}
