//! Rows of the sign-in page: authorization requests on their way, sessions, and what they leave on a
//! grant.

use twinpath_core::ids::{AccountId, Digest, SessionId, TerminalKey};
use twinpath_core::records::{Grant, Interaction, Session, Terms};

use super::{Fields, Parsed, document};
use crate::error::StoreError;

pub(crate) fn interaction(row: &Fields<'_>) -> Parsed<Interaction> {
    let interaction: Interaction =
        serde_json::from_str(row.text(1)?).map_err(|_| row.at_fault(1))?;
    let key = row.bytes16(0, Digest::from_slice)?;
    if interaction.key == key { Ok(interaction) } else { Err(row.at_fault(0)) }
}

pub(crate) fn session(row: &Fields<'_>) -> Parsed<Session> {
    Ok(Session {
        terminal: row.bytes16(0, TerminalKey::from_slice)?,
        id: row.bytes16(1, SessionId::from_slice)?,
        account: row.bytes16(2, AccountId::from_slice)?,
        cookie: row.bytes16(3, Digest::from_slice)?,
        auth_time: row.time(4)?,
        route: row.route(5)?,
        trust: row.trust(6)?,
        created_at: row.time(7)?,
        ended_at: row.optional(8, Fields::time)?,
        expires_at: row.time(9)?,
        purge_at: row.time(10)?,
    })
}

pub(super) fn terms_at(row: &Fields<'_>, column: usize) -> Parsed<Box<Terms>> {
    serde_json::from_str(row.text(column)?).map_err(|_| row.at_fault(column))
}

/// A grant's column `terms`.
pub(crate) fn terms(row: &Grant) -> Result<Option<String>, StoreError> {
    row.terms.as_deref().map(|terms| document(terms, "grants")).transpose()
}
