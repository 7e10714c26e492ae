//! Endpoints that are told of events. Their secrets are sealed; a rotated one stays good for a while.

mod delivery;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use routing::config::AccountId;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, Row, SqliteConnection};
use timestamp::Timestamp;
use tokio::sync::Notify;

pub(crate) use delivery::prune;
pub use delivery::{Delivery, DeliveryAttempt, DeliveryQuery, NewDelivery};

use crate::audit::{self, Actor, Entry};
use crate::error::StoreError;
use crate::id::new_id;
use crate::{Store, clock};

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRow {
    /// `wh_…`.
    pub id: String,
    /// The account whose events it gets; absent for those of the whole installation.
    pub account: Option<AccountId>,
    /// What people call it.
    pub name: String,
    /// Where deliveries go.
    pub url: String,
    /// Types of events: `call.ended`, `call.*` or `*`.
    pub events: Vec<String>,
    /// Whether it gets any.
    pub enabled: bool,
    /// Why it gets none, if that was decided here.
    pub disabled_reason: Option<String>,
    /// Since when.
    #[serde(with = "clock::text")]
    pub created_at: Timestamp,
    /// The last delivery that was taken.
    #[serde(with = "clock::optional_text")]
    pub last_success_at: Option<Timestamp>,
    /// The first delivery since then that was not.
    #[serde(with = "clock::optional_text")]
    pub failing_since: Option<Timestamp>,
    /// Until when the secret before the present one is used, too.
    #[serde(with = "clock::optional_text")]
    pub previous_secret_until: Option<Timestamp>,
}

/// Endpoints as they were last read, and who waits for deliveries.
#[derive(Default)]
pub(crate) struct Webhooks {
    known: std::sync::RwLock<Option<Arc<Vec<WebhookRow>>>>,
    news: Arc<Notify>,
}

impl WebhookRow {
    /// A new endpoint that wants everything.
    pub fn new(url: String) -> Self {
        Self {
            id: new_id("wh"),
            account: None,
            name: String::new(),
            url,
            events: vec!["*".to_owned()],
            enabled: true,
            disabled_reason: None,
            created_at: clock::now(),
            last_success_at: None,
            failing_since: None,
            previous_secret_until: None,
        }
    }

    /// Whether it wants events of this type.
    pub fn wants(&self, kind: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => kind.starts_with(start),
            None => pattern == kind,
        };
        self.enabled && self.events.iter().any(fits)
    }
}

