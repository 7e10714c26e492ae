//! `/system`: what runs, where it listens, and limits of the whole installation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use routing::config::{Change, Limits};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{now, rfc3339};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::Rehearsal;
use crate::body::{Asked, Document, Expected};
use crate::collection::commit;
use crate::edge::{Caller, Scope};
use crate::merge::{merge, without_nulls};
use crate::problem::{Code, Problem};
use crate::status::{self, LimitsStatus};
use crate::validate::limits;
use crate::{Api, openapi};

/// What runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = System)]
struct Running {
    /// Version of the program.
    version: &'static str,
    /// Name of this node.
    node: String,
    /// The data folder.
    data: String,
    /// Base of generated host names.
    base_domain: String,
    /// When it began to serve.
    started_at: String,
    /// Seconds since then.
    uptime_s: u64,
    /// Configuration revision in force.
    config_rev: u64,
    /// How media packets are moved: `uring` or `epoll`.
    media_io: &'static str,
    /// Milliseconds that media packets may wait to be moved together.
    media_tick_ms: u64,
    /// How many accounts, domains, connections and numbers there are.
    rows: Rows,
}

/// How many rows there are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RowCounts)]
struct Rows {
    /// Accounts.
    accounts: usize,
    /// Domains.
    domains: usize,
    /// Connections.
    connections: usize,
    /// Numbers.
    numbers: usize,
}

/// Where it listens.
#[derive(Debug, Serialize, ToSchema)]
struct Addresses {
    /// SIP listeners.
    sip: Vec<Listener>,
    /// Media ports.
    media: MediaRange,
    /// Address shown to peers outside.
    public_ip: Option<String>,
    /// HTTP addresses.
    http: Vec<String>,
    /// Registrar host of a fresh installation.
    registrar: String,
}

/// One SIP listener.
#[derive(Debug, Serialize, ToSchema)]
struct Listener {
    /// `udp`, `tcp`, `tls`.
    transport: &'static str,
    /// Address bound to.
    ip: String,
    /// Port bound to.
    port: u16,
}

/// Where media flows.
#[derive(Debug, Serialize, ToSchema)]
struct MediaRange {
    /// Address, if one was configured.
    ip: Option<String>,
    /// First port.
    first_port: u16,
    /// Last port.
    last_port: u16,
}

/// What runs.
#[utoipa::path(get, path = "/system/info", tag = "system", operation_id = "get_info",
    responses((status = 200, description = "What runs", body = Running), openapi::Reading))]
async fn info(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<Running>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let (about, media) = (&api.about, api.shards.media());
    let rows = api.rows();
    Ok(Json(Running {
        version: about.version,
        node: about.node.clone(),
        data: about.data.display().to_string(),
        base_domain: about.base_domain.clone(),
        started_at: rfc3339(about.started_at),
        uptime_s: now().since(about.started_at).as_secs(),
        config_rev: rows.revision,
        media_io: media.io,
        media_tick_ms: media.tick.as_millis() as u64,
        rows: Rows {
            accounts: rows.accounts.len(),
            domains: rows.domains.len(),
            connections: rows.connections.len(),
            numbers: rows.numbers.len(),
        },
    }))
}

/// Where it listens.
#[utoipa::path(get, path = "/system/addresses", tag = "system", operation_id = "get_addresses",
    responses((status = 200, description = "Where it listens", body = Addresses), openapi::Reading))]
async fn addresses(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<Addresses>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let about = &api.about;
    let listener = |sip: &crate::SipAddress| Listener {
        transport: sip.transport,
        ip: sip.ip.to_string(),
        port: sip.port,
    };
    Ok(Json(Addresses {
        sip: about.sip.iter().map(listener).collect(),
        media: MediaRange {
            ip: about.media.map(|ip| ip.to_string()),
            first_port: about.media_ports.0,
            last_port: about.media_ports.1,
        },
        public_ip: about.public_ip.map(|ip| ip.to_string()),
        http: about.http.clone(),
        registrar: format!("sip.{}", about.base_domain),
    }))
}

/// Limits of the whole installation.
#[utoipa::path(get, path = "/system/limits", tag = "system",
    responses((status = 200, description = "The limits", body = openapi::Limits), openapi::Reading))]
async fn get_limits(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let (row, revision) = {
        let rows = api.rows();
        (Arc::clone(&rows.limits.row), rows.limits.revision)
    };
    tagged(&with_status(&api, &row).await, revision)
}

/// Limits of the installation, and how much of them is used.
async fn with_status(api: &Api, row: &Limits) -> Value {
    let mut document = serde_json::to_value(row).unwrap_or_default();
    document["status"] = serde_json::to_value(status::limits_used(api, None).await).unwrap_or_default();
    document
}

/// How much of the installation's limits is used.
#[utoipa::path(get, path = "/system/limits/status", tag = "system", operation_id = "get_limits_status",
    responses((status = 200, description = "How much is used", body = LimitsStatus), openapi::Reading))]
async fn limits_status(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<LimitsStatus>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    Ok(Json(status::limits_used(&api, None).await))
}

/// Changes limits of the whole installation by a merge patch: null is unlimited.
#[utoipa::path(patch, path = "/system/limits", tag = "system", request_body = openapi::Limits,
    params(Rehearsal, ("If-Match" = Option<String>, Header, description = "ETag they must still have")),
    responses((status = 200, description = "The limits", body = openapi::Limits), openapi::Writing))]
async fn patch_limits(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Rehearsal>,
    expected: Expected,
    Document(mut body): Document,
) -> Result<Response, Problem> {
    // Read only, and sent back by whoever changes what it got.
    body.remove("status");
    change_limits(&api, &caller, &expected, body, query.dry_run).await
}

/// Changes limits of the whole installation.
pub(super) async fn change_limits(
    api: &Arc<Api>,
    caller: &Caller,
    expected: &Expected,
    body: Map<String, Value>,
    dry_run: bool,
) -> Result<Response, Problem> {
    caller.must_run_the_installation()?;
    let turn = api.turn().await;
    let (drafted, before) = {
        let rows = api.rows();
        expected.check(&format!("\"{}\"", rows.limits.revision))?;
        let Ok(Value::Object(mut document)) = serde_json::to_value(&*rows.limits.row) else {
            return Err(Problem::new(Code::Fault, "limits are no object"));
        };
        merge(&mut document, body);
        without_nulls(&mut document);
        (limits::draft(&document)?, rows.limits.revision)
    };
    if dry_run {
        return tagged(&serde_json::to_value(&drafted).unwrap_or_default(), before);
    }
    let drafted = Arc::new(drafted);
    let revision = commit(api, turn, caller, vec![Change::Limits(Arc::clone(&drafted))]).await?;
    tagged(&with_status(api, &drafted).await, revision)
}

fn tagged(document: &Value, revision: u64) -> Result<Response, Problem> {
    let tag = HeaderValue::from_str(&format!("\"{revision}\""));
    let tag = tag.map_err(|error| Problem::new(Code::Fault, error.to_string()))?;
    Ok(([(header::ETAG, tag)], Json(document)).into_response())
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(info))
        .routes(routes!(addresses))
        .routes(routes!(get_limits, patch_limits))
        .routes(routes!(limits_status))
}
