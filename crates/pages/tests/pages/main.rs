//! The pages as a browser reads them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod contrast;
mod markup;
mod pages;
mod qr;
mod samples;
