//! The folder with configuration, keys and store: a temporary one, removed at the end, or the
//! user's own, kept.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::DevError;

const STEP: &str = "prepare the folder";
const ADVICE: &str = "name a folder that you can write to, or leave the option out";

/// Where everything is kept. Dropping a temporary one removes it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Folder {
    /// The given folder, made if it is not there, or a fresh temporary one.
    pub(crate) fn open(given: Option<&Path>) -> Result<Self, DevError> {
        let failed = DevError::at(STEP, ADVICE);
        Self::prepare(given).map_err(failed)
    }

    fn prepare(given: Option<&Path>) -> io::Result<Self> {
        if let Some(path) = given {
            std::fs::create_dir_all(path)?;
            return Ok(Self { path: std::path::absolute(path)?, temporary: None });
        }
        let folder = tempfile::Builder::new().prefix("twinpath-dev-").tempdir()?;
        Ok(Self { path: folder.path().to_owned(), temporary: Some(folder) })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it goes when the program ends.
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Writes a file that only its owner can read, in place of an older one.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, DevError> {
        let path = self.path.join(name);
        let written = tempfile::NamedTempFile::new_in(&self.path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.persist(&path).map_err(io::Error::from)
        });
        written.map_err(DevError::at(STEP, ADVICE))?;
        Ok(path)
    }

    /// The path of a file that is made once and kept.
    pub(crate) fn made_once(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<String, DevError>,
    ) -> Result<PathBuf, DevError> {
        let path = self.path.join(name);
        if path.exists() { Ok(path) } else { self.write(name, &make()?) }
    }
}
