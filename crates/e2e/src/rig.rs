//! A message centre and a server that are bound to each other.

use std::sync::Arc;

use crate::app::{App, Attempt, Instance};
use crate::centre::{Centre, Receipt};
use crate::config::{Bind, Settings};
use crate::platform::{Platform, Registration};

/// The route's name.
pub const ROUTE: &str = "operator-a";

/// Both.
pub struct Rig {
    /// The message centre.
    pub centre: Arc<Centre>,
    /// The server.
    pub platform: Platform,
}

impl Rig {
    /// Starts both.
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// Starts both with further settings; the bind is added.
    pub async fn with(settings: Settings) -> Self {
        Self::bound_with(settings, |bind| bind).await
    }

    /// Starts both with further settings and a bind of its own kind.
    pub async fn bound_with(mut settings: Settings, bind: impl Fn(Bind) -> Bind) -> Self {
        let centre = Arc::new(Centre::start().await);
        settings.binds.push(bind(Bind::new(ROUTE, centre.port)));
        let platform = Platform::start(&settings).await;
        centre.bound(1).await;
        Self { centre, platform }
    }

    /// An installation of a new app with `private_key_jwt` and DPoP.
    pub async fn instance(&self, client_id: &str) -> Instance {
        self.install(&Registration::new(client_id)).await
    }

    /// An installation of a new app.
    pub async fn install(&self, registration: &Registration) -> Instance {
        let app = self.platform.register(registration).await;
        self.again(&app)
    }

    /// A further installation.
    pub fn again(&self, app: &Arc<App>) -> Instance {
        Instance::new(app, &self.platform.place)
    }

    /// A phone texts; gives the time of the acknowledgement.
    pub async fn text(&self, from: &str, attempt: &Attempt) -> f64 {
        self.centre.text(from, &attempt.text).await.ok()
    }

    /// A whole authorization, text first; gives the answer.
    pub async fn authorize(&self, instance: &Instance, from: &str) -> serde_json::Value {
        let attempt = instance.attempt();
        self.text(from, &attempt).await;
        instance.redeem(&attempt).await.accepts()
    }

    /// Shows that everything still works: a new installation of the app, a new text.
    pub async fn still_works(&self, app: &Arc<App>) {
        let instance = self.again(app);
        let tokens = self.authorize(&instance, &crate::number(999_999)).await;
        assert!(tokens["access_token"].is_string(), "{tokens}");
    }

    /// Delivers a text and gives back how it was answered.
    pub async fn deliver(&self, text: &crate::pdu::Text) -> Receipt {
        self.centre.deliver(text).await
    }
}
