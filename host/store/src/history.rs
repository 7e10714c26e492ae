//! Call history: one row per call that ended, written once and read in pages.

use std::sync::Arc;

use engine::{
    AttemptRecord, CallOutcome, CallRecord, CandidateRecord, EndedBy, FlowStep, LegRecord, OpenCall,
    Signature,
};
use routing::reason::Reason;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use timestamp::Timestamp;

use crate::error::StoreError;
use crate::page::{Page, PageQuery};
use crate::row::ROWS_PER_STATEMENT;
use crate::{Store, clock};

/// A call as people see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// `call_…`.
    pub id: String,
    /// Owner.
    pub account: String,
    /// Account of the connection that it left by, where that is another.
    #[serde(default)]
    pub provider: Option<String>,
    /// When the INVITE came.
    #[serde(with = "clock::text")]
    pub started_at: Timestamp,
    /// When the callee first rang.
    #[serde(with = "clock::optional_text")]
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    #[serde(with = "clock::optional_text")]
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    #[serde(with = "clock::text")]
    pub ended_at: Timestamp,
    /// Who called.
    pub from: String,
    /// Display name of the caller.
    pub from_display: String,
    /// What was dialled.
    pub dialled: String,
    /// Connection that called.
    pub connection_in: Option<String>,
    /// Connection that was rung last or answered.
    pub connection_out: Option<String>,
    /// `answered`, `busy`, `cancelled`, `failed`, `no_answer`, `refused` or `voicemail`.
    pub outcome: String,
    /// Final SIP code sent to the caller.
    pub sip_code: u16,
    /// Reason code, when something went wrong.
    pub reason_code: Option<String>,
    /// The reason in words.
    pub reason_text: String,
    /// Q.850 cause.
    pub q850: Option<u16>,
    /// `callee`, `caller`, `operator`, `restart` or `system`.
    pub ended_by: String,
    /// From the INVITE to the first ring, in milliseconds.
    pub pdd_ms: Option<u64>,
    /// From the first ring to the answer or the end, in milliseconds.
    pub ring_ms: Option<u64>,
    /// From the INVITE to the answer, in milliseconds.
    pub setup_ms: Option<u64>,
    /// From the answer to the end, in seconds.
    pub talk_s: Option<f64>,
    /// Configuration revision the decision was made under.
    pub config_rev: u64,
    /// How the caller was identified.
    pub proof: String,
    /// Connections considered, in order.
    pub candidates: Vec<Value>,
    /// Every attempt to reach somebody; empty when the first one was answered.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// The nodes of flows that the call came by, in order; empty where no flow took it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flow: Vec<FlowNode>,
    /// What was thought of the signature that came with the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Value>,
    /// What we said of the call, where we signed: how far we vouched for the caller id, `A`, `B` or `C`, or `div`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    /// Ids of its recordings, where one call is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<String>,
    /// The caller's leg, then the callees'.
    pub legs: Vec<Value>,
}

/// One attempt of a call to reach somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The connection.
    pub connection: Option<String>,
    /// Address and transport; none if nothing was sent.
    pub address: Option<String>,
    /// When it began.
    #[serde(with = "clock::text")]
    pub started_at: Timestamp,
    /// Its final code.
    pub sip_code: Option<u16>,
    /// What it said with that.
    pub sip_text: String,
    /// Why it did not work.
    pub reason_code: Option<String>,
    /// The same in words.
    pub reason_text: String,
    /// Milliseconds to its first provisional answer.
    pub provisional_ms: Option<u64>,
    /// Milliseconds to its end.
    pub final_ms: Option<u64>,
    /// `answered`, `cancelled`, `ended` or `next`.
    pub then: String,
}

/// A node of a flow that a call came by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowNode {
    /// Id of the flow.
    pub flow: String,
    /// The version that the call took.
    pub version: u32,
    /// Id of the node.
    pub node: String,
    /// Its verb.
    pub verb: String,
    /// When the call came there.
    #[serde(with = "clock::text")]
    pub at: Timestamp,
    /// What was asked of the call, in words; none where the flow decided by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// When it went on.
    #[serde(with = "clock::optional_text")]
    pub until: Option<Timestamp>,
    /// By which outcome; none where the call ended there.
    pub outcome: Option<String>,
}

impl FlowNode {
    fn new(step: &FlowStep) -> Self {
        Self {
            flow: step.flow.to_string(),
            version: step.version,
            node: step.node.to_string(),
            verb: step.verb.to_owned(),
            at: step.at,
            asked: step.asked.as_deref().map(str::to_owned),
            until: step.until,
            outcome: step.outcome.as_deref().map(str::to_owned),
        }
    }
}

