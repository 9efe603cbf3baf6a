//! A registered app and its installations: what PROTOCOL 5 and 9 have them send.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::commitment;
use crate::http::{self, Answer, Request};
use crate::jose::{Key, hmac_jwt, sha256};
use crate::{now_s, random_text};

/// PROTOCOL 5.
pub const TERMINAL_GRANT: &str = "urn:twinpath:oauth:grant-type:terminal";
/// RFC 7523 2.2.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The words of the default template `en`, before the code.
pub const WORDS: &str = "sign-in. Send only from inside the app.";

/// Where the server is and what it says of itself.
#[derive(Debug)]
pub struct Place {
    /// The issuer.
    pub issuer: String,
    /// Its address.
    pub address: SocketAddr,
    /// Its metadata (RFC 8414).
    pub metadata: Value,
}

impl Place {
    /// Reads the metadata of the server at `address`.
    pub async fn discover(issuer: &str, address: SocketAddr) -> Arc<Self> {
        // RFC 8414 3.1: the issuer's own path comes last.
        let below = &issuer[origin(issuer).len()..];
        let path = format!("/.well-known/oauth-authorization-server{below}");
        let metadata = http::send(address, &Request::new("GET", &path)).await.accepts();
        Arc::new(Self { issuer: issuer.to_owned(), address, metadata })
    }

    /// The same platform, asked at another of its nodes.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Arc<Self> {
        let (issuer, metadata) = (self.issuer.clone(), self.metadata.clone());
        Arc::new(Self { issuer, address, metadata })
    }

    /// The URL of an endpoint, by its metadata name.
    pub fn url(&self, endpoint: &str) -> &str {
        self.metadata[endpoint].as_str().unwrap_or_else(|| panic!("no {endpoint}"))
    }

    /// The same as a request names it.
    pub fn path(&self, endpoint: &str) -> &str {
        let url = self.url(endpoint);
        assert!(url.starts_with(&format!("{}/", self.issuer)), "{url}");
        &url[origin(&self.issuer).len()..]
    }

    /// A plain GET.
    pub async fn get(&self, path: &str) -> Answer {
        http::send(self.address, &Request::new("GET", path)).await
    }

    /// The signing keys.
    pub async fn jwks(&self) -> Value {
        self.get(self.path("jwks_uri")).await.accepts()
    }
}

/// An URL without its path.
fn origin(url: &str) -> &str {
    let rest = url.strip_prefix("http://").expect("http on loopback");
    let path = rest.find('/').unwrap_or(rest.len());
    &url[..url.len() - rest.len() + path]
}

/// How an app shows that it is itself.
pub enum Auth {
    /// `private_key_jwt`
    PrivateKeyJwt(Key),
    /// `client_secret_basic`
    SecretBasic(String),
    /// `client_secret_post`
    SecretPost(String),
    /// `client_secret_jwt`
    SecretJwt(String),
    /// `tls_client_auth`
    Certificate,
    /// `self_signed_tls_client_auth`
    OwnCertificate,
    /// `attest_jwt_client_auth`; or `attest_jwt_client_auth_dpop`, where the proof shows the key.
    Attested {
        /// Whether the proof shows the key.
        combined: bool,
    },
    /// `none`
    Public,
}

impl Auth {
    /// Its name in a registration.
    pub fn method(&self) -> &'static str {
        match self {
            Self::PrivateKeyJwt(_) => "private_key_jwt",
            Self::SecretBasic(_) => "client_secret_basic",
            Self::SecretPost(_) => "client_secret_post",
            Self::SecretJwt(_) => "client_secret_jwt",
            Self::Certificate => "tls_client_auth",
            Self::OwnCertificate => "self_signed_tls_client_auth",
            Self::Attested { combined: false } => "attest_jwt_client_auth",
            Self::Attested { combined: true } => "attest_jwt_client_auth_dpop",
            Self::Public => "none",
        }
    }
}

/// A registered app.
pub struct App {
    /// `client_id`
    pub client_id: String,
    /// `client_name`
    pub name: String,
    /// Its credentials.
    pub auth: Auth,
    /// Whether its tokens are bound to instance keys.
    pub dpop: bool,
}

