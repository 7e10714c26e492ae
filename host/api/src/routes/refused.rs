//! `/refused`: what was turned away, folded by source, method and reason, and what would have been right.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use store::{Page, RefusedQuery, RefusedRow};
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
    /// Which refusals.
    Refusals {
        /// Of this account: id or name.
        account: String,
        /// From this address.
        source: String,
        /// With this reason code.
        reason: String,
        /// Of this SIP method.
        method: String,
        /// Last seen not before.
        since: String,
        /// Last seen before.
        until: String,
    }
}

/// Requests of one source that were refused for one reason.
#[derive(Debug, ToSchema)]
#[schema(as = RefusedEntry)]
#[expect(dead_code, reason = "the schema of what the store writes")]
struct Entry {
    /// Identifier, `ref_…`.
    id: String,
    /// Whose, once known.
    account: Option<String>,
    /// How often.
    count: u64,
    /// The first time.
    first_at: String,
    /// The last time.
    last_at: String,
    /// From where, the last time.
    source: Source,
    /// SIP method.
    method: String,
    /// From URI, the last time.
    from: String,
    /// Request-URI, the last time.
    to: String,
    /// What the sender calls itself.
    user_agent: String,
    /// Answer sent.
    sip_code: u16,
    /// Why; see `/reasons`.
    reason_code: String,
    /// Why, in words.
    reason_text: String,
    /// What to do about it.
    fix: String,
    /// What would have been right.
    near_misses: Vec<NearMiss>,
}

/// Where refused requests came from.
#[derive(Debug, ToSchema)]
#[schema(as = RefusedSource)]
#[expect(dead_code, reason = "the schema of what the store writes")]
struct Source {
    /// Address.
    ip: String,
    /// Port.
    port: u16,
    /// Transport.
    transport: String,
}

/// Something that almost matched.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what the store writes")]
pub(super) struct NearMiss {
    /// Resource and id.
    resource: String,
    /// The field.
    field: String,
    /// What the request had.
    have: String,
    /// What the configuration wants.
    want: String,
}

/// Refusals, last seen first.
#[utoipa::path(get, path = "/refused", tag = "refused", operation_id = "list_refused", params(Refusals),
    responses((status = 200, description = "One page", body = openapi::Listed<Entry>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Refusals>,
) -> Result<Json<Page<RefusedRow>>, Problem> {
    caller.may(Scope::HistoryRead)?;
    let query = RefusedQuery {
        page: past::page(query.limit, query.after, query.before)?,
        account: past::account(&api, &caller, query.account.as_deref())?,
        source: query.source,
        reason: query.reason,
        method: query.method,
        since: past::time("since", query.since.as_deref())?,
        until: past::time("until", query.until.as_deref())?,
    };
    Ok(Json(api.store.refused(&query).await?))
}

/// One row of refusals.
#[utoipa::path(get, path = "/refused/{id}", tag = "refused", operation_id = "get_refused", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The refusals", body = Entry), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<RefusedRow>, Problem> {
    caller.may(Scope::HistoryRead)?;
    let found = api.store.refused_get(&id).await?.filter(|row| past::sees(&caller, row.account.as_deref()));
    found.map(Json).ok_or_else(|| Problem::not_found("refusal", &id))
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get))
}
