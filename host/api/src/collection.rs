//! What every collection does alike: list, read, create, change, delete, batch.
//!
//! A change takes its turn, is drafted against what is in force, committed, put in force in every shard, and only
//! then answered. It runs in a task of its own, so a client that leaves does not leave it half done.

use core::future::Future;
use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use routing::config::{Account, AccountId, Change};
use serde_json::{Map, Value, json};
use store::Actor;
use tokio::sync::OwnedMutexGuard;

use crate::Api;
use crate::body::Expected;
use crate::edge::Caller;
use crate::merge::{differences, merge, without_nulls};
use crate::problem::{Code, FieldError, Problem};
use crate::rows::{Kept, Rows, Table};
use crate::shape::{Access, Field};
use crate::validate::connection::inherit::followed;
use crate::validate::connection::secret::realigned;
use crate::validate::{Desk, Drafted, Secret};

/// One kind of row behind a collection.
pub(crate) trait Resource: Send + Sync + Sized + 'static {
    /// What one is called.
    const NOUN: &'static str;
    /// Path of the collection.
    const PATH: &'static str;
    /// Its fields.
    const FIELDS: &'static [Field];

    fn id(&self) -> &str;
    fn owner(&self) -> &AccountId;
    fn table(rows: &Rows) -> &Table<Self>;
    /// Keeps the secrets that a reply shows, for whoever sets up the other end.
    fn keep_once(&self, api: &Api, secret: &Secret, once: &mut Map<String, Value>) {
        let _ = (api, secret, once);
    }
    fn draft(
        desk: &mut Desk<'_>,
        document: Map<String, Value>,
        secret: &Secret,
        existing: Option<&Self>,
    ) -> Result<Drafted<Self>, Problem>;
    fn document(&self, base_domain: &str) -> Map<String, Value>;
    fn put(row: Arc<Self>) -> Change;
    fn gone(&self) -> Change;
    /// What refers to it, as far as it keeps it from being deleted.
    fn referrers(&self, rows: &Rows) -> Vec<String>;
    /// Adds what is only known while running.
    fn enliven(api: &Api, shown: &mut [Shown<Self>]) -> impl Future<Output = ()> + Send {
        let _ = (api, shown);
        core::future::ready(())
    }
}

/// A row on its way to a client.
pub(crate) struct Shown<R> {
    pub(crate) row: Arc<R>,
    pub(crate) document: Map<String, Value>,
}

/// Which part of a list.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) limit: Option<u32>,
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
}

impl Cut {
    /// Rows at most.
    pub(crate) fn rows(&self) -> Result<usize, Problem> {
        match self.limit {
            None => Ok(50),
            Some(limit @ 1..=1_000) => Ok(usize::try_from(limit).unwrap_or(1_000)),
            Some(_) => Err(Problem::new(Code::InvalidParameter, "limit is from 1 to 1000")),
        }
    }
}

/// Rows that the caller may see and `keep` accepts, newest first.
pub(crate) async fn list<R: Resource>(
    api: &Api,
    caller: &Caller,
    cut: &Cut,
    keep: impl Fn(&Rows, &R) -> bool,
) -> Result<Json<Value>, Problem> {
    let limit = cut.rows()?;
    let (found, has_more) = {
        let rows = api.rows();
        let wanted = |kept: &&Kept<R>| caller.sees(kept.row.owner()) && keep(&rows, &kept.row);
        let take = |all: &mut dyn Iterator<Item = &Kept<R>>| -> Vec<Arc<R>> {
            all.filter(wanted).take(limit + 1).map(|kept| Arc::clone(&kept.row)).collect()
        };
        let table = R::table(&rows);
        let mut found = match (&cut.after, &cut.before) {
            (Some(after), _) => take(&mut table.older(after)),
            (None, Some(before)) => take(&mut table.newer(before)),
            (None, None) => take(&mut table.all().rev()),
        };
        let has_more = found.len() > limit;
        found.truncate(limit);
        if cut.after.is_none() && cut.before.is_some() {
            found.reverse();
        }
        (found, has_more)
    };
    let upwards = cut.after.is_none() && cut.before.is_some();
    let next = found.last().filter(|_| has_more || upwards).map(|row| row.id().to_owned());
    let mut shown: Vec<_> = found.into_iter().map(|row| show(api, row)).collect();
    R::enliven(api, &mut shown).await;
    let data: Vec<_> = shown.into_iter().map(|s| s.document).collect();
    Ok(Json(json!({"data": data, "has_more": has_more, "next": next})))
}

