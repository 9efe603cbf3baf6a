//! The embedded backend: `SQLite` in write-ahead mode, one writer thread that commits groups, reader
//! threads beside it. Only this room sees the driver.

mod backup;
mod connection;
mod fault;
mod flush;
mod load;
mod purge;
mod reader;
mod rows;
mod schema;
mod transfer;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use self::backup::back_up;
use self::connection::Database;
use self::reader::Reader;
pub(crate) use self::transfer::{SqliteSide, identity};
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
    transfer::refuse_unfinished(&connection)?;
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

/// The version of the tables in a file, 0 if there are none; and this program's. Changes nothing.
pub(crate) fn versions(path: &Path) -> Result<(u32, u32), StoreError> {
    if !path.is_file() {
        return Ok((0, schema::newest()));
    }
    let database = Database { path: path.to_owned(), options: Options::default() };
    Ok((schema::present(&database.reader()?)?, schema::newest()))
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
