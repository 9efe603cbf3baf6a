//! An app's endpoint that the server calls: takes requests one by one, answers what the test says.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::jose::open;
use crate::wait::within;

/// A listening endpoint. Dropping it closes it.
pub struct Receiver {
    /// Where.
    pub address: SocketAddr,
    requests: Mutex<mpsc::UnboundedReceiver<Received>>,
    task: JoinHandle<()>,
}

/// What was sent to it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Request line and headers.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Received {
    /// One parameter of a form, and the claims and header if it is a JWT.
    #[track_caller]
    pub fn token(&self, name: &str) -> (String, Value, Value) {
        let mut pairs = form_urlencoded::parse(self.body.as_bytes());
        let token = pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
        let token = token.unwrap_or_else(|| panic!("no {name}: {self:?}"));
        let (header, claims) = open(&token);
        (token, header, claims)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Starts one that answers with these heads in turn, such as `200 OK` or `302 Found\r\nLocation: /x`,
    /// and a body behind an empty line; with the last one from then on.
    pub async fn start(answers: &[&str]) -> Self {
        let answers: Arc<[String]> = answers.iter().map(|&answer| answer.to_owned()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, requests) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            for turn in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = answers[turn.min(answers.len() - 1)].clone();
                if let Some(received) = take(stream, &answer).await {
                    let _ = tell.send(received);
                }
            }
        });
        Self { address, requests: Mutex::new(requests), task }
    }

    /// The URL of a path here.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request.
    pub async fn next(&self) -> Received {
        let next = async { self.requests.lock().await.recv().await };
        within("a request to the app", next).await.expect("the endpoint runs")
    }

    /// Whether no request came that was not taken.
    pub async fn is_untouched(&self) -> bool {
        self.requests.lock().await.try_recv().is_err()
    }
}

async fn take(mut stream: TcpStream, answer: &str) -> Option<Received> {
    let mut octets = Vec::new();
    let mut more = vec![0; 16 * 1024];
    let received = loop {
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => octets.extend_from_slice(&more[..count]),
        }
        if let Some(received) = whole(&octets) {
            break received;
        }
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
    Some(received)
}

fn whole(octets: &[u8]) -> Option<Received> {
    let text = std::str::from_utf8(octets).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_lowercase();
    let length = match head.split("content-length: ").nth(1) {
        Some(rest) => rest.lines().next()?.parse().ok()?,
        // A GET.
        None => 0,
    };
    let body = body.get(..length)?.to_owned();
    Some(Received { head, body })
}
