//! `/flows`: what happens to calls, as graphs of verbs: drafts, versions, validation, simulation.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use callflow::{Graph, Published, Script, VERBS, Walk, World, simulate};
use routing::config::{CallFlow, FlowVersion, Zone};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use timestamp::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::{Rehearsal, collection, list_query};
use crate::body::{Asked, Emptiable};
use crate::collection::{Resource, Told, commit, find, reply};
use crate::edge::{Caller, Scope};
use crate::problem::{Code, FieldError, Problem};
use crate::validate::flow::findings;
use crate::{Api, openapi};

list_query! {
    /// Which flows.
    Flows {
        /// Of this account: id or name.
        account: String,
        /// With this name.
        name: String,
    }
}

collection! {
    CallFlow, "flows", "/flows", "/flows/{id}", "/flows/batch",
    Flow NewFlow FlowChange FlowPage FlowBatch,
    read Scope::ConnectionsRead, write Scope::ConfigWrite, create |_: &Caller| Ok::<_, Problem>(()),
    list Flows wanted
}

fn wanted(rows: &crate::Rows, row: &CallFlow, query: &Flows) -> bool {
    query.account.as_ref().is_none_or(|a| rows.account(a).is_some_and(|a| a.id == row.account))
        && query.name.as_ref().is_none_or(|name| row.name == *name)
}

/// One finding about a draft.
#[derive(Debug, ToSchema)]
#[schema(as = FlowProblem)]
#[expect(dead_code, reason = "the schema of what is found")]
struct Finding {
    /// `dead_end`, `endless_loop`, `malformed`, `missing`, `recursion`, `taken`, `too_much`, `unknown`, `unreachable` or
    /// `wrong_value`.
    code: String,
    /// Whether the flow cannot be published with it.
    fatal: bool,
    /// Id of the node; absent where it is about the whole.
    node: Option<String>,
    /// Where in the draft, as a JSON pointer (RFC 6901).
    pointer: String,
    /// The same in words.
    message: String,
}

/// What is wrong with a draft.
#[derive(Debug, Serialize, ToSchema)]
struct FlowVerdict {
    /// Whether it could be published.
    sound: bool,
    /// What is wrong, the fatal and the rest.
    #[schema(value_type = Vec<Finding>)]
    problems: Value,
}

/// The verbs that flows are made of: their settings, limits and outcomes.
#[utoipa::path(get, path = "/flows/verbs", tag = "flows", operation_id = "list_verbs",
    responses((status = 200, description = "{verbs: [{name, about, settings, outcomes, named_by, waits}]}", body = Value), openapi::Reading))]
async fn verbs(caller: Caller) -> Result<Json<Value>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    Ok(Json(json!({ "verbs": VERBS })))
}

/// Looks what is wrong with the draft, or with the document in the body. Nothing is changed.
#[utoipa::path(post, path = "/flows/{id}/validate", tag = "flows", operation_id = "validate_flow",
    params(("id" = String, Path, description = "Its id")), request_body = Option<Value>,
    responses((status = 200, description = "What is wrong", body = FlowVerdict), openapi::Reading))]
async fn validate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Emptiable(body): Emptiable,
) -> Result<Json<FlowVerdict>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let rows = api.rows();
    let (row, _) = find::<CallFlow>(&rows, &caller, &id)?;
    let mut row = CallFlow::clone(&row);
    if !body.is_empty() {
        row.draft = Value::Object(body);
    }
    let (graph, problems) = findings(&rows, &row);
    Ok(Json(FlowVerdict { sound: graph.is_some(), problems: json!(problems) }))
}

/// Publishes the draft: calls that begin from now on take it, those under way keep their version.
#[utoipa::path(post, path = "/flows/{id}/publish", tag = "flows", operation_id = "publish_flow",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The flow with its new version", body = openapi::Flow), openapi::Writing))]
async fn publish(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.may(Scope::ConfigWrite)?;
    let turn = api.turn().await;
    let row = {
        let rows = api.rows();
        let (row, _) = find::<CallFlow>(&rows, &caller, &id)?;
        next_version(&rows, &row)?
    };
    let row = Arc::new(row);
    let revision = commit(&api, turn, &caller, vec![CallFlow::put(Arc::clone(&row))]).await?;
    reply(&api, StatusCode::OK, row, revision, Told::default()).await
}