/// Calls in the order in which they were written.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Each with its cursor.
    pub rows: Vec<(u64, HistoryRow)>,
    /// Where to go on.
    pub cursor: u64,
    /// Whether there is more already.
    pub more: bool,
}

/// Which calls.
#[derive(Clone, Debug, Default)]
pub struct HistoryQuery {
    /// Which part of them.
    pub page: PageQuery,
    /// Of this account, or by a connection of it.
    pub account: Option<String>,
    /// From or to this connection.
    pub connection: Option<String>,
    /// Whose caller contains this text.
    pub from: Option<String>,
    /// Whose dialled number or user contains this text.
    pub to: Option<String>,
    /// With this reason code.
    pub reason: Option<String>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// Started not before.
    pub since: Option<Timestamp>,
    /// Started before.
    pub until: Option<Timestamp>,
}

/// A record as its row is written: the same fields as [`HistoryRow`], borrowed.
#[derive(Serialize)]
struct Written<'a> {
    id: &'a str,
    account: &'a str,
    provider: Option<&'a str>,
    #[serde(with = "clock::text")]
    started_at: Timestamp,
    #[serde(with = "clock::optional_text")]
    ringing_at: Option<Timestamp>,
    #[serde(with = "clock::optional_text")]
    answered_at: Option<Timestamp>,
    #[serde(with = "clock::text")]
    ended_at: Timestamp,
    from: &'a str,
    from_display: &'a str,
    dialled: &'a str,
    connection_in: Option<&'a str>,
    connection_out: Option<&'a str>,
    outcome: CallOutcome,
    sip_code: u16,
    reason_code: Option<&'a str>,
    reason_text: &'a str,
    q850: Option<u16>,
    ended_by: EndedBy,
    pdd_ms: Option<u64>,
    ring_ms: Option<u64>,
    setup_ms: Option<u64>,
    talk_s: Option<f64>,
    config_rev: u64,
    proof: &'a str,
    candidates: &'a [CandidateRecord],
    attempts: Vec<Attempt>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flow: Vec<FlowNode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a Signature>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<&'static str>,
    legs: &'a [LegRecord],
}

impl<'a> Written<'a> {
    fn new(record: &'a CallRecord) -> Result<Self, StoreError> {
        let CallRecord { started_at, ringing_at, answered_at, ended_at, .. } = *record;
        let millis =
            |from: Timestamp, to: Timestamp| u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX);
        Ok(Self {
            id: &record.id,
            account: &record.account,
            provider: record.provider.as_deref(),
            started_at,
            ringing_at,
            answered_at,
            ended_at,
            from: &record.from,
            from_display: &record.from_display,
            dialled: &record.dialled,
            connection_in: given(&record.connection_in),
            connection_out: given(&record.connection_out),
            outcome: record.outcome,
            sip_code: record.sip_code,
            reason_code: given(record.reason_code),
            reason_text: &record.reason_text,
            q850: Some(record.q850).filter(|&cause| cause != 0),
            ended_by: record.ended_by,
            pdd_ms: ringing_at.map(|at| millis(started_at, at)),
            ring_ms: ringing_at.map(|at| millis(at, answered_at.unwrap_or(ended_at))),
            setup_ms: answered_at.map(|at| millis(started_at, at)),
            talk_s: answered_at.map(|at| ended_at.since(at).as_secs_f64()),
            config_rev: record.config_rev,
            proof: record.proof,
            candidates: &record.candidates,
            flow: record.flow.iter().map(FlowNode::new).collect(),
            attempts: record.attempts.iter().map(Attempt::new).collect::<Result<_, _>>()?,
            signature: record.signature.as_ref(),
            signed: record.signed,
            legs: &record.legs,
        })
    }
}

impl Attempt {
    fn new(record: &AttemptRecord) -> Result<Self, StoreError> {
        Ok(Self {
            connection: given(&record.connection).map(str::to_owned),
            address: given(&record.address).map(str::to_owned),
            started_at: record.started_at,
            sip_code: Some(record.sip_code).filter(|&code| code != 0),
            sip_text: record.sip_text.to_string(),
            reason_code: given(&record.reason_code).map(str::to_owned),
            reason_text: record.reason_text.to_string(),
            provisional_ms: record.provisional_ms,
            final_ms: record.final_ms,
            then: word(&record.then)?,
        })
    }
}

impl HistoryQuery {
    /// One search with every condition, its order and its limit.
    fn push_arm(&self, sql: &mut QueryBuilder<Sqlite>, of: &[(&str, &String)]) {
        sql.push("SELECT id, row FROM history WHERE 1");
        for (column, value) in of {
            sql.push(format_args!(" AND {column} = ")).push_bind((*value).clone());
            if *column == "provider" {
                // What its index is made for.
                sql.push(" AND provider <> ''");
            }
        }
        self.push_filters(sql);
        self.page.push_by_id(sql);
    }

