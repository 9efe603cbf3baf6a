//! A platform and an API in one small HTTP server on a free port: checks proofs as a real one does,
//! and misbehaves where a test tells it to.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use twinpath_client::{InstanceKey as _, SoftwareKey};
use twinpath_wire::{
    code::{Code, read_message},
    dpop::{self, ProofClaims},
    jwk::JwkSet,
    jws::{self, Compact, Header},
    phrase::default_phrases,
};

/// What the platform does with the next token request whose proof is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    Pending,
    Busy,
    /// Does the work, then closes the connection without an answer.
    LoseResponse,
    Confirm,
    Fail,
}

pub(crate) struct Platform {
    pub(crate) issuer: String,
    signer: SoftwareKey,
    pub(crate) state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) turns: VecDeque<Turn>,
    /// The server's clock minus the real one.
    pub(crate) clock: i64,
    /// The nonce that proofs must carry, at the token endpoint and at the API.
    pub(crate) nonces: Option<(String, String)>,
    /// Texts that arrived.
    texts: Vec<Code>,
    proofs_seen: HashSet<String>,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    /// Refresh tokens spent, with the successor each got.
    spent: HashMap<String, String>,
    pub(crate) issued: u32,
    pub(crate) refreshes: u32,
    pub(crate) api_calls: u32,
    pub(crate) revoked: Vec<String>,
    pub(crate) errors_given: Vec<String>,
}

struct Incoming {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    form: HashMap<String, String>,
}

