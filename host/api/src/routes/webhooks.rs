//! `/webhooks`: endpoints that are told of events, their secrets, and what became of each delivery.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use outside::Fault;
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::{Delivery, DeliveryQuery, NewDelivery, Page, WebhookRow, now, rfc3339};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::list_query;
use super::past;
use crate::body::{Asked, Document, Emptiable};
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::{Api, openapi, validate};

list_query! {
    /// Which endpoints.
    Webhooks {}
}

list_query! {
    /// Which deliveries.
    Deliveries {
        /// `pending`, `delivered` or `failed`.
        state: String,
        /// Of this type of event.
        event: String,
        /// Queued not before.
        since: String,
    }
}

/// An endpoint that is told of events.
#[derive(Debug, Serialize, ToSchema)]
struct Webhook {
    /// Identifier, `wh_…`.
    id: String,
    /// The account whose events it gets; null for those of the whole installation.
    account: Option<String>,
    /// What people call it.
    name: String,
    /// Where deliveries go.
    url: String,
    /// Types of events: `call.ended`, `call.*` or `*`.
    events: Vec<String>,
    /// Whether it gets any.
    enabled: bool,
    /// Why it gets none, if the server decided that.
    disabled_reason: Option<String>,
    /// Since when.
    created_at: String,
    /// The last delivery that was taken, within a minute.
    last_success_at: Option<String>,
    /// The first delivery since then that was not.
    failing_since: Option<String>,
    /// Until when deliveries are signed with the secret before, too.
    previous_secret_until: Option<String>,
}

/// An endpoint, the one time its secret is shown.
#[derive(Debug, Serialize, ToSchema)]
struct FreshWebhook {
    /// The secret that signs, `whsec_…`. Nobody can show it again.
    secret: String,
    #[serde(flatten)]
    row: Webhook,
}

/// An endpoint to be made or changed.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct WebhookRequest {
    /// Where deliveries go: `https://…` or `http://…`.
    url: String,
    /// What people call it.
    name: Option<String>,
    /// Types of events: `call.ended`, `call.*` or `*`; all if absent.
    events: Option<Vec<String>>,
    /// Whether it gets any.
    enabled: Option<bool>,
    /// The account whose events it gets: id or name; else that of the key.
    account: Option<String>,
}

/// One delivery and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
struct Entry {
    /// `msg_…`, the value of `webhook-id`, the same however often it is tried.
    id: String,
    /// Type of the event.
    event: String,
    /// When it was queued.
    created_at: String,
    /// `pending`, `delivered` or `failed`.
    state: String,
    /// When it is tried next.
    next_at: Option<String>,
    /// Attempts, the newest last: when, status, the beginning of the answer, what was wrong, how long it took.
    attempts: Vec<Value>,
    /// What is sent.
    body: Value,
}

const FIELDS: &[Field] = &[
    Field::open("url", Shape::Text(1, 2000), ""),
    Field::open("name", Shape::Text(0, 200), ""),
    Field::open("events", Shape::List(&Shape::Text(1, 64), 50), ""),
    Field::open("enabled", Shape::Boolean, ""),
    Field::open("account", Shape::Text(1, 253), ""),
];

/// Endpoints, newest first.
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", operation_id = "list_webhooks", params(Webhooks),
    responses((status = 200, description = "One page", body = openapi::Listed<Webhook>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Webhooks>,
) -> Result<Json<Page<Webhook>>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let page = past::page(query.limit, query.after, query.before)?;
    let rows = api.store.webhooks().await?;
    let rows = rows.iter().filter(|row| sees(&caller, row)).collect();
    Ok(Json(Page::of(&page, rows, |row| &row.id).map(Webhook::from)))
}

/// One endpoint.
#[utoipa::path(get, path = "/webhooks/{id}", tag = "webhooks", operation_id = "get_webhook", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The endpoint, without its secret", body = Webhook), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Webhook>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    Ok(Json(Webhook::from(&find(&api, &caller, &id).await?)))
}