    fn push_filters(&self, sql: &mut QueryBuilder<Sqlite>) {
        let equal = [("reason_code", &self.reason), ("outcome", &self.outcome)];
        for (column, value) in equal.into_iter().filter_map(|(column, value)| Some((column, value.as_ref()?)))
        {
            sql.push(format_args!(" AND {column} = ")).push_bind(value.clone());
        }
        for (column, text) in [("caller", &self.from), ("dialled", &self.to)] {
            if let Some(text) = text {
                sql.push(format_args!(" AND instr({column}, ")).push_bind(text.clone()).push(") > 0");
            }
        }
        if let Some(since) = self.since {
            sql.push(" AND started_at >= ").push_bind(clock::stored(since));
        }
        if let Some(until) = self.until {
            sql.push(" AND started_at < ").push_bind(clock::stored(until));
        }
    }

    /// Either side of what may be one of two: two searches, each along its own index, cost less than one with OR.
    fn arms(&self) -> Vec<Vec<(&'static str, &String)>> {
        let sides = |columns: [&'static str; 2], wanted: &'_ Option<String>| match wanted {
            None => vec![None],
            Some(_) => columns.map(Some).to_vec(),
        };
        let mut arms = Vec::new();
        for account in sides(["account", "provider"], &self.account) {
            for connection in sides(["connection_in", "connection_out"], &self.connection) {
                let pairs = [(account, &self.account), (connection, &self.connection)];
                let pairs = pairs.into_iter().filter_map(|(column, value)| Some((column?, value.as_ref()?)));
                arms.push(pairs.collect());
            }
        }
        arms
    }
}

impl Store {
    /// Calls that ended, newest first.
    pub async fn history(&self, query: &HistoryQuery) -> Result<Page<HistoryRow>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT id, row FROM (");
        for (index, arm) in query.arms().iter().enumerate() {
            if index > 0 {
                sql.push(") UNION SELECT id, row FROM (");
            }
            query.push_arm(&mut sql, arm);
        }
        sql.push(")");
        query.page.push_order(&mut sql);
        let rows = sql.build().fetch_all(&self.shared.readers).await?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page::cut(&query.page, rows, |row: &HistoryRow| row.id.clone()))
    }

    /// Calls in the order in which they were written, after a cursor.
    pub async fn history_written(
        &self,
        query: &HistoryQuery,
        after: u64,
        most: usize,
    ) -> Result<Exported, StoreError> {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        // Read first: what is written meanwhile comes with the next page.
        let last: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(written_at), 0) FROM history")
            .fetch_one(&self.shared.readers)
            .await?;
        let mut sql =
            QueryBuilder::<Sqlite>::new("SELECT written_at, id, row FROM history WHERE written_at > ");
        sql.push_bind(number(after)).push(" AND written_at <= ").push_bind(last);
        let sides =
            [("account", "provider", &query.account), ("connection_in", "connection_out", &query.connection)];
        for (one, other, wanted) in sides {
            if let Some(wanted) = wanted {
                sql.push(format_args!(" AND ({one} = ")).push_bind(wanted.clone());
                sql.push(format_args!(" OR {other} = ")).push_bind(wanted.clone()).push(")");
            }
        }
        query.push_filters(&mut sql);
        sql.push(" ORDER BY written_at LIMIT ").push_bind(i64::try_from(most).unwrap_or(i64::MAX));
        let found = sql.build().fetch_all(&self.shared.readers).await?;
        let mut rows = Vec::with_capacity(found.len());
        for row in &found {
            let cursor: i64 = row.try_get("written_at")?;
            rows.push((u64::try_from(cursor).unwrap_or(0), read(row)?));
        }
        let more = rows.len() == most;
        let end = u64::try_from(last).unwrap_or(0);
        let cursor = rows.last().filter(|_| more).map_or_else(|| end.max(after), |(cursor, _)| *cursor);
        Ok(Exported { rows, cursor, more })
    }

    /// One call that ended.
    pub async fn history_get(&self, id: &str) -> Result<Option<HistoryRow>, StoreError> {
        let row = sqlx::query("SELECT id, row FROM history WHERE id = ?").bind(id);
        row.fetch_optional(&self.shared.readers).await?.as_ref().map(read).transpose()
    }

    /// At start: calls whose marker is still there ended with the process before. Returns how many.
    pub async fn close_lost_calls(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.bulk.begin_with("BEGIN IMMEDIATE").await?;
        let rows = sqlx::query("SELECT * FROM open_calls").fetch_all(&mut *tx).await?;
        let lost = rows.iter().map(|row| lost(row, now)).collect::<Result<Vec<_>, _>>()?;
        write(&mut tx, &lost).await?;
        sqlx::query("DELETE FROM open_calls").execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(u64::try_from(lost.len()).unwrap_or(u64::MAX))
    }
}

