//! `/audit`: who changed what, from what to what.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use store::{AuditFilter, AuditRow, Page};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::list_query;
use super::past;
use crate::body::Asked;
use crate::edge::{Caller, Scope};
use crate::problem::Problem;
use crate::{Api, openapi};

list_query! {
    /// Which changes.
    Changes {
        /// Of this account: id or name.
        account: String,
        /// By this key.
        actor: String,
        /// Of this kind: `connection`, `number`, `domain`, `account`, `limits`, `key`, `admin`.
        resource: String,
        /// Of this resource.
        resource_id: String,
        /// Not before.
        since: String,
        /// Before.
        until: String,
    }
}

/// One change.
#[derive(Debug, ToSchema)]
#[schema(as = AuditEntry)]
#[expect(dead_code, reason = "the schema of what the store writes")]
struct Entry {
    /// Identifier, `aud_…`.
    id: String,
    /// When.
    at: String,
    /// Id of the key that did it.
    actor: String,
    /// By what way: `api`, `cli`, `console`, `start`.
    via: String,
    /// Kind of resource.
    resource: String,
    /// Its id.
    resource_id: String,
    /// Its account.
    account: Option<String>,
    /// As it was; null when it was created.
    before: Option<Value>,
    /// As it is; null when it was deleted.
    after: Option<Value>,
    /// Whether passwords changed; they are never shown.
    secrets_changed: bool,
    /// Configuration revision in force afterwards.
    revision: u64,
}

/// Changes, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", operation_id = "list_audit", params(Changes),
    responses((status = 200, description = "One page", body = openapi::Listed<Entry>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Changes>,
) -> Result<Json<Page<AuditRow>>, Problem> {
    caller.may(Scope::Admin)?;
    let page = past::page(query.limit, query.after, query.before)?;
    let filter = AuditFilter {
        account: past::account(&api, &caller, query.account.as_deref())?,
        actor: query.actor,
        resource: query.resource,
        resource_id: query.resource_id,
        since: past::time("since", query.since.as_deref())?,
        until: past::time("until", query.until.as_deref())?,
    };
    Ok(Json(api.store.audit(&page, &filter).await?))
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list))
}