struct Outgoing {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

impl Platform {
    pub(crate) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let issuer = format!("http://{}", listener.local_addr().expect("bound"));
        let signer = SoftwareKey::generate().expect("a key");
        let platform = Arc::new(Self { issuer, signer, state: Mutex::default() });
        let server = Arc::clone(&platform);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&server);
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        platform
    }

    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while holding it")
    }

    /// The first path: a text arrives.
    pub(crate) fn receive(&self, text: &str) {
        let message = read_message(text).expect("readable");
        assert_eq!(message.words.as_str(), "weathersigninsendonlyfrominsidetheapp");
        self.state().texts.push(message.code);
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Some(incoming) = read(&mut stream).await else { return };
        let outgoing = self.answer(&incoming);
        let Some(Outgoing { status, headers, body }) = outgoing else { return };
        let date = http_date(self.now());
        let body = body.to_string();
        let mut head = format!("HTTP/1.1 {status} X\r\nDate: {date}\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", &value, "\r\n"]);
        }
        let length = body.len();
        let whole = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        let _ = stream.write_all(whole.as_bytes()).await;
        let _ = stream.shutdown().await;
    }

    fn now(&self) -> i64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(real.as_secs()).expect("this century") + self.state().clock
    }

    fn answer(&self, incoming: &Incoming) -> Option<Outgoing> {
        match incoming.path.as_str() {
            "/.well-known/oauth-authorization-server" => Some(ok(self.metadata())),
            "/jwks" => {
                let keys = vec![self.signer.public_jwk().clone()];
                Some(ok(serde_json::to_value(JwkSet { keys }).expect("JSON")))
            }
            "/token" => match self.proof(incoming, None) {
                Err(refusal) => Some(self.note(refusal)),
                Ok(key) => self.token(incoming, &key).map(|outgoing| self.note(outgoing)),
            },
            "/revoke" => {
                self.state().revoked.push(incoming.form["token"].clone());
                Some(ok(json!({})))
            }
            "/api" => Some(self.api(incoming)),
            _ => Some(Outgoing { status: 404, headers: vec![], body: json!({}) }),
        }
    }

    fn note(&self, outgoing: Outgoing) -> Outgoing {
        if let Some(error) = outgoing.body["error"].as_str() {
            self.state().errors_given.push(error.to_owned());
        }
        outgoing
    }

    fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        json!({
            "issuer": issuer, "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "revocation_endpoint": format!("{issuer}/revoke"),
            "response_types_supported": [], "terminal_numbers": ["+8610690001"],
            "terminal_code_methods_supported": ["twinpath-1"],
            "terminal_phrases": default_phrases(),
        })
    }

    /// RFC 9449 4.3; the key's thumbprint.
    fn proof(&self, incoming: &Incoming, token: Option<&str>) -> Result<String, Outgoing> {
        let invalid = || refusal("invalid_dpop_proof");
        let now = self.now();
        let mut state = self.state();
        let proof = incoming.headers.get("dpop").ok_or_else(invalid)?;
        let jws = Compact::parse(proof, 4_096).map_err(|_| invalid())?;
        let jwk = jws.header.jwk.as_ref().ok_or_else(invalid)?;
        let point = jwk.key.uncompressed_p256().ok_or_else(invalid)?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        key.verify(jws.signing_input, &jws.signature).map_err(|_| invalid())?;
        let claims: ProofClaims = jws.claims().map_err(|_| invalid())?;
        let right = jws.header.has_typ(dpop::TYP)
            && claims.htm == incoming.method
            && claims.htu == format!("{}{}", self.issuer, incoming.path)
            && claims.ath == token.map(dpop::ath)
            && (now - claims.iat).abs() < 60
            && state.proofs_seen.insert(claims.jti);
        if !right {
            return Err(invalid());
        }
        let wanted =
            state.nonces.as_ref().map(|(own, api)| if token.is_some() { api } else { own });
        if wanted.is_some() && wanted != claims.nonce.as_ref() {
            let nonce = vec![("DPoP-Nonce", wanted.cloned().unwrap_or_default())];
            return Err(Outgoing { headers: nonce, ..refusal("use_dpop_nonce") });
        }
        Ok(jwk.thumbprint())
    }

    fn token(&self, incoming: &Incoming, jkt: &str) -> Option<Outgoing> {
        let form = &incoming.form;
        if form["grant_type"] == "refresh_token" {
            return self.refresh(&form["refresh_token"]);
        }
        let code = Code::commit(&self.issuer, "weather", jkt, &form["terminal_verifier"]);
        let now = self.now();
        let mut state = self.state();
        let turn = state.turns.pop_front();
        match turn {
            Some(Turn::Pending) => return Some(pending()),
            Some(Turn::Busy) => {
                let mut busy = refusal("temporarily_unavailable");
                (busy.status, busy.headers) = (429, vec![("Retry-After", "1".to_owned())]);
                return Some(busy);
            }
            Some(Turn::Fail) => return Some(Outgoing { status: 500, ..refusal("server_error") }),
            Some(Turn::Confirm) => return Some(refusal("confirmation_required")),
            Some(Turn::LoseResponse) | None => {}
        }
        if !state.texts.contains(&code) {
            return Some(pending());
        }
        state.issued += 1;
        state.refresh_token = format!("r{}", state.issued);
        state.access_token = format!("a{}", state.issued);
        let id_token = self.id_token(now + 600);
        let body = json!({
            "access_token": state.access_token, "token_type": "DPoP", "expires_in": 600,
            "refresh_token": state.refresh_token, "id_token": id_token,
            "terminal_hint": "+86•••••••••78", "scope": "openid",
        });
        (turn != Some(Turn::LoseResponse)).then(|| ok(body))
    }

    /// Rotation with reuse detection, and the successor again while it was not used.
    fn refresh(&self, token: &str) -> Option<Outgoing> {
        let mut state = self.state();
        let lost = state.turns.pop_front() == Some(Turn::LoseResponse);
        state.refreshes += 1;
        let lost_before = state.spent.get(token) == Some(&state.refresh_token);
        if token != state.refresh_token && !lost_before {
            return Some(refusal("invalid_grant"));
        }
        state.issued += 1;
        let successor = format!("r{}", state.issued);
        state.spent.insert(token.to_owned(), successor.clone());
        state.refresh_token.clone_from(&successor);
        state.access_token = format!("a{}", state.issued);
        let body = json!({
            "access_token": state.access_token, "token_type": "DPoP", "expires_in": 600,
            "refresh_token": successor,
        });
        (!lost).then(|| ok(body))
    }

    fn api(&self, incoming: &Incoming) -> Outgoing {
        let token = incoming.headers.get("authorization").and_then(|v| v.strip_prefix("DPoP "));
        let token = token.unwrap_or_default();
        let proven = self.proof(incoming, Some(token));
        let mut state = self.state();
        let error = match proven {
            Err(refused) => Some(refused),
            Ok(_) if token != state.access_token => Some(refusal("invalid_token")),
            Ok(_) => None,
        };
        if let Some(mut refused) = error {
            let challenge = format!("DPoP error={}", refused.body["error"]);
            refused.status = 401;
            refused.headers.push(("WWW-Authenticate", challenge));
            return refused;
        }
        state.api_calls += 1;
        ok(json!({"forecast": "sun"}))
    }

    fn id_token(&self, exp: i64) -> String {
        let claims = json!({"iss": self.issuer, "sub": "s1", "aud": "weather", "exp": exp});
        let sign =
            |input: &[u8]| Ok::<_, serde_json::Error>(self.signer.sign(input).expect("signs"));
        jws::compose(&Header::new("ES256", "JWT"), &claims, sign).expect("composes")
    }
}

fn ok(body: Value) -> Outgoing {
    Outgoing { status: 200, headers: vec![], body }
}

fn refusal(error: &str) -> Outgoing {
    Outgoing { status: 400, headers: vec![], body: json!({"error": error}) }
}

fn pending() -> Outgoing {
    let body = json!({"error": "authorization_pending", "interval": 0});
    Outgoing { status: 400, headers: vec![], body }
}

async fn read(stream: &mut TcpStream) -> Option<Incoming> {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8(bytes[..head_len].to_vec()).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let method = first.next()?.to_owned();
    let path = first.next()?.split('?').next()?.to_owned();
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: HashMap<_, _> = lines.filter_map(field).collect();
    let length: usize = headers.get("content-length").map_or(0, |n| n.parse().expect("a number"));
    while bytes.len() < head_len + 4 + length {
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
    let form = form_urlencoded::parse(&bytes[head_len + 4..]).into_owned().collect();
    Some(Incoming { method, path, headers, form })
}

/// `IMF-fixdate`, by counting days (RFC 9110 5.6.7). The day of the week is of no account.
fn http_date(now: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (mut days, second) = (now / 86_400, now % 86_400);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let mut month = 0;
    for length in [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
    format!("Mon, {:02} {} {year} {clock} GMT", days + 1, MONTHS[month])
}
