//! Many texts over paths that break, stall and repeat themselves: two message centres that the server
//! binds to and two gateways that bind to the server, each behind a network that fails at random.
//!
//! Held, for every single text: acknowledged means redeemable, once and never again; and of the whole:
//! the server recorded no code twice, and its memory does not grow with what it has done.
//!
//! `TWINPATH_SOAK_TEXTS` says how many texts; a long run is 200000 (`--nocapture` shows it go on).
//!
//! | room | what it does |
//! |---|---|
//! | `ways` | how texts come to the server, and what becomes of the network on the way |
//! | `stream` | one text after the other, and what must hold for each |
//! | `memory` | what the server holds, as the run goes on |

#[cfg(test)]
mod memory;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod ways;
