//! Below a connection that registers: its log, an attempt right now, new passwords.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use engine::control::{Answer, Ask};
use routing::config::{Change, Connection, Kind};
use serde_json::{Map, Value, json};
use store::{LogLine, LogQuery, Page, now};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::list_query;
use super::past;
use crate::body::{Asked, Emptiable};
use crate::collection::{Told, commit, find, reply};
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::status::{self, ConnectionStatus};
use crate::validate::connection::credentials::{self, LABELS, Rotation};
use crate::{Api, merge, openapi, validate};

list_query! {
    /// Which lines of the log.
    Lines {
        /// Not before.
        since: String,
        /// `registered`, `refreshed`, `failed`, `unregistered` or `expired`.
        event: String,
    }
}

/// One line of a connection's log: a registration that changed or failed.
#[derive(Debug, ToSchema)]
#[schema(as = RegistrationLogLine)]
#[expect(dead_code, reason = "the schema of what the store writes")]
struct Line {
    /// Identifier, `log_…`.
    id: String,
    /// When.
    at: String,
    /// `out`: we registered there; `in`: it registered here.
    direction: String,
    /// `registered`, `refreshed`, `failed`, `unregistered` or `expired`.
    #[schema(example = "failed")]
    event: String,
    /// SIP code of the answer; null where nothing was answered.
    code: Option<u16>,
    /// Why, in words.
    reason: String,
    /// The other end.
    target: String,
    /// The contact.
    contact: String,
    /// Seconds granted.
    expires_s: u32,
    /// Milliseconds from the request to its answer.
    elapsed_ms: u64,
}

/// What became of its registrations, newest first: changes and failures, never mere refreshes.
///
/// Kept as long as the account's retention.trace_hours says, of each connection the newest 1,000 lines.
#[utoipa::path(get, path = "/connections/{id}/log", tag = "connections", operation_id = "get_connection_log",
    params(("id" = String, Path, description = "Its id"), Lines),
    responses((status = 200, description = "One page", body = openapi::Listed<Line>), openapi::Reading))]
async fn log(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(query): Asked<Lines>,
) -> Result<Json<Page<LogLine>>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let (row, _) = find::<Connection>(&api.rows(), &caller, &id)?;
    let query = LogQuery {
        page: past::page(query.limit, query.after, query.before)?,
        connection: row.id.to_string(),
        since: past::time("since", query.since.as_deref())?,
        event: query.event,
    };
    Ok(Json(api.store.registration_log(&query).await?))
}

/// Registers there at once, whatever was planned. The reply does not wait for the registrar; the log and the status do.
#[utoipa::path(post, path = "/connections/{id}/register-now", tag = "connections", operation_id = "register_connection_now",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 202, description = "On its way; the status as it is now", body = ConnectionStatus), openapi::Writing))]
async fn register_now(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<ConnectionStatus>), Problem> {
    caller.may(Scope::ConnectionsWrite)?;
    let (row, _) = find::<Connection>(&api.rows(), &caller, &id)?;
    if row.kind != Kind::RegisterOut {
        let message = "we register elsewhere only for a connection of kind register_out";
        return Err(Problem::new(Code::ActionNotOfKind, message));
    }
    if !row.enabled {
        return Err(Problem::new(Code::ConnectionDisabled, "a disabled connection does not register"));
    }
    let answers = api.shards.ask(Ask::RegisterNow { connection: row.id.clone() }).await;
    if !answers.iter().any(|answer| matches!(answer, Answer::Done)) {
        return Err(Problem::new(Code::ShardSilent, "no shard took the order in time"));
    }
    let status = status::of(&api, &[&row]).await.pop();
    let status = status.ok_or_else(|| Problem::not_found("connection", &id))?;
    Ok((StatusCode::ACCEPTED, Json(status)))
}

/// Which passwords are made anew.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what ROTATION checks")]
struct RotationRequest {
    /// `primary` or `secondary`; both if absent.
    label: Option<String>,
    /// Seconds for which the passwords of now stay good; 86400 if absent, 0 ends them at once.
    #[schema(example = 86_400)]
    overlap_s: Option<u32>,
}

const ROTATION: &[Field] = &[
    Field::open("label", Shape::Choice(&LABELS), ""),
    Field::open("overlap_s", Shape::Integer(0, 30 * 86_400), ""),
];
const OVERLAP_S: u64 = 86_400;

/// Makes new passwords for a PBX that registers here. The reply shows them, and nothing does later.
#[utoipa::path(post, path = "/connections/{id}/rotate", tag = "connections", operation_id = "rotate_connection",
    params(("id" = String, Path, description = "Its id")), request_body = RotationRequest,
    responses((status = 200, description = "The connection, with the new passwords", body = openapi::Connection), openapi::Writing))]
async fn rotate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Emptiable(mut body): Emptiable,
) -> Result<Response, Problem> {
    caller.may(Scope::ConnectionsWrite)?;
    merge::without_nulls(&mut body);
    let mut errors = Vec::new();
    shape::check(&body, ROTATION, u8::MAX, "", &mut errors);
    validate::verdict(errors)?;
    let turn = api.turn().await;
    let (existing, _) = find::<Connection>(&api.rows(), &caller, &id)?;
    if existing.kind != Kind::RegisterIn {
        let message = "only a connection of kind register_in has passwords made by us";
        return Err(Problem::new(Code::ActionNotOfKind, message));
    }
    let overlap = body.get("overlap_s").and_then(Value::as_u64).unwrap_or(OVERLAP_S);
    let at = now();
    let rotation = Rotation {
        label: body.get("label").and_then(Value::as_str),
        until: at + Duration::from_secs(overlap),
        now: at,
    };
    let mut row = Connection::clone(&existing);
    let made = credentials::rotate(&mut row, &rotation);
    let row = Arc::new(row);
    let revision = commit(&api, turn, &caller, vec![Change::Connection(Arc::clone(&row))]).await?;
    let mut once = Map::from_iter([("credentials".to_owned(), json!(made))]);
    api.once.keep(&row, None, &mut once);
    reply(&api, StatusCode::OK, row, revision, Told { once, ..Told::default() }).await
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(log)).routes(routes!(register_now)).routes(routes!(rotate))
}