/// One row.
pub(crate) async fn get<R: Resource>(api: &Api, caller: &Caller, id: &str) -> Result<Response, Problem> {
    let (row, revision) = find::<R>(&api.rows(), caller, id)?;
    reply(api, StatusCode::OK, row, revision, Told::default()).await
}

/// Creates a row.
pub(crate) async fn create<R: Resource>(
    api: &Arc<Api>,
    caller: Caller,
    mut body: Map<String, Value>,
    dry_run: bool,
) -> Result<Response, Problem> {
    let secret = Secret::take(&mut body)?;
    let turn = api.turn().await;
    let drafted = {
        let rows = api.rows();
        let mut desk = Desk::new(&rows, &caller, api);
        fresh::<R>(&mut desk, body, &secret)?
    };
    if dry_run {
        return Ok(rehearsed(api, None, drafted));
    }
    let Drafted { row, warnings, mut once } = drafted;
    row.keep_once(api, &secret, &mut once);
    let row = Arc::new(row);
    let revision = commit(api, turn, &caller, vec![R::put(Arc::clone(&row))]).await?;
    let location = format!("/api/v1{}/{}", R::PATH, row.id());
    let mut response = reply(api, StatusCode::CREATED, row, revision, Told { warnings, once }).await?;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Changes a row by a merge patch.
pub(crate) async fn patch<R: Resource>(
    api: &Arc<Api>,
    caller: Caller,
    id: &str,
    expected: &Expected,
    mut body: Map<String, Value>,
    dry_run: bool,
) -> Result<Response, Problem> {
    let secret = Secret::take(&mut body)?;
    let turn = api.turn().await;
    let (existing, drafted) = {
        let rows = api.rows();
        let (existing, revision) = find::<R>(&rows, &caller, id)?;
        expected.check(&tag(revision))?;
        let mut document = existing.document(&api.about.base_domain);
        only_writable(R::FIELDS, &mut body, Some(&document))?;
        document.retain(|name, _| R::FIELDS.iter().any(|f| f.name == name && f.access != Access::ReadOnly));
        merge(&mut document, body);
        without_nulls(&mut document);
        let mut desk = Desk::new(&rows, &caller, api);
        let drafted = R::draft(&mut desk, document, &secret, Some(&existing))?;
        (existing, drafted)
    };
    if dry_run {
        return Ok(rehearsed(api, Some(&*existing), drafted));
    }
    let Drafted { row, warnings, mut once } = drafted;
    row.keep_once(api, &secret, &mut once);
    let row = Arc::new(row);
    let revision = commit(api, turn, &caller, vec![R::put(Arc::clone(&row))]).await?;
    reply(api, StatusCode::OK, row, revision, Told { warnings, once }).await
}

/// Deletes a row that nothing refers to.
pub(crate) async fn delete<R: Resource>(
    api: &Arc<Api>,
    caller: Caller,
    id: &str,
    expected: &Expected,
    dry_run: bool,
) -> Result<Response, Problem> {
    let turn = api.turn().await;
    let row = {
        let rows = api.rows();
        let (row, revision) = find::<R>(&rows, &caller, id)?;
        expected.check(&tag(revision))?;
        let referrers = row.referrers(&rows);
        if !referrers.is_empty() {
            let message = format!("the {} is still used by {}", R::NOUN, referrers.join(", "));
            return Err(Problem::new(Code::InUse, message));
        }
        row
    };
    if !dry_run {
        commit(api, turn, &caller, vec![row.gone()]).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Creates many rows, each on its own, in one transaction.
pub(crate) async fn batch<R: Resource>(
    api: &Arc<Api>,
    caller: Caller,
    mut body: Map<String, Value>,
    dry_run: bool,
) -> Result<Json<Value>, Problem> {
    let items = match body.remove("items") {
        Some(Value::Array(items)) if items.len() <= LARGEST_BATCH => items,
        Some(Value::Array(_)) => {
            return Err(Problem::at(Code::InvalidValue, "/items", format!("at most {LARGEST_BATCH} items")));
        }
        Some(_) => return Err(Problem::at(Code::InvalidType, "/items", "must be an array")),
        None => return Err(Problem::at(Code::FieldMissing, "/items", "items is needed")),
    };
    if let Some(name) = body.keys().next() {
        return Err(Problem::at(Code::UnknownField, format!("/{name}"), format!("there is no field {name}")));
    }
    let turn = api.turn().await;
    let (drafts, caller) = draft_all::<R>(api, caller, items).await?;
    let mut changes = Vec::with_capacity(drafts.len());
    let results: Vec<_> = drafts
        .into_iter()
        .map(|draft| match draft {
            Ok(Drafted { row, warnings, once }) => {
                let mut result = json!({"status": 201, "id": row.id()});
                for (name, value) in once {
                    result[name] = value;
                }
                if !warnings.is_empty() {
                    result["warnings"] = json!(warnings);
                }
                changes.push(R::put(Arc::new(row)));
                result
            }
            Err(problem) => json!({"status": problem.code.status(), "error": problem.document()}),
        })
        .collect();
    if !dry_run && !changes.is_empty() {
        commit(api, turn, &caller, changes).await?;
    }
    Ok(Json(json!({"results": results})))
}

/// Ten thousand drafts take a while, so they get a thread.
async fn draft_all<R: Resource>(
    api: &Arc<Api>,
    caller: Caller,
    items: Vec<Value>,
) -> Result<(Vec<Result<Drafted<R>, Problem>>, Caller), Problem> {
    let api = Arc::clone(api);
    let work = move || {
        let rows = api.rows();
        let mut desk = Desk::new(&rows, &caller, &api);
        let draft = |item| match item {
            Value::Object(mut body) => {
                Secret::take(&mut body).and_then(|secret| fresh::<R>(&mut desk, body, &secret))
            }
            _ => Err(Problem::at(Code::InvalidType, "", "must be an object")),
        };
        let drafts = items.into_iter().map(draft).collect();
        (drafts, caller)
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::new(Code::Fault, error.to_string()))
}

/// A draft of a new row.
pub(crate) fn fresh<R: Resource>(
    desk: &mut Desk<'_>,
    mut body: Map<String, Value>,
    secret: &Secret,
) -> Result<Drafted<R>, Problem> {
    only_writable(R::FIELDS, &mut body, None)?;
    without_nulls(&mut body);
    R::draft(desk, body, secret, None)
}

/// Takes away what only the server sets. What was read may be sent back; another id is a misunderstanding.
fn only_writable(
    fields: &[Field],
    body: &mut Map<String, Value>,
    current: Option<&Map<String, Value>>,
) -> Result<(), Problem> {
    let read_only: Vec<_> = fields.iter().filter(|f| f.access == Access::ReadOnly).map(|f| f.name).collect();
    for name in read_only {
        let Some(value) = body.remove(name) else { continue };
        if name == "id" && current.and_then(|c| c.get(name)) != Some(&value) {
            return Err(FieldError::new(Code::ReadOnly, "/id", "ids are made by the server").into());
        }
    }
    Ok(())
}

/// A row that the caller may see, and its revision.
pub(crate) fn find<R: Resource>(rows: &Rows, caller: &Caller, id: &str) -> Result<(Arc<R>, u64), Problem> {
    let kept = R::table(rows).kept(id).filter(|kept| caller.sees(kept.row.owner()));
    kept.map(|kept| (Arc::clone(&kept.row), kept.revision)).ok_or_else(|| Problem::not_found(R::NOUN, id))
}

/// Puts changes on disk, then in force everywhere; the revision they made.
pub(crate) async fn commit(
    api: &Arc<Api>,
    turn: OwnedMutexGuard<()>,
    caller: &Caller,
    changes: Vec<Change>,
) -> Result<u64, Problem> {
    commit_as(api, turn, caller.actor.clone(), changes).await
}

/// The same, by somebody who is no caller of the API.
pub(crate) async fn commit_as(
    api: &Arc<Api>,
    turn: OwnedMutexGuard<()>,
    actor: Actor,
    changes: Vec<Change>,
) -> Result<u64, Problem> {
    let api = Arc::clone(api);
    let work = async move {
        let domains = changes.iter().any(|c| matches!(c, Change::Domain(_) | Change::DomainGone(_)));
        let accounts = with_other_defaults(&api.rows(), &changes);
        let delta = api.store.apply(&actor, changes).await?;
        api.rows_mut().apply(&delta);
        api.shards.apply(Arc::clone(&delta)).await;
        let mut follow = if domains { realigned(&api.rows(), &api.about.base_domain) } else { Vec::new() };
        if !accounts.is_empty() {
            follow.extend(followed(&api.rows(), &accounts));
        }
        if !follow.is_empty() {
            let delta = api.store.apply(&actor, follow).await?;
            api.rows_mut().apply(&delta);
            api.shards.apply(delta).await;
        }
        if delta.changes.iter().any(|change| matches!(change, Change::MailboxGone(_))) {
            api.store.sweep_voicemail().await?;
        }
        for change in &delta.changes {
            if let Change::Mailbox(row) = change {
                api.tell_waiting(&row.id).await;
            }
        }
        drop(turn);
        Ok(delta.revision)
    };
    tokio::spawn(work).await.map_err(|error| Problem::new(Code::Fault, error.to_string()))?
}

/// Accounts whose connections inherit something else from now on.
fn with_other_defaults(rows: &Rows, changes: &[Change]) -> Vec<Arc<Account>> {
    let changed = |change: &Change| match change {
        Change::Account(row) => {
            let before = rows.accounts.get(row.id.as_str());
            before.is_some_and(|before| before.defaults != row.defaults).then(|| Arc::clone(row))
        }
        _ => None,
    };
    changes.iter().filter_map(changed).collect()
}

/// What a reply says beyond the resource.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) warnings: Vec<String>,
    /// Members that no later reply shows.
    pub(crate) once: Map<String, Value>,
}

/// A row with its ETag.
pub(crate) async fn reply<R: Resource>(
    api: &Api,
    status: StatusCode,
    row: Arc<R>,
    revision: u64,
    told: Told,
) -> Result<Response, Problem> {
    let mut shown = [show(api, row)];
    R::enliven(api, &mut shown).await;
    let [Shown { mut document, .. }] = shown;
    if status != StatusCode::OK || !told.warnings.is_empty() {
        document.insert("warnings".to_owned(), json!(told.warnings));
    }
    document.extend(told.once);
    let tag = HeaderValue::from_str(&tag(revision))
        .map_err(|error| Problem::new(Code::Fault, error.to_string()))?;
    Ok((status, [(header::ETAG, tag)], Json(Value::Object(document))).into_response())
}

fn show<R: Resource>(api: &Api, row: Arc<R>) -> Shown<R> {
    let document = row.document(&api.about.base_domain);
    Shown { row, document }
}

fn rehearsed<R: Resource>(api: &Api, before: Option<&R>, after: Drafted<R>) -> Response {
    let base = &api.about.base_domain;
    let document = after.row.document(base);
    let changes = differences(&before.map(|row| row.document(base)).unwrap_or_default(), &document);
    Json(json!({"dry_run": true, "resource": document, "changes": changes, "warnings": after.warnings}))
        .into_response()
}

/// The entity tag of a revision.
pub(crate) fn tag(revision: u64) -> String {
    format!("\"{revision}\"")
}

const LARGEST_BATCH: usize = 10_000;