/// Writes records in the caller's transaction; one written again takes the place of the first.
pub(crate) async fn write(
    connection: &mut SqliteConnection,
    records: &[CallRecord],
) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let last: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(written_at), 0) FROM history")
        .fetch_one(&mut *connection)
        .await?;
    let mut written_at = clock::stored(clock::now()).max(last.saturating_add(1));
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let texts: Vec<_> = chunk
            .iter()
            .map(|record| serde_json::to_string(&Written::new(record)?).map_err(StoreError::internal))
            .collect::<Result<_, _>>()?;
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT OR REPLACE INTO history (id, account, started_at, connection_in, connection_out, caller, dialled, \
             outcome, reason_code, row, provider, written_at) ",
        );
        query.push_values(chunk.iter().zip(&texts), |mut values, (record, text)| {
            values
                .push_bind(&*record.id)
                .push_bind(&*record.account)
                .push_bind(clock::stored(record.started_at))
                .push_bind(&*record.connection_in)
                .push_bind(&*record.connection_out)
                .push_bind(&*record.from)
                .push_bind(&*record.dialled)
                .push_bind(record.outcome.as_str())
                .push_bind(record.reason_code)
                .push_bind(text)
                .push_bind(record.provider.as_deref().unwrap_or_default())
                .push_bind(written_at);
            written_at = written_at.saturating_add(1);
        });
        query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Writes markers of open calls in the caller's transaction.
pub(crate) async fn write_open(
    connection: &mut SqliteConnection,
    calls: &[&OpenCall],
) -> Result<(), StoreError> {
    for chunk in calls.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT OR REPLACE INTO open_calls (id, account, started_at, answered_at, caller, dialled, connection_in, \
             connection_out, config_rev) ",
        );
        query.push_values(chunk, |mut values, call| {
            values
                .push_bind(&*call.id)
                .push_bind(&*call.account)
                .push_bind(clock::stored(call.started_at))
                .push_bind(call.answered_at.map(clock::stored))
                .push_bind(&*call.from)
                .push_bind(&*call.dialled)
                .push_bind(&*call.connection_in)
                .push_bind(&*call.connection_out)
                .push_bind(i64::try_from(call.config_rev).unwrap_or(i64::MAX));
        });
        query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Takes away the markers of calls that ended.
pub(crate) async fn forget_open(connection: &mut SqliteConnection, ids: &[&str]) -> Result<(), StoreError> {
    for chunk in ids.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM open_calls WHERE id IN (");
        let mut list = query.separated(", ");
        for id in chunk {
            list.push_bind(*id);
        }
        query.push(")");
        query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The record of a call that the process did not live to end.
fn lost(row: &SqliteRow, now: Timestamp) -> Result<CallRecord, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column).map(Arc::<str>::from);
    let answered_at = row.try_get::<Option<i64>, _>("answered_at")?.map(clock::loaded);
    let started_at = clock::loaded(row.try_get("started_at")?);
    let reason = Reason::Restarted;
    Ok(CallRecord {
        id: text("id")?,
        account: text("account")?,
        provider: None,
        started_at,
        ringing_at: None,
        answered_at,
        ended_at: now.max(answered_at.unwrap_or(started_at)),
        from: text("caller")?,
        from_display: Box::default(),
        dialled: text("dialled")?,
        connection_in: text("connection_in")?,
        connection_out: text("connection_out")?,
        outcome: if answered_at.is_some() { CallOutcome::Answered } else { CallOutcome::Failed },
        sip_code: if answered_at.is_some() { 200 } else { 0 },
        reason_code: reason.code(),
        reason_text: reason.text().into(),
        q850: reason.q850(),
        ended_by: EndedBy::Restart,
        config_rev: u64::try_from(row.try_get::<i64, _>("config_rev")?).unwrap_or(0),
        proof: "",
        candidates: Vec::new(),
        attempts: Vec::new(),
        flow: Vec::new(),
        signature: None,
        signed: None,
        legs: Vec::new(),
    })
}

fn read(row: &SqliteRow) -> Result<HistoryRow, StoreError> {
    serde_json::from_str(row.try_get("row")?).map_err(|error| StoreError::Row {
        table: "history",
        id: row.try_get("id").unwrap_or_default(),
        what: error.to_string(),
    })
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// The one word that a plain enum serialises to.
fn word(of: &impl Serialize) -> Result<String, StoreError> {
    match serde_json::to_value(of).map_err(StoreError::internal)? {
        Value::String(word) => Ok(word),
        other => Err(StoreError::Internal(format!("{other} is not a word"))),
    }
}
