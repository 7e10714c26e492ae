//! `/system/certificates`: what is presented to whoever wants TLS. A private key goes in and never comes out.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use certificates::{Entry, ShelfFault, Source};
use serde::Serialize;
use serde_json::Value;
use store::rfc3339;
use timestamp::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Document;
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::{Api, openapi, validate};

/// A certificate.
#[derive(Debug, Serialize, ToSchema)]
struct Certificate {
    /// Its name: that of the files in `certificates` of the data folder.
    name: String,
    /// `self_signed`: made by the server; `folder`: put there or through the API; `option`: `--tls-cert`.
    source: &'static str,
    /// Whose it is.
    subject: String,
    /// Who signed it.
    issuer: String,
    /// Host names, addresses and SIP domains that it is presented for.
    names: Vec<String>,
    /// From when it is good.
    not_before: Option<String>,
    /// Until when it is good.
    not_after: Option<String>,
    /// SHA-256.
    fingerprint: Option<String>,
    /// Whether it is presented to whoever asks for no known name.
    default: bool,
    /// What is wrong with its files, or will be soon. A former good one may be in use all the same.
    problem: Option<String>,
}

/// A certificate to be presented.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct CertificateRequest {
    /// Its name; made from the first host name if absent. One of the same name is replaced.
    name: Option<String>,
    /// The chain in PEM, the certificate itself first.
    certificate: String,
    /// Its private key in PEM; never shown.
    private_key: String,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
struct Certificates {
    /// By name.
    data: Vec<Certificate>,
    /// Always false: there are few.
    has_more: bool,
}

const FIELDS: &[Field] = &[
    Field::open("name", Shape::Text(1, 100), ""),
    Field::open("certificate", Shape::Prose(200_000), ""),
    Field::open("private_key", Shape::Prose(50_000), ""),
];

/// What is presented, by name.
#[utoipa::path(get, path = "/system/certificates", tag = "system", operation_id = "list_certificates",
    responses((status = 200, description = "All of them", body = Certificates), openapi::Reading))]
async fn list(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<Certificates>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    Ok(Json(all(&api.about.shelf.entries())))
}

/// Adds a certificate, or replaces the one of that name. It is in force at once; connections that are up stay.
#[utoipa::path(post, path = "/system/certificates", tag = "system", operation_id = "create_certificate",
    request_body = CertificateRequest,
    responses((status = 201, description = "The certificate", body = Certificate), openapi::Writing))]
async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Document(mut body): Document,
) -> Result<(StatusCode, Json<Certificate>), Problem> {
    caller.must_run_the_installation()?;
    crate::merge::without_nulls(&mut body);
    let mut errors = Vec::new();
    shape::check(&body, FIELDS, u8::MAX, "", &mut errors);
    validate::needed(&body, &["certificate", "private_key"], &mut errors);
    validate::verdict(errors)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (chain, key) = (text("certificate"), text("private_key"));
    let name = match body.get("name").and_then(Value::as_str) {
        Some(name) => name.to_owned(),
        None => certificates::name_for(&chain).map_err(|problem| unfit(&ShelfFault::Unfit(problem)))?,
    };
    let shelf = Arc::clone(&api.about.shelf);
    let put = tokio::task::spawn_blocking(move || shelf.put(&name, &chain, &key)).await;
    let entry =
        put.map_err(|fault| Problem::new(Code::Fault, fault.to_string()))?.map_err(|fault| unfit(&fault))?;
    Ok((StatusCode::CREATED, Json(Certificate::from(&entry))))
}

/// Reads all files again, authorities too. A bad file replaces no good certificate; see `problem`.
#[utoipa::path(post, path = "/system/certificates/reload", tag = "system", operation_id = "reload_certificates",
    responses((status = 200, description = "All of them", body = Certificates), openapi::Writing))]
async fn reload(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<Certificates>, Problem> {
    caller.must_run_the_installation()?;
    let (shelf, trust) = (Arc::clone(&api.about.shelf), Arc::clone(&api.about.trust));
    let keyring = Arc::clone(&api.about.keyring);
    let read = tokio::task::spawn_blocking(move || {
        trust.reload();
        // What is wrong there stands in the log when the files are looked at.
        drop(keyring.reload());
        shelf.reload()
    });
    let entries = read.await.map_err(|fault| Problem::new(Code::Fault, fault.to_string()))?;
    Ok(Json(all(&entries)))
}

/// Removes a certificate and its key; others are presented in its place.
#[utoipa::path(delete, path = "/system/certificates/{name}", tag = "system", operation_id = "delete_certificate",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "It is gone"), openapi::Writing))]
async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.must_run_the_installation()?;
    let shelf = Arc::clone(&api.about.shelf);
    let removed = tokio::task::spawn_blocking(move || shelf.remove(&name)).await;
    removed.map_err(|fault| Problem::new(Code::Fault, fault.to_string()))?.map_err(|fault| unfit(&fault))?;
    Ok(StatusCode::NO_CONTENT)
}

fn all(entries: &[Entry]) -> Certificates {
    Certificates { data: entries.iter().map(Certificate::from).collect(), has_more: false }
}

impl From<&Entry> for Certificate {
    fn from(entry: &Entry) -> Self {
        let known = !entry.fingerprint.is_empty();
        let moment = |seconds: i64| {
            known.then(|| rfc3339(Timestamp::from_micros(u64::try_from(seconds).unwrap_or(0) * 1_000_000)))
        };
        Self {
            name: entry.name.clone(),
            source: match entry.source {
                Source::SelfSigned => "self_signed",
                Source::Folder => "folder",
                Source::Option => "option",
            },
            subject: entry.subject.clone(),
            issuer: entry.issuer.clone(),
            names: entry.names.clone(),
            not_before: moment(entry.not_before),
            not_after: moment(entry.not_after),
            fingerprint: known.then(|| entry.fingerprint.clone()),
            default: entry.default,
            problem: entry.problem.clone(),
        }
    }
}

fn unfit(fault: &ShelfFault) -> Problem {
    let text = fault.to_string();
    match fault {
        ShelfFault::Name => Problem::at(Code::InvalidValue, "/name", text),
        ShelfFault::Ours(_) => Problem::at(Code::ReadOnly, "/name", text),
        ShelfFault::Unknown(_) => Problem::new(Code::NotFound, text),
        ShelfFault::Unfit(problem) => {
            let pointer = if problem.concerns_key() { "/private_key" } else { "/certificate" };
            Problem::at(Code::InvalidValue, pointer, text)
        }
        ShelfFault::Disk(_) => Problem::new(Code::Fault, text),
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(reload)).routes(routes!(delete))
}
