//! `/sounds`: what callers hear, by account and name: uploaded, spoken by the voice of the installation, or put into the
//! data folder by hand. The name is the id.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use speech::{Sound, SoundFault, Words};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::past;
use crate::body::{Asked, largest};
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::validate::flow::sounds_in;
use crate::{Api, audio_file, openapi};

/// Whose sounds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Of this account: id or name.
    account: Option<String>,
}

/// Which sounds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Of this account: id or name.
    account: Option<String>,
    /// With this name.
    name: Option<String>,
    /// At most so many, 1 to 1000; 100 if absent.
    limit: Option<usize>,
    /// Continue behind this name.
    after: Option<String>,
}

/// A sound that is uploaded.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Uploaded {
    /// Its name; where words are sent, it may stand in the body.
    name: Option<String>,
    /// Of this account: id or name.
    account: Option<String>,
}

/// A sound.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sound)]
struct Shown {
    /// Its name.
    id: String,
    /// Its name, as flows have it.
    name: String,
    /// The account that has it; null for a sound of all, which is a file of the data folder.
    account: Option<String>,
    /// Octets of its file.
    bytes: u64,
    /// How long it is; null if it cannot be played.
    length_ms: Option<u64>,
    /// Samples a second.
    rate: Option<u32>,
    /// When it was put there.
    changed_at: String,
    /// Why it cannot be played, if so.
    problem: Option<String>,
    /// Ids of the flows whose draft or published version names it.
    used_by: Vec<String>,
}

/// Words that become a sound.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = SpokenSound)]
struct Spoken {
    /// Name of the sound.
    name: Option<String>,
    /// The account that gets it: id or name; else that of the key.
    account: Option<String>,
    /// The words.
    text: String,
    /// Which voice; absent for the usual one.
    voice: Option<String>,
    /// Which language (BCP 47); absent for that of the account.
    language: Option<String>,
}

/// What arrives to become a sound.
enum Arrived {
    File(Vec<u8>),
    Words(Spoken),
}

/// Sounds that an account can play, by name: its own and those of all.
#[utoipa::path(get, path = "/sounds", tag = "sounds", operation_id = "list_sounds", params(Which),
    responses((status = 200, description = "One page", body = openapi::Listed<Shown>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Which>,
) -> Result<Json<Value>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let limit = query.limit.unwrap_or(100);
    if !(1..=1_000).contains(&limit) {
        return Err(Problem::new(Code::InvalidParameter, "limit is from 1 to 1000"));
    }
    let account = owner(&api, &caller, query.account.as_deref())?;
    let (speech, of) = (Arc::clone(&api.about.speech), account.clone());
    let mut sounds = blocking(move || speech.sounds().list(&of)).await?;
    sounds.retain(|sound| query.name.as_ref().is_none_or(|name| sound.name == *name));
    sounds.retain(|sound| query.after.as_ref().is_none_or(|after| sound.name > *after));
    let has_more = sounds.len() > limit;
    sounds.truncate(limit);
    let next = sounds.last().filter(|_| has_more).map(|last| last.name.clone());
    let users = Users::of(&api, &account);
    let data: Vec<_> = sounds.into_iter().map(|sound| shown(&users, sound)).collect();
    Ok(Json(serde_json::json!({"data": data, "has_more": has_more, "next": next})))
}

/// A new sound: a WAV file of any rate as `audio/wav` with `?name=`, or words as JSON. It is kept as one channel of 16 bits.
#[utoipa::path(post, path = "/sounds", tag = "sounds", operation_id = "create_sound", params(Uploaded),
    request_body(content = Spoken, description = "Words, or a WAV file as audio/wav"),
    responses((status = 201, description = "The sound", body = Shown), openapi::Writing))]
async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(query): Asked<Uploaded>,
    request: Request,
) -> Result<(StatusCode, Json<Shown>), Problem> {
    caller.may(Scope::ConfigWrite)?;
    let arrived = arrived(request).await?;
    let words = if let Arrived::Words(words) = &arrived { Some(words) } else { None };
    let named = query.name.or_else(|| words.and_then(|words| words.name.clone()));
    let name =
        named.ok_or_else(|| Problem::at(Code::FieldMissing, "/name", "a sound needs a name: ?name="))?;
    let account = query.account.or_else(|| words.and_then(|words| words.account.clone()));
    let account = owner(&api, &caller, account.as_deref())?;
    if own(&api, &account, &name).await?.is_some() {
        return Err(Problem::at(
            Code::AccountNameTaken,
            "/name",
            "the account has a sound of this name; PUT replaces it",
        ));
    }
    let sound = keep(&api, &caller, &account, &name, arrived).await?;
    Ok((StatusCode::CREATED, Json(sound)))
}

