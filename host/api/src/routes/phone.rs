//! `/session/phone` and `/connections/{id}/provisioning`: how a phone gets what it needs to sign in.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use routing::config::{Connection, Domain, Kind};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{KeyRow, NewKey, from_rfc3339, now, rfc3339};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Emptiable;
use crate::collection::find;
use crate::edge::{Caller, Scope};
use crate::onboarding::{Facts, beyond_browsers};
use crate::problem::{Code, FieldError, Problem};
use crate::provisioning::settings::{Settings, Sign};
use crate::provisioning::{self, linphone, qr};
use crate::shape::{self, Field, Shape};
use crate::{Api, openapi, validate};

/// Which phone, and for how long.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what ASKED checks")]
struct PhoneRequest {
    /// The connection; the link of a phone tells it by itself.
    connection: Option<String>,
    /// Seconds that the password is good for, 3600 unless said.
    lifetime_s: Option<u32>,
}

const ASKED: &[Field] = &[
    Field::open("connection", Shape::Text(1, 253), ""),
    Field::open("lifetime_s", Shape::Integer(60, 86_400), ""),
];

/// A link to be made.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what LINK checks")]
struct PhoneLinkRequest {
    /// What people call the phone.
    label: Option<String>,
    /// When the link stops working, RFC 3339 [in a year].
    expires_at: Option<String>,
}

const LINK: &[Field] =
    &[Field::open("label", Shape::Text(1, 200), ""), Field::open("expires_at", Shape::Text(1, 64), "")];

/// The link of one phone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PhoneLink)]
struct Link {
    /// Identifier, `key_…`: the link is a key of the API that can do nothing but this.
    id: String,
    /// What people call the phone.
    label: String,
    /// When it was made.
    created_at: String,
    /// When it stops working.
    expires_at: Option<String>,
    /// When it was last used, within a minute.
    last_used_at: Option<String>,
}

/// All links of a connection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PhoneLinks)]
struct Links {
    data: Vec<Link>,
}

/// A link, the one time it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FreshPhoneLink)]
struct FreshLink {
    #[serde(flatten)]
    link: Link,
    /// The key: `Authorization: Bearer KEY` of `POST /session/phone`. Nobody can show it again.
    key: String,
    /// For a browser.
    web: Shown,
    /// For Linphone and what reads its files: fetching this makes a password of its own for the softphone.
    softphone: Shown,
}

/// An address, and the same for a camera.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PhoneLinkAddress)]
struct Shown {
    /// The address.
    url: String,
    /// A QR code of it, SVG.
    qr: String,
}

/// What a phone in a browser needs to sign in, with a password made for this reply: where SIP goes, who it is, ICE servers.
///
/// With the link of a phone, or with a key that may change connections and the connection named. Ask again before
/// `expires_at`: what is registered and talking goes on.
#[utoipa::path(post, path = "/session/phone", tag = "phones", operation_id = "sign_in_phone", request_body = PhoneRequest,
    responses((status = 200, description = "The settings", body = Settings), openapi::Writing))]
async fn sign_in(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    Emptiable(mut body): Emptiable,
) -> Result<Response, Problem> {
    checked(&mut body, ASKED)?;
    let named = body.get("connection").and_then(Value::as_str);
    let id = match (&caller.phone, named) {
        (Some(phone), None) => phone.clone(),
        (Some(phone), Some(named)) if phone == named => phone.clone(),
        (Some(_), Some(_)) => {
            return Err(Problem::at(Code::ScopeMissing, "/connection", "the link is of another phone"));
        }
        (None, Some(named)) => {
            caller.may(Scope::ConnectionsWrite)?;
            named.to_owned()
        }
        (None, None) => return Err(Problem::at(Code::FieldMissing, "/connection", "connection is needed")),
    };
    let lifetime = body.get("lifetime_s").and_then(Value::as_u64).map_or(LIFETIME, Duration::from_secs);
    let (row, domain) = phone(&api, &caller, &id)?;
    let sign = Sign::of(&row, &domain, &api.about.passes, lifetime);
    let websocket = provisioning::web_socket(&provisioning::origin(&api.about, &headers));
    Ok(unkept(Json(Settings::of(&row, sign, websocket, (&api.about, &api.store)))))
}

/// The links by which phones sign in as this connection, newest first.
#[utoipa::path(get, path = "/connections/{id}/provisioning", tag = "phones", operation_id = "list_phone_links",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "All of them", body = Links), openapi::Reading))]
async fn links(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Links>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    find::<Connection>(&api.rows(), &caller, &id)?;
    Ok(Json(Links { data: of_phone(&api, &id).await?.into_iter().map(Link::from).collect() }))
}

/// Makes a link by which one phone signs in as this connection, as addresses and QR codes: for a browser, and for a
/// softphone. The reply shows them once.
#[utoipa::path(post, path = "/connections/{id}/provisioning", tag = "phones", operation_id = "create_phone_link",
    params(("id" = String, Path, description = "Its id")), request_body = PhoneLinkRequest,
    responses((status = 201, description = "The link", body = FreshLink), openapi::Writing))]
