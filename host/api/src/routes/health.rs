//! `/healthz`, `/readyz` and `/metrics`, where probes and scrapers expect them.

use core::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::edge::{Caller, Scope};
use crate::problem::Problem;
use crate::{Api, metrics, openapi};

/// Whether calls can be taken.
#[derive(Debug, Serialize, ToSchema)]
struct Ready {
    /// Whether everything is there.
    ready: bool,
    /// Whether the server is on its way out.
    draining: bool,
    /// Part by part.
    parts: Vec<ReadyPart>,
}

/// One thing that has to be there.
#[derive(Debug, Serialize, ToSchema)]
struct ReadyPart {
    /// What.
    name: String,
    /// Whether it is.
    ok: bool,
    /// In words.
    detail: String,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = String)))]
async fn healthz() -> impl IntoResponse {
    super::OK
}

/// Whether calls can be taken.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "They can", body = Ready), (status = 503, description = "Not now", body = Ready)))]
async fn readyz(State(api): State<Arc<Api>>) -> (StatusCode, Json<Ready>) {
    let found = api.shards.readiness();
    let ready = !found.draining && found.parts.iter().all(|part| part.ok);
    let parts =
        found.parts.into_iter().map(|p| ReadyPart { name: p.name, ok: p.ok, detail: p.detail }).collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready, draining: found.draining, parts }))
}

/// Metrics for Prometheus. From loopback no key is needed.
#[utoipa::path(get, path = "/metrics", tag = "health", operation_id = "get_metrics", security((), ("key" = [])),
    responses((status = 200, description = "Text format 0.0.4", body = String), openapi::Reading))]
async fn prometheus(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    // A proxy on this machine speaks for others.
    let proxied =
        ["forwarded", "x-forwarded-for", "x-real-ip"].iter().any(|name| parts.headers.contains_key(*name));
    if !peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback()) || proxied {
        Caller::of(&parts, &api).await?.may(Scope::MetricsRead)?;
    }
    let text = metrics::text(&api).await;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(prometheus))
}
