//! `/events`: what happens, as it happens (Server-Sent Events).

use core::convert::Infallible;
use core::time::Duration;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::past;
use crate::body::Asked;
use crate::edge::{Caller, Scope};
use crate::events::{Joined, Streamed};
use crate::problem::{Code, Problem};
use crate::{Api, openapi};

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Of these types, separated by commas; all if absent.
    types: Option<String>,
    /// After this id; for clients that cannot send Last-Event-ID.
    last_event_id: Option<String>,
}

/// Events: call.started, call.ringing, call.answered, call.transferred, call.unheard, call.ended, call.refused,
/// conference.started, conference.joined, conference.left, conference.ended,
/// registration.added, registration.removed, registration.failed, registration.recovered, connection.down, connection.up,
/// rehearsal.started, rehearsal.ended, device.wrong_password, ban.added, ban.lapsed, ban.removed, ban.withheld, webhook.disabled,
/// voicemail.stored, recording.stored, recording.failed.
///
/// A client that comes back with Last-Event-ID gets what it missed; an event `gap` says that some of it is gone.
#[utoipa::path(get, path = "/events", tag = "events",
    params(Wanted, ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event seen")),
    responses((status = 200, description = "A stream that does not end", content_type = "text/event-stream", body = String), openapi::Reading))]
async fn stream_events(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()).or(query.last_event_id.as_deref());
    let last = match last.map(str::parse::<u64>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return Err(Problem::new(Code::InvalidHeader, "Last-Event-ID is the id of an event")),
    };
    let types: Option<Vec<String>> =
        query.types.map(|t| t.split(',').map(|one| one.trim().to_owned()).collect());
    let wanted = move |event: &Streamed| {
        past::sees(&caller, Some(event.account()))
            && types.as_ref().is_none_or(|types| types.iter().any(|one| one == event.kind()))
    };
    let stream = Sse::new(written(api.events.join(last), wanted));
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    // Proxies that buffer would hold events back.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(([unbuffered], stream.keep_alive(keep_alive)).into_response())
}

fn written(
    joined: Joined,
    wanted: impl Fn(&Streamed) -> bool,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let gap = || Event::default().event("gap").data("{\"type\":\"gap\"}");
    let first = joined.gap.then(gap);
    let missed = stream::iter(joined.missed).map(Ok);
    let events = missed.chain(BroadcastStream::new(joined.live)).filter_map(move |event| {
        let event = match event {
            Ok(event) if wanted(&event) => {
                Some(Event::default().id(event.id.to_string()).event(event.kind()).data(event.json()))
            }
            Ok(_) => None,
            Err(BroadcastStreamRecvError::Lagged(_)) => Some(gap()),
        };
        core::future::ready(event)
    });
    stream::iter(first).chain(events).map(Ok)
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(stream_events))
}
