//! Ports on this machine: the wanted one, or a free one where that is taken.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Runs `bind` at `port`, and at a free port if that one is taken.
pub(crate) async fn free<T, F: Future<Output = io::Result<T>>>(
    port: u16,
    bind: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    match bind(loopback(port)).await {
        Err(error) if taken(&error) => bind(loopback(0)).await,
        bound => bound,
    }
}

/// Listens at `port`, or at a free port.
pub(crate) async fn listen(port: u16) -> io::Result<TcpListener> {
    free(port, TcpListener::bind).await
}

/// The port that is `ahead` of a wanted one; 0, any free port, stays 0.
pub(crate) fn beside(port: u16, ahead: u16) -> u16 {
    if port == 0 { 0 } else { port.checked_add(ahead).unwrap_or(0) }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// In use by another program, or one of those that only root may have.
fn taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_replaced_by_a_free_one() {
        let first = listen(0).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let second = listen(port).await.unwrap();
        assert_ne!(second.local_addr().unwrap().port(), port);
    }

    #[test]
    fn ports_beside_one_another() {
        assert_eq!((beside(8080, 1), beside(0, 1), beside(u16::MAX, 1)), (8081, 0, 0));
    }
}
