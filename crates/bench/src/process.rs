//! Child processes: started in a group of their own, so that Ctrl-C at the terminal reaches only us;
//! stopped when we drop them or, their input closing, when we die. Their CPU time and memory are read
//! from `/proc`.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::child::Role;
use crate::{BenchError, io};

/// Clock ticks a second in `/proc/<pid>/stat`: `USER_HZ`, 100 on every Linux there is.
const TICKS: u64 = 100;

type MakeCommand = dyn Fn(Role, &Path) -> Command + Send + Sync;

/// Makes the command that runs [`crate::child::Child`] in a role with a configuration.
#[derive(Clone)]
pub struct Launch(Arc<MakeCommand>);

impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Launch")
    }
}

impl Launch {
    /// By any means, such as a test's.
    pub fn new(command: impl Fn(Role, &Path) -> Command + Send + Sync + 'static) -> Self {
        Self(Arc::new(command))
    }

    /// The running executable with the hidden subcommand `bench-child`.
    pub fn this_executable() -> Result<Self, BenchError> {
        let executable = std::env::current_exe().map_err(io("the running executable"))?;
        Ok(Self::new(move |role, config| {
            let mut command = Command::new(&executable);
            command.arg("bench-child").arg("--role").arg(role.as_str());
            command.arg("--config").arg(config);
            command
        }))
    }

    /// Starts a child, bound to CPUs if they are given.
    pub(crate) fn start(
        &self,
        role: Role,
        config: &Path,
        cpus: Option<&str>,
    ) -> Result<Process, BenchError> {
        use std::os::unix::process::CommandExt as _;
        let command = (self.0)(role, config);
        let mut command = match cpus {
            Some(cpus) => pinned(&command, cpus),
            None => command,
        };
        // Its output is ours to print, and there is none to expect.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        let what = command.get_program().display().to_string();
        let child = command.spawn().map_err(io(what))?;
        Ok(Process { child, role })
    }
}

/// `taskset` becomes the command it is given, so the process id stays.
fn pinned(command: &Command, cpus: &str) -> Command {
    let mut outer = Command::new("taskset");
    outer.arg("-c").arg(cpus).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            outer.env(name, value);
        }
    }
    outer
}

/// Binds all threads of this process to CPUs.
pub(crate) fn pin_this(cpus: &str) -> Result<(), BenchError> {
    let id = std::process::id().to_string();
    let status = Command::new("taskset")
        .args(["-a", "-p", "-c", cpus, &id])
        .stdout(Stdio::null())
        .status()
        .map_err(io("taskset"))?;
    if status.success() { Ok(()) } else { Err(BenchError::Child("taskset refused".to_owned())) }
}

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    role: Role,
}

impl Process {
    /// An error once it has ended.
    pub(crate) fn alive(&mut self) -> Result<(), BenchError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                Err(BenchError::Child(format!("the {} ended: {status}", self.role.as_str())))
            }
            Err(error) => Err(BenchError::Io(self.role.as_str().to_owned(), error)),
        }
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Result<Usage, BenchError> {
        Usage::of(&self.child.id().to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; a killed one is gone before its folder is deleted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time since the start, and the most memory ever held.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    pub(crate) peak_rss_kb: u64,
}

impl Usage {
    /// Of this process.
    pub(crate) fn of_this() -> Result<Self, BenchError> {
        Self::of("self")
    }

    fn of(id: &str) -> Result<Self, BenchError> {
        let read = |file: &str| {
            let path = format!("/proc/{id}/{file}");
            std::fs::read_to_string(&path).map_err(io(path))
        };
        let (user, system) = cpu_times(&read("stat")?)
            .ok_or_else(|| BenchError::Child(format!("/proc/{id}/stat cannot be read")))?;
        let status = read("status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        Ok(Self { user, system, peak_rss_kb: peak.unwrap_or(0) })
    }
}

/// Fields 14 and 15 of proc(5) `stat`, counted behind the command's name, which may hold anything.
fn cpu_times(stat: &str) -> Option<(Duration, Duration)> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let mut next = || {
        let ticks: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_millis(ticks * 1000 / TICKS))
    };
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_any_name() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 500 0 0 0 123 45 0 0 20 0 5 0 99 0 0";
        let expected = (Duration::from_millis(1230), Duration::from_millis(450));
        assert_eq!(cpu_times(stat), Some(expected));
        assert_eq!(cpu_times("7 (a) S 1"), None);
        assert!(Usage::of_this().unwrap().peak_rss_kb > 0);
    }
}
