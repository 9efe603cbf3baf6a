//! Rows of every kind, to be copied.

use twinpath_core::ids::{
    AccountId, ClientId, CodeKey, Digest, GrantId, RouteName, SessionId, TerminalKey, Timestamp,
};
use twinpath_core::records::{
    Account, AccountStatus, AuthorizationRequest, CodeRecord, CodeState, Evidence, Grant,
    Interaction, Sealed, Session, Terminal, TextQuota, UsedJti,
};
use twinpath_core::transaction::{Key, Write};
use twinpath_store::Store;

use crate::suite::samples;
use crate::suite::toys::Put;

/// A day's end, on whose two sides codes are claimed.
pub(super) const MIDNIGHT: i64 = 20_000 * 24 * 3_600_000;
const TERMINALS: u16 = 2_300;
const CODES: u16 = 5_000;
const LINES: u16 = 4_300;

fn id(number: u16) -> [u8; 16] {
    let mut id = [0; 16];
    // Spread, as keyed hashes are.
    id[..2].copy_from_slice(&number.wrapping_mul(40_503).to_be_bytes());
    id[14..].copy_from_slice(&number.to_be_bytes());
    id
}

pub(super) fn code(number: u16) -> CodeRecord {
    let grant = GrantId(id(number));
    let state = match number % 6 {
        0 => CodeState::Redeemed {
            grant,
            frozen: Digest(id(number)),
            confirmed: number.is_multiple_of(4),
        },
        5 => CodeState::Confirming { grant, frozen: Digest(id(number)), attempts: 2 },
        1 => CodeState::Refused,
        2 => CodeState::Voided { grant: Some(grant) },
        3 => CodeState::Voided { grant: None },
        _ => CodeState::Recorded,
    };
    let around = i64::from(number) - i64::from(CODES) / 2;
    CodeRecord {
        key: CodeKey(id(number)),
        terminal: TerminalKey(id(number % TERMINALS)),
        received_at: Timestamp(MIDNIGHT + around * 60),
        purge_at: Timestamp(MIDNIGHT + i64::from(number % 3) * 9 * 24 * 3_600_000),
        state,
        ..samples::code(1)
    }
}

fn terminal(number: u16) -> Terminal {
    Terminal {
        key: TerminalKey(id(number)),
        number: Sealed(number.to_be_bytes().to_vec()),
        account: AccountId(id(number)),
        created_at: Timestamp(1),
        proven_at: Timestamp(i64::from(number)),
    }
}

fn account(number: u16) -> Account {
    let statuses = [AccountStatus::Active, AccountStatus::Blocked, AccountStatus::Replaced];
    Account {
        terminal: TerminalKey(id(number)),
        id: AccountId(id(number)),
        status: statuses[usize::from(number) % 3],
        created_at: Timestamp(1),
        changed_at: Timestamp(2),
    }
}

fn grant(number: u16, nth: u8) -> Grant {
    let odd = number % 2 == 1;
    let mut grant = Grant {
        terminal: TerminalKey(id(number)),
        id: GrantId([nth; 16]),
        account: AccountId(id(number)),
        resources: if odd { vec!["https://api.example/ä".to_owned()] } else { Vec::new() },
        revoked_at: odd.then_some(Timestamp(5)),
        terms: odd.then(|| Box::new(samples::terms())),
        ..samples::grant()
    };
    grant.refresh.previous = odd.then_some(Digest(id(number)));
    grant.refresh.used = odd;
    grant
}

fn session(number: u16) -> Session {
    Session {
        terminal: TerminalKey(id(number)),
        id: SessionId(id(number)),
        ended_at: number.is_multiple_of(2).then_some(Timestamp(5)),
        ..samples::session(1)
    }
}

/// Begun in several periods, and kept in some of them for long.
fn interaction(number: u16) -> Interaction {
    let mut stages = samples::stages().into_iter().cycle();
    let created_at = Timestamp(MIDNIGHT + i64::from(number) * 10_000);
    Interaction {
        key: Digest(id(number)),
        request: if number.is_multiple_of(2) {
            samples::request()
        } else {
            AuthorizationRequest::default()
        },
        stage: stages.nth(usize::from(number)).unwrap(),
        created_at,
        purge_at: created_at.plus_seconds(i64::from(number % 3) * 3 * 24 * 3600),
        ..samples::interaction(1)
    }
}

