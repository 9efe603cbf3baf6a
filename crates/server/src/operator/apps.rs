//! The app registry.

use serde::Serialize;
use serde_json::Value;
use twinpath_core::app::{
    ClientMetadata, DeleteApp, NewSecret, PutApp, PutOutcome, client_metadata,
};
use twinpath_core::ids::ClientId;
use twinpath_core::records::App;
use twinpath_core::transaction::{Context, Key, Missing, Operation, Rows, Step};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{AppSettings, MAX_PAGE, Operator, OperatorError, unknown};
use crate::platform::{SystemRandom, now};

/// An app as RFC 7591 3.2.1 tells it, with the secret if it was just made: the only time it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct AppInformation(Value);

impl AppInformation {
    fn of(app: &App, secret: Option<&str>) -> Self {
        Self(client_metadata(app, secret))
    }

    /// A member that is a string, or nothing.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl ToSchema for AppInformation {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ClientMetadata::schemas(schemas);
    }
}

/// The members of [`AppSettings`], and what registration adds.
impl PartialSchema for AppInformation {
    fn schema() -> RefOr<Schema> {
        let mut schema = AppSettings::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.description = Some(
                "An app as RFC 7591 3.2.1 tells it. Members without a value are absent.".into(),
            );
            let mut put = |name: &str, kind, text: &str| {
                let member = ObjectBuilder::new().schema_type(kind).description(Some(text));
                object.properties.insert(name.to_owned(), member.into());
            };
            put("client_id_issued_at", Type::Integer, "Seconds since 1970.");
            put("client_secret", Type::String, "Told once, when it was made.");
            put("client_secret_expires_at", Type::Integer, "0: it does not expire.");
            let always = ["client_id", "client_id_issued_at", "client_name", "developer"];
            object.required = always.map(str::to_owned).to_vec();
        }
        schema
    }
}

/// A page of the registry, by `client_id`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Apps {
    /// The apps.
    pub apps: Vec<AppInformation>,
    /// What to say as `after` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Operator<'_> {
    pub(super) async fn find_app(&self, client_id: &str) -> Result<App, OperatorError> {
        let unknown = || OperatorError::Unknown(format!("there is no app {client_id:?}"));
        let id = ClientId::new(client_id).ok_or_else(unknown)?;
        self.store.read(ReadApp(id)).await?.ok_or_else(unknown)
    }

    /// One app.
    pub async fn app(&self, client_id: &str) -> Result<AppInformation, OperatorError> {
        Ok(AppInformation::of(&self.find_app(client_id).await?, None))
    }

    /// Registers an app.
    pub async fn register(&self, said: ClientMetadata) -> Result<AppInformation, OperatorError> {
        let (app, secret) = said.register(self.vault, now(), &mut SystemRandom)?;
        self.refuse_unsigned(&app).await?;
        self.put(&app, true).await?;
        Ok(AppInformation::of(&app, secret.as_deref()))
    }

    async fn put(&self, app: &App, new: bool) -> Result<(), OperatorError> {
        let client_id = app.client_id.as_str();
        match self.store.run(PutApp { app: app.clone(), new }).await? {
            PutOutcome::Done => Ok(()),
            PutOutcome::Exists => {
                Err(OperatorError::Conflict(format!("there is an app {client_id:?} already")))
            }
            PutOutcome::Unknown => unknown(format!("there is no app {client_id:?}")),
        }
    }

    /// Changes an app. What is not said stays. A change of the method makes a new secret where it
    /// needs one.
    pub async fn update(
        &self,
        client_id: &str,
        said: ClientMetadata,
    ) -> Result<AppInformation, OperatorError> {
        if said.client_id.as_deref().is_some_and(|said| said != client_id) {
            return Err(OperatorError::Malformed("a client_id cannot be changed".to_owned()));
        }
        let old = self.find_app(client_id).await?;
        let (app, secret) = said.update(&old, self.vault, now(), &mut SystemRandom)?;
        self.refuse_unsigned(&app).await?;
        self.put(&app, false).await?;
        Ok(AppInformation::of(&app, secret.as_deref()))
    }

    /// Gives an app a new secret; the old one ends at once.
    pub async fn rotate_secret(&self, client_id: &str) -> Result<AppInformation, OperatorError> {
        let mut app = self.find_app(client_id).await?;
        let made = NewSecret::make(&app.client_id, app.auth_method, self.vault, &mut SystemRandom)?;
        let Some(secret) = made else {
            return Err(OperatorError::Conflict("this app's method has no secret".to_owned()));
        };
        app.secret = Some(secret.kept);
        app.updated_at = now();
        self.put(&app, false).await?;
        Ok(AppInformation::of(&app, Some(&secret.clear)))
    }

    /// Deletes an app. Its tokens can no longer be refreshed.
    pub async fn delete(&self, client_id: &str) -> Result<(), OperatorError> {
        let app = self.find_app(client_id).await?;
        match self.store.run(DeleteApp(app.client_id)).await? {
            PutOutcome::Unknown => unknown(format!("there is no app {client_id:?}")),
            PutOutcome::Done | PutOutcome::Exists => Ok(()),
        }
    }

    /// The apps after one, at most `limit`.
    pub async fn apps(&self, after: Option<&str>, limit: usize) -> Result<Apps, OperatorError> {
        let rows = self.app_rows(after, limit).await?;
        let full = rows.len() >= limit.clamp(1, MAX_PAGE);
        let next = rows.last().filter(|_| full).map(|app| app.client_id.to_string());
        Ok(Apps { apps: rows.iter().map(|app| AppInformation::of(app, None)).collect(), next })
    }

    pub(super) async fn app_rows(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<App>, OperatorError> {
        let malformed = || OperatorError::Malformed("after is no client_id".to_owned());
        let after = after.map(|id| ClientId::new(id).ok_or_else(malformed)).transpose()?;
        Ok(self.store.apps(after, limit.clamp(1, MAX_PAGE)).await?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use twinpath_core::vault::Vault;

    /// Whatever an app tells of itself stands in the document.
    #[test]
    fn the_schema_names_every_member() {
        let said: ClientMetadata = serde_json::from_value(serde_json::json!({
            "client_id": "a", "client_name": "A", "token_endpoint_auth_method": "client_secret_post",
            "redirect_uris": ["https://a.example/cb"], "serves": ["https://api.example/"],
            "android_package": "a.b", "apple_app_id": "T.a.b", "developer": "d",
        }))
        .unwrap();
        let vault = Vault::new(&[1; 32]).unwrap();
        let (app, secret) = said.register(&vault, now(), &mut SystemRandom).unwrap();
        let told = client_metadata(&app, secret.as_deref());
        let RefOr::T(Schema::Object(schema)) = AppInformation::schema() else { panic!("a schema") };
        for name in told.as_object().unwrap().keys() {
            assert!(schema.properties.contains_key(name), "{name}");
        }
        for name in &schema.required {
            assert!(told.get(name).is_some(), "{name}");
        }
    }
}
