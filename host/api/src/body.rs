//! Reading requests: JSON bodies, query parameters and path parameters, with every mistake as a problem.

use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::{CONTENT_TYPE, IF_MATCH};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problem::{Code, Problem};

/// A body that is a JSON object.
#[derive(Debug)]
pub(crate) struct Document(pub(crate) Map<String, Value>);

/// A body that is a JSON object, or nothing: what an action with options takes.
#[derive(Debug)]
pub(crate) struct Emptiable(pub(crate) Map<String, Value>);

/// Query parameters; unknown ones are a mistake.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

/// The version of a resource that a change is meant for.
#[derive(Debug)]
pub(crate) struct Expected(Option<String>);

impl<S: Send + Sync> FromRequest<S> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = octets(request).await?;
        read(&bytes).map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for Emptiable {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = octets(request).await?;
        if bytes.is_empty() { Ok(Self(Map::new())) } else { read(&bytes).map(Self) }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                Err(Problem::new(Code::InvalidParameter, error.body_text()))
            }
            Err(error) => Err(Problem::new(Code::InvalidParameter, error.body_text())),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Expected {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.headers.get(IF_MATCH).map(|value| value.to_str()) {
            None => Ok(Self(None)),
            Some(Ok(text)) => Ok(Self(Some(text.to_owned()))),
            Some(Err(_)) => Err(Problem::new(Code::InvalidHeader, "If-Match is not text")),
        }
    }
}

impl Expected {
    /// As if the caller had read this version.
    pub(crate) fn exactly(tag: &str) -> Self {
        Self(Some(tag.to_owned()))
    }

    /// Refuses unless the resource is still what the caller read.
    pub(crate) fn check(&self, tag: &str) -> Result<(), Problem> {
        let Some(expected) = &self.0 else { return Ok(()) };
        if expected.split(',').any(|one| one.trim() == "*" || one.trim() == tag) {
            return Ok(());
        }
        let message = format!("it is now {tag}; read it again and repeat the change");
        Err(Problem::new(Code::PreconditionFailed, message))
    }
}

async fn octets(request: Request) -> Result<Bytes, Problem> {
    let most = largest(request.uri().path());
    let kind =
        request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("application/json");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // What curl sends with -d is taken for JSON: nothing else is accepted here.
    if !kind.ends_with("json") && kind != "application/x-www-form-urlencoded" {
        let message = format!("{kind} is not accepted; send application/json");
        return Err(Problem::new(Code::UnsupportedMediaType, message));
    }
    let too_large = |_| Problem::new(Code::BodyTooLarge, format!("at most {most} octets"));
    to_bytes(request.into_body(), most).await.map_err(too_large)
}

fn read(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Problem::at(Code::InvalidType, "", "the body must be an object")),
        Err(error) => Err(Problem::new(Code::InvalidJson, error.to_string())),
    }
}

/// Octets a body may have.
pub(crate) fn largest(path: &str) -> usize {
    if path.ends_with("/batch") {
        16 << 20
    } else if path.ends_with("/sounds") {
        32 << 20
    } else {
        1 << 20
    }
}
