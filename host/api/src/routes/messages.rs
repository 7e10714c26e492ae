//! `/mailboxes/{id}/messages`: what callers left there. Deleting one leaves nothing of it behind.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use routing::config::Mailbox;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{MessageQuery, MessageState, PageQuery, VoiceMessage, rfc3339};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audio_file::AudioForm;
use crate::body::{Asked, Document};
use crate::collection::{Cut, find};
use crate::edge::{Caller, Scope};
use crate::openapi::Listed;
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::{Api, openapi, validate};

/// A message.
#[derive(Debug, Serialize, ToSchema)]
struct Message {
    /// `vm_…`.
    id: String,
    /// The mailbox.
    mailbox: String,
    /// When it was left.
    at: String,
    /// `new`, `old` or `saved`.
    state: &'static str,
    /// Number or user of the caller; empty if withheld.
    from: String,
    /// The caller's name.
    from_name: String,
    /// What was dialled.
    to: String,
    /// How long it is.
    length_ms: u64,
    /// Octets of its audio.
    bytes: u64,
    /// What is said in it.
    transcript: Transcript,
    /// The call.
    call_id: String,
    /// E-mails about it that are not sent yet, or were given up.
    mails: Vec<Mail>,
}

/// What is said in a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageTranscript)]
struct Transcript {
    /// `none`, `queued`, `running`, `done`, `failed` or `no_engine`.
    state: String,
    /// The words; or why there are none.
    text: String,
}

/// An e-mail about a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageMail)]
struct Mail {
    /// To whom.
    to: String,
    /// `pending` or `failed`.
    state: &'static str,
    /// Attempts so far.
    attempts: u32,
    /// When it is tried next.
    next_at: Option<String>,
    /// What was wrong the last time.
    problem: String,
}

/// Which messages.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Messages {
    /// Rows at most, 1 to 1000; 50 if absent.
    limit: Option<u32>,
    /// Continue with what is older: `next` of the page before, or an id.
    after: Option<String>,
    /// Continue with what is newer.
    before: Option<String>,
    /// In this state: `new`, `old` or `saved`.
    state: Option<String>,
}

/// Whether a message was heard.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct MessageChange {
    /// `new`, `old` or `saved`.
    state: String,
}

const FIELDS: &[Field] = &[Field::open("state", Shape::Choice(&["new", "old", "saved"]), "")];

/// Messages of a mailbox, newest first.
#[utoipa::path(get, path = "/mailboxes/{id}/messages", tag = "mailboxes", operation_id = "list_messages",
    params(("id" = String, Path, description = "Id of the mailbox"), Messages),
    responses((status = 200, description = "One page", body = Listed<Message>), openapi::Reading))]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(query): Asked<Messages>,
) -> Result<Json<Value>, Problem> {
    caller.may(Scope::HistoryRead)?;
    let (mailbox, _) = find::<Mailbox>(&api.rows(), &caller, &id)?;
    let cut = Cut { limit: query.limit, after: query.after.clone(), before: query.before.clone() };
    let limit = u32::try_from(cut.rows()?).unwrap_or(1_000);
    let state = match query.state.as_deref() {
        None => None,
        Some(name) => Some(
            MessageState::from_name(name)
                .ok_or_else(|| Problem::new(Code::InvalidParameter, "state is new, old or saved"))?,
        ),
    };
    let page = PageQuery { limit, after: query.after, before: query.before };
    let asked = MessageQuery { page, mailbox: mailbox.id.to_string(), state };
    let page = api.store.messages(&asked).await?;
    let mut data = Vec::with_capacity(page.data.len());
    for message in page.data {
        data.push(shown(&api, message).await?);
    }
    Ok(Json(serde_json::json!({"data": data, "has_more": page.has_more, "next": page.next})))
}

