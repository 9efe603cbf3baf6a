//! What runs in a child process: the server as it is, or the floor. Either stops when its input
//! closes, which the system does when the load generator is gone, however it went.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use twinpath_server::config;
use twinpath_server::serve::Server;

use crate::floor;

/// The arguments of the hidden subcommand.
#[derive(Args, Clone, Debug)]
pub struct Child {
    /// What to be.
    #[arg(long, value_enum)]
    pub role: Role,
    /// With which configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// What a child process is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Role {
    /// The server, as `twinpath serve` runs it.
    Server,
    /// The same HTTP and signatures, without state.
    Floor,
}

impl Role {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Floor => "floor",
        }
    }
}

/// Why a child failed, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ChildError(String);

fn said(error: impl std::fmt::Display) -> ChildError {
    ChildError(error.to_string())
}

impl Child {
    /// Runs until the input closes.
    pub async fn run(self) -> Result<(), ChildError> {
        match self.role {
            Role::Server => {
                // Nothing of this shell's environment: the figures are of the file's server.
                let config = config::load(&self.config, std::iter::empty()).map_err(said)?;
                let server = Server::start(config).await.map_err(said)?;
                input_closed().await;
                server.stop().await;
            }
            Role::Floor => {
                let text = std::fs::read(&self.config).map_err(said)?;
                let settings: floor::Settings = serde_json::from_slice(&text).map_err(said)?;
                tokio::select! {
                    served = floor::serve(settings) => served.map_err(said)?,
                    () = input_closed() => {}
                }
            }
        }
        Ok(())
    }
}

/// A thread of its own, for it may read for ever and must not keep the runtime from ending.
async fn input_closed() {
    let (sender, closed) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop((ended, sender));
    });
    let _ = closed.await;
}
