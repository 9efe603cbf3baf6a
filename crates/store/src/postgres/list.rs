//! Reads: pages for operators.

use twinpath_core::ids::AccountId;
use twinpath_core::records::Account;

use super::connection::Session;
use super::fault::Fault;
use super::rows::{self, Query};
use crate::error::StoreError;
use crate::work::{Listing, instances_of};

/// The most rows of one page.
const PAGE_MAX: usize = 1000;

/// Reads one page and answers whoever asked for it. The connection's failure is told to the thread
/// too.
pub(super) async fn list(session: &Session, listing: Listing) -> Result<(), Fault> {
    macro_rules! answer {
        ($reply:ident, $result:expr) => {{
            let (told, fault) = split($result);
            let _gone = $reply.send(told);
            fault
        }};
    }
    match listing {
        Listing::Apps { after, limit, reply } => {
            let after = after.as_ref().map_or("", |id| id.as_str());
            answer!(reply, many(session, &rows::APPS_AFTER, &[&after, &page(limit)]).await)
        }
        Listing::Instances { client_id, after, limit, reply } => {
            let (first, last) = instances_of(&client_id, after.as_deref());
            let bounds: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                [&first, &last, &page(limit)];
            answer!(reply, many(session, &rows::INSTANCES_AFTER, &bounds).await)
        }
        Listing::Notes { kind, after: (at, key), until, limit, reply } => {
            let bounds: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
                [&kind.as_str(), &at.0, &key.0.as_slice(), &until.0, &page(limit)];
            answer!(reply, many(session, &rows::NOTES, &bounds).await)
        }
        Listing::Audit { after, limit, reply } => {
            answer!(reply, many(session, &rows::AUDIT, &[&after, &page(limit)]).await)
        }
        Listing::AuditNewest { limit, reply } => {
            let newest = many(session, &rows::AUDIT_NEWEST, &[&page(limit)]).await;
            answer!(reply, newest.map(|lines| lines.into_iter().rev().collect()))
        }
        Listing::FindAccount { id, reply } => {
            let found = find_account(session, id).await;
            answer!(reply, found)
        }
        Listing::RegistryVersion(reply) => {
            let version = many(session, &rows::REGISTRY_VERSION, &[]).await;
            let missing = || Fault::Row(StoreError::inconsistent("table meta has lost a row"));
            answer!(reply, version.and_then(|rows| rows.into_iter().next().ok_or_else(missing)))
        }
    }
}

/// An account's terminal begins with the same bytes as its id: a short range of the primary key.
async fn find_account(session: &Session, id: AccountId) -> Result<Option<Account>, Fault> {
    let bound = |fill: u8| {
        let mut key = [fill; 16];
        for (to, from) in key.iter_mut().zip(id.terminal_prefix()) {
            *to = from;
        }
        key
    };
    let (low, high) = (bound(0), bound(u8::MAX));
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&low.as_slice(), &high.as_slice(), &id.0.as_slice()];
    Ok(many(session, &rows::ACCOUNT_BY_ID, &values).await?.into_iter().next())
}

fn page(limit: usize) -> i64 {
    i64::try_from(limit.min(PAGE_MAX)).unwrap_or(0)
}

async fn many<T>(
    session: &Session,
    query: &Query<T>,
    values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Vec<T>, Fault> {
    let rows = session.ask(query.sql, values).await?;
    Ok(rows.iter().map(|row| query.read(row)).collect::<Result<_, _>>()?)
}

/// What the caller is told, and what the thread has to know.
fn split<T>(result: Result<T, Fault>) -> (Result<T, StoreError>, Result<(), Fault>) {
    match result {
        Ok(value) => (Ok(value), Ok(())),
        Err(Fault::Disconnected(why)) => {
            (Err(StoreError::Unavailable(why.clone())), Err(Fault::Disconnected(why)))
        }
        Err(fault) => (Err(fault.into()), Ok(())),
    }
}
