//! A standby that follows a primary, and takes its place.

use super::{Cluster, place, succeed};
use crate::wait::until;

impl Cluster {
    /// A standby of this running primary that streams from it under a name.
    #[must_use]
    pub fn standby(&self, name: &str) -> Self {
        let mut standby = Self::place(self.options.off_disk());
        let from =
            format!("host=127.0.0.1 port={} user=twinpath application_name={name}", self.port);
        let mut backup = place::server_command("pg_basebackup");
        backup.args(["--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream"]);
        backup.args(["--no-sync", "--dbname", &from, "--pgdata"]).arg(&standby.data);
        succeed(backup);
        standby.depend_on_nobody();
        standby.start_somewhere();
        self.await_standby(name, "state = 'streaming'");
        standby
    }

    /// The primary's own wish to wait came along with its data.
    fn depend_on_nobody(&self) {
        let path = self.data.join("postgresql.auto.conf");
        let mut text = std::fs::read_to_string(&path).expect("pg_basebackup wrote it");
        text.push_str("synchronous_standby_names = ''\n");
        place::write(&path, &text, 0o600);
    }

    /// Has every commit wait for this standby, which must be streaming; for none if it is empty.
    pub fn set_synchronous_standby(&self, name: &str) {
        let names = if name.is_empty() { String::new() } else { format!("\"{name}\"") };
        let sql = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        self.psql("postgres", &format!("{sql}; SELECT pg_reload_conf()"));
        if name.is_empty() {
            let none = "SELECT NOT EXISTS (SELECT FROM pg_stat_replication \
                        WHERE sync_state <> 'async')";
            self.await_true("nothing is waited for", none);
        } else {
            self.await_standby(name, "sync_state = 'sync'");
        }
    }

    /// Makes a primary of a standby, and waits until it writes.
    pub fn promote(&self) {
        self.psql("postgres", "SELECT pg_promote()");
        self.await_true("a primary", "SELECT NOT pg_is_in_recovery()");
    }

    fn await_standby(&self, name: &str, state: &str) {
        let standby = format!("FROM pg_stat_replication WHERE application_name = '{name}'");
        let sql = format!("SELECT EXISTS (SELECT {standby} AND {state})");
        self.await_true(&format!("standby {name}: {state}"), &sql);
    }

    fn await_true(&self, what: &str, sql: &str) {
        until(what, || (self.psql("postgres", sql) == "t").then_some(()));
    }
}
