//! The `twinpath` command.
fn main() {}
