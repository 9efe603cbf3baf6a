//! The load generator: whole two-path authorizations, a text over real SMPP and a token request over
//! HTTP, against a server in a process of its own, so that its CPU time is measured apart from the
//! load's. Passes against a *floor* alternate with it: the same HTTP and the same signatures without
//! any state, beyond which no implementation gets.
//!
//! | room | what it does |
//! |---|---|
//! | [`options`] | what can be said on the command line |
//! | [`run`] | the passes, one after the other |
//! | `pass` | one pass: warm-up, measured window, check of all that was answered |
//! | `load` | what keeps authorizations in flight, and one authorization |
//! | `app` | registered apps and instances' keys: what a request says and signs |
//! | `connection` | HTTP/1.1 as cheap as it gets |
//! | `check` | whether an answer is right, in every detail |
//! | `target` | the server or the floor, started and made ready |
//! | `process` | child processes: their life, CPU time and memory |
//! | [`child`] | what runs in them |
//! | `floor` | the floor |
//! | [`report`] | the figures |

mod app;
mod check;
pub mod child;
mod connection;
mod floor;
mod load;
pub mod options;
mod pass;
mod process;
pub mod report;
pub mod run;
mod target;

pub use child::Child;
pub use options::Options;
pub use process::Launch;
pub use run::{bench, measure};

/// Why there are no figures, or none to be believed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A socket, a file, a process.
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    /// A child process did not get ready or ended.
    #[error("{0}")]
    Child(String),
    /// Something was answered wrongly, or not at all.
    #[error("{count} authorizations went wrong; the first: {first}")]
    Wrong {
        /// How many.
        count: u64,
        /// What happened to one of them.
        first: String,
    },
    /// Ctrl-C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> BenchError {
    let what = what.into();
    move |error| BenchError::Io(what, error)
}
