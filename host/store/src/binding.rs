//! Registrations that outlive the process: written by the group commit, read once at start.

use engine::BindingRow;
use timestamp::Timestamp;

use crate::error::StoreError;
use crate::{Store, clock};

impl Store {
    /// Bindings that have not lapsed by `now`. One that cannot be read is left out: its device registers again.
    pub async fn bindings(&self, now: Timestamp) -> Result<Vec<BindingRow>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar("SELECT row FROM bindings WHERE expires_at > ?")
            .bind(clock::stored(now))
            .fetch_all(&self.shared.readers)
            .await?;
        Ok(rows.iter().filter_map(|row| serde_json::from_str(row).ok()).collect())
    }
}
