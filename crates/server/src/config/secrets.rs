//! Secrets: from a value or a file, and the master key, which is made where none is given.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::config::load::refuse;
use crate::config::{ConfigError, MasterKey, StoreUrl, file};

/// A secret given as a value or as a file.
pub(super) fn secret(
    value: Option<&str>,
    file: Option<&Path>,
    key: &str,
) -> Result<Option<String>, ConfigError> {
    match (value, file) {
        (Some(_), Some(_)) => refuse(format!("{key} and {key}_file exclude each other")),
        (Some(value), None) => Ok(Some(value.to_owned())),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => refuse(format!("{key}_file {}: {error}", path.display())),
        },
        (None, None) => Ok(None),
    }
}

pub(super) fn master_key(
    keys: &file::Keys,
    store: &StoreUrl,
) -> Result<(MasterKey, Option<PathBuf>), ConfigError> {
    let given = secret(keys.master.as_deref(), keys.master_file.as_deref(), "keys.master")?;
    if let Some(text) = given {
        return Ok((parse_master(&text)?, None));
    }
    let Some(path) = store.file() else {
        return refuse(
            "keys.master_file is missing (or set TWINPATH__KEYS__MASTER): with a database server \
             none is made, as every node needs the same one. Make it once: openssl rand -hex 32",
        );
    };
    let path = PathBuf::from(format!("{path}.master"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((parse_master(&text)?, Some(path))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let made = make_master(&path)?;
            Ok((made, Some(path)))
        }
        Err(error) => refuse(format!("{}: {error}", path.display())),
    }
}

/// 32 bytes in base64, base64url or hex.
fn parse_master(text: &str) -> Result<MasterKey, ConfigError> {
    let text = text.trim();
    let hex = || -> Option<Vec<u8>> {
        let digits = text.as_bytes();
        (digits.len() == 64).then_some(())?;
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect()
    };
    hex()
        .or_else(|| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok())
        .or_else(|| STANDARD.decode(text).ok())
        .and_then(|bytes| bytes.try_into().ok())
        .map(MasterKey)
        .ok_or_else(|| {
            ConfigError("keys.master must be 32 random bytes in hex or base64".to_owned())
        })
}

fn make_master(path: &Path) -> Result<MasterKey, ConfigError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error: std::io::Error| ConfigError(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| ConfigError("no randomness for a master key".to_owned()))?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    file.write_all(format!("{text}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    Ok(MasterKey(bytes))
}
