//! The phone simulator: a page on loopback where the user is the phone's owner.
//!
//! | room | what it does |
//! |---|---|
//! | [`page`] | the page itself and its content security policy |
//! | [`guard`] | refuses what other sites' pages ask for |
//! | [`journey`] | a sign-in: the app composes, the user sends, the app gets its token |
//! | [`outcome`] | what the platform made of a text, in words |
//! | [`events`] | what the page shows, and the log |
//!
//! `GET /api/state?after=N` answers when the state's revision is beyond `N`, or after 20 seconds; what
//! the user does is `POST`ed as JSON and answers with the state that came of it.

mod events;
mod guard;
mod journey;
mod outcome;
mod page;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use twinpath_server::platform::Platform;

use self::events::{Board, View};
use self::guard::Own;
use self::journey::Problem;
use crate::demo_app::DemoApp;
use crate::message_centre::MessageCentre;
use crate::rig::Rig;
use crate::{DevError, number, platform, ports};

/// How long the page's question for news is held.
const HOLD: Duration = Duration::from_secs(20);
/// How long requests in progress may take at the end.
const STOP_TIME: Duration = Duration::from_millis(500);
/// The largest request body.
const MAX_BODY: usize = 16 * 1024;

/// A running phone simulator.
#[derive(Debug)]
pub(crate) struct Phone {
    url: String,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What all requests share.
#[derive(Debug)]
struct Shared {
    about: About,
    app: DemoApp,
    centre: Arc<MessageCentre>,
    platform: Arc<Platform>,
    board: Board,
    stopped: watch::Receiver<bool>,
    sending: tokio::sync::Mutex<()>,
    journey: Mutex<Option<JoinHandle<()>>>,
}

/// What does not change.
#[derive(Clone, Debug, Serialize)]
struct About {
    issuer: String,
    metadata: String,
    open_api: String,
    smpp: String,
    number: &'static str,
    phones: [&'static str; 2],
    client_id: &'static str,
}

impl Phone {
    /// Serves the page at `port`, or at a free one.
    pub(crate) async fn start(rig: &Rig, app: DemoApp, port: u16) -> Result<Self, DevError> {
        let failed = DevError::at("start the phone simulator", "choose another HTTP port");
        let bound = async {
            let listener = ports::listen(port).await?;
            let port = listener.local_addr()?.port();
            Ok::<_, std::io::Error>((listener, port))
        };
        let (listener, port) = bound.await.map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let issuer = rig.issuer.clone();
        let shared = Arc::new(Shared {
            about: About {
                metadata: format!("{issuer}{}", twinpath_wire::metadata::OAUTH_WELL_KNOWN),
                issuer,
                open_api: rig.open_api.url().to_owned(),
                smpp: rig.smpp().to_string(),
                number: platform::NUMBER,
                phones: number::PHONES,
                client_id: crate::demo_app::CLIENT_ID,
            },
            app,
            centre: Arc::clone(&rig.centre),
            platform: Arc::clone(&rig.server.platform),
            board: Board::new(),
            stopped: stopped.clone(),
            sending: tokio::sync::Mutex::default(),
            journey: Mutex::default(),
        });
        let router = router(Arc::clone(&shared), Own::new(port));
        let task = tokio::spawn(serve(listener, router, stopped));
        Ok(Self { url: format!("http://127.0.0.1:{port}/"), shared, stop, task })
    }

    /// Where the page is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends a sign-in under way and answers held requests.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        let journey = self.shared.journey.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(journey) = journey {
            journey.abort();
            let _ = journey.await;
        }
        if timeout(STOP_TIME, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let stopped = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
}

fn router(shared: Arc<Shared>, own: Own) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/api/state", get(state))
        .route("/api/start", post(start))
        .route("/api/send", post(send))
        .route("/api/call", post(call))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(own, guard::guard))
        .layer(map_response(harden))
        .with_state(shared)
}

async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"problem": self.0}))).into_response()
    }
}

#[derive(Deserialize)]
struct After {
    after: Option<u64>,
}

/// The state, when there is news.
async fn state(State(shared): State<Arc<Shared>>, Query(asked): Query<After>) -> Response {
    if let Some(after) = asked.after {
        let mut stopped = shared.stopped.clone();
        tokio::select! {
            _ = timeout(HOLD, shared.board.until(|view| view.revision != after)) => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }
    let view: View = shared.board.view();
    Json(json!({"about": shared.about, "view": view})).into_response()
}

/// "Sign in" in the app.
async fn start(State(shared): State<Arc<Shared>>) -> Result<Json<View>, Problem> {
    shared.sign_in().await.map(Json)
}

#[derive(Deserialize)]
struct Send {
    from: String,
    text: String,
}

/// "Send" in the phone.
async fn send(
    State(shared): State<Arc<Shared>>,
    Json(send): Json<Send>,
) -> Result<Json<View>, Problem> {
    shared.send(&send.from, &send.text).await.map(Json)
}

/// "Call again" in the app.
async fn call(State(shared): State<Arc<Shared>>) -> Result<Json<View>, Problem> {
    shared.call_again().await.map(Json)
}
