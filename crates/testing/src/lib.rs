//! What the tests have to destroy: a real PostgreSQL, the network to it, its disk.
//!
//! Test support and nothing else: a failure here is the test's failure, so it panics. Linux alone,
//! for processes are read from `/proc`. There is no database driver here; `psql` does the talking.
//!
//! Nothing outlives the test's process, whatever ends it: `watchdog` says how.
//!
//! | room | what it does |
//! |---|---|
//! | [`postgres`] | makes, kills, freezes and replicates a PostgreSQL server |
//! | [`proxy`] | a TCP proxy that freezes or resets what goes through it |
//! | [`small_disk`] | a disk of a few megabytes, to be filled |
//! | [`wait`] | waiting for a condition, with a deadline |
//! | `processes` | reads and signals processes |
//! | `watchdog` | clears up after a test that was killed |

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test support: a failure is the test's failure"
)]

pub mod postgres;
mod processes;
pub mod proxy;
pub mod small_disk;
pub mod wait;
mod watchdog;
