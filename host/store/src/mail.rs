//! E-mails that tell of messages: a queue that survives the process. What was sent is gone from it.

use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use timestamp::Timestamp;

use crate::error::StoreError;
use crate::id::new_id;
use crate::message::VoiceMessage;
use crate::{Store, clock};

/// An e-mail to be sent, or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// `mail_…`.
    pub id: String,
    /// The message that it tells of.
    pub message: String,
    /// To whom.
    pub recipient: String,
    /// Since when it waits.
    pub created_at: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next; none once it was given up.
    pub next_at: Option<Timestamp>,
    /// What was wrong the last time.
    pub problem: String,
}

impl Store {
    /// What is due, the most overdue first.
    pub async fn due_mails(&self, now: Timestamp, most: u32) -> Result<Vec<Mail>, StoreError> {
        let rows = sqlx::query("SELECT * FROM mails WHERE next_at <= ? ORDER BY next_at, id LIMIT ?")
            .bind(clock::stored(now))
            .bind(most)
            .fetch_all(&self.shared.readers)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Mails about a message.
    pub async fn mails_of(&self, message: &str) -> Result<Vec<Mail>, StoreError> {
        let rows = sqlx::query("SELECT * FROM mails WHERE message = ? ORDER BY id")
            .bind(message)
            .fetch_all(&self.shared.readers)
            .await?;
        rows.iter().map(read).collect()
    }

    /// A mail was sent, or has nothing to tell any more.
    pub async fn mail_sent(&self, id: &str) -> Result<(), StoreError> {
        let mut writers = self.shared.writers.lock().await;
        sqlx::query("DELETE FROM mails WHERE id = ?").bind(id).execute(&mut writers.config).await?;
        Ok(())
    }

    /// A mail could not be sent: it is tried again then, or given up.
    pub async fn mail_failed(
        &self,
        id: &str,
        problem: &str,
        next_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut writers = self.shared.writers.lock().await;
        sqlx::query("UPDATE mails SET attempts = attempts + 1, problem = ?, next_at = ? WHERE id = ?")
            .bind(problem)
            .bind(next_at.map(clock::stored))
            .bind(id)
            .execute(&mut writers.config)
            .await?;
        Ok(())
    }

    /// A mail rests until then, which counts as no attempt.
    pub async fn mail_rests(&self, id: &str, until: Timestamp) -> Result<(), StoreError> {
        let mut writers = self.shared.writers.lock().await;
        sqlx::query("UPDATE mails SET next_at = ? WHERE id = ?")
            .bind(clock::stored(until))
            .bind(id)
            .execute(&mut writers.config)
            .await?;
        Ok(())
    }
}

/// Puts mails about a message into the queue.
pub(crate) async fn queue(
    connection: &mut SqliteConnection,
    message: &VoiceMessage,
    to: &[String],
) -> Result<(), StoreError> {
    let now = clock::now();
    for recipient in to {
        sqlx::query(
            "INSERT INTO mails (id, message, recipient, created_at, next_at, attempts, problem) \
             VALUES (?, ?, ?, ?, ?, 0, '')",
        )
        .bind(new_id("mail"))
        .bind(&message.id)
        .bind(recipient)
        .bind(clock::stored(now))
        .bind(clock::stored(now + MOMENT))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Whoever keeps a message has more to do with it, and is let finish.
const MOMENT: Duration = Duration::from_secs(2);

fn read(row: &SqliteRow) -> Result<Mail, StoreError> {
    Ok(Mail {
        id: row.try_get("id")?,
        message: row.try_get("message")?,
        recipient: row.try_get("recipient")?,
        created_at: clock::loaded(row.try_get("created_at")?),
        attempts: row.try_get("attempts")?,
        next_at: row.try_get::<Option<i64>, _>("next_at")?.map(clock::loaded),
        problem: row.try_get("problem")?,
    })
}
