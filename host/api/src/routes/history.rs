//! `/history`: calls that are over.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::Value;
use store::{HistoryQuery, HistoryRow, Page};
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
    /// Which calls.
    Calls {
        /// Of this account: id or name.
        account: String,
        /// From or to this connection.
        connection: String,
        /// Whose caller contains this text.
        from: String,
        /// Whose dialled number or user contains this text.
        to: String,
        /// With this reason code.
        reason: String,
        /// `answered`, `busy`, `cancelled`, `failed`, `no_answer`, `refused` or `voicemail`.
        outcome: String,
        /// Started not before.
        since: String,
        /// Started before.
        until: String,
    }
}

/// One attempt to reach somebody.
#[derive(Debug, ToSchema)]
#[schema(as = HistoryAttempt)]
#[expect(dead_code, reason = "the schema of what the store writes")]
struct Attempt {
    /// The connection.
    connection: Option<String>,
    /// Address and transport; null if nothing was sent.
    #[schema(example = "udp:192.0.2.1:5060")]
    address: Option<String>,
    /// When the INVITE was sent, or the connection passed over.
    started_at: String,
    /// Its final SIP code; null if it gave none.
    sip_code: Option<u16>,
    /// What it said with that.
    sip_text: String,
    /// Why it did not work; see `/reasons`.
    reason_code: Option<String>,
    /// The same in words.
    reason_text: String,
    /// From the INVITE to the first provisional answer, in milliseconds.
    provisional_ms: Option<u64>,
    /// From the INVITE to its final answer, or to the end of our patience, in milliseconds.
    final_ms: Option<u64>,
    /// `answered`; `next`: another was tried; `ended`: nobody else was; `cancelled`: the caller gave up, or another
    /// device answered or declined.
    #[schema(example = "next")]
    then: String,
}

/// One call that is over.
#[derive(Debug, ToSchema)]
#[schema(as = HistoryEntry)]
#[expect(dead_code, reason = "the schema of what the store writes")]
struct Entry {
    /// Identifier, `call_…`.
    id: String,
    /// Owner.
    account: String,
    /// Account of the connection that it left by, where that is another: the call is in the history of both.
    provider: Option<String>,
    /// When the INVITE came.
    started_at: String,
    /// When it first rang.
    ringing_at: Option<String>,
    /// When it was answered.
    answered_at: Option<String>,
    /// When it ended.
    ended_at: String,
    /// Who called.
    from: String,
    /// Display name of the caller.
    from_display: String,
    /// What was dialled.
    dialled: String,
    /// Connection that called.
    connection_in: Option<String>,
    /// Connection that was rung last or answered.
    connection_out: Option<String>,
    /// Result in one word.
    #[schema(example = "answered")]
    outcome: String,
    /// Final SIP code sent to the caller.
    sip_code: u16,
    /// Reason code; see `/reasons`.
    reason_code: Option<String>,
    /// The reason in words.
    reason_text: String,
    /// Q.850 cause.
    q850: Option<u16>,
    /// `callee`, `caller`, `operator`, `restart` or `system`.
    ended_by: String,
    /// From the INVITE to the first ring, in milliseconds.
    pdd_ms: Option<u64>,
    /// From the first ring to the answer or the end, in milliseconds.
    ring_ms: Option<u64>,
    /// From the INVITE to the answer, in milliseconds.
    setup_ms: Option<u64>,
    /// From the answer to the end, in seconds.
    talk_s: Option<f64>,
    /// Configuration revision the decision was made under.
    config_rev: u64,
    /// How the caller was identified.
    proof: String,
    /// Connections considered, in order.
    candidates: Vec<Value>,
    /// Every attempt to reach somebody, in the order in which they ended; empty when the first one was answered.
    attempts: Vec<Attempt>,
    /// The nodes of flows that the call came by, in order: {flow, version, node, verb, at, asked, until, outcome}.
    #[schema(value_type = Vec<Value>)]
    flow: Vec<Value>,
    /// Ids of its recordings; only where one call is asked for.
    recordings: Vec<String>,
    /// The caller's leg, then the callees', with their media counters.
    legs: Vec<Value>,
}

/// Calls that are over, newest first.
#[utoipa::path(get, path = "/history", tag = "history", operation_id = "list_history", params(Calls),
    responses((status = 200, description = "One page", body = openapi::Listed<Entry>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Calls>,
) -> Result<Json<Page<HistoryRow>>, Problem> {
    caller.may(Scope::HistoryRead)?;
    let query = HistoryQuery {
        page: past::page(query.limit, query.after, query.before)?,
        account: past::account(&api, &caller, query.account.as_deref())?,
        connection: query.connection,
        from: query.from,
        to: query.to,
        reason: query.reason,
        outcome: query.outcome,
        since: past::time("since", query.since.as_deref())?,
        until: past::time("until", query.until.as_deref())?,
    };
    let mut found = api.store.history(&query).await?;
    found.data = found.data.into_iter().map(|row| seen(&api, &caller, row)).collect();
    Ok(Json(found))
}

/// One call that is over.
#[utoipa::path(get, path = "/history/{id}", tag = "history", operation_id = "get_history", params(("id" = String, Path, description = "Id of the call")),
    responses((status = 200, description = "The call", body = Entry), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<HistoryRow>, Problem> {
    caller.may(Scope::HistoryRead)?;
    let takes_part = |row: &HistoryRow| {
        past::sees(&caller, Some(&row.account)) || past::sees(&caller, row.provider.as_deref())
    };
    let found = api.store.history_get(&id).await?.filter(takes_part);
    let mut found =
        found.map(|row| seen(&api, &caller, row)).ok_or_else(|| Problem::not_found("call", &id))?;
    if past::sees(&caller, Some(&found.account)) {
        found.recordings = api.store.recordings_of(&id).await?;
    }
    Ok(Json(found))
}

/// A call as the caller may see it: of one that another account carried, each side sees its own legs and addresses.
pub(super) fn seen(api: &Api, caller: &Caller, mut row: HistoryRow) -> HistoryRow {
    let Some(own) = caller.account.as_ref().filter(|_| row.provider.is_some()) else { return row };
    let rows = api.rows();
    let is_own = |id: &str| rows.connections.get(id).is_some_and(|connection| connection.account == *own);
    let leg_is_own = |leg: &Value| leg.get("connection").and_then(Value::as_str).is_some_and(is_own);
    if *own.as_str() == *row.account {
        for leg in row.legs.iter_mut().filter(|leg| !leg_is_own(leg)).filter_map(Value::as_object_mut) {
            leg.retain(|name, _| !HIDDEN_OF_LEGS.contains(&name.as_str()));
        }
        let foreign = |attempt: &&mut store::Attempt| !attempt.connection.as_deref().is_some_and(is_own);
        for attempt in row.attempts.iter_mut().filter(foreign) {
            attempt.address = None;
        }
    } else {
        row.connection_in = None;
        row.flow.clear();
        row.legs.retain(leg_is_own);
        row.attempts.retain(|attempt| attempt.connection.as_deref().is_some_and(is_own));
        row.candidates.retain(|candidate| leg_is_own(candidate));
    }
    row
}

/// What one side does not learn of the other's leg.
const HIDDEN_OF_LEGS: [&str; 4] = ["sip_call_id", "local", "remote", "user_agent"];

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get))
}
