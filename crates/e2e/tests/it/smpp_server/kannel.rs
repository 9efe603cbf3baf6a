//! Kannel as a gateway: its smsbox takes texts over HTTP, its bearerbox binds to us and submits them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::http::{Request, send_octets};
use twinpath_e2e::number;
use twinpath_e2e::platform::{Registration, metric};
use twinpath_e2e::process::{Installation, fixed_address};
use twinpath_e2e::wait::until;

use super::{PASSWORD, ROUTE, Rig, gateways, redeems_once};

/// A configured Kannel that may run or not. What it accepted is in its folder.
struct Kannel {
    folder: TempDir,
    sendsms: SocketAddr,
    admin: SocketAddr,
}

/// Both boxes. They are killed with their value.
struct Boxes(Vec<Child>);

impl Boxes {
    async fn kill(mut self) {
        for child in &mut self.0 {
            child.kill().await.unwrap();
        }
    }
}

impl Kannel {
    /// One that binds to `port` and submits at most so many texts a second.
    fn new(port: u16, throughput: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [admin, boxes, sendsms] = [(); 3].map(|()| fixed_address());
        std::fs::create_dir(folder.path().join("store")).unwrap();
        let at = folder.path().display();
        let text = format!(
            "group = core\nadmin-port = {}\nadmin-interface = 127.0.0.1\nadmin-password = bar\n\
             smsbox-port = {}\nsmsbox-interface = 127.0.0.1\nbox-allow-ip = 127.0.0.1\n\
             store-type = spool\nstore-location = {at}/store\nsms-resend-freq = 1\n\
             log-level = 1\nlog-file = {at}/bearerbox.log\n\n\
             group = smsc\nsmsc = smpp\nsmsc-id = twinpath\nhost = 127.0.0.1\nport = {port}\n\
             transceiver-mode = true\nsmsc-username = {ROUTE}\nsmsc-password = {PASSWORD}\n\
             system-type = \"\"\nreconnect-delay = 1\nthroughput = {throughput}\n\n\
             group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {}\n\
             sendsms-interface = 127.0.0.1\nlog-level = 1\nlog-file = {at}/smsbox.log\n\n\
             group = sendsms-user\nusername = u\npassword = p\n",
            admin.port(),
            boxes.port(),
            sendsms.port()
        );
        std::fs::write(folder.path().join("kannel.conf"), text).unwrap();
        Self { folder, sendsms, admin }
    }

    fn run(&self, program: &str) -> Child {
        let path = Path::new("/usr/sbin").join(program);
        Command::new(&path)
            .arg(self.folder.path().join("kannel.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}: install kannel", path.display()))
    }

    /// Starts both boxes and waits until they take texts.
    async fn start(&self) -> Boxes {
        let bearerbox = self.run("bearerbox");
        until("bearerbox runs", async || self.status().await).await;
        let boxes = Boxes(vec![bearerbox, self.run("smsbox")]);
        until("smsbox runs", async || {
            let status = self.status().await?;
            status.contains("smsbox:").then_some(())
        })
        .await;
        boxes
    }

    async fn status(&self) -> Option<String> {
        let request = Request::new("GET", "/status.txt?password=bar").octets();
        send_octets(self.admin, &request).await.map(|answer| answer.text())
    }

    /// Waits until everything it accepted was answered for good.
    async fn emptied(&self) {
        until("Kannel has nothing left", async || {
            let status = self.status().await?;
            (status.contains("online") && status.contains("store size 0")).then_some(())
        })
        .await;
    }

    /// A text that a phone sent to the gateway. Whether the gateway accepted it.
    async fn try_text(&self, from: &str, text: &str) -> bool {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("username", "u"), ("password", "p"), ("to", "+8610690001")])
            .extend_pairs([("from", from), ("text", text)])
            .finish();
        let request = Request::new("GET", &format!("/cgi-bin/sendsms?{query}")).octets();
        let answer = send_octets(self.sendsms, &request).await;
        answer.is_some_and(|answer| answer.status == 202)
    }

    /// The same, again until it is accepted: the gateway may then have it twice.
    async fn text(&self, from: &str, attempt: &Attempt) {
        until("Kannel accepts a text", async || {
            self.try_text(from, &attempt.text).await.then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn kannel_hands_over_texts_in_both_alphabets() {
    let rig = Rig::start().await;
    let weather = Arc::new(rig.instance().await);
    let kannel = Kannel::new(rig.port, 100);
    let boxes = kannel.start().await;
    let attempts: Vec<_> = (0..5).map(|n| (number(n), weather.attempt())).collect();
    for (from, attempt) in &attempts {
        kannel.text(from, attempt).await;
    }
    kannel.emptied().await;
    for (_, attempt) in &attempts {
        redeems_once(&weather, attempt).await;
    }
    assert!((rig.metric("acknowledged_total").await - 5.0).abs() < 0.1);
    assert!((rig.platform.texts(ROUTE, "recorded").await - 5.0).abs() < 0.1);
    // Our stop unbinds; Kannel comes back when we do.
    boxes.kill().await;
    rig.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kannel_accepted_is_redeemable_once_though_both_are_killed_in_mid_burst() {
    const TEXTS: u32 = 90;
    let listen = fixed_address();
    let server = Installation::new(&gateways(&listen.to_string(), "", "window = 8"));
    let app = server.register(&Registration::new("weather")).await;
    let mut process = server.start().await;
    let weather = Arc::new(Instance::new(&app, &server.place().await));
    weather.warm().await;
    // Slower than texts come, so that something is always under way.
    let kannel = Kannel::new(listen.port(), 30);
    let mut boxes = kannel.start().await;
    let acknowledged = format!("twinpath_smpp_peer_acknowledged_total{{peer=\"{ROUTE}\"}}");
    let under_way = async || {
        until("texts are under way", async || {
            (metric(server.admin, &acknowledged).await > 4.5).then_some(())
        })
        .await;
    };
    let mut attempts = Vec::new();
    for n in 0..TEXTS {
        let (from, attempt) = (number(n), weather.attempt());
        kannel.text(&from, &attempt).await;
        attempts.push(attempt);
        if n == TEXTS / 3 {
            under_way().await;
            boxes.kill().await;
            boxes = kannel.start().await;
        }
        if n == 2 * TEXTS / 3 {
            under_way().await;
            process.kill().await;
            process = server.start().await;
        }
    }
    kannel.emptied().await;
    for attempt in &attempts {
        redeems_once(&weather, attempt).await;
    }
    boxes.kill().await;
    process.terminate().await;
    assert!(process.ended().await.success());
}
