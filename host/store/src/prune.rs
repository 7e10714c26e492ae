//! Forgetting: what an account's retention, an expiry or 24 hours have run out on.

use std::collections::HashMap;
use std::time::Duration;

use routing::config::{Account, Retention};
use sqlx::SqliteConnection;
use timestamp::Timestamp;

use crate::error::StoreError;
use crate::refused::Folds;
use crate::writer::Amend;
use crate::{Store, clock, idempotency, registration_log};

/// How much was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Calls.
    pub history: u64,
    /// Recordings.
    pub recordings: u64,
    /// Lines in logs of registrations.
    pub log: u64,
    /// Bindings that lapsed.
    pub bindings: u64,
    /// Replies kept for Idempotency-Key.
    pub replies: u64,
}

impl Store {
    /// Forgets what is older than may be kept; meant to run once an hour. Works in small steps beside other writers.
    pub async fn prune(&self, now: Timestamp) -> Result<Pruned, StoreError> {
        let retention = self.retention().await?;
        let mut pruned = Pruned::default();
        for (account, keep) in &retention {
            pruned.history +=
                self.prune_history(account, before(now, 24 * u64::from(keep.history_days))).await?;
            pruned.recordings +=
                self.prune_recordings(account, before(now, 24 * u64::from(keep.recording_days))).await?;
        }
        pruned.log = self.prune_log(&retention, now).await?;
        let mut writers = self.shared.writers.lock().await;
        let now_stored = clock::stored(now);
        pruned.bindings =
            delete(&mut writers.bulk, "DELETE FROM bindings WHERE expires_at <= ?", now_stored).await?;
        pruned.replies = delete(
            &mut writers.bulk,
            "DELETE FROM idempotency WHERE at <= ?",
            now_stored - idempotency::kept_micros(),
        )
        .await?;
        let over = clock::stored(before(now, BANS_KEPT_HOURS));
        delete(&mut writers.bulk, "DELETE FROM bans WHERE until <= ?", over).await?;
        // Somebody deleted the message while its words were put into the queue.
        let nobodys = "DELETE FROM transcriptions WHERE created_at <= ? AND state <> 'running' \
                       AND subject NOT IN (SELECT id FROM messages) AND subject NOT IN (SELECT id FROM recordings)";
        delete(&mut writers.bulk, nobodys, clock::stored(before(now, 1))).await?;
        crate::webhook::prune(&mut writers.bulk, before(now, DELIVERIES_KEPT_HOURS)).await?;
        drop(writers);
        self.writer.amend_refused(Box::new(Old { retention, now })).await;
        Ok(pruned)
    }

    /// Retention of every account that has history, also of those that are gone.
    async fn retention(&self) -> Result<HashMap<String, Retention>, StoreError> {
        let gone = "SELECT account FROM history WHERE account NOT IN (SELECT id FROM accounts) UNION \
                    SELECT account FROM recordings WHERE account NOT IN (SELECT id FROM accounts)";
        let gone: Vec<String> = sqlx::query_scalar(gone).fetch_all(&self.shared.readers).await?;
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT row FROM accounts").fetch_all(&self.shared.readers).await?;
        let mut retention: HashMap<_, _> =
            gone.into_iter().map(|account| (account, Retention::default())).collect();
        for row in rows {
            let account: Account = serde_json::from_str(&row).map_err(StoreError::internal)?;
            retention.insert(account.id.to_string(), account.retention);
        }
        Ok(retention)
    }

    async fn prune_log(
        &self,
        retention: &HashMap<String, Retention>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut total = 0;
        for (account, keep) in retention {
            let oldest = before(now, u64::from(keep.trace_hours));
            let mut writers = self.shared.writers.lock().await;
            total += registration_log::forget(&mut writers.bulk, account, oldest).await?;
        }
        let oldest = before(now, u64::from(Retention::default().trace_hours));
        let gone = "DELETE FROM registration_log WHERE at < ? AND account NOT IN (SELECT id FROM accounts)";
        let mut writers = self.shared.writers.lock().await;
        Ok(total + delete(&mut writers.bulk, gone, clock::stored(oldest)).await?)
    }

    async fn prune_history(&self, account: &str, oldest: Timestamp) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let mut writers = self.shared.writers.lock().await;
            let step = sqlx::query(
                "DELETE FROM history WHERE rowid IN \
                 (SELECT rowid FROM history WHERE account = ? AND started_at < ? ORDER BY id LIMIT 1000)",
            )
            .bind(account)
            .bind(clock::stored(oldest))
            .execute(&mut writers.bulk)
            .await?;
            total += step.rows_affected();
            if step.rows_affected() < 1_000 {
                return Ok(total);
            }
        }
    }
}

/// Deliveries can be replayed for so long.
const DELIVERIES_KEPT_HOURS: u64 = 24 * 7;
/// Bans that are over are shown for a while.
const BANS_KEPT_HOURS: u64 = 24 * 30;

/// Refusals beyond the retention of their account.
#[derive(Debug)]
struct Old {
    retention: HashMap<String, Retention>,
    now: Timestamp,
}

impl Amend for Old {
    fn amend(&self, folds: &mut Folds) {
        for (account, keep) in &self.retention {
            folds
                .forget_before(before(self.now, 24 * u64::from(keep.refused_days)), |whose| whose == account);
        }
        let keep = 24 * u64::from(Retention::default().refused_days);
        folds.forget_before(before(self.now, keep), |whose| !self.retention.contains_key(whose));
    }
}

async fn delete(connection: &mut SqliteConnection, sql: &'static str, at: i64) -> Result<u64, StoreError> {
    Ok(sqlx::query(sql).bind(at).execute(connection).await?.rows_affected())
}

fn before(now: Timestamp, hours: u64) -> Timestamp {
    let age = Duration::from_secs(3600 * hours);
    Timestamp::from_micros(now.as_micros().saturating_sub(u64::try_from(age.as_micros()).unwrap_or(u64::MAX)))
}
