//! The test support itself, held to what it says.
//!
//! Every test makes its own servers, on ports of their own. Nothing waits for a fixed time, but for
//! proof that nothing comes through a frozen network.

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod small_disk;
#[cfg(test)]
mod standby;
#[cfg(test)]
mod watchdog;
