//! The catalogues: `/reasons` (why calls fail), `/problems` (why requests fail), and the OpenAPI document.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::header;
use axum::routing::get;
use axum::{Json, Router};
use routing::reason::Reason;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{Code, Problem};
use crate::{Api, openapi};

/// Why a call was refused, failed or ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reason)]
struct ReasonEntry {
    /// Stable code.
    #[schema(example = "R-02")]
    code: &'static str,
    /// In words.
    text: &'static str,
    /// What usually lies behind it, the likeliest first.
    causes: &'static [&'static str],
    /// What to do about it.
    fix: &'static str,
    /// The SIP answer it usually leads to.
    sip_code: Option<u16>,
    /// The Q.850 cause it is reported with.
    q850: Option<u16>,
    /// The release that brought it.
    #[schema(example = "0.1.0")]
    since: &'static str,
}

/// Why a request was refused.
#[derive(Debug, Serialize, ToSchema)]
struct ProblemEntry {
    /// Stable code.
    code: Code,
    /// HTTP status.
    status: u16,
    /// In words.
    title: &'static str,
}

/// Every reason. No key is needed.
#[utoipa::path(get, path = "/reasons", tag = "reasons", operation_id = "list_reasons", security(()),
    responses((status = 200, description = "Every reason", body = openapi::Listed<ReasonEntry>)))]
async fn reasons() -> Json<Value> {
    let all: Vec<_> = Reason::ALL.iter().copied().map(ReasonEntry::from).collect();
    Json(json!({"data": all, "has_more": false, "next": null}))
}

/// One reason. No key is needed.
#[utoipa::path(get, path = "/reasons/{code}", tag = "reasons", operation_id = "get_reason", security(()),
    params(("code" = String, Path, description = "Its code, such as R-02")),
    responses((status = 200, description = "The reason", body = ReasonEntry), openapi::Reading))]
async fn reason(Path(code): Path<String>) -> Result<Json<ReasonEntry>, Problem> {
    let found = Reason::ALL.iter().copied().find(|r| r.code().eq_ignore_ascii_case(&code));
    found.map(|r| Json(ReasonEntry::from(r))).ok_or_else(|| Problem::not_found("reason", &code))
}

/// Every code of an error of this API. No key is needed.
#[utoipa::path(get, path = "/problems", tag = "reasons", operation_id = "list_problems", security(()),
    responses((status = 200, description = "Every code", body = openapi::Listed<ProblemEntry>)))]
async fn problems() -> Json<Value> {
    let entry = |code: &Code| ProblemEntry { code: *code, status: code.status(), title: code.title() };
    let all: Vec<_> = Code::ALL.iter().map(entry).collect();
    Json(json!({"data": all, "has_more": false, "next": null}))
}

impl From<Reason> for ReasonEntry {
    fn from(reason: Reason) -> Self {
        let given = |n: u16| (n != 0).then_some(n);
        Self {
            code: reason.code(),
            text: reason.text(),
            causes: reason.causes(),
            fix: reason.fix(),
            sip_code: given(reason.sip_code()),
            q850: given(reason.q850()),
            since: reason.since(),
        }
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(reasons)).routes(routes!(reason)).routes(routes!(problems))
}

/// `/api/v1/openapi.json`.
pub(super) fn document_router(document: Arc<str>) -> Router<Arc<Api>> {
    let serve = move || {
        let document = Arc::clone(&document);
        async move { ([(header::CONTENT_TYPE, "application/json")], document.to_string()) }
    };
    Router::new().route("/api/v1/openapi.json", get(serve))
}