/// The flow with its draft published.
fn next_version(rows: &crate::Rows, row: &CallFlow) -> Result<CallFlow, Problem> {
    let (graph, problems) = findings(rows, row);
    let graph = graph.ok_or_else(|| not_sound(&problems))?;
    let zones: Vec<String> = graph.zones().into_iter().map(str::to_owned).collect();
    let mut row = row.clone();
    row.zones = Arc::new(store::zones_of(&zones));
    row.published = Some(FlowVersion {
        version: row.published.as_ref().map_or(1, |published| published.version + 1),
        at: store::now(),
        document: row.draft.clone(),
        zones,
    });
    Ok(row)
}

/// Why a draft is no graph.
fn not_sound(problems: &[callflow::Problem]) -> Problem {
    let errors = problems.iter().filter(|problem| problem.fatal).map(|problem| {
        let node = problem.node.as_deref().map(|node| format!("{node}: ")).unwrap_or_default();
        let pointer = format!("/draft{}", problem.pointer);
        FieldError::new(Code::FlowNotSound, pointer, format!("{node}{}", problem.message))
    });
    Problem::of(errors.collect())
}

/// A version that was published.
#[derive(Debug, Serialize, ToSchema)]
struct FlowVersionShown {
    /// Its number.
    version: u32,
    /// When it was published.
    published_at: String,
    /// Whether calls take it.
    current: bool,
    /// What the draft said then.
    #[schema(value_type = Value)]
    document: Value,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Versions {
    /// Versions at most, 1 to 100; 20 if absent.
    limit: Option<u32>,
    /// Continue with what is older than this version.
    after: Option<u32>,
}

/// Versions that were published, the newest first.
#[utoipa::path(get, path = "/flows/{id}/versions", tag = "flows", operation_id = "list_flow_versions",
    params(("id" = String, Path, description = "Its id"), Versions),
    responses((status = 200, description = "One page", body = openapi::Listed<FlowVersionShown>), openapi::Reading))]
async fn versions(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(query): Asked<Versions>,
) -> Result<Json<Value>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let (row, _) = find::<CallFlow>(&api.rows(), &caller, &id)?;
    let limit = query.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Problem::new(Code::InvalidParameter, "limit is from 1 to 100"));
    }
    let mut found = api.store.flow_versions(&row.id, query.after, limit + 1).await?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| has_more).map(|last| last.version.to_string());
    let data: Vec<_> = found.into_iter().map(|version| shown(&row, version)).collect();
    Ok(Json(json!({"data": data, "has_more": has_more, "next": next})))
}

fn shown(row: &CallFlow, version: FlowVersion) -> FlowVersionShown {
    FlowVersionShown {
        version: version.version,
        published_at: store::rfc3339(version.at),
        current: row.published.as_ref().is_some_and(|published| published.version == version.version),
        document: version.document,
    }
}

/// One version.
#[utoipa::path(get, path = "/flows/{id}/versions/{version}", tag = "flows", operation_id = "get_flow_version",
    params(("id" = String, Path, description = "Its id"), ("version" = u32, Path, description = "Its number")),
    responses((status = 200, description = "The version", body = FlowVersionShown), openapi::Reading))]
async fn version(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, number)): Path<(String, u32)>,
) -> Result<Json<FlowVersionShown>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let (row, _) = find::<CallFlow>(&api.rows(), &caller, &id)?;
    let found = api.store.flow_version(&row.id, number).await?;
    found
        .map(|version| Json(shown(&row, version)))
        .ok_or_else(|| Problem::not_found("version", &number.to_string()))
}

