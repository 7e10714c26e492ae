//! `/conferences`: rooms in which people talk, who is there, and what can be done about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use engine::control::{Answer, Ask, ConferenceOrder, ConferenceView, ParticipantView};
use engine::{Company, Participant as What};
use serde::Serialize;
use serde_json::Value;
use store::{Page, rfc3339};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::collections::list_query;
use super::past;
use crate::body::{Asked, Document};
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::{Api, openapi, validate};

/// A conference in progress.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Conference {
    /// `cnf_…`.
    id: String,
    /// Owner.
    account: String,
    /// Name of the room.
    #[schema(example = "staff")]
    room: String,
    /// When the first one came.
    started_at: String,
    /// Who is there.
    participants: Vec<Participant>,
}

/// Somebody in a conference.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Participant {
    /// Id of the call.
    call: String,
    /// Who it is.
    from: String,
    /// Its connection, if it has one.
    connection: Option<String>,
    /// Since when.
    joined_at: String,
    /// Whether it is a moderator.
    moderator: bool,
    /// Whether nobody hears it.
    muted: bool,
    /// Whether it says something right now.
    talking: bool,
    /// Whom it hears: `together` (the others), `alone` (nobody else is there) or `waiting` (for a moderator).
    #[schema(example = "together")]
    hears: &'static str,
}

impl From<&ParticipantView> for Participant {
    fn from(view: &ParticipantView) -> Self {
        let What { moderator, muted, talking, company, since, .. } = view.what;
        let hears = match company {
            Company::Alone => "alone",
            Company::Together => "together",
            Company::Waiting => "waiting",
        };
        Self {
            call: view.call.to_string(),
            from: view.from.to_string(),
            connection: Some(view.connection.to_string()).filter(|id| !id.is_empty()),
            joined_at: rfc3339(since),
            moderator,
            muted,
            talking,
            hears,
        }
    }
}

list_query! {
    /// Which conferences.
    LiveConferences {
        /// Of this account: id or name.
        account: String,
    }
}

/// Conferences in progress, newest first.
#[utoipa::path(get, path = "/conferences", tag = "calls", operation_id = "list_conferences", params(LiveConferences),
    responses((status = 200, description = "One page", body = openapi::Listed<Conference>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<LiveConferences>,
) -> Result<Json<Page<Conference>>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let page = past::page(query.limit, query.after, query.before)?;
    let account = past::account(&api, &caller, query.account.as_deref())?;
    let mut found = seen(&api, &caller).await;
    found.retain(|one| account.as_ref().is_none_or(|account| one.account == **account));
    Ok(Json(Page::of(&page, found, |one: &Conference| &one.id)))
}

/// One conference.
#[utoipa::path(get, path = "/conferences/{id}", tag = "calls", operation_id = "get_conference", params(("id" = String, Path, description = "Id of the conference")),
    responses((status = 200, description = "The conference", body = Conference), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Conference>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    find(&api, &caller, &id).await.map(Json)
}

/// Ends it for everybody; their flows go on by `ended`.
#[utoipa::path(post, path = "/conferences/{id}/end", tag = "calls", operation_id = "end_conference", params(("id" = String, Path, description = "Id of the conference")),
    responses((status = 204, description = "It is being ended"), openapi::Writing))]
async fn end(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&api, &caller, &id, None, ConferenceOrder::End).await
}

/// What a conference is to hear.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct AnnouncementRequest {
    /// A sound by name, or the address of a WAV file.
    sound: String,
}

const FIELDS: &[Field] = &[Field::open("sound", Shape::Text(1, 1_024), "")];

/// Lets everybody hear a sound.
#[utoipa::path(post, path = "/conferences/{id}/announce", tag = "calls", operation_id = "announce_in_conference", params(("id" = String, Path, description = "Id of the conference")),
    request_body = AnnouncementRequest, responses((status = 202, description = "It is heard as soon as it is found"), openapi::Writing))]
