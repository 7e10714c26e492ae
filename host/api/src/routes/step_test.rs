//! `/connections/{id}/test` and `/connections/test`: can we work with this peer, step by step.
//!
//! The answer is the whole result, or each step as it happens for a client that accepts `text/event-stream`.

use core::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use routing::config::{Connection, Kind};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::new_id;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{Document, Emptiable};
use crate::collection::{find, fresh};
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::status::{self, ConnectionStatus};
use crate::tester::{ConnectionTest, Place, TestStep};
use crate::validate::{Desk, Drafted, Secret};
use crate::{Api, merge, openapi, validate};

/// What the test may do beyond looking.
#[derive(Debug, ToSchema)]
#[schema(as = TestRequest)]
#[expect(dead_code, reason = "the schema of what WISHES checks")]
struct Wishes {
    /// A number to call, as the peer wants it; without one nobody is called. The call is real, and so is its price.
    #[schema(example = "+493012345")]
    call_to: Option<String>,
}

const WISHES: &[Field] = &[Field::open("call_to", Shape::Text(1, 128), "")];

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
struct TestResult {
    /// The connection; null when it is not stored yet.
    connection: Option<String>,
    /// The worst of its steps: `passed`, `warning` or `failed`.
    #[schema(example = "passed")]
    result: &'static str,
    /// How long it took.
    took_ms: f64,
    /// In their order.
    steps: Vec<TestStep>,
}

/// Tests it, step by step: DNS, reach, TLS, OPTIONS, REGISTER, and a call with audio if a number is given.
///
/// The live registration is not touched: the REGISTER carries no Contact and only reads. A device or a PBX that registers
/// here is judged by what it registered. Half a minute at the most; one test of a connection at a time. With
/// `Accept: text/event-stream` each step comes as an event `step` when it begins and when it ends, then one `result`.
#[utoipa::path(post, path = "/connections/{id}/test", tag = "connections", operation_id = "test_connection",
    params(("id" = String, Path, description = "Its id")), request_body = Wishes,
    responses((status = 200, description = "What came of it", body = TestResult), openapi::Writing))]
async fn test(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Emptiable(body): Emptiable,
) -> Result<Response, Problem> {
    caller.may(Scope::ConnectionsWrite)?;
    let call_to = wishes(&body)?;
    let (row, _) = find::<Connection>(&api.rows(), &caller, &id)?;
    answer(&api, row, true, call_to, &headers).await
}

/// Tests a connection that is not stored: a body as for create, and `call_to`.
#[utoipa::path(post, path = "/connections/test", tag = "connections", operation_id = "test_new_connection",
    request_body = openapi::NewConnection,
    responses((status = 200, description = "What came of it", body = TestResult), openapi::Writing))]
async fn test_new(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    Document(mut body): Document,
) -> Result<Response, Problem> {
    caller.may(Scope::ConnectionsWrite)?;
    let wanted = body.remove("call_to").map(|value| Map::from_iter([("call_to".to_owned(), value)]));
    let call_to = wishes(&wanted.unwrap_or_default())?;
    let secret = Secret::take(&mut body)?;
    let row = {
        let rows = api.rows();
        let mut desk = Desk::new(&rows, &caller, &api);
        let Drafted { row, .. } = fresh::<Connection>(&mut desk, body, &secret)?;
        Arc::new(row)
    };
    answer(&api, row, false, call_to, &headers).await
}

fn wishes(body: &Map<String, Value>) -> Result<Option<String>, Problem> {
    let mut body = body.clone();
    merge::without_nulls(&mut body);
    let mut errors = Vec::new();
    shape::check(&body, WISHES, u8::MAX, "", &mut errors);
    validate::verdict(errors)?;
    Ok(body.get("call_to").and_then(Value::as_str).map(str::to_owned))
}

async fn answer(
    api: &Api,
    row: Arc<Connection>,
    is_stored: bool,
    call_to: Option<String>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let id = is_stored.then(|| row.id.to_string());
    let steps = match row.kind {
        Kind::RegisterOut | Kind::Trunk => {
            let place = api.tests.begin(id.as_deref().unwrap_or(&new_id("test")))?;
            let (sink, steps) = unbounded_channel();
            let source = api.tester.test(ConnectionTest { connection: row, call_to });
            tokio::spawn(pass_on(source, sink, place));
            steps
        }
        Kind::Device | Kind::RegisterIn => {
            let status = status::of(api, &[&row]).await.pop();
            let status = status.ok_or_else(|| Problem::not_found("connection", &row.id.to_string()))?;
            told(registered_here(&status))
        }
        Kind::Virtual => {
            let message = "a virtual connection has no other end";
            return Err(Problem::new(Code::ActionNotOfKind, message));
        }
    };
    let streamed = headers
        .get(header::ACCEPT)
        .is_some_and(|accepted| accepted.to_str().is_ok_and(|text| text.contains("text/event-stream")));
    if streamed {
        return Ok(stream_of(id, steps));
    }
    Ok(Json(whole(id, steps).await).into_response())
}

