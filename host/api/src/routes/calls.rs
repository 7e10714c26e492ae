//! `/calls`: calls in progress.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use engine::control::{Answer, Ask, CallView};
use serde::Serialize;
use serde_json::Value;
use store::Page;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::list_query;
use super::past;
use crate::body::{Asked, Document};
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::status::{self, Call};
use crate::{Api, openapi, validate};

list_query! {
    /// Which calls.
    LiveCalls {
        /// Of this account: id or name.
        account: String,
        /// From or to this connection.
        connection: String,
        /// In this state.
        state: String,
    }
}

/// Calls in progress, newest first.
#[utoipa::path(get, path = "/calls", tag = "calls", operation_id = "list_calls", params(LiveCalls),
    responses((status = 200, description = "One page", body = openapi::Listed<Call>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<LiveCalls>,
) -> Result<Json<Page<Call>>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let page = past::page(query.limit, query.after, query.before)?;
    let account = past::account(&api, &caller, query.account.as_deref())?;
    let wanted = |call: &CallView| {
        account.as_ref().is_none_or(|a| *call.account == **a)
            && query
                .connection
                .as_deref()
                .is_none_or(|c| *call.connection_in == *c || *call.connection_out == *c)
            && query.state.as_deref().is_none_or(|s| call.state == s)
    };
    let calls = status::calls(&api).await;
    let found = calls.iter().filter(|call| wanted(call)).map(Call::from).collect();
    Ok(Json(Page::of(&page, found, |call: &Call| &call.id)))
}

/// One call in progress.
#[utoipa::path(get, path = "/calls/{id}", tag = "calls", operation_id = "get_call", params(("id" = String, Path, description = "Id of the call")),
    responses((status = 200, description = "The call", body = Call), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Call>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    Ok(Json(Call::from(&find(&api, &caller, &id).await?)))
}

/// Ends a call.
#[utoipa::path(post, path = "/calls/{id}/hangup", tag = "calls", operation_id = "hang_up_call", params(("id" = String, Path, description = "Id of the call")),
    responses((status = 204, description = "It is being ended"), openapi::Writing))]
async fn hangup(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::CallsControl)?;
    let call = find(&api, &caller, &id).await?.id;
    let answers = api.shards.ask(Ask::Hangup { call }).await;
    if answers.iter().any(|answer| matches!(answer, Answer::Done)) {
        return Ok(StatusCode::NO_CONTENT);
    }
    if answers.is_empty() {
        return Err(Problem::new(Code::ShardSilent, "no shard answered in time"));
    }
    Err(Problem::not_found("call in progress", &id))
}

/// Whom a call is handed over to.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct TransferRequest {
    /// User, `user@domain` or number.
    to: String,
    /// Which side is handed over and stays in the call: `caller` (if absent) or `callee`. The other one is hung up on when
    /// somebody has answered, and reaches whom it could call itself.
    party: Option<String>,
}

const FIELDS: &[Field] = &[
    Field::open("to", Shape::Text(1, 253), ""),
    Field::open("party", Shape::Choice(&["callee", "caller"]), ""),
];

/// Hands one side of an established call over to somebody else. If nobody is reached the call stays as it was.
#[utoipa::path(post, path = "/calls/{id}/transfer", tag = "calls", operation_id = "transfer_call", params(("id" = String, Path, description = "Id of the call")),
    request_body = TransferRequest, responses((status = 202, description = "Somebody is being looked for; `call.transferred` says when it has led somewhere"), openapi::Writing))]
async fn transfer(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Document(mut body): Document,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::CallsControl)?;
    crate::merge::without_nulls(&mut body);
    let mut errors = Vec::new();
    shape::check(&body, FIELDS, u8::MAX, "", &mut errors);
    validate::needed(&body, &["to"], &mut errors);
    validate::verdict(errors)?;
    let call = find(&api, &caller, &id).await?.id;
    let to = body.get("to").and_then(Value::as_str).unwrap_or_default().into();
    let caller_stays = body.get("party").and_then(Value::as_str) != Some("callee");
    let answers = api.shards.ask(Ask::Transfer { call, to, caller_stays }).await;
    if answers.iter().any(|answer| matches!(answer, Answer::Done)) {
        return Ok(StatusCode::ACCEPTED);
    }
    if answers.iter().any(|answer| matches!(answer, Answer::NotNow)) {
        let message = "it is not answered yet, is being handed over, or both sides are changing it";
        return Err(Problem::new(Code::CallNotSettled, message));
    }
    if answers.is_empty() {
        return Err(Problem::new(Code::ShardSilent, "no shard answered in time"));
    }
    Err(Problem::not_found("call in progress", &id))
}

/// What is to happen to the recording of a call.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what RECORD checks")]
struct RecordRequest {
    /// `start` or `stop`.
    action: String,
}

/// The recording of a call.
#[derive(Debug, Serialize, ToSchema)]
struct RecordReply {
    /// `rec_…`; its audio is there once it is stopped, or the call has ended.
    recording: String,
}

const RECORD: &[Field] = &[Field::open("action", Shape::Choice(&["start", "stop"]), "")];

/// Records the talk of an established call, the caller on the left and the callee on the right, or stops that. A call that
/// is recorded already keeps its recording.
#[utoipa::path(post, path = "/calls/{id}/record", tag = "calls", operation_id = "record_call", params(("id" = String, Path, description = "Id of the call")),
    request_body = RecordRequest, responses((status = 200, description = "The recording; `recording.stored` says when it is on disk", body = RecordReply), openapi::Writing))]
async fn record(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Document(body): Document,
) -> Result<Json<RecordReply>, Problem> {
    caller.may(Scope::CallsControl)?;
    let mut errors = Vec::new();
    shape::check(&body, RECORD, u8::MAX, "", &mut errors);
    validate::needed(&body, &["action"], &mut errors);
    validate::verdict(errors)?;
    let call = find(&api, &caller, &id).await?.id;
    let start = body.get("action").and_then(Value::as_str) == Some("start");
    let answers = api.shards.ask(Ask::Record { call, start }).await;
    for answer in &answers {
        match answer {
            Answer::Recording(recording) => {
                return Ok(Json(RecordReply { recording: recording.to_string() }));
            }
            Answer::NotNow => {
                let nothing = "nobody talks through us in it, or nothing is recorded";
                return Err(Problem::new(Code::CallNotSettled, nothing));
            }
            _ => {}
        }
    }
    if answers.is_empty() {
        return Err(Problem::new(Code::ShardSilent, "no shard answered in time"));
    }
    Err(Problem::not_found("call in progress", &id))
}

async fn find(api: &Api, caller: &Caller, id: &str) -> Result<CallView, Problem> {
    let mut calls = status::calls(api).await.into_iter();
    let found = calls.find(|call| *call.id == *id && past::sees(caller, Some(&call.account)));
    found.ok_or_else(|| Problem::not_found("call in progress", id))
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(hangup))
        .routes(routes!(transfer))
        .routes(routes!(record))
}
