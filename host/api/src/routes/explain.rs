//! `/routes/explain`: what would happen to a call, decided by the code that decides about calls.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use engine::control::{Answer, Ask, ExplainQuery, ExplainView};
use routing::config::ConnectionId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Document;
use crate::edge::{Caller, Scope};
use crate::openapi;
use crate::problem::{Code, Problem};
use crate::shape::{self, Field, Shape};
use crate::{Api, validate};

/// The call in question.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what FIELDS checks")]
struct Question {
    /// Caller: a user, `user@domain` or a number.
    #[schema(example = "101")]
    from: String,
    /// Called: a user, `user@domain` or a number.
    #[schema(example = "+493012345")]
    to: String,
    /// The connection the call comes from; else found by `from` or `source`.
    connection: Option<String>,
    /// Source address to assume.
    source: Option<String>,
    /// When it would begin, such as 2026-03-01T12:00:00Z; now if it is left out.
    at: Option<String>,
}

const FIELDS: &[Field] = &[
    Field::open("from", Shape::Text(1, 256), ""),
    Field::open("to", Shape::Text(1, 256), ""),
    Field::open("connection", Shape::Text(1, 253), ""),
    Field::open("source", Shape::Address, ""),
    Field::open("at", Shape::Text(1, 64), ""),
];

/// What would happen.
#[derive(Debug, Serialize, ToSchema)]
struct Explanation {
    /// The decision.
    decision: Decided,
    /// How the caller was looked for: every step in its order, and what was found there.
    identification: Vec<Clue>,
    /// Connections considered, in order.
    candidates: Vec<Considered>,
    /// What would have been right, where it refuses.
    #[schema(value_type = Vec<super::refused::NearMiss>)]
    near_misses: Vec<engine::control::NearMiss>,
}

/// The decision.
#[derive(Debug, Serialize, ToSchema)]
struct Decided {
    /// `ring`, `flow` (a call flow takes it), `serve` (answered by ourselves), `challenge` or `refuse`.
    action: &'static str,
    /// Configuration revision it was made under.
    config_rev: u64,
    /// How the caller was identified.
    proof: &'static str,
    /// The connection that calls.
    caller: Option<String>,
    /// The called user or number after rewriting.
    called: String,
    /// The connections that would ring, in order.
    targets: Vec<String>,
    /// SIP code the caller would get.
    sip_code: Option<u16>,
    /// Reason code; see `/reasons`.
    reason_code: Option<&'static str>,
    /// In words.
    text: String,
}

/// One step in finding out who calls.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IdentificationStep)]
struct Clue {
    /// `host`, `from_user`, `contact`, `trunk_host`, `source`, `account_source` or `credentials`.
    #[schema(value_type = String, example = "source")]
    step: routing::identify::Clue,
    /// `matched` and `refused` settle it; `passed`: the next is looked at; `not_looked_at`: settled before.
    #[schema(example = "matched")]
    result: &'static str,
    /// Reason code, where refused.
    reason_code: Option<&'static str>,
    /// Why, in words.
    text: &'static str,
}

/// One connection that was considered.
#[derive(Debug, Serialize, ToSchema)]
struct Considered {
    /// The connection.
    connection: String,
    /// Whether it would ring.
    taken: bool,
    /// Reason code, or `OK`.
    reason_code: String,
    /// Why, in words.
    text: String,
}

/// What would happen to a call, and why.
#[utoipa::path(post, path = "/routes/explain", tag = "routes", request_body = Question,
    responses((status = 200, description = "The decision", body = Explanation), openapi::Writing))]
async fn explain(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Document(mut body): Document,
) -> Result<Json<Explanation>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    crate::merge::without_nulls(&mut body);
    let mut errors = Vec::new();
    shape::check(&body, FIELDS, u8::MAX, "", &mut errors);
    validate::needed(&body, &["to"], &mut errors);
    if !body.contains_key("connection") && !body.contains_key("source") {
        validate::needed(&body, &["from"], &mut errors);
    }
    validate::verdict(errors)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let connection = text("connection");
    if let Some(id) = &connection {
        let known = api.rows().connections.get(id).is_some_and(|c| caller.sees(&c.account));
        if !known {
            let message = format!("there is no connection {id}");
            return Err(Problem::at(Code::UnknownReference, "/connection", message));
        }
    }
    let at = match text("at") {
        Some(at) => store::from_rfc3339(&at).ok_or_else(|| {
            Problem::at(Code::InvalidValue, "/at", format!("{at} is no time like 2026-03-01T12:00:00Z"))
        })?,
        None => store::now(),
    };
    let query = ExplainQuery {
        at,
        from: text("from").unwrap_or_default(),
        to: text("to").unwrap_or_default(),
        connection: connection.as_deref().map(ConnectionId::from),
        source: text("source").and_then(|t| t.parse::<IpAddr>().ok()),
    };
    let answers = api.shards.ask(Ask::Explain(query)).await;
    let view = answers
        .into_iter()
        .find_map(|answer| if let Answer::Explained(view) = answer { Some(view) } else { None });
    let view = view.ok_or_else(|| Problem::new(Code::ShardSilent, "no shard answered in time"))?;
    let about_others =
        view.decision.caller.as_ref().is_some_and(|id| {
            api.rows().connections.get(id.as_str()).is_some_and(|c| !caller.sees(&c.account))
        });
    if about_others {
        return Err(Problem::at(Code::UnknownReference, "/from", "the caller belongs to another account"));
    }
    Ok(Json(Explanation::from(view)))
}

impl From<ExplainView> for Explanation {
    fn from(view: ExplainView) -> Self {
        let decision = view.decision;
        let identification = view.identification.into_iter().map(|clue| Clue {
            step: clue.step,
            result: clue.result,
            reason_code: clue.reason_code,
            text: clue.text,
        });
        Self {
            identification: identification.collect(),
            decision: Decided {
                action: decision.action,
                config_rev: decision.config_rev,
                proof: decision.proof,
                caller: decision.caller.map(|id| id.to_string()),
                called: decision.called.into(),
                targets: decision.targets.iter().map(ToString::to_string).collect(),
                sip_code: decision.sip_code,
                reason_code: decision.reason_code,
                text: decision.text.into(),
            },
            candidates: view
                .candidates
                .into_iter()
                .map(|c| Considered {
                    connection: c.connection.to_string(),
                    taken: c.taken,
                    reason_code: c.reason_code.into(),
                    text: c.text.into(),
                })
                .collect(),
            near_misses: view.near_misses,
        }
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(explain))
}