/// Makes an endpoint. The reply shows its secret once.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", operation_id = "create_webhook", request_body = WebhookRequest,
    responses((status = 201, description = "The endpoint and its secret", body = FreshWebhook), openapi::Writing))]
async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Document(mut body): Document,
) -> Result<(StatusCode, Json<FreshWebhook>), Problem> {
    caller.may(Scope::ConfigWrite)?;
    crate::merge::without_nulls(&mut body);
    check(&api, &body, &["url"])?;
    if api.store.webhooks().await?.len() >= MOST {
        return Err(Problem::new(Code::QuotaReached, format!("there are {MOST} webhooks already")));
    }
    let mut row = WebhookRow::new(String::new());
    row.account = past::account(&api, &caller, body.get("account").and_then(Value::as_str))?
        .map(|id| routing::config::AccountId::from(id.as_str()));
    apply(&mut row, &body);
    let secret = api.store.create_webhook(&caller.actor, &row).await?;
    Ok((StatusCode::CREATED, Json(FreshWebhook { secret, row: Webhook::from(&row) })))
}

/// Changes an endpoint by a merge patch. Enabling one that was given up begins anew.
#[utoipa::path(patch, path = "/webhooks/{id}", tag = "webhooks", operation_id = "change_webhook", request_body = WebhookRequest, params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The endpoint", body = Webhook), openapi::Writing))]
async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Document(mut body): Document,
) -> Result<Json<Webhook>, Problem> {
    caller.may(Scope::ConfigWrite)?;
    let before = find(&api, &caller, &id).await?;
    for shown in
        ["id", "created_at", "last_success_at", "failing_since", "disabled_reason", "previous_secret_until"]
    {
        body.remove(shown);
    }
    if body.get("account").is_some_and(|account| *account == json!(before.account)) {
        body.remove("account");
    }
    crate::merge::without_nulls(&mut body);
    if body.contains_key("account") {
        return Err(Problem::at(Code::ReadOnly, "/account", "an endpoint stays with its account"));
    }
    check(&api, &body, &[])?;
    let changed = api.store.change_webhook(&caller.actor, &id, |row| apply(row, &body)).await?;
    changed.map(|row| Json(Webhook::from(&row))).ok_or_else(|| Problem::not_found("webhook", &id))
}

/// Deletes an endpoint and its deliveries.
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks", operation_id = "delete_webhook", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Gone"), openapi::Writing))]
async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::ConfigWrite)?;
    find(&api, &caller, &id).await?;
    api.store.delete_webhook(&caller.actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new secret. Deliveries are signed with the one before, too, for `overlap_s` seconds, a day if absent.
#[utoipa::path(post, path = "/webhooks/{id}/rotate", tag = "webhooks", operation_id = "rotate_webhook", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The endpoint and its new secret", body = FreshWebhook), openapi::Writing))]
async fn rotate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Emptiable(body): Emptiable,
) -> Result<Json<FreshWebhook>, Problem> {
    caller.may(Scope::ConfigWrite)?;
    find(&api, &caller, &id).await?;
    let mut errors = Vec::new();
    shape::check(
        &body,
        &[Field::open("overlap_s", Shape::Integer(0, 2_592_000), "")],
        u8::MAX,
        "",
        &mut errors,
    );
    validate::verdict(errors)?;
    let overlap = Duration::from_secs(body.get("overlap_s").and_then(Value::as_u64).unwrap_or(86_400));
    let rotated = api.store.rotate_webhook(&caller.actor, &id, overlap).await?;
    let (row, secret) = rotated.ok_or_else(|| Problem::not_found("webhook", &id))?;
    Ok(Json(FreshWebhook { secret, row: Webhook::from(&row) }))
}

