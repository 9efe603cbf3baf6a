//! The embedded backend: `SQLite` in write-ahead mode, one writer thread that commits groups, reader
//! threads beside it. Only this room sees the driver.

mod connection;
mod fault;
mod flush;
mod load;
mod purge;
mod reader;
mod rows;
mod schema;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use self::connection::Database;
use self::reader::Reader;
use self::writer::Writer;
use crate::error::StoreError;
use crate::lane::{Lane, Worker};
use crate::options::Options;
use crate::stats::Counters;
use crate::work::{ReadWork, WriteWork};

/// Everything that serves one database.
pub(crate) struct Opened {
    pub(crate) reads: Lane<ReadWork>,
    pub(crate) writes: Lane<WriteWork>,
    pub(crate) schema_version: u32,
}

/// Opens or makes the database and starts its threads.
pub(crate) fn open(
    path: PathBuf,
    options: Options,
    counters: &Arc<Counters>,
) -> Result<Opened, StoreError> {
    let database = Database { path, options };
    let options = &database.options;
    database.create_file()?;
    let mut connection = database.writer()?;
    let schema_version = schema::migrate(&mut connection, schema::MIGRATIONS)?;
    let writer = Writer {
        database: database.clone(),
        connection: Some(connection),
        random: (options.random)(),
        counters: Arc::clone(counters),
    };
    let writers: Vec<Worker<WriteWork>> = vec![Box::new(move |queue| writer.run(queue))];
    let readers = (0..options.readers.max(1)).map(|_| reader(&database, counters));
    let readers = readers.collect::<Result<Vec<_>, _>>()?;
    Ok(Opened {
        writes: Lane::start("store-writer", options.queue_limit, writers)?,
        reads: Lane::start("store-reader", options.queue_limit, readers)?,
        schema_version,
    })
}

fn reader(database: &Database, counters: &Arc<Counters>) -> Result<Worker<ReadWork>, StoreError> {
    let reader = Reader {
        database: database.clone(),
        connection: Some(database.reader()?),
        random: (database.options.random)(),
        counters: Arc::clone(counters),
    };
    Ok(Box::new(move |queue| reader.run(queue)))
}
