//! The API without a listener: for a command line that opened the store itself because no server runs.

use std::sync::Arc;

use ::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ::http::{Method, Request};
use axum::Router;
use axum::body::{Body, to_bytes};
use tower_service::Service as _;
use twinpath_core::token::KeyPolicy;
use twinpath_core::vault::Vault;
use twinpath_store::Store;

use super::Admin;

/// The largest answer, in bytes: a page of apps that say as much as they can.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// The API on a store.
pub struct Local {
    router: Router,
    token: String,
}

impl Local {
    /// On this store, which the caller closes.
    pub fn new(store: Store, vault: Vault, keys: KeyPolicy) -> Self {
        let token = format!("Bearer {}", vault.admin_token());
        let admin = Admin { store, vault: Arc::new(vault), keys, platform: None };
        Self { router: super::api(admin), token }
    }

    /// What a server would answer: status and body.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(u16, Vec<u8>), axum::Error> {
        let mut request =
            Request::builder().method(method).uri(path).header(AUTHORIZATION, &self.token);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request =
            request.body(Body::from(body.unwrap_or_default())).map_err(axum::Error::new)?;
        let response = match self.router.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status().as_u16();
        Ok((status, to_bytes(response.into_body(), MAX_ANSWER).await?.to_vec()))
    }
}
