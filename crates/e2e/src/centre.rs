//! The message centre: node-smpp in a process of its own, driven over its stdin and stdout.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{oneshot, watch};

use crate::pdu::Text;
use crate::wait::within;

/// `ESME_ROK`.
pub const ROK: u64 = 0;

/// A message centre. It ends with its value.
pub struct Centre {
    /// Where binds go.
    pub port: u16,
    stdin: tokio::sync::Mutex<ChildStdin>,
    last_id: AtomicU64,
    shared: Arc<Shared>,
    seen: watch::Receiver<usize>,
    _process: Child,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    events: Mutex<Vec<Value>>,
}

/// What became of a text.
#[derive(Clone, PartialEq, Debug)]
pub enum Receipt {
    /// Answered with a command status.
    Answered {
        /// 0 is `ESME_ROK`.
        status: u64,
        /// The response's name.
        command: String,
        /// When the response was read, in milliseconds since 1970.
        at: f64,
        /// Milliseconds from sending to response.
        latency: f64,
    },
    /// The session ended first, or none was bound.
    Lost,
}

impl Receipt {
    fn of(answer: &Value) -> Self {
        match answer["status"].as_u64() {
            Some(status) => Self::Answered {
                status,
                command: answer["command"].as_str().unwrap().to_owned(),
                at: answer["at"].as_f64().unwrap(),
                latency: answer["latency"].as_f64().unwrap(),
            },
            None => Self::Lost,
        }
    }

    /// Whether the network was told that the platform has it.
    pub fn is_ok(&self) -> bool {
        self.status() == Some(ROK)
    }

    /// The command status.
    pub fn status(&self) -> Option<u64> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Lost => None,
        }
    }

    /// Fails unless it was answered `ESME_ROK`; gives the time.
    #[track_caller]
    pub fn ok(&self) -> f64 {
        match self {
            Self::Answered { status: ROK, at, .. } => *at,
            other => panic!("not acknowledged: {other:?}"),
        }
    }
}