/// A code in the making: what the phone texts, what the app shows.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// PROTOCOL 2.
    pub verifier: String,
    /// `TP1-...`
    pub code: String,
    /// The first verification message.
    pub text: String,
}

/// One installation of an app.
pub struct Instance {
    /// The app.
    pub app: Arc<App>,
    /// The instance key.
    pub key: Arc<Key>,
    /// The server.
    pub place: Arc<Place>,
    nonce: Arc<Mutex<Option<String>>>,
    attestation: Arc<Mutex<Option<String>>>,
    challenge: Arc<Mutex<Option<String>>>,
}

/// A request that a test may spoil before it is sent.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The endpoint's path.
    pub path: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Parameters.
    pub form: Vec<(String, String)>,
}

impl Draft {
    /// Sets a parameter.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.form.retain(|(known, _)| known != name);
        self.form.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a parameter, also if it is there already.
    #[must_use]
    pub fn add(mut self, name: &str, value: &str) -> Self {
        self.form.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a parameter out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.form.retain(|(known, _)| known != name);
        self
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header, also if it is there already.
    #[must_use]
    pub fn more_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a header out.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// A header's value.
    pub fn header_value(&self, name: &str) -> &str {
        &self.headers.iter().find(|(known, _)| known == name).unwrap().1
    }

    /// As HTTP.
    pub fn request(&self) -> Request {
        let mut request = Request::new("POST", &self.path)
            .header("Content-Type", "application/x-www-form-urlencoded");
        request.headers.extend(self.headers.iter().cloned());
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&self.form);
        request.body = form.finish().into_bytes();
        request
    }
}

/// A header for an assertion (RFC 10070).
pub fn assertion_header() -> Value {
    json!({"alg": "ES256", "typ": "client-authentication+jwt"})
}

impl Instance {
    /// A fresh installation.
    pub fn new(app: &Arc<App>, place: &Arc<Place>) -> Self {
        Self {
            app: Arc::clone(app),
            key: Arc::new(Key::generate()),
            place: Arc::clone(place),
            nonce: Arc::default(),
            attestation: Arc::default(),
            challenge: Arc::default(),
        }
    }

