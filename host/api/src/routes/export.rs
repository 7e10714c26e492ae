//! `/history/export`: calls in the order in which they were written down, as CSV, as JSON lines or as Server-Sent
//! Events, to the end or for ever. A cursor continues where a reader left off, so that none is lost.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Exported, HistoryQuery, HistoryRow};
use tokio::time::{Instant, sleep};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{history, past};
use crate::body::Asked;
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::{Api, openapi};

/// Which calls, and how.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `csv`, `ndjson` (one JSON object a line, each with its `cursor`) or `sse` (Server-Sent Events of type `record`).
    format: Option<String>,
    /// Goes on for ever: calls come as they end. Not for `csv`.
    #[serde(default)]
    follow: bool,
    /// Written down after this `cursor`.
    after: Option<String>,
    /// Of this account: id or name.
    account: Option<String>,
    /// From or to this connection.
    connection: Option<String>,
    /// With this reason code.
    reason: Option<String>,
    /// `answered`, `busy`, `cancelled`, `failed`, `no_answer`, `refused` or `voicemail`.
    outcome: Option<String>,
    /// Started not before.
    since: Option<String>,
    /// Started before.
    until: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Lines,
    Events,
}

/// An export on its way.
struct Export {
    api: Arc<Api>,
    caller: Caller,
    query: HistoryQuery,
    format: Format,
    follow: bool,
    cursor: u64,
    begun: bool,
    over: bool,
    spoke: Instant,
}

/// Calls that are over, in the order in which they were written down.
///
/// A reader that comes back with `after` (or Last-Event-ID) and the last cursor it saw gets everything since, once.
#[utoipa::path(get, path = "/history/export", tag = "history", operation_id = "export_history",
    params(Wanted, ("Last-Event-ID" = Option<String>, Header, description = "The last cursor seen")),
    responses((status = 200, description = "Every call, one a line", content_type = "text/csv", body = String), openapi::Reading))]
async fn export(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::HistoryRead)?;
    let wrong = |message: &str| Err(Problem::new(Code::InvalidParameter, message));
    let format = match wanted.format.as_deref() {
        None | Some("csv") => Format::Csv,
        Some("ndjson") => Format::Lines,
        Some("sse") => Format::Events,
        Some(_) => return wrong("format is csv, ndjson or sse"),
    };
    if format == Format::Csv && wanted.follow {
        return wrong("csv ends; follow with format=ndjson or format=sse");
    }
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let Ok(cursor) = last.or(wanted.after.as_deref()).map_or(Ok(0), str::parse) else {
        return wrong("after is the cursor of a record");
    };
    let query = HistoryQuery {
        account: past::account(&api, &caller, wanted.account.as_deref())?,
        connection: wanted.connection,
        reason: wanted.reason,
        outcome: wanted.outcome,
        since: past::time("since", wanted.since.as_deref())?,
        until: past::time("until", wanted.until.as_deref())?,
        ..HistoryQuery::default()
    };
    let (begun, over, spoke) = (false, false, Instant::now());
    let follow = wanted.follow;
    let export = Export { api, caller, query, format, follow, cursor, begun, over, spoke };
    let body = Body::from_stream(stream::unfold(export, Export::next));
    let kind = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Lines => "application/x-ndjson",
        Format::Events => "text/event-stream",
    };
    // Proxies that buffer would hold records back.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    Ok(([(header::CONTENT_TYPE, kind), (unbuffered, "no")], body).into_response())
}

impl Export {
    /// The next piece, and what comes after it.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let mut text = String::new();
        if self.format == Format::Csv && !self.begun {
            text.push_str(&COLUMNS.join(","));
            text.push_str("\r\n");
        }
        self.begun = true;
        while text.is_empty() && !self.over {
            let written = match self.api.store.history_written(&self.query, self.cursor, PAGE).await {
                Ok(written) => written,
                Err(error) => {
                    // The cursor the reader has is where it can go on.
                    tracing::error!(%error, "an export was cut off");
                    return None;
                }
            };
            self.append(&written, &mut text);
            self.cursor = written.cursor;
            self.over = !self.follow && !written.more;
            if text.is_empty() && self.follow {
                if self.spoke.elapsed() >= SILENCE {
                    text.push_str(if self.format == Format::Events { ":\n\n" } else { "\n" });
                } else {
                    sleep(EVERY).await;
                }
            }
        }
        if text.is_empty() {
            return None;
        }
        self.spoke = Instant::now();
        Some((Ok(Bytes::from(text)), self))
    }

    fn append(&self, written: &Exported, text: &mut String) {
        for (cursor, row) in &written.rows {
            let row = history::seen(&self.api, &self.caller, row.clone());
            // Writing into a String cannot fail.
            let _ = match self.format {
                Format::Csv => write!(text, "{}\r\n", csv(&row)),
                Format::Lines => writeln!(text, "{}", with_cursor(&row, *cursor)),
                Format::Events => {
                    write!(text, "id: {cursor}\nevent: record\ndata: {}\n\n", with_cursor(&row, *cursor))
                }
            };
        }
    }
}

fn with_cursor(row: &HistoryRow, cursor: u64) -> Value {
    let mut value = json!(row);
    value["cursor"] = json!(cursor.to_string());
    value
}

/// One line (RFC 4180).
fn csv(row: &HistoryRow) -> String {
    let value = json!(row);
    let field = |name: &&str| match value.get(*name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => quoted(text),
        Some(other) => other.to_string(),
    };
    COLUMNS.iter().map(field).collect::<Vec<_>>().join(",")
}

/// Callers choose some of these texts: none becomes a formula of a spreadsheet.
fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '@', '\t']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(export))
}

/// Fields of a record, in the order of the columns.
const COLUMNS: [&str; 22] = [
    "id",
    "account",
    "provider",
    "started_at",
    "ringing_at",
    "answered_at",
    "ended_at",
    "from",
    "from_display",
    "dialled",
    "connection_in",
    "connection_out",
    "outcome",
    "sip_code",
    "reason_code",
    "reason_text",
    "q850",
    "ended_by",
    "pdd_ms",
    "ring_ms",
    "setup_ms",
    "talk_s",
];
/// Records read at once.
const PAGE: usize = 500;
/// Between two looks for news.
const EVERY: Duration = Duration::from_millis(250);
/// A stream without news says so, so that nobody in between takes it for dead.
const SILENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    #[test]
    fn what_callers_choose_stays_in_its_cell() {
        for (text, cell) in [
            ("+4930123456", "+4930123456"),
            ("Smith, John", "\"Smith, John\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(super::quoted(text), cell);
        }
    }
}
