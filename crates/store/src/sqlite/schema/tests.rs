//! Databases of other versions.

use twinpath_core::ids::{ClientId, Digest, GrantId, InstanceId, TerminalKey, Timestamp};
use twinpath_core::records::{Grant, SigningKey};
use twinpath_core::transaction::{Key, Loaded, Write};

use super::*;
use crate::sqlite::flush::flush;
use crate::sqlite::load::load;
use crate::writes::WriteSet;

const HAND_MADE: &[(u32, &str)] = &[
    (1, V1),
    (2, V2),
    (3, V3),
    (4, V4),
    (5, "ALTER TABLE jti ADD COLUMN note TEXT; CREATE TABLE extra (id INTEGER) STRICT;"),
];

fn memory() -> Connection {
    Connection::open_in_memory().unwrap()
}

fn stored_version(connection: &Connection) -> i64 {
    let sql = "SELECT value FROM meta WHERE name = 'schema_version'";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn migrations_are_numbered_without_gaps() {
    for (index, (number, _)) in MIGRATIONS.iter().enumerate() {
        assert_eq!(index + 1, *number as usize);
    }
}

#[test]
fn an_older_database_is_migrated_and_keeps_its_rows() {
    let mut connection = memory();
    assert_eq!(migrate(&mut connection, MIGRATIONS), Ok(4));
    connection.execute("INSERT INTO jti VALUES (x'00', 7, 7)", []).unwrap();
    assert_eq!(migrate(&mut connection, HAND_MADE), Ok(5));
    assert_eq!(migrate(&mut connection, HAND_MADE), Ok(5));
    assert_eq!(stored_version(&connection), 5);
    let sql = "SELECT count(*) FROM jti WHERE purge_at = 7 AND note IS NULL";
    assert_eq!(connection.query_row(sql, [], |row| row.get(0)), Ok(1));
}

#[test]
fn a_newer_database_is_refused_untouched() {
    let mut connection = memory();
    migrate(&mut connection, HAND_MADE).unwrap();
    let error = migrate(&mut connection, MIGRATIONS).unwrap_err().to_string();
    assert!(error.contains("version 5") && error.contains("up to 4"), "{error}");
    assert_eq!(stored_version(&connection), 5);
}

#[test]
fn a_failing_migration_leaves_the_version_before_it() {
    let mut connection = memory();
    let broken = [(1, V1), (2, "CREATE TABLE half (id INTEGER); CREATE TABLE meta (x);")];
    assert!(migrate(&mut connection, &broken).is_err());
    assert_eq!(stored_version(&connection), 1);
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'half'";
    assert_eq!(connection.query_row(sql, [], |row| row.get(0)), Ok(0));
}

#[test]
fn the_database_of_another_program_is_refused() {
    let mut connection = memory();
    connection.execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
    let error = migrate(&mut connection, MIGRATIONS).unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");
}

/// As a program of version 1 left them.
const ROWS_OF_1: &str = r#"
INSERT INTO grants VALUES (zeroblob(16), zeroblob(16), zeroblob(16), 'app', 'thumbprint', 'openid',
    '["https://api.example"]', 1, 'modem', 2, NULL, 3, zeroblob(16), NULL, 2, 1, 8, 9, 9);
INSERT INTO signing_key VALUES ('k', x'00ff', '{"kty":"EC","crv":"P-256","kid":"k","alg":"ES256",
    "use":"sig","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}', 5, 6);
INSERT INTO app VALUES ('app', '{"client_id":"app","client_name":"App","developer":"",
    "auth_method":"none","scope":["openid"],"dpop":true,"created_at":1,"updated_at":2}');
"#;

fn loaded(connection: &Connection, key: &Key) -> Loaded {
    load(connection, key).unwrap()
}

fn keys(connection: &Connection) -> Vec<SigningKey> {
    match loaded(connection, &Key::SigningKeys) {
        Loaded::SigningKeys(keys) => keys,
        other => panic!("{other:?}"),
    }
}

fn grants(connection: &Connection) -> Vec<Grant> {
    match loaded(connection, &Key::Grants(TerminalKey([0; 16]))) {
        Loaded::Grants(grants) => grants,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_of_version_1_read_as_they_were() {
    let mut connection = memory();
    assert_eq!(migrate(&mut connection, &MIGRATIONS[..1]), Ok(1));
    connection.execute_batch(ROWS_OF_1).unwrap();
    assert_eq!(migrate(&mut connection, MIGRATIONS), Ok(4));

    let [grant] = &grants(&connection)[..] else { panic!("one grant") };
    assert_eq!((grant.id, grant.terms.as_ref()), (GrantId([0; 16]), None));
    assert_eq!((grant.client_id.as_str(), grant.jkt.as_str()), ("app", "thumbprint"));
    assert_eq!((grant.refresh.sequence, grant.refresh.first), (3, 2));
    assert_eq!((grant.expires_at, grant.purge_at), (Timestamp(8), Timestamp(9)));
    let [key] = &keys(&connection)[..] else { panic!("one key") };
    assert_eq!((key.created_at, key.signs_at), (Timestamp(5), Timestamp(5)));
    assert_eq!(key.retired_at, Some(Timestamp(6)));
    let app = loaded(&connection, &Key::App(ClientId::new("app").unwrap()));
    assert!(matches!(app, Loaded::App(Some(app)) if app.dpop && !app.first_party));
    let none = loaded(&connection, &Key::Sessions(TerminalKey([0; 16])));
    assert_eq!(none, Loaded::Sessions(Vec::new()));
    let none = loaded(&connection, &Key::Interaction(Digest([0; 16])));
    assert_eq!(none, Loaded::Interaction(None));
    let id = InstanceId::parse(&format!("app/{}", "A".repeat(43))).unwrap();
    assert_eq!(loaded(&connection, &Key::Instance(id)), Loaded::Instance(None));

    // Written by this program, they stay one row each.
    let mut writes = WriteSet::default();
    let (mut grant, mut key) = (grant.clone(), key.clone());
    grant.terms = Some(Box::default());
    key.signs_at = Timestamp(7);
    writes.push(Write::Grant(grant.clone()));
    writes.push(Write::SigningKey(key.clone()));
    flush(&connection, &writes).unwrap();
    assert_eq!((grants(&connection), keys(&connection)), (vec![grant], vec![key]));
}
