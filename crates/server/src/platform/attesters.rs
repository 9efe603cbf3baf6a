//! Other attesters than the platform's own: their keys, read again while the server runs.

use std::sync::{Arc, PoisonError, RwLock};

use twinpath_core::app::ExternalAttester;
use twinpath_wire::jwk::JwkSet;

use crate::config::AttesterFile;
use crate::platform::TrustError;

/// No key set comes near this, in bytes.
const MAX_JWKS: u64 = 256 * 1024;

/// The attesters of this moment.
#[derive(Debug)]
pub struct Attesters {
    files: Vec<AttesterFile>,
    now: RwLock<Arc<[ExternalAttester]>>,
}

impl Attesters {
    /// Reads every key set; an error names the one that cannot be used.
    pub fn open(files: &[AttesterFile]) -> Result<Self, TrustError> {
        Ok(Self { files: files.to_vec(), now: RwLock::new(read(files)?) })
    }

    /// Those in force.
    pub fn now(&self) -> Arc<[ExternalAttester]> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the key sets again. If one cannot be used, all stay as they are.
    pub fn refresh(&self) -> Result<(), TrustError> {
        let read = read(&self.files)?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }
}

fn read(files: &[AttesterFile]) -> Result<Arc<[ExternalAttester]>, TrustError> {
    files.iter().map(one).collect()
}

fn one(file: &AttesterFile) -> Result<ExternalAttester, TrustError> {
    let path = &file.jwks_file;
    let jwks: JwkSet = serde_json::from_str(&super::trust::text(path, MAX_JWKS)?)
        .map_err(|error| super::trust::unusable(path, &error.to_string()))?;
    ExternalAttester::new(&file.name, &jwks, file.clients.clone(), file.evidence)
        .map_err(|error| super::trust::unusable(path, &error.to_string()))
}
