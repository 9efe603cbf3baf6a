//! The admin listener: a REST API for operators, metrics for the rest.
//!
//! | file | |
//! |---|---|
//! | [`access`] | who calls, and what they may do |
//! | [`problem`] | how requests are refused (RFC 9457) |
//! | [`input`] | reads paths, queries and bodies |
//! | [`apps`], [`developers`], [`accounts`], [`grants`], [`instances`], [`keys`], [`audit`], [`tokens`], [`registration_tokens`], [`quarantine`] | the resources: each names its requests and answers and calls [`Operator`](crate::operator::Operator) |
//! | [`document`] | the `OpenAPI` document, put together from the handlers |
//! | [`metrics`] | `/metrics` |
//! | [`local`] | the same API without a listener, for a command line that opened the store |

mod access;
mod accounts;
mod apps;
mod audit;
mod developers;
mod document;
mod grants;
mod input;
mod instances;
mod keys;
mod local;
mod metrics;
mod problem;
mod quarantine;
mod registration_tokens;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use twinpath_core::token::KeyPolicy;
use twinpath_core::vault::Vault;
use twinpath_store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::operator::Operator;
use crate::platform::Platform;

pub use document::openapi;
pub use local::Local;

/// Where the API is.
pub const API: &str = "/admin/v1";

/// What the API works on.
struct Admin {
    store: Store,
    vault: Arc<Vault>,
    keys: KeyPolicy,
    /// The running server, if this is one: what changes is in force before the answer.
    platform: Option<Arc<Platform>>,
}

type Shared = Arc<Admin>;

impl Admin {
    fn operator(&self) -> Operator<'_> {
        let platform = self.platform.as_deref();
        Operator { store: &self.store, vault: &self.vault, keys: &self.keys, platform }
    }
}

/// The admin listener's endpoints.
pub fn router(platform: Arc<Platform>) -> Router {
    let admin = Admin {
        store: platform.store.clone(),
        vault: Arc::clone(&platform.vault),
        keys: platform.config.keys.clone(),
        platform: Some(Arc::clone(&platform)),
    };
    let metrics = Router::new().route("/metrics", get(metrics::metrics)).with_state(platform);
    api(admin).merge(metrics)
}

fn api(admin: Admin) -> Router {
    let admin = Arc::new(admin);
    endpoints(&admin)
        .split_for_parts()
        .0
        .route(&format!("{API}/openapi.json"), get(document::serve))
        .fallback(problem::no_endpoint)
        .method_not_allowed_fallback(problem::no_method)
        .with_state(admin)
}

/// Every endpoint behind what may be done with it.
fn endpoints(admin: &Shared) -> OpenApiRouter<Shared> {
    let guard = |router: OpenApiRouter<Shared>, need| {
        router.route_layer(from_fn_with_state((Arc::clone(admin), need), access::guard))
    };
    let all = OpenApiRouter::new()
        .merge(guard(readers(), access::READ))
        .merge(guard(writers(), access::WRITE))
        .merge(guard(owners(), access::OWNER));
    OpenApiRouter::new().nest(API, all)
}

fn readers() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(apps::list))
        .routes(routes!(apps::show))
        .routes(routes!(instances::list))
        .routes(routes!(instances::show))
        .routes(routes!(developers::list))
        .routes(routes!(developers::show))
        .routes(routes!(accounts::search))
        .routes(routes!(accounts::show))
        .routes(routes!(grants::list))
        .routes(routes!(grants::show))
        .routes(routes!(keys::list))
        .routes(routes!(audit::list))
        .routes(routes!(quarantine::list))
}

fn writers() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(apps::register))
        .routes(routes!(apps::update, apps::delete))
        .routes(routes!(apps::rotate_secret))
        .routes(routes!(instances::name))
        .routes(routes!(instances::block))
        .routes(routes!(instances::unblock))
        .routes(routes!(instances::revoke))
        .routes(routes!(accounts::block))
        .routes(routes!(accounts::unblock))
        .routes(routes!(accounts::revoke))
        .routes(routes!(accounts::restore))
        .routes(routes!(accounts::erase))
        .routes(routes!(grants::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(registration_tokens::issue))
        .routes(routes!(registration_tokens::revoke))
        .routes(routes!(quarantine::show))
        .routes(routes!(quarantine::purge))
}

fn owners() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(tokens::issue)).routes(routes!(tokens::revoke))
}
