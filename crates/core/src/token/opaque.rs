//! Access tokens in the form that only the platform can read: `tpa_`, the base64url of the sealed
//! claims, and eight hex digits of CRC-32 over both. They carry all that a JWT would, so nothing is
//! stored for them; an API learns what they say by introspection.

use twinpath_wire::oauth::ACCESS_TOKEN_TYP;

use crate::grant::{frame, unframe};
use crate::ids::Timestamp;
use crate::proof::MAX_JWT;
use crate::token::{AccessClaims, KeyRing};
use crate::transaction::Random;
use crate::vault::{Purpose, Vault, VaultError};

const PREFIX: &str = "tpa_";
/// All are the platform's own: no app opens one.
const OWNER: &[u8] = b"";

impl AccessClaims {
    /// An opaque token with these claims; an error for one that nobody would take, being too long.
    pub fn seal(&self, vault: &Vault, random: &mut dyn Random) -> Result<String, VaultError> {
        let plain = serde_json::to_vec(self).map_err(|_| VaultError)?;
        let token = frame(PREFIX, &vault.seal(Purpose::AccessToken, OWNER, &plain, random)?);
        if token.len() > MAX_JWT { Err(VaultError) } else { Ok(token) }
    }

    fn open(token: &str, vault: &Vault) -> Option<Self> {
        let sealed = unframe(PREFIX, token, MAX_JWT)?;
        let plain = vault.open(Purpose::AccessToken, OWNER, &sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// The claims of an access token of ours that is in time, whatever its form. `None` for anything
    /// else.
    pub fn read(
        token: &str,
        issuer: &str,
        keys: &KeyRing,
        vault: &Vault,
        now: Timestamp,
    ) -> Option<Self> {
        let claims = if token.starts_with(PREFIX) {
            Self::open(token, vault)?
        } else {
            keys.verify::<Self>(token, ACCESS_TOKEN_TYP)?
        };
        (now.seconds() < claims.exp && claims.iss == issuer).then_some(claims)
    }
}

#[cfg(test)]
mod tests;
