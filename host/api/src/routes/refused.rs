//! `/refused`: what was turned away, folded by source, method and reason, and what would have been right.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use ipnet::IpNet;
use routing::config::{Account, Connection, NumberRow};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::{NearMissRow, Page, RefusedQuery, RefusedRow};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::list_query;
use super::past;
use super::system::change_limits;
use crate::body::{Asked, Document, Expected};
use crate::collection;
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::suggest::{self, Asking, Mend, Of, Suggestion, is_seen, suggestions};
use crate::validate::{self, sources};
use crate::{Api, Rows, openapi};

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
        /// `true`: those that are ignored, instead of the others.
        ignored: bool,
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
    /// What would have been right, the last found first.
    near_misses: Vec<NearMiss>,
    /// Left out of lists until something else nearly matches.
    ignored: bool,
    /// What can be done about it.
    suggestions: Vec<Suggestion>,
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
    #[schema(example = "connection con_01k")]
    resource: String,
    /// The field.
    field: String,
    /// What the request had.
    have: String,
    /// What the configuration wants.
    want: String,
    /// The same in one sentence; of a refusal, not of an explanation.
    #[schema(example = "address 203.0.113.17 not in the list: nearest 203.0.113.0/28")]
    text: Option<String>,
}

/// Near misses of one refusal, and what can be done about them.
#[derive(Debug, Serialize, ToSchema)]
struct NearMisses {
    /// What would have been right, the last found first.
    #[schema(value_type = Vec<NearMiss>)]
    data: Vec<Value>,
    /// What can be done about it.
    suggestions: Vec<Suggestion>,
}

/// What is to be done about a refusal.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what RESOLUTION checks")]
struct Resolution {
    /// `allow_source`, `accept_number`, `enable_connection`, `allow_country`, `allow_prefix`, `approve_country`,
    /// `allow_caller_id`, `allow_calling_out`, `allow_transport`, `let_use`, `note_signatures`, `ignore` or `show` (the opposite).
    #[schema(example = "allow_source")]
    action: String,
    /// The resource of the near miss that is meant, where there are several.
    resource: Option<String>,
    /// What the request had, where there are several.
    have: Option<String>,
    /// `allow_source`: the network to let in [the source address].
    #[schema(example = "203.0.113.0/28")]
    network: Option<String>,
}

const RESOLUTION: &[Field] = &[
    Field::open(
        "action",
        Shape::Choice(&[
            "allow_source",
            "accept_number",
            "enable_connection",
            "allow_country",
            "allow_prefix",
            "approve_country",
            "allow_caller_id",
            "allow_calling_out",
            "allow_transport",
            "let_use",
            "note_signatures",
            "ignore",
            "show",
        ]),
        "",
    ),
    Field::open("resource", Shape::Text(1, 300), ""),
    Field::open("have", Shape::Text(1, 300), ""),
    Field::open("network", Shape::Network, ""),
];

/// What was done about a refusal.
#[derive(Debug, Serialize, ToSchema)]
struct Resolved {
    /// The action.
    action: String,
    /// Whether something changed; false if it was so already.
    applied: bool,
    /// The change, as it could have been made by itself.
    change: Option<Asking>,
    /// The change that takes it back.
    undo: Option<Asking>,
}

/// Refusals, last seen first.
#[utoipa::path(get, path = "/refused", tag = "refused", operation_id = "list_refused", params(Refusals),
    responses((status = 200, description = "One page", body = openapi::Listed<Entry>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Refusals>,
) -> Result<Json<Page<Value>>, Problem> {
    caller.may(Scope::HistoryRead)?;
    let query = RefusedQuery {
        page: past::page(query.limit, query.after, query.before)?,
        account: past::account(&api, &caller, query.account.as_deref())?,
        source: query.source,
        reason: query.reason,
        method: query.method,
        since: past::time("since", query.since.as_deref())?,
        until: past::time("until", query.until.as_deref())?,
        ignored: query.ignored.unwrap_or(false),
    };
    let page = api.store.refused(&query).await?;
    let rows = api.rows();
    Ok(Json(page.map(|row| shown(&rows, &caller, row))))
}

/// One row of refusals.
#[utoipa::path(get, path = "/refused/{id}", tag = "refused", operation_id = "get_refused", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The refusals", body = Entry), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.may(Scope::HistoryRead)?;
    let row = found(&api, &caller, &id).await?;
    Ok(Json(shown(&api.rows(), &caller, row)))
}