fn quota(number: u16, route: &str) -> TextQuota {
    let at = |hours: i64| Timestamp(MIDNIGHT + (i64::from(number % 7) + hours) * 3_600_000);
    let texts = vec![(CodeKey(id(number)), at(0)), (CodeKey(id(number + 1)), at(1))];
    TextQuota { terminal: TerminalKey(id(number)), route: RouteName::from(route), texts }
}

/// Rows of every kind, several pages of the large ones.
pub(super) fn everything() -> Vec<(Vec<Key>, Vec<Write>)> {
    let mut all = Vec::new();
    for number in 0..TERMINALS {
        let terminal = terminal(number);
        let (key, account) = (terminal.key, account(number));
        let keys = vec![
            Key::Terminal(key),
            Key::Account(key, account.id),
            Key::Grants(key),
            Key::Sessions(key),
        ];
        let grants = (1..=2).map(|nth| Write::Grant(grant(number, nth)));
        let mut writes = vec![Write::Terminal(terminal), Write::Account(account)];
        writes.push(Write::Session(session(number)));
        writes.extend(grants);
        all.push((keys, writes));
    }
    for number in 0..2_100 {
        for route in ["modem", "SMSC", "ärger"] {
            let quota = quota(number, route);
            let key = Key::Quota(quota.terminal, quota.route.clone());
            all.push((vec![key], vec![Write::Quota(quota)]));
        }
        let key = Digest(id(number));
        let purge_at = Timestamp(MIDNIGHT + i64::from(number) * 1000);
        all.push((vec![Key::Jti(key)], vec![Write::Jti(UsedJti { key, purge_at })]));
        let request = Box::new(interaction(number));
        all.push((vec![Key::Interaction(request.key)], vec![Write::Interaction(request)]));
    }
    for number in 0..CODES {
        let code = code(number);
        all.push((vec![Key::Code(code.key)], vec![Write::Code(code)]));
    }
    for name in ["weather", "Maps", "zeta"] {
        let app = Box::new(samples::app(name));
        all.push((vec![Key::App(app.client_id.clone())], vec![Write::App(app)]));
    }
    for (name, byte) in [("weather", 1), ("Maps", 2), ("weather", 3), ("weather-2", 1)] {
        let row = Box::new(samples::instance(name, byte));
        all.push((vec![Key::Instance(row.id.clone())], vec![Write::Instance(row)]));
    }
    for byte in 1..=9 {
        let note = Box::new(samples::note(byte));
        all.push((vec![Key::Note(note.key)], vec![Write::Note(note)]));
    }
    let retired = twinpath_core::records::SigningKey {
        retired_at: Some(Timestamp(9)),
        ..samples::signing_key("k0")
    };
    let keys = vec![Write::SigningKey(samples::signing_key("k1")), Write::SigningKey(retired)];
    all.push((vec![Key::SigningKeys], keys));
    let line = |number: u16| {
        // Times go up and down; order is that of the lines.
        let at = MIDNIGHT + i64::from(number / 10) * 1000 - i64::from(number % 10) * 86_400_000;
        let mut event = samples::audit(at);
        event.client_id = ClientId::new("weather");
        event.account = (number.is_multiple_of(2)).then(|| format!("acc_{number}"));
        event.instance = (number.is_multiple_of(5)).then(|| format!("jkt_{number}"));
        event.evidence = (number.is_multiple_of(7)).then_some(Evidence::Strongbox);
        event.reason = (number.is_multiple_of(3)).then_some("because");
        Write::Audit(event)
    };
    all.push((Vec::new(), (0..LINES).map(line).collect()));
    all
}

/// Puts everything, then quotas that grew (on a server they have rows in two periods), and an account
/// that was erased since.
pub(super) async fn fill(store: &Store) {
    let puts = everything().into_iter().map(|(keys, writes)| {
        let store = store.clone();
        tokio::spawn(async move { store.run(Put(keys, writes)).await.unwrap() })
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap();
    }
    for number in 0..50 {
        let mut quota = quota(number, "modem");
        quota.texts.push((CodeKey(id(number)), Timestamp(MIDNIGHT + 48 * 3_600_000)));
        let key = Key::Quota(quota.terminal, quota.route.clone());
        store.run(Put(vec![key], vec![Write::Quota(quota)])).await.unwrap();
    }
    let erased = TerminalKey([0xee; 16]);
    let put = Terminal { key: erased, ..terminal(1) };
    store.run(Put(vec![Key::Terminal(erased)], vec![Write::Terminal(put)])).await.unwrap();
    let delete = vec![Write::DeleteTerminal(erased)];
    store.run(Put(vec![Key::Terminal(erased)], delete)).await.unwrap();
}
