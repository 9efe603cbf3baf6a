//! Goes through the tables, then compares what both sides hold.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use super::checksum::{Sum, encode};
use super::table::{Cursor, Row, Table};
use super::{Mark, Side, Transfer, TransferError, Which};
use crate::error::StoreError;

/// What a copy does at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Rows go from one side to the other.
    Copying,
    /// Both sides are read again.
    Verifying,
}

/// How far a copy is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What it does.
    pub stage: Stage,
    /// With which table.
    pub table: Table,
    /// Rows of this table that are done with, earlier runs included.
    pub rows: u64,
    /// Rows of this table in the source.
    pub of: u64,
    /// Rows of all tables that are done with in this stage.
    pub all_rows: u64,
    /// Rows of all tables in the source.
    pub all_of: u64,
}

/// Whoever looks on, and may stop the copy after any page.
type Watch<'w> = &'w mut dyn FnMut(&Progress) -> ControlFlow<()>;

/// How a copy ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Everything is there, and was compared.
    Whole(Copied),
    /// It was told to stop. [`Transfer::open`] takes it up again.
    Stopped,
}

/// What was copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copied {
    /// Rows of each table, earlier runs included.
    pub tables: Vec<(Table, u64)>,
    /// Rows that this run copied.
    pub this_run: u64,
}

/// Why a stage did not come to its end.
enum Halt {
    Told,
    Failed(TransferError),
}

impl From<TransferError> for Halt {
    fn from(error: TransferError) -> Self {
        Self::Failed(error)
    }
}

fn of(which: Which) -> impl Fn(StoreError) -> TransferError + Copy {
    move |error| TransferError::Store(which, error)
}

impl Transfer {
    /// Copies what is not copied yet, reads both sides again, and compares them. `watch` is told after
    /// each page, and stops the copy by its answer.
    pub fn run(mut self, watch: Watch<'_>) -> Result<Ended, TransferError> {
        match self.stages(watch) {
            Ok(copied) => Ok(Ended::Whole(copied)),
            Err(Halt::Told) => Ok(Ended::Stopped),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    fn stages(&mut self, watch: Watch<'_>) -> Result<Copied, Halt> {
        let mut counts = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            counts.push(self.from.count(table).map_err(of(Which::From))?);
        }
        let all_of = counts.iter().sum();
        let before: u64 = self.marks.iter().map(|(_, mark)| mark.rows).sum();
        let mut progress = Progress {
            stage: Stage::Copying,
            table: Table::SigningKeys,
            rows: 0,
            of: 0,
            all_rows: before,
            all_of,
        };
        for at in 0..self.marks.len() {
            let Some((table, mark)) = self.marks.get(at).cloned() else { break };
            progress.table = table;
            progress.rows = mark.rows;
            progress.of = counts.get(at).copied().unwrap_or(0);
            tell(watch, &progress)?;
            let done = if mark.done {
                mark
            } else {
                copy(&mut *self.from, &mut *self.to, mark, &mut progress, watch)?
            };
            if let Some((_, mark)) = self.marks.get_mut(at) {
                *mark = done;
            }
        }
        let this_run = progress.all_rows - before;
        progress = Progress { stage: Stage::Verifying, all_rows: 0, ..progress };
        let mut tables = Vec::with_capacity(Table::ALL.len());
        for (table, of) in Table::ALL.into_iter().zip(counts) {
            progress = Progress { table, rows: 0, of, ..progress };
            let rows = compare(&mut *self.from, &mut *self.to, &mut progress, watch)?;
            tables.push((table, rows));
        }
        self.unchanged()?;
        self.to.finish().map_err(of(Which::To))?;
        Ok(Copied { tables, this_run })
    }

    /// What a server that was started meanwhile would leave.
    fn unchanged(&mut self) -> Result<(), TransferError> {
        let version = self.from.registry_version().map_err(of(Which::From))?;
        let used = self.from.is_used().map_err(of(Which::From))?;
        if used || version != self.registry_version {
            return Err(TransferError::Changed);
        }
        Ok(())
    }
}

fn tell(watch: Watch<'_>, progress: &Progress) -> Result<(), Halt> {
    match watch(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Halt::Told),
    }
}

