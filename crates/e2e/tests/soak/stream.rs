//! One text after the other, and what must hold for each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::time::sleep;
use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::http::Connection;
use twinpath_e2e::number;
use twinpath_e2e::platform::{Registration, metric};
use twinpath_e2e::process::{Installation, fixed_address};
use twinpath_e2e::wait::{until, within};
use twinpath_smpp::esme::SendError;
use twinpath_smpp::pdu::CommandStatus;

use crate::memory::Memory;
use crate::ways::{Dice, Way};

/// Texts, where nobody says how many.
const TEXTS: u32 = 20_000;
/// Texts under way at the same time.
const STREAMS: u64 = 32;
/// The network fails somewhere after so many texts.
const CALM: u32 = 250;

struct World {
    app: Instance,
    ways: Vec<Way>,
    texts: u32,
    next: AtomicU32,
    memory: Memory,
    /// What happened, and how often.
    seen: Mutex<BTreeMap<&'static str, u32>>,
}

impl World {
    fn count(&self, what: &'static str) {
        *self.seen.lock().unwrap().entry(what).or_default() += 1;
    }

    fn counted(&self, what: &str) -> u32 {
        self.seen.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    /// Hands a text over until it is acknowledged, by whatever way; whether it was. Now and then the
    /// sender gives up where it does not know what became of it.
    async fn text(&self, dice: &mut Dice, from: &str, attempt: &Attempt) -> bool {
        loop {
            match dice.pick(&self.ways).text(from, attempt).await {
                Ok(CommandStatus::Ok) => return true,
                Ok(
                    CommandStatus::Throttled
                    | CommandStatus::QueueFull
                    | CommandStatus::TemporaryApplicationError,
                )
                | Err(SendError::Paused) => self.count("put off"),
                Ok(status) => panic!("{from}: {status:?}"),
                Err(SendError::NotBound) => self.count("no way"),
                Err(SendError::Request(error)) => panic!("{from}: {error}"),
                Err(SendError::Lost | SendError::TimedOut) => {
                    self.count("unanswered");
                    if dice.one_in(10) {
                        return false;
                    }
                }
            }
            sleep(dice.millis(60)).await;
        }
    }

    /// Asks for tokens; whether there were some.
    async fn redeem(&self, connection: &mut Connection, attempt: &Attempt) -> bool {
        let answer = connection.send(&self.app.token_draft(attempt).request()).await;
        match answer.error().as_deref() {
            None => drop(answer.accepts()),
            Some("authorization_pending" | "slow_down") => return false,
            Some(_) => {
                answer.refuses(400, "invalid_grant");
                return false;
            }
        }
        self.count("redeemed");
        true
    }

    /// One text, from the phone to the end of its code.
    async fn one(&self, dice: &mut Dice, connections: &mut [Connection; 2], n: u32) {
        let (from, attempt) = (number(n), self.app.attempt());
        let acknowledged = self.text(dice, &from, &attempt).await;
        let (repeated, raced) = (dice.one_in(8), dice.one_in(8));
        let [first, second] = connections;
        let repetition = async {
            if repeated {
                self.count("repeated");
                self.text(dice, &from, &attempt).await;
            }
        };
        let race = async { raced && self.redeem(second, &attempt).await };
        let (one, other, ()) = tokio::join!(self.redeem(first, &attempt), race, repetition);
        if acknowledged {
            assert!(one != other, "{n}: an acknowledged text was redeemed {one} and {other}");
        } else {
            self.count("given up");
            assert!(!(one && other), "{n}: redeemed twice");
        }
        if dice.one_in(8) {
            self.count("repeated");
            self.text(dice, &from, &attempt).await;
        }
        let once_more = self.redeem(first, &attempt).await;
        assert!(!once_more || !(one || other), "{n}: redeemed again");
    }

    async fn stream(self: Arc<Self>, seed: u64) {
        let mut dice = Dice(seed);
        let mut connections = [(); 2].map(|()| Connection::to(self.app.place.address));
        let began = Instant::now();
        loop {
            let n = self.next.fetch_add(1, Relaxed);
            if n >= self.texts {
                return;
            }
            if let Some((percent, kb)) = self.memory.look(n)
                && percent.is_multiple_of(5)
            {
                println!("{percent:3} %: {n} texts in {:?}, {kb} kB", began.elapsed());
            }
            if n % CALM == CALM - 1 {
                let (world, mut dice) = (Arc::clone(&self), Dice(dice.below(u64::MAX)));
                tokio::spawn(async move {
                    let at = dice.below(world.ways.len() as u64);
                    if world.ways[usize::try_from(at).unwrap()].fail(&mut dice).await {
                        world.count("failures");
                    }
                });
            }
            within("a text's whole life", self.one(&mut dice, &mut connections, n)).await;
        }
    }
}

fn settings(binds: &[Bind], listener: std::net::SocketAddr, gateways: &[&str]) -> Settings {
    let mut sections = format!("[sms.smpp_server]\nlisten = \"{listener}\"\n");
    for name in gateways {
        write!(
            sections,
            "[[sms.smpp_server.peer]]\nname = \"{name}\"\nsystem_id = \"{name}\"\n\
             password = \"secret\"\nallow = [\"127.0.0.0/8\"]\nnumbers = [\"+8610690001\"]\n\
             country = \"GB\"\ntrust = \"operator\"\n"
        )
        .unwrap();
    }
    let limits =
        "[limits]\ntexts_per_number_per_hour = 10000\npending_codes_per_address = 10000000";
    Settings::binds(binds).with(limits).with(&sections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_texts_are_redeemable_once_and_memory_stays_flat() {
    let texts = std::env::var("TWINPATH_SOAK_TEXTS");
    let texts = texts.map_or(TEXTS, |texts| texts.parse().expect("TWINPATH_SOAK_TEXTS: a number"));
    let listener = fixed_address();
    let mut ways = vec![Way::centre("one").await, Way::centre("two").await];
    let binds: Vec<_> = ways.iter().map(|way| Bind::new(&way.route, way.port())).collect();
    let gateways = ["three", "four"];
    let server = Installation::new(&settings(&binds, listener, &gateways));
    let app = Registration::new("weather").method("client_secret_post").bearer();
    let app = server.register(&app).await;
    let process = server.start().await;
    ways.extend((0..).zip(gateways).map(|(n, name)| Way::gateway(name, listener, n)));
    let app = Instance::new(&app, &server.place().await);
    let memory = Memory::of(process.id(), texts);
    let world = World { app, ways, texts, next: 0.into(), memory, seen: Mutex::default() };
    let world = Arc::new(world);
    let began = Instant::now();
    let streams: Vec<_> =
        (0..STREAMS).map(|seed| tokio::spawn(Arc::clone(&world).stream(seed))).collect();
    for stream in streams {
        stream.await.unwrap();
    }
    let took = began.elapsed();
    // Failures that began with the last texts end.
    until("the network stands", async || (Arc::strong_count(&world) == 1).then_some(())).await;
    let world = Arc::into_inner(world).unwrap();
    println!("{texts} texts in {took:?}: {:?}", world.seen.lock().unwrap());
    hold(&world, server.admin).await;
    for way in world.ways {
        way.end().await;
    }
    process.terminate().await;
    assert!(process.ended().await.success());
}

/// What must hold of the whole run.
async fn hold(world: &World, admin: std::net::SocketAddr) {
    let mut recorded = 0.0;
    for way in &world.ways {
        let name = format!("twinpath_texts_total{{of=\"{}\",outcome=\"recorded\"}}", way.route);
        recorded += metric(admin, &name).await;
    }
    let (redeemed, given_up) = (world.counted("redeemed"), world.counted("given up"));
    assert!(redeemed >= world.texts - given_up);
    // What its sender gave up may have come all the same. Whose session ends while it is recorded is
    // counted as a duplicate when it comes again.
    let least = f64::from(redeemed.saturating_sub(world.counted("unanswered")));
    let most = f64::from(redeemed + given_up);
    assert!((least..=most).contains(&recorded), "{recorded} recorded, {redeemed} redeemed");
    // Else this showed nothing.
    for what in ["failures", "unanswered", "repeated"] {
        assert!(world.counted(what) > 0, "nothing {what}");
    }
    world.memory.is_flat();
}
