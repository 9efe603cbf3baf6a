//! What is loaded: a server or a floor in a process of its own, on free ports and a fresh folder,
//! with apps registered and, for the server, bound to our message centre.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use twinpath_core::app::ClientMetadata;
use twinpath_core::records::AuthMethod;
use twinpath_core::vault::Vault;
use twinpath_server::admin::API;
use twinpath_server::http::path;
use twinpath_smpp::centre::{BoundEsme, Centre, CentreConfig};
use twinpath_smpp::pdu::CommandStatus;
use twinpath_wire::b64;
use twinpath_wire::jwk::JwkSet;

use crate::app::{self, App, Key};
use crate::child::Role;
use crate::connection::Connection;
use crate::floor::{FloorApp, Settings};
use crate::options::{Auth, Dpop, Options};
use crate::process::{Launch, Process};
use crate::{BenchError, io};

/// How long a child may take to get ready.
const PATIENCE: Duration = Duration::from_secs(20);
/// A free port may be gone before the child takes it.
const ATTEMPTS: u32 = 3;
/// Where texts are sent to.
pub(crate) const NUMBER: &str = "10690001";

/// A running target. Fields are dropped in this order: the process before its folder.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) process: Process,
    /// Alive as long as texts are to be sent.
    _centre: Option<Centre>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) site: Arc<Site>,
    _folder: TempDir,
}

/// What the load needs to know of a target.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) issuer: String,
    pub(crate) apps: Vec<App>,
    pub(crate) published: JwkSet,
    /// Where texts are delivered; the floor takes none.
    pub(crate) esme: Option<BoundEsme>,
}

/// Ports found free.
struct Places {
    listen: SocketAddr,
    admin: SocketAddr,
    issuer: String,
}

impl Places {
    fn find() -> Result<Self, BenchError> {
        let free = || {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            TcpListener::bind(any).and_then(|listener| listener.local_addr())
        };
        let listen = free().map_err(io("a free port"))?;
        let admin = free().map_err(io("a free port"))?;
        Ok(Self { listen, admin, issuer: format!("http://{listen}") })
    }
}

impl Target {
    pub(crate) async fn start(
        role: Role,
        options: &Options,
        launch: &Launch,
        master: &[u8; 32],
    ) -> Result<Self, BenchError> {
        let mut failed = BenchError::Child("never tried".to_owned());
        for _ in 0..ATTEMPTS {
            let started = match role {
                Role::Server => Self::server(options, launch, master).await,
                Role::Floor => Self::floor(options, launch).await,
            };
            match started {
                Err(error @ BenchError::Child(_)) => failed = error,
                other => return other,
            }
        }
        Err(failed)
    }

    async fn server(
        options: &Options,
        launch: &Launch,
        master: &[u8; 32],
    ) -> Result<Self, BenchError> {
        let folder = folder(options)?;
        let places = Places::find()?;
        let centre = start_centre(options).await?;
        write(&folder.path().join("master"), b64::encode(master).as_bytes())?;
        let config = folder.path().join("twinpath.toml");
        write(
            &config,
            configuration(options, &places, folder.path(), centre.address()).as_bytes(),
        )?;
        let cpus = options.pin.as_ref().and_then(|pin| pin.server.as_deref());
        let mut process = launch.start(Role::Server, &config, cpus)?;
        let published = ready(&mut process, places.listen).await?;
        let bound = centre.bound_until(|bound| !bound.is_empty());
        tokio::time::timeout(PATIENCE, bound)
            .await
            .map_err(|_| BenchError::Child("the server did not bind".to_owned()))?;
        let vault = Vault::new(master).map_err(|error| BenchError::Child(error.to_string()))?;
        let mut admin = Connection::new(places.admin);
        let mut apps = Vec::new();
        for n in 0..options.apps {
            apps.push(register(&mut admin, vault.admin_token(), n, options).await?);
        }
        let esme = centre.bound().into_iter().next();
        let site = Site { address: places.listen, issuer: places.issuer, apps, published, esme };
        let (admin, site) = (Some(places.admin), Arc::new(site));
        Ok(Self { process, _centre: Some(centre), admin, site, _folder: folder })
    }

