//! Recordings of calls: rows, and their audio beside the database.
//!
//! A row is written when a recording begins and says what became of it when it is over. Its audio lies in
//! `recordings/ID.wav` once all of it is on disk. Deleting one takes the file first, so that no audio is ever left behind.

use std::path::PathBuf;

use engine::{RecordingBegan, RecordingKind};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use timestamp::Timestamp;

use crate::error::StoreError;
use crate::page::{Page, PageQuery};
use crate::{Store, clock};

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordingRow {
    /// `rec_…`, sorts by start.
    pub id: String,
    /// Owner.
    pub account: String,
    /// `call`, `caller`, or `message` until a mailbox has it.
    pub kind: String,
    /// `recording`, `stored`, `cut_off` or `failed`.
    pub state: String,
    /// The call.
    pub call: String,
    /// Connection that called.
    pub connection_in: Option<String>,
    /// Connection that answered.
    pub connection_out: Option<String>,
    /// Who called.
    pub from: String,
    /// What was dialled.
    pub dialled: String,
    /// The flow that wanted it.
    pub flow: Option<String>,
    /// Its node.
    pub node: Option<String>,
    /// When it began.
    #[serde(with = "clock::text")]
    pub started_at: Timestamp,
    /// How long it is.
    pub length_ms: u64,
    /// 1, or 2 with the caller on the left and the callee on the right.
    pub channels: u8,
    /// Samples per second.
    pub rate: u32,
    /// Octets of its file.
    pub bytes: u64,
    /// Why not all of it is there.
    pub problem: Option<String>,
}

/// A recording that was to become a message when the process died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrayMessage {
    /// The recording.
    pub id: String,
    /// Where it belongs; none if it is a message by now, or none was wanted.
    pub mailbox: Option<String>,
    /// Number or user of the caller; empty if withheld.
    pub from: String,
    /// The caller's name.
    pub from_name: String,
    /// What was dialled.
    pub to: String,
    /// The call.
    pub call: String,
}

/// Which recordings; messages of mailboxes are not among them.
#[derive(Clone, Debug, Default)]
pub struct RecordingQuery {
    /// Which part of them.
    pub page: PageQuery,
    /// Of this account.
    pub account: Option<String>,
    /// Of this call.
    pub call: Option<String>,
    /// With this connection in the call.
    pub connection: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Begun at this time or later.
    pub since: Option<Timestamp>,
    /// Begun before.
    pub until: Option<Timestamp>,
}

/// What became of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingEnd {
    /// `stored`, `cut_off` or `failed`.
    pub state: &'static str,
    /// How long it is.
    pub length_ms: u64,
    /// Octets of its file.
    pub bytes: u64,
    /// Why not all of it is there.
    pub problem: Option<String>,
}

impl Store {
    /// Where the audio of a recording is.
    pub fn recording_file(&self, id: &str) -> PathBuf {
        self.shared.folder.path("recordings").join(format!("{id}.wav"))
    }

    /// A recording begins.
    pub async fn begin_recording(&self, began: &RecordingBegan) -> Result<(), StoreError> {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let envelope = began.envelope.as_deref();
        let (from, dialled) = match envelope {
            Some(envelope) => (&*envelope.letter.from, &*envelope.letter.to),
            None => (&*began.from, &*began.dialled),
        };
        let mut writers = self.shared.writers.lock().await;
        sqlx::query(
            "INSERT INTO recordings (id, account, kind, state, call, connection_in, connection_out, caller, dialled, \
             flow, node, started_at, length_ms, channels, rate, bytes, mailbox, caller_name) \
             VALUES (?, ?, ?, 'recording', ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, ?, ?)",
        )
        .bind(began.id.to_string())
        .bind(&*began.account)
        .bind(began.kind.as_str())
        .bind(&*began.call)
        .bind(given(&began.connection_in))
        .bind(given(&began.connection_out))
        .bind(from)
        .bind(dialled)
        .bind(began.flow.as_deref())
        .bind(given(&began.node))
        .bind(clock::stored(began.started_at))
        .bind(began.channels)
        .bind(began.rate)
        .bind(envelope.map(|envelope| &*envelope.mailbox))
        .bind(envelope.map(|envelope| &*envelope.letter.from_name))
        .execute(&mut writers.bulk)
        .await?;
        Ok(())
    }

