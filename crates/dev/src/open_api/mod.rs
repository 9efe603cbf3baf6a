//! The demo `OpenAPI`, `GET /weather` and `GET /weather/home`: an example for whoever puts an API behind
//! Twinpath. The second is of the kind that asks for a recent proof of the terminal (RFC 9470).
//!
//! An API needs to know two things: the platform's issuer and its own URL. The rest is read from the
//! platform's metadata, and every token is checked here, without asking the platform:
//!
//! | room | what it does |
//! |---|---|
//! | [`keys`] | the platform's signing keys, fetched and cached |
//! | [`guard`] | the checks: token (RFC 9068), proof of the key it is bound to (RFC 9449), scope, age of the terminal's proof (RFC 9470) |
//! | [`refusal`] | how a request is refused (RFC 6750 3, RFC 9449 7.1) |

mod guard;
mod keys;
mod refusal;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use twinpath_wire::resource::{RESOURCE_WELL_KNOWN, resource_metadata_url};

pub use guard::{Caller, Guard, Route};
pub use keys::{Keys, KeysError};
pub use refusal::Refusal;

/// What a token must be good for.
pub const SCOPE: &str = "weather.read";
/// The path of the API.
pub const PATH: &str = "/weather";
/// Below it, what needs a recent proof of the terminal.
pub const HOME: &str = "/home";
/// How old that proof may be, in seconds.
pub const RECENT_S: u32 = 300;

const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// How long calls in progress may take at the end.
const STOP_TIME: Duration = Duration::from_millis(500);

/// A running demo `OpenAPI`.
#[derive(Debug)]
pub struct OpenApi {
    url: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl OpenApi {
    /// The URL of the API behind `listener`: what tokens for it have as their audience.
    pub fn url_at(listener: &TcpListener) -> io::Result<String> {
        Ok(format!("http://{}{PATH}", listener.local_addr()?))
    }

    /// Serves the API for tokens of `issuer`.
    pub fn serve(listener: TcpListener, issuer: &str) -> io::Result<Self> {
        let url = Self::url_at(&listener)?;
        let guard = Guard::new(issuer, &url, SCOPE).map_err(io::Error::other)?;
        let router = Router::new()
            .route(PATH, get(weather))
            .route(&format!("{PATH}{HOME}"), get(home))
            .route(&format!("{RESOURCE_WELL_KNOWN}{PATH}"), get(metadata))
            .with_state(Arc::new(guard));
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let stopped = async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
        });
        Ok(Self { url, stop, task })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops; calls in progress have half a second.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_TIME, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// Where the metadata of a resource with a path is (RFC 9728 3.1). There is none at the root: it would
/// be another resource's (RFC 9728 3.3).
async fn metadata(State(guard): State<Arc<Guard>>) -> Response {
    let keep = HeaderValue::from_static("public, max-age=300");
    ([(header::CACHE_CONTROL, keep)], Json(guard.metadata())).into_response()
}

/// What the API says. It is made up, from the caller's subject.
#[derive(Debug, Serialize)]
struct Weather {
    place: &'static str,
    sky: &'static str,
    celsius: i32,
    subject: String,
    note: &'static str,
}

/// `GET /weather`
async fn weather(State(guard): State<Arc<Guard>>, method: Method, headers: HeaderMap) -> Response {
    const ROUTE: Route = Route { below: "", max_age_s: None };
    answer(&guard, &method, &headers, ROUTE).await
}

/// `GET /weather/home`
async fn home(State(guard): State<Arc<Guard>>, method: Method, headers: HeaderMap) -> Response {
    const ROUTE: Route = Route { below: HOME, max_age_s: Some(RECENT_S) };
    answer(&guard, &method, &headers, ROUTE).await
}

async fn answer(guard: &Guard, method: &Method, headers: &HeaderMap, route: Route) -> Response {
    let mut response = match guard.admit(method, headers, route).await {
        Ok(caller) => Json(forecast(caller)).into_response(),
        Err(refusal) => refusal.answer(resource_metadata_url(guard.url()).as_deref()),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Every answer brings the nonce for the next proof (RFC 9449 8.2).
    if let Ok(nonce) = guard.nonce().parse() {
        headers.insert(DPOP_NONCE, nonce);
    }
    response
}

fn forecast(caller: Caller) -> Weather {
    const SKIES: [&str; 5] = ["sunny", "a few clouds", "overcast", "light rain", "windy"];
    let sum = caller.subject.bytes().map(usize::from).sum::<usize>();
    Weather {
        place: "Demoville",
        sky: SKIES.get(sum % SKIES.len()).unwrap_or(&"sunny"),
        celsius: i32::try_from(9 + sum % 17).unwrap_or(9),
        subject: caller.subject,
        note: "A demo: this weather is made up, from your subject. The checks of the token are real.",
    }
}
