//! What each migration does. Once published, none is edited.

pub(super) const V1: &str = "
CREATE TABLE meta (
    name  text PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO meta VALUES ('schema_version', 0), ('oldest_program', 0), ('registry_version', 0);

CREATE TABLE partition_use (
    parent     text NOT NULL,
    period     integer NOT NULL,
    keep_until bigint NOT NULL,
    PRIMARY KEY (parent, period)
);

CREATE TABLE code (
    key         bytea NOT NULL,
    period      integer NOT NULL,
    terminal    bytea NOT NULL,
    number      bytea NOT NULL,
    route       text NOT NULL,
    trust       smallint NOT NULL,
    words       bytea NOT NULL,
    received_at bigint NOT NULL,
    expires_at  bigint NOT NULL,
    state       smallint NOT NULL,
    grant_id    bytea,
    frozen      bytea,
    purge_at    bigint NOT NULL,
    PRIMARY KEY (key, period)
) PARTITION BY LIST (period);

CREATE TABLE jti (
    key      bytea NOT NULL,
    period   integer NOT NULL,
    purge_at bigint NOT NULL,
    PRIMARY KEY (key, period)
) PARTITION BY LIST (period);

CREATE TABLE quota (
    terminal bytea NOT NULL,
    route    text NOT NULL,
    period   integer NOT NULL,
    texts    bytea NOT NULL,
    purge_at bigint NOT NULL,
    PRIMARY KEY (terminal, route, period)
) PARTITION BY LIST (period);

CREATE TABLE audit (
    id        bigint NOT NULL,
    period    integer NOT NULL,
    at        bigint NOT NULL,
    kind      text NOT NULL,
    client_id text,
    account   text,
    grant_id  text,
    route     text,
    reason    text
) PARTITION BY LIST (period);
CREATE INDEX audit_id ON audit (id);

CREATE TABLE terminal (
    terminal   bytea PRIMARY KEY,
    touched    bigint NOT NULL,
    number     bytea,
    account    bytea,
    created_at bigint,
    proven_at  bigint,
    due        bigint
) WITH (fillfactor = 80);
CREATE INDEX terminal_due ON terminal (due) WHERE due IS NOT NULL;

CREATE TABLE account (
    terminal   bytea NOT NULL,
    id         bytea NOT NULL,
    status     smallint NOT NULL,
    created_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    PRIMARY KEY (terminal, id)
);

CREATE TABLE grants (
    terminal   bytea NOT NULL,
    id         bytea NOT NULL,
    account    bytea NOT NULL,
    client_id  text NOT NULL,
    jkt        text NOT NULL,
    scope      text NOT NULL,
    resources  text NOT NULL,
    auth_time  bigint NOT NULL,
    route      text NOT NULL,
    trust      smallint NOT NULL,
    revoked_at bigint,
    sequence   bigint NOT NULL,
    hash       bytea NOT NULL,
    previous   bytea,
    first      bigint NOT NULL,
    used       smallint NOT NULL,
    expires_at bigint NOT NULL,
    purge_at   bigint NOT NULL,
    due        bigint NOT NULL,
    PRIMARY KEY (terminal, id)
) WITH (fillfactor = 80);
CREATE INDEX grants_due ON grants (due);

CREATE TABLE app (
    client_id text COLLATE \"C\" PRIMARY KEY,
    document  text NOT NULL
);

CREATE TABLE signing_key (
    kid        text COLLATE \"C\" PRIMARY KEY,
    private    bytea NOT NULL,
    public     text NOT NULL,
    created_at bigint NOT NULL,
    retired_at bigint
);

CREATE UNLOGGED TABLE waiting (
    code        bytea PRIMARY KEY,
    node        text NOT NULL,
    until       bigint NOT NULL,
    answered_at bigint,
    interval_s  bigint,
    due         bigint NOT NULL
);
CREATE INDEX waiting_due ON waiting (due);

CREATE UNLOGGED TABLE tally (
    node    text NOT NULL,
    subject bytea NOT NULL,
    count   bigint NOT NULL,
    until   bigint NOT NULL,
    PRIMARY KEY (node, subject)
);
";

/// Authorization requests on their way, sessions; what only some grants have; keys that are published
/// before they sign. A program of version 1 reads and writes none of it.
pub(super) const V2: &str = "
ALTER TABLE grants ADD COLUMN terms text;

ALTER TABLE signing_key ADD COLUMN signs_at bigint;

CREATE TABLE interaction (
    key      bytea NOT NULL,
    period   integer NOT NULL,
    document text NOT NULL,
    purge_at bigint NOT NULL,
    PRIMARY KEY (key, period)
) PARTITION BY LIST (period);

CREATE TABLE session (
    terminal   bytea NOT NULL,
    id         bytea NOT NULL,
    account    bytea NOT NULL,
    cookie     bytea NOT NULL,
    auth_time  bigint NOT NULL,
    route      text NOT NULL,
    trust      smallint NOT NULL,
    created_at bigint NOT NULL,
    ended_at   bigint,
    expires_at bigint NOT NULL,
    purge_at   bigint NOT NULL,
    due        bigint NOT NULL,
    PRIMARY KEY (terminal, id)
) WITH (fillfactor = 80);
CREATE INDEX session_due ON session (due);
";

/// Installations of apps, and what the audit trail says of them. A program of version 2 reads and writes
/// none of it.
pub(super) const V3: &str = "
ALTER TABLE audit ADD COLUMN instance text;
ALTER TABLE audit ADD COLUMN evidence text;

CREATE TABLE instance (
    id       text COLLATE \"C\" PRIMARY KEY,
    document text NOT NULL,
    purge_at bigint NOT NULL,
    due      bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX instance_due ON instance (due);
";

/// Codes that wait for a confirmation; short-lived documents, some of them listed by kind and time. A
/// program of version 3 reads and writes none of it: it takes a code that waits for a confirmation for a
/// fault, and says so.
pub(super) const V4: &str = "
ALTER TABLE code ADD COLUMN confirmation smallint;

CREATE TABLE note (
    key       bytea PRIMARY KEY,
    kind      text NOT NULL,
    listed_at bigint,
    document  text NOT NULL,
    purge_at  bigint NOT NULL,
    due       bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX note_due ON note (due);
CREATE INDEX note_listed ON note (kind, listed_at) WHERE listed_at IS NOT NULL;
";

/// An addition of the kind that every later migration has to be.
pub(super) const NEXT: &str = "
ALTER TABLE grants ADD COLUMN rehearsed_at bigint;
CREATE TABLE rehearsal (id bigint PRIMARY KEY);
";
