//! Refusals, folded by source address, method, reason and account into at most 10,000 rows.
//!
//! The rows live in memory beside the group commit; the disk gets what changed since the last one. When the rows
//! are used up, the one that goes first has no near miss and is the longest quiet: scanners crowd out scanners,
//! not the customer whose trunk is one digit off.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use engine::control::{NearMiss, Refusal};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use timestamp::Timestamp;

use crate::error::StoreError;
use crate::id::new_id;
use crate::page::{Page, PageQuery};
use crate::row::ROWS_PER_STATEMENT;
use crate::writer::Amend;
use crate::{Store, clock};

/// Requests of one source that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusedRow {
    /// `ref_…`.
    pub id: String,
    /// Whose, once known.
    pub account: Option<String>,
    /// How often.
    pub count: u64,
    /// The first time.
    #[serde(with = "clock::text")]
    pub first_at: Timestamp,
    /// The last time.
    #[serde(with = "clock::text")]
    pub last_at: Timestamp,
    /// From where, the last time.
    pub source: RefusedSource,
    /// SIP method.
    pub method: String,
    /// From URI, the last time.
    pub from: String,
    /// Request-URI, the last time.
    pub to: String,
    /// What the sender calls itself.
    pub user_agent: String,
    /// Answer sent.
    pub sip_code: u16,
    /// Why.
    pub reason_code: String,
    /// Why, in words.
    pub reason_text: String,
    /// What to do about it.
    pub fix: String,
    /// What would have been right, the last found first.
    pub near_misses: Vec<NearMissRow>,
    /// Left out of lists until something else nearly matches.
    #[serde(default)]
    pub ignored: bool,
}

/// Where refused requests came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedSource {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
    /// Transport, lower case.
    pub transport: String,
}

/// Something that almost matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearMissRow {
    /// Resource and id.
    pub resource: String,
    /// The field.
    pub field: String,
    /// What the request had.
    pub have: String,
    /// What the configuration wants.
    pub want: String,
}

/// Which refusals. The cursor of their pages is `next`, not an id: a row moves up when it happens again.
#[derive(Clone, Debug, Default)]
pub struct RefusedQuery {
    /// Which part of them.
    pub page: PageQuery,
    /// Of this account.
    pub account: Option<String>,
    /// From this address.
    pub source: Option<String>,
    /// With this reason code.
    pub reason: Option<String>,
    /// Of this method.
    pub method: Option<String>,
    /// Last seen not before.
    pub since: Option<Timestamp>,
    /// Last seen before.
    pub until: Option<Timestamp>,
    /// Those that are ignored, instead of the others.
    pub ignored: bool,
}

/// All rows, and which of them the disk does not have yet.
#[derive(Default)]
pub(crate) struct Folds {
    rows: HashMap<Fold, RefusedRow>,
    /// First to go first: without near misses, then the longest quiet.
    order: BTreeSet<(bool, Timestamp, Fold)>,
    changed: HashSet<Fold>,
    gone: Vec<String>,
}

/// What is folded together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Fold {
    source: IpAddr,
    method: String,
    reason: String,
    account: String,
}

