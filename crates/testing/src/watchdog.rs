//! Clears up after a test, even one that was killed with `kill -9`.
//!
//! A [`Watchdog`] is a small shell that reads a pipe of which the test's process alone holds the
//! other end: the end of file means that the value was dropped or the process is gone, however. Then
//! it ends the server it was told of, unmounts what was mounted, and removes the directories.
//! It is in a process group of its own, so that Ctrl-C leaves it to its work.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Ends a server: `SIGQUIT` is its immediate shutdown, which gives back the System V shared memory
/// that `SIGKILL` would leak. A frozen one has to wake for that.
const END_SERVER: &str = r#"
trap '' INT TERM HUP QUIT
server=
while read -r line; do server=$line; done
stat() { { read -r stat <"/proc/$1/stat"; } 2>/dev/null && stat=${stat##*) }; }
alive() { stat "$server" && [ "${stat%% *}" != Z ]; }
children() {
  for entry in /proc/[0-9]*; do
    stat "${entry#/proc/}" || continue
    parent=${stat#* }
    [ "${parent%% *}" != "$server" ] || echo "${entry#/proc/}"
  done
}
if [ -n "$server" ]; then
  kill -s QUIT "$server"
  kill -s CONT $(children) "$server"
  tries=0
  while alive && [ $tries -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
  if alive; then kill -s KILL $(children) "$server"; fi
fi
"#;

/// `$1` is a mount point or empty, `$2` a data directory or empty, the rest is removed.
const CLEAR: &str = r#"
mount=$1 data=$2
shift 2
if [ -n "$data" ] && memory=$(sed -n 's/.* //;7p' "$data/postmaster.pid"); then
  [ -z "$memory" ] || ipcrm -m "$memory"
fi
[ -z "$mount" ] || umount "$mount" || umount -l "$mount"
tries=0
until rm -rf -- "$@" || [ $tries -ge 50 ]; do sleep 0.1; tries=$((tries + 1)); done
"#;

/// Removes its directories when it is dropped or the process is gone.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Watches over directories.
    pub(crate) fn over(directories: &[&Path]) -> Self {
        Self::new(Path::new(""), Path::new(""), directories)
    }

    /// Watches over a mount point, which is a directory of its own.
    pub(crate) fn over_mount(directory: &Path) -> Self {
        Self::new(directory, Path::new(""), &[directory])
    }

    /// Watches over a server's data, and its other directory.
    pub(crate) fn over_server(data: &Path, folder: &Path) -> Self {
        Self::new(Path::new(""), data, &[data, folder])
    }

    fn new(mount: &Path, data: &Path, directories: &[&Path]) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", &format!("{END_SERVER}{CLEAR}"), "twinpath-watchdog"])
            .args([mount, data])
            .args(directories)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let pipe = shell.stdin.take();
        Self { shell, pipe }
    }

    /// Names the server to end.
    pub(crate) fn watch(&mut self, server: u32) {
        self.tell(&format!("{server}\n"));
    }

    /// Says that the server has ended.
    pub(crate) fn forget(&mut self) {
        self.tell("\n");
    }

    fn tell(&mut self, line: &str) {
        let pipe = self.pipe.as_mut().expect("it is open until the end");
        pipe.write_all(line.as_bytes()).expect("the watchdog lives");
    }

    /// Has it begin, and does not wait.
    pub(crate) fn release(&mut self) {
        self.pipe = None;
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.release();
        let _ = self.shell.wait();
    }
}