/// A client that leaves does not end the test, so its place is kept until the test has ended.
async fn pass_on(mut source: UnboundedReceiver<TestStep>, sink: UnboundedSender<TestStep>, place: Place) {
    while let Some(step) = source.recv().await {
        // Nobody listening is fine.
        let _ = sink.send(step);
    }
    drop(place);
}

async fn whole(connection: Option<String>, mut steps: UnboundedReceiver<TestStep>) -> TestResult {
    let began = Instant::now();
    let mut ended = Vec::new();
    while let Some(step) = steps.recv().await {
        if step.state != "running" {
            ended.push(step);
        }
    }
    summed(connection, began, ended)
}

fn summed(connection: Option<String>, began: Instant, steps: Vec<TestStep>) -> TestResult {
    let has = |state: &str| steps.iter().any(|step| step.state == state);
    let result = match (has("failed"), has("warning")) {
        (true, _) => "failed",
        (false, true) => "warning",
        (false, false) => "passed",
    };
    let took_ms = (began.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
    TestResult { connection, result, took_ms, steps }
}

fn stream_of(connection: Option<String>, steps: UnboundedReceiver<TestStep>) -> Response {
    let begin = (steps, Vec::new(), Some((connection, Instant::now())));
    let events = stream::unfold(begin, |(mut steps, mut ended, mut open)| async move {
        if let Some(step) = steps.recv().await {
            let event = Event::default().event("step").data(json!(step).to_string());
            if step.state != "running" {
                ended.push(step);
            }
            return Some((event, (steps, ended, open)));
        }
        let (connection, began) = open.take()?;
        let result = summed(connection, began, std::mem::take(&mut ended));
        let event = Event::default().event("result").data(json!(result).to_string());
        Some((event, (steps, ended, open)))
    });
    // Proxies that buffer would hold steps back.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    ([unbuffered], Sse::new(events.map(Ok::<_, Infallible>))).into_response()
}

/// Steps that are known at once.
fn told(steps: Vec<TestStep>) -> UnboundedReceiver<TestStep> {
    let (sink, source) = unbounded_channel();
    for step in steps {
        // The other end is in our hand.
        let _ = sink.send(step);
    }
    source
}

/// What can be said of those that register here: a contact is reached over its own flow and from no other socket.
fn registered_here(status: &ConnectionStatus) -> Vec<TestStep> {
    let step = |name: &str, state: &'static str, detail: String, fix: &str| TestStep {
        name: name.to_owned(),
        state,
        took_ms: 0.0,
        detail,
        fix: fix.to_owned(),
        sent: String::new(),
        received: String::new(),
    };
    let contacts: Vec<String> = status
        .registrations
        .iter()
        .map(|one| format!("{} from {} over {} ({})", one.contact, one.source, one.transport, one.user_agent))
        .collect();
    let register = if contacts.is_empty() {
        let fix = "Enter user, password and domain there, and let it register; /refused and its log show attempts that failed.";
        step("register", "failed", "nobody is registered".to_owned(), fix)
    } else {
        step("register", "passed", format!("registered: {}", contacts.join(", ")), "")
    };
    let options = match (&status.last_response, contacts.is_empty()) {
        (_, true) => step("options", "skipped", "there is no contact to ask".to_owned(), ""),
        (None, _) => {
            let why = "a contact is asked over its own flow only, and its last answer is not known";
            step("options", "skipped", why.to_owned(), "")
        }
        (Some(last), _) => {
            let said = format!("its last answer was {} {} at {}", last.code, last.reason, last.at);
            match status.state {
                "down" => {
                    step("options", "failed", said, "Check that the device is on and its network works.")
                }
                "degraded" => step("options", "warning", said, "Look at its answer."),
                _ => step("options", "passed", said, ""),
            }
        }
    };
    let ring = "it would ring there: call it from a phone";
    let call = step("call", "skipped", ring.to_owned(), "");
    vec![register, options, call]
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(test)).routes(routes!(test_new))
}