impl Store {
    /// Refusals, last seen first.
    pub async fn refused(&self, query: &RefusedQuery) -> Result<Page<RefusedRow>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT id, row FROM refused WHERE 1");
        let equal = [
            ("account", &query.account),
            ("source", &query.source),
            ("reason_code", &query.reason),
            ("method", &query.method),
        ];
        for (column, value) in equal {
            if let Some(value) = value {
                sql.push(format_args!(" AND {column} = ")).push_bind(value.clone());
            }
        }
        if let Some(since) = query.since {
            sql.push(" AND last_at >= ").push_bind(clock::stored(since));
        }
        if let Some(until) = query.until {
            sql.push(" AND last_at < ").push_bind(clock::stored(until));
        }
        sql.push(" AND coalesce(json_extract(row, '$.ignored'), 0) = ").push_bind(query.ignored);
        for (cursor, sign) in [(&query.page.after, "<"), (&query.page.before, ">")] {
            if let Some((at, id)) = cursor.as_deref().and_then(from_cursor) {
                sql.push(format_args!(" AND (last_at, id) {sign} (")).push_bind(at).push(", ");
                sql.push_bind(id.to_owned()).push(")");
            }
        }
        let order = if query.page.upwards() { "ASC" } else { "DESC" };
        sql.push(format_args!(" ORDER BY last_at {order}, id {order} LIMIT "));
        sql.push_bind(i64::try_from(query.page.rows()).unwrap_or(1_000) + 1);
        let rows = sql.build().fetch_all(&self.shared.readers).await?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page::cut(&query.page, rows, |row: &RefusedRow| format!("{}.{}", row.last_at.as_micros(), row.id)))
    }

    /// Leaves a row out of lists, or shows it again; on disk when this returns.
    pub async fn refused_ignore(&self, id: &str, ignored: bool) {
        self.writer.amend_refused(Box::new(Ignoring { id: id.to_owned(), ignored })).await;
        self.flush().await;
    }

    /// One row of refusals.
    pub async fn refused_get(&self, id: &str) -> Result<Option<RefusedRow>, StoreError> {
        let row = sqlx::query("SELECT id, row FROM refused WHERE id = ?").bind(id);
        row.fetch_optional(&self.shared.readers).await?.as_ref().map(read).transpose()
    }
}

impl Folds {
    /// What the disk has.
    pub(crate) async fn load(connection: &mut SqliteConnection) -> Result<Self, StoreError> {
        let rows = sqlx::query("SELECT id, row FROM refused").fetch_all(connection).await?;
        let mut folds = Self::default();
        for row in &rows {
            let row = read(row)?;
            let fold = Fold::of(&row);
            folds.order.insert((!row.near_misses.is_empty(), row.last_at, fold.clone()));
            folds.rows.insert(fold, row);
        }
        Ok(folds)
    }

    pub(crate) fn add(&mut self, refusal: &Refusal) {
        let fold = Fold {
            source: refusal.source.ip(),
            method: refusal.method.to_owned(),
            reason: refusal.reason.code().to_owned(),
            account: refusal.account.to_string(),
        };
        let row = match self.rows.remove(&fold) {
            Some(mut row) => {
                self.order.remove(&(!row.near_misses.is_empty(), row.last_at, fold.clone()));
                again(&mut row, refusal);
                row
            }
            None => {
                self.make_room();
                first(refusal)
            }
        };
        self.order.insert((!row.near_misses.is_empty(), row.last_at, fold.clone()));
        self.changed.insert(fold.clone());
        self.rows.insert(fold, row);
    }

    fn make_room(&mut self) {
        while self.rows.len() >= MOST_ROWS {
            let Some((_, _, fold)) = self.order.pop_first() else { return };
            self.changed.remove(&fold);
            self.gone.extend(self.rows.remove(&fold).map(|row| row.id));
        }
    }

    fn ignore(&mut self, id: &str, ignored: bool) {
        if let Some((fold, row)) = self.rows.iter_mut().find(|(_, row)| row.id == id) {
            row.ignored = ignored;
            self.changed.insert(fold.clone());
        }
    }

    /// Forgets rows last seen before `at`, of the accounts `whose` accepts.
    pub(crate) fn forget_before(&mut self, at: Timestamp, whose: impl Fn(&str) -> bool) {
        let old: Vec<_> = self
            .order
            .iter()
            .filter(|(_, last_at, fold)| *last_at < at && whose(&fold.account))
            .cloned()
            .collect();
        for key in old {
            self.order.remove(&key);
            self.changed.remove(&key.2);
            self.gone.extend(self.rows.remove(&key.2).map(|row| row.id));
        }
    }

