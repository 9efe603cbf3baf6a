//! Tokens by which others than the holder of the master key reach the admin API: a role and an end,
//! sealed by the vault. Nothing is kept of one unless it is revoked.

use serde::{Deserialize, Serialize};
use twinpath_wire::b64;

use crate::ids::{Digest, Timestamp};
use crate::records::{AuditEvent, UsedJti};
use crate::transaction::{
    Context, Key, Missing, Operation, Random, Rows, Step, Write, random_bytes,
};
use crate::vault::{Vault, same};

const PREFIX: &str = "tpadm_";
const MAX_TOKEN: usize = 1024;
const MAX_NAME: usize = 64;

/// For how many days a token can live.
pub const MAX_DAYS: u32 = 366;

const DAY_S: i64 = 24 * 3600;

/// What the bearer may do. Ordered: more is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Read,
    /// Change apps, accounts and keys too.
    Write,
    /// Hand out and revoke admin tokens too: whoever holds the master key. No named token has it, so
    /// that none can outlive its own revocation in another.
    Owner,
}

/// A named token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AdminToken {
    /// By which it is revoked: 16 random bytes in base64url.
    pub id: String,
    /// Whose it is, for logs: 1 to 64 of `A-Z a-z 0-9 - . _ ~`.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Its end, in seconds since 1970.
    pub exp: i64,
}

/// Why a token cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AdminTokenError {
    /// The name.
    #[error("the name of an admin token has 1 to 64 characters of A-Z a-z 0-9 - . _ ~")]
    Name,
    /// The role.
    #[error("the role of an admin token is read or write")]
    Role,
    /// The life.
    #[error("an admin token lives for 1 to {MAX_DAYS} days")]
    Days,
}

impl AdminToken {
    /// A new token that ends `days` after `now`.
    pub fn new(
        name: &str,
        role: Role,
        days: u32,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<Self, AdminTokenError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(AdminTokenError::Name);
        }
        if role == Role::Owner {
            return Err(AdminTokenError::Role);
        }
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(AdminTokenError::Days);
        }
        let id = b64::encode(random_bytes::<16>(random));
        let exp = now.seconds() + i64::from(days) * DAY_S;
        Ok(Self { id, name: name.to_owned(), role, exp })
    }

    /// As its bearer sends it.
    pub fn seal(&self, vault: &Vault) -> Result<String, serde_json::Error> {
        let payload = b64::encode(serde_json::to_vec(self)?);
        let mac = b64::encode(vault.admin_mac(payload.as_bytes()));
        Ok(format!("{PREFIX}{payload}.{mac}"))
    }

    /// The token that [`Self::seal`] made, if it has not ended. It may have been revoked.
    pub fn open(vault: &Vault, text: &str, now: Timestamp) -> Option<Self> {
        let (payload, mac) = text.strip_prefix(PREFIX)?.split_once('.')?;
        let mac = b64::decode(mac).ok().filter(|_| text.len() <= MAX_TOKEN)?;
        if !same(&mac, &vault.admin_mac(payload.as_bytes())) {
            return None;
        }
        let token: Self = serde_json::from_slice(&b64::decode(payload).ok()?).ok()?;
        (now.seconds() < token.exp).then_some(token)
    }
}

fn key(vault: &Vault, id: &str) -> Digest {
    vault.identifier("admin-token", "", id)
}

/// Revokes the admin token of an id, whether it was ever made or not.
#[derive(Clone, Copy, Debug)]
pub struct RevokeAdminToken(Digest);

impl RevokeAdminToken {
    /// Of this id; `None` if no token can have it.
    pub fn new(vault: &Vault, id: &str) -> Option<Self> {
        b64::decode_array::<16>(id).ok().map(|_| Self(key(vault, id)))
    }
}

impl Operation for RevokeAdminToken {
    type Outcome = ();

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        if view.jti(self.0)?.is_some() {
            return Ok(Step::Done(Vec::new(), ()));
        }
        // The end is not told by the id: remembered for as long as any token can live.
        let purge_at = cx.now.plus_seconds(i64::from(MAX_DAYS) * DAY_S);
        let event = AuditEvent {
            reason: Some("operator"),
            ..AuditEvent::new(cx.now, "admin_token.revoked")
        };
        let row = UsedJti { key: self.0, purge_at };
        Ok(Step::Done(vec![Write::Jti(row), Write::Audit(event)], ()))
    }
}

