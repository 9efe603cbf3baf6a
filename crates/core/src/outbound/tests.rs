//! The queue, and what texts may cost.

use super::*;
use crate::fixtures::{Model, assert_matches, client, phone, terminal, vault};
use crate::ids::CodeKey;
use crate::transaction::{Context, Operation, Step};

const KEY: Digest = Digest([1; 16]);
const GRANT: GrantId = GrantId([2; 16]);

struct Put(Sealed);

impl Operation for Put {
    type Outcome = ();

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let text = NewText {
            purpose: TextPurpose::Confirmation { code: CodeKey([3; 16]) },
            terminal: terminal(0),
            number: &self.0,
            client_id: &client("weather"),
            grant: GRANT,
            ui_locales: None,
            expires_at: cx.now.plus_seconds(CONFIRMATION_S),
        };
        Ok(Step::Done(text.put(KEY, view, cx.now)?, ()))
    }
}

fn queued() -> Model {
    let mut model = Model::new();
    let number = vault().seal_number(&phone(0), &mut crate::fixtures::Seeded(5)).unwrap();
    model.run(Put(number.clone()));
    let before = model.notes.clone();
    model.pass(5);
    model.run(Put(number));
    assert_eq!(before, model.notes, "one text, however often it is put");
    model
}

fn outbound(model: &Model) -> (Outbound, Option<Timestamp>) {
    let note = &model.notes[&KEY];
    match &note.content {
        Content::Outbound(outbound) => (outbound.clone(), note.listed_at),
        other => panic!("{other:?}"),
    }
}

fn claim(model: &mut Model) -> u32 {
    match model.run(ClaimText { key: KEY }) {
        Claimed::Yes(claimed) => claimed.attempts,
        other => panic!("{other:?}"),
    }
}

fn settle(model: &mut Model, attempt: u32, settled: Settled) -> bool {
    model.run(SettleText::new(&vault(), KEY, attempt, settled))
}

fn accepted(id: &str) -> Settled {
    Settled::Accepted { route: "out".into(), message_id: Some(id.into()) }
}