/// Sends an event `webhook.ping` and waits for what becomes of the first attempt.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "webhooks", operation_id = "test_webhook", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The delivery", body = Entry), openapi::Writing))]
async fn test(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Entry>, Problem> {
    caller.may(Scope::ConfigWrite)?;
    let row = find(&api, &caller, &id).await?;
    if !row.enabled {
        return Err(Problem::new(Code::ConnectionDisabled, "the webhook is disabled; enable it first"));
    }
    let body =
        json!({"type": PING, "timestamp": rfc3339(now()), "account": row.account, "data": {"webhook": id}});
    let new = NewDelivery { webhook: id.clone(), event: PING.to_owned(), body: body.to_string() };
    let queued = api.store.queue_deliveries(&[new]).await?;
    let message = queued.first().cloned().unwrap_or_default();
    for _ in 0..TEST_LOOKS {
        tokio::time::sleep(TEST_EVERY).await;
        if let Some(delivery) = api.store.delivery(&id, &message).await?
            && !delivery.attempts.is_empty()
        {
            return Ok(Json(Entry::from(delivery)));
        }
    }
    let delivery = api.store.delivery(&id, &message).await?;
    delivery
        .map(|delivery| Json(Entry::from(delivery)))
        .ok_or_else(|| Problem::not_found("delivery", &message))
}

/// Deliveries to an endpoint, newest first.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "webhooks", operation_id = "list_deliveries", params(Deliveries, ("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "One page", body = openapi::Listed<Entry>), openapi::Reading))]
async fn deliveries(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(query): Asked<Deliveries>,
) -> Result<Json<Page<Entry>>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    find(&api, &caller, &id).await?;
    let query = DeliveryQuery {
        page: past::page(query.limit, query.after, query.before)?,
        webhook: id,
        state: query.state,
        event: query.event,
        since: past::time("since", query.since.as_deref())?,
    };
    Ok(Json(api.store.deliveries(&query).await?.map(Entry::from)))
}

/// One delivery.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries/{delivery}", tag = "webhooks", operation_id = "get_delivery",
    params(("id" = String, Path, description = "Id of the endpoint"), ("delivery" = String, Path, description = "Id of the delivery")),
    responses((status = 200, description = "The delivery", body = Entry), openapi::Reading))]
async fn delivery(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<Json<Entry>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    find(&api, &caller, &id).await?;
    let found = api.store.delivery(&id, &delivery).await?;
    found.map(|found| Json(Entry::from(found))).ok_or_else(|| Problem::not_found("delivery", &delivery))
}

/// Delivers one again, whatever became of it: the same id, the same body, a new signature.
#[utoipa::path(post, path = "/webhooks/{id}/deliveries/{delivery}/replay", tag = "webhooks", operation_id = "replay_delivery",
    params(("id" = String, Path, description = "Id of the endpoint"), ("delivery" = String, Path, description = "Id of the delivery")),
    responses((status = 202, description = "It is in the queue", body = Entry), openapi::Writing))]
async fn replay(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Entry>), Problem> {
    caller.may(Scope::ConfigWrite)?;
    find(&api, &caller, &id).await?;
    api.store.replay_deliveries(&id, Some(&delivery), None).await?;
    let found = api.store.delivery(&id, &delivery).await?;
    let found = found.ok_or_else(|| Problem::not_found("delivery", &delivery))?;
    Ok((StatusCode::ACCEPTED, Json(Entry::from(found))))
}

/// Delivers everything that failed again, or what failed of that since a time.
#[utoipa::path(post, path = "/webhooks/{id}/replay", tag = "webhooks", operation_id = "replay_deliveries", params(("id" = String, Path, description = "Its id")),
    responses((status = 202, description = "How many are in the queue", body = Value), openapi::Writing))]
async fn replay_all(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Emptiable(body): Emptiable,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.may(Scope::ConfigWrite)?;
    find(&api, &caller, &id).await?;
    let since = past::time("since", body.get("since").and_then(Value::as_str))?;
    let count = api.store.replay_deliveries(&id, None, since).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"replayed": count}))))
}

