//! Owns the connection to a message centre, before anything is said on it.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use super::EsmeConfig;

/// What sessions are held over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

/// A connection: plain, or TLS.
pub(super) type Stream = Box<dyn Wire>;

/// Connects, and sets up TLS where it is configured.
pub(super) async fn connect(config: &EsmeConfig) -> io::Result<Stream> {
    timeout(config.connect_timeout, reach(config)).await.map_err(io::Error::from).flatten()
}

async fn reach(config: &EsmeConfig) -> io::Result<Stream> {
    // Files first: whoever reads the log is to hear of them even if nobody listens.
    let secured = match &config.tls {
        Some(files) => Some((files.connector().await.map_err(io::Error::other)?, files)),
        None => None,
    };
    let stream = TcpStream::connect(&config.address).await?;
    stream.set_nodelay(true)?;
    let Some((connector, files)) = secured else { return Ok(Box::new(stream)) };
    let name = files.name(&config.address).map_err(io::Error::other)?;
    let stream = connector.connect(name, stream).await;
    Ok(Box::new(stream.map_err(|error| io::Error::new(error.kind(), format!("TLS: {error}")))?))
}
