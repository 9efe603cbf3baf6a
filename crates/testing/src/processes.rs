//! Reads processes from `/proc` and signals them.
//!
//! A zombie counts as gone: it holds no socket, file or shared memory any more, and in a container
//! nobody may ever reap it.

use std::fs;
use std::process::{Command, Stdio};

use crate::wait::until;

/// The letter of `/proc/PID/stat` and the parent.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it is in parentheses and may hold anything.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Whether there is such a process, and it is no zombie.
pub(crate) fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// The children of a process. PostgreSQL's are all the postmaster's own.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| stat(*pid).is_some_and(|(_, its)| its == parent))
        .collect()
}

/// Sends a signal to all of them by one command. Those that are gone are no failure.
pub(crate) fn signal(name: &str, pids: &[u32]) {
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -s "$0" "$@""#, name]);
    kill.args(pids.iter().map(u32::to_string)).stderr(Stdio::null());
    kill.status().expect("a shell");
}

/// Stops a process and its children, and waits until none of them runs; gives the children back.
pub(crate) fn freeze(parent: u32) -> Vec<u32> {
    // The parent first, so that no further child appears.
    stop(&[parent]);
    let children = children(parent);
    stop(&children);
    children
}

/// Lets a process and its children go on.
pub(crate) fn thaw(parent: u32) {
    let mut all = children(parent);
    all.push(parent);
    signal("CONT", &all);
}

fn stop(pids: &[u32]) {
    signal("STOP", pids);
    for &pid in pids {
        let stopped = || matches!(stat(pid), None | Some(('T' | 't' | 'Z' | 'X', _)));
        until("a process stops", || stopped().then_some(()));
    }
}
