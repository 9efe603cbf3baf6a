//! Tells on standard error how far a copy is: a bar on a terminal, a line now and then elsewhere.

use std::fmt;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use twinpath_store::{Progress, Stage};

use crate::stores::what;

const BAR: &str = "{msg:30} {wide_bar} {human_pos} of {human_len}, {rate} rows/s, {eta} left";

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(5);

pub(crate) struct Meter {
    /// `None`: standard error is no terminal.
    bar: Option<ProgressBar>,
    stage: Option<Stage>,
    begun: Instant,
    /// Where this stage began.
    first: u64,
    told: Instant,
    /// What the last line said.
    last: u64,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            bar.set_style(style());
            bar
        });
        let now = Instant::now();
        Self { bar, stage: None, begun: now, first: 0, told: now, last: 0 }
    }

    pub(crate) fn show(&mut self, progress: &Progress) {
        let fresh = self.stage != Some(progress.stage);
        if fresh {
            self.stage = Some(progress.stage);
            self.begun = Instant::now();
            (self.first, self.last) = (progress.all_rows, 0);
        }
        match &self.bar {
            Some(bar) => {
                bar.set_message(part(progress));
                bar.set_length(progress.all_of.max(progress.all_rows));
                bar.set_position(progress.all_rows);
                if fresh {
                    bar.reset_eta();
                }
            }
            None => self.line(progress, fresh),
        }
    }

    /// Leaves the terminal as it was.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&mut self, progress: &Progress, fresh: bool) {
        let now = Instant::now();
        let all_done = progress.all_rows == progress.all_of && progress.all_rows > self.last;
        if !fresh && !all_done && now.duration_since(self.told) < PAUSE {
            return;
        }
        (self.told, self.last) = (now, progress.all_rows);
        let Progress { all_rows, all_of, .. } = *progress;
        let moved = all_rows.saturating_sub(self.first);
        let took = now.duration_since(self.begun);
        eprintln!("{}: {all_rows} of {all_of} rows{}", part(progress), pace(moved, took, progress));
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, to: &mut dyn fmt::Write| {
        // A bar that cannot be drawn is no failure.
        let _drawn = write!(to, "{:.0}", state.per_sec());
    })
}

fn part(progress: &Progress) -> String {
    let stage = match progress.stage {
        Stage::Copying => "copying",
        Stage::Verifying => "comparing",
    };
    format!("{stage} {}", what(progress.table))
}

/// How fast it goes, and how long it takes yet, once that can be told.
fn pace(moved: u64, took: Duration, progress: &Progress) -> String {
    let took = took.as_millis().max(1);
    let rate = u128::from(moved) * 1000 / took;
    if rate == 0 {
        return String::new();
    }
    let left = u128::from(progress.all_of.saturating_sub(progress.all_rows)) / rate;
    format!(", {rate} rows/s, {left} s left")
}

#[cfg(test)]
mod tests {
    use twinpath_store::Table;

    use super::*;

    fn progress(all_rows: u64) -> Progress {
        let (stage, table) = (Stage::Copying, Table::Accounts);
        Progress { stage, table, rows: all_rows, of: 1000, all_rows, all_of: 1000 }
    }

    #[test]
    fn tells_how_fast_it_goes_and_how_long_it_takes() {
        let pace = |moved, all_rows| pace(moved, Duration::from_secs(2), &progress(all_rows));
        assert_eq!(pace(0, 500), "", "nothing moved in this run yet");
        assert_eq!(pace(200, 600), ", 100 rows/s, 4 s left");
    }

    #[test]
    fn the_bar_is_of_a_form_that_exists() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }
}
