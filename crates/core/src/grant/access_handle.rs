//! What an access token's `jti` leads to, for whoever holds the master key.

use twinpath_wire::b64;

use crate::ids::{GrantId, TerminalKey, Timestamp};
use crate::records::{Grant, Sealed};
use crate::transaction::Random;
use crate::vault::{Purpose, Vault};

const ACCESS_TOKEN: &[u8] = b"\0access-token";

/// By what right an access token is held. Sealed into its `jti`, where its length tells which it is:
/// 32, 40 or 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessHandle {
    /// By a grant to the app.
    Grant(TerminalKey, GrantId),
    /// By a grant to another app, whose token was exchanged (RFC 8693); with when the API that holds
    /// this one was registered.
    Exchanged(TerminalKey, GrantId, Timestamp),
    /// By the app's own credentials (RFC 6749 4.4); with when it was registered.
    App(Timestamp),
}

impl AccessHandle {
    /// That of the tokens of a grant's own app.
    pub fn of(grant: &Grant) -> Self {
        Self::Grant(grant.terminal, grant.id)
    }

    /// A fresh `jti`.
    pub fn seal(self, vault: &Vault, random: &mut dyn Random) -> String {
        let plain = match self {
            Self::Grant(terminal, grant) => [terminal.0, grant.0].concat(),
            Self::Exchanged(terminal, grant, registered) => {
                [&terminal.0[..], &grant.0[..], &registered.0.to_be_bytes()[..]].concat()
            }
            Self::App(registered) => registered.0.to_be_bytes().to_vec(),
        };
        vault
            .seal(Purpose::Handle, ACCESS_TOKEN, &plain, random)
            .map_or_else(|_| String::new(), |sealed| b64::encode(&sealed.0))
    }

    /// Reads a `jti` of ours.
    pub fn read(vault: &Vault, jti: &str) -> Option<Self> {
        let sealed = Sealed(b64::decode(jti).ok()?);
        let plain = vault.open(Purpose::Handle, ACCESS_TOKEN, &sealed).ok()?;
        if let Ok(registered) = plain.as_slice().try_into() {
            return Some(Self::App(Timestamp(i64::from_be_bytes(registered))));
        }
        let (terminal, rest) = plain.split_first_chunk::<16>()?;
        let (grant, rest) = rest.split_first_chunk::<16>()?;
        let (terminal, grant) = (TerminalKey(*terminal), GrantId(*grant));
        if rest.is_empty() {
            return Some(Self::Grant(terminal, grant));
        }
        let registered = Timestamp(i64::from_be_bytes(rest.try_into().ok()?));
        Some(Self::Exchanged(terminal, grant, registered))
    }

    /// The grant, if there is one.
    pub fn grant(self) -> Option<(TerminalKey, GrantId)> {
        match self {
            Self::Grant(terminal, grant) | Self::Exchanged(terminal, grant, _) => {
                Some((terminal, grant))
            }
            Self::App(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Commitment, Model, START, Seeded, client, issued, vault};
    use crate::grant::{Handle, Minted, frame};

    fn grant() -> Grant {
        let mut model = Model::new();
        issued(model.sign_in(&Commitment::new("weather", "k1", 0), 0)).grant
    }

    fn handles() -> [AccessHandle; 3] {
        let grant = grant();
        [
            AccessHandle::of(&grant),
            AccessHandle::Exchanged(grant.terminal, grant.id, START),
            AccessHandle::App(START),
        ]
    }

    #[test]
    fn a_jti_leads_back_and_each_token_has_its_own() {
        let mut random = Seeded(4);
        for handle in handles() {
            let jti = handle.seal(&vault(), &mut random);
            assert_eq!(AccessHandle::read(&vault(), &jti), Some(handle));
            assert_ne!(jti, handle.seal(&vault(), &mut random));
        }
    }

    #[test]
    fn a_changed_jti_leads_nowhere() {
        for handle in handles() {
            let jti = handle.seal(&vault(), &mut Seeded(4));
            for at in 0..jti.len() {
                let mut changed = jti.clone().into_bytes();
                changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
                let changed = std::str::from_utf8(&changed).unwrap();
                assert_eq!(AccessHandle::read(&vault(), changed), None, "{at}");
                assert_eq!(AccessHandle::read(&vault(), &jti[..at]), None);
            }
        }
        assert_eq!(AccessHandle::read(&vault(), ""), None);
    }

    #[test]
    fn other_lengths_lead_nowhere() {
        for length in [0, 7, 9, 16, 31, 33, 39, 41, 80] {
            let plain = vec![7; length];
            let sealed = vault().seal(Purpose::Handle, ACCESS_TOKEN, &plain, &mut Seeded(5));
            let jti = b64::encode(sealed.unwrap().0);
            assert_eq!(AccessHandle::read(&vault(), &jti), None, "{length}");
        }
    }

    #[test]
    fn the_two_kinds_of_handle_do_not_mix() {
        let minted = Minted::new(&vault(), &grant(), 7, &mut Seeded(3));
        let token = minted.token.as_str();
        assert_eq!(AccessHandle::read(&vault(), &token[4..token.len() - 8]), None);
        for handle in handles() {
            let jti = handle.seal(&vault(), &mut Seeded(4));
            let token = frame("tpr_", &Sealed(b64::decode(&jti).unwrap()));
            assert_eq!(Handle::read(&vault(), &client("weather"), &token), None);
        }
    }
}