/// A call that is simulated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = FlowSimulation)]
struct Simulation {
    /// The version; absent for the draft.
    version: Option<u32>,
    /// When the call begins (RFC 3339); now if absent.
    at: Option<String>,
    /// Who calls.
    caller: String,
    /// The caller's name.
    caller_name: String,
    /// What was dialled.
    called: String,
    /// What the caller presses, one text for each time it is asked.
    digits: Vec<String>,
    /// Outcomes by the id of the node, one after the other; the last one stands for all that follow.
    outcomes: BTreeMap<String, Vec<String>>,
    /// Variables that are set before it begins.
    variables: BTreeMap<String, String>,
}

/// Walks the flow as a call would, without one: with the time, the keys and the answers that are given.
#[utoipa::path(post, path = "/flows/{id}/simulate", tag = "flows", operation_id = "simulate_flow",
    params(("id" = String, Path, description = "Its id")), request_body = Simulation,
    responses((status = 200, description = "Node by node: {steps[], end, took_ms, variables}", body = Value), openapi::Reading))]
async fn simulated(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Emptiable(body): Emptiable,
) -> Result<Json<Walk>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let asked: Simulation = serde_json::from_value(Value::Object(body))
        .map_err(|error| Problem::at(Code::InvalidValue, "", error.to_string()))?;
    let at = match &asked.at {
        None => store::now(),
        Some(text) => store::from_rfc3339(text).ok_or_else(|| {
            Problem::at(Code::InvalidValue, "/at", "a time as in RFC 3339, 2026-11-23T09:00:00Z")
        })?,
    };
    let (row, _) = find::<CallFlow>(&api.rows(), &caller, &id)?;
    let document = match asked.version {
        None => row.draft.clone(),
        Some(number) => {
            let found = api.store.flow_version(&row.id, number).await?;
            found.ok_or_else(|| Problem::not_found("version", &number.to_string()))?.document
        }
    };
    let (graph, problems) = Graph::read(&document);
    let graph = graph.ok_or_else(|| not_sound(&problems))?;
    let script = Script {
        caller: asked.caller,
        caller_name: asked.caller_name,
        called: asked.called,
        digits: asked.digits,
        outcomes: asked.outcomes,
        variables: asked.variables,
    };
    let flow = Published { id: Arc::clone(&row.id.0), version: asked.version.unwrap_or(0), graph };
    let world = Outside::of(&api, &row);
    Ok(Json(simulate(Arc::new(flow), &script, &world, at)))
}

/// What a simulated call finds around it: the flows of the account, and its clock.
#[derive(Debug)]
struct Outside {
    zone: Arc<Zone>,
    flows: BTreeMap<Box<str>, Arc<Published>>,
}

impl Outside {
    fn of(api: &Api, flow: &CallFlow) -> Self {
        let rows = api.rows();
        let zone = rows.accounts.get(flow.account.as_str()).map(|account| Arc::clone(&account.zone));
        let published = |row: &CallFlow| {
            let version = row.published.as_ref()?;
            let graph = Graph::read(&version.document).0?;
            Some(Arc::new(Published { id: Arc::clone(&row.id.0), version: version.version, graph }))
        };
        let flows = rows.flows.all().filter(|kept| kept.row.account == flow.account);
        let flows = flows.filter_map(|kept| Some((kept.row.id.as_str().into(), published(&kept.row)?)));
        Self { zone: zone.unwrap_or_default(), flows: flows.collect() }
    }
}

impl World for Outside {
    fn local(&self, zone: Option<&str>, at: Timestamp) -> u64 {
        match zone.and_then(store::zone_of) {
            Some(zone) => zone.local(at),
            None => self.zone.local(at),
        }
    }

    fn flow(&self, id: &str) -> Option<Arc<Published>> {
        self.flows.get(id).cloned()
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    collection()
        .routes(routes!(verbs))
        .routes(routes!(validate))
        .routes(routes!(publish))
        .routes(routes!(versions))
        .routes(routes!(version))
        .routes(routes!(simulated))
}
