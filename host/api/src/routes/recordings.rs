//! `/recordings`: what was recorded of calls. Deleting one leaves nothing of it behind.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use store::{Page, RecordingQuery, RecordingRow, rfc3339};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::list_query;
use super::past;
use crate::audio_file::AudioForm;
use crate::body::Asked;
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::{Api, openapi};

list_query! {
    /// Which recordings.
    Recordings {
        /// Of this account: id or name.
        account: String,
        /// Of this call.
        call: String,
        /// With this connection in the call.
        connection: String,
        /// In this state: `recording`, `stored`, `cut_off` or `failed`.
        state: String,
        /// Begun at this time or later, RFC 3339.
        since: String,
        /// Begun before.
        until: String,
    }
}

/// A recording.
#[derive(Debug, Serialize, ToSchema)]
struct Recording {
    /// `rec_…`.
    id: String,
    /// Owner.
    account: String,
    /// `call`: a talk; `caller`: what a caller said to a flow.
    kind: String,
    /// `recording`; `stored` when all of it is on disk; `cut_off` when its end is missing; `failed` when there is nothing.
    state: String,
    /// The call.
    call: String,
    /// Connection that called.
    connection_in: Option<String>,
    /// Connection that answered.
    connection_out: Option<String>,
    /// Who called.
    from: String,
    /// What was dialled.
    dialled: String,
    /// The flow that wanted it.
    flow: Option<String>,
    /// Its node.
    node: Option<String>,
    /// When it began.
    started_at: String,
    /// How long it is.
    length_ms: u64,
    /// 1, or 2 with the caller on the left and the callee on the right.
    channels: u8,
    /// Samples per second.
    rate: u32,
    /// Octets of its file.
    bytes: u64,
    /// Why not all of it is there, if so.
    problem: Option<String>,
}

impl From<RecordingRow> for Recording {
    fn from(row: RecordingRow) -> Self {
        Self {
            id: row.id,
            account: row.account,
            kind: row.kind,
            state: row.state,
            call: row.call,
            connection_in: row.connection_in,
            connection_out: row.connection_out,
            from: row.from,
            dialled: row.dialled,
            flow: row.flow,
            node: row.node,
            started_at: rfc3339(row.started_at),
            length_ms: row.length_ms,
            channels: row.channels,
            rate: row.rate,
            bytes: row.bytes,
            problem: row.problem,
        }
    }
}

/// Recordings, newest first.
#[utoipa::path(get, path = "/recordings", tag = "recordings", operation_id = "list_recordings", params(Recordings),
    responses((status = 200, description = "One page", body = openapi::Listed<Recording>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Recordings>,
) -> Result<Json<Page<Recording>>, Problem> {
    caller.may(Scope::HistoryRead)?;
    let known = ["recording", "stored", "cut_off", "failed"];
    if query.state.as_deref().is_some_and(|state| !known.contains(&state)) {
        let message = format!("state is one of {}", known.join(", "));
        return Err(Problem::new(Code::InvalidParameter, message));
    }
    let query = RecordingQuery {
        page: past::page(query.limit, query.after, query.before)?,
        account: past::account(&api, &caller, query.account.as_deref())?,
        call: query.call,
        connection: query.connection,
        state: query.state,
        since: past::time("since", query.since.as_deref())?,
        until: past::time("until", query.until.as_deref())?,
    };
    Ok(Json(api.store.recordings(&query).await?.map(Recording::from)))
}

/// One recording.
#[utoipa::path(get, path = "/recordings/{id}", tag = "recordings", operation_id = "get_recording", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The recording", body = Recording), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Recording>, Problem> {
    caller.may(Scope::HistoryRead)?;
    Ok(Json(known(&api, &caller, &id).await?.into()))
}

/// Deletes a recording, its audio first. One that goes on has to be stopped before.
#[utoipa::path(delete, path = "/recordings/{id}", tag = "recordings", operation_id = "delete_recording", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Gone"), openapi::Writing))]
async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::ConfigWrite)?;
    let recording = known(&api, &caller, &id).await?;
    if recording.state == "recording" {
        return Err(Problem::new(
            Code::CallNotSettled,
            "it goes on: stop it first, or wait for the end of the call",
        ));
    }
    api.store.delete_recording(&recording.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The audio of a recording: a WAV file, or a range of its octets (RFC 9110 §14), or Ogg Opus.
#[utoipa::path(get, path = "/recordings/{id}/audio", tag = "recordings", operation_id = "get_recording_audio", params(("id" = String, Path, description = "Its id"), AudioForm),
    responses((status = 200, description = "WAV, or Ogg Opus", content_type = "audio/wav", body = Vec<u8>), (status = 206, description = "The range that was asked for"), openapi::Reading))]
async fn audio(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(form): Asked<AudioForm>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::HistoryRead)?;
    let recording = known(&api, &caller, &id).await?;
    let path = api.store.recording_file(&recording.id);
    match form.sent(&path, Some(&recording.id), &headers).await? {
        Ok(answer) => Ok(answer),
        // It goes on, or has failed.
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {
            Err(Problem::not_found("audio of recording", &recording.id))
        }
        Err(fault) => Err(Problem::new(Code::Fault, format!("{}: {fault}", path.display()))),
    }
}

/// A recording that the caller may see.
async fn known(api: &Api, caller: &Caller, id: &str) -> Result<RecordingRow, Problem> {
    let found = api.store.recording(id).await?;
    let found = found.filter(|row| row.kind != "message" && past::sees(caller, Some(&row.account)));
    found.ok_or_else(|| Problem::not_found("recording", id))
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, delete)).routes(routes!(audio))
}
