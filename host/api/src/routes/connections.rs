//! `/connections`: the one noun, and `/routes`, the ordered view of those that calls leave by.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use routing::config::{Connection, Kind};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::{Rehearsal, collection, list_query};
use crate::edge::{Caller, Scope};
use crate::problem::Problem;
use crate::status::{self, ConnectionStatus};
use crate::{Api, openapi};

list_query! {
    /// Which connections.
    Connections {
        /// Of this account: id or name.
        account: String,
        /// Of this domain: id or host.
        domain: String,
        /// `true` or `false`.
        enabled: bool,
        /// `device`, `virtual`, `register_in`, `register_out` or `trunk`.
        kind: String,
        /// With this name.
        name: String,
        /// With this tag.
        tag: String,
        /// With this SIP user.
        user: String,
    }
}

collection! {
    Connection, "connections", "/connections", "/connections/{id}", "/connections/batch",
    Connection NewConnection ConnectionChange ConnectionPage ConnectionBatch,
    read Scope::ConnectionsRead, write Scope::ConnectionsWrite, create |_: &Caller| Ok::<_, Problem>(()),
    list Connections wanted
}

fn wanted(rows: &crate::Rows, row: &Connection, query: &Connections) -> bool {
    query.user.as_ref().is_none_or(|u| row.user.as_ref() == Some(u))
        && query.kind.as_ref().is_none_or(|k| kind_name(row.kind) == k)
        && query.enabled.is_none_or(|e| row.enabled == e)
        && query.name.as_ref().is_none_or(|n| row.name == *n)
        && query.tag.as_ref().is_none_or(|t| row.tags.contains(t))
        && query.account.as_ref().is_none_or(|a| rows.account(a).is_some_and(|a| a.id == row.account))
        && query
            .domain
            .as_ref()
            .is_none_or(|d| rows.domain(d).is_some_and(|d| row.domain.as_ref() == Some(&d.id)))
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Device => "device",
        Kind::Virtual => "virtual",
        Kind::RegisterIn => "register_in",
        Kind::RegisterOut => "register_out",
        Kind::Trunk => "trunk",
    }
}

/// What is known of it right now.
#[utoipa::path(get, path = "/connections/{id}/status", tag = "connections", operation_id = "get_connection_status",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "Its status", body = ConnectionStatus), openapi::Reading))]
async fn connection_status(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ConnectionStatus>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let found = api.rows().connections.get(&id).filter(|c| caller.sees(&c.account)).cloned();
    let row = found.ok_or_else(|| Problem::not_found("connection", &id))?;
    let mut found = status::of(&api, &[&row]).await;
    found.pop().map(Json).ok_or_else(|| Problem::not_found("connection", &id))
}

/// One way out.
#[derive(Debug, Serialize, ToSchema)]
struct WayOut {
    /// The connection.
    connection: String,
    /// Its name.
    name: String,
    /// Its account.
    account: String,
    /// Whether it is enabled.
    enabled: bool,
    /// Called numbers that may leave by it.
    dial_pattern: String,
    /// Its rank, lowest first; equals by age.
    order: i32,
    /// Who may use it; empty is all that may call out.
    used_by: Vec<String>,
    /// Other accounts that may use it.
    offered_to: Vec<String>,
    /// What happens when it fails.
    #[schema(value_type = String, example = "next")]
    on_failure: Value,
    /// Further codes after which the next is tried.
    hunt_on: Vec<u16>,
}

/// Every way out, in the order calls try them.
#[utoipa::path(get, path = "/routes", tag = "routes", operation_id = "list_routes",
    responses((status = 200, description = "Ways out, by order, then age", body = openapi::Listed<WayOut>), openapi::Reading))]
async fn ways_out(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let rows = api.rows();
    let offered = |row: &Connection| {
        let own = caller.account.as_ref().map(|a| a.as_str());
        own.is_some_and(|own| row.offered_to.iter().any(|to| to == own || to == "*"))
    };
    let mut ways: Vec<_> = rows
        .connections
        .all()
        .filter(|kept| caller.sees(&kept.row.account) || offered(&kept.row))
        .filter_map(|kept| Some((kept, kept.row.dial_pattern.clone()?)))
        .map(|(kept, dial_pattern)| WayOut {
            connection: kept.row.id.to_string(),
            name: kept.row.name.clone(),
            account: kept.row.account.to_string(),
            enabled: kept.row.enabled,
            dial_pattern,
            order: kept.row.order,
            used_by: kept.row.used_by.iter().map(ToString::to_string).collect(),
            offered_to: kept.row.offered_to.clone(),
            on_failure: json!(kept.row.on_failure),
            hunt_on: kept.row.hunt_on.clone(),
        })
        .collect();
    // The sort is stable and rows come oldest first.
    ways.sort_by_key(|way| way.order);
    Ok(Json(json!({"data": ways, "has_more": false, "next": null})))
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    collection().routes(routes!(connection_status)).routes(routes!(ways_out))
}
