//! What the server holds in memory, as the run goes on.

use std::sync::Mutex;

/// What may come on top of a tenth: what buffers and the allocator keep.
const SLACK_KB: u64 = 8 * 1024;

/// Resident memory by how far the run was.
pub(crate) struct Memory {
    pid: u32,
    of: u32,
    /// Part of the run in percent, kilobytes.
    seen: Mutex<Vec<(u32, u64)>>,
}

impl Memory {
    /// Of a process, over a run of so many texts.
    pub(crate) fn of(pid: u32, texts: u32) -> Self {
        Self { pid, of: texts, seen: Mutex::default() }
    }

    fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Looks, if this text is the first of a hundredth; gives percent and kilobytes.
    pub(crate) fn look(&self, text: u32) -> Option<(u32, u64)> {
        let percent = |text: u32| u64::from(text) * 100 / u64::from(self.of);
        let here = percent(text);
        if text > 0 && here == percent(text - 1) {
            return None;
        }
        let seen = (u32::try_from(here).unwrap(), self.resident_kb());
        self.seen.lock().unwrap().push(seen);
        Some(seen)
    }

    fn mean_kb(&self, parts: std::ops::Range<u32>) -> u64 {
        let seen = self.seen.lock().unwrap();
        let of: Vec<_> =
            seen.iter().filter(|(part, _)| parts.contains(part)).map(|(_, kb)| *kb).collect();
        of.iter().sum::<u64>() / of.len().max(1) as u64
    }

    /// Fails the test if the last fifth of the run held more than the one in its middle.
    pub(crate) fn is_flat(&self) {
        let (middle, end) = (self.mean_kb(40..60), self.mean_kb(80..101));
        println!("resident: {middle} kB in the middle of the run, {end} kB at its end");
        assert!(middle > 0 && end <= middle + middle / 10 + SLACK_KB, "{middle} kB, then {end} kB");
    }
}
