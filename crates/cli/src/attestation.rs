//! `attestation inspect`: what a phone says of an app and its key.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use twinpath_attestation::x509::parse_rfc3339;
use twinpath_attestation::{android, apple, pem};

use crate::arguments::{AttestationCommand, Inspect};

/// Bytes that are read of a file: a chain has 160 KiB at most, a status list 16 MiB.
const FILE_BYTES: u64 = 17 * 1024 * 1024;

/// Why nothing could be printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InspectError {
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}: {error}", .path.display())]
    Roots { path: PathBuf, error: String },
    #[error("{}: {error}", .path.display())]
    Revocations { path: PathBuf, error: android::RevocationsError },
    #[error("{}: neither an App Attest object nor a chain of certificates: {error}", .path.display())]
    Unreadable { path: PathBuf, error: android::InspectError },
    #[error("{0}")]
    Output(#[from] io::Error),
}

/// Reads `--at`.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    parse_rfc3339(text).ok_or_else(|| "not a time like 2026-02-24T12:00:00Z".to_owned())
}

/// Prints JSON on standard output.
pub(crate) fn run(command: AttestationCommand) -> Result<(), InspectError> {
    let AttestationCommand::Inspect(inspect) = command;
    let told = look(&inspect)?;
    let mut output = io::stdout().lock();
    serde_json::to_writer_pretty(&mut output, &told).map_err(io::Error::from)?;
    Ok(writeln!(output)?)
}

/// PEM is a chain; of anything else the App Attest object is tried first.
fn look(inspect: &Inspect) -> Result<Value, InspectError> {
    let bytes = read(&inspect.file)?;
    let at = inspect.at.unwrap_or_else(now);
    let is_pem = std::str::from_utf8(&bytes).is_ok_and(pem::is_pem);
    // Whose roots the file has, only the object tells.
    let is_object = || apple::inspect(&bytes, &apple::Roots::default(), at).is_some();
    if !is_pem
        && is_object()
        && let Some(told) = apple::inspect(&bytes, &apple_roots(inspect)?, at)
    {
        return Ok(told);
    }
    let (roots, revocations) = (android_roots(inspect)?, revocations(inspect)?);
    let trust =
        android::Trust { roots: &roots, revocations: &revocations, at, expired_factory: false };
    android::inspect(&bytes, &trust)
        .map_err(|error| InspectError::Unreadable { path: inspect.file.clone(), error })
}

fn apple_roots(inspect: &Inspect) -> Result<apple::Roots, InspectError> {
    let Some(path) = &inspect.roots else {
        return Ok(apple::Roots::published());
    };
    apple::Roots::from_pem(&text(path)?)
        .map_err(|error| InspectError::Roots { path: path.clone(), error: error.to_string() })
}

fn android_roots(inspect: &Inspect) -> Result<android::Roots, InspectError> {
    let Some(path) = &inspect.roots else {
        return Ok(android::Roots::published());
    };
    android::Roots::parse(&text(path)?)
        .map_err(|error| InspectError::Roots { path: path.clone(), error: error.to_string() })
}

fn revocations(inspect: &Inspect) -> Result<android::Revocations, InspectError> {
    let Some(path) = &inspect.revocations else {
        return Ok(android::Revocations::default());
    };
    android::Revocations::parse(&read(path)?)
        .map_err(|error| InspectError::Revocations { path: path.clone(), error })
}

fn read(path: &Path) -> Result<Vec<u8>, InspectError> {
    let mut bytes = Vec::new();
    let result = if path == Path::new("-") {
        io::stdin().lock().take(FILE_BYTES).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_end(&mut bytes))
    };
    result.map_err(|error| InspectError::File { path: path.to_owned(), error })?;
    Ok(bytes)
}

fn text(path: &Path) -> Result<String, InspectError> {
    String::from_utf8(read(path)?).map_err(|error| InspectError::File {
        path: path.to_owned(),
        error: io::Error::new(io::ErrorKind::InvalidData, error),
    })
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