/// Copies the rest of a table. The next page is read while one is written.
fn copy(
    from: &mut dyn Side,
    to: &mut dyn Side,
    mark: Mark,
    progress: &mut Progress,
    watch: Watch<'_>,
) -> Result<Mark, Halt> {
    let table = progress.table;
    thread::scope(|scope| {
        let (send, pages) = sync_channel(1);
        let mut after = mark.cursor.clone();
        scope.spawn(move || {
            loop {
                let page = page(from, table, &after);
                let last = page.as_ref().ok().and_then(|rows| rows.last()).map(Row::key);
                // The other side may be done with us.
                let heard = send.send(page).is_ok();
                match last {
                    Some(key) if heard => after = key,
                    _ => return,
                }
            }
        });
        let mut mark = mark;
        for page in pages {
            let page = page.map_err(of(Which::From))?;
            let count = page.len() as u64;
            let next = match page.last() {
                Some(row) => Mark { cursor: row.key(), rows: mark.rows + count, done: false },
                None => Mark { done: true, ..mark.clone() },
            };
            to.put(table, page, &mark, &next).map_err(of(Which::To))?;
            mark = next;
            progress.rows = mark.rows;
            progress.all_rows += count;
            tell(watch, progress)?;
        }
        if mark.done {
            Ok(mark)
        } else {
            let died = StoreError::unavailable("reading it panicked");
            Err(Halt::Failed(TransferError::Store(Which::From, died)))
        }
    })
}

/// Lines of equal numbers have no order of their own; their content gives them one.
fn page(side: &mut dyn Side, table: Table, after: &Cursor) -> Result<Vec<Row>, StoreError> {
    let mut rows = side.page(table, after)?;
    if table == Table::Audit {
        rows.sort_by_cached_key(|row| match row {
            Row::Line(line) => (line.id, encode(row).unwrap_or_default()),
            Row::Put(_) => (0, Vec::new()),
        });
    }
    Ok(rows)
}

/// Reads a table on both sides. How many rows it has.
fn compare(
    from: &mut dyn Side,
    to: &mut dyn Side,
    progress: &mut Progress,
    watch: Watch<'_>,
) -> Result<u64, Halt> {
    let table = progress.table;
    let stop = AtomicBool::new(false);
    let (there, here) = thread::scope(|scope| {
        let there = scope.spawn(|| {
            let more = |_| {
                if stop.load(Ordering::Relaxed) { Err(Halt::Told) } else { Ok(()) }
            };
            sum(from, Which::From, table, more)
        });
        let here = sum(to, Which::To, table, |rows| {
            progress.rows += rows;
            progress.all_rows += rows;
            tell(watch, progress)
        });
        if here.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        let died = || TransferError::Store(Which::From, StoreError::unavailable("it panicked"));
        (there.join().unwrap_or_else(|_| Err(died().into())), here)
    });
    let (here, there) = (here?, there?);
    if here == there {
        return Ok(here.rows);
    }
    Err(TransferError::Mismatch { table, from: there.rows, to: here.rows }.into())
}

fn sum(
    side: &mut dyn Side,
    which: Which,
    table: Table,
    mut each: impl FnMut(u64) -> Result<(), Halt>,
) -> Result<Sum, Halt> {
    let mut sum = Sum::default();
    let mut after = Cursor::default();
    loop {
        let rows = page(side, table, &after).map_err(of(which))?;
        let Some(last) = rows.last() else { return Ok(sum) };
        after = last.key();
        for row in &rows {
            sum.add(row).map_err(of(which))?;
        }
        each(rows.len() as u64)?;
    }
}
