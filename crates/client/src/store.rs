//! Where tokens outlive the app's process.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::core::Tokens;

/// Keeps the tokens of one account. Methods may block; the SDK calls them off the async threads.
pub trait TokenStore: Send + Sync {
    /// What was saved last.
    fn load(&self) -> io::Result<Option<Tokens>>;

    /// Replaces what is kept, all or nothing: half a rotation would lose the grant. `None` forgets.
    fn save(&self, tokens: Option<&Tokens>) -> io::Result<()>;
}

/// Keeps tokens as long as the process lives.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Option<Tokens>>);

impl TokenStore for MemoryStore {
    fn load(&self) -> io::Result<Option<Tokens>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&self, tokens: Option<&Tokens>) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = tokens.cloned();
        Ok(())
    }
}

/// Keeps tokens as JSON in a file that only its owner can read, replaced by renaming.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
}

impl FileStore {
    /// A store in this file; its directory must exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl TokenStore for FileStore {
    fn load(&self) -> io::Result<Option<Tokens>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&self, tokens: Option<&Tokens>) -> io::Result<()> {
        match tokens {
            Some(tokens) => write_private(&self.path, &serde_json::to_vec(tokens)?),
            None => match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }
}

/// Writes a file of mode 0600 beside `path`, makes it durable, and puts it in place.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    // A leftover of a crash would keep its own mode.
    let _ = fs::remove_file(&beside);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let placed = written.and_then(|()| fs::rename(&beside, path));
    if placed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_survives_and_is_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tokens");
        let store = FileStore::new(&path);
        assert_eq!(store.load().expect("none yet"), None);
        let json = r#"{"access_token":"a","token_type":"DPoP","refresh_token":"r"}"#;
        let tokens: Tokens = serde_json::from_str(json).expect("tokens");
        store.save(Some(&tokens)).expect("saved");
        store.save(Some(&tokens)).expect("saved over");
        assert_eq!(store.load().expect("loaded"), Some(tokens));
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        store.save(None).expect("forgotten");
        store.save(None).expect("forgotten twice");
        assert_eq!(store.load().expect("none"), None);
    }
}
