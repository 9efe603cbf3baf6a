//! A text at one node wakes the request that waits at another.

use std::time::Duration;

use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::wait::until;

use crate::fleet::Fleet;

/// The first of the numbers that text here: beyond those of a load.
const NUMBERS: u32 = 500_000;
/// Milliseconds within which the hint has to do it, here where everything shares two cores.
const BOUND: f64 = 1000.0;
/// The same without a hint: a look each second, and a line that is made anew within half of one.
const BOUND_WITHOUT_HINT: f64 = 4000.0;

/// Begins to wait at a node; the wait is known to the other nodes when this returns.
async fn begin(
    fleet: &Fleet,
    door: &Instance,
    attempt: &Attempt,
) -> tokio::task::JoinHandle<twinpath_e2e::http::Answer> {
    let (door, attempt) = (door.at(door.place.address), attempt.clone());
    let waiting = tokio::spawn(async move { door.wait(&attempt, 30).await });
    until("it waits", async || {
        let waits = fleet.nodes[0].metric("twinpath_waiting_requests").await;
        (waits > 0.5).then_some(())
    })
    .await;
    waiting
}

/// Milliseconds from the text's acknowledgement at the second node to the answer at the first one.
async fn wake_up(fleet: &Fleet, door: &Instance, n: u32, between: impl AsyncFnOnce()) -> f64 {
    let attempt = door.attempt();
    let waiting = begin(fleet, door, &attempt).await;
    between().await;
    let acknowledged = fleet.text(1, &number(n), &attempt).await.ok();
    let answer = waiting.await.unwrap();
    answer.accepts();
    answer.at - acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_at_another_node_wakes_at_once() {
    wakes_at_once(&Fleet::start(2).await).await;
}

/// Twenty times.
pub(crate) async fn wakes_at_once(fleet: &Fleet) {
    const ROUNDS: u32 = 20;
    // Rows of waits that a fault has cut off.
    fleet.sql("DELETE FROM waiting");
    let app = fleet.install(&Registration::new("woken")).await;
    app[0].warm().await;
    let mut all = Vec::new();
    for n in 0..ROUNDS {
        let registered =
            async || fleet.sql_gives("SELECT count(*) FROM waiting WHERE until > 0", "1").await;
        all.push(wake_up(fleet, &app[0], NUMBERS + n, registered).await);
    }
    all.sort_by(f64::total_cmp);
    let (median, worst) = (all[all.len() / 2], all[all.len() - 1]);
    println!("woken across nodes: median {median:.1} ms, worst {worst:.1} ms of {ROUNDS}");
    assert!(median < BOUND, "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_woken_though_its_nodes_line_is_cut() {
    let fleet = Fleet::start(2).await;
    let weather = fleet.install(&Registration::new("weather")).await;
    weather[0].warm().await;
    for n in 0..2 {
        let took = wake_up(&fleet, &weather[0], n, async || fleet.disconnect(0)).await;
        println!("woken with its node's connections cut: after {took:.0} ms");
        assert!(took < BOUND_WITHOUT_HINT, "{took}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_woken_though_no_hint_can_be_sent() {
    let fleet = Fleet::start(2).await;
    let weather = fleet.install(&Registration::new("weather")).await;
    weather[0].warm().await;
    // Nobody is ever known to wait, so nobody is told.
    fleet.sql(
        "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER forget BEFORE INSERT ON waiting FOR EACH ROW EXECUTE FUNCTION forget()",
    );
    for n in 0..2 {
        // Long enough that it did not come by the look that belongs to the wait's begin.
        let began = async || tokio::time::sleep(Duration::from_millis(200)).await;
        let took = wake_up(&fleet, &weather[0], n, began).await;
        println!("woken without a hint: after {took:.0} ms");
        assert!(took < BOUND_WITHOUT_HINT, "{took}");
    }
}
