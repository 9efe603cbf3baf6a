//! A registered app made ready for requests: keys parsed, secret opened, phrases hashed.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::hmac;
use twinpath_wire::phrase::{fill, normalize, page_phrases};

use crate::ids::Digest;
use crate::proof::VerifyingKey;
use crate::records::{App, AuthMethod, Grant, Secret};
use crate::vault::{Purpose, Vault, VaultError};

/// An app, with what each request of it needs.
#[derive(Debug)]
pub struct Registered {
    /// As stored.
    pub app: App,
    /// Its public keys.
    pub keys: Vec<VerifyingKey>,
    /// Keyed hashes of the words its texts may say.
    pub phrases: Arc<[Digest]>,
    /// Keyed hashes of the words that texts shown by the platform's own pages say.
    pub page_phrases: Arc<[Digest]>,
    /// The HMAC key of `client_secret_jwt`.
    pub hmac: Option<hmac::Key>,
}

impl Registered {
    /// Prepares `app`; `templates` are the platform's phrases by language.
    pub fn new(
        app: App,
        templates: &BTreeMap<String, String>,
        vault: &Vault,
    ) -> Result<Self, VaultError> {
        let keys =
            app.jwks.iter().flat_map(|set| &set.keys).filter_map(VerifyingKey::new).collect();
        let hashes = |templates: &BTreeMap<String, String>| -> Arc<[Digest]> {
            let words = |template: &String| normalize(&fill(template, &app.client_name));
            templates.values().map(|template| vault.words(&words(template))).collect()
        };
        let (phrases, page_phrases) = (hashes(templates), hashes(&page_phrases()));
        let hmac = match &app.secret {
            Some(Secret::Sealed(sealed)) => {
                let owner = app.client_id.as_str().as_bytes();
                let secret = vault.open(Purpose::AppSecret, owner, sealed)?;
                Some(hmac::Key::new(hmac::HMAC_SHA256, &secret))
            }
            Some(Secret::Hash(_)) | None => None,
        };
        Ok(Self { app, keys, phrases, page_phrases, hmac })
    }

    /// Whether this registration is the one the grant was given to, and not a later one under the
    /// same name.
    pub fn gave(&self, grant: &Grant) -> bool {
        grant.made_at() >= self.app.created_at
    }

    /// Whether refresh tokens of this app are rotated (PROTOCOL 9): all but those of apps that
    /// authenticate and whose grants are bound to a key or a certificate.
    pub fn rotates(&self) -> bool {
        let bound = self.app.dpop || self.app.certificate_bound;
        self.app.auth_method == AuthMethod::None || !bound
    }
}
