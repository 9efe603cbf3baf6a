//! A mobile operator's API gateway: CAMARA's APIs behind an OAuth token endpoint, over real HTTP. It takes
//! what the APIs' documents allow and refuses the rest; how it answers, the test says.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// SIM Swap.
pub const SIM_SWAP: &str = "/sim-swap/v1/check";
/// Number Recycling.
pub const NUMBER_RECYCLING: &str = "/number-recycling/v0.2/check";
/// Number Verification.
pub const NUMBER_VERIFICATION: &str = "/number-verification/v1/verify";
/// The token endpoint.
pub const TOKEN: &str = "/oauth2/token";

/// How a path answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status line and headers.
    pub head: String,
    /// The body.
    pub body: String,
    /// How long it takes.
    pub after: Duration,
}

impl Reply {
    /// JSON with status 200.
    pub fn json(body: &Value) -> Self {
        Self::raw("200 OK\r\nContent-Type: application/json; charset=utf-8", &body.to_string())
    }

    /// Anything.
    pub fn raw(head: &str, body: &str) -> Self {
        Self { head: head.to_owned(), body: body.to_owned(), after: Duration::ZERO }
    }
}

#[derive(Debug, Default)]
struct State {
    replies: HashMap<String, Reply>,
    token: u32,
    asked: Vec<(String, Value)>,
}

/// A running gateway. Dropping it closes it.
#[derive(Debug)]
pub struct Operator {
    /// Where.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Operator {
    /// Starts one that knows of no swap and no recycled number.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        let operator = Self { address, state, task };
        operator.knows(false, false);
        operator
    }

    /// What it says of every number.
    pub fn knows(&self, swapped: bool, recycled: bool) {
        self.answers(SIM_SWAP, Reply::json(&json!({"swapped": swapped})));
        let recycled = json!({"phoneNumberRecycled": recycled});
        self.answers(NUMBER_RECYCLING, Reply::json(&recycled));
        self.state.lock().unwrap().replies.remove(TOKEN);
    }

    /// Has a path answer so from now on.
    pub fn answers(&self, path: &str, reply: Reply) {
        self.state.lock().unwrap().replies.insert(path.to_owned(), reply);
    }

    /// Revokes every access token.
    pub fn revoke(&self) {
        self.state.lock().unwrap().token += 1;
    }

    /// The bodies that a path was asked with so far.
    pub fn asked(&self, path: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        state
            .asked
            .iter()
            .filter(|(known, _)| known == path)
            .map(|(_, body)| body.clone())
            .collect()
    }

    /// `[[risk.camara]]` with further lines.
    pub fn section(&self, more: &str) -> String {
        let at = self.address;
        format!(
            "[[risk.camara]]\nname = \"operator\"\nbase_url = \"http://{at}\"\n\
             token_url = \"http://{at}{TOKEN}\"\nclient_id = \"twin:path\"\n\
             client_secret = \"s3cr%t\"\n{more}\n"
        )
    }
}

/// One request on each connection.
async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut octets = Vec::new();
    let mut more = [0; 8192];
    let (head, body) = loop {
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return,
            Ok(count) => octets.extend_from_slice(&more[..count]),
        }
        if let Some(whole) = whole(&octets) {
            break whole;
        }
    };
    let reply = answer(&head, &body, &state);
    tokio::time::sleep(reply.after).await;
    let (head, body) = (&reply.head, &reply.body);
    let length = body.len();
    let text =
        format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(text.as_bytes()).await;
}

fn whole(octets: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(octets).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = header(head, "content-length")?.parse().ok()?;
    Some((head.to_owned(), body.get(..length)?.to_owned()))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
}

fn refuse(status: &str) -> Reply {
    let code = json!({"status": 400, "code": "INVALID_ARGUMENT", "message": status});
    Reply::raw(&format!("{status}\r\nContent-Type: application/json"), &code.to_string())
}

fn answer(head: &str, body: &str, state: &Mutex<State>) -> Reply {
    let mut state = state.lock().unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if path == TOKEN {
        // RFC 6749 2.3.1: both parts form-encoded.
        let right = format!("Basic {}", STANDARD.encode("twin%3Apath:s3cr%25t"));
        let asked = body.starts_with("grant_type=client_credentials&scope=");
        state.asked.push((path, json!(body)));
        if header(head, "authorization") != Some(&right) || !asked {
            return refuse("401 Unauthorized");
        }
        let token = format!("token-{}", state.token);
        let fresh = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300});
        return state.replies.get(TOKEN).cloned().unwrap_or_else(|| Reply::json(&fresh));
    }
    let phone = path == NUMBER_VERIFICATION;
    let token = if phone { "phone-token".to_owned() } else { format!("token-{}", state.token) };
    let Ok(asked) = serde_json::from_str::<Value>(body) else {
        return refuse("400 Bad Request");
    };
    let number = asked["phoneNumber"].as_str().is_some_and(|number| number.starts_with('+'));
    let correlator = header(head, "x-correlator").is_some_and(|it| it.len() == 36);
    let json = header(head, "content-type") == Some("application/json");
    state.asked.push((path.clone(), asked));
    if header(head, "authorization") != Some(&format!("Bearer {token}")) {
        return refuse("401 Unauthorized");
    }
    if !(head.starts_with("POST ") && number && correlator && json) {
        return refuse("400 Bad Request");
    }
    state.replies.get(&path).cloned().unwrap_or_else(|| refuse("404 Not Found"))
}
