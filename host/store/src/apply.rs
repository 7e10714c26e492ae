//! Changes of configuration: one transaction with its audit and its revision, synced before anybody hears of it.

use std::collections::HashMap;
use std::sync::Arc;

use routing::config::{Change, Delta};
use serde::Deserialize;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::audit::{self, Actor, Entry};
use crate::error::StoreError;
use crate::row::{Edit, ROWS_PER_STATEMENT, Table};
use crate::{Shared, Store};

impl Store {
    /// Commits `changes` in their order as one revision. What must be unique and is not fails the whole of it.
    ///
    /// A commit is not undone by dropping the future, so callers that can be cancelled run this in a task of its own.
    pub async fn apply(&self, actor: &Actor, changes: Vec<Change>) -> Result<Arc<Delta>, StoreError> {
        let (changes, edits) = self.encode(changes).await?;
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        let revision: i64 =
            sqlx::query_scalar("UPDATE meta SET value = value + 1 WHERE name = 'revision' RETURNING value")
                .fetch_one(&mut *tx)
                .await?;
        let revision = u64::try_from(revision).map_err(StoreError::internal)?;
        let before = read_before(&mut tx, &edits).await?;
        for run in edits.chunk_by(|a, b| a.table == b.table && a.put.is_some() == b.put.is_some()) {
            match run.first().is_some_and(|edit| edit.put.is_some()) {
                true => put(&mut tx, run).await?,
                false => delete(&mut tx, run).await?,
            }
        }
        audit::write(&mut tx, actor, revision, &entries(&self.shared, &edits, &before)).await?;
        tx.commit().await?;
        Ok(Arc::new(Delta { revision, changes }))
    }

    /// JSON and sealing of a large batch would hold up the office, so they get a thread.
    async fn encode(&self, changes: Vec<Change>) -> Result<(Vec<Change>, Vec<Edit>), StoreError> {
        let shared = Arc::clone(&self.shared);
        let encode = move || {
            let edits = changes
                .iter()
                .map(|change| Edit::new(change, &shared.vault))
                .collect::<Result<Vec<_>, _>>()?;
            Ok((changes, edits))
        };
        tokio::task::spawn_blocking(encode).await.map_err(StoreError::internal)?
    }
}

/// Rows as they were, by table and id.
type Before<'a> = HashMap<(Table, &'a str), (String, Option<Vec<u8>>)>;

async fn read_before<'a>(
    connection: &mut SqliteConnection,
    edits: &'a [Edit],
) -> Result<Before<'a>, StoreError> {
    let mut before = Before::new();
    for run in edits.chunk_by(|a, b| a.table == b.table) {
        for chunk in run.chunks(ROWS_PER_STATEMENT) {
            let table = chunk.first().map_or(Table::Settings, |edit| edit.table);
            let secrets = if table.has_secrets() { "secrets" } else { "NULL AS secrets" };
            let mut query = QueryBuilder::<Sqlite>::new("SELECT id, row, ");
            query.push(secrets).push(" FROM ").push(table.name()).push(" WHERE id IN (");
            let mut ids = query.separated(", ");
            for edit in chunk {
                ids.push_bind(&edit.id);
            }
            query.push(")");
            let rows = query
                .build()
                .persistent(chunk.len() == ROWS_PER_STATEMENT)
                .fetch_all(&mut *connection)
                .await?;
            let mut rows: HashMap<String, _> = rows
                .iter()
                .map(|row| Ok((row.try_get("id")?, (row.try_get("row")?, row.try_get("secrets")?))))
                .collect::<Result<_, sqlx::Error>>()?;
            before.extend(
                chunk.iter().filter_map(|edit| Some(((table, edit.id.as_str()), rows.remove(&edit.id)?))),
            );
        }
    }
    Ok(before)
}

