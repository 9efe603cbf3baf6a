//! What can be said on the command line. The texts here are what `--help` teaches.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use twinpath_core::records::AuthMethod;

/// How to load the server.
#[derive(Args, Clone, Debug, Serialize)]
pub struct Options {
    /// Seconds each pass is measured, after its warm-up.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,
    /// Authorizations in flight.
    #[arg(long, value_name = "K", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub concurrency: u32,
    /// Registered apps that take turns.
    #[arg(long, value_name = "M", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub apps: u32,
    /// Numbers that text, each proven once before anything is measured; 0 takes a new number, and so
    /// makes a new account, for every authorization.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=50_000_000))]
    pub accounts: u32,
    /// How the apps prove who they are.
    #[arg(long, value_enum, default_value = "private_key_jwt")]
    pub auth: Auth,
    /// Whether tokens are bound to a key of the app's installation.
    #[arg(long, value_enum, default_value = "required")]
    pub dpop: Dpop,
    /// What comes first; a request that comes first waits for its text (Prefer: wait).
    #[arg(long, value_enum, default_value = "text-first")]
    pub order: Order,
    /// Passes against the floor and against the server, by turns. Figures are medians.
    #[arg(long, value_name = "P", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub passes: u32,
    /// Where the store is made, for the passes only (the system's folder for temporary files if it is
    /// not given). It should be on the disk that matters.
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// An empty `PostgreSQL` database made for this run, as postgres://.... All passes use it. By
    /// default the server's store is a new file for each pass.
    #[arg(long, value_name = "URL", conflicts_with = "folder", value_parser = database)]
    #[serde(skip)]
    pub store: Option<String>,
    /// Bind to CPUs, with taskset: --pin server=0,load=1
    #[arg(long, value_name = "WHERE", value_parser = Pin::parse)]
    pub pin: Option<Pin>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

fn database(url: &str) -> Result<String, &'static str> {
    let ours = url.starts_with("postgres://") || url.starts_with("postgresql://");
    if ours { Ok(url.to_owned()) } else { Err("say postgres://user@host/database") }
}

/// `--auth`
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// A JWT signed with the app's own key (RFC 7523).
    PrivateKeyJwt,
    /// A secret in the Authorization header.
    ClientSecretBasic,
    /// A secret in the request's body.
    ClientSecretPost,
    /// A JWT made with a secret.
    ClientSecretJwt,
    /// Nothing.
    None,
}

impl From<Auth> for AuthMethod {
    fn from(auth: Auth) -> Self {
        match auth {
            Auth::PrivateKeyJwt => Self::PrivateKeyJwt,
            Auth::ClientSecretBasic => Self::ClientSecretBasic,
            Auth::ClientSecretPost => Self::ClientSecretPost,
            Auth::ClientSecretJwt => Self::ClientSecretJwt,
            Auth::None => Self::None,
        }
    }
}

/// `--dpop`
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dpop {
    /// Tokens are bound to a key (RFC 9449).
    Required,
    /// Tokens are bearer tokens.
    Off,
}

/// `--order`
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The request is made when the text is acknowledged.
    TextFirst,
    /// The text is sent when the request is under way.
    RequestFirst,
    /// By turns.
    Mixed,
}

/// `--pin`: lists of CPUs as taskset takes them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Pin {
    /// The server's, or the floor's.
    pub server: Option<String>,
    /// The load generator's.
    pub load: Option<String>,
}

impl Pin {
    fn parse(text: &str) -> Result<Self, String> {
        let mut pin = Self::default();
        for part in text.split(',') {
            let plain = |cpus: &&str| {
                !cpus.is_empty() && cpus.bytes().all(|b| b.is_ascii_digit() || b == b'-')
            };
            match part.split_once('=').map(|(who, cpus)| (who, Some(cpus).filter(plain))) {
                Some(("server", Some(cpus))) => pin.server = Some(cpus.to_owned()),
                Some(("load", Some(cpus))) => pin.load = Some(cpus.to_owned()),
                _ => return Err("say server=CPU,load=CPU, like server=0,load=1".to_owned()),
            }
        }
        Ok(pin)
    }
}

#[cfg(test)]
mod tests {
    use super::Pin;

    #[test]
    fn pins_are_read() {
        let pin = Pin::parse("server=0-1,load=2").unwrap();
        assert_eq!((pin.server.as_deref(), pin.load.as_deref()), (Some("0-1"), Some("2")));
        assert_eq!(Pin::parse("load=1").unwrap().server, None);
        for wrong in ["", "server", "server=", "load=x", "disk=1"] {
            assert!(Pin::parse(wrong).is_err(), "{wrong}");
        }
    }
}
