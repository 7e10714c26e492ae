//! What is known of connections and calls right now, as the API shows it.
//!
//! Shards tell their parts; a connection's status is the sum of them.

use std::collections::HashMap;

use engine::FlowStep;
use engine::control::{self, Answer, Ask, CallView, StatusView, Usage};
use routing::config::{Account, AccountId, Connection, ConnectionId};
use serde::Serialize;
use serde_json::json;
use store::rfc3339;
use utoipa::ToSchema;

use crate::Api;
use crate::collection::Shown;

/// What is known of a connection right now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionStatus {
    /// `up`, `down`, `degraded`, `unknown` (nothing to judge by yet) or `disabled`.
    #[schema(example = "up")]
    pub(crate) state: &'static str,
    /// Since when.
    pub(crate) since: Option<String>,
    /// The peer's last final answer.
    pub(crate) last_response: Option<PeerResponse>,
    /// Why its peer could not be reached by TCP or TLS, while nothing better is known; or what it answers to OPTIONS, if
    /// that is not as it should be.
    pub(crate) problem: Option<String>,
    /// When we try next.
    pub(crate) next_attempt_at: Option<String>,
    /// Until when a rehearsal takes it for down.
    pub(crate) rehearsal_until: Option<String>,
    /// Contacts registered.
    pub(crate) registrations: Vec<Registration>,
    /// Calls it takes part in.
    pub(crate) active_calls: u32,
    /// A device that tries to be this connection with a wrong password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wrong_password: Option<WrongPassword>,
    /// Limits that are set, and how much of them is used.
    pub(crate) limits: LimitsUsed,
}

/// A device with a wrong password saved.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WrongPassword {
    /// From where it tries.
    pub(crate) source: String,
    /// What it calls itself.
    pub(crate) user_agent: String,
    /// How often it tried.
    pub(crate) tries: u32,
    /// Whether it was the same device every time.
    pub(crate) same_device: bool,
    /// The first try.
    pub(crate) first_at: String,
    /// The last one.
    pub(crate) last_at: String,
}

/// A peer's final answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PeerResponse {
    /// SIP code.
    pub(crate) code: u16,
    /// Reason phrase.
    pub(crate) reason: String,
    /// When.
    pub(crate) at: String,
}

/// A registered contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Registration {
    /// Contact URI.
    pub(crate) contact: String,
    /// Where it registered from.
    pub(crate) source: String,
    /// `udp`, `tcp`, …
    pub(crate) transport: String,
    /// What the device calls itself.
    pub(crate) user_agent: String,
    /// When it lapses.
    pub(crate) expires_at: String,
    /// Label of the credential used.
    pub(crate) credential: String,
    /// Whether its socket is gone, and a push is to wake it (RFC 8599).
    pub(crate) asleep: bool,
}

/// How much of each limit is used that is set.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct LimitsUsed {
    /// Calls at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) concurrent: Option<Used>,
    /// Calls at once from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) concurrent_from: Option<Used>,
    /// Calls at once to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) concurrent_to: Option<Used>,
    /// New calls in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_second: Option<Used>,
    /// New calls from it in the last hour, or since it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_hour: Option<Used>,
    /// New calls from it in the last 24 hours, or today.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_day: Option<Used>,
    /// New calls from it in the last seven days, or since Monday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_week: Option<Used>,
}

/// How much of one limit is used.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Used {
    /// In use.
    pub(crate) used: u32,
    /// Allowed.
    pub(crate) max: u32,
    /// For so many milliseconds too long a call may be counted: the length of a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_ms: Option<u64>,
}

/// What is known of an account or the installation right now.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct LimitsStatus {
    /// Limits that are set, and how much of them is used.
    pub(crate) limits: LimitsUsed,
}

