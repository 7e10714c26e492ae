//! Every path, with its handler and its place in the OpenAPI document; one file per resource.

mod accounts;
mod audit;
pub(crate) mod bans;
mod calls;
mod certificates;
mod check;
mod collections;
mod conferences;
mod connections;
mod domain_check;
mod domains;
mod events;
mod explain;
mod export;
mod flows;
mod health;
mod history;
mod keys;
mod limits;
mod mailboxes;
mod media_resources;
mod messages;
mod numbers;
mod onboarding;
mod page;
mod past;
mod people;
mod phone;
mod queues;
mod reasons;
mod recordings;
mod refused;
mod registration;
mod rehearse;
mod setup;
mod signing;
mod sounds;
mod speech;
mod step_test;
mod system;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::Api;
use crate::openapi::Frame;
use crate::problem::{Code, Problem};
use crate::{edge, idempotency};

/// Everything served over HTTP.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let (routes, mut document) = documented().split_for_parts();
    document.info.version = api.about.version.to_owned();
    let document: Arc<str> = serde_json::to_string(&document).expect("the document is JSON").into();
    routes
        .merge(page::router())
        .merge(reasons::document_router(document))
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing)
        .layer(from_fn_with_state(Arc::clone(&api), idempotency::replay))
        .layer(from_fn(edge::number))
        .with_state(api)
}

/// The documented part.
fn documented() -> OpenApiRouter<Arc<Api>> {
    let v1 = OpenApiRouter::new()
        .merge(accounts::router())
        .merge(audit::router())
        .merge(bans::router())
        .merge(calls::router())
        .merge(certificates::router())
        .merge(check::router())
        .merge(conferences::router())
        .merge(connections::router())
        .merge(domain_check::router())
        .merge(domains::router())
        .merge(events::router())
        .merge(explain::router())
        .merge(export::router())
        .merge(flows::router())
        .merge(history::router())
        .merge(keys::router())
        .merge(limits::router())
        .merge(mailboxes::router())
        .merge(media_resources::router())
        .merge(messages::router())
        .merge(numbers::router())
        .merge(onboarding::router())
        .merge(people::router())
        .merge(phone::router())
        .merge(queues::router())
        .merge(reasons::router())
        .merge(recordings::router())
        .merge(refused::router())
        .merge(registration::router())
        .merge(rehearse::router())
        .merge(setup::router())
        .merge(signing::router())
        .merge(sounds::router())
        .merge(speech::router())
        .merge(step_test::router())
        .merge(system::router())
        .merge(webhooks::router());
    OpenApiRouter::with_openapi(Frame::openapi())
        .nest("/api/v1", v1)
        .merge(media_resources::root_router())
        .merge(health::router())
}

async fn nothing(uri: Uri) -> impl IntoResponse {
    Problem::new(Code::NotFound, format!("there is nothing at {}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> impl IntoResponse {
    Problem::new(Code::MethodNotAllowed, format!("{} does not take {method}", uri.path()))
}

/// 200 with nothing in it but the word.
const OK: (StatusCode, &str) = (StatusCode::OK, "ok\n");
