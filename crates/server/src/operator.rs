//! What operators do with apps, accounts and keys: [`Command`]s, carried out on a store.
//!
//! A command reaches a running server through its admin listener, or the store itself when none runs;
//! both end in [`Operator::perform`].

mod keys;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twinpath_core::account::{Action, Manage, Profile};
use twinpath_core::app::{
    ClientMetadata, DeleteApp, NewSecret, PutApp, PutOutcome, RegistrationError, client_metadata,
};
use twinpath_core::ids::{AccountId, ClientId, TerminalKey};
use twinpath_core::number::E164;
use twinpath_core::records::App;
use twinpath_core::token::{KeyPolicy, Rotation};
use twinpath_core::transaction::{Context, Key, Missing, Operation, Rows, Step};
use twinpath_core::vault::{Vault, VaultError};
use twinpath_store::{Store, StoreError};
use twinpath_wire::jwk::JwkSet;

use crate::platform::{Platform, SystemRandom, now};

/// One command.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// `app register`
    RegisterApp(Box<ClientMetadata>),
    /// `app list`
    ListApps,
    /// `app show`
    ShowApp {
        /// Which.
        client_id: String,
    },
    /// `app update`
    UpdateApp(Box<ClientMetadata>),
    /// `app rotate-secret`
    RotateSecret {
        /// Which.
        client_id: String,
    },
    /// `app delete`
    DeleteApp {
        /// Which.
        client_id: String,
    },
    /// `account ...`
    Account {
        /// `+number` or account id.
        subject: String,
        /// What to do.
        action: Action,
    },
    /// `key list`
    ListKeys,
    /// `key rotate`
    RotateKey {
        /// How soon.
        #[serde(default)]
        rotation: Rotation,
    },
}

