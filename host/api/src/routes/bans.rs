//! `/bans`: sources that nobody listens to, with what speaks against them; undo, and who is never banned.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use engine::control::{Answer, Ask};
use engine::{Ban, BanOrder};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::{BanQuery, Page, from_rfc3339, new_id, now, rfc3339};
use timestamp::Timestamp;
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
    /// Which bans.
    Bans {
        /// Also those that are over.
        over: bool,
    }
}

/// A source that nobody listens to, or that never may be banned.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ban)]
pub(crate) struct Entry {
    /// Identifier, `ban_…`.
    id: String,
    /// Who.
    #[schema(example = "203.0.113.7/32")]
    network: String,
    /// Whether this is the contrary: it never may be banned.
    allow: bool,
    /// Why, in words.
    reason: String,
    /// What it is based on; null if somebody made it.
    evidence: Option<Value>,
    /// Since when.
    at: String,
    /// Until when; null without end.
    until: Option<String>,
    /// Key that made it; null if the server did.
    by: Option<String>,
    /// Messages it has dropped since the start of the server.
    dropped: u64,
}

/// A ban to be made.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct BanRequest {
    /// Address or network.
    network: String,
    /// The contrary: it never may be banned.
    allow: Option<bool>,
    /// Why.
    reason: Option<String>,
    /// Seconds from now; without end if absent.
    expires_s: Option<u64>,
    /// Instead of `expires_s`, when it ends, RFC 3339.
    until: Option<String>,
}

const FIELDS: &[Field] = &[
    Field::open("network", Shape::Network, ""),
    Field::open("allow", Shape::Boolean, ""),
    Field::open("reason", Shape::Text(0, 200), ""),
    Field::open("expires_s", Shape::Integer(1, 315_360_000), ""),
    Field::open("until", Shape::Text(1, 64), ""),
];

/// Bans and exceptions from them, newest first.
#[utoipa::path(get, path = "/bans", tag = "bans", operation_id = "list_bans", params(Bans),
    responses((status = 200, description = "One page", body = openapi::Listed<Entry>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Bans>,
) -> Result<Json<Page<Entry>>, Problem> {
    may_read(&caller)?;
    let page = past::page(query.limit, query.after, query.before)?;
    let found = api.store.bans(&BanQuery { page, over: query.over.unwrap_or(false), now: now() }).await?;
    let dropped = dropped(&api).await;
    Ok(Json(found.map(|ban| Entry::of(&ban, &dropped))))
}

/// One ban, with its evidence.
#[utoipa::path(get, path = "/bans/{id}", tag = "bans", operation_id = "get_ban", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The ban", body = Entry), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Entry>, Problem> {
    may_read(&caller)?;
    let found = api.store.ban(&id).await?.ok_or_else(|| Problem::not_found("ban", &id))?;
    Ok(Json(Entry::of(&found, &dropped(&api).await)))
}

/// Bans a network, or excepts it. In force before the reply.
#[utoipa::path(post, path = "/bans", tag = "bans", operation_id = "create_ban", request_body = BanRequest,
    responses((status = 201, description = "The ban", body = Entry), openapi::Writing))]
async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Document(mut body): Document,
) -> Result<(StatusCode, Json<Entry>), Problem> {
    caller.must_run_the_installation()?;
    crate::merge::without_nulls(&mut body);
    let ban = draft(&caller, &body)?;
    api.store.put_ban(&caller.actor, &ban).await?;
    api.shards.ask(Ask::Bans(BanOrder::Put(Box::new(ban.clone())))).await;
    Ok((StatusCode::CREATED, Json(Entry::of(&ban, &HashMap::new()))))
}

/// Takes a ban back, and forgets what was held against the source.
#[utoipa::path(delete, path = "/bans/{id}", tag = "bans", operation_id = "delete_ban", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Gone"), openapi::Writing))]
async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.must_run_the_installation()?;
    let gone = api.store.delete_ban(&caller.actor, &id).await?;
    let ban = gone.ok_or_else(|| Problem::not_found("ban", &id))?;
    api.shards.ask(Ask::Bans(BanOrder::Lift(Box::new(ban)))).await;
    Ok(StatusCode::NO_CONTENT)
}

fn draft(caller: &Caller, body: &Map<String, Value>) -> Result<Ban, Problem> {
    let mut errors = Vec::new();
    shape::check(body, FIELDS, u8::MAX, "", &mut errors);
    validate::needed(body, &["network"], &mut errors);
    validate::verdict(errors)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let network = text("network").unwrap_or_default();
    let network = network.parse().or_else(|_| network.parse::<std::net::IpAddr>().map(ipnet::IpNet::from));
    let network =
        network.map_err(|_| Problem::at(Code::InvalidValue, "/network", "an address or a network"))?;
    let allow = body.get("allow").and_then(Value::as_bool).unwrap_or(false);
    let widest = if network.addr().is_ipv4() { 8 } else { 16 };
    if !allow && network.prefix_len() < widest {
        let message = format!("a /{widest} is the widest network that can be banned");
        return Err(Problem::at(Code::InvalidValue, "/network", message));
    }
    let at = now();
    let in_seconds = body.get("expires_s").and_then(Value::as_u64).map(|s| at + Duration::from_secs(s));
    let until = match text("until") {
        None => in_seconds,
        Some(text) => Some(from_rfc3339(text).filter(|until| *until > at).ok_or_else(|| {
            FieldError::new(Code::InvalidValue, "/until", "a time to come, like 2030-01-31T12:00:00Z")
        })?),
    };
    Ok(Ban {
        id: new_id("ban").into(),
        network: network.trunc(),
        allow,
        reason: text("reason").unwrap_or_default().into(),
        evidence: None,
        at,
        until,
        by: caller.actor.name.as_str().into(),
    })
}

/// Whom an installation bans is not for every customer to see.
fn may_read(caller: &Caller) -> Result<(), Problem> {
    caller.may(Scope::HistoryRead)?;
    if caller.account.is_some() {
        return Err(Problem::new(Code::ScopeMissing, "this needs a key that belongs to no account"));
    }
    Ok(())
}

/// Messages dropped, by ban, in all shards.
async fn dropped(api: &Api) -> HashMap<Box<str>, u64> {
    let mut all = HashMap::new();
    for answer in api.shards.ask(Ask::Bans(BanOrder::Dropped)).await {
        let Answer::Dropped(rows) = answer else { continue };
        for (id, count) in rows {
            *all.entry(id).or_default() += count;
        }
    }
    all
}

impl Entry {
    pub(crate) fn of(ban: &Ban, dropped: &HashMap<Box<str>, u64>) -> Self {
        Self {
            id: ban.id.to_string(),
            network: ban.network.to_string(),
            allow: ban.allow,
            reason: ban.reason.to_string(),
            evidence: ban.evidence.as_ref().map(evidence),
            at: rfc3339(ban.at),
            until: ban.until.map(rfc3339),
            by: Some(ban.by.to_string()).filter(|by| !by.is_empty()),
            dropped: dropped.get(&ban.id).copied().unwrap_or_default(),
        }
    }
}

/// What somebody tried, for people.
pub(crate) fn evidence(evidence: &engine::Evidence) -> Value {
    let time = |at: Timestamp| rfc3339(at);
    json!({
        "users": evidence.users, "distinct_users": evidence.distinct_users, "tries": evidence.tries,
        "user_agents": evidence.user_agents,
        "first_at": time(evidence.first_at), "last_at": time(evidence.last_at),
    })
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete))
}
