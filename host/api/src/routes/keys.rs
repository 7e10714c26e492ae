//! `/keys`: what programs identify themselves with. A key is shown once.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use store::{KeyRow, NewKey, Page, from_rfc3339, now, rfc3339};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::list_query;
use super::past;
use crate::body::{Asked, Document};
use crate::edge::{Caller, Scope};
use crate::problem::{Code, FieldError, Problem};
use crate::shape::{self, Field, Shape};
use crate::{Api, openapi, validate};

list_query! {
    /// Which keys.
    Keys {}
}

/// A key, as often as one asks.
#[derive(Debug, Serialize, ToSchema)]
struct Key {
    /// Identifier, `key_…`.
    id: String,
    /// What people call it.
    name: String,
    /// The account it is confined to; null for the whole installation.
    account: Option<String>,
    /// What it may do.
    scopes: Vec<String>,
    /// The first characters of the key.
    prefix: String,
    /// When it was made.
    created_at: String,
    /// When it stops working.
    expires_at: Option<String>,
    /// When it was last used, within a minute.
    last_used_at: Option<String>,
}

/// A key, the one time it is shown.
#[derive(Debug, Serialize, ToSchema)]
struct FreshKey {
    /// The key itself. Nobody can show it again.
    key: String,
    #[serde(flatten)]
    row: Key,
}

/// A key to be made.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct KeyRequest {
    /// What people call it.
    name: String,
    /// What it may do; not more than the key that makes it.
    scopes: Vec<Scope>,
    /// The account it is confined to: id or name; else that of the key that makes it.
    account: Option<String>,
    /// When it stops working, RFC 3339; never if absent.
    expires_at: Option<String>,
}

const FIELDS: &[Field] = &[
    Field::open("name", Shape::Text(1, 200), ""),
    Field::open("scopes", Shape::List(&Shape::Choice(SCOPES), 20), ""),
    Field::open("account", Shape::Text(1, 253), ""),
    Field::open("expires_at", Shape::Text(1, 64), ""),
];

const SCOPES: &[&str] = &[
    Scope::Admin.as_str(),
    Scope::CallsControl.as_str(),
    Scope::ConfigWrite.as_str(),
    Scope::ConnectionsRead.as_str(),
    Scope::ConnectionsWrite.as_str(),
    Scope::HistoryRead.as_str(),
    Scope::MetricsRead.as_str(),
];

/// Keys, newest first.
#[utoipa::path(get, path = "/keys", tag = "keys", operation_id = "list_keys", params(Keys),
    responses((status = 200, description = "One page", body = openapi::Listed<Key>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Keys>,
) -> Result<Json<Page<Key>>, Problem> {
    caller.may(Scope::Admin)?;
    let page = past::page(query.limit, query.after, query.before)?;
    Ok(Json(Page::of(&page, seen(&api, &caller).await?, |key| &key.id).map(Key::from)))
}

/// One key.
#[utoipa::path(get, path = "/keys/{id}", tag = "keys", operation_id = "get_key", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The key, without its secret", body = Key), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Key>, Problem> {
    caller.may(Scope::Admin)?;
    let found = seen(&api, &caller).await?.into_iter().find(|key| key.id == id);
    found.map(|key| Json(Key::from(key))).ok_or_else(|| Problem::not_found("key", &id))
}

/// Makes a key. The reply shows it once.
#[utoipa::path(post, path = "/keys", tag = "keys", operation_id = "create_key", request_body = KeyRequest,
    responses((status = 201, description = "The key, in clear", body = FreshKey), openapi::Writing))]
async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Document(mut body): Document,
) -> Result<(StatusCode, Json<FreshKey>), Problem> {
    caller.may(Scope::Admin)?;
    crate::merge::without_nulls(&mut body);
    let new = draft(&api, &caller, &body)?;
    let (row, key) = api.store.create_key(&caller.actor, new).await?;
    Ok((StatusCode::CREATED, Json(FreshKey { key, row: Key::from(row) })))
}

/// Deletes a key, which stops working at once.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", operation_id = "delete_key", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Gone"), openapi::Writing))]
async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Admin)?;
    let known = seen(&api, &caller).await?.iter().any(|key| key.id == id);
    if known && api.store.delete_key(&caller.actor, &id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("key", &id))
}

fn draft(api: &Api, caller: &Caller, body: &serde_json::Map<String, Value>) -> Result<NewKey, Problem> {
    let mut errors = Vec::new();
    shape::check(body, FIELDS, u8::MAX, "", &mut errors);
    validate::needed(body, &["name", "scopes"], &mut errors);
    validate::verdict(errors)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let mut errors = Vec::new();
    let mut account = caller.account.clone();
    if let Some(reference) = text("account") {
        match api.rows().account(reference).filter(|a| caller.sees(&a.id)) {
            Some(found) => account = Some(found.id.clone()),
            None => {
                let message = format!("there is no account {reference}");
                errors.push(FieldError::new(Code::UnknownReference, "/account", message));
            }
        }
    }
    let expires_at = text("expires_at").map(|at| from_rfc3339(at).filter(|at| *at > now()));
    if expires_at == Some(None) {
        errors.push(FieldError::new(
            Code::InvalidValue,
            "/expires_at",
            "a time to come, like 2030-01-31T12:00:00Z",
        ));
    }
    let scopes: Vec<String> = match body.get("scopes") {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    if scopes.is_empty() {
        errors.push(FieldError::new(Code::InvalidValue, "/scopes", "at least one scope"));
    }
    validate::verdict(errors)?;
    let name = text("name").unwrap_or_default().to_owned();
    Ok(NewKey { name, account, scopes, expires_at: expires_at.flatten() })
}

async fn seen(api: &Api, caller: &Caller) -> Result<Vec<KeyRow>, Problem> {
    let mut keys = api.store.list_keys().await?;
    keys.retain(|key| caller.account.is_none() || key.account == caller.account);
    Ok(keys)
}

impl From<KeyRow> for Key {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            account: row.account.map(|a| a.to_string()),
            scopes: row.scopes,
            prefix: row.prefix,
            created_at: rfc3339(row.created_at),
            expires_at: row.expires_at.map(rfc3339),
            last_used_at: row.last_used_at.map(rfc3339),
        }
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete))
}