impl Centre {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        Self::start_with(&json!({})).await
    }

    /// Starts one that speaks TLS: its key and certificate in PEM, and the CA of those it lets in, if
    /// it asks who they are.
    pub async fn start_tls(key: &str, certificate: &str, ca: Option<&str>) -> Self {
        let mut tls = json!({"key": key, "cert": certificate});
        if let Some(ca) = ca {
            tls["ca"] = ca.into();
        }
        Self::start_with(&tls).await
    }

    async fn start_with(tls: &Value) -> Self {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        assert!(
            peers.join("node_modules/smpp").is_dir(),
            "the message centre's packages are missing: run `npm ci --prefix {}` (Node 20 or later)",
            peers.display()
        );
        let mut process = Command::new("node")
            .arg(peers.join("centre.js"))
            .arg(tls.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the end-to-end tests need `node` on the PATH (version 20 or later)");
        let stdin = process.stdin.take().unwrap();
        let stdout = process.stdout.take().unwrap();
        let shared = Arc::new(Shared::default());
        let (sender, seen) = watch::channel(0);
        tokio::spawn(listen(stdout, Arc::clone(&shared), sender));
        let mut centre = Self {
            port: 0,
            stdin: stdin.into(),
            last_id: AtomicU64::new(0),
            shared,
            seen,
            _process: process,
        };
        let listening = centre.event("listening", 1).await;
        centre.port = u16::try_from(listening["port"].as_u64().unwrap()).unwrap();
        centre
    }

    /// Sends a command and waits for its answer.
    async fn command(&self, mut command: Value) -> Value {
        let id = self.last_id.fetch_add(1, Relaxed) + 1;
        command["id"] = id.into();
        let (sender, receiver) = oneshot::channel();
        self.shared.waiting.lock().unwrap().insert(id, sender);
        let line = format!("{command}\n");
        self.stdin.lock().await.write_all(line.as_bytes()).await.expect("the centre runs");
        let answer = within("an answer of the message centre", receiver).await.unwrap();
        assert!(answer.get("error").is_none(), "{command}: {answer}");
        answer
    }

    /// Delivers a text as `deliver_sm`.
    pub async fn deliver(&self, text: &Text) -> Receipt {
        Receipt::of(&self.command(json!({"do": "deliver", "pdu": text.0})).await)
    }

    /// Delivers a text to the newest bind of this `system_id`, or, with `*`, to each bind in its
    /// turn.
    pub async fn deliver_to(&self, system_id: &str, text: &Text) -> Receipt {
        let command = json!({"do": "deliver", "to": system_id, "pdu": text.0});
        Receipt::of(&self.command(command).await)
    }

    /// Delivers a text as `data_sm`, its text in `message_payload`.
    pub async fn deliver_data(&self, text: &Text) -> Receipt {
        let command = json!({"do": "deliver", "command": "data_sm", "pdu": text.0});
        Receipt::of(&self.command(command).await)
    }

    /// Delivers a plain text from an international number.
    pub async fn text(&self, from: &str, text: &str) -> Receipt {
        self.deliver(&Text::new(from, text)).await
    }

    /// Sends a PDU made by [`crate::pdu::frame`] and waits for what answers its sequence number.
    pub async fn frame(&self, hex: &str) -> Receipt {
        Receipt::of(&self.command(json!({"do": "raw", "hex": hex, "wait": true})).await)
    }

    /// Sends octets and waits for no answer.
    pub async fn octets(&self, hex: &str) {
        self.command(json!({"do": "raw", "hex": hex})).await;
    }

    /// Hangs up on all sessions without a word.
    pub async fn drop_sessions(&self) {
        self.command(json!({"do": "drop"})).await;
    }

    /// Asks `enquire_link` or `unbind`.
    pub async fn ask(&self, what: &str) -> Receipt {
        Receipt::of(&self.command(json!({"do": "ask", "command": what})).await)
    }

    /// Changes what it does: `bindStatus`, `bindDelayMs`, `bindSilent`, `answerEnquireLink`.
    pub async fn set(&self, what: &str, value: impl Into<Value>) {
        let mut command = json!({"do": "set"});
        command[what] = value.into();
        self.command(command).await;
    }

    /// All events of this kind so far.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let events = self.shared.events.lock().unwrap();
        events.iter().filter(|event| event["event"] == kind).cloned().collect()
    }

    /// Waits for the `nth` event of this kind, counted from one, and gives it.
    pub async fn event(&self, kind: &str, nth: usize) -> Value {
        let what = format!("{kind} number {nth} at the message centre");
        self.seen(&what, |event| event["event"] == kind, nth).await
    }

    async fn seen(&self, what: &str, is_it: impl Fn(&Value) -> bool, nth: usize) -> Value {
        let mut seen = self.seen.clone();
        let look = async {
            loop {
                seen.mark_unchanged();
                let found = {
                    let events = self.shared.events.lock().unwrap();
                    events.iter().filter(|event| is_it(event)).nth(nth - 1).cloned()
                };
                match found {
                    Some(event) => return event,
                    None => seen.changed().await.expect("the centre runs"),
                }
            }
        };
        within(what, look).await
    }

    /// Waits until it has been bound to so often under this `system_id`.
    pub async fn bound_as(&self, system_id: &str, times: usize) {
        let as_this = |event: &Value| event["event"] == "bound" && event["system_id"] == system_id;
        let what = format!("{system_id} is bound for the {times}th time");
        self.seen(&what, as_this, times).await;
    }

    /// Waits until it has been bound to so often, all told.
    pub async fn bound(&self, times: usize) {
        self.event("bound", times).await;
    }
}

async fn listen(stdout: ChildStdout, shared: Arc<Shared>, sender: watch::Sender<usize>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Value = serde_json::from_str(&line).expect("the centre speaks JSON");
        if let Some(id) = message["id"].as_u64() {
            if let Some(waiter) = shared.waiting.lock().unwrap().remove(&id) {
                let _ = waiter.send(message);
            }
        } else {
            shared.events.lock().unwrap().push(message);
            sender.send_modify(|count| *count += 1);
        }
    }
}