/// One sound.
#[utoipa::path(get, path = "/sounds/{name}", tag = "sounds", operation_id = "get_sound",
    params(("name" = String, Path, description = "Its name"), Whose),
    responses((status = 200, description = "The sound", body = Shown), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(name): Path<String>,
    Asked(query): Asked<Whose>,
) -> Result<Json<Shown>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let account = owner(&api, &caller, query.account.as_deref())?;
    let (speech, of, wanted) = (Arc::clone(&api.about.speech), account.clone(), name.clone());
    let found = blocking(move || speech.sounds().get(&of, &wanted)).await?;
    let found = found.ok_or_else(|| Problem::not_found("sound", &name))?;
    Ok(Json(shown(&Users::of(&api, &account), found)))
}

/// Replaces a sound of the account, or makes it, by a WAV file or words.
#[utoipa::path(put, path = "/sounds/{name}", tag = "sounds", operation_id = "put_sound",
    params(("name" = String, Path, description = "Its name"), Whose),
    request_body(content = Spoken, description = "Words, or a WAV file as audio/wav"),
    responses((status = 200, description = "The sound", body = Shown), openapi::Writing))]
async fn put(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(name): Path<String>,
    Asked(query): Asked<Whose>,
    request: Request,
) -> Result<Json<Shown>, Problem> {
    caller.may(Scope::ConfigWrite)?;
    let arrived = arrived(request).await?;
    let account = owner(&api, &caller, query.account.as_deref())?;
    Ok(Json(keep(&api, &caller, &account, &name, arrived).await?))
}

/// Removes a sound of the account and its file.
#[utoipa::path(delete, path = "/sounds/{name}", tag = "sounds", operation_id = "delete_sound",
    params(("name" = String, Path, description = "Its name"), Whose),
    responses((status = 204, description = "Gone"), openapi::Writing))]
async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(name): Path<String>,
    Asked(query): Asked<Whose>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::ConfigWrite)?;
    let account = owner(&api, &caller, query.account.as_deref())?;
    let before = own(&api, &account, &name).await?.ok_or_else(|| Problem::not_found("sound", &name))?;
    let (speech, of, wanted) = (Arc::clone(&api.about.speech), account.clone(), name.clone());
    blocking(move || speech.sounds().remove(&of, &wanted)).await?.map_err(problem)?;
    note(&api, &caller, &account, Some(&before), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The audio of a sound, as a WAV file.
#[utoipa::path(get, path = "/sounds/{name}/audio", tag = "sounds", operation_id = "get_sound_audio",
    params(("name" = String, Path, description = "Its name"), Whose),
    responses((status = 200, description = "A WAV file", content_type = "audio/wav", body = Vec<u8>), openapi::Reading))]
async fn audio(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(name): Path<String>,
    Asked(query): Asked<Whose>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let account = owner(&api, &caller, query.account.as_deref())?;
    let (speech, wanted) = (Arc::clone(&api.about.speech), name.clone());
    let missing = || Problem::not_found("sound", &name);
    let path = blocking(move || speech.sounds().find(&account, &wanted)).await?.ok_or_else(missing)?;
    audio_file::wav(&path, None, &headers).await.map_err(|_| missing())
}

/// The account that is meant: the one asked for, else the key's, else the first.
fn owner(api: &Api, caller: &Caller, asked: Option<&str>) -> Result<String, Problem> {
    if let Some(account) = past::account(api, caller, asked)? {
        return Ok(account);
    }
    let rows = api.rows();
    let first = rows.account("main").or_else(|| rows.accounts.all().next().map(|kept| &kept.row));
    first
        .map(|account| account.id.to_string())
        .ok_or_else(|| Problem::new(Code::InvalidParameter, "there is no account"))
}

/// A WAV file or words, by the type of the body.
async fn arrived(request: Request) -> Result<Arrived, Problem> {
    let most = largest("/sounds");
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or("application/json").split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    let too_large = |_| Problem::new(Code::BodyTooLarge, format!("at most {most} octets"));
    let body = to_bytes(request.into_body(), most).await.map_err(too_large)?;
    if kind.starts_with("audio/") || kind == "application/octet-stream" {
        return Ok(Arrived::File(body.to_vec()));
    }
    if !kind.ends_with("json") && kind != "application/x-www-form-urlencoded" {
        let message = format!("{kind} is not accepted; send audio/wav, or words as application/json");
        return Err(Problem::new(Code::UnsupportedMediaType, message));
    }
    let words: Spoken = serde_json::from_slice(&body).map_err(|error| match error.is_data() {
        true => Problem::at(Code::InvalidValue, "", error.to_string()),
        false => Problem::new(Code::InvalidJson, error.to_string()),
    })?;
    if words.text.trim().is_empty() || words.text.len() > LONGEST_TEXT {
        let message = format!("words of 1 to {LONGEST_TEXT} octets");
        return Err(Problem::at(Code::InvalidValue, "/text", message));
    }
    Ok(Arrived::Words(words))
}