async fn put(connection: &mut SqliteConnection, run: &[Edit]) -> Result<(), StoreError> {
    let Some(table) = run.first().map(|edit| edit.table) else { return Ok(()) };
    let (mut columns, mut updates) = (String::from("id"), String::new());
    let secrets = table.has_secrets().then_some(&"secrets");
    for column in table.columns().iter().chain([&"row"]).chain(secrets) {
        columns = format!("{columns}, {column}");
        updates =
            format!("{updates}{}{column} = excluded.{column}", if updates.is_empty() { "" } else { ", " });
    }
    for chunk in run.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO ");
        query.push(table.name()).push(" (").push(&columns).push(") ");
        query.push_values(
            chunk.iter().filter_map(|edit| Some((&edit.id, edit.put.as_ref()?))),
            |mut row, (id, put)| {
                row.push_bind(id);
                for value in &put.columns {
                    row.push_bind(value);
                }
                row.push_bind(&put.row);
                if table.has_secrets() {
                    row.push_bind(&put.sealed);
                }
            },
        );
        query.push(" ON CONFLICT (id) DO UPDATE SET ").push(&updates);
        query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn delete(connection: &mut SqliteConnection, run: &[Edit]) -> Result<(), StoreError> {
    let Some(table) = run.first().map(|edit| edit.table) else { return Ok(()) };
    // A registration of a connection that is gone must not come back at the next start.
    let columns: &[_] = match table {
        Table::CallFlows => &[("flows", "id"), ("flow_versions", "flow")],
        Table::Connections => &[("connections", "id"), ("bindings", "connection")],
        Table::Accounts
        | Table::Domains
        | Table::Mailboxes
        | Table::Numbers
        | Table::People
        | Table::Settings => &[(table.name(), "id")],
    };
    for chunk in run.chunks(ROWS_PER_STATEMENT) {
        for (name, column) in columns {
            let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM ");
            query.push(name).push(" WHERE ").push(column).push(" IN (");
            let mut ids = query.separated(", ");
            for edit in chunk {
                ids.push_bind(&edit.id);
            }
            query.push(")");
            query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// One entry per change, each against the row as the change before it left it.
fn entries<'a>(shared: &Shared, edits: &'a [Edit], before: &'a Before<'a>) -> Vec<Entry<'a>> {
    let mut state: HashMap<(Table, &str), Option<&'a crate::row::Put>> = HashMap::new();
    let mut entries = Vec::with_capacity(edits.len());
    for edit in edits {
        let key = (edit.table, edit.id.as_str());
        let stored = || {
            before.get(&key).map(|(row, sealed)| (row.as_str(), clear(shared, &edit.id, sealed.as_deref())))
        };
        let was = match state.get(&key) {
            Some(earlier) => earlier.map(|put| (put.row.as_str(), put.secrets.clone())),
            None => stored(),
        };
        let (was_row, was_secrets) = was.map_or((None, None), |(row, secrets)| (Some(row), secrets));
        let (is_row, is_secrets) =
            edit.put.as_ref().map_or((None, None), |put| (Some(&*put.row), put.secrets.as_ref()));
        state.insert(key, edit.put.as_ref());
        if was_row.is_none() && is_row.is_none() {
            continue;
        }
        entries.push(Entry {
            resource: edit.table.resource(),
            resource_id: &edit.id,
            account: is_row.or(was_row).and_then(|row| account_of(edit, row)),
            before: was_row,
            after: is_row,
            secrets_changed: was_secrets.as_ref() != is_secrets,
        });
    }
    entries
}

fn clear(shared: &Shared, id: &str, sealed: Option<&[u8]>) -> Option<Vec<u8>> {
    shared.vault.open(id, sealed?)
}

fn account_of<'a>(edit: &'a Edit, row: &'a str) -> Option<&'a str> {
    #[derive(Deserialize)]
    struct Owned<'a> {
        account: &'a str,
    }
    match edit.table {
        Table::Accounts => Some(&edit.id),
        Table::Settings => None,
        Table::CallFlows
        | Table::Connections
        | Table::Domains
        | Table::Mailboxes
        | Table::Numbers
        | Table::People => serde_json::from_str::<Owned<'_>>(row).ok().map(|owned| owned.account),
    }
}
