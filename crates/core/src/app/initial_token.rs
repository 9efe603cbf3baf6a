//! Initial access tokens (RFC 7591 1.2): an operator's leave for an app to register itself.
//!
//! Nothing is kept of one until it is used or revoked. It is `tpi_`, its id, what it allows (sealed by
//! the vault), and a checksum.

use serde::{Deserialize, Serialize};
use twinpath_wire::b64;

use crate::app::checksum::{checked, with_checksum};
use crate::app::{RegistrationError, checks};
use crate::ids::{Digest, Timestamp};
use crate::records::{AuditEvent, GrantType, Sealed, UsedJti};
use crate::transaction::{
    Context, Key, Missing, Operation, Random, Rows, Step, Write, random_bytes,
};
use crate::vault::{Purpose, Vault};

const PREFIX: &str = "tpi_";
/// 16 bytes in base64url.
const ID_LEN: usize = 22;
const MAX_LEN: usize = 8192;
const MAX_SCOPE: usize = 1024;
const DAY_S: i64 = 24 * 3600;

/// For how many days a token can live.
pub const MAX_DAYS: u32 = 366;
/// How many apps can register with one token.
pub const MAX_USES: u32 = 100;

/// What an operator says of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InitialTerms {
    /// Whose the apps will be.
    pub developer: String,
    /// What they may be registered for, space-separated.
    pub scope: String,
    /// Which grants they may use; none said: those by which a person lets an app in.
    pub grant_types: Vec<GrantType>,
    /// How many apps may register: 1 to [`MAX_USES`].
    pub uses: u32,
    /// Its life: 1 to [`MAX_DAYS`].
    pub days: u32,
}

/// An initial access token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InitialToken {
    /// By which operators know and revoke it: 16 random bytes in base64url. It stands in the token in
    /// clear.
    #[serde(skip)]
    pub id: String,
    /// Whose the apps will be.
    pub developer: String,
    /// What they may be registered for.
    pub scope: Vec<String>,
    /// Which grants they may use.
    pub grant_types: Vec<GrantType>,
    /// How many may register.
    pub uses: u32,
    /// Its end, in seconds since 1970.
    pub exp: i64,
}

impl InitialToken {
    /// A new token with these terms.
    pub fn new(
        terms: InitialTerms,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<Self, RegistrationError> {
        let within = |what: &str, value: u32, max: u32| match value {
            n if (1..=max).contains(&n) => Ok(()),
            _ => Err(RegistrationError(format!("{what} must be 1 to {max}"))),
        };
        within("the uses of an initial access token", terms.uses, MAX_USES)?;
        within("the days of an initial access token", terms.days, MAX_DAYS)?;
        if terms.scope.len() > MAX_SCOPE {
            return Err(RegistrationError(format!("the scope has more than {MAX_SCOPE} octets")));
        }
        let mut grant_types = terms.grant_types;
        if grant_types.is_empty() {
            grant_types.extend([
                GrantType::Terminal,
                GrantType::AuthorizationCode,
                GrantType::RefreshToken,
                GrantType::DeviceCode,
            ]);
        }
        grant_types.sort_unstable();
        grant_types.dedup();
        Ok(Self {
            id: b64::encode(random_bytes::<16>(random)),
            developer: checks::developer_name(terms.developer)?,
            scope: checks::scope(&terms.scope)?,
            grant_types,
            uses: terms.uses,
            exp: now.seconds() + i64::from(terms.days) * DAY_S,
        })
    }

    /// As its bearer sends it.
    pub fn seal(
        &self,
        vault: &Vault,
        random: &mut dyn Random,
    ) -> Result<String, RegistrationError> {
        let plain = serde_json::to_vec(self).map_err(|e| RegistrationError(e.to_string()))?;
        let sealed = vault
            .seal(Purpose::Handle, &owner(&self.id), &plain, random)
            .map_err(|error| RegistrationError(error.to_string()))?;
        Ok(with_checksum(format!("{PREFIX}{}{}", self.id, b64::encode(&sealed.0))))
    }

    /// The token that [`Self::seal`] made, if it has not ended. It may have been used or revoked.
    pub fn open(vault: &Vault, text: &str, now: Timestamp) -> Option<Self> {
        if text.len() > MAX_LEN || !text.is_ascii() {
            return None;
        }
        let (id, sealed) = checked(text)?.strip_prefix(PREFIX)?.split_at_checked(ID_LEN)?;
        let sealed = Sealed(b64::decode(sealed).ok()?);
        let plain = vault.open(Purpose::Handle, &owner(id), &sealed).ok()?;
        let token = Self { id: id.to_owned(), ..serde_json::from_slice(&plain).ok()? };
        (now.seconds() < token.exp).then_some(token)
    }

    /// The row that one of its uses takes.
    pub(super) fn use_row(&self, vault: &Vault, slot: u32) -> UsedJti {
        let key = vault.identifier("initial-token", &self.id, &slot.to_string());
        UsedJti { key, purge_at: Timestamp(0).plus_seconds(self.exp.saturating_add(DAY_S)) }
    }

    /// The key of the row that says that it was revoked.
    pub(super) fn revoked_key(&self, vault: &Vault) -> Digest {
        revoked_key(vault, &self.id)
    }
}

/// What a token is sealed for.
fn owner(id: &str) -> Vec<u8> {
    [b"\0initial-token/", id.as_bytes()].concat()
}

fn revoked_key(vault: &Vault, id: &str) -> Digest {
    vault.identifier("initial-token-revoked", "", id)
}

/// The id of a token, from itself or as it is; `None` for what is neither. It may never have been made.
pub fn initial_token_id(text: &str) -> Option<&str> {
    let id = match text.strip_prefix(PREFIX) {
        Some(rest) => rest.get(..ID_LEN)?,
        None => text,
    };
    b64::decode_array::<16>(id).ok().map(|_| id)
}

/// Revokes the initial access token of an id, whether it was ever made or not. Apps that registered with
/// it stay.
#[derive(Clone, Copy, Debug)]
pub struct RevokeInitialToken(Digest);

impl RevokeInitialToken {
    /// Of this id, or of the token itself; `None` if there can be no such token.
    pub fn new(vault: &Vault, text: &str) -> Option<Self> {
        initial_token_id(text).map(|id| Self(revoked_key(vault, id)))
    }
}

impl Operation for RevokeInitialToken {
    type Outcome = ();

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Jti(self.0));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        if view.jti(self.0)?.is_some() {
            return Ok(Step::Done(Vec::new(), ()));
        }
        // The end is not told by the id: remembered for as long as any token can live.
        let purge_at = cx.now.plus_seconds(i64::from(MAX_DAYS) * DAY_S);
        let row = UsedJti { key: self.0, purge_at };
        let event = audit(cx.now, "initial_access_token.revoked");
        Ok(Step::Done(vec![Write::Jti(row), Write::Audit(event)], ()))
    }
}

/// Writes the making of an initial access token into the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct RecordInitialToken;

impl Operation for RecordInitialToken {
    type Outcome = ();

    fn decide(&self, _: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let event = audit(cx.now, "initial_access_token.created");
        Ok(Step::Done(vec![Write::Audit(event)], ()))
    }
}

fn audit(now: Timestamp, kind: &'static str) -> AuditEvent {
    AuditEvent { reason: Some("operator"), ..AuditEvent::new(now, kind) }
}

#[cfg(test)]
mod tests;
