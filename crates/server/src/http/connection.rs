//! Connections: limits on their number and on the time a request's head may take, and a shutdown that
//! lets requests in progress finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service as _;

use crate::http::Tls;
use crate::http::certificate::Shown;

/// The address at the other end of the connection, among a request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// How long the head of a request may take.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// The largest head, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// How long requests in progress may take when the server stops.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Tells everything to stop.
#[derive(Clone, Debug)]
pub struct Shutdown(pub watch::Receiver<bool>);

impl Shutdown {
    /// Returns when the server stops.
    pub async fn begun(&self) {
        let mut stop = self.0.clone();
        // An error says that whoever could stop us is gone: that is a stop too.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}

/// A bound port with the endpoints behind it.
#[derive(Debug)]
pub struct Listener {
    port: TcpListener,
    router: Router,
    places: Arc<Semaphore>,
    tls: Option<Arc<Tls>>,
}

impl Listener {
    /// Serves `router` on a bound port; at most `connections` are open at the same time.
    pub fn new(port: TcpListener, router: Router, connections: usize) -> Self {
        Self { port, router, places: Arc::new(Semaphore::new(connections)), tls: None }
    }

    /// The same, over TLS.
    #[must_use]
    pub fn over(self, tls: Option<Arc<Tls>>) -> Self {
        Self { tls, ..self }
    }

    /// Serves until `shutdown`, then lets requests in progress finish.
    pub async fn serve(self, shutdown: Shutdown) {
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                () = shutdown.begun() => break,
            };
            if let Some((stream, peer, place)) = accepted {
                let (router, tls) = (self.router.clone(), self.tls.clone());
                let shutdown = shutdown.clone();
                connections.spawn(async move {
                    serve_connection(stream, peer, tls, router, shutdown).await;
                    drop(place);
                });
            }
        }
        drop(self.port);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_TIME, drained).await.is_err() {
            tracing::warn!("requests were cut off at the stop");
        }
    }

    async fn accept(&self) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        match self.port.accept().await {
            Ok((stream, peer)) => Some((stream, peer, place)),
            Err(error) => {
                // Out of descriptors: give those that are open time to end.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<Tls>>,
    router: Router,
    shutdown: Shutdown,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return serve_requests(stream, (peer, None), router, shutdown).await;
    };
    let accepted = tokio::select! {
        accepted = tls.accept(stream) => accepted,
        () = shutdown.begun() => return,
    };
    match accepted {
        Ok((stream, certificate)) => {
            let shown = certificate.map(|certificate| Shown(Arc::new(certificate)));
            serve_requests(stream, (peer, shown), router, shutdown).await;
        }
        Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
    }
}

async fn serve_requests(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    (peer, shown): (SocketAddr, Option<Shown>),
    router: Router,
    shutdown: Shutdown,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        if let Some(shown) = &shown {
            request.extensions_mut().insert(shown.clone());
        }
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => {
            if let Err(error) = result {
                tracing::debug!(%error, "a connection ended");
            }
        }
        () = shutdown.begun() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
