//! The name of an authorization request on its way.

use twinpath_wire::b64;
use twinpath_wire::code::Code;
use twinpath_wire::verifier::Verifier;

use crate::ids::{ClientId, CodeKey, Digest};
use crate::transaction::{Random, random_bytes};
use crate::vault::Vault;

/// 128 random bits: the tail of a `request_uri`, of a page's path, of an `auth_session`, and the head of
/// an authorization code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InteractionId([u8; 16]);

impl std::fmt::Debug for InteractionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InteractionId(..)")
    }
}

/// RFC 9126 2.2.
const REQUEST_URI: &str = "urn:ietf:params:oauth:request_uri:";

impl InteractionId {
    /// A fresh one.
    pub fn new(random: &mut dyn Random) -> Self {
        Self(random_bytes(random))
    }

    /// Reads what [`Self::text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        // One spelling for each: the decoder refuses trailing bits.
        let bytes = b64::decode(text).ok()?;
        bytes.as_slice().try_into().ok().map(Self)
    }

    /// Reads a `request_uri`.
    pub fn of_request_uri(uri: &str) -> Option<Self> {
        Self::parse(uri.strip_prefix(REQUEST_URI)?)
    }

    /// The 22 characters of its path.
    pub fn text(&self) -> String {
        b64::encode(self.0)
    }

    /// RFC 9126 2.2.
    pub fn request_uri(&self) -> String {
        format!("{REQUEST_URI}{}", self.text())
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The key of its row.
    pub fn key(&self, vault: &Vault) -> Digest {
        vault.identifier("interaction", "", &self.text())
    }

    /// The code that the page shows at this attempt. Its verifier never leaves the server, so that it
    /// needs no row: whoever holds the master key makes it again.
    pub fn terminal_code(
        &self,
        vault: &Vault,
        issuer: &str,
        client_id: &ClientId,
        attempt: u32,
    ) -> Code {
        let verifier = vault.page_verifier(&self.0, attempt);
        let verifier = Verifier::from_random(verifier);
        Code::commit(issuer, client_id.as_str(), "", verifier.as_str())
    }

    /// The key under which that code's text is recorded.
    pub fn code_key(
        &self,
        vault: &Vault,
        issuer: &str,
        client_id: &ClientId,
        attempt: u32,
    ) -> CodeKey {
        vault.code_key(&self.terminal_code(vault, issuer, client_id, attempt))
    }
}