/// Keeps what arrived under a name, and writes down who did that.
async fn keep(
    api: &Api,
    caller: &Caller,
    account: &str,
    name: &str,
    arrived: Arrived,
) -> Result<Shown, Problem> {
    let file = match arrived {
        Arrived::File(file) => file,
        Arrived::Words(words) => spoken(api, account, words).await?,
    };
    let before = own(api, account, name).await?;
    let (speech, of, wanted) = (Arc::clone(&api.about.speech), account.to_owned(), name.to_owned());
    let sound = blocking(move || speech.sounds().put(&of, &wanted, &file)).await?.map_err(problem)?;
    note(api, caller, account, before.as_ref(), Some(&sound)).await?;
    Ok(shown(&Users::of(api, account), sound))
}

/// Words as a WAV file.
async fn spoken(api: &Api, account: &str, words: Spoken) -> Result<Vec<u8>, Problem> {
    let own = match words.language {
        Some(language) => Some(language),
        None => api.store.language_of(account).await?,
    };
    let words = Words {
        text: words.text,
        voice: words.voice.unwrap_or_default(),
        language: own.unwrap_or_else(|| "en".to_owned()),
    };
    let mute = |fault: speech::Fault| Problem::new(Code::NotSpoken, fault.to_string());
    let path = api.about.speech.say(&words).await.map_err(mute)?;
    tokio::fs::read(&path).await.map_err(|fault| Problem::new(Code::StorageFailed, fault.to_string()))
}

/// The sound that the account has itself.
async fn own(api: &Api, account: &str, name: &str) -> Result<Option<Sound>, Problem> {
    let (speech, of, wanted) = (Arc::clone(&api.about.speech), account.to_owned(), name.to_owned());
    let found = blocking(move || speech.sounds().get(&of, &wanted)).await?;
    Ok(found.filter(|sound| sound.account.is_some()))
}

async fn note(
    api: &Api,
    caller: &Caller,
    account: &str,
    before: Option<&Sound>,
    after: Option<&Sound>,
) -> Result<(), Problem> {
    let name = before.or(after).map_or("", |sound| &sound.name);
    let text = |sound: Option<&Sound>| sound.map(|sound| serde_json::json!(sound).to_string());
    let (before, after) = (text(before), text(after));
    api.store.note(&caller.actor, ("sound", name), account, before.as_deref(), after.as_deref()).await?;
    Ok(())
}

/// Which flows of an account name which sounds.
#[derive(Default)]
struct Users(HashMap<String, BTreeSet<String>>);

impl Users {
    fn of(api: &Api, account: &str) -> Self {
        let mut users = Self::default();
        for kept in api.rows().flows.all().filter(|kept| kept.row.account.as_str() == account) {
            let published = kept.row.published.as_ref().map(|published| &published.document);
            for sound in [Some(&kept.row.draft), published].into_iter().flatten().flat_map(sounds_in) {
                users.0.entry(sound.to_owned()).or_default().insert(kept.row.id.to_string());
            }
        }
        users
    }
}

fn shown(users: &Users, sound: Sound) -> Shown {
    let used_by = users.0.get(&sound.name).into_iter().flatten().cloned().collect();
    let Sound { name, account, bytes, length_ms, rate, changed_at, problem } = sound;
    Shown { id: name.clone(), name, account, bytes, length_ms, rate, changed_at, problem, used_by }
}

fn problem(fault: SoundFault) -> Problem {
    let text = fault.to_string();
    match fault {
        SoundFault::Name(_) => Problem::at(Code::InvalidValue, "/name", text),
        SoundFault::Audio(_) => Problem::new(Code::NotAudio, text),
        SoundFault::TooMany(_) => Problem::new(Code::QuotaReached, text),
        SoundFault::Ours(_) => Problem::new(Code::StorageFailed, text),
    }
}

/// Files are read and decoded where nobody waits for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|fault| Problem::new(Code::Fault, fault.to_string()))
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, put, delete))
        .routes(routes!(audio))
}

/// Octets of words for one sound.
const LONGEST_TEXT: usize = 4_000;
