//! A copy of the database as it is at one moment, while others go on writing.

use std::fs;
use std::io;
use std::path::Path;

use super::connection::Database;
use super::fault::Fault;
use super::schema;
use crate::error::StoreError;
use crate::options::Options;

/// Copies the database into a new file, and looks whether the copy is sound. Writers go on; until it
/// ends, the log of what they write grows.
pub(crate) fn back_up(path: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |why: String| StoreError::Unavailable(why);
    if !path.is_file() {
        return Err(failed(format!("there is no file {}", path.display())));
    }
    let Some(name) = to.to_str() else {
        return Err(failed("the backup's name is not valid UTF-8".to_owned()));
    };
    let database = |path: &Path| Database { path: path.to_owned(), options: Options::default() };
    let (source, copy) = (database(path), database(to));
    // Made by us first, so that nobody else may read it, and nothing is overwritten.
    let cannot = |error: io::Error| failed(format!("cannot create {}: {error}", to.display()));
    copy.create_new().map_err(cannot)?;
    let made = make(&source, &copy, name)
        .map_err(StoreError::from)
        .and_then(|()| copy.sync().map_err(cannot));
    if made.is_err() {
        // Half a backup is none.
        let _gone = fs::remove_file(to);
    }
    made
}

fn make(source: &Database, copy: &Database, name: &str) -> Result<(), Fault> {
    let connection = source.reader()?;
    let (present, newest) = (schema::present(&connection)?, schema::newest());
    if present != newest {
        return Err(Fault::Row(StoreError::Inconsistent(format!(
            "the database has schema version {present}, this program {newest}"
        ))));
    }
    // It would hold for the new file too.
    connection.pragma_update(None, "query_only", false)?;
    connection.execute("VACUUM INTO ?1", [name])?;
    let found: String = copy.reader()?.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(Fault::Broken(format!("the backup is not sound: {found}")))
    }
}
