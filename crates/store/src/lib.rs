//! Durable storage: the batched transaction of twinpath-core on an embedded database.
