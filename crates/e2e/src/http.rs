//! HTTP/1.1 by hand: one request on each connection, every octet the test's own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::wait::within;

/// A server may end a connection that was not used for longer.
const IDLE: Duration = Duration::from_secs(2);

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`.
    pub method: String,
    /// The path, with its query.
    pub target: String,
    /// Headers in order, as often as they stand; `Host`, `Content-Length` and `Connection` are
    /// added.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With a header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As it goes over the wire, the only one of its connection.
    pub fn octets(&self) -> Vec<u8> {
        self.said("close")
    }

    fn said(&self, connection: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: localhost\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        let length = self.body.len();
        write!(head, "Content-Length: {length}\r\nConnection: {connection}\r\n\r\n").unwrap();
        [head.as_bytes(), &self.body].concat()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When its last octet was read, in milliseconds since 1970.
    pub at: f64,
}

impl Answer {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The `error` of an OAuth error, or nothing.
    pub fn error(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body["error"].as_str().map(str::to_owned)
    }

    /// Fails unless this is an OAuth error (RFC 6749 5.2) of this status and code that no one keeps.
    #[track_caller]
    pub fn refuses(&self, status: u16, error: &str) {
        let said = (self.status, self.error());
        assert_eq!(said, (status, Some(error.to_owned())), "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
    }

    /// Fails unless this is a 200 with JSON, and gives that.
    #[track_caller]
    pub fn accepts(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request.
pub async fn send(address: SocketAddr, request: &Request) -> Answer {
    let answer = send_octets(address, &request.octets()).await;
    answer.unwrap_or_else(|| panic!("no answer to {} {}", request.method, request.target))
}

/// One request after the other, over a connection that stays while it is in use.
pub struct Connection {
    address: SocketAddr,
    open: Option<(TcpStream, Instant)>,
}

impl Connection {
    /// Connects with the first request.
    pub fn to(address: SocketAddr) -> Self {
        Self { address, open: None }
    }

    /// Sends a request.
    pub async fn send(&mut self, request: &Request) -> Answer {
        let mut stream = match self.open.take() {
            Some((stream, used)) if used.elapsed() < IDLE => stream,
            _ => TcpStream::connect(self.address).await.expect("a server that listens"),
        };
        stream.set_nodelay(true).unwrap();
        let answer = exchange(&mut stream, &request.said("keep-alive")).await;
        self.open = Some((stream, Instant::now()));
        answer.unwrap_or_else(|| panic!("no answer to {} {}", request.method, request.target))
    }
}

/// Sends octets and reads until the server hangs up; nothing if it does so without an answer.
pub async fn send_octets(address: SocketAddr, octets: &[u8]) -> Option<Answer> {
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    exchange(stream, octets).await
}

/// The same over any connection.
pub async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    octets: &[u8],
) -> Option<Answer> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut received = Vec::new();
    let read = async {
        let mut more = vec![0; 16 * 1024];
        loop {
            match reader.read(&mut more).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => received.extend_from_slice(&more[..count]),
            }
            if let Some(answer) = parse(&received) {
                return Some(answer);
            }
        }
    };
    // A server that refuses a large body may close before it took it all: its answer still counts.
    let write = async {
        let _ = writer.write_all(octets).await;
        writer.flush().await
    };
    let (answer, _) = within("an answer", async { tokio::join!(read, write) }).await;
    answer
}

/// An answer, once it is whole.
pub fn parse(octets: &[u8]) -> Option<Answer> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&octets[..end]).unwrap();
    let body = &octets[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let body = body.get(..length)?.to_vec();
    Some(Answer { status, headers, body, at: crate::now_ms() })
}