async fn announce(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Document(body): Document,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::CallsControl)?;
    let mut errors = Vec::new();
    shape::check(&body, FIELDS, u8::MAX, "", &mut errors);
    validate::needed(&body, &["sound"], &mut errors);
    validate::verdict(errors)?;
    let sound = body.get("sound").and_then(Value::as_str).unwrap_or_default().into();
    order(&api, &caller, &id, None, ConferenceOrder::Announce(sound)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Lets nobody hear somebody.
#[utoipa::path(post, path = "/conferences/{id}/participants/{call}/mute", tag = "calls", operation_id = "mute_participant",
    params(("id" = String, Path, description = "Id of the conference"), ("call" = String, Path, description = "Id of the call")),
    responses((status = 204, description = "Nobody hears it"), openapi::Writing))]
async fn mute(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, call)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    order(&api, &caller, &id, Some(call), ConferenceOrder::Mute(true)).await
}

/// Lets the others hear somebody again.
#[utoipa::path(post, path = "/conferences/{id}/participants/{call}/unmute", tag = "calls", operation_id = "unmute_participant",
    params(("id" = String, Path, description = "Id of the conference"), ("call" = String, Path, description = "Id of the call")),
    responses((status = 204, description = "The others hear it"), openapi::Writing))]
async fn unmute(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, call)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    order(&api, &caller, &id, Some(call), ConferenceOrder::Mute(false)).await
}

/// Puts somebody out; its flow goes on by `removed`.
#[utoipa::path(post, path = "/conferences/{id}/participants/{call}/kick", tag = "calls", operation_id = "remove_participant",
    params(("id" = String, Path, description = "Id of the conference"), ("call" = String, Path, description = "Id of the call")),
    responses((status = 204, description = "It is out"), openapi::Writing))]
async fn kick(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, call)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    order(&api, &caller, &id, Some(call), ConferenceOrder::Remove).await
}

async fn order(
    api: &Api,
    caller: &Caller,
    id: &str,
    call: Option<String>,
    order: ConferenceOrder,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::CallsControl)?;
    find(api, caller, id).await?;
    let what = if call.is_some() { "participant" } else { "conference" };
    let named = call.clone().unwrap_or_else(|| id.to_owned());
    let call = call.map(String::into_boxed_str);
    let answers = api.shards.ask(Ask::Confer { conference: id.into(), call, order }).await;
    if answers.iter().any(|answer| matches!(answer, Answer::Done)) {
        return Ok(StatusCode::NO_CONTENT);
    }
    if answers.is_empty() {
        return Err(Problem::new(Code::ShardSilent, "no shard answered in time"));
    }
    Err(Problem::not_found(what, &named))
}

async fn find(api: &Api, caller: &Caller, id: &str) -> Result<Conference, Problem> {
    let found = seen(api, caller).await.into_iter().find(|conference| conference.id == id);
    found.ok_or_else(|| Problem::not_found("conference", id))
}

/// Those that the caller may see: what their homes say of them, and the calls' shards of who is there.
async fn seen(api: &Api, caller: &Caller) -> Vec<Conference> {
    let (mut rooms, mut people) = (Vec::<ConferenceView>::new(), BTreeMap::<Arc<str>, Vec<_>>::new());
    for answer in api.shards.ask(Ask::Conferences).await {
        let Answer::Conferences(here, there) = answer else { continue };
        rooms.extend(here);
        for one in there {
            people.entry(Arc::clone(&one.what.conference)).or_default().push(one);
        }
    }
    rooms.sort_by(|a, b| b.id.cmp(&a.id));
    let mine = rooms.into_iter().filter(|room| past::sees(caller, Some(&room.account)));
    mine.map(|room| {
        let mut there = people.remove(&room.id).unwrap_or_default();
        there.sort_by_key(|one| one.what.since);
        Conference {
            id: room.id.to_string(),
            account: room.account.to_string(),
            room: room.room.to_string(),
            started_at: rfc3339(room.started_at),
            participants: there.iter().map(Participant::from).collect(),
        }
    })
    .collect()
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(end))
        .routes(routes!(announce))
        .routes(routes!(mute))
        .routes(routes!(unmute))
        .routes(routes!(kick))
}