/// One message.
#[utoipa::path(get, path = "/mailboxes/{id}/messages/{message}", tag = "mailboxes", operation_id = "get_message",
    params(("id" = String, Path, description = "Id of the mailbox"), ("message" = String, Path, description = "Its id")),
    responses((status = 200, description = "The message", body = Message), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<Json<Message>, Problem> {
    caller.may(Scope::HistoryRead)?;
    let message = known(&api, &caller, &id, &message).await?;
    Ok(Json(shown(&api, message).await?))
}

/// Says whether somebody heard it. Phones are told.
#[utoipa::path(patch, path = "/mailboxes/{id}/messages/{message}", tag = "mailboxes", operation_id = "change_message",
    params(("id" = String, Path, description = "Id of the mailbox"), ("message" = String, Path, description = "Its id")),
    request_body = MessageChange,
    responses((status = 200, description = "The message", body = Message), openapi::Writing))]
async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
    Document(body): Document,
) -> Result<Json<Message>, Problem> {
    caller.may(Scope::ConfigWrite)?;
    let mut errors = Vec::new();
    shape::check(&body, FIELDS, u8::MAX, "", &mut errors);
    validate::needed(&body, &["state"], &mut errors);
    validate::verdict(errors)?;
    let message = known(&api, &caller, &id, &message).await?;
    let state = state_in(&body).unwrap_or(message.state);
    let changed = api.store.set_message_state(&message.id, state).await?;
    let changed = changed.ok_or_else(|| Problem::not_found("message", &message.id))?;
    api.tell_waiting(&message.mailbox).await;
    Ok(Json(shown(&api, changed).await?))
}

fn state_in(body: &Map<String, Value>) -> Option<MessageState> {
    body.get("state").and_then(Value::as_str).and_then(MessageState::from_name)
}

/// Deletes a message: its audio, its words, and e-mails that wait to tell of it. Phones are told.
#[utoipa::path(delete, path = "/mailboxes/{id}/messages/{message}", tag = "mailboxes", operation_id = "delete_message",
    params(("id" = String, Path, description = "Id of the mailbox"), ("message" = String, Path, description = "Its id")),
    responses((status = 204, description = "Gone"), openapi::Writing))]
async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::ConfigWrite)?;
    let message = known(&api, &caller, &id, &message).await?;
    api.store.delete_message(&message).await?;
    api.tell_waiting(&message.mailbox).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The audio of a message, as a WAV file or Ogg Opus.
#[utoipa::path(get, path = "/mailboxes/{id}/messages/{message}/audio", tag = "mailboxes", operation_id = "get_message_audio",
    params(("id" = String, Path, description = "Id of the mailbox"), ("message" = String, Path, description = "Its id"), AudioForm),
    responses((status = 200, description = "WAV, or Ogg Opus", content_type = "audio/wav", body = Vec<u8>), openapi::Reading))]
async fn audio(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
    Asked(form): Asked<AudioForm>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::HistoryRead)?;
    let message = known(&api, &caller, &id, &message).await?;
    let path = api.store.voicemail_file(&message.account, &message.id);
    let sent = form.sent(&path, Some(&message.id), &headers).await?;
    sent.map_err(|fault| Problem::new(Code::Fault, format!("{}: {fault}", path.display())))
}

/// A message of a mailbox that the caller may see.
async fn known(api: &Api, caller: &Caller, mailbox: &str, message: &str) -> Result<VoiceMessage, Problem> {
    let (mailbox, _) = find::<Mailbox>(&api.rows(), caller, mailbox)?;
    let found = api.store.message(message).await?.filter(|found| found.mailbox == mailbox.id);
    found.ok_or_else(|| Problem::not_found("message", message))
}

async fn shown(api: &Api, message: VoiceMessage) -> Result<Message, Problem> {
    let mails = api.store.mails_of(&message.id).await?.into_iter().map(|mail| Mail {
        to: mail.recipient,
        state: if mail.next_at.is_some() { "pending" } else { "failed" },
        attempts: mail.attempts,
        next_at: mail.next_at.map(rfc3339),
        problem: mail.problem,
    });
    Ok(Message {
        mails: mails.collect(),
        id: message.id,
        mailbox: message.mailbox.to_string(),
        at: rfc3339(message.at),
        state: message.state.as_str(),
        from: message.from,
        from_name: message.from_name,
        to: message.to,
        length_ms: message.length_ms,
        bytes: message.bytes,
        transcript: Transcript { state: message.transcript.state, text: message.transcript.text },
        call_id: message.call_id,
    })
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, patch, delete)).routes(routes!(audio))
}
