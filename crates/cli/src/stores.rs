//! `migrate`, `copy`, `backup`: commands about whole stores. Their answers are sentences.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use twinpath_server::config::ConfigError;
use twinpath_server::platform::migrate_store;
use twinpath_store::{
    Copied, Ended, Options, Store, StoreError, Table, Transfer, TransferError, Versions,
};

use crate::StopSignals;
use crate::arguments::{Backup, Copy, Migrate};
use crate::meter::Meter;

/// Why a command about whole stores failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoresError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error(
        "the store's tables are of version {present}, this program's of {newest}: run \
         `twinpath migrate`"
    )]
    Outdated { present: u32, newest: u32 },
    #[error(
        "the store is on a database server, which has its own tools for this: pg_dump, or \
         pg_basebackup with an archive of the log; see docs/operations.md"
    )]
    NotAFile,
    #[error("{0} exists; nothing is overwritten")]
    Exists(PathBuf),
    #[error("stopped; run the same command again, and it goes on where it was")]
    Stopped,
    #[error("a thread died")]
    Died,
}

pub(crate) async fn migrate(migrate: Migrate) -> Result<(), StoresError> {
    println!("{}", migrated(migrate).await?);
    Ok(())
}

/// What there was to do, in a sentence.
async fn migrated(Migrate { file, check }: Migrate) -> Result<String, StoresError> {
    let config = crate::load(&file)?;
    let Versions { present, newest } =
        in_thread(move || Store::versions(config.store.url.expose(), &Options::default())).await?;
    if present > newest {
        return Ok(format!(
            "The store's tables are of version {present}, this program's of {newest}: there is \
             nothing to migrate."
        ));
    }
    if check {
        return match present {
            0 => Ok("The store has no tables yet: they are made at first use.".to_owned()),
            _ if present < newest => Err(StoresError::Outdated { present, newest }),
            _ => Ok(format!("The store's tables are of version {present}, as they should be.")),
        };
    }
    let config = crate::load(&file)?;
    let store = in_thread(move || migrate_store(&config)).await?;
    let now = store.schema_version();
    store.close().await;
    Ok(if present == now {
        format!("The store's tables are of version {now} already: there is nothing to do.")
    } else if present == 0 {
        format!("The store had no tables; it now has those of version {now}.")
    } else {
        format!("The store's tables were of version {present} and are now of {now}.")
    })
}

/// What blocks, beside the threads that must not.
async fn in_thread<T: Send + 'static, E: Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, StoresError>
where
    StoresError: From<E>,
{
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| StoresError::Died)??)
}

pub(crate) async fn back_up(Backup { file, to }: Backup) -> Result<(), StoresError> {
    let config = crate::load(&file)?;
    if !config.store.url.is_embedded() {
        return Err(StoresError::NotAFile);
    }
    if to.exists() {
        return Err(StoresError::Exists(to));
    }
    let begun = Instant::now();
    let target = to.clone();
    let bytes = in_thread(move || {
        Store::back_up(config.store.url.expose(), &target)?;
        Ok::<_, StoreError>(std::fs::metadata(&target).map_or(0, |file| file.len()))
    })
    .await?;
    println!(
        "Backed up into {}: {} in {:.1} s. The master key is not in it.",
        to.display(),
        indicatif::HumanBytes(bytes),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

pub(crate) async fn copy(copy: Copy, stop: StopSignals) -> Result<(), StoresError> {
    eprintln!("No server may run on either store until this has ended.");
    let told = Arc::new(AtomicBool::new(false));
    let listening = Arc::clone(&told);
    let listener = tokio::spawn(async move {
        stop.come().await;
        listening.store(true, Ordering::Relaxed);
    });
    let begun = Instant::now();
    let ended = in_thread(move || transfer(&copy, &told)).await;
    listener.abort();
    match ended? {
        Ended::Stopped => Err(StoresError::Stopped),
        Ended::Whole(copied) => {
            report(&copied, begun);
            Ok(())
        }
    }
}

fn transfer(copy: &Copy, told: &AtomicBool) -> Result<Ended, TransferError> {
    let transfer = Transfer::open(&copy.from, &copy.to, copy.audit_days)?;
    if transfer.resumed() {
        eprintln!("An earlier run began this copy; it goes on.");
    }
    let mut meter = Meter::new();
    let ended = transfer.run(&mut |progress| {
        meter.show(progress);
        if told.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    meter.clear();
    ended
}

fn report(copied: &Copied, begun: Instant) {
    let total: u64 = copied.tables.iter().map(|(_, rows)| rows).sum();
    let took = begun.elapsed().as_secs_f64();
    println!(
        "The stores agree: {total} rows in each, {} of them copied now, in {took:.1} s.",
        copied.this_run
    );
    for (table, rows) in &copied.tables {
        println!("{rows:>12}  {}", what(*table));
    }
    println!("Now set url of [store] to the destination; the master key stays the same.");
}

/// What people call the rows of a table.
pub(crate) fn what(table: Table) -> &'static str {
    match table {
        Table::SigningKeys => "signing keys",
        Table::Apps => "apps",
        Table::Terminals => "numbers",
        Table::Accounts => "accounts",
        Table::Grants => "grants",
        Table::Sessions => "sessions",
        Table::Interactions => "authorization requests",
        Table::Codes => "codes",
        Table::Quotas => "quotas",
        Table::Jtis => "used identifiers",
        Table::Instances => "installations",
        Table::Notes => "short-lived notes",
        Table::Audit => "audit lines",
    }
}
