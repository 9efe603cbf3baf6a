//! Nothing is left of a test that was killed.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use twinpath_testing::postgres::Cluster;
use twinpath_testing::small_disk::SmallDisk;
use twinpath_testing::wait::until;

/// Set for the process that is to be killed.
const VICTIM: &str = "TWINPATH_TESTING_VICTIM";

/// Not a test: what [`a_killed_test_leaves_nothing`] kills.
#[test]
fn victim() {
    let Ok(state) = std::env::var(VICTIM) else { return };
    let disk = SmallDisk::mount(1);
    let cluster = Cluster::builder().start();
    match state.as_str() {
        "killed" => cluster.kill(),
        "suspended" => cluster.suspend(),
        _ => {}
    }
    let folder = cluster.data().parent().unwrap().display();
    let disk = disk.as_ref().map_or_else(String::new, |disk| disk.path().display().to_string());
    // The pipe is written to past the capture of the test's output.
    std::fs::write("/proc/self/fd/2", format!("victim {folder} {disk}\n")).unwrap();
    // Until it is killed, or we are.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn start(state: &str) -> (Child, PathBuf, PathBuf) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "watchdog::victim"])
        .env(VICTIM, state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.find_map(|line| Some(line.unwrap().strip_prefix("victim ")?.to_owned()));
    let line = line.expect("the victim says where it is");
    let (folder, disk) = line.split_once(' ').unwrap();
    (child, folder.into(), disk.into())
}

/// The server's number, if it runs.
fn postmaster(folder: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    let pid: u32 = text.lines().next().unwrap().parse().unwrap();
    Path::new(&format!("/proc/{pid}/stat")).exists().then_some(pid)
}

fn left_of(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[test]
fn a_killed_test_leaves_nothing() {
    for state in ["running", "suspended", "killed"] {
        let (mut child, folder, disk) = start(state);
        assert!(folder.is_dir());
        let pid = postmaster(&folder);
        assert_eq!(pid.is_some(), state != "killed");
        // All of its group, as a terminal or a CI runner may do.
        let kill = format!("kill -s KILL -- -{}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        child.wait().unwrap();
        if let Some(pid) = pid {
            until("the server is gone", || (!left_of(pid)).then_some(()));
        }
        until("its directory is gone", || (!folder.exists()).then_some(()));
        until("its disk is gone", || (!disk.exists()).then_some(()));
    }
}
