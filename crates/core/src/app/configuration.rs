//! The client configuration endpoint (RFC 7592): an app reads, replaces or deletes its registration.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::app::checksum::checked;
use crate::app::self_registration::refuse;
use crate::app::{ClientMetadata, Leave, MetadataError, client_metadata};
use crate::ids::{ClientId, Timestamp};
use crate::records::{App, AuditEvent, Registration, Secret};
use crate::transaction::{Context, Key, Missing, Operation, Random, Rows, Step, Write};
use crate::vault::{Purpose, Vault, same};

/// What an answer holds and an update must not (RFC 7592 2.2).
const ANSWERS_ONLY: [&str; 4] = [
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
];

/// What an app wants with its registration.
#[derive(Clone, Debug)]
pub enum Wish {
    /// RFC 7592 2.1. It can be run where nothing is written.
    Read,
    /// RFC 7592 2.2: what is not said takes its default.
    Replace {
        /// All of the metadata.
        said: Arc<Map<String, Value>>,
        /// Whether apps may do without authentication.
        development: bool,
    },
    /// RFC 7592 2.3.
    Delete,
}

/// A request of the client configuration endpoint.
#[derive(Clone, Debug)]
pub struct Configure {
    /// The deployment's.
    pub vault: Arc<Vault>,
    /// Which app.
    pub client_id: ClientId,
    /// The `registration_access_token` that was shown.
    pub token: String,
    /// What for.
    pub wish: Wish,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Configured {
    /// The token is not this app's, or there is no such app.
    Unauthorized,
    /// It cannot be as it says.
    Refused(MetadataError),
    /// The app as it is now, and its secret if one was just made.
    Is(Box<App>, Option<String>),
    /// It is no more.
    Deleted,
}

impl Configure {
    fn is_of<'a>(&self, app: Option<&'a App>) -> Option<(&'a App, &'a Registration)> {
        let registration = app.and_then(|app| app.registration.as_ref());
        // Hashed and compared all the same if there is no such app: that takes as long.
        let shown = self.vault.secret(&self.client_id, &self.token);
        let kept = registration.map_or(&[0; 32][..], |registration| &registration.access_token);
        let right = same(&shown, kept);
        Some((app?, registration?)).filter(|_| right && checked(&self.token).is_some())
    }

    fn replace(
        &self,
        (old, registration): (&App, &Registration),
        (said, development): (&Map<String, Value>, bool),
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<(App, Option<String>), MetadataError> {
        if said.get("client_id").and_then(Value::as_str) != Some(old.client_id.as_str()) {
            return refuse("client_id must be there, and this app's (RFC 7592 2.2)");
        }
        if let Some(name) = ANSWERS_ONLY.iter().find(|name| said.contains_key(**name)) {
            return refuse(format!("{name} is no part of an update (RFC 7592 2.2)"));
        }
        if let Some(secret) = said.get("client_secret").filter(|secret| !secret.is_null())
            && !self.is_secret_of(old, secret)
        {
            return refuse("client_secret is not this app's; it cannot be chosen (RFC 7592 2.2)");
        }
        let Value::Object(known) = client_metadata(old, None) else {
            return refuse("what is registered has no JSON form");
        };
        let Registration { scope, grant_types, .. } = registration;
        let metadata: ClientMetadata =
            Leave { scope, grant_types, development }.read(said, &known)?;
        Ok(metadata.replace(old, &self.vault, now, random)?)
    }

    fn is_secret_of(&self, app: &App, shown: &Value) -> bool {
        let Some(shown) = shown.as_str() else {
            return false;
        };
        match &app.secret {
            Some(Secret::Hash(kept)) => same(&self.vault.secret(&app.client_id, shown), kept),
            Some(Secret::Sealed(sealed)) => {
                let owner = app.client_id.as_str().as_bytes();
                let kept = self.vault.open(Purpose::AppSecret, owner, sealed);
                kept.is_ok_and(|kept| same(shown.as_bytes(), &kept))
            }
            None => false,
        }
    }
}

impl Operation for Configure {
    type Outcome = Configured;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::App(self.client_id.clone()));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let Some((app, registration)) = self.is_of(view.app(&self.client_id)?) else {
            return Ok(Step::Done(Vec::new(), Configured::Unauthorized));
        };
        let event = |kind| {
            Write::Audit(AuditEvent {
                client_id: Some(self.client_id.clone()),
                reason: Some("registration_access_token"),
                ..AuditEvent::new(cx.now, kind)
            })
        };
        Ok(match &self.wish {
            Wish::Read => Step::Done(Vec::new(), Configured::Is(Box::new(app.clone()), None)),
            Wish::Delete => {
                let writes = vec![Write::DeleteApp(self.client_id.clone()), event("app.deleted")];
                Step::Done(writes, Configured::Deleted)
            }
            Wish::Replace { said, development } => {
                let said = (&**said, *development);
                match self.replace((app, registration), said, cx.now, cx.random) {
                    Err(error) => Step::Done(Vec::new(), Configured::Refused(error)),
                    Ok((app, secret)) => {
                        let app = Box::new(app);
                        let writes = vec![Write::App(app.clone()), event("app.updated")];
                        Step::Done(writes, Configured::Is(app, secret))
                    }
                }
            }
        })
    }
}
