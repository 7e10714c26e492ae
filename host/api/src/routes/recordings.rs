//! `/recordings`: what was recorded of calls. Deleting one leaves nothing of it behind.

use std::io::SeekFrom;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use store::{Page, RecordingQuery, RecordingRow, rfc3339};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::list_query;
use super::past;
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

/// The audio of a recording as a WAV file, or a range of its octets (RFC 9110 §14).
#[utoipa::path(get, path = "/recordings/{id}/audio", tag = "recordings", operation_id = "get_recording_audio", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "A WAV file", content_type = "audio/wav", body = Vec<u8>), (status = 206, description = "The range that was asked for"), openapi::Reading))]
async fn audio(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::HistoryRead)?;
    let recording = known(&api, &caller, &id).await?;
    let path = api.store.recording_file(&recording.id);
    let unreadable =
        |fault: std::io::Error| Problem::new(Code::Fault, format!("{}: {fault}", path.display()));
    let mut file = match File::open(&path).await {
        Ok(file) => file,
        // It goes on, or has failed.
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {
            return Err(Problem::not_found("audio of recording", &recording.id));
        }
        Err(fault) => return Err(unreadable(fault)),
    };
    let all = file.metadata().await.map_err(unreadable)?.len();
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = asked.and_then(|asked| range_of(asked, all));
    let (first, last) = range.unwrap_or_else(|| (0, all.saturating_sub(1)));
    file.seek(SeekFrom::Start(first)).await.map_err(unreadable)?;
    let length = (last + 1).saturating_sub(first);
    let name = format!("attachment; filename=\"{}.wav\"", recording.id);
    let mut answer = Body::from_stream(pieces(file, length)).into_response();
    let fields = [
        (header::CONTENT_TYPE, "audio/wav".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    for (field, value) in fields {
        answer.headers_mut().extend(value.parse().ok().map(|value| (field, value)));
    }
    if range.is_some() {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let value = format!("bytes {first}-{last}/{all}").parse().ok();
        answer.headers_mut().extend(value.map(|value| (header::CONTENT_RANGE, value)));
    }
    Ok(answer)
}

/// The next so many octets of a file, piece by piece.
fn pieces(file: File, length: u64) -> impl stream::Stream<Item = std::io::Result<Vec<u8>>> {
    stream::try_unfold((file, length), |(mut file, left)| async move {
        let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
        if piece.is_empty() {
            return Ok(None);
        }
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        let left = left - read as u64;
        Ok((read > 0).then_some((piece, (file, left))))
    })
}

/// First and last octet of a single range; anything else means all of it, as RFC 9110 §14.2 allows.
fn range_of(asked: &str, all: u64) -> Option<(u64, u64)> {
    let (first, last) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
        (Some(first), Some(last)) => (first, last.min(all.checked_sub(1)?)),
        (Some(first), None) if last.is_empty() => (first, all.checked_sub(1)?),
        (None, Some(count)) if first.is_empty() => (all.saturating_sub(count), all.checked_sub(1)?),
        _ => return None,
    };
    (first <= last).then_some((first, last))
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

const PIECE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (asked, range) in [
            ("bytes=0-", Some((0, 99))),
            ("bytes=10-19", Some((10, 19))),
            ("bytes=90-200", Some((90, 99))),
            ("bytes=-10", Some((90, 99))),
            ("bytes=-200", Some((0, 99))),
            ("bytes=20-10", None),
            ("bytes=100-", None),
            ("bytes=0-1,5-6", None),
            ("bytes=-", None),
            ("seconds=1-2", None),
        ] {
            assert_eq!(range_of(asked, 100), range, "{asked}");
        }
        assert_eq!(range_of("bytes=0-", 0), None);
    }
}
