//! Where the store is. The URL of a database server may hold a password, so the type never shows it
//! whole.

use std::fmt;

use serde::Deserialize;

use crate::config::ConfigError;
use crate::config::load::refuse;

/// `sqlite://path`, `postgres://...` or `postgresql://...`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// All of it, for whoever connects.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the database is this machine's file, which no other node shares.
    pub fn is_embedded(&self) -> bool {
        self.file().is_some()
    }

    /// The file's path, of an embedded database.
    pub(super) fn file(&self) -> Option<&str> {
        self.0.strip_prefix("sqlite://")
    }

    /// Refuses a scheme that no backend has.
    pub(super) fn check(self) -> Result<Self, ConfigError> {
        let known = ["sqlite://", "postgres://", "postgresql://"];
        if known.iter().any(|scheme| self.0.starts_with(scheme)) {
            return Ok(self);
        }
        refuse(format!("store.url must begin with {}", known.join(" or ")))
    }

    /// `host:port/database`, if it is plain what is a name and what a secret. An `@` or `/` in a
    /// password that should have been escaped makes it unclear.
    fn place(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once("://")?;
        let plain = rest.split(['?', '#']).next()?;
        let place = match plain.split_once('@') {
            Some((user, place)) if !user.contains('/') => place,
            Some(_) => return None,
            None => plain,
        };
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        let right =
            |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._%[:]".contains(&b));
        let host = |host: &str| {
            let bare = host.ends_with(']');
            let (name, port) = host.rsplit_once(':').filter(|_| !bare).unwrap_or((host, ""));
            let v6 = name.starts_with('[') && name.ends_with(']');
            (v6 || !name.contains(':')) && right(name) && port.bytes().all(|b| b.is_ascii_digit())
        };
        // What follows a second `@` could be anything, this included.
        let whole = !rest.get(plain.len()..)?.contains('@');
        (whole && hosts.split(',').all(host) && right(database)).then_some(place)
    }
}

impl fmt::Debug for StoreUrl {
    /// Scheme, host and database: neither user nor password, nor parameters, which may hold one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_embedded() {
            return f.write_str(&self.0);
        }
        let scheme = self.0.split_once("://").map_or("", |(scheme, _)| scheme);
        let known =
            if scheme.starts_with("postgres") && scheme.len() <= 10 { scheme } else { "..." };
        write!(f, "{known}://{}", self.place().unwrap_or("..."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        format!("{:?}", StoreUrl(url.to_owned()))
    }

    #[test]
    fn only_host_and_database_are_shown() {
        for (url, right) in [
            ("sqlite:///var/lib/t.db", "sqlite:///var/lib/t.db"),
            ("postgres://db/twinpath", "postgres://db/twinpath"),
            ("postgres://me:hunter2@db:5432/twinpath", "postgres://db:5432/twinpath"),
            ("postgresql://me@[::1]:5432/t?password=hunter2", "postgresql://[::1]:5432/t"),
            ("postgres://[::1]/t", "postgres://[::1]/t"),
            ("postgres://me:hunter2@a:1,b:2/t", "postgres://a:1,b:2/t"),
            ("postgres:///t?host=/run/postgresql", "postgres:///t"),
        ] {
            assert_eq!(shown(url), right);
        }
    }

    #[test]
    fn what_is_unclear_is_not_shown() {
        for url in [
            "postgres://me:hunter2",
            "postgres://me:hunter2/db",
            "postgres://me:hunter2:5432/db",
            "postgres://me:hunt/er2@db/t",
            "postgres://me:hunter2@er@db/t",
            "postgres://me:x?hunter2@db/t",
            "postgres://me:x#hunter2@db/t",
            "postgres://db/t?user=me&password=hunter2@x",
            "postgres://me:12@hunter2@db/t",
            "hunter2",
            "hunter2://x",
            "mysql://me:hunter2@db/t",
        ] {
            assert!(
                !shown(url).contains("hunter2") && !shown(url).contains("er2"),
                "{}",
                shown(url)
            );
        }
    }

    #[test]
    fn other_schemes_are_refused_without_repeating_them() {
        for url in ["", "t.db", "mysql://me:hunter2@db/t", "postgres:me:hunter2", "Sqlite://t.db"] {
            let error = StoreUrl(url.to_owned()).check().unwrap_err().0;
            assert!(error.starts_with("store.url must") && !error.contains("hunter2"), "{error}");
        }
        for url in ["sqlite://t.db", "postgres://db/t", "postgresql://db/t"] {
            let url = StoreUrl(url.to_owned()).check().unwrap();
            assert_eq!(url.is_embedded(), url.expose().starts_with("sqlite"));
        }
    }
}
