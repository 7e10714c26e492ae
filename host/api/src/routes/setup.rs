//! `/setup`: the first owner comes in by the one-time link, and the door closes for good.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use routing::config::{Account, Change};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{Actor, NewKey};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Document;
use crate::collection::{Resource, commit};
use crate::edge::{Caller, Scope};
use crate::problem::{Code, FieldError, Problem};
use crate::shape::{self, Field, Shape};
use crate::validate::{self, Desk, Drafted, Secret};
use crate::{Api, openapi};

/// Whether the first owner is still awaited.
#[derive(Debug, Serialize, ToSchema)]
struct SetupState {
    /// Always true: once there is an owner, this is 404.
    open: bool,
}

/// The first owner.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct Claim {
    /// From the set-up link, behind `#setup=`.
    token: String,
    /// Name to sign in with.
    name: String,
    /// At least 10 characters.
    #[schema(write_only)]
    password: String,
    /// Country of the first account, ISO 3166.
    country: Option<String>,
}

/// The owner, and a key.
#[derive(Debug, Serialize, ToSchema)]
struct Claimed {
    /// Id of the owner.
    admin: String,
    /// Name of the owner.
    name: String,
    /// A key of scope admin. Nobody can show it again.
    key: String,
}

const FIELDS: &[Field] = &[
    Field::open("token", Shape::Text(1, 200), ""),
    Field::open("name", Shape::Text(1, 100), ""),
    Field::open("password", Shape::Text(10, 1_000), ""),
    Field::open("country", Shape::Text(2, 2), ""),
];

/// Whether the first owner is still awaited. No key is needed.
#[utoipa::path(get, path = "/setup", tag = "setup", operation_id = "get_setup", security(()),
    responses((status = 200, description = "It is", body = SetupState), openapi::Reading))]
async fn state(State(api): State<Arc<Api>>) -> Result<Json<SetupState>, Problem> {
    still_open(&api).await?;
    Ok(Json(SetupState { open: true }))
}

/// Creates the first owner. Of two at once, one wins; afterwards this is 404.
#[utoipa::path(post, path = "/setup", tag = "setup", operation_id = "claim_setup", security(()), request_body = Claim,
    responses((status = 201, description = "The owner, and a key that is shown once", body = Claimed), openapi::Writing))]
async fn claim(
    State(api): State<Arc<Api>>,
    Document(mut body): Document,
) -> Result<(StatusCode, Json<Claimed>), Problem> {
    still_open(&api).await?;
    crate::merge::without_nulls(&mut body);
    check(&body)?;
    // A client that leaves must not leave the door half closed.
    let claimed = tokio::spawn(enter(Arc::clone(&api), body)).await;
    let claimed = claimed.map_err(|error| Problem::new(Code::Fault, error.to_string()))??;
    Ok((StatusCode::CREATED, Json(claimed)))
}

async fn still_open(api: &Api) -> Result<(), Problem> {
    if api.store.has_admin().await? {
        return Err(Problem::new(Code::NotFound, "the installation has an owner; set-up is closed"));
    }
    Ok(())
}

fn check(body: &Map<String, Value>) -> Result<(), Problem> {
    let mut errors = Vec::new();
    shape::check(body, FIELDS, u8::MAX, "", &mut errors);
    validate::needed(body, &["token", "name", "password"], &mut errors);
    let country = body.get("country").and_then(Value::as_str);
    if country.is_some_and(|c| !validate::limits::is_country(c)) {
        errors.push(FieldError::new(Code::InvalidValue, "/country", "a country code of two letters"));
    }
    validate::verdict(errors)
}

async fn enter(api: Arc<Api>, body: Map<String, Value>) -> Result<Claimed, Problem> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let turn = api.turn().await;
    still_open(&api).await?;
    if !api.store.take_setup_token(text("token")).await? {
        let message = "start again with a fresh link: trunkline setup-link";
        return Err(Problem::new(Code::SetupTokenInvalid, message));
    }
    let actor = Actor { name: "setup".to_owned(), via: "console".to_owned() };
    let admin = api.store.create_admin(&actor, text("name"), text("password")).await?;
    if let Some(country) = body.get("country").and_then(Value::as_str) {
        let caller = Caller::local();
        let change = with_country(&api, &caller, country)?;
        if let Some(change) = change {
            commit(&api, turn, &caller, vec![change]).await?;
        }
    }
    let new = NewKey {
        name: format!("{} (set-up)", text("name")),
        account: None,
        scopes: vec![Scope::Admin.as_str().to_owned()],
        expires_at: None,
    };
    let (_, key) = api.store.create_key(&actor, new).await?;
    Ok(Claimed { admin: admin.id, name: admin.name, key })
}

/// The first account, in this country.
fn with_country(api: &Api, caller: &Caller, country: &str) -> Result<Option<Change>, Problem> {
    let rows = api.rows();
    let Some(main) = rows.account("main").cloned() else { return Ok(None) };
    let mut document = main.document(&api.about.base_domain);
    document.remove("id");
    document.insert("country".to_owned(), Value::String(country.to_owned()));
    crate::merge::without_nulls(&mut document);
    let mut desk = Desk::new(&rows, caller, api);
    let Drafted { row, .. } = Account::draft(&mut desk, document, &Secret::Keep, Some(&main))?;
    Ok(Some(Account::put(Arc::new(row))))
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(state, claim))
}
