//! Errors as the API shows them (RFC 9457): one stable code each, pointers (RFC 6901) to what is wrong.
//!
//! The table below is the only list: answers, the OpenAPI document and `/problems` are made from it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::edge;

macro_rules! codes {
    ($($variant:ident $code:literal $status:literal $title:literal;)+) => {
        /// What went wrong, as programs see it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        pub enum Code {
            $(#[doc = $title] #[serde(rename = $code)] $variant,)+
        }

        impl Code {
            /// Every code, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name, `user_taken`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// A short sentence for people, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    InvalidJson "invalid_json" 400 "The body is not JSON";
    InvalidHeader "invalid_header" 400 "A header has a value that cannot be used";
    KeyMissing "key_missing" 401 "An API key is needed";
    KeyUnknown "key_unknown" 401 "The API key is unknown, expired or revoked";
    ScopeMissing "scope_missing" 403 "The API key lacks a scope";
    SetupTokenInvalid "setup_token_invalid" 403 "The set-up link is used up, expired or wrong";
    NotFound "not_found" 404 "There is no such thing";
    MethodNotAllowed "method_not_allowed" 405 "The resource does not take this method";
    AddressNotAllowed "address_not_allowed" 422 "Requests may not go to this address";
    AccountNameTaken "name_taken" 409 "The name is taken";
    ActionNotOfKind "action_not_of_kind" 409 "This kind of connection does not do that";
    CallNotSettled "call_not_settled" 409 "The call cannot be handed over now";
    ConnectionDisabled "connection_disabled" 409 "The connection is disabled";
    HostTaken "host_taken" 409 "The host belongs to another domain";
    IdempotencyInProgress "idempotency_in_progress" 409 "A request with this Idempotency-Key is still being answered";
    InUse "in_use" 409 "Something refers to it";
    NotSpoken "not_spoken" 409 "Nothing here can say that";
    NoLongerApplies "no_longer_applies" 409 "The configuration has changed, and this does not apply any more";
    NumberTaken "number_taken" 409 "The number exists already";
    QuotaReached "quota_reached" 409 "The account may not have more of these";
    TestInProgress "test_in_progress" 409 "A test of this connection is running";
    TrunkNameTaken "trunk_name_taken" 409 "The trunk name is taken";
    UserTaken "user_taken" 409 "The user is taken in this domain";
    PreconditionFailed "precondition_failed" 412 "The resource has changed since it was read";
    BodyTooLarge "body_too_large" 413 "The body is too large";
    UnsupportedMediaType "unsupported_media_type" 415 "The body must be JSON";
    FlowNotSound "flow_not_sound" 422 "The draft has problems that keep it from being published";
    FieldMissing "field_missing" 422 "A field is missing";
    FieldNotOfKind "field_not_of_kind" 422 "The field does not belong to this kind of connection";
    FlowsNotAvailable "flows_not_available" 422 "What a domain leads to is said by a flow, and not by an address, in this release";
    IdempotencyKeyReused "idempotency_key_reused" 422 "The Idempotency-Key was used for another request";
    InvalidNumber "invalid_number" 422 "The number is not in E.164 form";
    InvalidParameter "invalid_parameter" 422 "A query parameter cannot be used";
    InvalidPattern "invalid_pattern" 422 "The pattern is not a regular expression";
    InvalidType "invalid_type" 422 "A field has the wrong type";
    InvalidValue "invalid_value" 422 "A field has a value that cannot be used";
    NotAudio "not_audio" 422 "The file is no audio that is played here";
    PasswordNeeded "password_needed" 422 "The change needs the password again";
    ReadOnly "read_only" 422 "The field cannot be changed";
    SourceAllowAll "source_allow_all" 422 "The allowed sources let too much of the internet in";
    UnknownField "unknown_field" 422 "There is no such field";
    UnknownReference "unknown_reference" 422 "A field refers to something that does not exist";
    TooManyRequests "too_many_requests" 429 "Too many attempts; wait a moment";
    Fault "fault" 500 "A fault of ours";
    StorageFailed "storage_failed" 500 "The change could not be stored";
    ShardSilent "shard_silent" 503 "The call engine does not answer";
}

impl utoipa::PartialSchema for Code {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let meanings: Vec<_> =
            Self::ALL.iter().map(|c| format!("- `{}`: {}", c.as_str(), c.title())).collect();
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some(format!("The stable name of what went wrong.\n\n{}", meanings.join("\n"))))
            .enum_values(Some(Self::ALL.iter().map(|c| c.as_str())))
            .into()
    }
}

impl ToSchema for Code {}

/// An error on its way to the client.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What went wrong.
    pub code: Code,
    /// This occurrence in words.
    pub detail: String,
    /// The fields it is about.
    pub errors: Vec<FieldError>,
}

/// One field and what is wrong with it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Where, as a JSON pointer (RFC 6901).
    #[schema(example = "/allowed_sources/0")]
    pub pointer: String,
    /// What is wrong with this field.
    pub code: Code,
    /// The same in words.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub hint: String,
}

/// The body of every error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDocument<'a> {
    /// Where the code is explained.
    #[serde(rename = "type")]
    #[schema(example = "/api/v1/problems#user_taken")]
    kind: String,
    /// The code in words.
    title: &'static str,
    /// HTTP status.
    status: u16,
    /// This occurrence in words.
    detail: &'a str,
    /// The stable code.
    code: Code,
    /// The fields it is about.
    errors: &'a [FieldError],
    /// Quote this when asking for help.
    request_id: String,
}

impl Problem {
    /// A problem of the request as a whole.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new() }
    }

    /// A problem of one field.
    pub fn at(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of(vec![FieldError::new(code, pointer, message)])
    }

    /// A problem of several fields; the first gives the code.
    pub fn of(errors: Vec<FieldError>) -> Self {
        let (code, detail) = match errors.first() {
            Some(first) if first.pointer.is_empty() => (first.code, first.message.clone()),
            Some(first) => (first.code, format!("{}: {}", first.pointer, first.message)),
            None => (Code::Fault, "a problem without a cause".to_owned()),
        };
        Self { code, detail, errors }
    }

    /// Nothing of that name, or not for this caller to see.
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} {id}"))
    }

    /// Adds advice to the first field.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(first) = self.errors.first_mut() {
            first.hint = hint.into();
        }
        self
    }

    /// The body as JSON.
    pub fn document(&self) -> serde_json::Value {
        let document = ProblemDocument {
            kind: format!("/api/v1/problems#{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status(),
            detail: &self.detail,
            code: self.code,
            errors: &self.errors,
            request_id: edge::request_id(),
        };
        serde_json::to_value(document).expect("plain data is JSON")
    }
}

impl FieldError {
    /// A wrong field.
    pub fn new(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, message: message.into(), hint: String::new() }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::of(vec![error])
    }
}

impl From<store::StoreError> for Problem {
    fn from(error: store::StoreError) -> Self {
        if let store::StoreError::Conflict { field } = error {
            let code = match field {
                "user" => Code::UserTaken,
                "trunk_name" => Code::TrunkNameTaken,
                "e164" => Code::NumberTaken,
                "host" => Code::HostTaken,
                _ => Code::AccountNameTaken,
            };
            return Self::at(code, format!("/{field}"), error.to_string());
        }
        tracing::error!(%error, "the store failed");
        Self::new(Code::StorageFailed, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).expect("the table has valid codes");
        let mut response = (status, self.document().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_are_unique_and_their_statuses_exist() {
        let mut names: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|c| axum::http::StatusCode::from_u16(c.status()).is_ok()));
    }
}
