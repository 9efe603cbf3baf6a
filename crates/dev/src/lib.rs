//! `twinpath dev`: everything on one machine, in one process, and all of it real.
//!
//! | room | what it does |
//! |---|---|
//! | `rig` | starts and stops what is below |
//! | `platform` | the server, configured by a file as an operator would write it |
//! | `message_centre` | the operator's message centre, real SMPP over TCP |
//! | `demo_app` | the app "Weather", on the client SDK |
//! | [`open_api`] | the `OpenAPI` that it calls: an example for API developers |
//! | `phone` | a phone in the browser, to send the text with |
//! | `once` | one authorization without a phone, told step by step |
//!
//! `folder`, `ports`, `random` and `number` are their tools. Listeners are on loopback only.

mod demo_app;
mod error;
mod folder;
mod message_centre;
mod number;
mod once;
pub mod open_api;
mod phone;
mod platform;
mod ports;
mod random;
mod rig;

use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};

pub use error::DevError;

use crate::phone::Phone;
use crate::rig::Rig;

/// What is said on the command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// Run one authorization and end.
    pub once: bool,
    /// Where the platform listens; a free port if that one is taken. The phone and the `OpenAPI` are
    /// at the two ports after it, or at free ones.
    pub http_port: u16,
    /// Where the message centre listens; a free port if that one is taken.
    pub smpp_port: u16,
    /// Where configuration, keys and store are kept; a temporary folder without it.
    pub folder: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { once: false, http_port: 8080, smpp_port: 2775, folder: None }
    }
}

/// Runs `twinpath dev` until `shutdown`, or with `once` until one authorization is through.
pub async fn run(
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), DevError> {
    run_to(options, shutdown, std::io::stdout()).await
}

/// The same, with the output elsewhere.
pub async fn run_to(
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
    mut out: impl Write + Send,
) -> Result<(), DevError> {
    if options.once {
        return tokio::select! {
            result = once::run(&options, out) => result,
            () = shutdown => Err(interrupted()),
        };
    }
    tokio::pin!(shutdown);
    let dev = tokio::select! {
        dev = Dev::start(options) => dev?,
        () = &mut shutdown => return Err(interrupted()),
    };
    let told = write!(out, "{}", dev.banner()).and_then(|()| out.flush());
    if told.is_ok() {
        shutdown.await;
    }
    dev.stop().await;
    told.map_err(DevError::at("write to the terminal", "check where the output goes"))
}

fn interrupted() -> DevError {
    DevError::new("finish", "run it again", "it was interrupted")
}

/// A running development environment.
#[derive(Debug)]
pub struct Dev {
    rig: Rig,
    phone: Phone,
}

impl Dev {
    /// Starts everything and waits until it works.
    pub async fn start(options: Options) -> Result<Self, DevError> {
        let rig = Rig::start(&options).await?;
        match Self::phone(&rig, options.http_port).await {
            Ok(phone) => Ok(Self { rig, phone }),
            Err(error) => {
                rig.stop().await;
                Err(error)
            }
        }
    }

    async fn phone(rig: &Rig, http_port: u16) -> Result<Phone, DevError> {
        rig.centre.bound().await?;
        let (app, _) = rig.app().await?;
        Phone::start(rig, app, ports::beside(http_port, 1)).await
    }

    /// The phone simulator's page.
    pub fn phone_url(&self) -> &str {
        self.phone.url()
    }

    /// The platform's issuer.
    pub fn issuer(&self) -> &str {
        &self.rig.issuer
    }

    /// The demo `OpenAPI`.
    pub fn open_api_url(&self) -> &str {
        self.rig.open_api.url()
    }

    /// Where configuration, keys and store are.
    pub fn folder(&self) -> &Path {
        self.rig.folder.path()
    }

    /// Where everything is, for the terminal.
    pub fn banner(&self) -> String {
        let (issuer, folder) = (&self.rig.issuer, self.rig.folder.path().display());
        let fate = if self.rig.folder.is_temporary() { "removed at the end" } else { "kept" };
        let well_known = twinpath_wire::metadata::OAUTH_WELL_KNOWN;
        format!(
            "\n  Twinpath runs on this machine. Open the phone and sign in:\n\n\
             \x20   phone simulator   {}\n\n\
             \x20   issuer            {issuer}\n\
             \x20   metadata          {issuer}{well_known}\n\
             \x20   demo OpenAPI      {}\n\
             \x20   message centre    {} (SMPP 3.4)\n\
             \x20   configuration     {} ({fate})\n\
             \x20   store, keys       {folder}\n\n\
             \x20 Ctrl-C ends it.\n\n",
            self.phone_url(),
            self.open_api_url(),
            self.rig.smpp(),
            self.rig.config_file.display(),
        )
    }

    /// Stops everything in order.
    pub async fn stop(self) {
        self.phone.stop().await;
        self.rig.stop().await;
    }
}
