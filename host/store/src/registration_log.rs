//! The log of registrations: what became of ours elsewhere, and of others' here.
//!
//! Written in group commits. A connection keeps its newest 1,000 lines, an account as many hours as its retention
//! says; a registrar that refuses us every few seconds costs no more than that.

use std::collections::HashMap;

use engine::control::RegistrationLogRow;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use timestamp::Timestamp;

use crate::error::StoreError;
use crate::id::new_id;
use crate::page::{Page, PageQuery};
use crate::row::ROWS_PER_STATEMENT;
use crate::{Store, clock};

/// One line of the log of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `log_…`; sorts by age.
    pub id: String,
    /// When.
    #[serde(with = "clock::text")]
    pub at: Timestamp,
    /// `out`: we registered there; `in`: it registered here.
    pub direction: String,
    /// `registered`, `refreshed`, `failed`, `unregistered` or `expired`.
    pub event: String,
    /// SIP code of the answer; absent where nothing was answered.
    pub code: Option<u16>,
    /// Why, in words.
    pub reason: String,
    /// The other end.
    pub target: String,
    /// The contact.
    pub contact: String,
    /// Seconds granted.
    pub expires_s: u32,
    /// Milliseconds from the request to its answer.
    pub elapsed_ms: u64,
}

/// Which lines of a connection's log.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Which part of them.
    pub page: PageQuery,
    /// The connection.
    pub connection: String,
    /// Not before.
    pub since: Option<Timestamp>,
    /// With this event.
    pub event: Option<String>,
}

/// How many lines each connection has got since it was last cut.
pub(crate) type Lines = HashMap<Box<str>, u32>;

impl Store {
    /// Lines of a connection's log, newest first.
    pub async fn registration_log(&self, query: &LogQuery) -> Result<Page<LogLine>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT id, row FROM registration_log WHERE connection = ");
        sql.push_bind(query.connection.clone());
        if let Some(event) = &query.event {
            sql.push(" AND event = ").push_bind(event.clone());
        }
        if let Some(since) = query.since {
            sql.push(" AND at >= ").push_bind(clock::stored(since));
        }
        query.page.push_by_id(&mut sql);
        let rows = sql.build().fetch_all(&self.shared.readers).await?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page::cut(&query.page, rows, |line: &LogLine| line.id.clone()))
    }
}

/// Writes lines in the caller's transaction, and cuts what is too long.
pub(crate) async fn write(
    connection: &mut SqliteConnection,
    rows: &[RegistrationLogRow],
    lines: &mut Lines,
) -> Result<(), StoreError> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let made: Vec<_> = chunk.iter().map(line).collect();
        let texts = made.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        let texts = texts.map_err(StoreError::internal)?;
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO registration_log (id, connection, account, at, event, row) ",
        );
        query.push_values(chunk.iter().zip(made.iter().zip(&texts)), |mut values, (row, (line, text))| {
            values
                .push_bind(&line.id)
                .push_bind(&*row.connection)
                .push_bind(&*row.account)
                .push_bind(clock::stored(row.at))
                .push_bind(row.event)
                .push_bind(text);
        });
        query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
    }
    for row in rows {
        *lines.entry(row.connection.clone()).or_default() += 1;
    }
    let long: Vec<_> = lines.extract_if(|_, lines| *lines >= CUT_AFTER).map(|(id, _)| id).collect();
    for id in long {
        cut(connection, &id).await?;
    }
    Ok(())
}

async fn cut(connection: &mut SqliteConnection, id: &str) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM registration_log WHERE connection = ?1 AND id <= \
         (SELECT id FROM registration_log WHERE connection = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )
    .bind(id)
    .bind(MOST_LINES)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the lines of an account that are older than `oldest`; how many.
pub(crate) async fn forget(
    connection: &mut SqliteConnection,
    account: &str,
    oldest: Timestamp,
) -> Result<u64, StoreError> {
    let query = sqlx::query("DELETE FROM registration_log WHERE account = ? AND at < ?");
    Ok(query.bind(account).bind(clock::stored(oldest)).execute(connection).await?.rows_affected())
}

fn line(row: &RegistrationLogRow) -> LogLine {
    LogLine {
        id: new_id("log"),
        at: row.at,
        direction: row.direction.to_owned(),
        event: row.event.to_owned(),
        code: Some(row.code).filter(|code| *code != 0),
        reason: shortened(&row.reason),
        target: shortened(&row.target),
        contact: shortened(&row.contact),
        expires_s: row.expires_s,
        elapsed_ms: row.elapsed_ms,
    }
}

/// Peers choose these texts.
fn shortened(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS).collect()
}

fn read(row: &SqliteRow) -> Result<LogLine, StoreError> {
    serde_json::from_str(row.try_get("row")?).map_err(|error| StoreError::Row {
        table: "registration_log",
        id: row.try_get("id").unwrap_or_default(),
        what: error.to_string(),
    })
}

const MOST_LINES: i64 = 1_000;
/// Lines between two cuts of one connection's log.
const CUT_AFTER: u32 = 200;
const MOST_CHARACTERS: usize = 200;
