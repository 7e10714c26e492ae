//! API keys: shown once, kept as SHA-256, found without a question to the disk.
//!
//! A key is 200 random bits, so a fast hash protects it as well as a slow one would.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use routing::config::AccountId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};
use timestamp::Timestamp;

use crate::audit::{self, Actor, Entry};
use crate::error::StoreError;
use crate::id::{new_id, random_text};
use crate::{Shared, Store, clock};

/// A key as people see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyRow {
    /// `key_…`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The account it is confined to; absent for the whole installation.
    pub account: Option<AccountId>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The first characters of the key, to tell it from others.
    pub prefix: String,
    /// When it was made.
    #[serde(with = "clock::text")]
    pub created_at: Timestamp,
    /// When it stops working.
    #[serde(with = "clock::optional_text")]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, within a minute.
    #[serde(with = "clock::optional_text")]
    pub last_used_at: Option<Timestamp>,
}

/// A key to be made.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// The account it is confined to.
    pub account: Option<AccountId>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// Keys seen lately, and when they were used.
#[derive(Default)]
pub(crate) struct KeyCache {
    known: RwLock<HashMap<Hash, Cached>>,
    used: Mutex<HashMap<Hash, Timestamp>>,
}

struct Cached {
    row: Arc<KeyRow>,
    read_at: Instant,
}

type Hash = [u8; 32];

impl Store {
    /// Makes a key. The second value is the key in clear, which nobody can show again.
    pub async fn create_key(&self, actor: &Actor, new: NewKey) -> Result<(KeyRow, String), StoreError> {
        let clear = format!("tk_{}", random_text(40));
        let row = KeyRow {
            id: new_id("key"),
            name: new.name,
            account: new.account,
            scopes: new.scopes,
            prefix: clear.chars().take(PREFIX).collect(),
            created_at: clock::now(),
            expires_at: new.expires_at,
            last_used_at: None,
        };
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT INTO keys (id, name, account, scopes, hash, prefix, created_at, expires_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&row.id)
        .bind(&row.name)
        .bind(row.account.as_ref().map(AccountId::as_str))
        .bind(serde_json::to_string(&row.scopes).map_err(StoreError::internal)?)
        .bind(hash(&clear).as_slice())
        .bind(&row.prefix)
        .bind(clock::stored(row.created_at))
        .bind(row.expires_at.map(clock::stored))
        .execute(&mut *tx)
        .await?;
        let after = serde_json::to_string(&row).map_err(StoreError::internal)?;
        audit::write_one(&mut tx, actor, entry(&row, None, Some(&after))).await?;
        tx.commit().await?;
        Ok((row, clear))
    }

    /// All keys, newest first.
    pub async fn list_keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM keys ORDER BY id DESC").fetch_all(&self.shared.readers).await?;
        let used = self.shared.keys.used.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |row: &SqliteRow| {
            let mut key = read(row)?;
            let hash: Vec<u8> = row.try_get("hash")?;
            let at = Hash::try_from(hash).ok().and_then(|hash| used.get(&hash).copied());
            key.last_used_at = key.last_used_at.max(at);
            Ok(key)
        };
        rows.iter().map(read).collect()
    }

    /// Deletes a key, which stops working at once; whether there was one.
    pub async fn delete_key(&self, actor: &Actor, id: &str) -> Result<bool, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query("DELETE FROM keys WHERE id = ? RETURNING *")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row.as_ref().map(read).transpose()? else { return Ok(false) };
        let before = serde_json::to_string(&row).map_err(StoreError::internal)?;
        audit::write_one(&mut tx, actor, entry(&row, Some(&before), None)).await?;
        tx.commit().await?;
        self.shared
            .keys
            .known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, cached| cached.row.id != id);
        Ok(true)
    }

    /// The key that `clear` is, unless it is unknown or lapsed.
    pub async fn find_key(&self, clear: &str) -> Result<Option<Arc<KeyRow>>, StoreError> {
        let (hash, now) = (hash(clear), clock::now());
        let row = match self.shared.keys.cached(&hash) {
            Some(row) => Some(row),
            None => self.read_key(hash).await?,
        };
        let row = row.filter(|row| row.expires_at.is_none_or(|at| now < at));
        if row.is_some() {
            self.shared.keys.used.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, now);
        }
        Ok(row)
    }

    async fn read_key(&self, hash: Hash) -> Result<Option<Arc<KeyRow>>, StoreError> {
        let row = sqlx::query("SELECT * FROM keys WHERE hash = ?").bind(hash.as_slice());
        let row =
            row.fetch_optional(&self.shared.readers).await?.as_ref().map(read).transpose()?.map(Arc::new);
        let mut known = self.shared.keys.known.write().unwrap_or_else(PoisonError::into_inner);
        match &row {
            Some(row) => known.insert(hash, Cached { row: Arc::clone(row), read_at: Instant::now() }),
            None => known.remove(&hash),
        };
        Ok(row)
    }
}

impl KeyCache {
    fn cached(&self, hash: &Hash) -> Option<Arc<KeyRow>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known
            .get(hash)
            .filter(|cached| cached.read_at.elapsed() < TRUSTED)
            .map(|cached| Arc::clone(&cached.row))
    }
}

/// Writes down when keys were used.
pub(crate) async fn write_last_used(
    shared: &Shared,
    connection: &mut SqliteConnection,
) -> Result<(), StoreError> {
    let used = std::mem::take(&mut *shared.keys.used.lock().unwrap_or_else(PoisonError::into_inner));
    if used.is_empty() {
        return Ok(());
    }
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    for (hash, at) in used {
        let update = sqlx::query("UPDATE keys SET last_used_at = ? WHERE hash = ?");
        update.bind(clock::stored(at)).bind(hash.as_slice()).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// SHA-256 of something secret that is only ever compared.
pub(crate) fn hash(clear: &str) -> Hash {
    Sha256::digest(clear.as_bytes()).into()
}

fn entry<'a>(row: &'a KeyRow, before: Option<&'a str>, after: Option<&'a str>) -> Entry<'a> {
    let account = row.account.as_ref().map(AccountId::as_str);
    Entry { resource: "key", resource_id: &row.id, account, before, after, secrets_changed: false }
}

fn read(row: &SqliteRow) -> Result<KeyRow, StoreError> {
    let id: String = row.try_get("id")?;
    let scopes: String = row.try_get("scopes")?;
    let scopes = serde_json::from_str(&scopes);
    let scopes = scopes.map_err(|e| StoreError::Row { table: "key", id: id.clone(), what: e.to_string() })?;
    Ok(KeyRow {
        id,
        scopes,
        name: row.try_get("name")?,
        account: row.try_get::<Option<&str>, _>("account")?.map(AccountId::from),
        prefix: row.try_get("prefix")?,
        created_at: clock::loaded(row.try_get("created_at")?),
        expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(clock::loaded),
        last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(clock::loaded),
    })
}

/// Characters of a key that are shown: `tk_` and five more.
const PREFIX: usize = 8;

/// How long a key is believed without looking: another process may have deleted it.
const TRUSTED: Duration = Duration::from_secs(10);