fn failed(model: &Model) -> String {
    match outbound(model).0.delivery {
        Delivery::Failed { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_is_claimed_by_one_at_a_time() {
    let mut model = queued();
    assert_eq!(claim(&mut model), 1);
    assert_eq!(model.run(ClaimText { key: KEY }), Claimed::No);
    assert_eq!(model.run(ClaimText { key: Digest([9; 16]) }), Claimed::No);
    assert!(settle(&mut model, 1, Settled::Temporary("down")));
    assert_eq!(model.run(ClaimText { key: KEY }), Claimed::No, "not at once");
    model.pass(2);
    assert_eq!(claim(&mut model), 2);
    // Who was too slow settles nothing.
    assert!(!settle(&mut model, 1, Settled::Permanent("late")));
    assert!(!settle(&mut model, 2, accepted("1")));
    let (text, listed_at) = outbound(&model);
    assert_eq!(text.delivery, Delivery::Accepted { route: "out".into() });
    assert_eq!(listed_at, None);
    model.pass(100);
    assert_eq!(model.run(ClaimText { key: KEY }), Claimed::No);
}

#[test]
fn a_permanent_error_is_final_and_temporary_ones_end_with_the_text() {
    let mut model = queued();
    let attempt = claim(&mut model);
    assert!(!settle(&mut model, attempt, Settled::Permanent("blocked")));
    assert_eq!(failed(&model), "blocked");
    assert_eq!(outbound(&model).1, None);

    let mut model = queued();
    let mut pauses = Vec::new();
    loop {
        let attempt = claim(&mut model);
        if !settle(&mut model, attempt, Settled::Temporary("down")) {
            break;
        }
        let due = outbound(&model).1.unwrap();
        pauses.push(due.seconds() - model.now.seconds());
        model.now = due;
    }
    assert_eq!(failed(&model), "down");
    assert_eq!(pauses[..6], [2, 4, 8, 16, 32, 60]);
    assert!(model.now < outbound(&model).0.expires_at);
}

#[test]
fn what_may_have_been_sent_is_sent_once_more_at_most() {
    let mut model = queued();
    let attempt = claim(&mut model);
    assert!(settle(&mut model, attempt, Settled::Unknown("timeout")));
    model.pass(2);
    let attempt = claim(&mut model);
    assert!(!settle(&mut model, attempt, Settled::Unknown("timeout")));
    assert_eq!(failed(&model), "timeout");

    // A node that died with its claim may have sent it too.
    let mut model = queued();
    claim(&mut model);
    model.pass(ATTEMPT_S);
    assert_eq!(claim(&mut model), 2);
    model.pass(ATTEMPT_S);
    assert_matches!(model.run(ClaimText { key: KEY }), Claimed::GivenUp(_, "unknown"));
    assert_eq!(failed(&model), "unknown");
}

#[test]
fn nothing_is_sent_after_its_time() {
    let mut model = queued();
    model.pass(CONFIRMATION_S);
    assert_matches!(model.run(ClaimText { key: KEY }), Claimed::GivenUp(_, "expired"));
    assert_eq!(model.run(ClaimText { key: KEY }), Claimed::No);
}

#[test]
fn a_receipt_finds_its_text_and_counts_once() {
    let mut model = queued();
    let attempt = claim(&mut model);
    settle(&mut model, attempt, accepted("7f"));
    let find = |model: &mut Model, route, id| model.run(FindReceipt::new(&vault(), route, id));
    assert_eq!(find(&mut model, "other", "7f"), None);
    assert_eq!(find(&mut model, "out", "80"), None);
    assert_eq!(find(&mut model, "out", "7f"), Some(KEY));
    let receive = |model: &mut Model, received| model.run(ReceiveReceipt { key: KEY, received });
    assert!(receive(&mut model, Received::Delivered));
    assert!(!receive(&mut model, Received::Failed("rejected")));
    assert_eq!(outbound(&model).0.delivery, Delivery::Delivered { route: "out".into() });
}

#[test]
fn rows_do_not_say_what_the_text_says() {
    let model = queued();
    let digits = vault().confirmation_code(CodeKey([3; 16]), GRANT);
    let row = serde_json::to_string(&model.notes[&KEY]).unwrap();
    assert!(!row.contains(digits.as_str()) && !row.contains("7911123456"), "{row}");
    let back: Note = serde_json::from_str(&row).unwrap();
    assert_eq!(back, model.notes[&KEY]);
}

fn measured(
    number: usize,
    app: &str,
    purpose: TextPurpose,
    limits: &SpendingLimits,
    now: Timestamp,
) -> Result<Spend, Spent> {
    let (number, terminal) = (phone(number), terminal(number));
    let text = Measured { terminal, number: &number, client_id: &client(app), purpose };
    limits.meters(text, &vault(), now).map(Spend::new)
}

fn spend(
    model: &mut Model,
    number: usize,
    app: &str,
    purpose: TextPurpose,
    limits: &SpendingLimits,
) -> Spent {
    match measured(number, app, purpose, limits, model.now) {
        Ok(spend) => model.run(spend),
        Err(spent) => spent,
    }
}

const CONFIRMATION: TextPurpose = TextPurpose::Confirmation { code: CodeKey([3; 16]) };
const NOTICE: TextPurpose = TextPurpose::Notice { counter: 0 };

#[test]
fn each_limit_holds_until_its_window_ends() {
    let all = SpendingLimits {
        number_hour: 100,
        number_day: 100,
        country_hour: 100,
        app_day: 100,
        day: 100,
        ..SpendingLimits::default()
    };
    let (same_number, other_number, other_country) =
        ((0, "weather"), (1, "weather"), (2, "weather"));
    for (limits, over, free) in [
        (SpendingLimits { number_hour: 2, ..all.clone() }, same_number, other_number),
        (SpendingLimits { number_day: 2, ..all.clone() }, same_number, other_number),
        (SpendingLimits { block_hour: 2, ..all.clone() }, same_number, other_country),
        (SpendingLimits { country_hour: 2, ..all.clone() }, other_number, other_country),
        (SpendingLimits { app_day: 2, ..all.clone() }, other_country, (0, "bank")),
    ] {
        let mut model = Model::new();
        for _ in 0..2 {
            let spent = spend(&mut model, 0, "weather", CONFIRMATION, &limits);
            assert_eq!(spent, Spent::Counted, "{limits:?}");
        }
        let before = model.notes.clone();
        let spent = spend(&mut model, over.0, over.1, CONFIRMATION, &limits);
        let Spent::Over(until) = spent else { panic!("{limits:?}: {spent:?}") };
        assert_eq!(before, model.notes, "what is refused costs nothing");
        assert_eq!(spend(&mut model, free.0, free.1, CONFIRMATION, &limits), Spent::Counted);
        model.now = until;
        assert_eq!(spend(&mut model, over.0, over.1, CONFIRMATION, &limits), Spent::Counted);
    }
    let mut model = Model::new();
    let limits = SpendingLimits { day: 1, ..all };
    assert_eq!(spend(&mut model, 0, "weather", CONFIRMATION, &limits), Spent::Counted);
    assert_matches!(spend(&mut model, 2, "bank", NOTICE, &limits), Spent::Over(_));
}

#[test]
fn a_number_cannot_be_kept_from_its_notices() {
    let limits = SpendingLimits { number_hour: 1, number_day: 1, ..SpendingLimits::default() };
    let mut model = Model::new();
    assert_eq!(spend(&mut model, 0, "weather", CONFIRMATION, &limits), Spent::Counted);
    assert_matches!(spend(&mut model, 0, "weather", CONFIRMATION, &limits), Spent::Over(_));
    assert_eq!(spend(&mut model, 0, "weather", NOTICE, &limits), Spent::Counted);
}

#[test]
fn texts_go_to_the_countries_that_are_allowed() {
    // Numbers of the range 07911 1 are Guernsey's.
    let countries = vec![rlibphonenumber::Region::from_code("GG").unwrap()];
    let limits = SpendingLimits { countries, ..SpendingLimits::default() };
    let mut model = Model::new();
    assert_eq!(spend(&mut model, 0, "weather", CONFIRMATION, &limits), Spent::Counted);
    assert_eq!(spend(&mut model, 2, "weather", CONFIRMATION, &limits), Spent::Country);
}
