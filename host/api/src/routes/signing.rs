//! `/accounts/{id}/signing`: the key that an account's caller ids are signed with (RFC 8224). It goes in and never comes
//! out.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use routing::config::Account;
use serde::Serialize;
use serde_json::Value;
use stir::{KeyringFault, Signer, SignerFault};
use store::rfc3339;
use timestamp::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Document;
use crate::collection::find;
use crate::edge::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::{Api, openapi, validate};

/// What an account signs with.
#[derive(Debug, Serialize, ToSchema)]
struct Signing {
    /// Where others fetch the certificate.
    certificate_url: String,
    /// Until when the certificate is good.
    not_after: String,
}

/// A key and its certificate.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct SigningRequest {
    /// Private key in PEM, on the curve P-256; never shown.
    private_key: String,
    /// The certificate in PEM, its chain after it.
    certificate: String,
    /// `https://` address where others fetch that chain.
    #[schema(example = "https://certificates.example/sp.pem")]
    certificate_url: String,
}

const FIELDS: &[Field] = &[
    Field::open("private_key", Shape::Prose(50_000), ""),
    Field::open("certificate", Shape::Prose(200_000), ""),
    Field::open("certificate_url", Shape::Text(1, 2_000), ""),
];

/// What the account signs with; 404 if with nothing.
#[utoipa::path(get, path = "/accounts/{id}/signing", tag = "accounts", operation_id = "get_account_signing",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "Where its certificate is, and until when it is good", body = Signing), openapi::Reading))]
async fn get(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Signing>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let (row, _) = find::<Account>(&api.rows(), &caller, &id)?;
    let signer = api.about.keyring.signer(row.id.as_str()).ok_or_else(unsigned)?;
    Ok(Json(Signing::from(&*signer)))
}

/// Signs the account's caller ids with this key from now on, where a connection's `stir.sign` says so.
#[utoipa::path(put, path = "/accounts/{id}/signing", tag = "accounts", operation_id = "put_account_signing",
    params(("id" = String, Path, description = "Its id")), request_body = SigningRequest,
    responses((status = 200, description = "It is in force", body = Signing), openapi::Writing))]
async fn put(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Document(mut body): Document,
) -> Result<Json<Signing>, Problem> {
    caller.may(Scope::ConfigWrite)?;
    let (row, _) = find::<Account>(&api.rows(), &caller, &id)?;
    crate::merge::without_nulls(&mut body);
    let mut errors = Vec::new();
    shape::check(&body, FIELDS, u8::MAX, "", &mut errors);
    validate::needed(&body, &["private_key", "certificate", "certificate_url"], &mut errors);
    validate::verdict(errors)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (key, certificate, at) = (text("private_key"), text("certificate"), text("certificate_url"));
    let keyring = Arc::clone(&api.about.keyring);
    let put = tokio::task::spawn_blocking(move || keyring.put(row.id.as_str(), &key, &certificate, &at));
    let signer = put.await.map_err(|fault| Problem::new(Code::Fault, fault.to_string()))?.map_err(unfit)?;
    Ok(Json(Signing::from(&*signer)))
}

/// Forgets the key; calls leave unsigned from now on.
#[utoipa::path(delete, path = "/accounts/{id}/signing", tag = "accounts", operation_id = "delete_account_signing",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is gone"), openapi::Writing))]
async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::ConfigWrite)?;
    let (row, _) = find::<Account>(&api.rows(), &caller, &id)?;
    let found = api.about.keyring.remove(row.id.as_str());
    match found.map_err(|fault| Problem::new(Code::Fault, fault.to_string()))? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(unsigned()),
    }
}

impl From<&Signer> for Signing {
    fn from(signer: &Signer) -> Self {
        let seconds = u64::try_from(signer.not_after()).unwrap_or(0);
        Self {
            certificate_url: signer.certificate_at().to_owned(),
            not_after: rfc3339(Timestamp::from_secs(seconds)),
        }
    }
}

fn unsigned() -> Problem {
    Problem::new(Code::NotFound, "the account signs with no key; PUT one here")
}

fn unfit(fault: KeyringFault) -> Problem {
    let pointer = match &fault {
        KeyringFault::Unfit(SignerFault::Key | SignerFault::Curve) => "/private_key",
        KeyringFault::Unfit(SignerFault::Certificate | SignerFault::Mismatch | SignerFault::Numbers) => {
            "/certificate"
        }
        KeyringFault::Unfit(SignerFault::Address) => "/certificate_url",
        KeyringFault::Disk(_) => return Problem::new(Code::Fault, fault.to_string()),
    };
    Problem::at(Code::InvalidValue, pointer, fault.to_string())
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(get, put, delete))
}
