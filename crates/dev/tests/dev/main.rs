//! The development environment as its user has it: whole, over real ports.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod once;
mod open_api;
mod phone;
mod support;