async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Emptiable(mut body): Emptiable,
) -> Result<(StatusCode, Json<FreshLink>), Problem> {
    caller.may(Scope::ConnectionsWrite)?;
    checked(&mut body, LINK)?;
    let (row, _) = phone(&api, &caller, &id)?;
    let expires_at = match body.get("expires_at").and_then(Value::as_str) {
        Some(at) => from_rfc3339(at).filter(|at| *at > now()).ok_or_else(|| {
            Problem::at(Code::InvalidValue, "/expires_at", "a time to come, like 2030-01-31T12:00:00Z")
        })?,
        None => now() + YEAR,
    };
    if of_phone(&api, &id).await?.len() >= MOST_LINKS {
        return Err(Problem::new(Code::InvalidValue, format!("a connection has {MOST_LINKS} links at most")));
    }
    let label = body.get("label").and_then(Value::as_str).unwrap_or(&row.name).to_owned();
    let scopes = vec![provisioning::scope(&id)];
    let new =
        NewKey { name: label, account: Some(row.account.clone()), scopes, expires_at: Some(expires_at) };
    let (kept, key) = api.store.create_key(&caller.actor, new).await?;
    let origin = provisioning::origin(&api.about, &headers);
    let shown = |url: String| qr::svg(&url).map(|qr| Shown { url, qr });
    let web = shown(format!("{origin}/phone#key={key}"))?;
    let softphone = shown(format!("{origin}/api/v1/provisioning/{key}"))?;
    Ok((StatusCode::CREATED, Json(FreshLink { link: Link::from(kept), key, web, softphone })))
}

/// Deletes a link: its phone gets no further password, and the one it has lasts until its time is over.
#[utoipa::path(delete, path = "/connections/{id}/provisioning/{link}", tag = "phones", operation_id = "delete_phone_link",
    params(("id" = String, Path, description = "Id of the connection"), ("link" = String, Path, description = "Id of the link")),
    responses((status = 204, description = "Gone"), openapi::Writing))]
async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, link)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::ConnectionsWrite)?;
    find::<Connection>(&api.rows(), &caller, &id)?;
    let known = of_phone(&api, &id).await?.iter().any(|key| key.id == link);
    if known && api.store.delete_key(&caller.actor, &link).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("link", &link))
}

/// The settings of a softphone in the format of Linphone's remote provisioning, with a password of its own. The address is
/// the secret: no key is asked for.
#[utoipa::path(get, path = "/provisioning/{key}", tag = "phones", operation_id = "get_provisioning", security(()),
    params(("key" = String, Path, description = "The key of a link")),
    responses((status = 200, description = "The file", content_type = "application/xml", body = String), openapi::Reading))]
async fn file(State(api): State<Arc<Api>>, Path(key): Path<String>) -> Result<Response, Problem> {
    let gone = || Problem::new(Code::NotFound, "the link is unknown, expired or deleted");
    let row = api.store.find_key(&key).await?.ok_or_else(gone)?;
    let caller = Caller::of_key(&row);
    let id = caller.phone.clone().ok_or_else(gone)?;
    let (connection, domain) = phone(&api, &caller, &id)?;
    beyond_browsers(&connection)?;
    let until = row.expires_at.unwrap_or_else(|| now() + YEAR);
    let sign = Sign::of(&connection, &domain, &api.about.passes, until.since(now()));
    let text = {
        let rows = api.rows();
        let facts = Facts::of(&connection, &rows, &api.about, &[]);
        linphone::file(&sign, &facts)
    };
    Ok(unkept(([(header::CONTENT_TYPE, "application/xml; charset=utf-8")], text)))
}

/// The phone, and the domain it registers in.
fn phone(api: &Api, caller: &Caller, id: &str) -> Result<(Arc<Connection>, Arc<Domain>), Problem> {
    let rows = api.rows();
    let (row, _) = find::<Connection>(&rows, caller, id)?;
    if row.kind != Kind::Device || row.user.is_none() {
        return Err(Problem::new(Code::FieldNotOfKind, "only a device with a user signs in"));
    }
    let own = row.domain.as_ref().and_then(|id| rows.domains.get(id.as_str()));
    let domain = own.or_else(|| rows.first_registrar(&row.account));
    let domain = domain.cloned().ok_or_else(|| Problem::new(Code::NotFound, "its account has no domain"))?;
    Ok((row, domain))
}

async fn of_phone(api: &Api, id: &str) -> Result<Vec<KeyRow>, Problem> {
    let scope = provisioning::scope(id);
    let mut keys = api.store.list_keys().await?;
    keys.retain(|key| key.scopes.contains(&scope));
    Ok(keys)
}

fn checked(body: &mut Map<String, Value>, fields: &[Field]) -> Result<(), Problem> {
    crate::merge::without_nulls(body);
    let mut errors: Vec<FieldError> = Vec::new();
    shape::check(body, fields, u8::MAX, "", &mut errors);
    validate::verdict(errors)
}

/// A reply with a secret, which nobody on the way is to keep.
fn unkept(reply: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], reply).into_response()
}

impl From<KeyRow> for Link {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            label: row.name,
            created_at: rfc3339(row.created_at),
            expires_at: row.expires_at.map(rfc3339),
            last_used_at: row.last_used_at.map(rfc3339),
        }
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(routes!(links, create))
        .routes(routes!(delete))
        .routes(routes!(file))
}

/// How long a password is good when nobody says: a page asks again after half of it.
const LIFETIME: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
/// Phones of one connection.
const MOST_LINKS: usize = 50;
