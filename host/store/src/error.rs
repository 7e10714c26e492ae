//! What can go wrong with the store, and whose turn it is to act. Messages say what to do.

use std::path::PathBuf;

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whoever runs the installation.
    Operator,
    /// Whoever asked: the request cannot be granted.
    Peer,
    /// We: a bug.
    Us,
}

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A value that must be unique is taken.
    #[error("{field} is taken")]
    Conflict {
        /// Field as the API names it: `user`, `trunk_name`, `e164`, `host` or `name`.
        field: &'static str,
    },
    /// Stored secrets do not open with the master key.
    #[error("{0}: this is not the master.key the data was written with; restore the file that belongs to it")]
    KeyDiffers(PathBuf),
    /// The master key is gone.
    #[error("{0} is missing; restore it from the backup, stored passwords cannot be read without it")]
    KeyMissing(PathBuf),
    /// The database was written by a later version of the program.
    #[error(
        "the database has schema {found}, this version knows up to {known}; start the newer version again"
    )]
    Newer {
        /// Schema of the database.
        found: i64,
        /// Newest schema of this program.
        known: i64,
    },
    /// The folder or a file in it cannot be used.
    #[error("{path}: {source}; the data folder must exist or be creatable, and be writable by this user")]
    Folder {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database said no.
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("database schema: {0}")]
    Schema(sqlx::migrate::MigrateError),
    /// A stored row cannot be understood.
    #[error("stored {table} {id} cannot be read: {what}")]
    Row {
        /// Table of the row.
        table: &'static str,
        /// Its id.
        id: String,
        /// What is wrong with it.
        what: String,
    },
    /// The system gave no random bytes or a value could not be written as JSON.
    #[error("{0}")]
    Internal(String),
}

impl StoreError {
    /// Who has to act.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Conflict { .. } => Fault::Peer,
            Self::KeyDiffers(_) | Self::KeyMissing(_) | Self::Newer { .. } | Self::Folder { .. } => {
                Fault::Operator
            }
            Self::Database(error) if of_the_machine(error) => Fault::Operator,
            Self::Database(_) | Self::Schema(_) | Self::Row { .. } | Self::Internal(_) => Fault::Us,
        }
    }

    pub(crate) fn folder(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Folder { path, source }
    }

    pub(crate) fn internal(error: impl core::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let field = error
            .as_database_error()
            .filter(|e| e.is_unique_violation())
            .and_then(|e| unique_field(e.message()));
        match field {
            Some(field) => Self::Conflict { field },
            None => Self::Database(error),
        }
    }
}

/// SQLite names the columns of the index: `UNIQUE constraint failed: connections.domain, connections.user`.
fn unique_field(message: &str) -> Option<&'static str> {
    let columns = message.strip_prefix("UNIQUE constraint failed: ")?;
    [
        ("connections.user", "user"),
        ("connections.trunk_name", "trunk_name"),
        ("mailboxes.name", "name"),
        ("mailboxes.number", "number"),
        ("mailboxes.connection", "connection"),
        ("numbers.e164", "e164"),
        ("domains.host", "host"),
        ("accounts.name", "name"),
        ("admins.name", "name"),
    ]
    .into_iter()
    .find_map(|(column, field)| columns.split(", ").any(|c| c == column).then_some(field))
}

/// Whether disk, permissions or another process are to blame (SQLite primary result codes).
fn of_the_machine(error: &sqlx::Error) -> bool {
    const BUSY: u32 = 5;
    const READONLY: u32 = 8;
    const IOERR: u32 = 10;
    const CORRUPT: u32 = 11;
    const FULL: u32 = 13;
    const CANTOPEN: u32 = 14;
    const NOTADB: u32 = 26;
    let code = error.as_database_error().and_then(|e| e.code()).and_then(|c| c.parse::<u32>().ok());
    code.is_some_and(|c| [BUSY, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB].contains(&(c & 0xff)))
}
