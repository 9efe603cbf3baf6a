//! What every selection of whole rows begins with, in every backend.

/// `select!(table, "WHERE ...")`: the columns of a table in the order in which its parser takes them.
/// `select!(table and period, ...)`: the period after them.
macro_rules! select {
    (@columns code) => {
        "key, terminal, number, route, trust, words, received_at, expires_at, state, grant_id, \
         frozen, purge_at, confirmation"
    };
    (@columns account) => {
        "terminal, id, status, created_at, changed_at"
    };
    (@columns grants) => {
        "terminal, id, account, client_id, jkt, scope, resources, auth_time, route, trust, \
         revoked_at, sequence, hash, previous, first, used, expires_at, purge_at, terms"
    };
    (@columns session) => {
        "terminal, id, account, cookie, auth_time, route, trust, created_at, ended_at, expires_at, \
         purge_at"
    };
    (@columns note) => {
        "key, kind, listed_at, document, purge_at"
    };
    (@columns signing_key) => {
        "kid, private, public, created_at, retired_at, signs_at"
    };
    (@columns audit) => {
        "id, at, kind, client_id, account, grant_id, route, reason, instance, evidence"
    };
    ($table:ident, $rest:literal) => {
        concat!("SELECT ", select!(@columns $table), " FROM ", stringify!($table), " ", $rest)
    };
    ($table:ident and $more:ident, $rest:literal) => {
        concat!(
            "SELECT ",
            select!(@columns $table),
            ", ",
            stringify!($more),
            " FROM ",
            stringify!($table),
            " ",
            $rest
        )
    };
}
pub(crate) use select;
