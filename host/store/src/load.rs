//! The whole configuration, read once at start. Rows are decoded on several threads while the next are read.

use std::sync::Arc;

use futures_util::TryStreamExt;
use routing::config::{
    Account, CallFlow, Connection as ConnectionRow, Domain, Limits, Mailbox, NumberRow, Person,
};
use serde::de::DeserializeOwned;
use sqlx::{Connection, Row, SqliteConnection};
use tokio::task::JoinHandle;

use crate::error::StoreError;
use crate::row::{LIMITS, Secrets};
use crate::zone::{zone_of, zones_of};
use crate::{READ_REVISION, Shared, Store};

/// The configuration as of one revision, secrets in clear.
#[derive(Debug)]
pub struct Loaded {
    /// The revision in force.
    pub revision: u64,
    /// Accounts, oldest first.
    pub accounts: Vec<Account>,
    /// Domains, oldest first.
    pub domains: Vec<Domain>,
    /// Connections, oldest first.
    pub connections: Vec<ConnectionRow>,
    /// Numbers, oldest first.
    pub numbers: Vec<NumberRow>,
    /// Call flows, oldest first.
    pub flows: Vec<CallFlow>,
    /// People, oldest first.
    pub people: Vec<Person>,
    /// Mailboxes, oldest first.
    pub mailboxes: Vec<Mailbox>,
    /// Limits of the installation.
    pub limits: Limits,
}

impl Store {
    /// Reads everything that was committed.
    pub async fn load(&self) -> Result<Loaded, StoreError> {
        let mut reader = self.shared.readers.acquire().await?;
        let mut tx = reader.begin().await?;
        let revision: i64 = sqlx::query_scalar(READ_REVISION).fetch_one(&mut *tx).await?;
        let limits: Option<String> = sqlx::query_scalar("SELECT row FROM settings WHERE id = ?")
            .bind(LIMITS)
            .fetch_optional(&mut *tx)
            .await?;
        let loaded = Loaded {
            revision: u64::try_from(revision).unwrap_or(0),
            accounts: read(&mut tx, &self.shared, ACCOUNTS, |raw, _| raw.account()).await?,
            domains: read(&mut tx, &self.shared, DOMAINS, |raw, _| raw.decode("domain")).await?,
            connections: read(&mut tx, &self.shared, CONNECTIONS, Raw::connection).await?,
            numbers: read(&mut tx, &self.shared, NUMBERS, |raw, _| raw.decode("number")).await?,
            mailboxes: read(&mut tx, &self.shared, MAILBOXES, Raw::mailbox).await?,
            flows: read(&mut tx, &self.shared, FLOWS, |raw, _| raw.flow()).await?,
            people: read(&mut tx, &self.shared, PEOPLE, |raw, _| raw.decode("person")).await?,
            limits: limits.map_or(Ok(Limits::default()), |row| {
                Raw { id: LIMITS.to_owned(), row, secrets: None }.decode("settings")
            })?,
        };
        tx.rollback().await?;
        Ok(loaded)
    }

    /// The language that an account speaks, if it names one.
    pub async fn language_of(&self, account: &str) -> Result<Option<String>, StoreError> {
        let language =
            sqlx::query_scalar("SELECT json_extract(row, '$.language') FROM accounts WHERE id = ?");
        let found: Option<Option<String>> =
            language.bind(account).fetch_optional(&self.shared.readers).await?;
        Ok(found.flatten())
    }
}

/// A row as stored.
struct Raw {
    id: String,
    row: String,
    secrets: Option<Vec<u8>>,
}

impl Raw {
    fn decode<T: DeserializeOwned>(&self, table: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(&self.row).map_err(|error| self.broken(table, error.to_string()))
    }

    fn account(&self) -> Result<Account, StoreError> {
        let mut row: Account = self.decode("account")?;
        // A name that this machine does not know any more counts as UTC until somebody sets another.
        row.zone = Arc::new(row.timezone.as_deref().and_then(zone_of).unwrap_or_default());
        Ok(row)
    }

    fn flow(&self) -> Result<CallFlow, StoreError> {
        let mut row: CallFlow = self.decode("flow")?;
        row.zones = Arc::new(zones_of(row.published.iter().flat_map(|published| &published.zones)));
        Ok(row)
    }

    fn mailbox(&self, shared: &Shared) -> Result<Mailbox, StoreError> {
        let mut row: Mailbox = self.decode("mailbox")?;
        let clear = self.clear("mailbox", shared)?;
        row.pin = clear.and_then(|clear| String::from_utf8(clear).ok());
        Ok(row)
    }

    fn clear(&self, table: &'static str, shared: &Shared) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(sealed) = &self.secrets else { return Ok(None) };
        let clear = shared.vault.open(&self.id, sealed);
        clear.map(Some).ok_or_else(|| self.broken(table, "its secrets do not open".to_owned()))
    }

    fn connection(&self, shared: &Shared) -> Result<ConnectionRow, StoreError> {
        let mut row: ConnectionRow = self.decode("connection")?;
        if let Some(clear) = self.clear("connection", shared)? {
            let secrets: Secrets = serde_json::from_slice(&clear)
                .map_err(|_| self.broken("connection", "odd secrets".to_owned()))?;
            secrets.into_row(&mut row);
        }
        Ok(row)
    }

    fn broken(&self, table: &'static str, what: String) -> StoreError {
        StoreError::Row { table, id: self.id.clone(), what }
    }
}

async fn read<T: Send + 'static>(
    connection: &mut SqliteConnection,
    shared: &Arc<Shared>,
    sql: &'static str,
    decode: fn(&Raw, &Shared) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut parts: Vec<JoinHandle<Result<Vec<T>, StoreError>>> = Vec::new();
    let mut send = |chunk: Vec<Raw>| {
        let shared = Arc::clone(shared);
        parts.push(tokio::task::spawn_blocking(move || {
            chunk.iter().map(|raw| decode(raw, &shared)).collect()
        }));
    };
    let mut rows = sqlx::query(sql).fetch(connection);
    let mut chunk = Vec::new();
    while let Some(row) = rows.try_next().await? {
        chunk.push(Raw { id: row.try_get(0)?, row: row.try_get(1)?, secrets: row.try_get(2)? });
        if chunk.len() == ROWS_PER_THREAD {
            send(std::mem::take(&mut chunk));
        }
    }
    send(chunk);
    let mut all = Vec::new();
    for part in parts {
        all.append(&mut part.await.map_err(StoreError::internal)??);
    }
    Ok(all)
}

// In the order of creation: an update keeps the rowid.
const ACCOUNTS: &str = "SELECT id, row, NULL FROM accounts ORDER BY rowid";
const CONNECTIONS: &str = "SELECT id, row, secrets FROM connections ORDER BY rowid";
const DOMAINS: &str = "SELECT id, row, NULL FROM domains ORDER BY rowid";
const FLOWS: &str = "SELECT id, row, NULL FROM flows ORDER BY rowid";
const MAILBOXES: &str = "SELECT id, row, secrets FROM mailboxes ORDER BY rowid";
const NUMBERS: &str = "SELECT id, row, NULL FROM numbers ORDER BY rowid";
const PEOPLE: &str = "SELECT id, row, NULL FROM people ORDER BY rowid";
const ROWS_PER_THREAD: usize = 1_000;
