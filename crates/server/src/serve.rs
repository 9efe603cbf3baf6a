//! Starts and stops the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Config, TlsFiles};
use crate::first_path::smpp::RunningBinds;
use crate::first_path::smpp_server::RunningServer;
use crate::http::{Listener, Shutdown, Tls};
use crate::outbound::{ApiSender, dispatch};
use crate::platform::{
    Platform, StartError, WATCH, deliver, keep_in_touch, keep_signing_keys, now,
};
use crate::{admin, http};

/// How often rows that need not be kept are deleted, and how many at most each time.
const PURGE_EVERY: Duration = Duration::from_secs(10);
const PURGE_ROWS: usize = 20_000;

/// When it is looked what is due of the signing keys: first some time after the start, so that nodes
/// of the version before, which know no announced keys, have been replaced by then.
const KEYS_FIRST: Duration = Duration::from_secs(600);
const KEYS_EVERY: Duration = Duration::from_secs(3600);

/// Connections at the admin listener.
const ADMIN_CONNECTIONS: usize = 64;

/// A running server. Dropping it aborts; [`Server::stop`] stops in order.
#[derive(Debug)]
pub struct Server {
    /// What its requests share.
    pub platform: Arc<Platform>,
    /// Where the second path listens.
    pub address: SocketAddr,
    /// Where the second path listens for apps with certificates.
    pub mtls: Option<SocketAddr>,
    /// Where operators' commands and metrics listen.
    pub admin: Option<SocketAddr>,
    /// Where gateways bind.
    pub smpp: Option<SocketAddr>,
    peers: RunningServer,
    binds: RunningBinds,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    backchannel: (watch::Sender<bool>, JoinSet<()>),
}

impl Server {
    /// Opens the store, binds the listeners, starts the binds to message centres.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let listen = config.listen;
        let failed = |error| StartError::Listen(listen.to_string(), error);
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        Self::start_on(listener, config).await
    }

    /// The same on a port that is bound already, so that an issuer can name a free one.
    pub async fn start_on(listener: TcpListener, config: Config) -> Result<Self, StartError> {
        for note in &config.notes {
            tracing::warn!("{note}");
        }
        let admin_listen = config.admin;
        let connections = config.limits.connections;
        let platform = Platform::open(config).await?;
        let (stop, stopped) = watch::channel(false);
        let shutdown = Shutdown(stopped);
        let mut tasks = JoinSet::new();
        let failed = |error| StartError::Listen("the bound port".to_owned(), error);
        let address = listener.local_addr().map_err(failed)?;
        let router = http::router(Arc::clone(&platform));
        let mut secure = |files: &TlsFiles, ask| -> Result<_, StartError> {
            let failed = |error| StartError::Listen("TLS".to_owned(), error);
            let tls = Arc::new(Tls::open(files, ask).map_err(failed)?);
            tasks.spawn(Arc::clone(&tls).watch(shutdown.clone()));
            Ok(Some(tls))
        };
        let config = &platform.config;
        let tls = config.tls.as_ref().map_or(Ok(None), |files| secure(files, false))?;
        let mut listeners = vec![Listener::new(listener, router.clone(), connections).over(tls)];
        let mut mtls = None;
        if let Some((at, files)) = &config.mtls.listen {
            let tls = secure(files, true)?;
            let failed = |error| StartError::Listen(at.to_string(), error);
            let listener = TcpListener::bind(at).await.map_err(failed)?;
            mtls = listener.local_addr().ok();
            listeners.push(Listener::new(listener, router, connections).over(tls));
        }
        let mut admin = None;
        if let Some(at) = admin_listen {
            let router = admin::router(Arc::clone(&platform));
            let failed = |error| StartError::Listen(at.to_string(), error);
            let listener = TcpListener::bind(at).await.map_err(failed)?;
            admin = listener.local_addr().ok();
            listeners.push(Listener::new(listener, router, ADMIN_CONNECTIONS));
        }
        for listener in listeners {
            tasks.spawn(listener.serve(shutdown.clone()));
        }
        tasks.spawn(watch_registry(Arc::clone(&platform), shutdown.clone()));
        tasks.spawn(purge(Arc::clone(&platform), shutdown.clone()));
        tasks.spawn(keep_trust(Arc::clone(&platform), shutdown.clone()));
        tasks.spawn(keep_keys(Arc::clone(&platform), shutdown.clone()));
        tasks.spawn(dispatch(Arc::clone(&platform), shutdown.clone()));
        tasks.spawn(touch(Arc::clone(&platform), shutdown.clone()));
        tasks.spawn(wake_waiters(Arc::clone(&platform), shutdown.clone()));
        let (drain, draining) = watch::channel(false);
        let mut telling = JoinSet::new();
        telling.spawn(deliver(Arc::clone(&platform), Shutdown(draining)));
        let peers = RunningServer::start(&platform, shutdown).await?;
        let smpp = peers.address();
        let binds = RunningBinds::start(&platform)
            .map_err(|error| StartError::Listen("SMPP".to_owned(), std::io::Error::other(error)))?;
        add_senders(&platform, &binds);
        tracing::info!(%address, issuer = platform.config.issuer, "serving");
        let backchannel = (drain, telling);
        Ok(Self { platform, address, mtls, admin, smpp, peers, binds, stop, tasks, backchannel })
    }

    /// Stops in order: no new texts, texts in work answered, requests in progress answered, apps
    /// told of logouts, store closed.
    pub async fn stop(mut self) {
        tokio::join!(self.binds.stop(), self.peers.stop());
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        // After the last request that could end a session.
        let (drain, mut telling) = self.backchannel;
        drain.send_replace(true);
        while telling.join_next().await.is_some() {}
        self.platform.store.close().await;
        tracing::info!("stopped");
    }
}

