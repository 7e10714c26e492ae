//! `/queues`: who waits for whom, now.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use engine::control::{Answer, Ask, QueueView};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::edge::{Caller, Scope};
use crate::problem::Problem;
use crate::{Api, openapi};

/// Queues in use.
#[derive(Debug, Serialize, ToSchema)]
struct Queues {
    /// By account and name.
    data: Vec<Queue>,
}

/// A queue: made by the first call that a flow puts into it.
#[derive(Debug, Serialize, ToSchema)]
struct Queue {
    /// Owner.
    account: String,
    /// Its name.
    name: String,
    /// Callers that wait, the first one first.
    callers: Vec<QueueCaller>,
    /// Who answers them.
    agents: Vec<QueueAgent>,
}

/// A caller in a queue.
#[derive(Debug, Serialize, ToSchema)]
struct QueueCaller {
    /// Its call.
    call: String,
    /// Its place, from 1.
    position: usize,
    /// Since when it waits.
    since: String,
}

/// An agent of a queue.
#[derive(Debug, Serialize, ToSchema)]
struct QueueAgent {
    /// Connection, number or address, as the flow names it.
    agent: String,
    /// `free`, `ringing`, `talking`, `resting` (after a talk, or after not answering) or `offline`.
    state: &'static str,
}

/// The queues that calls wait in, or waited in lately.
#[utoipa::path(get, path = "/queues", tag = "calls",
    responses((status = 200, description = "The queues", body = Queues), openapi::Reading))]
async fn list(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<Queues>, Problem> {
    caller.may(Scope::ConnectionsRead)?;
    let answers = api.shards.ask(Ask::Queues).await;
    let views = answers
        .into_iter()
        .flat_map(|answer| if let Answer::Queues(views) = answer { views } else { Vec::new() });
    let mut data: Vec<Queue> =
        views.filter(|view| caller.sees(&(&*view.account).into())).map(Queue::from).collect();
    data.sort_by(|a, b| (&a.account, &a.name).cmp(&(&b.account, &b.name)));
    Ok(Json(Queues { data }))
}

impl From<QueueView> for Queue {
    fn from(view: QueueView) -> Self {
        let callers = view.callers.into_iter().map(|caller| QueueCaller {
            call: caller.call.to_string(),
            position: caller.position,
            since: store::rfc3339(caller.since),
        });
        let agents =
            view.agents.into_iter().map(|agent| QueueAgent { agent: agent.agent.into(), state: agent.state });
        Self {
            account: view.account.to_string(),
            name: view.name.into(),
            callers: callers.collect(),
            agents: agents.collect(),
        }
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list))
}
