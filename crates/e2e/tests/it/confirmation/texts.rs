//! Texts to phones, over a bind of their own to a message centre of their own.

use std::sync::Arc;

use serde_json::Value;
use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;

use super::awaits;

/// The bind's name.
pub(crate) const OUT: &str = "out";

/// A rig that texts phones, and the message centre by which it does.
pub(crate) struct Mobile {
    pub(crate) rig: Rig,
    pub(crate) out: Arc<Centre>,
}

/// A bind by which a server texts phones.
pub(crate) fn outward(port: u16) -> Bind {
    Bind::new(OUT, port).system_id("texter").with("mode = \"transmitter\"\nresponse_timeout_s = 2")
}

/// As a bind that texts no phones.
pub(crate) fn inward(bind: Bind) -> Bind {
    bind.with("mode = \"receiver\"")
}

impl Mobile {
    /// With these sections of the configuration, and `[sms.outbound]` if there is none.
    pub(crate) async fn with(sections: &str) -> Self {
        let mut settings = Settings::default().with(sections);
        if !sections.contains("[sms.outbound") {
            settings = settings.with("[sms.outbound]");
        }
        let out = Arc::new(Centre::start().await);
        settings.binds.push(outward(out.port));
        let rig = Rig::bound_with(settings, inward).await;
        out.bound(1).await;
        Self { rig, out }
    }

    /// The `nth` text to a phone, counted from one: to whom, and what it says.
    pub(crate) async fn text(&self, nth: usize) -> (String, String) {
        said(&self.out.event("submit_sm", nth).await)
    }

    /// A phone texts, and its app is asked for digits; what they are.
    pub(crate) async fn asked(&self, instance: &Instance, from: &str) -> (Attempt, String) {
        let (attempt, nth) = (instance.attempt(), self.texts() + 1);
        self.rig.text(from, &attempt).await;
        assert_eq!(awaits(&instance.redeem(&attempt).await), 3);
        let right = digits(&self.text(nth).await.1);
        (attempt, right)
    }

    /// How many texts went to phones.
    pub(crate) fn texts(&self) -> usize {
        self.out.events("submit_sm").len()
    }

    /// How many texts to phones ended so.
    pub(crate) async fn outcome(&self, of: &str, outcome: &str) -> f64 {
        let name = format!("twinpath_outbound_texts_total{{of=\"{of}\",outcome=\"{outcome}\"}}");
        self.rig.platform.metric(&name).await
    }

    /// Waits until so many ended so.
    pub(crate) async fn ended(&self, of: &str, outcome: &str, times: f64) {
        let what = format!("{times} texts {outcome}");
        until(&what, async || (self.outcome(of, outcome).await >= times).then_some(())).await;
    }
}

pub(crate) fn said(event: &Value) -> (String, String) {
    let member = |name: &str| event[name].as_str().unwrap().to_owned();
    (format!("+{}", member("to")), member("text"))
}

/// The eight digits of a confirmation.
pub(crate) fn digits(text: &str) -> String {
    let (_, last) = text.rsplit_once('#').unwrap_or_else(|| panic!("no digits: {text}"));
    last.split(' ').next().unwrap().to_owned()
}

/// `REVOKE` and the digits of a notice.
pub(crate) fn revocation(text: &str) -> String {
    text.get(text.find("REVOKE ").unwrap()..).unwrap().to_owned()
}
