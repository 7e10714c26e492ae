//! Versions of call flows that were published, the newest first.

use routing::config::{FlowId, FlowVersion};
use sqlx::Row;

use crate::Store;
use crate::error::StoreError;

impl Store {
    /// Versions of a flow, the newest first, older than `before` if that is given.
    pub async fn flow_versions(
        &self,
        flow: &FlowId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<FlowVersion>, StoreError> {
        let rows = sqlx::query(
            "SELECT row FROM flow_versions WHERE flow = ? AND version < ? ORDER BY version DESC LIMIT ?",
        )
        .bind(flow.as_str())
        .bind(before.map_or(i64::MAX, i64::from))
        .bind(limit)
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// One version of a flow.
    pub async fn flow_version(&self, flow: &FlowId, version: u32) -> Result<Option<FlowVersion>, StoreError> {
        let row = sqlx::query("SELECT row FROM flow_versions WHERE flow = ? AND version = ?")
            .bind(flow.as_str())
            .bind(version)
            .fetch_optional(&self.shared.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &sqlx::sqlite::SqliteRow) -> Result<FlowVersion, StoreError> {
    let text: String = row.try_get("row")?;
    serde_json::from_str(&text).map_err(StoreError::internal)
}
