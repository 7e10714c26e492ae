//! Our addresses, for peers that let only known ones in; public, and only what is advertised.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;
use crate::onboarding::addresses;

/// Which kinds; no flag is all of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Flags {
    /// What SIP goes to and comes from.
    with_sbcs: Option<String>,
    /// What media goes to and comes from.
    with_mediaservers: Option<String>,
    /// What browsers connect to.
    with_webgateways: Option<String>,
    /// The servers themselves.
    with_nodes: Option<String>,
}

/// One array for each kind asked for.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema; kinds not asked for are left out of replies")]
struct MediaResources {
    /// What SIP goes to and comes from.
    sbcs: Option<Vec<MediaResource>>,
    /// What media goes to and comes from.
    mediaservers: Option<Vec<MediaResource>>,
    /// What browsers connect to.
    webgateways: Option<Vec<MediaResource>>,
    /// The servers themselves.
    nodes: Option<Vec<MediaResource>>,
}

/// One server.
#[derive(Debug, Serialize, ToSchema)]
struct MediaResource {
    /// Its name.
    name: String,
    /// Its addresses.
    ips: Vec<String>,
    /// Its ports: transport and range.
    #[schema(value_type = Vec<PortRange>)]
    ports: Vec<PortRange>,
}

/// Ports of one transport.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct PortRange {
    /// `udp`, `tcp`, `tls`.
    transport: String,
    /// First port.
    first: u16,
    /// Last port.
    last: u16,
}

/// Our addresses, for peers that let only known ones in. No key is needed.
#[utoipa::path(get, path = "/media-resources", tag = "system", params(Flags), security(()),
    responses((status = 200, description = "One array for each kind asked for", body = MediaResources)))]
async fn media_resources(
    State(api): State<Arc<Api>>,
    Query(flags): Query<Flags>,
    headers: HeaderMap,
) -> Response {
    answer(&api, &flags, &headers)
}

/// The same under the name that others use for it. No key is needed.
#[utoipa::path(get, path = "/getMediaResources", tag = "system", params(Flags), security(()),
    responses((status = 200, description = "One array for each kind asked for", body = MediaResources)))]
async fn get_media_resources(
    State(api): State<Arc<Api>>,
    Query(flags): Query<Flags>,
    headers: HeaderMap,
) -> Response {
    answer(&api, &flags, &headers)
}

fn answer(api: &Api, flags: &Flags, headers: &HeaderMap) -> Response {
    let body = Value::Object(found(api, flags)).to_string();
    let hash: String = Sha256::digest(body.as_bytes()).iter().take(8).map(|b| format!("{b:02x}")).collect();
    let tag = format!("\"{hash}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let same =
        known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let tag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"0\""));
    let headers = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60")),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    if same { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, body).into_response() }
}

fn found(api: &Api, flags: &Flags) -> Map<String, Value> {
    let about = &api.about;
    let sip: Vec<_> = about
        .sip
        .iter()
        .map(|s| PortRange { transport: s.transport.to_owned(), first: s.port, last: s.port })
        .collect();
    let media = vec![PortRange {
        transport: "udp".to_owned(),
        first: about.media_ports.0,
        last: about.media_ports.1,
    }];
    let ips = addresses(about);
    let media_ips = about.public_ip.or(about.media).map_or_else(|| ips.clone(), |ip| vec![ip]);
    let resource = |ips: &[core::net::IpAddr], ports: &[PortRange]| {
        json!([MediaResource {
            name: about.node.clone(),
            ips: ips.iter().map(ToString::to_string).collect(),
            ports: ports.to_vec(),
        }])
    };
    let asked = [
        ("sbcs", &flags.with_sbcs, resource(&ips, &sip)),
        ("mediaservers", &flags.with_mediaservers, resource(&media_ips, &media)),
        ("webgateways", &flags.with_webgateways, json!([])),
        ("nodes", &flags.with_nodes, resource(&ips, &[sip.as_slice(), media.as_slice()].concat())),
    ];
    let on = |flag: &Option<String>| flag.as_deref().is_some_and(|text| !matches!(text, "false" | "0"));
    let any = asked.iter().any(|(_, flag, _)| on(flag));
    asked
        .into_iter()
        .filter(|(_, flag, _)| !any || on(flag))
        .map(|(name, _, of)| (name.to_owned(), of))
        .collect()
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(media_resources))
}

/// Outside of `/api/v1`.
pub(super) fn root_router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(get_media_resources))
}
