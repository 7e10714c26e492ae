//! `/connections/{id}/peer-config` and `/spec`: what the other end of a connection is to be told.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use routing::config::Connection;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Asked;
use crate::collection::find;
use crate::edge::{Caller, Scope};
use crate::onboarding::Facts;
use crate::onboarding::guide::{Guide, guide};
use crate::onboarding::spec::Spec;
use crate::problem::{Code, Problem};
use crate::{Api, openapi};

/// For whom, and by what right.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `asterisk`, `asterisk-wizard`, `freepbx`, `freeswitch`, `3cx`, `yealink`, `zoiper`, `linphone` or `generic`, which it is if absent.
    #[serde(rename = "for")]
    #[param(example = "asterisk")]
    made_for: Option<String>,
    /// Of the `peer_config_url` in a reply to create or rotate: shows the password for 15 minutes, and needs no key.
    token: Option<String>,
}

/// What to enter at the other end: files to paste, values to type in, what to open in firewalls, what to check, how to
/// undo it. The password is `<password>` unless this is asked through `peer_config_url`.
///
/// With `Accept: text/markdown` or `text/plain` the reply is the text alone.
#[utoipa::path(get, path = "/connections/{id}/peer-config", tag = "connections", operation_id = "get_peer_config",
    params(("id" = String, Path, description = "Its id"), Wanted),
    responses((status = 200, description = "The configuration", body = Guide), openapi::Reading))]
async fn peer_config(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    Asked(wanted): Asked<Wanted>,
    parts: Parts,
) -> Result<Response, Problem> {
    let (caller, passwords) = match &wanted.token {
        Some(token) => {
            let known = api.once.passwords(&id, token);
            let expired =
                || Problem::new(Code::KeyUnknown, "the link has expired: rotate the password for a new one");
            (Caller::local(), known.ok_or_else(expired)?)
        }
        None => (Caller::of(&parts, &api).await?, Vec::new()),
    };
    caller.may(Scope::ConnectionsRead)?;
    let made = {
        let rows = api.rows();
        let (row, _) = find::<Connection>(&rows, &caller, &id)?;
        guide(
            &Facts::of(&row, &rows, &api.about, &passwords),
            wanted.made_for.as_deref().unwrap_or("generic"),
        )?
    };
    Ok(if as_text(&parts.headers) { text(made.text) } else { Json(made).into_response() })
}

/// What it speaks: addresses, proof, number formats, signalling, audio, limits; a sheet for the people at the other end.
///
/// With `Accept: text/markdown` or `text/plain` the reply is the sheet alone.
#[utoipa::path(get, path = "/connections/{id}/spec", tag = "connections", operation_id = "get_connection_spec",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The sheet", body = Spec), openapi::Reading))]
async fn spec(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let sheet = {
        let rows = api.rows();
        let (row, _) = find::<Connection>(&rows, &caller, &id)?;
        Spec::of(&Facts::of(&row, &rows, &api.about, &[]))
    };
    Ok(if as_text(&headers) { text(sheet.markdown) } else { Json(sheet).into_response() })
}

fn as_text(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.starts_with("text/markdown") || accepted.starts_with("text/plain")
}

fn text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text)
        .into_response()
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(peer_config)).routes(routes!(spec))
}
