//! Several nodes on one PostgreSQL: the contract (PROTOCOL 5, 7.2, 9) whichever node is asked, and
//! while nodes, the database and the network between them fail.
//!
//! Every node is the `twinpath` command, which `cargo build -p twinpath` has to have built; all are
//! bound to one message centre, which hands texts to any of them. The tests of faults have one shape:
//! start a load, do the fault, wait until whole authorizations succeed again, stop, and hold
//! everything that was promised against the database.
//!
//! | room | what it does |
//! |---|---|
//! | `fleet` | nodes, their message centre and their database |
//! | `client` | an installation behind a load balancer |
//! | `load` | whole authorizations, several in flight |
//! | `ledger` | what was promised, and whether it was kept |

#[cfg(test)]
mod client;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod hold;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod load;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod races;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod waking;
