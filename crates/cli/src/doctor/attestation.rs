//! What phones' evidence is held against: roots, the status list, other attesters' keys.

use std::path::Path;
use std::time::{Duration, SystemTime};

use twinpath_server::config::Attestation;
use twinpath_server::platform::{AttestationTrust, Attesters};
use twinpath_store::{Store, StoreError};

use super::Report;

/// Apps that are read at once.
const PAGE: usize = 500;
/// Google's list changes more often than that.
const OLD: Duration = Duration::from_secs(7 * 86_400);

/// Whether there is an app that proves itself by attestation and is registered with an Android package.
pub(super) async fn hears_android(store: &Store) -> Result<bool, StoreError> {
    let mut after = None;
    loop {
        let apps = store.apps(after.take(), PAGE).await?;
        if apps.iter().any(|app| app.auth_method.is_attested() && app.android_package.is_some()) {
            return Ok(true);
        }
        match apps.last() {
            Some(last) if apps.len() == PAGE => after = Some(last.client_id.clone()),
            _ => return Ok(false),
        }
    }
}

/// Reads all that `[attestation]` names.
pub(super) fn examine(config: &Attestation, hears_android: bool, report: &mut Report) {
    match AttestationTrust::open(config) {
        Ok(trust) => {
            report.ok("attestation roots", &roots(config));
            let entries = trust.now().android_revocations.len();
            examine_list(config, hears_android, entries, report);
        }
        Err(error) => report.fail("attestation", &error.to_string()),
    }
    for file in &config.attesters {
        let what = format!("attester {}", file.name);
        match Attesters::open(std::slice::from_ref(file)) {
            Ok(_) => report.ok(&what, &format!("{} can be read", file.jwks_file.display())),
            Err(error) => report.fail(&what, &error.to_string()),
        }
    }
}

fn roots(config: &Attestation) -> String {
    let of = |file: &Option<_>| if file.is_some() { "from a file" } else { "of this release" };
    let (android, apple) = (&config.android_roots_file, &config.apple_roots_file);
    format!("Android's {}, Apple's {}", of(android), of(apple))
}

fn examine_list(config: &Attestation, hears_android: bool, entries: usize, report: &mut Report) {
    let what = "attestation status list";
    let fetched = config.android_revocations_url.is_some();
    match &config.android_revocations_file {
        Some(path) if path.exists() => {
            let age = age(path);
            let told = format!("{entries} entries, {} hours old", age.as_secs() / 3600);
            if age > OLD {
                let why = "is it still fetched? Keys that leaked since then are believed";
                return report.note(what, &format!("{told}: {why}"));
            }
            report.ok(what, &told);
        }
        _ if fetched => report.note(what, "not kept in a file yet: the server fetches it"),
        _ if hears_android => {
            let why = "none: keys that leaked are believed. Set android_revocations_url";
            report.note(what, why);
        }
        _ => {}
    }
}

/// Zero if the file is of the future or does not say.
fn age(path: &Path) -> Duration {
    let modified = std::fs::metadata(path).and_then(|file| file.modified());
    modified.ok().and_then(|then| SystemTime::now().duration_since(then).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
