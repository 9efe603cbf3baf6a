//! The tables: what their rows are, and by what they are ordered.

use std::fmt;

use twinpath_core::transaction::Write;

use crate::audit::AuditLine;
use crate::columns::{self, Columns, Fields, Parsed};
use crate::error::StoreError;

/// What is copied, in this order. What nodes tell each other for seconds is not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "as the rows of twinpath_core::records")]
pub enum Table {
    SigningKeys,
    Apps,
    Instances,
    Terminals,
    Accounts,
    Grants,
    Sessions,
    Codes,
    Quotas,
    Jtis,
    Interactions,
    Notes,
    Audit,
}

/// A row on its way.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Row {
    /// Only ever one that puts.
    Put(Write),
    /// A line of the audit trail. Its number is its place on the side it comes from.
    Line(AuditLine),
}

/// The key of the last row of a page, as bytes; empty before the first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cursor(pub(crate) Vec<u8>);

/// A cursor as the values that a statement compares with.
pub(crate) enum Bounds<'c> {
    Key(&'c [u8]),
    Pair(&'c [u8], &'c [u8]),
    Named(&'c [u8], &'c str),
    Text(&'c str),
    Number(i64),
}

impl Table {
    /// All of them, in the order in which they are copied.
    pub const ALL: [Self; 13] = [
        Self::SigningKeys,
        Self::Apps,
        Self::Instances,
        Self::Terminals,
        Self::Accounts,
        Self::Grants,
        Self::Sessions,
        Self::Codes,
        Self::Quotas,
        Self::Jtis,
        Self::Interactions,
        Self::Notes,
        Self::Audit,
    ];

    /// Its name in every backend.
    pub fn name(self) -> &'static str {
        match self {
            Self::SigningKeys => "signing_key",
            Self::Apps => "app",
            Self::Instances => "instance",
            Self::Terminals => "terminal",
            Self::Accounts => "account",
            Self::Grants => "grants",
            Self::Sessions => "session",
            Self::Codes => "code",
            Self::Quotas => "quota",
            Self::Jtis => "jti",
            Self::Interactions => "interaction",
            Self::Notes => "note",
            Self::Audit => "audit",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Reads a row whose columns are in the order of the parsers in `columns`.
    pub(crate) fn parse(self, row: &dyn Columns) -> Parsed<Row> {
        let row = &Fields::new(self.name(), row);
        Ok(Row::Put(match self {
            Self::SigningKeys => Write::SigningKey(columns::signing_key(row)?),
            Self::Apps => Write::App(Box::new(columns::app(row)?)),
            Self::Instances => Write::Instance(Box::new(columns::instance(row)?)),
            Self::Terminals => Write::Terminal(columns::terminal(row)?),
            Self::Accounts => Write::Account(columns::account(row)?),
            Self::Grants => Write::Grant(columns::grant(row)?),
            Self::Sessions => Write::Session(columns::session(row)?),
            Self::Codes => Write::Code(columns::code(row)?),
            Self::Quotas => Write::Quota(columns::quota(row)?),
            Self::Jtis => Write::Jti(columns::jti(row)?),
            Self::Interactions => Write::Interaction(Box::new(columns::interaction(row)?)),
            Self::Notes => Write::Note(Box::new(columns::note(row)?)),
            Self::Audit => return Ok(Row::Line(columns::audit(row)?)),
        }))
    }

    /// The values of a cursor that [`Row::key`] made.
    pub(crate) fn bounds(self, cursor: &Cursor) -> Result<Bounds<'_>, StoreError> {
        let malformed = || StoreError::inconsistent("malformed mark in table copying");
        let key = cursor.0.as_slice();
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| malformed());
        let (first, second) = key.split_at_checked(16).unwrap_or((key, &[]));
        Ok(match self {
            Self::Terminals | Self::Codes | Self::Jtis | Self::Interactions | Self::Notes => {
                Bounds::Key(key)
            }
            Self::Accounts | Self::Grants | Self::Sessions => Bounds::Pair(first, second),
            Self::Quotas => Bounds::Named(first, text(second)?),
            Self::SigningKeys | Self::Apps | Self::Instances => Bounds::Text(text(key)?),
            Self::Audit if key.is_empty() => Bounds::Number(i64::MIN),
            Self::Audit => {
                Bounds::Number(i64::from_be_bytes(key.try_into().map_err(|_| malformed())?))
            }
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Row {
    /// Its primary key.
    pub(crate) fn key(&self) -> Cursor {
        let pair = |first: &[u8; 16], second: &[u8]| [first.as_slice(), second].concat();
        Cursor(match self {
            Self::Put(Write::SigningKey(row)) => row.kid.as_bytes().to_vec(),
            Self::Put(Write::App(row)) => row.client_id.as_str().as_bytes().to_vec(),
            Self::Put(Write::Instance(row)) => row.id.to_string().into_bytes(),
            Self::Put(Write::Terminal(row)) => row.key.0.to_vec(),
            Self::Put(Write::Account(row)) => pair(&row.terminal.0, &row.id.0),
            Self::Put(Write::Grant(row)) => pair(&row.terminal.0, &row.id.0),
            Self::Put(Write::Session(row)) => pair(&row.terminal.0, &row.id.0),
            Self::Put(Write::Code(row)) => row.key.0.to_vec(),
            Self::Put(Write::Quota(row)) => pair(&row.terminal.0, row.route.0.as_bytes()),
            Self::Put(Write::Jti(row)) => row.key.0.to_vec(),
            Self::Put(Write::Interaction(row)) => row.key.0.to_vec(),
            Self::Put(Write::Note(row)) => row.key.0.to_vec(),
            Self::Line(line) => line.id.to_be_bytes().to_vec(),
            // `Table::parse` makes none of these.
            Self::Put(
                Write::DeleteTerminal(_)
                | Write::DeleteAccount(..)
                | Write::DeleteNote(_)
                | Write::DeleteApp(_)
                | Write::DeleteSigningKey(_)
                | Write::Audit(_),
            ) => Vec::new(),
        })
    }
}
