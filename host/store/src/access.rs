//! The people who run the installation, and the one-time link by which the first of them comes in.

use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::Serialize;
use sqlx::Connection;
use timestamp::Timestamp;

use crate::audit::{self, Actor, Entry};
use crate::error::StoreError;
use crate::id::{new_id, random_text};
use crate::key::hash;
use crate::{Store, clock};

/// A person who may administer everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdminRow {
    /// `adm_…`.
    pub id: String,
    /// Name to sign in with.
    pub name: String,
    /// Since when.
    #[serde(with = "clock::text")]
    pub created_at: Timestamp,
}

impl Store {
    /// A new set-up token, valid for 30 minutes and once; earlier ones stop working. The file `setup-link` holds it.
    pub async fn create_setup_token(&self) -> Result<String, StoreError> {
        let token = random_text(40);
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM setup_tokens").execute(&mut *tx).await?;
        sqlx::query("INSERT INTO setup_tokens (hash, expires_at) VALUES (?, ?)")
            .bind(hash(&token).as_slice())
            .bind(clock::stored(clock::now() + SETUP_VALID))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.write_setup_link(&token)?;
        Ok(token)
    }

    /// Puts the whole link in place of the token in the file `setup-link`.
    pub fn write_setup_link(&self, link: &str) -> Result<(), StoreError> {
        self.shared.folder.write_private(SETUP_LINK, format!("{link}\n").as_bytes())
    }

    /// Whether `token` was valid; it no longer is. Of two that come at once, one wins.
    pub async fn take_setup_token(&self, token: &str) -> Result<bool, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        let taken = sqlx::query("DELETE FROM setup_tokens WHERE hash = ? AND expires_at > ?")
            .bind(hash(token).as_slice())
            .bind(clock::stored(clock::now()))
            .execute(&mut writers.config)
            .await?;
        let taken = taken.rows_affected() == 1;
        if taken {
            self.shared.folder.remove(SETUP_LINK)?;
        }
        Ok(taken)
    }

    /// Whether the installation has an owner.
    pub async fn has_admin(&self) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM admins)")
            .fetch_one(&self.shared.readers)
            .await?;
        Ok(found)
    }

    /// Creates an admin; the name must be free.
    pub async fn create_admin(
        &self,
        actor: &Actor,
        name: &str,
        password: &str,
    ) -> Result<AdminRow, StoreError> {
        let hashed = hash_password(password.to_owned()).await?;
        let row = AdminRow { id: new_id("adm"), name: name.to_owned(), created_at: clock::now() };
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO admins (id, name, password, created_at) VALUES (?, ?, ?, ?)")
            .bind(&row.id)
            .bind(&row.name)
            .bind(hashed)
            .bind(clock::stored(row.created_at))
            .execute(&mut *tx)
            .await?;
        let after = serde_json::to_string(&row).map_err(StoreError::internal)?;
        audit::write_one(&mut tx, actor, entry(&row.id, Some(&after))).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Sets the password of an admin, creating them if need be.
    pub async fn set_admin_password(
        &self,
        actor: &Actor,
        name: &str,
        password: &str,
    ) -> Result<(), StoreError> {
        let hashed = hash_password(password.to_owned()).await?;
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        let id: String = sqlx::query_scalar(
            "INSERT INTO admins (id, name, password, created_at) VALUES (?, ?, ?, ?) \
             ON CONFLICT (name) DO UPDATE SET password = excluded.password RETURNING id",
        )
        .bind(new_id("adm"))
        .bind(name)
        .bind(hashed)
        .bind(clock::stored(clock::now()))
        .fetch_one(&mut *tx)
        .await?;
        audit::write_one(&mut tx, actor, entry(&id, None)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The admin with this name and password. Takes as long for a name that does not exist.
    pub async fn check_admin(&self, name: &str, password: &str) -> Result<Option<AdminRow>, StoreError> {
        let found: Option<(String, String, i64)> =
            sqlx::query_as("SELECT id, password, created_at FROM admins WHERE name = ?")
                .bind(name)
                .fetch_optional(&self.shared.readers)
                .await?;
        let Some((id, hashed, created_at)) = found else {
            hash_password(password.to_owned()).await?;
            return Ok(None);
        };
        let password = password.to_owned();
        let right = tokio::task::spawn_blocking(move || {
            PasswordHash::new(&hashed)
                .is_ok_and(|h| Argon2::default().verify_password(password.as_bytes(), &h).is_ok())
        });
        let row = AdminRow { id, name: name.to_owned(), created_at: clock::loaded(created_at) };
        Ok(right.await.map_err(StoreError::internal)?.then_some(row))
    }
}

/// Argon2id with the crate's recommended cost, on a thread because it is slow on purpose.
async fn hash_password(password: String) -> Result<String, StoreError> {
    let hash = move || Argon2::default().hash_password(password.as_bytes()).map(|h| h.to_string());
    tokio::task::spawn_blocking(hash).await.map_err(StoreError::internal)?.map_err(StoreError::internal)
}

fn entry<'a>(id: &'a str, after: Option<&'a str>) -> Entry<'a> {
    Entry { resource: "admin", resource_id: id, account: None, before: None, after, secrets_changed: true }
}

const SETUP_LINK: &str = "setup-link";
const SETUP_VALID: Duration = Duration::from_secs(30 * 60);