impl Store {
    /// Woken when something was put into the queue of deliveries.
    pub fn webhook_news(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.webhooks.news)
    }

    /// Every endpoint, newest first. Read from the disk after a change only.
    pub async fn webhooks(&self) -> Result<Arc<Vec<WebhookRow>>, StoreError> {
        let known = self.shared.webhooks.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        // Under the writers' turn, so that no change falls between reading and remembering.
        let mut writers = self.shared.writers.lock().await;
        let rows: Vec<String> = sqlx::query_scalar("SELECT row FROM webhooks ORDER BY id DESC")
            .fetch_all(&mut writers.config)
            .await?;
        let rows = rows.iter().map(|row| read(row)).collect::<Result<Vec<_>, _>>()?;
        let rows = Arc::new(rows);
        *self.shared.webhooks.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&rows));
        drop(writers);
        Ok(rows)
    }

    /// One endpoint.
    pub async fn webhook(&self, id: &str) -> Result<Option<WebhookRow>, StoreError> {
        Ok(self.webhooks().await?.iter().find(|row| row.id == id).cloned())
    }

    /// Keeps a new endpoint; its secret in clear, which nobody can show again.
    pub async fn create_webhook(&self, actor: &Actor, row: &WebhookRow) -> Result<String, StoreError> {
        let (clear, sealed) = self.fresh_secret(&row.id)?;
        let text = serde_json::to_string(row).map_err(StoreError::internal)?;
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO webhooks (id, account, secret, row) VALUES (?, ?, ?, ?)")
            .bind(&row.id)
            .bind(row.account.as_ref().map(AccountId::as_str))
            .bind(sealed)
            .bind(&text)
            .execute(&mut *tx)
            .await?;
        audit::write_one(&mut tx, actor, entry(row, None, Some(&text), true)).await?;
        tx.commit().await?;
        self.forget_webhooks();
        Ok(clear)
    }

    /// Changes an endpoint that is there; what it is now.
    pub async fn change_webhook(
        &self,
        actor: &Actor,
        id: &str,
        change: impl FnOnce(&mut WebhookRow) + Send,
    ) -> Result<Option<WebhookRow>, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        let Some(before) = stored(&mut tx, id).await? else { return Ok(None) };
        let mut row = read(&before)?;
        change(&mut row);
        let after = write(&mut tx, &row).await?;
        audit::write_one(&mut tx, actor, entry(&row, Some(&before), Some(&after), false)).await?;
        tx.commit().await?;
        self.forget_webhooks();
        self.shared.webhooks.news.notify_one();
        Ok(Some(row))
    }

    /// A new secret; the one before is used beside it until then.
    pub async fn rotate_webhook(
        &self,
        actor: &Actor,
        id: &str,
        overlap: Duration,
    ) -> Result<Option<(WebhookRow, String)>, StoreError> {
        let (clear, sealed) = self.fresh_secret(id)?;
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        let Some(before) = stored(&mut tx, id).await? else { return Ok(None) };
        let mut row = read(&before)?;
        row.previous_secret_until = Some(clock::now() + overlap).filter(|_| !overlap.is_zero());
        sqlx::query("UPDATE webhooks SET previous = secret, secret = ? WHERE id = ?")
            .bind(sealed)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        let after = write(&mut tx, &row).await?;
        audit::write_one(&mut tx, actor, entry(&row, Some(&before), Some(&after), true)).await?;
        tx.commit().await?;
        self.forget_webhooks();
        Ok(Some((row, clear)))
    }

    /// Forgets an endpoint and its deliveries; whether there was one.
    pub async fn delete_webhook(&self, actor: &Actor, id: &str) -> Result<bool, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        let Some(before) = stored(&mut tx, id).await? else { return Ok(false) };
        sqlx::query("DELETE FROM webhooks WHERE id = ?").bind(id).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM deliveries WHERE webhook = ?").bind(id).execute(&mut *tx).await?;
        let row = read(&before)?;
        audit::write_one(&mut tx, actor, entry(&row, Some(&before), None, false)).await?;
        tx.commit().await?;
        self.forget_webhooks();
        Ok(true)
    }

    /// Disables an endpoint that is enabled, because of what became of its deliveries; the row, if it was.
    pub async fn disable_webhook(&self, id: &str, reason: &str) -> Result<Option<WebhookRow>, StoreError> {
        if self.webhook(id).await?.is_none_or(|row| !row.enabled) {
            return Ok(None);
        }
        let disable = |row: &mut WebhookRow| {
            row.enabled = false;
            row.disabled_reason = Some(reason.to_owned());
        };
        self.change_webhook(&Actor { name: "system".to_owned(), via: "webhook".to_owned() }, id, disable)
            .await
    }

    /// An endpoint that takes deliveries, and the secrets to sign with.
    pub async fn webhook_secrets(&self, id: &str) -> Result<Option<(WebhookRow, Vec<Vec<u8>>)>, StoreError> {
        let Some(row) = self.webhook(id).await? else { return Ok(None) };
        let found = sqlx::query("SELECT secret, previous FROM webhooks WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.shared.readers)
            .await?;
        let Some(found) = found else { return Ok(None) };
        let previous = row.previous_secret_until.is_some_and(|until| until > clock::now());
        let mut secrets = Vec::new();
        for (name, wanted) in [("secret", true), ("previous", previous)] {
            let sealed: Option<Vec<u8>> = found.try_get(name)?;
            let opened = sealed.filter(|_| wanted).and_then(|sealed| self.shared.vault.open(id, &sealed));
            secrets.extend(opened);
        }
        Ok(Some((row, secrets)))
    }

    fn fresh_secret(&self, id: &str) -> Result<(String, Vec<u8>), StoreError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(StoreError::internal)?;
        let clear = format!("whsec_{}", Base64::encode_string(&secret));
        Ok((clear, self.shared.vault.seal(id, &secret)?))
    }

    fn forget_webhooks(&self) {
        *self.shared.webhooks.known.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What became of deliveries to an endpoint, from its last one; the row, if there still is one.
    pub(crate) async fn note_webhook(
        &self,
        connection: &mut SqliteConnection,
        id: &str,
        delivered: bool,
        at: Timestamp,
    ) -> Result<Option<WebhookRow>, StoreError> {
        let Some(text) = stored(connection, id).await? else { return Ok(None) };
        let mut row = read(&text)?;
        let news = if delivered {
            // Every success would be a write: a minute is precise enough.
            let stale = row.last_success_at.is_none_or(|last| at.since(last) > Duration::from_secs(60));
            row.last_success_at = Some(at);
            row.failing_since.take().is_some() || stale
        } else {
            let first = row.failing_since.is_none();
            row.failing_since.get_or_insert(at);
            first
        };
        if news {
            write(connection, &row).await?;
            self.forget_webhooks();
        }
        Ok(Some(row))
    }
}

async fn stored(connection: &mut SqliteConnection, id: &str) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT row FROM webhooks WHERE id = ?")
        .bind(id)
        .fetch_optional(connection)
        .await?)
}

async fn write(connection: &mut SqliteConnection, row: &WebhookRow) -> Result<String, StoreError> {
    let text = serde_json::to_string(row).map_err(StoreError::internal)?;
    sqlx::query("UPDATE webhooks SET row = ? WHERE id = ?")
        .bind(&text)
        .bind(&row.id)
        .execute(connection)
        .await?;
    Ok(text)
}

fn read(row: &str) -> Result<WebhookRow, StoreError> {
    serde_json::from_str(row).map_err(StoreError::internal)
}

fn entry<'a>(
    row: &'a WebhookRow,
    before: Option<&'a str>,
    after: Option<&'a str>,
    secrets_changed: bool,
) -> Entry<'a> {
    let account = row.account.as_ref().map(AccountId::as_str);
    Entry { resource: "webhook", resource_id: &row.id, account, before, after, secrets_changed }
}
