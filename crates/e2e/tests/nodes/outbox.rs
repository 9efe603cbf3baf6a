//! Texts to phones: whichever node put them, one sends each, and a dead node's are sent by another.

use std::collections::BTreeMap;

use serde_json::Value;
use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::wait::until;

use crate::fleet::Fleet;

const SECTIONS: &str = "[terminal]\nconfirm = \"always\"\n[sms.outbound]";
const TEXTS: u32 = 12;
/// `ESME_RX_T_APPN`: tried again after 2, 4, 8 s.
const TEMPORARY: u64 = 0x64;
/// Texts in work, whose next attempt would be a minute after their claim, and those that soon will be.
const IN_WORK: &str = "SELECT count(*) FROM note WHERE kind = 'outbound' \
    AND listed_at - extract(epoch FROM now()) * 1000 NOT BETWEEN 1000 AND 20000";
const QUEUED: &str = "SELECT count(*) FROM note WHERE kind = 'outbound' AND listed_at IS NOT NULL";

/// Asks at these nodes in turn; each request's code waits for digits.
async fn ask(fleet: &Fleet, doors: &[(usize, &Instance)]) -> Vec<(String, Attempt)> {
    let mut asked = Vec::new();
    for n in 0..TEXTS {
        let (node, door) = doors[n as usize % doors.len()];
        let (from, attempt) = (number(n + 1), door.attempt());
        fleet.text(node, &from, &attempt).await.ok();
        door.redeem(&attempt).await.refuses(400, "confirmation_required");
        asked.push((from, attempt));
    }
    asked
}

/// The texts that the network took, by number.
fn taken(fleet: &Fleet) -> BTreeMap<String, Vec<String>> {
    let mut taken = BTreeMap::<_, Vec<_>>::new();
    let member = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    for event in fleet.centre.events("submit_sm").iter().filter(|event| event["status"] == 0) {
        taken.entry(format!("+{}", member(event, "to"))).or_default().push(member(event, "text"));
    }
    taken
}

async fn tried(fleet: &Fleet) {
    fleet.centre.event("submit_sm", TEXTS as usize).await;
    let numbers = |events: Vec<Value>| -> std::collections::BTreeSet<String> {
        events.iter().map(|event| event["to"].to_string()).collect()
    };
    until("each is tried", async || {
        (numbers(fleet.centre.events("submit_sm")).len() == TEXTS as usize).then_some(())
    })
    .await;
}

/// Each text went out once, and its digits are good at this node.
async fn each_once(fleet: &Fleet, door: &Instance, asked: &[(String, Attempt)]) {
    fleet.sql_gives(QUEUED, "0").await;
    let taken = taken(fleet);
    assert_eq!(taken.len(), asked.len());
    for (from, attempt) in asked {
        let [text] = taken[from].as_slice() else { panic!("more than once: {:?}", taken[from]) };
        let (_, last) = text.rsplit_once('#').unwrap();
        let digits = last.split(' ').next().unwrap();
        door.redeem_with(attempt, &[("confirmation_code", digits)]).await.accepts();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_send_each_text_once() {
    let fleet = Fleet::with(2, SECTIONS).await;
    let weather = fleet.install(&Registration::new("weather")).await;
    // All are put off, so that both nodes look for what is due.
    fleet.centre.set("submitStatus", TEMPORARY).await;
    let asked = ask(&fleet, &[(0, &weather[0]), (1, &weather[1])]).await;
    tried(&fleet).await;
    fleet.centre.set("submitStatus", 0).await;
    each_once(&fleet, &weather[1], &asked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_nodes_texts_are_sent_by_another() {
    let mut fleet = Fleet::with(2, SECTIONS).await;
    let weather = fleet.install(&Registration::new("weather")).await;
    fleet.kill(1).await;
    fleet.centre.set("submitStatus", TEMPORARY).await;
    let asked = ask(&fleet, &[(0, &weather[0])]).await;
    tried(&fleet).await;
    // Between two attempts: what a node has claimed is left to it for a minute.
    fleet.sql_gives(IN_WORK, "0").await;
    fleet.kill(0).await;
    fleet.centre.set("submitStatus", 0).await;
    assert_eq!(taken(&fleet).len(), 0);
    fleet.restart(1).await;
    each_once(&fleet, &weather[1], &asked).await;
}
