//! `/connections/{id}/rehearse`: failover, rehearsed. The connection is taken for down for some minutes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use engine::control::{Answer, Ask};
use routing::config::Connection;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Emptiable;
use crate::collection::find;
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::status::{self, ConnectionStatus};
use crate::{Api, merge, openapi, validate};

/// How long a rehearsal lasts.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct RehearsalRequest {
    /// Minutes, 1 to 240; 10 if absent.
    minutes: Option<u32>,
}

const FIELDS: &[Field] = &[Field::open("minutes", Shape::Integer(1, 240), "")];

/// Takes it for down for some minutes: calls to it go where they would go if it were. Calls from it, and those in
/// progress, go on.
///
/// Ends by itself, by DELETE, and when the server restarts. `status.rehearsal_until`, `rehearsal.started` and
/// `rehearsal.ended` tell of it, history shows where each call went.
#[utoipa::path(post, path = "/connections/{id}/rehearse", tag = "connections", operation_id = "rehearse_failover",
    params(("id" = String, Path, description = "Its id")), request_body = RehearsalRequest,
    responses((status = 200, description = "Begun, or its end moved; the status as it is now", body = ConnectionStatus), openapi::Writing))]
async fn begin(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Emptiable(mut body): Emptiable,
) -> Result<Json<ConnectionStatus>, Problem> {
    caller.may(Scope::ConnectionsWrite)?;
    merge::without_nulls(&mut body);
    let mut errors = Vec::new();
    shape::check(&body, FIELDS, u8::MAX, "", &mut errors);
    validate::verdict(errors)?;
    let minutes = body.get("minutes").and_then(Value::as_u64).and_then(|minutes| u32::try_from(minutes).ok());
    let (row, _) = find::<Connection>(&api.rows(), &caller, &id)?;
    if !row.enabled {
        return Err(Problem::new(Code::ConnectionDisabled, "a disabled connection is down as it is"));
    }
    order(&api, &row, Some(minutes.unwrap_or(MINUTES) * 60)).await?;
    let status = status::of(&api, &[&row]).await.pop();
    status.map(Json).ok_or_else(|| Problem::not_found("connection", &id))
}

/// Ends the rehearsal, if there is one.
#[utoipa::path(delete, path = "/connections/{id}/rehearse", tag = "connections", operation_id = "end_rehearsal",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "There is none any more"), openapi::Writing))]
async fn end(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::ConnectionsWrite)?;
    let (row, _) = find::<Connection>(&api.rows(), &caller, &id)?;
    order(&api, &row, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn order(api: &Api, row: &Connection, seconds: Option<u32>) -> Result<(), Problem> {
    let answers = api.shards.ask(Ask::Rehearse { connection: row.id.clone(), seconds }).await;
    match answers.iter().any(|answer| matches!(answer, Answer::Done)) {
        true => Ok(()),
        false => Err(Problem::new(Code::ShardSilent, "no shard took the order in time")),
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(begin, end))
}

const MINUTES: u32 = 10;
