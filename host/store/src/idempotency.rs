//! Replies to requests that carried an Idempotency-Key, kept for 24 hours.
//!
//! Sealed, because the reply to a create may show a password that nobody may read again.

use std::time::Duration;

use sqlx::Row;

use crate::error::StoreError;
use crate::{Store, clock};

/// A reply as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Hash of the request's body: the same key with another body is a mistake of the client.
    pub body_hash: [u8; 32],
    /// HTTP status.
    pub status: u16,
    /// Body of the reply.
    pub response: Vec<u8>,
}

impl Store {
    /// The reply that was sent for `key`, if one was within 24 hours. `key` should name the caller as well.
    pub async fn idempotency_get(&self, key: &str) -> Result<Option<Reply>, StoreError> {
        let row = sqlx::query("SELECT body_hash, status, response FROM idempotency WHERE key = ? AND at > ?")
            .bind(key)
            .bind(clock::stored(clock::now()) - kept_micros())
            .fetch_optional(&self.shared.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let body_hash: Vec<u8> = row.try_get("body_hash")?;
        let (Ok(body_hash), Some(response)) =
            (body_hash.try_into(), self.shared.vault.open(key, row.try_get("response")?))
        else {
            return Ok(None);
        };
        Ok(Some(Reply { body_hash, status: row.try_get("status")?, response }))
    }

    /// Keeps the reply that is about to be sent for `key`; the first one stays.
    pub async fn idempotency_put(&self, key: &str, reply: &Reply) -> Result<(), StoreError> {
        let sealed = self.shared.vault.seal(key, &reply.response)?;
        let mut writers = self.shared.writers.lock().await;
        sqlx::query(
            "INSERT INTO idempotency (key, body_hash, status, response, at) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (key) DO NOTHING",
        )
        .bind(key)
        .bind(reply.body_hash.as_slice())
        .bind(reply.status)
        .bind(sealed)
        .bind(clock::stored(clock::now()))
        .execute(&mut writers.config)
        .await?;
        Ok(())
    }
}

pub(crate) fn kept_micros() -> i64 {
    i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX)
}

const KEPT: Duration = Duration::from_secs(24 * 3600);
