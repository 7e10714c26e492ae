//! Bans that outlive the process. Those the shards make come with the group commit, those of people with an audit row.

use engine::Ban;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use timestamp::Timestamp;

use crate::audit::{self, Actor, Entry};
use crate::error::StoreError;
use crate::page::{Page, PageQuery};
use crate::{Store, clock};

/// Which bans.
#[derive(Clone, Debug, Default)]
pub struct BanQuery {
    /// Which part of them.
    pub page: PageQuery,
    /// Also those that are over.
    pub over: bool,
    /// Now.
    pub now: Timestamp,
}

impl Store {
    /// Bans, newest first.
    pub async fn bans(&self, query: &BanQuery) -> Result<Page<Ban>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT row FROM bans WHERE 1");
        if !query.over {
            sql.push(" AND (until IS NULL OR until > ").push_bind(clock::stored(query.now)).push(")");
        }
        query.page.push_by_id(&mut sql);
        let rows = sql.build().fetch_all(&self.shared.readers).await?;
        let rows = rows.iter().map(|row| read(row.try_get("row")?)).collect::<Result<_, _>>()?;
        Ok(Page::cut(&query.page, rows, |ban: &Ban| ban.id.to_string()))
    }

    /// Every ban in force. One that cannot be read is left out.
    pub async fn bans_in_force(&self, now: Timestamp) -> Result<Vec<Ban>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar("SELECT row FROM bans WHERE until IS NULL OR until > ?")
            .bind(clock::stored(now))
            .fetch_all(&self.shared.readers)
            .await?;
        Ok(rows.iter().filter_map(|row| read(row).ok()).collect())
    }

    /// One ban.
    pub async fn ban(&self, id: &str) -> Result<Option<Ban>, StoreError> {
        let row: Option<String> = sqlx::query_scalar("SELECT row FROM bans WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.shared.readers)
            .await?;
        row.as_deref().map(read).transpose()
    }

    /// Keeps a ban that somebody made.
    pub async fn put_ban(&self, actor: &Actor, ban: &Ban) -> Result<(), StoreError> {
        let text = serde_json::to_string(ban).map_err(StoreError::internal)?;
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        write(&mut tx, &[ban]).await?;
        audit::write_one(&mut tx, actor, entry(&ban.id, None, Some(&text))).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a ban back; the row, if there was one.
    pub async fn delete_ban(&self, actor: &Actor, id: &str) -> Result<Option<Ban>, StoreError> {
        // One that was just made may still be on its way to the disk.
        self.flush().await;
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        let row: Option<String> = sqlx::query_scalar("DELETE FROM bans WHERE id = ? RETURNING row")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else { return Ok(None) };
        audit::write_one(&mut tx, actor, entry(id, Some(&row), None)).await?;
        tx.commit().await?;
        read(&row).map(Some)
    }
}

/// Writes bans in the caller's transaction; of each network the newest is in force.
pub(crate) async fn write(connection: &mut SqliteConnection, bans: &[&Ban]) -> Result<(), StoreError> {
    for ban in bans {
        sqlx::query("DELETE FROM bans WHERE network = ?")
            .bind(ban.network.to_string())
            .execute(&mut *connection)
            .await?;
        sqlx::query("INSERT OR REPLACE INTO bans (id, network, until, row) VALUES (?, ?, ?, ?)")
            .bind(&*ban.id)
            .bind(ban.network.to_string())
            .bind(ban.until.map(clock::stored))
            .bind(serde_json::to_string(ban).map_err(StoreError::internal)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn read(row: &str) -> Result<Ban, StoreError> {
    serde_json::from_str(row).map_err(StoreError::internal)
}

fn entry<'a>(id: &'a str, before: Option<&'a str>, after: Option<&'a str>) -> Entry<'a> {
    Entry { resource: "ban", resource_id: id, account: None, before, after, secrets_changed: false }
}
