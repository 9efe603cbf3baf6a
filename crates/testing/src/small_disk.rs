//! A disk of a few megabytes, to be filled.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::postgres::place;
use crate::watchdog::Watchdog;

/// A mounted tmpfs that anyone may write to. It is unmounted when it is dropped, or when the process
/// is gone; drop first what lies on it. A new PostgreSQL cluster takes 40 MB.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
    _watchdog: Watchdog,
}

impl SmallDisk {
    /// Mounts one; `None` where that is refused: it takes root, and not every container lets it.
    pub fn mount(megabytes: u32) -> Option<Self> {
        let path = place::fresh_directory("twinpath-disk-");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=1777"), "tmpfs"])
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            let watchdog = Watchdog::over_mount(&path);
            return Some(Self { path, _watchdog: watchdog });
        }
        let _ = std::fs::remove_dir(&path);
        None
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