    /// Writes what changed in the caller's transaction; [`Folds::written`] follows its commit.
    pub(crate) async fn write(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        for chunk in self.gone.chunks(ROWS_PER_STATEMENT) {
            let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM refused WHERE id IN (");
            let mut ids = query.separated(", ");
            for id in chunk {
                ids.push_bind(id);
            }
            query.push(")");
            query.build().persistent(false).execute(&mut *connection).await?;
        }
        let changed: Vec<_> =
            self.changed.iter().filter_map(|fold| Some((fold, self.rows.get(fold)?))).collect();
        for chunk in changed.chunks(ROWS_PER_STATEMENT) {
            let texts =
                chunk.iter().map(|(_, row)| serde_json::to_string(row)).collect::<Result<Vec<_>, _>>();
            let texts = texts.map_err(StoreError::internal)?;
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT OR REPLACE INTO refused (id, account, source, method, reason_code, last_at, row) ",
            );
            query.push_values(chunk.iter().zip(&texts), |mut values, ((fold, row), text)| {
                values
                    .push_bind(&row.id)
                    .push_bind(&fold.account)
                    .push_bind(fold.source.to_string())
                    .push_bind(&fold.method)
                    .push_bind(&fold.reason)
                    .push_bind(clock::stored(row.last_at))
                    .push_bind(text);
            });
            query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
        }
        Ok(())
    }

    pub(crate) fn written(&mut self) {
        self.changed.clear();
        self.gone.clear();
    }
}

/// A row that nobody wants to see.
#[derive(Debug)]
struct Ignoring {
    id: String,
    ignored: bool,
}

impl Amend for Ignoring {
    fn amend(&self, folds: &mut Folds) {
        folds.ignore(&self.id, self.ignored);
    }
}

impl Fold {
    fn of(row: &RefusedRow) -> Self {
        Self {
            source: row.source.ip,
            method: row.method.clone(),
            reason: row.reason_code.clone(),
            account: row.account.clone().unwrap_or_default(),
        }
    }
}

fn first(refusal: &Refusal) -> RefusedRow {
    let mut row = RefusedRow {
        id: new_id("ref"),
        account: Some(refusal.account.to_string()).filter(|a| !a.is_empty()),
        count: 0,
        first_at: refusal.at,
        last_at: refusal.at,
        source: source(refusal),
        method: refusal.method.to_owned(),
        from: String::new(),
        to: String::new(),
        user_agent: String::new(),
        sip_code: 0,
        reason_code: refusal.reason.code().to_owned(),
        reason_text: refusal.reason.text().to_owned(),
        fix: refusal.reason.fix().to_owned(),
        near_misses: Vec::new(),
        ignored: false,
    };
    again(&mut row, refusal);
    row
}

fn again(row: &mut RefusedRow, refusal: &Refusal) {
    row.count += 1;
    row.last_at = row.last_at.max(refusal.at);
    row.source = source(refusal);
    row.from = shortened(&refusal.from);
    row.to = shortened(&refusal.to);
    row.user_agent = shortened(&refusal.user_agent);
    row.sip_code = refusal.sip_code;
    for miss in refusal.near_misses.iter().rev().map(near_miss) {
        // Of a password it says how often it was tried.
        let same = |known: &NearMissRow| {
            known.field == miss.field
                && known.resource == miss.resource
                && (known.field == "password" || *known == miss)
        };
        match row.near_misses.iter().position(same) {
            Some(at) => drop(row.near_misses.remove(at)),
            None => row.ignored = false,
        }
        row.near_misses.insert(0, miss);
    }
    row.near_misses.truncate(MOST_NEAR_MISSES);
}

fn source(refusal: &Refusal) -> RefusedSource {
    RefusedSource {
        ip: refusal.source.ip(),
        port: refusal.source.port(),
        transport: refusal.transport.to_owned(),
    }
}

fn near_miss(miss: &NearMiss) -> NearMissRow {
    NearMissRow {
        resource: miss.resource.to_string(),
        field: miss.field.to_owned(),
        have: shortened(&miss.have),
        want: shortened(&miss.want),
    }
}

/// Strangers choose these texts, and 10,000 rows of them stay in memory.
fn shortened(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS).collect()
}

fn from_cursor(cursor: &str) -> Option<(i64, &str)> {
    let (at, id) = cursor.split_once('.')?;
    Some((at.parse().ok()?, id))
}

fn read(row: &SqliteRow) -> Result<RefusedRow, StoreError> {
    serde_json::from_str(row.try_get("row")?).map_err(|error| StoreError::Row {
        table: "refused",
        id: row.try_get("id").unwrap_or_default(),
        what: error.to_string(),
    })
}

const MOST_ROWS: usize = 10_000;
const MOST_NEAR_MISSES: usize = 8;
const MOST_CHARACTERS: usize = 200;
