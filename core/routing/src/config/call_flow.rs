//! A call flow: what happens to calls, as its makers wrote it. What it means is the matter of the call.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use timestamp::Timestamp;

use super::{AccountId, FlowId, Zone};

/// One flow: a draft that people work on, and the version that calls take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFlow {
    /// Identifier, `flow_…`.
    pub id: FlowId,
    /// Unique in its account.
    pub name: String,
    /// Owner.
    pub account: AccountId,
    /// How it is written.
    #[serde(default)]
    pub kind: FlowKind,
    /// What is being worked on: of a graph, its nodes and edges.
    #[serde(default)]
    pub draft: Value,
    /// What calls take; none before the first is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<FlowVersion>,
    /// What the time zones mean that the published version names; made by the host.
    #[serde(skip)]
    pub zones: Arc<BTreeMap<String, Zone>>,
}

impl CallFlow {
    /// A flow that is there without anybody making it, as `account` has it.
    pub fn own(id: &str, account: &AccountId) -> Self {
        Self {
            id: FlowId::from(id),
            name: id.to_owned(),
            account: account.clone(),
            kind: FlowKind::Graph,
            draft: Value::Null,
            published: None,
            zones: Arc::default(),
        }
    }
}

/// A version of a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowVersion {
    /// Its number, from 1.
    pub version: u32,
    /// When it was published.
    pub at: Timestamp,
    /// What the draft said then.
    pub document: Value,
    /// Time zones that it names.
    #[serde(default)]
    pub zones: Vec<String>,
}

/// How a flow is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowKind {
    /// Nodes and edges.
    #[default]
    Graph,
}