impl LimitsUsed {
    fn of<'u>(usage: impl Iterator<Item = &'u Usage>) -> Self {
        let mut used = Self::default();
        for part in usage {
            let place = match part.limit {
                "concurrent" => &mut used.concurrent,
                "concurrent_from" => &mut used.concurrent_from,
                "concurrent_to" => &mut used.concurrent_to,
                "per_second" => &mut used.per_second,
                "per_hour" => &mut used.per_hour,
                "per_day" => &mut used.per_day,
                "per_week" => &mut used.per_week,
                _ => continue,
            };
            let bucket_ms = Some(part.late_ms).filter(|bucket| *bucket > 0);
            *place = Some(Used { used: part.used, max: part.max, bucket_ms });
        }
        used
    }
}

/// A call in progress.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Call {
    /// `call_…`.
    pub(crate) id: String,
    /// Owner.
    pub(crate) account: String,
    /// `trying`, `ringing`, `early`, `established`, `held` or `ending`.
    #[schema(example = "established")]
    pub(crate) state: &'static str,
    /// When it began.
    pub(crate) started_at: String,
    /// When it was answered.
    pub(crate) answered_at: Option<String>,
    /// Who calls.
    pub(crate) from: String,
    /// What was dialled.
    pub(crate) dialled: String,
    /// Connection that calls.
    pub(crate) connection_in: Option<String>,
    /// Connection that rings or answered.
    pub(crate) connection_out: Option<String>,
    /// Nodes of flows that it has come by, the one it is at last.
    pub(crate) flow: Vec<CallNode>,
}

/// A node of a flow that a call has come by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CallNode {
    /// Id of the flow.
    pub(crate) flow: String,
    /// The version that the call takes.
    pub(crate) version: u32,
    /// Id of the node.
    pub(crate) node: String,
    /// Its verb.
    pub(crate) verb: &'static str,
    /// When it came there.
    pub(crate) at: String,
    /// What was asked of the call, in words; absent where the flow decided by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<String>,
    /// When it went on; none while it is there.
    pub(crate) until: Option<String>,
    /// By which outcome.
    pub(crate) outcome: Option<String>,
}

impl From<&FlowStep> for CallNode {
    fn from(step: &FlowStep) -> Self {
        Self {
            flow: step.flow.to_string(),
            version: step.version,
            node: step.node.to_string(),
            verb: step.verb,
            at: rfc3339(step.at),
            asked: step.asked.as_deref().map(str::to_owned),
            until: step.until.map(rfc3339),
            outcome: step.outcome.as_deref().map(str::to_owned),
        }
    }
}

impl From<&CallView> for Call {
    fn from(view: &CallView) -> Self {
        let given = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
        Self {
            id: view.id.to_string(),
            account: view.account.to_string(),
            state: view.state,
            started_at: rfc3339(view.started_at),
            answered_at: view.answered_at.map(rfc3339),
            from: view.from.to_string(),
            dialled: view.dialled.to_string(),
            connection_in: given(&view.connection_in),
            connection_out: given(&view.connection_out),
            flow: view.flow.iter().map(CallNode::from).collect(),
        }
    }
}

impl From<&control::WrongPassword> for WrongPassword {
    fn from(view: &control::WrongPassword) -> Self {
        Self {
            source: view.source.to_string(),
            user_agent: view.user_agent.to_string(),
            tries: view.tries,
            same_device: view.same_device,
            first_at: rfc3339(view.first_at),
            last_at: rfc3339(view.last_at),
        }
    }
}

