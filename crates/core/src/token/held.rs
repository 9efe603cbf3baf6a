//! Access tokens that an app does not hold by a grant of its own.

use twinpath_wire::oauth::Actor;

use crate::app::Registered;
use crate::grant::{AccessHandle, Delegated, Resources, Scope};
use crate::ids::Timestamp;
use crate::token::claims::audience;
use crate::token::{AccessClaims, Bound};
use crate::transaction::Random;
use crate::vault::Vault;

impl AccessClaims {
    /// What an app gets for itself (RFC 6749 4.4, RFC 9068 2.2): it is its own subject, and nobody
    /// authenticated but it. Bound to what `jkt` names, see [`Bound`].
    pub fn of_app(
        issuer: &str,
        registered: &Registered,
        (scope, resources): (&Scope, &Resources),
        (now, ttl_s): (Timestamp, i64),
        jkt: &str,
        (vault, random): (&Vault, &mut dyn Random),
    ) -> Self {
        let app = &registered.app;
        Self {
            iss: issuer.to_owned(),
            sub: app.client_id.to_string(),
            aud: audience(issuer, &resources.0),
            client_id: app.client_id.to_string(),
            iat: now.seconds(),
            exp: now.seconds().saturating_add(ttl_s),
            jti: AccessHandle::App(app.created_at).seal(vault, random),
            scope: scope.join(),
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            union_id: None,
            cnf: Bound::of(jkt).confirmation(),
            act: None,
            authorization_details: Vec::new(),
            app_attestation: None,
            terminal_trust: None,
        }
    }

    /// What an API gets for a token that it was shown (RFC 8693): the subject and how it was
    /// authenticated stay, all else is as `delegated`. It ends no later, and is bound to what
    /// `jkt` names, the API's own key. `None` if no grant stands behind the shown token.
    pub fn exchange(
        &self,
        registered: &Registered,
        delegated: Delegated,
        (now, ttl_s): (Timestamp, i64),
        jkt: &str,
        (vault, random): (&Vault, &mut dyn Random),
    ) -> Option<Self> {
        let (terminal, grant) = AccessHandle::read(vault, &self.jti)?.grant()?;
        let handle = AccessHandle::Exchanged(terminal, grant, registered.app.created_at);
        Some(Self {
            iss: self.iss.clone(),
            sub: self.sub.clone(),
            aud: audience(&self.iss, &delegated.resources.0),
            client_id: registered.app.client_id.to_string(),
            iat: now.seconds(),
            exp: self.exp.min(now.seconds().saturating_add(ttl_s)),
            jti: handle.seal(vault, random),
            scope: delegated.scope.join(),
            auth_time: self.auth_time,
            acr: self.acr.clone(),
            amr: self.amr.clone(),
            union_id: self.union_id.clone(),
            cnf: Bound::of(jkt).confirmation(),
            act: Some(delegated.act),
            // They name acts that the app was allowed, not the API.
            authorization_details: Vec::new(),
            app_attestation: self.app_attestation.clone(),
            terminal_trust: self.terminal_trust,
        })
    }

    /// The APIs it went through, the latest first.
    pub fn actors(&self) -> impl Iterator<Item = &Actor> {
        self.act.iter().flat_map(Actor::chain)
    }
}
