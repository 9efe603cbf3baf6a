//! The demo app "Weather": the client SDK, used as any app uses it.
//!
//! It has two keys: the app's own, by which it authenticates (`private_key_jwt`), and its
//! instance's, to which tokens are bound (`DPoP`).

use std::sync::Arc;

use serde_json::Value;
use twinpath_client::{
    Authentication, Client, ClientConfig, Error, InstanceKey as _, Method, Options, SoftwareKey,
    TextSender, Tokens,
};
use twinpath_core::app::ClientMetadata;
use twinpath_core::records::AuthMethod;
use twinpath_server::operator::Operator;
use twinpath_server::platform::Platform;
use twinpath_wire::jwk::JwkSet;

use crate::DevError;
use crate::folder::Folder;
use crate::open_api::SCOPE;

/// Its `client_id`.
pub(crate) const CLIENT_ID: &str = "weather";
/// Its name, which stands in the text.
pub(crate) const NAME: &str = "Weather";

const ADVICE: &str = "with a folder of your own, use an empty one or one that this version wrote";

/// The demo app, installed on the simulated phone.
#[derive(Clone, Debug)]
pub(crate) struct DemoApp {
    client: Client,
    resource: String,
}

/// What the demo `OpenAPI` answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// A member of the body that is a string, or nothing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Registers the app at the platform, as `twinpath app register` does, and returns its key.
pub(crate) async fn register(
    platform: &Platform,
    folder: &Folder,
) -> Result<Arc<SoftwareKey>, DevError> {
    const STEP: &str = "register the demo app";
    let key = SoftwareKey::load_or_generate(folder.path().join("weather-app.key"))
        .map_err(DevError::at(STEP, ADVICE))?;
    let settings = ClientMetadata {
        client_id: Some(CLIENT_ID.to_owned()),
        client_name: Some(NAME.to_owned()),
        auth_method: Some(AuthMethod::PrivateKeyJwt),
        jwks: Some(JwkSet { keys: vec![key.public_jwk().clone()] }),
        scope: Some(scope()),
        ..ClientMetadata::default()
    };
    let operator = Operator::of(platform);
    let done = match operator.app(CLIENT_ID).await {
        Ok(_) => operator.update(CLIENT_ID, settings).await,
        Err(_) => operator.register(settings).await,
    };
    done.map_err(DevError::at(STEP, ADVICE))?;
    platform.registry.renew(platform).await.map_err(DevError::at(STEP, ADVICE))?;
    Ok(Arc::new(key))
}

fn scope() -> String {
    format!("openid phone {SCOPE}")
}

impl DemoApp {
    /// Starts the app: it reads the platform's metadata and makes its instance key.
    pub(crate) async fn start(
        issuer: &str,
        app_key: Arc<SoftwareKey>,
        resource: String,
    ) -> Result<Self, DevError> {
        let failed = DevError::at("start the demo app", "run again with TWINPATH_LOG=debug");
        let client = connect(issuer, app_key).await.map_err(failed)?;
        Ok(Self { client, resource })
    }

    /// Signs in: one text by `sender`, then the token request.
    pub(crate) async fn sign_in(&self, sender: &impl TextSender) -> Result<Tokens, Error> {
        let options = Options {
            scope: Some(scope()),
            resource: vec![self.resource.clone()],
            ..Options::default()
        };
        self.client.authorize(sender, options).await
    }

    /// Calls the demo `OpenAPI` with the token.
    pub(crate) async fn weather(&self) -> Result<Answer, Error> {
        get(&self.client, &self.resource).await
    }

    /// Asks the platform about the account: what scopes `openid` and `phone` give.
    pub(crate) async fn user_info(&self) -> Result<Answer, Error> {
        let endpoint = self.client.metadata().userinfo_endpoint.clone();
        get(&self.client, &endpoint.ok_or(Error::Unsupported("userinfo"))?).await
    }

    /// Asks for a fresh access token: [`Error::SignedOut`] if the grant is no more.
    pub(crate) async fn refresh(&self) -> Result<Tokens, Error> {
        self.client.refresh().await
    }

    /// Calls the demo `OpenAPI` as a thief would who has the token but not the instance's key.
    pub(crate) async fn weather_for_thief(
        &self,
        app_key: Arc<SoftwareKey>,
    ) -> Result<Answer, Error> {
        let mut stolen = self.client.tokens().ok_or(Error::SignedOut)?;
        stolen.refresh_token = None;
        let store = twinpath_client::MemoryStore::default();
        twinpath_client::TokenStore::save(&store, Some(&stolen))?;
        let config = config(app_key)?.store(Arc::new(store));
        let thief = Client::discover(&self.client.metadata().issuer, config).await?;
        get(&thief, &self.resource).await
    }
}

async fn connect(issuer: &str, app_key: Arc<SoftwareKey>) -> Result<Client, Error> {
    Client::discover(issuer, config(app_key)?).await
}

/// An instance with a key of its own.
fn config(app_key: Arc<SoftwareKey>) -> Result<ClientConfig, Error> {
    let instance_key = Arc::new(SoftwareKey::generate()?);
    Ok(ClientConfig::new(CLIENT_ID, NAME)
        .authentication(Authentication::PrivateKeyJwt { key: app_key, kid: None })
        .key(instance_key))
}

async fn get(client: &Client, url: &str) -> Result<Answer, Error> {
    let response = client.call(Method::GET, url, None).await?;
    let status = response.status().as_u16();
    let text = response.text().await.map_err(|error| Error::Unreachable(error.to_string()))?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer { status, body })
}
