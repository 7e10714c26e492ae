//! What is wrong with a flow: which node, which field, in words, and whether it can be published nevertheless.

use serde::Serialize;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind.
    pub code: Fault,
    /// Whether the flow cannot be published with it.
    pub fatal: bool,
    /// Id of the node; none where it is about the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Box<str>>,
    /// JSON pointer (RFC 6901) into the document.
    pub pointer: String,
    /// One sentence for people.
    pub message: String,
}

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// An outcome that usually leads on leads nowhere: the flow ends there.
    DeadEnd,
    /// Nodes that lead to each other without ever waiting for anything.
    EndlessLoop,
    /// The document is not built like a flow.
    Malformed,
    /// A setting that must be there is not.
    Missing,
    /// Flows that lead into each other.
    Recursion,
    /// Two of the same name.
    Taken,
    /// More than a flow may have.
    TooMuch,
    /// Something is named that is not there.
    Unknown,
    /// No way leads to this node.
    Unreachable,
    /// A value of the wrong kind, or outside of its limits.
    WrongValue,
}

impl Fault {
    /// Whether a flow with such a finding still does what it says.
    pub fn is_fatal(self) -> bool {
        !matches!(self, Self::DeadEnd | Self::Unreachable)
    }
}

/// Where findings are collected, with the place that is being looked at.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) list: Vec<Problem>,
}

impl Findings {
    pub(crate) fn add(&mut self, code: Fault, node: Option<&str>, pointer: String, message: String) {
        if self.list.len() < MOST {
            let node = node.map(Into::into);
            self.list.push(Problem { code, fatal: code.is_fatal(), node, pointer, message });
        }
    }
}

/// Findings about one flow; whoever has more begins with these.
const MOST: usize = 100;
