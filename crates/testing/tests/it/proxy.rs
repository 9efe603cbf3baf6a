//! The network: it passes, freezes, is cut, and leads elsewhere.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use twinpath_testing::postgres::{Cluster, try_psql, url};
use twinpath_testing::proxy::Proxy;
use twinpath_testing::wait::{DEADLINE, until};

/// How long nothing has to come for it to be frozen.
const SILENCE: Duration = Duration::from_millis(100);

/// A server that says its name, and then everything it is told.
fn echo(name: u8) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.write_all(&[name]);
                let _ = std::io::copy(&mut stream.try_clone().unwrap(), &mut stream);
            });
        }
    });
    address
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn read(mut stream: &TcpStream) -> std::io::Result<u8> {
    let mut octet = [0];
    stream.read_exact(&mut octet).map(|()| octet[0])
}

fn is_silent(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    let silent = read(stream).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    silent
}

#[test]
fn nothing_passes_a_frozen_network() {
    let proxy = Proxy::to(echo(b'a'));
    let mut old = connect(&proxy);
    assert_eq!(read(&old).unwrap(), b'a');
    old.write_all(b"x").unwrap();
    assert_eq!(read(&old).unwrap(), b'x');

    proxy.freeze();
    old.write_all(b"y").unwrap();
    let new = connect(&proxy);
    assert!(is_silent(&old));
    assert!(is_silent(&new));
    until("both are open", || (proxy.connections() == 2).then_some(()));

    proxy.pass();
    assert_eq!(read(&old).unwrap(), b'y');
    assert_eq!(read(&new).unwrap(), b'a');
    drop((old, new));
    until("both are closed", || (proxy.connections() == 0).then_some(()));
}

#[test]
fn much_passes_and_a_side_that_does_not_read_holds_up_no_freeze() {
    let proxy = Proxy::to(echo(b'a'));
    let sender = connect(&proxy);
    let data = vec![b'd'; 32 << 20];
    thread::scope(|scope| {
        let writing = scope.spawn(|| (&sender).write_all(&data));
        // Nobody reads yet, so that every buffer fills.
        proxy.freeze();
        assert!(!writing.is_finished());
        proxy.pass();
        let mut received = vec![0; data.len() + 1];
        (&sender).read_exact(&mut received).unwrap();
        writing.join().unwrap().unwrap();
        assert!(received == [b"a", &data[..]].concat());
    });
}

#[test]
fn a_cut_resets_what_is_open_and_what_comes() {
    let proxy = Proxy::to(echo(b'a'));
    let streams: Vec<_> = (0..8).map(|_| connect(&proxy)).collect();
    for stream in &streams {
        assert_eq!(read(stream).unwrap(), b'a');
    }
    proxy.freeze();
    let frozen = connect(&proxy);
    proxy.cut();
    assert_eq!(proxy.connections(), 0);
    for stream in streams.iter().chain([&frozen]) {
        assert_eq!(read(stream).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    let refused = TcpStream::connect(("127.0.0.1", proxy.port())).and_then(|new| read(&new));
    refused.unwrap_err();
    proxy.pass();
    assert_eq!(read(&connect(&proxy)).unwrap(), b'a');
}

#[test]
fn a_new_connection_leads_to_the_new_target() {
    let proxy = Proxy::to(echo(b'a'));
    let old = connect(&proxy);
    assert_eq!(read(&old).unwrap(), b'a');
    proxy.set_target(echo(b'b'));
    assert_eq!(read(&connect(&proxy)).unwrap(), b'b');
    (&old).write_all(b"x").unwrap();
    assert_eq!(read(&old).unwrap(), b'x');
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    proxy.set_target(nobody);
    read(&connect(&proxy)).unwrap_err();
}

#[test]
fn a_frozen_network_holds_up_psql() {
    let cluster = Cluster::builder().start();
    let proxy = Proxy::to(cluster.address());
    let through = url(proxy.port(), "postgres");
    assert_eq!(try_psql(&through, "SELECT 1").unwrap(), "1");

    proxy.freeze();
    let asked = thread::spawn({
        let through = through.clone();
        move || try_psql(&through, "SELECT 3")
    });
    until("it has connected", || (proxy.connections() == 1).then_some(()));
    assert!(!asked.is_finished());
    proxy.pass();
    assert_eq!(asked.join().unwrap().unwrap(), "3");

    let cut = thread::spawn(move || try_psql(&through, "SELECT pg_sleep(600)"));
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    until("it sleeps", || (cluster.psql("postgres", asleep) == "1").then_some(()));
    proxy.cut();
    let error = cut.join().unwrap().unwrap_err();
    assert!(error.contains("server closed the connection") || error.contains("reset"), "{error}");
}
