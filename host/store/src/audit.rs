//! Who changed what, from what to what: one row per change, written in the transaction of the change.
//!
//! Secrets never appear; that they changed does.

use engine::control::EmergencyCall;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use timestamp::Timestamp;

use crate::clock;
use crate::error::StoreError;
use crate::id::new_id;
use crate::page::{Page, PageQuery};
use crate::row::ROWS_PER_STATEMENT;
use crate::{READ_REVISION, Store};

/// Who acts, and by what way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Id of the key or admin; `system` for ourselves.
    pub name: String,
    /// `api`, `cli`, `console`, `start`.
    pub via: String,
}

/// One change.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRow {
    /// `aud_…`.
    pub id: String,
    /// When.
    #[serde(with = "clock::text")]
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// By what way.
    pub via: String,
    /// `connection`, `number`, …
    pub resource: String,
    /// Id of what changed.
    pub resource_id: String,
    /// Its account, if it has one.
    pub account: Option<String>,
    /// As it was; absent when it was created.
    pub before: Option<Box<RawValue>>,
    /// As it is; absent when it was deleted.
    pub after: Option<Box<RawValue>>,
    /// Whether passwords changed.
    pub secrets_changed: bool,
    /// Configuration revision in force afterwards.
    pub revision: u64,
}

/// Which changes.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this account.
    pub account: Option<String>,
    /// By this actor.
    pub actor: Option<String>,
    /// Of this kind of resource.
    pub resource: Option<String>,
    /// Of this resource.
    pub resource_id: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// A change about to be written.
pub(crate) struct Entry<'a> {
    pub(crate) resource: &'static str,
    pub(crate) resource_id: &'a str,
    pub(crate) account: Option<&'a str>,
    pub(crate) before: Option<&'a str>,
    pub(crate) after: Option<&'a str>,
    pub(crate) secrets_changed: bool,
}

impl Actor {
    /// Ourselves, at start.
    pub fn system() -> Self {
        Self { name: "system".to_owned(), via: "start".to_owned() }
    }
}

impl Store {
    /// Writes down a change of something that lies beside the database; `what` is its kind and its id.
    pub async fn note(
        &self,
        actor: &Actor,
        what: (&'static str, &str),
        account: &str,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<(), StoreError> {
        let (resource, resource_id) = what;
        let account = Some(account);
        let entry = Entry { resource, resource_id, account, before, after, secrets_changed: false };
        let mut writers = self.shared.writers.lock().await;
        write_one(&mut writers.config, actor, entry).await
    }

    /// Changes, newest first.
    pub async fn audit(&self, page: &PageQuery, filter: &AuditFilter) -> Result<Page<AuditRow>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT id, at, actor, via, resource, resource_id, account, before, after, secrets_changed, revision \
             FROM audit WHERE 1",
        );
        let texts = [
            ("account", &filter.account),
            ("actor", &filter.actor),
            ("resource", &filter.resource),
            ("resource_id", &filter.resource_id),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                query.push(format_args!(" AND {column} = ")).push_bind(value.clone());
            }
        }
        if let Some(since) = filter.since {
            query.push(" AND at >= ").push_bind(clock::stored(since));
        }
        if let Some(until) = filter.until {
            query.push(" AND at < ").push_bind(clock::stored(until));
        }
        page.push_by_id(&mut query);
        let rows = query.build().fetch_all(&self.shared.readers).await?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page::cut(page, rows, |row: &AuditRow| row.id.clone()))
    }
}

/// Writes `entries` in the caller's transaction.
pub(crate) async fn write(
    connection: &mut SqliteConnection,
    actor: &Actor,
    revision: u64,
    entries: &[Entry<'_>],
) -> Result<(), StoreError> {
    let at = clock::stored(clock::now());
    for chunk in entries.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO audit (id, at, actor, via, resource, resource_id, account, before, after, \
             secrets_changed, revision) ",
        );
        query.push_values(chunk, |mut row, entry| {
            row.push_bind(new_id("aud"))
                .push_bind(at)
                .push_bind(&actor.name)
                .push_bind(&actor.via)
                .push_bind(entry.resource)
                .push_bind(entry.resource_id)
                .push_bind(entry.account)
                .push_bind(entry.before)
                .push_bind(entry.after)
                .push_bind(entry.secrets_changed)
                .push_bind(i64::try_from(revision).unwrap_or(i64::MAX));
        });
        query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Writes one entry under the revision in force.
pub(crate) async fn write_one(
    connection: &mut SqliteConnection,
    actor: &Actor,
    entry: Entry<'_>,
) -> Result<(), StoreError> {
    let revision: i64 = sqlx::query_scalar(READ_REVISION).fetch_one(&mut *connection).await?;
    write(connection, actor, u64::try_from(revision).unwrap_or(0), &[entry]).await
}

/// Writes emergency calls down, as what their connections did.
pub(crate) async fn write_emergencies(
    connection: &mut SqliteConnection,
    calls: &[EmergencyCall],
) -> Result<(), StoreError> {
    for call in calls {
        let told = serde_json::to_string(call).map_err(StoreError::internal)?;
        let actor = Actor { name: call.connection.to_string(), via: "call".to_owned() };
        let entry = Entry {
            resource: "emergency_call",
            resource_id: &call.connection,
            account: Some(&call.account),
            before: None,
            after: Some(&told),
            secrets_changed: false,
        };
        write_one(connection, &actor, entry).await?;
    }
    Ok(())
}

fn read(row: &SqliteRow) -> Result<AuditRow, StoreError> {
    let raw = |column: &str| -> Result<Option<Box<RawValue>>, StoreError> {
        let text: Option<String> = row.try_get(column)?;
        text.map(RawValue::from_string).transpose().map_err(StoreError::internal)
    };
    Ok(AuditRow {
        id: row.try_get("id")?,
        at: clock::loaded(row.try_get("at")?),
        actor: row.try_get("actor")?,
        via: row.try_get("via")?,
        resource: row.try_get("resource")?,
        resource_id: row.try_get("resource_id")?,
        account: row.try_get("account")?,
        before: raw("before")?,
        after: raw("after")?,
        secrets_changed: row.try_get("secrets_changed")?,
        revision: u64::try_from(row.try_get::<i64, _>("revision")?).unwrap_or(0),
    })
}
