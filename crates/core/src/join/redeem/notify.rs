//! Notice (PROTOCOL 6): the number is told of an installation that its account did not know.

use crate::ids::{AccountId, Digest, GrantId, Timestamp};
use crate::join::Known;
use crate::join::redeem::{Issued, Redeem, Redeemed};
use crate::outbound::notice;
use crate::records::{CodeRecord, CodeState, Grant, Terms};
use crate::transaction::{Context, Missing, Rows, Step};
use crate::vault::Vault;

/// The key of a grant's notice, if it is to have one.
pub(super) fn key(vault: &Vault, grant: &Grant) -> Option<Digest> {
    grant.revocation().map(|counter| notice::key(vault, grant.id, counter))
}

impl Redeem {
    /// What the request brings, whether it was confirmed, since when the number is known, and whether the number is to be told.
    pub(super) fn terms(
        &self,
        code: &CodeRecord,
        (account, since, id): (AccountId, Option<Timestamp>, GrantId),
        grants: &[Grant],
    ) -> Option<Terms> {
        let request = &self.request;
        let (client_id, jkt) = (&request.client_id, request.jkt.as_str());
        let tell = request.texting.notify
            && since.is_some()
            && !Known { account, client_id, jkt }.in_(grants);
        let revocation = tell.then(|| notice::free_counter(&self.vault, id, grants));
        let confirmed = matches!(code.state, CodeState::Redeemed { confirmed: true, .. });
        let known_since = since.filter(|since| *since < code.received_at);
        if revocation.is_none() && known_since.is_none() && !confirmed {
            return request.terms.clone();
        }
        let asked = request.terms.clone().unwrap_or_default();
        Some(Terms { confirmed, known_since, revocation, ..asked })
    }

    /// Puts the notice in the queue. A repeated request finds it there.
    pub(super) fn notify(
        &self,
        issued: &Issued,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let ui_locales = self.request.texting.ui_locales.as_deref();
        let writes =
            notice::put(&self.vault, (&issued.grant, &issued.number), ui_locales, view, cx)?;
        Ok(Step::Done(writes, Redeemed::Issued(Box::new(issued.clone()))))
    }
}
