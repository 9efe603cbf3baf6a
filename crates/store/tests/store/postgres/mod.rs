//! The suite on PostgreSQL, and what can only be asked of a server that nodes share.

mod nodes;
mod schema;
mod server;
mod together;

use twinpath_store::{Options, Store, StoreError};
use twinpath_testing::postgres::shared;

use crate::suite::{
    Backend, batches, every_case, faults, instances, notes, operators, races, rows, sign_in,
};

/// An empty database on the server of this test process.
struct ServerBackend {
    url: String,
    writers: usize,
}

impl ServerBackend {
    fn new(writers: usize) -> Self {
        Self { url: shared().fresh_database(), writers }
    }

    /// The database's name.
    fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap()
    }

    fn psql(&self, sql: &str) -> String {
        shared().psql(self.name(), sql)
    }
}

impl Backend for ServerBackend {
    fn open(&self, options: Options) -> Result<Store, StoreError> {
        Store::open(&self.url, Options { writers: self.writers, ..options })
    }
}

macro_rules! on_a_server {
    ($($module:ident::$case:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            // One writer, because some cases hold it to see what waits meanwhile.
            $module::$case(&ServerBackend::new(1)).await;
        }
    )*};
}

every_case!(on_a_server);