    /// The same installation, asking at another node.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        Self {
            app: self.app.clone(),
            key: self.key.clone(),
            place: self.place.at(address),
            nonce: self.nonce.clone(),
            attestation: self.attestation.clone(),
            challenge: self.challenge.clone(),
        }
    }

    /// A fresh verifier and its text, in English.
    pub fn attempt(&self) -> Attempt {
        self.worded(&format!("{} {WORDS}", self.app.name))
    }

    /// A fresh verifier, its text with these words.
    pub fn worded(&self, words: &str) -> Attempt {
        let verifier = random_text();
        let jkt = if self.app.dpop { self.key.thumbprint() } else { String::new() };
        let (issuer, client_id) = (&self.place.issuer, &self.app.client_id);
        let code = commitment::written(issuer, client_id, &jkt, &verifier);
        let text = format!("{words} {code}");
        Attempt { verifier, code, text }
    }

    /// The claims of a good assertion.
    pub fn assertion_claims(&self) -> Value {
        let id = &self.app.client_id;
        let (now, jti) = (now_s(), random_text());
        json!({"iss": id, "sub": id, "aud": self.place.issuer, "iat": now, "exp": now + 60, "jti": jti})
    }

    /// An assertion with these claims.
    pub fn assertion(&self, header: &Value, claims: &Value) -> String {
        match &self.app.auth {
            Auth::PrivateKeyJwt(key) => key.jwt(header, claims),
            Auth::SecretJwt(secret) => {
                let mut header = header.clone();
                header["alg"] = "HS256".into();
                hmac_jwt(secret.as_bytes(), &header, claims)
            }
            _ => panic!("{} takes no assertion", self.app.auth.method()),
        }
    }

    /// The header of a good proof.
    pub fn proof_header(&self) -> Value {
        json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": self.key.jwk()})
    }

    /// The claims of a good proof, with the last nonce that the server gave.
    pub fn proof_claims(&self, method: &str, url: &str) -> Value {
        let mut claims = json!({"jti": random_text(), "htm": method, "htu": url, "iat": now_s()});
        if let Some(nonce) = &*self.nonce.lock().unwrap() {
            claims["nonce"] = nonce.as_str().into();
        }
        claims
    }

    /// A good proof.
    pub fn proof(&self, method: &str, url: &str) -> String {
        self.key.jwt(&self.proof_header(), &self.proof_claims(method, url))
    }

    /// A request with authentication and, if the app is bound to keys, a proof.
    pub fn draft(&self, endpoint: &str, form: &[(&str, &str)]) -> Draft {
        let owned = form.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let path = self.place.path(endpoint).to_owned();
        let mut draft = Draft { path, headers: Vec::new(), form: owned };
        if self.app.dpop {
            draft = draft.header("DPoP", &self.proof("POST", self.place.url(endpoint)));
        }
        self.authenticated(draft)
    }

    /// Keeps a client attestation for the requests to come.
    pub fn attest(&self, attestation: &str) {
        *self.attestation.lock().unwrap() = Some(attestation.to_owned());
    }

    /// The claims of a good proof of possession, with the last challenge that the server gave.
    pub fn possession_claims(&self) -> Value {
        let mut claims = json!({"aud": self.place.issuer, "jti": random_text(), "iat": now_s()});
        if let Some(challenge) = self.challenge.lock().unwrap().take() {
            claims["challenge"] = challenge.into();
        }
        claims
    }

    /// A proof of possession with these claims.
    pub fn possession(&self, claims: &Value) -> String {
        let header = json!({"alg": "ES256", "typ": "oauth-client-attestation-pop+jwt"});
        self.key.jwt(&header, claims)
    }

    fn attested(&self, draft: Draft, combined: bool) -> Draft {
        let attestation = self.attestation.lock().unwrap().clone().unwrap_or_default();
        let draft = draft
            .set("client_id", &self.app.client_id)
            .header("OAuth-Client-Attestation", &attestation);
        if combined {
            return draft;
        }
        let pop = self.possession(&self.possession_claims());
        draft.header("OAuth-Client-Attestation-PoP", &pop)
    }

    fn authenticated(&self, draft: Draft) -> Draft {
        let id = self.app.client_id.as_str();
        match &self.app.auth {
            Auth::Attested { combined } => self.attested(draft, *combined),
            Auth::Public | Auth::Certificate | Auth::OwnCertificate => draft.set("client_id", id),
            Auth::SecretPost(secret) => draft.set("client_id", id).set("client_secret", secret),
            Auth::SecretBasic(secret) => {
                let credentials = STANDARD.encode(format!("{id}:{secret}"));
                draft.header("Authorization", &format!("Basic {credentials}"))
            }
            Auth::PrivateKeyJwt(_) | Auth::SecretJwt(_) => {
                let assertion = self.assertion(&assertion_header(), &self.assertion_claims());
                draft
                    .set("client_id", id)
                    .set("client_assertion_type", ASSERTION_TYPE)
                    .set("client_assertion", assertion)
            }
        }
    }

    /// Sends a draft and keeps the nonce that comes back.
    pub async fn send(&self, draft: &Draft) -> Answer {
        let answer = self.try_send(draft).await;
        answer.unwrap_or_else(|| panic!("no answer to POST {}", draft.path))
    }

    /// Sends a draft and keeps the nonce that comes back; nothing if the server has gone.
    pub async fn try_send(&self, draft: &Draft) -> Option<Answer> {
        let answer = http::send_octets(self.place.address, &draft.request().octets()).await?;
        if let Some(nonce) = answer.header("dpop-nonce") {
            *self.nonce.lock().unwrap() = Some(nonce.to_owned());
        }
        if let Some(challenge) = answer.header("oauth-client-attestation-challenge") {
            *self.challenge.lock().unwrap() = Some(challenge.to_owned());
        }
        Some(answer)
    }

    /// Sends what `make` makes, once more each if the server asks for its challenge, and for its nonce
    /// (RFC 9449 8).
    pub async fn send_fresh(&self, make: impl Fn() -> Draft) -> Answer {
        let mut answer = self.send(&make()).await;
        for asked in ["use_attestation_challenge", "use_dpop_nonce"] {
            if answer.error().as_deref() == Some(asked) {
                answer = self.send(&make()).await;
            }
        }
        answer
    }

    /// Gets the server's nonce, so that the next draft is good as it is.
    pub async fn warm(&self) {
        if self.app.dpop && self.nonce.lock().unwrap().is_none() {
            let draft = || self.draft("token_endpoint", &[("grant_type", "refresh_token")]);
            let mut answer = self.send(&draft()).await;
            if answer.error().as_deref() == Some("use_attestation_challenge") {
                answer = self.send(&draft()).await;
            }
            answer.refuses(400, "use_dpop_nonce");
        }
    }

    /// The second verification message.
    pub fn token_draft(&self, attempt: &Attempt) -> Draft {
        let verifier = attempt.verifier.as_str();
        let form = [("grant_type", TERMINAL_GRANT), ("terminal_verifier", verifier)];
        self.draft("token_endpoint", &form)
    }

    /// Asks for tokens.
    pub async fn redeem(&self, attempt: &Attempt) -> Answer {
        self.send_fresh(|| self.token_draft(attempt)).await
    }

    /// Asks for tokens with further parameters.
    pub async fn redeem_with(&self, attempt: &Attempt, more: &[(&str, &str)]) -> Answer {
        let make = || more.iter().fold(self.token_draft(attempt), |draft, (k, v)| draft.add(k, v));
        self.send_fresh(make).await
    }

    /// Asks for tokens and waits for the text.
    pub async fn wait(&self, attempt: &Attempt, seconds: u32) -> Answer {
        let prefer = format!("wait={seconds}");
        self.send_fresh(|| self.token_draft(attempt).header("Prefer", &prefer)).await
    }

    /// Uses a refresh token.
    pub async fn refresh(&self, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.send_fresh(|| self.draft("token_endpoint", &form)).await
    }

    /// Asks for tokens by a grant, with its parameters.
    pub async fn grant(&self, grant_type: &str, parameters: &[(&str, &str)]) -> Answer {
        let make = || {
            let draft = self.draft("token_endpoint", &[("grant_type", grant_type)]);
            parameters.iter().fold(draft, |draft, (name, value)| draft.add(name, value))
        };
        self.send_fresh(make).await
    }

    /// Introspects a token.
    pub async fn introspect(&self, token: &str) -> Answer {
        self.send_fresh(|| self.draft("introspection_endpoint", &[("token", token)])).await
    }

    /// Revokes a token.
    pub async fn revoke(&self, token: &str) -> Answer {
        self.send_fresh(|| self.draft("revocation_endpoint", &[("token", token)])).await
    }

    /// Asks who the user is, with an access token and, if it is bound, a proof.
    pub async fn userinfo(&self, token: &str) -> Answer {
        let answer = self.userinfo_once(token).await;
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        if challenge.contains("use_dpop_nonce") { self.userinfo_once(token).await } else { answer }
    }

    async fn userinfo_once(&self, token: &str) -> Answer {
        let url = self.place.url("userinfo_endpoint");
        let mut request = Request::new("GET", self.place.path("userinfo_endpoint"));
        if self.app.dpop {
            let mut claims = self.proof_claims("GET", url);
            claims["ath"] = sha256(token.as_bytes()).into();
            let proof = self.key.jwt(&self.proof_header(), &claims);
            let authorization = format!("DPoP {token}");
            request = request.header("Authorization", &authorization).header("DPoP", &proof);
        } else {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        let answer = http::send(self.place.address, &request).await;
        if let Some(nonce) = answer.header("dpop-nonce") {
            *self.nonce.lock().unwrap() = Some(nonce.to_owned());
        }
        answer
    }
}