/// What a refused request came near to, and what can be done about it.
#[utoipa::path(get, path = "/refused/{id}/near-misses", tag = "refused", operation_id = "get_near_misses", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "Near misses", body = NearMisses), openapi::Reading))]
async fn near(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<NearMisses>, Problem> {
    caller.may(Scope::HistoryRead)?;
    let row = found(&api, &caller, &id).await?;
    let rows = api.rows();
    let suggestions = suggestions(&rows, &caller, &row);
    let data = row.near_misses.iter().filter(|miss| is_seen(&rows, &caller, miss)).map(told).collect();
    Ok(Json(NearMisses { data, suggestions }))
}

/// Does what a suggestion says, through the same checks as any change. It is live before the reply is sent: the same
/// request is not refused for that again. Done already is done; 409 when it does not apply any more.
#[utoipa::path(post, path = "/refused/{id}/resolve", tag = "refused", operation_id = "resolve_refused", request_body = Resolution,
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "What was done", body = Resolved), openapi::Writing))]
async fn resolve(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Document(mut body): Document,
) -> Result<Json<Resolved>, Problem> {
    caller.may(Scope::HistoryRead)?;
    caller.may(Scope::ConfigWrite)?;
    crate::merge::without_nulls(&mut body);
    let mut errors = Vec::new();
    shape::check(&body, RESOLUTION, u8::MAX, "", &mut errors);
    validate::needed(&body, &["action"], &mut errors);
    validate::verdict(errors)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let action = text("action").unwrap_or_default().to_owned();
    let row = found(&api, &caller, &id).await?;
    if let ignored @ ("ignore" | "show") = action.as_str() {
        let ignored = ignored == "ignore";
        let applied = row.ignored != ignored;
        api.store.refused_ignore(&id, ignored).await;
        return Ok(Json(Resolved { action, applied, change: None, undo: None }));
    }
    let network = network(text("network"), &row)?;
    let meant = |miss: &&NearMissRow| {
        suggest::action(&miss.field) == Some(action.as_str())
            && text("resource").is_none_or(|resource| resource == miss.resource)
            && text("have").is_none_or(|have| have == miss.have)
    };
    let (mend, expected) = {
        let rows = api.rows();
        let mends =
            row.near_misses.iter().filter(meant).map(|miss| suggest::mend(&rows, &caller, miss, network));
        let mend = mends.min_by_key(|mend| match mend {
            Mend::Change { .. } => 0,
            Mend::Done => 1,
            Mend::Gone => 2,
        });
        let revision = match &mend {
            Some(Mend::Change { of, id, .. }) => match of {
                Of::Account => rows.accounts.kept(id).map(|k| k.revision),
                Of::Connection => rows.connections.kept(id).map(|k| k.revision),
                Of::Limits => Some(rows.limits.revision),
                Of::Number => rows.numbers.kept(id).map(|k| k.revision),
            },
            Some(Mend::Done | Mend::Gone) | None => None,
        };
        // What was looked at is what is changed.
        (mend, Expected::exactly(&collection::tag(revision.unwrap_or_default())))
    };
    match mend {
        Some(Mend::Change { of, id, patch, undo, .. }) => {
            let path = of.path(&id);
            let asking = |body: &Map<String, Value>| {
                Some(Asking { method: "PATCH", path: path.clone(), body: Value::Object(body.clone()) })
            };
            let (change, undo) = (asking(&patch), asking(&undo));
            match of {
                Of::Account => {
                    collection::patch::<Account>(&api, caller, &id, &expected, patch, false).await?
                }
                Of::Limits => change_limits(&api, &caller, &expected, patch, false).await?,
                Of::Connection => {
                    collection::patch::<Connection>(&api, caller, &id, &expected, patch, false).await?
                }
                Of::Number => {
                    collection::patch::<NumberRow>(&api, caller, &id, &expected, patch, false).await?
                }
            };
            Ok(Json(Resolved { action, applied: true, change, undo }))
        }
        Some(Mend::Done) => Ok(Json(Resolved { action, applied: false, change: None, undo: None })),
        Some(Mend::Gone) | None => {
            let message =
                format!("{action} mends nothing here: what was nearly matched has changed or is gone");
            Err(Problem::new(Code::NoLongerApplies, message))
        }
    }
}

/// The network to let in: the one asked for, if the source is in it, else the source alone.
fn network(asked: Option<&str>, row: &RefusedRow) -> Result<IpNet, Problem> {
    let source = sources::host_net(row.source.ip);
    let Some(network) = asked.and_then(sources::parse) else { return Ok(source) };
    if network.contains(&source) {
        return Ok(network);
    }
    let message = format!("{network} does not contain the source {}", row.source.ip);
    Err(Problem::at(Code::InvalidValue, "/network", message))
}

async fn found(api: &Api, caller: &Caller, id: &str) -> Result<RefusedRow, Problem> {
    let found = api.store.refused_get(id).await?.filter(|row| past::sees(caller, row.account.as_deref()));
    found.ok_or_else(|| Problem::not_found("refusal", id))
}

fn shown(rows: &Rows, caller: &Caller, mut row: RefusedRow) -> Value {
    let suggestions = suggestions(rows, caller, &row);
    row.near_misses.retain(|miss| is_seen(rows, caller, miss));
    let mut shown = json!(row);
    shown["near_misses"] = row.near_misses.iter().map(told).collect();
    shown["suggestions"] = json!(suggestions);
    shown
}

/// A near miss with its sentence.
fn told(miss: &NearMissRow) -> Value {
    let mut told = json!(miss);
    told["text"] = json!(suggest::in_words(miss));
    told
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(near))
        .routes(routes!(resolve))
}