impl ConnectionStatus {
    fn of(row: &Connection, parts: &[StatusView]) -> Self {
        let judged = parts.iter().min_by_key(|part| rank(part.state));
        let active_calls = parts.iter().map(|part| part.active_calls).sum();
        let last = parts.iter().filter_map(|part| part.last_response.as_ref()).max_by_key(|last| last.at);
        let registrations = parts.iter().flat_map(|part| &part.registrations);
        Self {
            state: if row.enabled { judged.map_or("unknown", |part| part.state) } else { "disabled" },
            since: judged.and_then(|part| part.since).map(rfc3339),
            last_response: last.map(|l| PeerResponse {
                code: l.code,
                reason: l.reason.to_string(),
                at: rfc3339(l.at),
            }),
            problem: parts.iter().find_map(|part| part.problem.as_ref()).map(ToString::to_string),
            next_attempt_at: parts.iter().filter_map(|part| part.next_attempt_at).min().map(rfc3339),
            rehearsal_until: parts.iter().find_map(|part| part.rehearsal_until).map(rfc3339),
            registrations: registrations
                .map(|r| Registration {
                    contact: r.contact.to_string(),
                    source: r.source.to_string(),
                    transport: r.transport.to_string(),
                    user_agent: r.user_agent.to_string(),
                    expires_at: rfc3339(r.expires_at),
                    credential: r.credential.to_string(),
                    asleep: r.asleep,
                })
                .collect(),
            active_calls,
            wrong_password: parts.iter().find_map(|part| part.wrong_password.as_ref()).map(Into::into),
            limits: LimitsUsed::of(parts.iter().flat_map(|part| &part.limits)),
        }
    }
}

/// The best word that any shard has for a connection.
fn rank(state: &str) -> u8 {
    match state {
        "up" => 0,
        "degraded" => 1,
        "down" => 2,
        _ => 3,
    }
}

/// Status of these connections, in their order.
pub(crate) async fn of(api: &Api, rows: &[&Connection]) -> Vec<ConnectionStatus> {
    let connections = rows.iter().map(|row| row.id.clone()).collect();
    let mut parts: HashMap<ConnectionId, Vec<StatusView>> = HashMap::new();
    for answer in api.shards.ask(Ask::Status { connections }).await {
        let Answer::Status(views) = answer else { continue };
        for view in views {
            parts.entry(view.connection.clone()).or_default().push(view);
        }
    }
    rows.iter()
        .map(|row| ConnectionStatus::of(row, parts.get(&row.id).map_or(&[][..], Vec::as_slice)))
        .collect()
}

/// Puts `status` into documents of connections.
pub(crate) async fn add(api: &Api, shown: &mut [Shown<Connection>]) {
    if shown.is_empty() {
        return;
    }
    let rows: Vec<_> = shown.iter().map(|s| &*s.row).collect();
    let found = of(api, &rows).await;
    for (shown, status) in shown.iter_mut().zip(found) {
        shown.document.insert("status".to_owned(), json!(status));
    }
}

/// How much of its limits an account uses, or where there is none, the installation.
pub(crate) async fn limits_used(api: &Api, account: Option<&AccountId>) -> LimitsStatus {
    let found = limits_used_of(api, account.cloned().into_iter().collect(), account.is_none()).await;
    found.into_values().next().unwrap_or_default()
}

/// Puts `status` into documents of accounts.
pub(crate) async fn add_to_accounts(api: &Api, shown: &mut [Shown<Account>]) {
    if shown.is_empty() {
        return;
    }
    let accounts = shown.iter().map(|shown| shown.row.id.clone()).collect();
    let mut found = limits_used_of(api, accounts, false).await;
    for shown in shown {
        let status = found.remove(shown.row.id.as_str()).unwrap_or_default();
        shown.document.insert("status".to_owned(), json!(status));
    }
}

async fn limits_used_of(
    api: &Api,
    accounts: Vec<AccountId>,
    installation: bool,
) -> HashMap<Box<str>, LimitsStatus> {
    let answers = api.shards.ask(Ask::LimitsUsed { accounts, installation }).await;
    let parts = answers
        .into_iter()
        .flat_map(|answer| if let Answer::LimitsUsed(parts) = answer { parts } else { Vec::new() });
    parts.map(|(id, usage)| (id, LimitsStatus { limits: LimitsUsed::of(usage.iter()) })).collect()
}

/// Calls in progress in every shard, newest first.
pub(crate) async fn calls(api: &Api) -> Vec<CallView> {
    let answers = api.shards.ask(Ask::Calls).await;
    let mut calls: Vec<_> = answers
        .into_iter()
        .flat_map(|answer| if let Answer::Calls(calls) = answer { calls } else { Vec::new() })
        .collect();
    calls.sort_by(|a, b| b.id.cmp(&a.id));
    calls
}
