//! The edge: who asks, what they may, and the number by which a request can be found again.
//!
//! A key is a bearer token (RFC 6750). Requests through the socket in the data folder come from whoever owns the
//! folder and need none. Which scope a request needs is said in its handler, next to what it does.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use routing::config::AccountId;
use serde::Serialize;
use store::{Actor, KeyRow, new_id};
use utoipa::ToSchema;

use crate::Api;
use crate::problem::{Code, Problem};
use crate::provisioning::linked;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
pub enum Scope {
    /// Everything.
    #[serde(rename = "admin")]
    Admin,
    /// Hang up calls.
    #[serde(rename = "calls:control")]
    CallsControl,
    /// Change configuration.
    #[serde(rename = "config:write")]
    ConfigWrite,
    /// Read configuration, status and live calls.
    #[serde(rename = "connections:read")]
    ConnectionsRead,
    /// The same as `config:write`.
    #[serde(rename = "connections:write")]
    ConnectionsWrite,
    /// Read history and refusals.
    #[serde(rename = "history:read")]
    HistoryRead,
    /// Read metrics.
    #[serde(rename = "metrics:read")]
    MetricsRead,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// As the audit names them.
    pub actor: Actor,
    /// The account a key is confined to.
    pub account: Option<AccountId>,
    /// The connection whose link the key is: it may sign in as this phone, and nothing else.
    pub(crate) phone: Option<String>,
    scopes: Vec<Scope>,
}

/// Marks requests that came through the socket in the data folder.
#[derive(Clone, Copy, Debug)]
pub struct Trusted;

impl Scope {
    /// Every scope.
    pub const ALL: &'static [Self] = &[
        Self::Admin,
        Self::CallsControl,
        Self::ConfigWrite,
        Self::ConnectionsRead,
        Self::ConnectionsWrite,
        Self::HistoryRead,
        Self::MetricsRead,
    ];

    /// As keys carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::CallsControl => "calls:control",
            Self::ConfigWrite => "config:write",
            Self::ConnectionsRead => "connections:read",
            Self::ConnectionsWrite => "connections:write",
            Self::HistoryRead => "history:read",
            Self::MetricsRead => "metrics:read",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == name)
    }

    /// Whether a key with this scope may do what `needed` stands for.
    fn covers(self, needed: Self) -> bool {
        let writes = |scope| matches!(scope, Self::ConfigWrite | Self::ConnectionsWrite);
        self == Self::Admin
            || self == needed
            || (writes(self) && (writes(needed) || needed == Self::ConnectionsRead))
    }
}

impl Caller {
    /// Whoever owns the data folder.
    pub fn local() -> Self {
        let actor = Actor { name: "local".to_owned(), via: "cli".to_owned() };
        Self { actor, account: None, phone: None, scopes: vec![Scope::Admin] }
    }

    /// The server itself, for what calls make necessary.
    pub(crate) fn system() -> Self {
        Self { actor: Actor::system(), ..Self::local() }
    }

    /// Whoever shows this key.
    pub(crate) fn of_key(key: &KeyRow) -> Self {
        Self {
            phone: key.scopes.iter().find_map(|scope| linked(scope)).map(str::to_owned),
            actor: Actor { name: key.id.clone(), via: "api".to_owned() },
            account: key.account.clone(),
            scopes: key.scopes.iter().filter_map(|name| Scope::from_name(name)).collect(),
        }
    }

    /// Refuses unless a scope of the key covers `scope`.
    pub fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.has(scope) {
            return Ok(());
        }
        Err(Problem::new(Code::ScopeMissing, format!("the key needs the scope {}", scope.as_str())))
    }

    /// Whether a scope of the key covers `scope`.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|own| own.covers(scope))
    }

    /// Whether rows of this account exist for the caller.
    pub fn sees(&self, account: &AccountId) -> bool {
        self.account.as_ref().is_none_or(|own| own == account)
    }

    /// Whether the caller runs the installation rather than one account.
    pub fn is_instance_admin(&self) -> bool {
        self.account.is_none() && self.has(Scope::Admin)
    }

    /// Refuses unless the caller runs the installation.
    pub fn must_run_the_installation(&self) -> Result<(), Problem> {
        if self.is_instance_admin() {
            return Ok(());
        }
        Err(Problem::new(Code::ScopeMissing, "this needs a key of scope admin that belongs to no account"))
    }

    /// Who makes a request with these headers.
    pub(crate) async fn of(parts: &Parts, api: &Api) -> Result<Self, Problem> {
        if parts.extensions.get::<Trusted>().is_some() {
            return Ok(Self::local());
        }
        let Some(value) = parts.headers.get(AUTHORIZATION) else {
            return Err(Problem::new(Code::KeyMissing, "send Authorization: Bearer KEY"));
        };
        let bearer = value.to_str().ok().and_then(|text| text.split_once(' '));
        let key =
            bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim());
        let found = match key {
            Some(key) => api.store.find_key(key).await?,
            None => None,
        };
        found
            .map(|key| Self::of_key(&key))
            .ok_or_else(|| Problem::new(Code::KeyUnknown, "the key is unknown, expired or deleted"))
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        Self::of(parts, api).await
    }
}

/// Gives the request its number, which every error and the reply's header repeat.
pub(crate) async fn number(request: Request, next: Next) -> Response {
    let sane = |value: &HeaderValue| {
        let text = value.to_str().ok()?;
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
        (plain && (1..=100).contains(&text.len())).then(|| text.to_owned())
    };
    let id = request.headers().get(&REQUEST_ID_HEADER).and_then(sane).unwrap_or_else(|| new_id("req"));
    let mut response = REQUEST_ID.scope(id.clone(), next.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    response
}

/// The number of the request being answered.
pub(crate) fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

tokio::task_local! {
    static REQUEST_ID: String;
}

const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
