//! The authorization code (RFC 6749 4.1.2).

use std::fmt;

use twinpath_wire::b64;

use crate::authorization::InteractionId;
use crate::ids::{Digest, GrantId};
use crate::vault::Vault;

const PREFIX: &str = "tpc_";

/// `tpc_`, then in base64url the identifier of its request and 128 bits that only a holder of the master
/// key knows, then eight hex digits of CRC-32 for leak scanners. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    text: String,
    interaction: InteractionId,
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationCode(..)")
    }
}

impl AuthorizationCode {
    /// The one code for a request and what proved it: the second click on approval gives the same.
    pub fn of(interaction: InteractionId, proof: GrantId, vault: &Vault) -> Self {
        let Digest(secret) = vault.identifier("code", &interaction.text(), &b64::encode(proof.0));
        let bytes = [*interaction.bytes(), secret].concat();
        let body = format!("{PREFIX}{}", b64::encode(bytes));
        let text = format!("{body}{:08x}", crc32fast::hash(body.as_bytes()));
        Self { text, interaction }
    }

    /// Reads one; `None` for what was never one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 || !text.is_ascii() {
            return None;
        }
        let (body, crc) = text.split_at_checked(text.len().checked_sub(8)?)?;
        if crc != format!("{:08x}", crc32fast::hash(body.as_bytes())) {
            return None;
        }
        let bytes = b64::decode(body.strip_prefix(PREFIX)?).ok()?;
        let (id, secret) = bytes.split_first_chunk::<16>()?;
        let interaction = InteractionId::parse(&b64::encode(id))?;
        (secret.len() == 16).then(|| Self { text: text.to_owned(), interaction })
    }

    /// As it goes to the app.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The request it came of.
    pub fn interaction(&self) -> InteractionId {
        self.interaction
    }

    /// What is kept of it.
    pub fn hash(&self, vault: &Vault) -> Digest {
        vault.identifier("authorization_code", "", &self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Seeded, vault};

    #[test]
    fn a_code_reads_back_in_one_spelling() {
        let mut random = Seeded(3);
        let interaction = InteractionId::new(&mut random);
        let of =
            |interaction, proof| AuthorizationCode::of(interaction, GrantId([proof; 16]), &vault());
        let code = of(interaction, 1);
        assert_eq!(of(interaction, 1), code, "one for each approval");
        assert_ne!(of(interaction, 2), code);
        assert_ne!(of(InteractionId::new(&mut random), 1).as_str()[26..], code.as_str()[26..]);
        let read = AuthorizationCode::parse(code.as_str()).unwrap();
        assert_eq!((read.interaction(), read.as_str()), (interaction, code.as_str()));
        assert!(!format!("{code:?}").contains("tpc_"));
        for at in 0..code.as_str().len() {
            let mut bad = code.as_str().as_bytes().to_vec();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(AuthorizationCode::parse(std::str::from_utf8(&bad).unwrap()), None);
        }
        for bad in ["", "tpc_", "tpr_x", &"é".repeat(20), &"t".repeat(500)] {
            assert_eq!(AuthorizationCode::parse(bad), None);
        }
    }
}
