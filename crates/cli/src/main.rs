//! The `twinpath` command.
//!
//! | room | what it does |
//! |---|---|
//! | [`arguments`] | what can be said on the command line |
//! | [`operate`] | `app`, `account`, `key`, `admin-token`: requests of the admin API |
//! | [`api`] | the admin API: at a URL, at the running server, or on the store itself |
//! | [`doctor`] | `doctor`: checks a configuration and what it names |
//! | [`attestation`] | `attestation inspect`: what a phone says, as JSON |
//! | [`stores`] | `migrate`, `copy`, `backup`: whole stores |
//! | [`meter`] | tells how far a copy is |

mod api;
#[expect(clippy::doc_markdown, reason = "the comments there are printed by --help")]
mod arguments;
mod attestation;
mod doctor;
mod meter;
mod openid;
mod operate;
mod stores;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use twinpath_server::config::{self, Config, ConfigError};
use twinpath_server::serve::Server;

use crate::arguments::{Arguments, Command, ConfigFile, Document};

/// Why a command failed, in words for whoever typed it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] twinpath_server::platform::StartError),
    #[error(transparent)]
    Operate(#[from] operate::OperateError),
    #[error(transparent)]
    Dev(#[from] twinpath_dev::DevError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Bench(#[from] twinpath_bench::BenchError),
    #[error(transparent)]
    BenchChild(#[from] twinpath_bench::child::ChildError),
    #[error(transparent)]
    Stores(#[from] stores::StoresError),
    #[error(transparent)]
    Attestation(#[from] attestation::InspectError),
    #[error("{0} of the checks failed")]
    Doctor(usize),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr(arguments.command.default_log());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("twinpath: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(arguments.command));
    // All that matters has been stopped in order; name look-ups under way need not be waited for.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("twinpath: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// `TWINPATH_LOG` chooses what is logged, as `RUST_LOG` does elsewhere.
fn log_to_stderr(default: &str) {
    let asked = std::env::var("TWINPATH_LOG").unwrap_or_else(|_| default.to_owned());
    let filter = EnvFilter::try_new(&asked).unwrap_or_else(|error| {
        eprintln!("twinpath: TWINPATH_LOG: {error}; logging {default}");
        EnvFilter::new(default)
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

fn load(file: &ConfigFile) -> Result<Config, ConfigError> {
    config::load(&file.config, std::env::vars())
}

fn document(of: Document) -> Result<String, std::io::Error> {
    let text = match of {
        Document::Admin => twinpath_server::admin::openapi(),
        Document::Oauth => twinpath_server::http::openapi(),
    };
    text.map_err(std::io::Error::other)
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Dev(dev) => {
            Ok(twinpath_dev::run(dev.into(), StopSignals::listen()?.come()).await?)
        }
        Command::Serve(file) => serve(load(&file)?).await,
        Command::App(command) => Ok(Box::pin(operate::app(*command)).await?),
        Command::Instance(command) => Ok(operate::instance(command).await?),
        Command::Account(command) => Ok(operate::account(command).await?),
        Command::Key(command) => Ok(operate::key(command).await?),
        Command::AdminToken(command) => Ok(operate::admin_token(command).await?),
        Command::RegistrationToken(command) => Ok(operate::registration_token(command).await?),
        Command::Quarantine(command) => Ok(operate::quarantine(command).await?),
        Command::Openapi(openapi) => {
            print!("{}", document(openapi.of)?);
            Ok(())
        }
        Command::Bench(options) => Ok(twinpath_bench::bench(options).await?),
        Command::BenchChild(child) => Ok(child.run().await?),
        Command::Migrate(migrate) => Ok(stores::migrate(migrate).await?),
        Command::Copy(copy) => Ok(stores::copy(copy, StopSignals::listen()?).await?),
        Command::Backup(backup) => Ok(stores::back_up(backup).await?),
        Command::Attestation(command) => Ok(attestation::run(command)?),
        Command::Doctor(file) => match Box::pin(doctor::examine(&file.config)).await {
            0 => Ok(()),
            failed => Err(Failure::Doctor(failed)),
        },
    }
}

impl From<arguments::Dev> for twinpath_dev::Options {
    fn from(dev: arguments::Dev) -> Self {
        Self {
            once: dev.once,
            http_port: dev.http_port,
            smpp_port: dev.smpp_port,
            folder: dev.folder,
        }
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    // Before anything is started: a signal that comes meanwhile stops in order too.
    let stop = StopSignals::listen()?;
    let server = Server::start(config).await?;
    stop.come().await;
    server.stop().await;
    Ok(())
}

/// SIGINT and SIGTERM, listened for from when this is made.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self, std::io::Error> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Returns at the first of them.
    async fn come(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
