//! Notices: which digits revoke a grant, and the text that carries them.

use crate::ids::{Digest, GrantId};
use crate::outbound::{NOTICE_S, NewText, RevocationCode, text_key};
use crate::records::{Grant, Sealed, TextPurpose};
use crate::transaction::{Context, Missing, Rows, Write};
use crate::vault::Vault;

/// The key of a grant's notice.
pub(crate) fn key(vault: &Vault, grant: GrantId, counter: u32) -> Digest {
    text_key(vault, &TextPurpose::Notice { counter }, grant)
}

/// The digits that revoke a grant.
pub(crate) fn digits(vault: &Vault, grant: &Grant) -> Option<RevocationCode> {
    grant.revocation().map(|counter| vault.revocation_code(grant.id, counter))
}

/// The first counter by which a new grant's digits are no other live grant's of its terminal.
pub(crate) fn free_counter(vault: &Vault, id: GrantId, grants: &[Grant]) -> u32 {
    let live = grants.iter().filter(|grant| grant.revoked_at.is_none());
    let taken: Vec<_> = live.filter_map(|grant| digits(vault, grant)).collect();
    let free = |counter: &u32| !taken.contains(&vault.revocation_code(id, *counter));
    (0..1000).find(free).unwrap_or_default()
}

/// Puts a grant's notice in the queue, if it is to have one and has none.
pub(crate) fn put(
    vault: &Vault,
    (grant, number): (&Grant, &Sealed),
    ui_locales: Option<&str>,
    view: &Rows,
    cx: &Context<'_>,
) -> Result<Vec<Write>, Missing> {
    let Some(counter) = grant.revocation() else {
        return Ok(Vec::new());
    };
    let text = NewText {
        purpose: TextPurpose::Notice { counter },
        terminal: grant.terminal,
        number,
        client_id: &grant.client_id,
        grant: grant.id,
        ui_locales,
        expires_at: grant.made_at().plus_seconds(NOTICE_S),
    };
    text.put(key(vault, grant.id, counter), view, cx.now)
}