/// A command that was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// What it says is wrong.
    #[error(transparent)]
    Settings(#[from] RegistrationError),
    /// There is no such thing, or there is one already.
    #[error("{0}")]
    Subject(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

fn subject<T>(why: impl Into<String>) -> Result<T, OperatorError> {
    Err(OperatorError::Subject(why.into()))
}

/// Carries out commands.
#[derive(Clone, Copy)]
pub struct Operator<'a> {
    /// Where.
    pub store: &'a Store,
    /// With which keys.
    pub vault: &'a Vault,
    /// How long signing keys live.
    pub keys: &'a KeyPolicy,
}

impl<'a> Operator<'a> {
    /// On a running server's store.
    pub fn of(platform: &'a Platform) -> Self {
        Self { store: &platform.store, vault: &platform.vault, keys: &platform.config.keys }
    }
}

impl Operator<'_> {
    /// Carries out one command and says what came of it, as JSON.
    pub async fn perform(&self, command: Command) -> Result<Value, OperatorError> {
        match command {
            Command::RegisterApp(settings) => self.register(*settings).await,
            Command::ListApps => self.list_apps().await,
            Command::ShowApp { client_id } => {
                Ok(client_metadata(&self.app(&client_id).await?, None))
            }
            Command::UpdateApp(settings) => self.update(*settings).await,
            Command::RotateSecret { client_id } => self.rotate_secret(&client_id).await,
            Command::DeleteApp { client_id } => self.delete(&client_id).await,
            Command::Account { subject, action } => self.account(&subject, action).await,
            Command::ListKeys => self.list_keys().await,
            Command::RotateKey { rotation } => self.rotate_keys(rotation).await,
        }
    }

    async fn app(&self, client_id: &str) -> Result<App, OperatorError> {
        let unknown = || OperatorError::Subject(format!("there is no app {client_id:?}"));
        let id = ClientId::new(client_id).ok_or_else(unknown)?;
        self.store.read(ReadApp(id)).await?.ok_or_else(unknown)
    }

    async fn register(&self, settings: ClientMetadata) -> Result<Value, OperatorError> {
        let (app, secret) = settings.register(self.vault, now(), &mut SystemRandom)?;
        self.refuse_unsigned(&app).await?;
        self.put(&app, true).await?;
        Ok(client_metadata(&app, secret.as_deref()))
    }

    async fn put(&self, app: &App, new: bool) -> Result<(), OperatorError> {
        match self.store.run(PutApp { app: app.clone(), new }).await? {
            PutOutcome::Done => Ok(()),
            PutOutcome::Exists => {
                subject(format!("there is an app {:?} already", app.client_id.as_str()))
            }
            PutOutcome::Unknown => subject(format!("there is no app {:?}", app.client_id.as_str())),
        }
    }

    async fn update(&self, settings: ClientMetadata) -> Result<Value, OperatorError> {
        let Some(client_id) = &settings.client_id else {
            return subject("the client_id is missing");
        };
        let old = self.app(client_id).await?;
        let (app, secret) = settings.update(&old, self.vault, now(), &mut SystemRandom)?;
        self.refuse_unsigned(&app).await?;
        self.put(&app, false).await?;
        Ok(client_metadata(&app, secret.as_deref()))
    }

    async fn rotate_secret(&self, client_id: &str) -> Result<Value, OperatorError> {
        let mut app = self.app(client_id).await?;
        let made = NewSecret::make(&app.client_id, app.auth_method, self.vault, &mut SystemRandom)?;
        let Some(secret) = made else {
            return subject("this app's method has no secret");
        };
        app.secret = Some(secret.kept);
        app.updated_at = now();
        self.put(&app, false).await?;
        Ok(client_metadata(&app, Some(&secret.clear)))
    }

    async fn delete(&self, client_id: &str) -> Result<Value, OperatorError> {
        let app = self.app(client_id).await?;
        self.store.run(DeleteApp(app.client_id)).await?;
        Ok(json!({"deleted": client_id}))
    }

    async fn list_apps(&self) -> Result<Value, OperatorError> {
        let mut apps = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.apps(after, 500).await?;
            after = page.last().map(|app| app.client_id.clone());
            apps.extend(page.iter().map(|app| client_metadata(app, None)));
            if after.is_none() {
                return Ok(Value::Array(apps));
            }
        }
    }

    async fn account(&self, text: &str, action: Action) -> Result<Value, OperatorError> {
        let (terminal, account) = self.find_account(text).await?;
        let manage = Manage { terminal, account, action };
        let Some(profile) = self.store.run(manage).await? else {
            return subject("there is no such account");
        };
        self.describe(&profile, action)
    }

    async fn find_account(
        &self,
        text: &str,
    ) -> Result<(TerminalKey, Option<AccountId>), OperatorError> {
        if let Some(number) = E164::parse(text) {
            return Ok((self.vault.terminal_key(&number), None));
        }
        let Some(id) = AccountId::parse(text) else {
            return subject("an account is named by its number (+447911123456) or id (acc_...)");
        };
        match self.store.find_account(id).await? {
            Some(account) => Ok((account.terminal, Some(id))),
            None => subject("there is no such account"),
        }
    }

    /// The number is masked here too: whoever may see it whole has it already.
    fn describe(&self, profile: &Profile, action: Action) -> Result<Value, OperatorError> {
        let account = &profile.account;
        let number = self.vault.open_number(account.terminal, &profile.number)?;
        let grants: Vec<_> = profile
            .grants
            .iter()
            .map(|grant| {
                json!({
                    "grant": grant.id.to_string(),
                    "client_id": grant.client_id,
                    "jkt": grant.jkt,
                    "scope": grant.scope,
                    "resources": grant.resources,
                    "route": grant.route.0.as_ref(),
                    "trust": grant.trust,
                    "auth_time": grant.auth_time.seconds(),
                    "expires_at": grant.expires_at.seconds(),
                })
            })
            .collect();
        let ended = matches!(action, Action::Revoke | Action::Erase);
        Ok(json!({
            "account": account.id.to_string(),
            "terminal": number.hint(),
            "status": if action == Action::Erase { json!("erased") } else { json!(account.status) },
            "created_at": account.created_at.seconds(),
            "proven_at": profile.terminal.proven_at.seconds(),
            "grants": if ended { Vec::new() } else { grants },
            "grants_revoked": if ended { profile.grants.len() } else { 0 },
        }))
    }
}

struct ReadApp(ClientId);

impl Operation for ReadApp {
    type Outcome = Option<App>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::App(self.0.clone()));
    }

    fn decide(&self, view: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(Step::Done(Vec::new(), view.app(&self.0)?.cloned()))
    }
}

/// Reads a JWK set given as a file: a set, or one key.
pub fn parse_jwks(text: &str) -> Result<JwkSet, RegistrationError> {
    let wrong = |error: serde_json::Error| RegistrationError(format!("the JWK set: {error}"));
    let value: Value = serde_json::from_str(text).map_err(wrong)?;
    if value.get("keys").is_some() {
        return serde_json::from_value(value).map_err(wrong);
    }
    let key = serde_json::from_value(value).map_err(wrong)?;
    Ok(JwkSet { keys: vec![key] })
}
