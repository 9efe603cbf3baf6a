//! What we say, as tshark reads it: no PDU is malformed, each answers what it should.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use twinpath_e2e::app::Instance;
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::number;
use twinpath_e2e::platform::{Platform, Registration};
use twinpath_e2e::rig::ROUTE as BIND;
use twinpath_e2e::wait::within;

use super::{Esme, PASSWORD, ROUTE, Rig, message};
use crate::confirmation::texts::said;
use crate::confirmation::{ALWAYS, awaits, digits};

/// Where tshark is to take the octets to have gone.
const PORT: u16 = 2775;
const CLIENT: u16 = 40_000;

/// Octets in the order they came, and whether from the client.
type Record = Arc<Mutex<Vec<(bool, Vec<u8>)>>>;

/// Passes one connection on and keeps what it says.
async fn recorded(port: u16) -> (u16, Record) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, record) = (listener.local_addr().unwrap().port(), Record::default());
    let kept = Arc::clone(&record);
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let ((from, to), (back, answer)) = (client.into_split(), server.into_split());
        tokio::join!(pass(from, answer, true, &kept), pass(back, to, false, &kept));
    });
    (at, record)
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, client: bool, record: &Record) {
    let mut octets = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut octets).await {
        record.lock().unwrap().push((client, octets[..count].to_vec()));
        if to.write_all(&octets[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// A capture file of raw IPv4 packets (link type 101) with these octets in a TCP connection.
fn pcap(record: &[(bool, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xA1B2_C3D4_u32, 0x0002_0004, 0, 0, 65_535, 101] {
        file.extend(word.to_be_bytes());
    }
    let mut sequence = [1_u32, 1];
    for (at, (client, octets)) in record.iter().enumerate() {
        let (own, other) = (usize::from(!client), usize::from(*client));
        let mut packet = Vec::new();
        let length = u16::try_from(40 + octets.len()).unwrap();
        packet.extend([0x45, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        let (from, to) = if *client { (1, 2) } else { (2, 1) };
        packet.extend([192, 0, 2, from, 192, 0, 2, to]);
        let ports = if *client { [CLIENT, PORT] } else { [PORT, CLIENT] };
        packet.extend(ports.into_iter().flat_map(u16::to_be_bytes));
        packet.extend(sequence[own].to_be_bytes());
        packet.extend(sequence[other].to_be_bytes());
        packet.extend([0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
        packet.extend(octets);
        sequence[own] += u32::try_from(octets.len()).unwrap();
        let captured = u32::try_from(packet.len()).unwrap();
        for word in [u32::try_from(at).unwrap(), 0, captured, captured] {
            file.extend(word.to_be_bytes());
        }
        file.extend(packet);
    }
    file
}

async fn tshark(file: &Path, more: &[&str]) -> String {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-d", &format!("tcp.port=={PORT},smpp")]).args(more);
    let output = within("tshark", command.kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|error| panic!("tshark: {error}: install tshark"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn written(record: &[(bool, Vec<u8>)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("conversation.pcap");
    std::fs::write(&file, pcap(record)).unwrap();
    (folder, file)
}

/// Command and status of each message that `from` selects; fails if any of all is malformed.
async fn decoded(record: &[(bool, Vec<u8>)], from: &str) -> Vec<[String; 2]> {
    let (_folder, file) = written(record);
    assert_eq!(tshark(&file, &["-Y", "_ws.malformed || _ws.expert.severity >= 6291456"]).await, "");
    let from = format!("smpp && {from}");
    let names = ["-e", "smpp.command_id", "-e", "smpp.command_status"];
    let fields = [&["-Y", &from, "-T", "fields"], &names[..]].concat();
    tshark(&file, &fields).await.lines().flat_map(messages).collect()
}

/// Those of a line: messages that came in one segment share it, requests having no status.
fn messages(line: &str) -> Vec<[String; 2]> {
    let (commands, statuses) = line.split_once('\t').unwrap();
    let plain = |it: &str| it.trim_start_matches("0x").to_owned();
    let mut statuses = statuses.split(',').map(plain);
    let with_status = |command: String| {
        let response = command.starts_with('8');
        let status = if response { statuses.next().unwrap() } else { String::new() };
        [command, status]
    };
    commands.split(',').map(plain).map(with_status).collect()
}

#[tokio::test]
async fn tshark_finds_nothing_malformed() {
    let rig = Rig::with("enquire_link_s = 1", "").await;
    let weather = rig.instance().await;
    let (port, record) = recorded(rig.port).await;
    let mut esme = Esme::start();
    assert_eq!(esme.connect(port).await, "open");
    assert_eq!(esme.submit(&number(1), "too early").await["status"], 4);
    let bind = json!({"system_id": ROUTE, "password": PASSWORD});
    assert_eq!(esme.ask("bind_transceiver", bind).await["status"], 0);
    let attempt = weather.attempt();
    assert_eq!(esme.submit(&number(1), &attempt.text).await["status"], 0);
    let mut data = message(&number(2), "");
    data.as_object_mut().unwrap().remove("short_message");
    data["message_payload"] = attempt.text.as_str().into();
    assert_eq!(esme.ask("data_sm", data).await["status"], 0);
    assert_eq!(esme.ask("query_sm", json!({"message_id": "1"})).await["status"], 3);
    assert_eq!(esme.ask("enquire_link", json!({})).await["status"], 0);
    // Ours comes after a second's silence.
    let ours = |(client, octets): &(bool, Vec<u8>)| !client && octets[4..8] == [0, 0, 0, 0x15];
    twinpath_e2e::wait::until("our enquire_link", async || {
        record.lock().unwrap().iter().any(ours).then_some(())
    })
    .await;
    assert_eq!(esme.ask("unbind", json!({})).await["status"], 0);
    let kept = record.lock().unwrap().clone();
    let said = decoded(&kept, &format!("tcp.srcport=={PORT}")).await;
    let expected = [
        ["80000004", "00000004"],
        ["80000009", "00000000"],
        ["80000004", "00000000"],
        ["80000103", "00000000"],
        ["80000000", "00000003"],
        ["80000015", "00000000"],
        ["00000015", ""],
        ["80000006", "00000000"],
    ];
    assert_eq!(said, expected);
    // tshark can tell what is malformed: half of the bind's response is.
    let cut = kept.iter().map(|(client, octets)| {
        let mut octets = octets.clone();
        if octets.get(4..8) == Some(&[0x80, 0, 0, 9]) {
            octets.truncate(20);
            octets[3] = 20;
        }
        (*client, octets)
    });
    let (_folder, file) = written(&cut.collect::<Vec<_>>());
    assert_ne!(tshark(&file, &["-Y", "_ws.malformed"]).await, "");
}

/// The other way round: we bind, take a text and send one.
#[tokio::test]
async fn tshark_finds_nothing_malformed_where_we_bind() {
    let centre = Centre::start().await;
    let (port, record) = recorded(centre.port).await;
    let binds = vec![Bind::new(BIND, port).with("enquire_link_s = 1")];
    let platform = Platform::start(&Settings { binds, ..Settings::default() }.with(ALWAYS)).await;
    centre.bound(1).await;
    let app = platform.register(&Registration::new("weather")).await;
    let weather = Instance::new(&app, &platform.place);
    let attempt = weather.attempt();
    assert!(centre.text(&number(1), &attempt.text).await.is_ok());
    assert!(centre.ask("enquire_link").await.is_ok());
    awaits(&weather.redeem(&attempt).await);
    let digits = digits(&said(&centre.event("submit_sm", 1).await).1);
    let answer = weather.redeem_with(&attempt, &[("confirmation_code", &digits)]).await;
    answer.accepts();
    centre.event("enquire_link", 1).await;
    platform.stop().await;
    centre.event("close", 1).await;
    let kept = record.lock().unwrap().clone();
    let said = decoded(&kept, &format!("tcp.dstport=={PORT}")).await;
    for one in [
        ["00000009", ""],         // bind_transceiver
        ["80000005", "00000000"], // deliver_sm_resp
        ["80000015", "00000000"], // enquire_link_resp
        ["00000004", ""],         // submit_sm
        ["00000015", ""],         // enquire_link
        ["00000006", ""],         // unbind
    ] {
        assert!(said.iter().any(|said| *said == one), "{one:?} is not in {said:?}");
    }
}
