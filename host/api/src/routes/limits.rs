//! `…/limits/preview`: what limits would have refused last week, before they are set.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use routing::config::{InForce, Limits, Zone};
use serde_json::{Map, Value, json};
use store::Whose;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Document;
use crate::edge::{Caller, Scope};
use crate::merge::{merge, without_nulls};
use crate::preview::{Of, Preview, Trial};
use crate::problem::{Code, Problem};
use crate::validate::limits;
use crate::{Api, openapi};

/// What limits would have refused, were they those of this connection: a merge patch of what it has.
#[utoipa::path(post, path = "/connections/{id}/limits/preview", tag = "connections",
    operation_id = "preview_connection_limits", request_body = openapi::Limits,
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "What they would have done in the last seven days", body = Preview), openapi::Writing))]
async fn of_connection(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Document(body): Document,
) -> Result<Json<Preview>, Problem> {
    let (row, account) = {
        let rows = api.rows();
        let row = rows.connections.get(&id).filter(|row| caller.sees(&row.account)).cloned();
        let row = row.ok_or_else(|| Problem::not_found("connection", &id))?;
        let account = rows.accounts.get(row.account.as_str()).cloned();
        (row, account)
    };
    let inherited = account.as_ref().map(|account| account.defaults.limits.clone());
    let subject = Subject {
        inherited,
        home: account.as_ref().and_then(|account| account.country.clone()),
        zone: account.map(|account| Arc::clone(&account.zone)).unwrap_or_default(),
        whose: Whose::Connection(id),
    };
    preview(&api, &caller, &row.limits, body, subject).await
}

/// The same of an account.
#[utoipa::path(post, path = "/accounts/{id}/limits/preview", tag = "accounts",
    operation_id = "preview_account_limits", request_body = openapi::Limits,
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "What they would have done in the last seven days", body = Preview), openapi::Writing))]
async fn of_account(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Document(body): Document,
) -> Result<Json<Preview>, Problem> {
    let found = api.rows().accounts.get(&id).filter(|row| caller.sees(&row.id)).cloned();
    let row = found.ok_or_else(|| Problem::not_found("account", &id))?;
    let subject = Subject { zone: Arc::clone(&row.zone), whose: Whose::Account(id), ..Subject::default() };
    preview(&api, &caller, &row.limits, body, subject).await
}

/// The same of the installation.
#[utoipa::path(post, path = "/system/limits/preview", tag = "system", operation_id = "preview_limits",
    request_body = openapi::Limits,
    responses((status = 200, description = "What they would have done in the last seven days", body = Preview), openapi::Writing))]
async fn of_all(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Document(body): Document,
) -> Result<Json<Preview>, Problem> {
    caller.must_run_the_installation()?;
    let row = Arc::clone(&api.rows().limits.row);
    preview(&api, &caller, &row, body, Subject::default()).await
}

/// Whose limits are tried.
struct Subject {
    inherited: Option<Limits>,
    home: Option<String>,
    zone: Arc<Zone>,
    whose: Whose,
}

impl Default for Subject {
    fn default() -> Self {
        Self { inherited: None, home: None, zone: Arc::default(), whose: Whose::All }
    }
}

async fn preview(
    api: &Arc<Api>,
    caller: &Caller,
    existing: &Limits,
    mut body: Map<String, Value>,
    subject: Subject,
) -> Result<Json<Preview>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    caller.may(Scope::HistoryRead)?;
    body.remove("status");
    let Value::Object(mut document) = json!(existing) else {
        return Err(Problem::new(Code::Fault, "limits are no object"));
    };
    merge(&mut document, body);
    without_nulls(&mut document);
    let drafted = limits::draft(&document)?;
    let since = store::now().as_secs().saturating_sub(LOOKS_BACK.as_secs());
    let since = timestamp::Timestamp::from_secs(since);
    let (calls, truncated) = api.store.past_calls(&subject.whose, since, MOST_CALLS).await?;
    let ours: HashSet<String> = {
        let rows = api.rows();
        let dialled = calls.iter().map(|call| &call.dialled);
        dialled.filter(|number| rows.e164(number).next().is_some()).cloned().collect()
    };
    // A week of a busy trunk is some hundred milliseconds of work.
    let played = tokio::task::spawn_blocking(move || {
        let trial = Trial {
            limits: InForce::new(&drafted, subject.inherited.as_ref()),
            zone: &subject.zone,
            of: match &subject.whose {
                Whose::Connection(id) => Of::Connection(id),
                Whose::Account(id) => Of::Account(id),
                Whose::All => Of::All,
            },
            home: subject.home.as_deref(),
            is_ours: &|number| ours.contains(number),
        };
        Preview { truncated, ..trial.play(&calls) }
    });
    played.await.map(Json).map_err(|error| Problem::new(Code::Fault, error.to_string()))
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(of_connection)).routes(routes!(of_account)).routes(routes!(of_all))
}

const LOOKS_BACK: Duration = Duration::from_secs(7 * 86_400);
/// Calls that are looked at.
const MOST_CALLS: u32 = 200_000;
