//! `/`: the plain page of set-up and status. Everything comes from here; nothing is fetched from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::Api;

pub(super) fn router() -> Router<Arc<Api>> {
    Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", include_str!("../../page/index.html"))))
        .route(
            "/page.css",
            get(async || file("text/css; charset=utf-8", include_str!("../../page/page.css"))),
        )
        .route(
            "/page.js",
            get(async || file("text/javascript; charset=utf-8", include_str!("../../page/page.js"))),
        )
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                  base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let mut response = content.into_response();
    for (name, value) in headers {
        let name: HeaderName = name;
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
