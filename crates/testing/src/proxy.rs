//! A TCP proxy that freezes or resets what goes through it: the network between two programs.
//!
//! Invariants: after [`Proxy::freeze`] has returned, no octet is forwarded; after [`Proxy::cut`] has
//! returned, every connection has been reset. Freezing is the proxy's alone: the kernel still
//! acknowledges what it has room for, so keepalive probes are answered.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

/// How long one write may hold up a freeze, where the other side does not read.
const WRITE: Duration = Duration::from_millis(20);

/// How long the target may take to accept.
const CONNECT: Duration = Duration::from_secs(5);

/// A proxy on a port of its own. Dropping it cuts what goes through it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    network: Arc<Network>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Network {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    target: SocketAddr,
    links: HashMap<u64, Arc<Link>>,
    accepted: u64,
    /// Writes under way, which a freeze waits for.
    writing: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    Freeze,
    Cut,
    Closed,
}

/// One connection through the proxy.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: OnceLock<TcpStream>,
    broken: AtomicBool,
}

impl Proxy {
    /// Starts one before an address. It passes everything on.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let links = HashMap::new();
        let state = State { mode: Mode::Pass, target, links, accepted: 0, writing: 0 };
        let network = Arc::new(Network { state: Mutex::new(state), changed: Condvar::new() });
        let listening = thread::spawn({
            let network = Arc::clone(&network);
            move || network.listen(&listener)
        });
        Self { port, network, listening: Some(listening) }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Forwards everything again, what was held up first.
    pub fn pass(&self) {
        drop(self.network.switch(Mode::Pass));
    }

    /// Forwards nothing either way, and closes nothing; new connections are accepted and wait.
    pub fn freeze(&self) {
        let mut state = self.network.switch(Mode::Freeze);
        while state.writing > 0 {
            state = self.network.await_change(state);
        }
    }

    /// Resets every connection, and from now on each new one.
    pub fn cut(&self) {
        self.network.cut(Mode::Cut);
    }

    /// Has connections from now on lead to another address.
    pub fn set_target(&self, target: SocketAddr) {
        self.network.lock().target = target;
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.network.lock().links.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.cut(Mode::Closed);
        // It waits for a connection and for nothing else.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Network {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn await_change<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn switch(&self, mode: Mode) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.mode = mode;
        self.changed.notify_all();
        state
    }

    fn cut(&self, mode: Mode) {
        let mut state = self.switch(mode);
        for link in state.links.values() {
            link.reset();
        }
        let last = state.accepted;
        while state.links.keys().any(|number| *number <= last) {
            state = self.await_change(state);
        }
    }

    fn listen(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            let client = client.expect("room for a connection");
            let link = Link { client, server: OnceLock::new(), broken: AtomicBool::new(false) };
            let mut state = self.lock();
            match state.mode {
                Mode::Closed => return,
                Mode::Cut => link.reset(),
                Mode::Pass | Mode::Freeze => {
                    state.accepted += 1;
                    let number = state.accepted;
                    let link = Arc::new(link);
                    state.links.insert(number, Arc::clone(&link));
                    let network = Arc::clone(&self);
                    thread::spawn(move || network.serve(number, link));
                }
            }
        }
    }

    /// Joins a client to the target until both sides have ended.
    fn serve(&self, number: u64, link: Arc<Link>) {
        if let Some(target) = self.passes(&link).map(|state| state.target) {
            match TcpStream::connect_timeout(&target, CONNECT) {
                Ok(server) => self.join(&link, server),
                Err(_) => link.reset(),
            }
        }
        // Its sockets close while the state is locked, so that a cut sees them closed.
        let mut state = self.lock();
        state.links.remove(&number);
        drop(link);
        self.changed.notify_all();
    }

    fn join(&self, link: &Link, server: TcpStream) {
        let client = &link.client;
        let server = link.server.get_or_init(|| server);
        for side in [client, server] {
            side.set_nodelay(true).expect("a socket");
            side.set_write_timeout(Some(WRITE)).expect("a socket");
        }
        if link.broken.load(SeqCst) {
            // It was cut while the server was not yet there.
            return link.reset();
        }
        thread::scope(|scope| {
            scope.spawn(|| self.pump(link, client, server));
            self.pump(link, server, client);
        });
    }

    /// Forwards one direction, to its end or to the link's.
    fn pump(&self, link: &Link, mut from: &TcpStream, to: &TcpStream) {
        let mut buffer = [0; 16 * 1024];
        loop {
            let held = match from.read(&mut buffer) {
                Ok(length) => buffer.get(..length).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    // One side's reset is the other's, in its time.
                    drop(self.passes(link));
                    return link.reset();
                }
            };
            if held.is_empty() {
                if let Some(state) = self.passes(link) {
                    let _ = to.shutdown(Shutdown::Write);
                    drop(state);
                }
                return;
            }
            if !self.forward(link, to, held) {
                return link.reset();
            }
        }
    }

    /// Writes when it may; false if the link is no more.
    fn forward(&self, link: &Link, mut to: &TcpStream, mut held: &[u8]) -> bool {
        while !held.is_empty() {
            let Some(mut state) = self.passes(link) else { return false };
            state.writing += 1;
            drop(state);
            let written = to.write(held);
            self.lock().writing -= 1;
            self.changed.notify_all();
            match written {
                Ok(length) => held = held.get(length..).unwrap_or_default(),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => return false,
                },
            }
        }
        true
    }

    /// Waits while the network is frozen; the lock, under which it is not, unless the link is broken.
    fn passes(&self, link: &Link) -> Option<MutexGuard<'_, State>> {
        let mut state = self.lock();
        while state.mode == Mode::Freeze && !link.broken.load(SeqCst) {
            state = self.await_change(state);
        }
        (!link.broken.load(SeqCst)).then_some(state)
    }
}

impl Link {
    /// Has both sockets end with a reset once they close, and wakes who reads from them.
    fn reset(&self) {
        self.broken.store(true, SeqCst);
        for side in [Some(&self.client), self.server.get()].into_iter().flatten() {
            let _ = SockRef::from(side).set_linger(Some(Duration::ZERO));
            // This tells the other side nothing; a shutdown of writing would say a proper goodbye.
            let _ = side.shutdown(Shutdown::Read);
        }
    }
}