/// An endpoint that the caller may see.
async fn find(api: &Api, caller: &Caller, id: &str) -> Result<WebhookRow, Problem> {
    let found = api.store.webhook(id).await?.filter(|row| sees(caller, row));
    found.ok_or_else(|| Problem::not_found("webhook", id))
}

fn sees(caller: &Caller, row: &WebhookRow) -> bool {
    past::sees(caller, row.account.as_ref().map(routing::config::AccountId::as_str))
}

fn check(api: &Api, body: &Map<String, Value>, needed: &[&str]) -> Result<(), Problem> {
    let mut errors = Vec::new();
    shape::check(body, FIELDS, u8::MAX, "", &mut errors);
    validate::needed(body, needed, &mut errors);
    validate::verdict(errors)?;
    if let Some(url) = body.get("url").and_then(Value::as_str) {
        check_url(api, url)?;
    }
    for (index, kind) in body.get("events").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let kind = kind.as_str().unwrap_or_default();
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let fits = match kind.split_once('.') {
            None => kind == "*",
            Some((noun, what)) => plain(noun) && (what == "*" || plain(what)),
        };
        if !fits {
            let message = format!("{kind} is no type of event; like call.ended, call.* or *");
            return Err(Problem::at(Code::InvalidValue, format!("/events/{index}"), message));
        }
    }
    Ok(())
}

/// What can be said of a URL before its name is resolved; the address is checked again at every delivery.
fn check_url(api: &Api, url: &str) -> Result<(), Problem> {
    api.about.outside.check(url).map_err(|fault| {
        let private = matches!(fault, Fault::Private { .. });
        let code = if private { Code::AddressNotAllowed } else { Code::InvalidValue };
        Problem::at(code, "/url", fault.to_string())
    })
}

fn apply(row: &mut WebhookRow, body: &Map<String, Value>) {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(url) = text("url") {
        row.url = url;
    }
    if let Some(name) = text("name") {
        row.name = name;
    }
    if let Some(Value::Array(events)) = body.get("events") {
        row.events = events.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    if let Some(enabled) = body.get("enabled").and_then(Value::as_bool) {
        if enabled && !row.enabled {
            (row.failing_since, row.disabled_reason) = (None, None);
        }
        row.enabled = enabled;
    }
}

impl From<&WebhookRow> for Webhook {
    fn from(row: &WebhookRow) -> Self {
        Self {
            id: row.id.clone(),
            account: row.account.as_ref().map(ToString::to_string),
            name: row.name.clone(),
            url: row.url.clone(),
            events: row.events.clone(),
            enabled: row.enabled,
            disabled_reason: row.disabled_reason.clone(),
            created_at: rfc3339(row.created_at),
            last_success_at: row.last_success_at.map(rfc3339),
            failing_since: row.failing_since.map(rfc3339),
            previous_secret_until: row.previous_secret_until.map(rfc3339),
        }
    }
}

impl From<Delivery> for Entry {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            event: delivery.event,
            created_at: rfc3339(delivery.created_at),
            state: delivery.state,
            next_at: delivery.next_at.map(rfc3339),
            attempts: delivery.attempts.iter().map(|attempt| json!(attempt)).collect(),
            body: serde_json::from_str(&delivery.body).unwrap_or(Value::String(delivery.body)),
        }
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, patch, delete))
        .routes(routes!(rotate))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(delivery))
        .routes(routes!(replay))
        .routes(routes!(replay_all))
}

/// Type of the event that a test sends.
const PING: &str = "webhook.ping";
/// Endpoints of an installation.
const MOST: usize = 1000;
/// A test waits a little longer than a delivery may take.
const TEST_LOOKS: u32 = 170;
const TEST_EVERY: Duration = Duration::from_millis(100);