    async fn floor(options: &Options, launch: &Launch) -> Result<Self, BenchError> {
        let folder = folder(options)?;
        let places = Places::find()?;
        let method = AuthMethod::from(options.auth);
        let (mut apps, mut known) = (Vec::new(), Vec::new());
        for n in 0..options.apps {
            let key = Key::generate()?;
            let secret = b64::encode(Key::generate()?.jkt);
            known.push(FloorApp {
                client_id: app::client_id(n),
                method,
                key: Some(key.public.clone()),
                secret: Some(secret.clone()),
            });
            apps.push(App::new(n, method, Some(key), Some(&secret))?);
        }
        let settings = Settings {
            listen: places.listen,
            issuer: places.issuer.clone(),
            dpop: options.dpop == Dpop::Required,
            apps: known,
        };
        let config = folder.path().join("floor.json");
        let text = serde_json::to_vec(&settings).map_err(std::io::Error::other);
        write(&config, &text.map_err(io("the floor's settings"))?)?;
        let cpus = options.pin.as_ref().and_then(|pin| pin.server.as_deref());
        let mut process = launch.start(Role::Floor, &config, cpus)?;
        let published = ready(&mut process, places.listen).await?;
        let site =
            Site { address: places.listen, issuer: places.issuer, apps, published, esme: None };
        Ok(Self { process, _centre: None, admin: None, site: Arc::new(site), _folder: folder })
    }
}

fn folder(options: &Options) -> Result<TempDir, BenchError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("twinpath-bench-");
    let made = match &options.folder {
        Some(folder) => builder.tempdir_in(folder),
        None => builder.tempdir(),
    };
    made.map_err(io("a folder for the store"))
}

fn write(path: &Path, text: &[u8]) -> Result<(), BenchError> {
    std::fs::write(path, text).map_err(io(path.display().to_string()))
}

async fn start_centre(options: &Options) -> Result<Centre, BenchError> {
    let mut config = CentreConfig::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    config.session.request_window = usize::try_from(options.concurrency).unwrap_or(usize::MAX);
    // The store is what is measured under overload, not a timer.
    config.session.response = Duration::from_secs(30);
    let started = Centre::start(config, |_| CommandStatus::Ok).await;
    let (centre, _) = started.map_err(io("the message centre"))?;
    Ok(centre)
}

/// A production-like file: only what a closed loop from one address would run into is out of the way.
fn configuration(options: &Options, places: &Places, folder: &Path, centre: SocketAddr) -> String {
    let Places { listen, admin, issuer } = places;
    let development = options.auth == Auth::None;
    let folder = folder.display();
    let store = options.store.clone().unwrap_or_else(|| format!("sqlite://{folder}/twinpath.db"));
    let window = options.concurrency.clamp(256, 10_000);
    format!(
        r#"issuer = "{issuer}"
[http]
listen = "{listen}"
development = {development}
[admin]
listen = "{admin}"
[store]
url = "{store}"
[keys]
master_file = "{folder}/master"
[limits]
texts_per_number_per_hour = 10000
pending_codes_per_address = 10000000
[[sms.smpp]]
name = "bench"
address = "{centre}"
system_id = "bench"
password = "bench"
numbers = ["{NUMBER}"]
country = "CN"
trust = "operator"
window = {window}
response_timeout_s = 60
"#
    )
}

/// Waits until the child answers, and takes its keys.
async fn ready(process: &mut Process, address: SocketAddr) -> Result<JwkSet, BenchError> {
    let started = Instant::now();
    let mut connection = Connection::new(address);
    loop {
        process.alive()?;
        if let Ok(answer) = connection.get(path::JWKS).await
            && answer.status == 200
        {
            return serde_json::from_slice(&answer.body)
                .map_err(|error| BenchError::Child(format!("the child's keys: {error}")));
        }
        if started.elapsed() > PATIENCE {
            return Err(BenchError::Child("the child did not get ready".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn register(
    admin: &mut Connection,
    token: &str,
    n: u32,
    options: &Options,
) -> Result<App, BenchError> {
    let apps = format!("{API}/apps");
    if options.store.is_some() {
        // An earlier pass may have left it.
        let left = format!("{apps}/{}", app::client_id(n));
        admin.send("DELETE", &left, token, b"").await.map_err(io("registration"))?;
    }
    let method = AuthMethod::from(options.auth);
    let key = (method == AuthMethod::PrivateKeyJwt).then(Key::generate).transpose()?;
    let settings = ClientMetadata {
        client_id: Some(app::client_id(n)),
        client_name: Some(app::name(n)),
        auth_method: Some(method),
        jwks: key.as_ref().map(|key| JwkSet { keys: vec![key.public.clone()] }),
        scope: Some("openid".to_owned()),
        dpop: Some(options.dpop == Dpop::Required),
        ..ClientMetadata::default()
    };
    let body = serde_json::to_vec(&settings).map_err(std::io::Error::other);
    let body = body.map_err(io("registration"))?;
    let answer = admin.send("POST", &apps, token, &body).await.map_err(io("registration"))?;
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status != 201 {
        return Err(BenchError::Child(format!("registration: {said}")));
    }
    App::new(n, method, key, said.get("client_secret").and_then(Value::as_str))
}
