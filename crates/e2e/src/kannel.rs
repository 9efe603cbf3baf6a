//! Kannel, the open-source gateway, from Debian: phones' texts come in by its `fakesmsc`, and go out to a
//! webhook; texts to phones are asked of its `sendsms`, and its receipts go where that says.

use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::process::fixed_address;
use crate::wait::until;

const FAKESMSC: &str = "/usr/lib/kannel/test/fakesmsc";

/// A running Kannel. Its processes are killed with the value.
pub struct Kannel {
    /// Where `fakesmsc` connects to.
    fake: u16,
    _bearerbox: Child,
    _smsbox: Child,
    /// Each has texted, and stays for what the gateway might send.
    phones: Vec<Child>,
    folder: TempDir,
}

impl Kannel {
    /// Starts one that hands each text to `get_url`, in which Kannel's `%` sequences stand for its parts.
    pub async fn start(get_url: &str) -> Self {
        Self::start_at(fixed_address().port(), get_url).await
    }

    /// The same, with `sendsms` at this port, for user `twinpath` and password `secret`.
    pub async fn start_at(sendsms: u16, get_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [admin, smsbox, fake] = [(); 3].map(|()| fixed_address().port());
        let path = folder.path().join("kannel.conf");
        let text = format!(
            "group = core\nadmin-port = {admin}\nadmin-password = secret\nsmsbox-port = {smsbox}\n\
             box-allow-ip = \"127.0.0.1\"\nlog-level = 1\n\n\
             group = smsc\nsmsc = fake\nsmsc-id = fake\nport = {fake}\n\
             connect-allow-ip = 127.0.0.1\n\n\
             group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {sendsms}\n\
             http-request-retry = 5\nhttp-queue-delay = 1\n\n\
             group = sendsms-user\nusername = twinpath\npassword = secret\n\n\
             group = sms-service\nkeyword = default\nget-url = \"{get_url}\"\nmax-messages = 0\n\
             catch-all = true\n"
        );
        std::fs::write(&path, text).unwrap();
        let run = |program: &str| {
            let mut command = Command::new(program);
            command.arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.current_dir(folder.path()).kill_on_drop(true);
            command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"))
        };
        let bearerbox = run("/usr/sbin/bearerbox");
        for port in [smsbox, fake] {
            listens(port).await;
        }
        let smsbox = run("/usr/sbin/smsbox");
        listens(sendsms).await;
        Self { fake, _bearerbox: bearerbox, _smsbox: smsbox, phones: Vec::new(), folder }
    }

    /// A phone texts.
    pub fn text(&mut self, from: &str, to: &str, body: &str) {
        let mut command = Command::new(FAKESMSC);
        command.args(["-H", "127.0.0.1", "-r", &self.fake.to_string(), "-i", "0.01", "-m", "1"]);
        command.arg(format!("{from} {to} text {body}"));
        let log = std::fs::File::create(self.log(self.phones.len())).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let phone = command.kill_on_drop(true).spawn();
        self.phones.push(phone.unwrap_or_else(|error| panic!("{FAKESMSC}: {error}")));
    }

    /// What the `nth` phone that texted got since, counted from zero, among other lines.
    pub fn heard(&self, nth: usize) -> String {
        std::fs::read_to_string(self.log(nth)).unwrap()
    }

    fn log(&self, nth: usize) -> PathBuf {
        self.folder.path().join(format!("phone-{nth}.log"))
    }
}

async fn listens(port: u16) {
    until("Kannel listens", async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await;
}