    /// A recording is over; its row, if there still is one.
    pub async fn end_recording(
        &self,
        id: &str,
        end: RecordingEnd,
    ) -> Result<Option<RecordingRow>, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        let row = sqlx::query(
            "UPDATE recordings SET state = ?, length_ms = ?, bytes = ?, problem = ? WHERE id = ? RETURNING *",
        )
        .bind(end.state)
        .bind(i64::try_from(end.length_ms).unwrap_or(i64::MAX))
        .bind(i64::try_from(end.bytes).unwrap_or(i64::MAX))
        .bind(end.problem)
        .bind(id)
        .fetch_optional(&mut writers.bulk)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// What a former process recorded for mailboxes, and did not bring there.
    pub async fn stray_messages(&self) -> Result<Vec<StrayMessage>, StoreError> {
        let rows = sqlx::query("SELECT * FROM recordings WHERE kind = ? ORDER BY id")
            .bind(RecordingKind::Message.as_str())
            .fetch_all(&self.shared.readers)
            .await?;
        let stray = |row: &SqliteRow| {
            let text = |name: &str| row.try_get::<Option<String>, _>(name).map(Option::unwrap_or_default);
            Ok(StrayMessage {
                id: text("id")?,
                mailbox: row.try_get("mailbox")?,
                from: text("caller")?,
                from_name: text("caller_name")?,
                to: text("dialled")?,
                call: text("call")?,
            })
        };
        rows.iter().map(stray).collect()
    }

    /// Recordings that a former process began and never ended have failed: these.
    pub async fn close_lost_recordings(&self) -> Result<Vec<RecordingRow>, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        let lost =
            "UPDATE recordings SET state = 'failed', problem = ? WHERE state = 'recording' RETURNING *";
        let lost = sqlx::query(lost).bind(NOTHING_LEFT).fetch_all(&mut writers.bulk).await?;
        lost.iter().map(read).collect()
    }

    /// Recordings, newest first.
    pub async fn recordings(&self, query: &RecordingQuery) -> Result<Page<RecordingRow>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM recordings WHERE kind <> 'message'");
        for (column, value) in [("account", &query.account), ("call", &query.call), ("state", &query.state)] {
            if let Some(value) = value {
                sql.push(format!(" AND {column} = ")).push_bind(value.clone());
            }
        }
        if let Some(connection) = &query.connection {
            sql.push(" AND (connection_in = ").push_bind(connection.clone());
            sql.push(" OR connection_out = ").push_bind(connection.clone()).push(")");
        }
        if let Some(since) = query.since {
            sql.push(" AND started_at >= ").push_bind(clock::stored(since));
        }
        if let Some(until) = query.until {
            sql.push(" AND started_at < ").push_bind(clock::stored(until));
        }
        query.page.push_by_id(&mut sql);
        let rows = sql.build().fetch_all(&self.shared.readers).await?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page::cut(&query.page, rows, |row: &RecordingRow| row.id.clone()))
    }

    /// One recording, also one that a mailbox is about to get.
    pub async fn recording(&self, id: &str) -> Result<Option<RecordingRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM recordings WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.shared.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Ids of the recordings of a call, in order.
    pub async fn recordings_of(&self, call: &str) -> Result<Vec<String>, StoreError> {
        let ids = "SELECT id FROM recordings WHERE call = ? AND kind <> 'message' ORDER BY id";
        Ok(sqlx::query_scalar(ids).bind(call).fetch_all(&self.shared.readers).await?)
    }

    /// Deletes a recording: its audio, then its row. Whether there was one.
    pub async fn delete_recording(&self, id: &str) -> Result<bool, StoreError> {
        let file = self.recording_file(id);
        match tokio::fs::remove_file(&file).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::folder(file)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let mut writers = self.shared.writers.lock().await;
        let gone =
            sqlx::query("DELETE FROM recordings WHERE id = ?").bind(id).execute(&mut writers.bulk).await?;
        Ok(gone.rows_affected() > 0)
    }

    /// Deletes the recordings of an account that began before, whatever goes on aside. How many.
    pub(crate) async fn prune_recordings(&self, account: &str, oldest: Timestamp) -> Result<u64, StoreError> {
        let old: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM recordings WHERE account = ? AND started_at < ? AND state <> 'recording'",
        )
        .bind(account)
        .bind(clock::stored(oldest))
        .fetch_all(&self.shared.readers)
        .await?;
        for id in &old {
            self.delete_recording(id).await?;
        }
        Ok(old.len() as u64)
    }
}

fn read(row: &SqliteRow) -> Result<RecordingRow, StoreError> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let given = |name: &str| row.try_get::<Option<String>, _>(name);
    let number = |name: &str| row.try_get::<i64, _>(name).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(RecordingRow {
        id: text("id")?,
        account: text("account")?,
        kind: text("kind")?,
        state: text("state")?,
        call: text("call")?,
        connection_in: given("connection_in")?,
        connection_out: given("connection_out")?,
        from: text("caller")?,
        dialled: text("dialled")?,
        flow: given("flow")?,
        node: given("node")?,
        started_at: clock::loaded(row.try_get("started_at")?),
        length_ms: number("length_ms")?,
        channels: row.try_get("channels")?,
        rate: row.try_get("rate")?,
        bytes: number("bytes")?,
        problem: given("problem")?,
    })
}

const NOTHING_LEFT: &str = "the server died before anything of it was on disk";