/// Ways to phones, the preferred first; a bind before an API of its priority.
fn add_senders(platform: &Arc<Platform>, binds: &RunningBinds) {
    let apis = platform.config.apis.iter();
    let apis = apis.map(|api| (api.priority, ApiSender::shared(platform, api)));
    let mut senders: Vec<_> = binds.senders().into_iter().chain(apis).collect();
    senders.sort_by_key(|(priority, _)| *priority);
    for (_, sender) in senders {
        platform.outbox.add(sender);
    }
}

async fn watch_registry(platform: Arc<Platform>, shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(WATCH) => {}
            () = platform.registry.stirred() => {}
            () = shutdown.begun() => return,
        }
        if let Err(error) = platform.registry.renew(&platform).await {
            tracing::error!(%error, "the registry could not be renewed");
        }
    }
}

async fn purge(platform: Arc<Platform>, shutdown: Shutdown) {
    while !paused(&shutdown, PURGE_EVERY).await {
        // A full round means that more is waiting.
        while !*shutdown.0.borrow() {
            match platform.store.purge(now(), PURGE_ROWS).await {
                Ok(rows) if rows >= PURGE_ROWS => continue,
                Ok(rows) => tracing::debug!(rows, "purged"),
                Err(error) => tracing::error!(%error, "old rows could not be deleted"),
            }
            break;
        }
    }
}

async fn keep_keys(platform: Arc<Platform>, shutdown: Shutdown) {
    let mut pause = KEYS_FIRST;
    while !paused(&shutdown, pause).await {
        let Platform { store, vault, config, .. } = &*platform;
        if let Err(error) = keep_signing_keys(store, vault, &config.keys).await {
            tracing::error!(%error, "the signing keys could not be looked after");
        }
        pause = KEYS_EVERY;
    }
}

async fn keep_trust(platform: Arc<Platform>, shutdown: Shutdown) {
    let again = || {
        if let Err(error) = platform.attesters.refresh() {
            tracing::error!(%error, "an attester's keys could not be read: those known stay");
        }
    };
    platform.trust.keep(shutdown, again).await;
}

/// Other nodes are heard until the server stops: who waits then is woken anyway.
async fn touch(platform: Arc<Platform>, shutdown: Shutdown) {
    tokio::select! {
        () = keep_in_touch(&platform) => {}
        () = shutdown.begun() => {}
    }
}

/// Waiting requests are answered `authorization_pending` at once: their clients try another node, or
/// this one when it is back.
async fn wake_waiters(platform: Arc<Platform>, shutdown: Shutdown) {
    shutdown.begun().await;
    platform.waiters.wake_all();
}

/// Waits, or says that the server stops.
async fn paused(shutdown: &Shutdown, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => false,
        () = shutdown.begun() => true,
    }
}
