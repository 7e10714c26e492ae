//! `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header): the second time gets the first reply.
//!
//! Kept for 24 hours in the store, also across a restart. Replies that may differ next time, faults and missing
//! permission, are not kept.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use store::Reply;

use crate::Api;
use crate::body::largest;
use crate::edge::Caller;
use crate::problem::{Code, Problem};

/// Keys whose first request is still being answered.
#[derive(Debug, Default)]
pub(crate) struct InProgress(Mutex<HashSet<String>>);

/// One key, until its reply is kept.
struct Turn<'a> {
    keys: &'a InProgress,
    key: String,
}

/// Answers a repeated POST as before.
pub(crate) async fn replay(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let Some(value) = request.headers().get(IDEMPOTENCY_KEY).filter(|_| request.method() == Method::POST)
    else {
        return next.run(request).await;
    };
    let key = match value.to_str() {
        Ok(text) if (1..=255).contains(&text.len()) => text.to_owned(),
        _ => {
            return Problem::new(Code::InvalidHeader, "Idempotency-Key has 1 to 255 characters")
                .into_response();
        }
    };
    match once(&api, key, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn once(api: &Api, key: String, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&parts, api).await?;
    let most = largest(parts.uri.path());
    let body = to_bytes(body, most)
        .await
        .map_err(|_| Problem::new(Code::BodyTooLarge, format!("at most {most} octets")))?;
    let body_hash: [u8; 32] = Sha256::digest(&body).into();
    let key = format!("{} {} {key}", caller.actor.name, parts.uri);
    let turn = api.in_progress.turn(key)?;
    if let Some(kept) = api.store.idempotency_get(&turn.key).await? {
        return replayed(kept, body_hash);
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (head, body) = response.into_parts();
    let body =
        to_bytes(body, usize::MAX).await.map_err(|error| Problem::new(Code::Fault, error.to_string()))?;
    let kept = head.status.is_success() || matches!(head.status.as_u16(), 404 | 409 | 422);
    if kept {
        let reply = Reply { body_hash, status: head.status.as_u16(), response: body.to_vec() };
        api.store.idempotency_put(&turn.key, &reply).await?;
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

fn replayed(kept: Reply, body_hash: [u8; 32]) -> Result<Response, Problem> {
    if kept.body_hash != body_hash {
        let message = "the first request with this key had another body; use a new key";
        return Err(Problem::new(Code::IdempotencyKeyReused, message));
    }
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true")),
    ];
    Ok((status, headers, kept.response).into_response())
}

impl InProgress {
    fn turn(&self, key: String) -> Result<Turn<'_>, Problem> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        if fresh {
            return Ok(Turn { keys: self, key });
        }
        Err(Problem::new(Code::IdempotencyInProgress, "wait for the reply to the first request"))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
