//! Access tokens, whatever their form: how they are issued, read, and found to count still.

use twinpath_core::grant::{AccessHandle, Inspect, InspectToken, Inspected};
use twinpath_core::ids::{ClientId, Timestamp};
use twinpath_core::records::{AccessTokenFormat, App};
use twinpath_core::token::{AccessClaims, KeyRing};
use twinpath_store::StoreError;
use twinpath_wire::oauth::ACCESS_TOKEN_TYP;

use crate::platform::{Platform, SystemRandom};

/// By what right a token counts.
#[derive(Debug)]
pub enum Live {
    /// By a grant that stands.
    Grant(Box<Inspected>),
    /// By its app's own credentials.
    App,
}

/// An access token could not be made.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("an access token could not be made")]
pub struct IssueError;

impl Platform {
    /// An access token in the form that `app` is registered for.
    pub fn issue(
        &self,
        app: &App,
        claims: &AccessClaims,
        keys: &KeyRing,
    ) -> Result<String, IssueError> {
        match app.access_token_format {
            AccessTokenFormat::Jwt => {
                keys.default_signer().sign(ACCESS_TOKEN_TYP, claims).map_err(|_| IssueError)
            }
            AccessTokenFormat::Opaque => {
                claims.seal(&self.vault, &mut SystemRandom).map_err(|_| IssueError)
            }
        }
    }

    /// The claims of an access token that somebody shows, if it is ours and in time.
    pub fn presented(&self, token: &str, now: Timestamp) -> Option<AccessClaims> {
        AccessClaims::read(token, &self.config.issuer, &self.keys(), &self.vault, now)
    }

    /// What stands behind an access token, unless it was revoked, or its grant, or who holds it is no
    /// longer who it was given to.
    pub async fn live(&self, claims: &AccessClaims) -> Result<Option<Live>, StoreError> {
        let app = |id: &str| ClientId::new(id).and_then(|id| self.app(&id));
        let handle = AccessHandle::read(&self.vault, &claims.jti);
        let (Some(handle), Some(holder)) = (handle, app(&claims.client_id)) else {
            return Ok(None);
        };
        let token = self.vault.identifier("access", &claims.client_id, &claims.jti);
        let (terminal, grant) = match handle {
            AccessHandle::App(at) | AccessHandle::Exchanged(_, _, at)
                if at != holder.app.created_at =>
            {
                return Ok(None);
            }
            AccessHandle::App(_) => {
                let counts = self.store.read(InspectToken(token)).await?;
                return Ok(counts.then_some(Live::App));
            }
            AccessHandle::Grant(terminal, grant) | AccessHandle::Exchanged(terminal, grant, _) => {
                (terminal, grant)
            }
        };
        // Whoever handed it on must still be an app.
        if !claims.actors().all(|actor| app(&actor.sub).is_some()) {
            return Ok(None);
        }
        let inspected = self.store.read(Inspect { terminal, grant, token: Some(token) }).await?;
        let given = |inspected: &Inspected| {
            let giver = self.app(&inspected.grant.client_id);
            giver.is_some_and(|giver| giver.gave(&inspected.grant))
        };
        Ok(inspected.filter(given).map(|inspected| Live::Grant(Box::new(inspected))))
    }
}
