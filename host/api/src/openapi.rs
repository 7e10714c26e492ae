//! The OpenAPI document (3.1): made from the handlers and from the tables of fields that bodies are checked with.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, Modify, PartialSchema, ToSchema};

use crate::merge::Difference;
use crate::problem::{Code, ProblemDocument};
use crate::shape::{Field, object};
use crate::status::ConnectionStatus;
use crate::validate::{account, connection, domain, flow, limits, mailbox, number, person};

/// What every document begins with.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Trunkline",
        description = "SIP connections, numbers, calls and their history. Errors are RFC 9457 problems; lists are cut \
                       by cursors, newest first; PATCH is a merge patch (RFC 7396).",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&Bearer),
    security(("key" = [])),
    components(schemas(ProblemDocument<'static>, DryRun, ConnectionStatus))
)]
pub(crate) struct Frame;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key, made by POST /keys or `trunkline key create`."))
            .build();
        if let Some(components) = document.components.as_mut() {
            components.add_security_scheme("key", SecurityScheme::Http(scheme));
        }
    }
}

/// What a request with `dry_run=true` would have done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DryRun {
    /// Always true.
    dry_run: bool,
    /// The resource as it would be.
    #[schema(value_type = Value)]
    resource: Value,
    /// What would change.
    changes: Vec<Difference>,
    /// What is allowed but deserves a look.
    warnings: Vec<String>,
}

/// One page of a list.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema; lists are cut elsewhere")]
pub(crate) struct Listed<T> {
    /// Newest first.
    data: Vec<T>,
    /// Whether there is more.
    has_more: bool,
    /// Cursor for `after`.
    next: Option<String>,
}

/// What came of each item of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResults {
    /// One for each item, in their order.
    results: Vec<BatchResult>,
}

/// What came of one item of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResult {
    /// 201, or the status of the error.
    status: u16,
    /// Id of what was created.
    id: Option<String>,
    /// What is wrong with the item.
    error: Option<ProblemDocument<'static>>,
    /// What is allowed but deserves a look.
    warnings: Option<Vec<String>>,
    /// Users and passwords made for it; no later reply shows the passwords.
    #[schema(value_type = Option<Vec<Value>>)]
    credentials: Option<Value>,
}

macro_rules! documents {
    ($($one:ident $new:ident $change:ident $page:ident $batch:ident $fields:expr, [$($required:literal),*];)+) => {$(
        #[doc = concat!("The schema ", stringify!($one), ".")]
        pub(crate) struct $one;
        #[doc = concat!("The schema ", stringify!($new), ".")]
        pub(crate) struct $new;
        #[doc = concat!("The schema ", stringify!($change), ".")]
        pub(crate) struct $change;
        #[doc = concat!("The schema ", stringify!($page), ".")]
        pub(crate) struct $page;
        #[doc = concat!("The schema ", stringify!($batch), ".")]
        pub(crate) struct $batch;

        document!($one, shown($fields));
        document!($new, sent($fields, &[$($required),*]));
        document!($change, sent($fields, &[]));
        document!($page, page(stringify!($one)), $one);
        document!($batch, items(stringify!($new)), $new);
    )+};
}

macro_rules! document {
    ($name:ident, $schema:expr $(, $needs:ident)?) => {
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T($schema)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }

            fn schemas(_schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $(_schemas.push((stringify!($needs).to_owned(), $needs::schema()));)?
            }
        }
    };
}

documents! {
    Account NewAccount AccountChange AccountPage AccountBatch account::FIELDS, ["name"];
    Domain NewDomain DomainChange DomainPage DomainBatch domain::FIELDS, [];
    Connection NewConnection ConnectionChange ConnectionPage ConnectionBatch connection::fields::FIELDS, ["name", "kind"];
    Flow NewFlow FlowChange FlowPage FlowBatch flow::FIELDS, ["name"];
    Mailbox NewMailbox MailboxChange MailboxPage MailboxBatch mailbox::FIELDS, ["name"];
    Number NewNumber NumberChange NumberPage NumberBatch number::FIELDS, ["e164", "target"];
    Person NewPerson PersonChange PersonPage PersonBatch person::FIELDS, ["name"];
}

/// The schema Limits.
pub(crate) struct Limits;
document!(
    Limits,
    object(limits::LIMITS, true).property("status", Ref::from_schema_name("LimitsStatus")).into()
);

fn shown(fields: &[Field]) -> Schema {
    let mut object = object(fields, true);
    if fields.iter().any(|f| f.name == "id") {
        object = object.required("id");
    }
    if fields.iter().any(|f| f.name == "status") {
        let status =
            if fields.iter().any(|f| f.name == "kind") { "ConnectionStatus" } else { "LimitsStatus" };
        object = object.property("status", Ref::from_schema_name(status));
    }
    object.into()
}

fn sent(fields: &[Field], required: &[&str]) -> Schema {
    required.iter().fold(object(fields, false), |object, name| object.required(*name)).into()
}

fn page(of: &str) -> Schema {
    ObjectBuilder::new()
        .property(
            "data",
            ArrayBuilder::new().items(Ref::from_schema_name(of)).description(Some("newest first")),
        )
        .property(
            "has_more",
            ObjectBuilder::new().schema_type(Type::Boolean).description(Some("whether there is more")),
        )
        .property(
            "next",
            ObjectBuilder::new()
                .schema_type(utoipa::openapi::schema::SchemaType::Array(vec![Type::String, Type::Null]))
                .description(Some("cursor for after")),
        )
        .required("data")
        .required("has_more")
        .into()
}

fn items(of: &str) -> Schema {
    let items = ArrayBuilder::new()
        .items(Ref::from_schema_name(of))
        .max_items(Some(10_000))
        .description(Some("what to create, each on its own"));
    ObjectBuilder::new().property("items", items).required("items").into()
}

macro_rules! problems {
    ($(#[$doc:meta] $name:ident: $($status:literal),+;)+) => {$(
        #[$doc]
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
                [$($status),+].into_iter().map(|status| (status.to_string(), RefOr::T(problem(status)))).collect()
            }
        }
    )+};
}

problems! {
    /// Errors of requests that read.
    Reading: 401, 403, 404, 422, 500;
    /// Errors of requests that change something.
    Writing: 400, 401, 403, 404, 409, 412, 413, 415, 422, 500;
}

/// The response for one status, naming the codes it may carry.
fn problem(status: u16) -> utoipa::openapi::Response {
    let codes: Vec<_> = Code::ALL.iter().filter(|c| c.status() == status).map(|c| c.as_str()).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemDocument"))).build();
    ResponseBuilder::new()
        .description(format!("Code: {}", codes.join(", ")))
        .content("application/problem+json", content)
        .build()
}