/// Looks whether an admin token was revoked.
#[derive(Clone, Copy, Debug)]
pub struct AdminTokenRevoked(Digest);

impl AdminTokenRevoked {
    /// Of this token.
    pub fn new(vault: &Vault, token: &AdminToken) -> Self {
        Self(key(vault, &token.id))
    }
}

impl Operation for AdminTokenRevoked {
    type Outcome = bool;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Jti(self.0));
    }

    fn decide(&self, view: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(Step::Done(Vec::new(), view.jti(self.0)?.is_some()))
    }
}

/// Writes the making of an admin token into the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct RecordAdminToken;

impl Operation for RecordAdminToken {
    type Outcome = ();

    fn decide(&self, _: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let event = AuditEvent {
            reason: Some("operator"),
            ..AuditEvent::new(cx.now, "admin_token.created")
        };
        Ok(Step::Done(vec![Write::Audit(event)], ()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Model;

    struct Count(u8);
    impl Random for Count {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_add(1);
                *byte = self.0;
            }
        }
    }

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn vault(byte: u8) -> Vault {
        Vault::new(&[byte; 32]).unwrap()
    }

    fn token(role: Role) -> AdminToken {
        AdminToken::new("ci", role, 1, NOW, &mut Count(0)).unwrap()
    }

    #[test]
    fn a_token_opens_until_its_end_with_its_own_key_only() {
        let token = token(Role::Read);
        let text = token.seal(&vault(1)).unwrap();
        assert_eq!(AdminToken::open(&vault(1), &text, NOW), Some(token.clone()));
        assert_eq!(AdminToken::open(&vault(2), &text, NOW), None);
        assert_eq!(AdminToken::open(&vault(1), &text, NOW.plus_seconds(DAY_S)), None);
        let last = NOW.plus_seconds(DAY_S - 1);
        assert_eq!(AdminToken::open(&vault(1), &text, last), Some(token));
    }

    #[test]
    fn nothing_of_a_token_can_be_changed() {
        let text = token(Role::Read).seal(&vault(1)).unwrap();
        for at in 0..text.len() {
            let mut bad = text.clone().into_bytes();
            bad[at] ^= 1;
            let bad = String::from_utf8(bad).unwrap();
            assert_eq!(AdminToken::open(&vault(1), &bad, NOW), None, "{bad}");
        }
        for bad in ["", "tpadm_", "tpadm_.", "tpadm_e30.", &text[6..], &"a".repeat(2000)] {
            assert_eq!(AdminToken::open(&vault(1), bad, NOW), None, "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_a_token_is_refused() {
        let new = |name: &str, role, days| AdminToken::new(name, role, days, NOW, &mut Count(0));
        assert_eq!(new("", Role::Read, 1), Err(AdminTokenError::Name));
        assert_eq!(new("a b", Role::Read, 1), Err(AdminTokenError::Name));
        assert_eq!(new(&"a".repeat(65), Role::Read, 1), Err(AdminTokenError::Name));
        assert_eq!(new("a", Role::Owner, 1), Err(AdminTokenError::Role));
        assert_eq!(new("a", Role::Write, 0), Err(AdminTokenError::Days));
        assert_eq!(new("a", Role::Write, MAX_DAYS + 1), Err(AdminTokenError::Days));
    }

    #[test]
    fn a_revoked_token_is_known_and_others_are_not() {
        let (mut model, vault) = (Model::new(), vault(1));
        let one = token(Role::Write);
        let other = AdminToken::new("ci", Role::Write, 1, NOW, &mut Count(9)).unwrap();
        model.run(RevokeAdminToken::new(&vault, &one.id).unwrap());
        model.run(RevokeAdminToken::new(&vault, &one.id).unwrap());
        assert!(model.run(AdminTokenRevoked::new(&vault, &one)));
        assert!(!model.run(AdminTokenRevoked::new(&vault, &other)));
        assert!(RevokeAdminToken::new(&vault, "x").is_none());
    }
}
