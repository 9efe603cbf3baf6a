//! What the page shows, as one value that changes, and the log of what happened.
//!
//! Invariant: whatever belongs to an earlier run than the present one changes nothing.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

/// Lines of the log that are kept.
const LINES: usize = 200;
/// Texts that are kept.
const TEXTS: usize = 50;

/// How far a sign-in is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Nothing was started.
    #[default]
    Idle,
    /// The app's text waits in the phone to be sent.
    Composing,
    /// The text is sent; the app asks for its token.
    Waiting,
    /// The app has its token.
    SignedIn,
    /// The grant was revoked: another number sent the same code.
    Revoked,
    /// It came to nothing.
    Failed,
}

/// Who did something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Who {
    App,
    Phone,
    Platform,
    Api,
}

/// A line of the log.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    /// Milliseconds since 1970.
    pub(super) at: u64,
    pub(super) who: Who,
    pub(super) text: String,
    /// How long it took, in milliseconds.
    pub(super) ms: Option<f64>,
}

/// The text that the app handed to the phone.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Composed {
    pub(super) to: String,
    pub(super) body: String,
}

/// A text that left the phone.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sent {
    pub(super) from: String,
    pub(super) body: String,
    pub(super) encoding: String,
    /// What SMPP calls the answer.
    pub(super) status: &'static str,
    /// What the platform made of it, in its own word and in a sentence.
    pub(super) outcome: &'static str,
    pub(super) meaning: &'static str,
}

/// What the app got.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SignedIn {
    pub(super) terminal_hint: Option<String>,
    pub(super) token_type: String,
    /// Its first characters and its length.
    pub(super) access_token: String,
    pub(super) scope: Option<String>,
    pub(super) access_claims: Value,
    pub(super) id_claims: Value,
    pub(super) user_info: Value,
}

/// What an API answered.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Called {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// How long each step of this run took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Times {
    pub(super) commitment: Option<f64>,
    pub(super) text: Option<f64>,
    pub(super) token: Option<f64>,
    pub(super) api: Option<f64>,
}

/// Everything the page shows.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct View {
    /// Grows with every change.
    pub(super) revision: u64,
    /// Which sign-in this is.
    pub(super) run: u64,
    pub(super) stage: Stage,
    pub(super) text: Option<Composed>,
    pub(super) sent: Vec<Sent>,
    pub(super) app: Option<SignedIn>,
    pub(super) api: Option<Called>,
    pub(super) problem: Option<String>,
    pub(super) times: Times,
    pub(super) log: Vec<Line>,
    /// When the platform had the last text.
    #[serde(skip)]
    pub(super) acknowledged: Option<Instant>,
}

impl View {
    /// Adds a line to the log.
    pub(super) fn tell(&mut self, who: Who, text: impl Into<String>, took: Option<Duration>) {
        if self.log.len() >= LINES {
            self.log.remove(0);
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.log.push(Line { at, who, text: text.into(), ms: took.map(ms) });
    }

    /// Adds a text that left.
    pub(super) fn left(&mut self, sent: Sent) {
        if self.sent.len() >= TEXTS {
            self.sent.remove(0);
        }
        self.sent.push(sent);
    }
}

/// Milliseconds with one decimal.
pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The view, shared by the page, the phone and the app.
#[derive(Debug)]
pub(super) struct Board(watch::Sender<View>);

impl Board {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(View::default()))
    }

    /// As it is now.
    pub(super) fn view(&self) -> View {
        self.0.borrow().clone()
    }

    /// Begins the next run, and keeps the log.
    pub(super) fn begin(&self) -> u64 {
        let mut run = 0;
        self.0.send_modify(|view| {
            run = view.run + 1;
            let log = std::mem::take(&mut view.log);
            *view = View { revision: view.revision + 1, run, log, ..View::default() };
        });
        run
    }

    /// Changes the view, if `run` is still the present one.
    pub(super) fn change(&self, run: u64, change: impl FnOnce(&mut View)) {
        self.0.send_if_modified(|view| {
            if view.run != run {
                return false;
            }
            change(view);
            view.revision += 1;
            true
        });
    }

    /// Waits until `wanted` holds.
    pub(super) async fn until(&self, wanted: impl FnMut(&View) -> bool) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(wanted).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_run_changes_nothing() {
        let board = Board::new();
        let first = board.begin();
        let second = board.begin();
        board.change(first, |view| view.stage = Stage::Failed);
        assert_eq!(board.view().stage, Stage::Idle);
        board.change(second, |view| view.stage = Stage::Composing);
        assert_eq!(board.view().stage, Stage::Composing);
    }

    #[test]
    fn the_log_is_bounded_and_outlives_runs() {
        let board = Board::new();
        let run = board.begin();
        for n in 0..(LINES + 10) {
            board.change(run, |view| view.tell(Who::App, n.to_string(), None));
        }
        board.begin();
        let log = board.view().log;
        assert_eq!((log.len(), log[0].text.as_str()), (LINES, "10"));
    }

    #[test]
    fn milliseconds_have_one_decimal() {
        assert!((ms(Duration::from_micros(12_345)) - 12.3).abs() < 1e-9);
    }
}
