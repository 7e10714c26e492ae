//! What was counted of connections, accounts and the installation: written by the group commit, read once at start.

use std::collections::HashMap;

use engine::CounterRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::Store;
use crate::error::StoreError;
use crate::row::ROWS_PER_STATEMENT;

impl Store {
    /// Every counter. One that cannot be read is left out, and counts from nothing.
    pub async fn counters(&self) -> Result<Vec<CounterRow>, StoreError> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT row FROM counters").fetch_all(&self.shared.readers).await?;
        Ok(rows.iter().filter_map(|row| serde_json::from_str(row).ok()).collect())
    }
}

/// Writes counters in the caller's transaction.
pub(crate) async fn write(
    connection: &mut SqliteConnection,
    counters: &HashMap<Box<str>, Box<CounterRow>>,
) -> Result<(), StoreError> {
    let (gone, rows): (Vec<_>, Vec<_>) = counters.values().partition(|row| row.tallies.is_idle());
    for row in gone {
        sqlx::query("DELETE FROM counters WHERE of = ?").bind(&*row.of).execute(&mut *connection).await?;
    }
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let texts = chunk.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        let texts = texts.map_err(StoreError::internal)?;
        let mut query = QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO counters (of, row) ");
        query.push_values(chunk.iter().zip(&texts), |mut values, (row, text)| {
            values.push_bind(&*row.of).push_bind(text);
        });
        query.build().persistent(chunk.len() == ROWS_PER_STATEMENT).execute(&mut *connection).await?;
    }
    Ok(())
}
