//! Deliveries to endpoints: the queue, and what became of each.

use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use timestamp::Timestamp;

use super::WebhookRow;
use crate::error::StoreError;
use crate::id::new_id;
use crate::page::{Page, PageQuery};
use crate::{Store, clock};

/// Something for an endpoint.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// The endpoint.
    pub webhook: String,
    /// Type of the event.
    pub event: String,
    /// What is sent, byte for byte.
    pub body: String,
}

/// A delivery and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// `msg_…`; receivers know a repetition by it.
    pub id: String,
    /// The endpoint.
    pub webhook: String,
    /// Type of the event.
    pub event: String,
    /// When it was put into the queue.
    pub created_at: Timestamp,
    /// `pending`, `delivered` or `failed`.
    pub state: String,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// What is sent.
    pub body: String,
    /// Attempts so far, the newest last.
    pub attempts: Vec<DeliveryAttempt>,
}

/// One attempt at a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// When.
    #[serde(with = "clock::text")]
    pub at: Timestamp,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The beginning of the answer's body.
    pub response: String,
    /// What was wrong.
    pub error: Option<String>,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// Which deliveries.
#[derive(Clone, Debug, Default)]
pub struct DeliveryQuery {
    /// Which part of them.
    pub page: PageQuery,
    /// To this endpoint.
    pub webhook: String,
    /// In this state.
    pub state: Option<String>,
    /// Of this type.
    pub event: Option<String>,
    /// Put into the queue not before.
    pub since: Option<Timestamp>,
}

impl DeliveryAttempt {
    /// Whether the endpoint took it.
    pub fn delivered(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

impl Store {
    /// Puts deliveries into the queue, all or none; their ids.
    pub async fn queue_deliveries(&self, new: &[NewDelivery]) -> Result<Vec<String>, StoreError> {
        let at = clock::stored(clock::now());
        let ids: Vec<_> = new.iter().map(|_| new_id("msg")).collect();
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.bulk.begin_with("BEGIN IMMEDIATE").await?;
        for (delivery, id) in new.iter().zip(&ids) {
            sqlx::query(
                "INSERT INTO deliveries (id, webhook, event, created_at, state, next_at, body, attempts) \
                 VALUES (?1, ?2, ?3, ?4, 'pending', ?4, ?5, '[]')",
            )
            .bind(id)
            .bind(&delivery.webhook)
            .bind(&delivery.event)
            .bind(at)
            .bind(&delivery.body)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        drop(writers);
        self.webhook_news().notify_one();
        Ok(ids)
    }

    /// Endpoints for which something is due, of those that are enabled.
    pub async fn webhooks_waiting(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let mut waiting = Vec::new();
        for row in self.webhooks().await?.iter().filter(|row| row.enabled) {
            let due: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM deliveries WHERE webhook = ? AND next_at <= ?)",
            )
            .bind(&row.id)
            .bind(clock::stored(now))
            .fetch_one(&self.shared.readers)
            .await?;
            if due {
                waiting.push(row.id.clone());
            }
        }
        Ok(waiting)
    }

    /// What is due for an endpoint, the most overdue first.
    pub async fn due_deliveries(
        &self,
        webhook: &str,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM deliveries WHERE webhook = ? AND next_at <= ? ORDER BY next_at, id LIMIT ?",
        )
        .bind(webhook)
        .bind(clock::stored(now))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Writes down an attempt, and what it says of the endpoint; its row, if there still is one.
    pub async fn finish_delivery(
        &self,
        mut delivery: Delivery,
        delivered: bool,
        next_at: Option<Timestamp>,
    ) -> Result<Option<WebhookRow>, StoreError> {
        let last = delivery.attempts.last().map_or_else(clock::now, |attempt| attempt.at);
        let state = match (delivered, next_at) {
            (true, _) => "delivered",
            (false, Some(_)) => "pending",
            (false, None) => "failed",
        };
        let surplus = delivery.attempts.len().saturating_sub(MOST_ATTEMPTS);
        delivery.attempts.drain(..surplus);
        let attempts = serde_json::to_string(&delivery.attempts).map_err(StoreError::internal)?;
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.bulk.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("UPDATE deliveries SET state = ?, next_at = ?, attempts = ? WHERE id = ?")
            .bind(state)
            .bind(next_at.filter(|_| !delivered).map(clock::stored))
            .bind(attempts)
            .bind(&delivery.id)
            .execute(&mut *tx)
            .await?;
        let row = self.note_webhook(&mut tx, &delivery.webhook, delivered, last).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Deliveries to an endpoint, newest first.
    pub async fn deliveries(&self, query: &DeliveryQuery) -> Result<Page<Delivery>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM deliveries WHERE webhook = ");
        sql.push_bind(query.webhook.clone());
        if let Some(state) = &query.state {
            sql.push(" AND state = ").push_bind(state.clone());
        }
        if let Some(event) = &query.event {
            sql.push(" AND event = ").push_bind(event.clone());
        }
        if let Some(since) = query.since {
            sql.push(" AND created_at >= ").push_bind(clock::stored(since));
        }
        query.page.push_by_id(&mut sql);
        let rows = sql.build().fetch_all(&self.shared.readers).await?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page::cut(&query.page, rows, |delivery: &Delivery| delivery.id.clone()))
    }

    /// One delivery.
    pub async fn delivery(&self, webhook: &str, id: &str) -> Result<Option<Delivery>, StoreError> {
        let row = sqlx::query("SELECT * FROM deliveries WHERE webhook = ? AND id = ?")
            .bind(webhook)
            .bind(id)
            .fetch_optional(&self.shared.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Delivers again: one, or all that failed since a time. How many.
    pub async fn replay_deliveries(
        &self,
        webhook: &str,
        only: Option<&str>,
        since: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("UPDATE deliveries SET state = 'pending', next_at = ");
        sql.push_bind(clock::stored(clock::now())).push(" WHERE webhook = ").push_bind(webhook.to_owned());
        match only {
            Some(id) => sql.push(" AND id = ").push_bind(id.to_owned()),
            None => sql.push(" AND state = 'failed'"),
        };
        if let Some(since) = since {
            sql.push(" AND created_at >= ").push_bind(clock::stored(since));
        }
        let mut writers = self.shared.writers.lock().await;
        let count = sql.build().execute(&mut writers.bulk).await?.rows_affected();
        drop(writers);
        self.webhook_news().notify_one();
        Ok(count)
    }
}

/// Forgets deliveries put into the queue before this time; how many.
pub(crate) async fn prune(connection: &mut SqliteConnection, oldest: Timestamp) -> Result<u64, StoreError> {
    let query = sqlx::query("DELETE FROM deliveries WHERE created_at < ?").bind(clock::stored(oldest));
    Ok(query.execute(connection).await?.rows_affected())
}

fn read(row: &SqliteRow) -> Result<Delivery, StoreError> {
    let next_at: Option<i64> = row.try_get("next_at")?;
    Ok(Delivery {
        id: row.try_get("id")?,
        webhook: row.try_get("webhook")?,
        event: row.try_get("event")?,
        created_at: clock::loaded(row.try_get("created_at")?),
        state: row.try_get("state")?,
        next_at: next_at.map(clock::loaded),
        body: row.try_get("body")?,
        attempts: serde_json::from_str(row.try_get("attempts")?).map_err(StoreError::internal)?,
    })
}

/// Attempts kept of one delivery, however often it is replayed.
const MOST_ATTEMPTS: usize = 20;
