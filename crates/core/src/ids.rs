//! Identifiers. Byte identifiers are opaque: keyed hashes or random, never a number in clear.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, by the server's clock.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds since the Unix epoch: the `NumericDate` of RFC 7519.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time plus `seconds`, saturating.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }
}

macro_rules! bytes16 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The 16 bytes.
            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// From a row's or token's bytes; `None` unless there are exactly 16.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).ok();
                let id = bytes.as_deref().and_then(Self::from_slice);
                id.ok_or_else(|| serde::de::Error::custom("16 bytes in base64url"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }
    };
}

bytes16! {
    /// Keyed hash of a code: the code's key at rest.
    CodeKey
}
bytes16! {
    /// Keyed hash of a terminal identifier (an E.164 number). All rows of an account carry it: it is
    /// the key by which they are spread over shards.
    TerminalKey
}
bytes16! {
    /// An account: the first four bytes are its terminal key's, so that it can be found and routed
    /// without an index; the rest is random.
    AccountId
}
bytes16! {
    /// A grant, made by whoever consumes the code, before any account is touched.
    GrantId
}
bytes16! {
    /// A person's session at the sign-in page, within its terminal.
    SessionId
}
bytes16! {
    /// Keyed hash of a message's words, a token, or of a request's frozen parameters.
    Digest
}

impl AccountId {
    /// A new account of this terminal, from 12 random bytes.
    pub fn compose(terminal: &TerminalKey, random: [u8; 12]) -> Self {
        let mut id = [0; 16];
        let (prefix, rest) = id.split_at_mut(4);
        prefix.copy_from_slice(terminal.0.split_at(4).0);
        rest.copy_from_slice(&random);
        Self(id)
    }

    /// The bytes it shares with its terminal's key.
    pub fn terminal_prefix(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.0;
        [a, b, c, d]
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("acc_")?).ok()?;
        Self::from_slice(&bytes)
    }
}

impl GrantId {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("grant_")?).ok()?;
        Self::from_slice(&bytes)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "acc_{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grant_{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// RFC 6749 2.2: the identity an app got at registration. 1..=128 characters of
/// `[A-Za-z0-9._~-]`, so that it needs no escaping anywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// Checks the grammar.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        ((1..=128).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// As on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("a client_id has 1 to 128 characters of A-Z a-z 0-9 - . _ ~")
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An installation of an app: the app, and the RFC 7638 thumbprint of the installation's key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId {
    /// The app.
    pub client_id: ClientId,
    /// base64url of 32 bytes.
    pub jkt: String,
}

impl InstanceId {
    /// `None` unless `jkt` is the thumbprint of a key.
    pub fn new(client_id: ClientId, jkt: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(jkt).ok()?;
        (bytes.len() == 32).then(|| Self { client_id, jkt: jkt.to_owned() })
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (client_id, jkt) = text.split_once('/')?;
        Self::new(ClientId::new(client_id)?, jkt)
    }
}

impl TryFrom<String> for InstanceId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a client_id, `/`, and the thumbprint of a key")
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.to_string()
    }
}

/// No `client_id` has a `/`: those of one app lie together.
impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.client_id, self.jkt)
    }
}

/// The configured name of a route: an SMPP bind or a webhook.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RouteName(pub Arc<str>);

impl From<&str> for RouteName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}
