//! Calls of the past in few words, oldest first: what a limit is tried on.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use timestamp::Timestamp;

use crate::error::StoreError;
use crate::{Store, clock, from_rfc3339};

/// Whose calls.
#[derive(Clone, Debug)]
pub enum Whose {
    /// From or to this connection.
    Connection(String),
    /// From this account, or to or by way of what it owns.
    Account(String),
    /// Everybody's.
    All,
}

/// A call that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCall {
    /// `call_…`.
    pub id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Account of whoever called.
    pub account: String,
    /// What was dialled.
    pub dialled: String,
    /// Connection that called; empty if it was none.
    pub connection_in: String,
    /// Connection that was rung last or answered; empty if there was none.
    pub connection_out: String,
    /// Reason code, where something went wrong; else empty.
    pub reason_code: String,
}

impl Store {
    /// Calls that began in this time, oldest first, and whether there were more than `most`.
    pub async fn past_calls(
        &self,
        whose: &Whose,
        since: Timestamp,
        most: u32,
    ) -> Result<(Vec<PastCall>, bool), StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT id, started_at, json_extract(row, '$.answered_at') AS answered_at, \
             json_extract(row, '$.ended_at') AS ended_at, account, dialled, connection_in, connection_out, reason_code \
             FROM history WHERE ",
        );
        // Ids begin with the milliseconds of the start.
        query.push("id >= ").push_bind(format!("call_{:011x}", since.as_millis()));
        match whose {
            Whose::Connection(id) => {
                query.push(" AND (connection_in = ").push_bind(id);
                query.push(" OR connection_out = ").push_bind(id).push(")");
            }
            Whose::Account(id) => {
                query.push(" AND (account = ").push_bind(id);
                query.push(" OR provider = ").push_bind(id).push(")");
            }
            Whose::All => {}
        }
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(most) + 1);
        let rows = query.build().fetch_all(&self.shared.readers).await?;
        let mut calls = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let more = calls.len() > most;
        calls.truncate(most);
        Ok((calls, more))
    }
}

fn read(row: &SqliteRow) -> Result<PastCall, StoreError> {
    let started_at = clock::loaded(row.try_get("started_at")?);
    let time = |column: &str| -> Result<Option<Timestamp>, StoreError> {
        Ok(row.try_get::<Option<String>, _>(column)?.as_deref().and_then(from_rfc3339))
    };
    Ok(PastCall {
        id: row.try_get("id")?,
        started_at,
        answered_at: time("answered_at")?,
        ended_at: time("ended_at")?.unwrap_or(started_at),
        account: row.try_get("account")?,
        dialled: row.try_get("dialled")?,
        connection_in: row.try_get("connection_in")?,
        connection_out: row.try_get("connection_out")?,
        reason_code: row.try_get("reason_code")?,
    })
}
