//! Binds and message centres against each other, and against peers that misbehave, over real
//! sockets. No test waits for a fixed time: each waits for what it expects, with a deadline.

#[cfg(test)]
mod burst;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod liveness;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod reconnect;
#[cfg(test)]
mod server;
#[cfg(test)]
mod submits;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
