//! Recordings that become text, each once: what waits, what runs, what came of it.
//!
//! The queue survives the death of the process: what ran then is due again. Who listens, and how often, is not decided here.

use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use timestamp::Timestamp;

use crate::error::StoreError;
use crate::{Store, clock};

/// A recording on its way to text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcription {
    /// What it is a recording of: the id of a message, of a recording.
    pub subject: String,
    /// Where the file lies, below the data folder.
    pub recording: String,
    /// Language that is spoken (BCP 47).
    pub language: String,
    /// How far it is.
    pub state: TranscriptionState,
    /// How often it was begun.
    pub attempts: u32,
    /// When it was put into the queue.
    pub created_at: Timestamp,
    /// What listened.
    pub engine: Option<String>,
    /// What was said.
    pub text: Option<String>,
    /// Why there is no text.
    pub why: Option<String>,
}

/// How far a transcription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptionState {
    /// It waits for its turn.
    Queued,
    /// Somebody listens.
    Running,
    /// There is text.
    Done,
    /// There is none, and none will come.
    Failed,
    /// There is none as long as nothing here understands speech.
    NoEngine,
}

/// Transcriptions by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TranscriptionCounts {
    /// They wait.
    pub queued: u64,
    /// One at a time.
    pub running: u64,
    /// With text.
    pub done: u64,
    /// Without.
    pub failed: u64,
    /// They wait for an engine.
    pub no_engine: u64,
}

impl TranscriptionState {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::NoEngine => "no_engine",
        }
    }

    /// Whether it stays as it is.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::NoEngine)
    }

    fn read(text: &str) -> Option<Self> {
        let all = [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::NoEngine];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

impl Store {
    /// Puts a recording into the queue, anew if it was there before.
    pub async fn queue_transcription(
        &self,
        subject: &str,
        recording: &str,
        language: &str,
    ) -> Result<(), StoreError> {
        let mut writers = self.shared.writers.lock().await;
        sqlx::query(
            "INSERT OR REPLACE INTO transcriptions \
             (subject, recording, language, state, attempts, created_at, next_at) \
             VALUES (?1, ?2, ?3, 'queued', 0, ?4, ?4)",
        )
        .bind(subject)
        .bind(recording)
        .bind(language)
        .bind(clock::stored(clock::now()))
        .execute(&mut writers.config)
        .await?;
        Ok(())
    }

    /// What ran when the process died is due again.
    pub async fn resume_transcriptions(&self) -> Result<(), StoreError> {
        self.requeue("running").await
    }

    /// What waits for an engine is due: one has come.
    pub async fn wake_transcriptions(&self) -> Result<(), StoreError> {
        self.requeue("no_engine").await
    }

    async fn requeue(&self, state: &str) -> Result<(), StoreError> {
        let mut writers = self.shared.writers.lock().await;
        sqlx::query(
            "UPDATE transcriptions SET state = 'queued', next_at = created_at, why = NULL WHERE state = ?",
        )
        .bind(state)
        .execute(&mut writers.bulk)
        .await?;
        Ok(())
    }

    /// The most overdue one begins: it runs, and is counted.
    pub async fn begin_transcription(&self, now: Timestamp) -> Result<Option<Transcription>, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        let row = sqlx::query(
            "UPDATE transcriptions SET state = 'running', next_at = NULL, attempts = attempts + 1 \
             WHERE subject = (SELECT subject FROM transcriptions WHERE next_at <= ? ORDER BY next_at, subject LIMIT 1) \
             RETURNING *",
        )
        .bind(clock::stored(now))
        .fetch_optional(&mut writers.bulk)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Writes down what came of one, or that it is tried again at `next_at`; whether anybody still wants it.
    pub async fn finish_transcription(
        &self,
        done: &Transcription,
        next_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        let written = sqlx::query(
            "UPDATE transcriptions SET state = ?, next_at = ?, engine = ?, text = ?, why = ?, attempts = ? \
             WHERE subject = ? AND state = 'running'",
        )
        .bind(done.state.as_str())
        .bind(next_at.map(clock::stored))
        .bind(&done.engine)
        .bind(&done.text)
        .bind(&done.why)
        .bind(done.attempts)
        .bind(&done.subject)
        .execute(&mut writers.config)
        .await?;
        Ok(written.rows_affected() > 0)
    }

    /// How far the transcription of a subject is.
    pub async fn transcription(&self, subject: &str) -> Result<Option<Transcription>, StoreError> {
        let row = sqlx::query("SELECT * FROM transcriptions WHERE subject = ?")
            .bind(subject)
            .fetch_optional(&self.shared.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Leaves nothing of it behind.
    pub async fn forget_transcription(&self, subject: &str) -> Result<(), StoreError> {
        let mut writers = self.shared.writers.lock().await;
        sqlx::query("DELETE FROM transcriptions WHERE subject = ?")
            .bind(subject)
            .execute(&mut writers.config)
            .await?;
        Ok(())
    }

    /// How many there are in each state.
    pub async fn transcription_counts(&self) -> Result<TranscriptionCounts, StoreError> {
        let rows = sqlx::query("SELECT state, count(*) AS many FROM transcriptions GROUP BY state")
            .fetch_all(&self.shared.readers)
            .await?;
        let mut counts = TranscriptionCounts::default();
        for row in rows {
            let many = u64::try_from(row.try_get::<i64, _>("many")?).unwrap_or(0);
            match TranscriptionState::read(row.try_get("state")?) {
                Some(TranscriptionState::Queued) => counts.queued = many,
                Some(TranscriptionState::Running) => counts.running = many,
                Some(TranscriptionState::Done) => counts.done = many,
                Some(TranscriptionState::Failed) => counts.failed = many,
                Some(TranscriptionState::NoEngine) => counts.no_engine = many,
                None => {}
            }
        }
        Ok(counts)
    }
}

fn read(row: &SqliteRow) -> Result<Transcription, StoreError> {
    let subject: String = row.try_get("subject")?;
    let state: &str = row.try_get("state")?;
    let state = TranscriptionState::read(state).ok_or_else(|| StoreError::Row {
        table: "transcriptions",
        id: subject.clone(),
        what: format!("there is no state {state}"),
    })?;
    Ok(Transcription {
        subject,
        recording: row.try_get("recording")?,
        language: row.try_get("language")?,
        state,
        attempts: row.try_get("attempts")?,
        created_at: clock::loaded(row.try_get("created_at")?),
        engine: row.try_get("engine")?,
        text: row.try_get("text")?,
        why: row.try_get("why")?,
    })
}
