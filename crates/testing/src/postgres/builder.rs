//! How a cluster is to be: its settings, its disk, its TLS.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Cluster, place};
use crate::watchdog::Watchdog;

/// What a cluster is made of.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    settings: Vec<(String, String)>,
    durable: bool,
    tls: Option<(String, String)>,
    disk: Option<PathBuf>,
    wal_apart: bool,
}

impl Builder {
    /// A line of `postgresql.conf`; the last one of a name wins.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has it write to the disk before it says so, as a real server does.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Has it offer TLS, with a certificate and its key in PEM. It still takes connections without.
    #[must_use]
    pub fn tls(mut self, certificate: &str, key: &str) -> Self {
        self.tls = Some((certificate.to_owned(), key.to_owned()));
        self
    }

    /// Puts its data on this disk, in a fresh directory; its log and socket stay apart.
    #[must_use]
    pub fn on_disk(mut self, path: &Path) -> Self {
        self.disk = Some(path.to_owned());
        self
    }

    /// Keeps the write-ahead log off the disk of [`Builder::on_disk`]: a full disk then refuses
    /// statements, where otherwise it may end the server.
    #[must_use]
    pub fn wal_apart(mut self) -> Self {
        self.wal_apart = true;
        self
    }

    /// Makes the cluster and starts it.
    pub fn start(self) -> Cluster {
        let mut cluster = Cluster::place(self);
        cluster.copy_pristine();
        if cluster.options.wal_apart {
            cluster.part_from_wal();
        }
        if let Some((certificate, key)) = &cluster.options.tls {
            place::write(&cluster.data.join("server.crt"), certificate, 0o600);
            place::write(&cluster.data.join("server.key"), key, 0o600);
        }
        cluster.start_somewhere();
        cluster
    }

    /// A directory for the data, apart from the cluster's own only if the caller wants that.
    pub(super) fn data(&self, folder: &Path) -> PathBuf {
        match &self.disk {
            Some(disk) => place::server_directory_in(disk, "data-"),
            None => folder.join("data"),
        }
    }

    /// The same cluster elsewhere: what a standby is.
    pub(super) fn off_disk(&self) -> Self {
        Self { disk: None, wal_apart: false, ..self.clone() }
    }

    /// The whole of `postgresql.conf`.
    pub(super) fn configuration(&self, port: u16, folder: &Path) -> String {
        let onoff = |on: bool| if on { "on" } else { "off" };
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\n\
             port = {port}\n\
             unix_socket_directories = '{}'\n\
             fsync = {durable}\n\
             full_page_writes = {durable}\n\
             ssl = {tls}\n\
             wal_level = replica\n\
             max_wal_senders = 10\n\
             hot_standby = on\n\
             wal_retrieve_retry_interval = 100ms\n\
             shared_buffers = 32MB\n\
             # Its files are in the data directory: those in /dev/shm would outlive a kill.\n\
             dynamic_shared_memory_type = mmap\n\
             log_line_prefix = '%m [%p] '\n",
            folder.display(),
            durable = onoff(self.durable),
            tls = onoff(self.tls.is_some()),
        );
        if self.disk.is_none() {
            // So that a standby that was stopped for long still finds its place.
            text.push_str("wal_keep_size = 256MB\n");
        }
        for (name, value) in &self.settings {
            writeln!(text, "{name} = '{}'", value.replace('\'', "''")).expect("to a string");
        }
        text
    }

    /// The whole of `pg_hba.conf`: all from this machine are trusted.
    pub(super) fn host_based_authentication(&self) -> String {
        let mut text = "local all all trust\n".to_owned();
        let hosts: &[_] = if self.tls.is_some() { &["hostssl", "host"] } else { &["host"] };
        for host in hosts {
            for database in ["all", "replication"] {
                writeln!(text, "{host} {database} all 127.0.0.1/32 trust").expect("to a string");
            }
        }
        text
    }
}

/// A data directory as `initdb` leaves it, made once a process: a copy takes a tenth of the time.
pub(super) fn pristine() -> &'static Path {
    static PRISTINE: OnceLock<(PathBuf, Watchdog)> = OnceLock::new();
    let (path, _) = PRISTINE.get_or_init(|| {
        let path = place::server_directory("twinpath-pristine-");
        let watchdog = Watchdog::over(&[&path]);
        let mut initdb = place::server_command("initdb");
        initdb.args(["--auth=trust", "--no-sync", "--no-instructions", "--encoding=UTF8"]);
        initdb.args(["--locale=C", "--username=twinpath", "--pgdata"]).arg(&path);
        super::succeed(initdb);
        (path, watchdog)
    });
    path
}
