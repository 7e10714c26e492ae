//! One decision record per call: read by the call, by `/routes/explain` and by history, so they cannot disagree.

use std::sync::Arc;

use serde::Serialize;
use smallvec::SmallVec;

use crate::config::{AccountId, CallFlow, Condition, Connection, ConnectionId, FailurePolicy, Person};
use crate::feature::Feature;
use crate::policy::Country;
use crate::reason::Reason;

/// Who calls, whom they reach, and every candidate that was looked at.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Configuration revision it was made under.
    pub revision: u64,
    /// The account on whose behalf it was made, once known.
    pub account: Option<AccountId>,
    /// The connection that calls, if it is one.
    pub caller: Option<Arc<Connection>>,
    /// How the caller was identified.
    pub proof: Proof,
    /// The called user or number after rewriting.
    pub called: String,
    /// What happens.
    pub outcome: Outcome,
    /// Connections considered, in order.
    pub candidates: SmallVec<[Candidate; 2]>,
    /// The country that a call to a number outside leads to.
    pub country: Option<Country>,
    /// It is a call for help: no limit applies to it.
    pub emergency: bool,
    /// The flow that takes over where nobody who rings can be reached.
    pub failover: Option<Attached>,
    /// Whose calls it is about that go elsewhere at times.
    pub forwarding: Option<Forwarding>,
    /// Who forwarded it so far.
    pub hops: SmallVec<[Hop; 0]>,
    /// The connection whose mailbox takes a message where nobody takes the call.
    pub voicemail: Option<Arc<Connection>>,
}

/// A person who is called.
#[derive(Clone, Debug)]
pub struct Forwarding {
    /// The person.
    pub person: Arc<Person>,
    /// The connection of theirs that was dialled, as which forwarded calls are made.
    pub connection: Arc<Connection>,
    /// How many of their connections had their turn.
    pub rung: u8,
}

/// A person who forwarded a call.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The person.
    pub person: Arc<Person>,
    /// Who called first, whoever forwarded it.
    pub caller: Option<Arc<Connection>>,
    /// Why it was forwarded.
    pub condition: Condition,
}

impl Decision {
    /// Why nobody who was dialled is rung: it is refused, or somebody takes over from a connection that cannot be dialled.
    pub fn refused(&self) -> Option<Reason> {
        match &self.outcome {
            Outcome::Refuse(reason) => Some(*reason),
            Outcome::Ring(targets) if targets.iter().any(|target| target.stands_in_for.is_none()) => None,
            Outcome::Ring(_) => self.against(),
            Outcome::Run(_)
            | Outcome::Serve(_)
            | Outcome::Divert(_)
            | Outcome::Feature(_)
            | Outcome::Challenge => None,
        }
    }

    /// What was against whoever was looked at first.
    pub fn against(&self) -> Option<Reason> {
        self.candidates.iter().find_map(|candidate| {
            if let Verdict::Refused(reason) = candidate.reason { Some(reason) } else { None }
        })
    }
}

/// How a caller was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Digest credentials.
    Digest,
    /// A trunk's own host, under that trunk's policy.
    Host,
    /// The Contact of ours that its registrar knows.
    Contact,
    /// Source address of a connection.
    Source,
    /// The account's allowed sources.
    AccountSource,
    /// A connection named by the question, or a call of our own.
    Given,
    /// Nobody yet.
    None,
}

/// What happens to the call.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Answered by ourselves.
    Serve(TestLine),
    /// A flow says what happens.
    Run(Attached),
    /// Rings these, one after the other.
    Ring(SmallVec<[Destination; 2]>),
    /// What was dialled asks for something else than somebody.
    Feature(Feature),
    /// The person who is called has calls go elsewhere under this condition, which is met: see [`crate::decide::divert`].
    Divert(Condition),
    /// Must prove who it is.
    Challenge,
    /// Refused.
    Refuse(Reason),
}

impl Outcome {
    /// Whom it rings.
    pub fn targets(&self) -> &[Destination] {
        match self {
            Self::Ring(targets) => targets,
            Self::Serve(_)
            | Self::Run(_)
            | Self::Feature(_)
            | Self::Divert(_)
            | Self::Challenge
            | Self::Refuse(_) => &[],
        }
    }

    /// Whether it leads outside.
    pub fn goes_outside(&self) -> bool {
        self.targets().iter().any(|target| target.outbound)
    }
}

/// A published flow that takes a call, and what it does so for.
#[derive(Clone, Debug)]
pub struct Attached {
    /// The flow.
    pub flow: Arc<CallFlow>,
    /// The connection that it is attached to; none where a number or a caller leads to it.
    pub connection: Option<Arc<Connection>>,
}

impl Attached {
    /// The mailbox of a connection takes a message.
    pub fn voicemail(connection: &Arc<Connection>) -> Self {
        let flow = Arc::new(CallFlow::own(VOICEMAIL, &connection.account));
        Self { flow, connection: Some(Arc::clone(connection)) }
    }

    /// Whether it is the mailbox of a connection, in place of whoever could not be rung.
    pub fn is_voicemail(&self) -> bool {
        self.flow.id.as_str() == VOICEMAIL
    }
}

/// A service that we answer ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestLine {
    /// Sends the caller's audio back.
    Echo,
    /// 1004 Hz.
    Milliwatt,
}

/// A connection to ring and what to call there.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The connection.
    pub connection: Arc<Connection>,
    /// The user part of the Request-URI for peers; devices are rung at their contacts.
    pub number: String,
    /// Whether the call leaves by a dial pattern.
    pub outbound: bool,
    /// The caller id to present, where it differs from the caller's own.
    pub caller_id: Option<String>,
    /// The connection that it takes over from, if it is there for that only.
    pub stands_in_for: Option<ConnectionId>,
}

/// Which of the targets follows one that failed: the next in line, or whoever takes over from one that ends the line.
pub fn next_in_line(targets: &[Destination], failed: usize) -> Option<usize> {
    let own = targets.get(failed)?;
    let mut first = own;
    while let Some(of) = &first.stands_in_for {
        // Whoever cannot be dialled at all is not in line.
        let Some(before) = targets.iter().find(|target| target.connection.id == *of) else { break };
        first = before;
    }
    if first.connection.on_failure == FailurePolicy::Next {
        return (failed + 1 < targets.len()).then_some(failed + 1);
    }
    let takes_over = |target: &Destination| target.stands_in_for.as_ref() == Some(&own.connection.id);
    targets.iter().position(takes_over)
}

/// One connection that was considered.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The connection.
    pub connection: ConnectionId,
    /// Whether it is among the destinations.
    pub taken: bool,
    /// Why not, or why.
    pub reason: Verdict,
}

/// Why a candidate was taken or passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Taken: it is the user that was dialled.
    User,
    /// Taken: the number points at it.
    Number,
    /// Taken: default target of the caller.
    DefaultTarget,
    /// Taken: it takes over where the connection before it cannot be reached.
    Failover,
    /// Taken: it is the next connection of the person who is called.
    Follows,
    /// Its owner has calls go elsewhere.
    Forwarded(Condition),
    /// Taken: it is a way for emergency calls.
    Emergency,
    /// Taken: its dial pattern matches.
    Pattern,
    /// Passed over: its dial pattern does not match.
    PatternDiffers,
    /// Passed over: it has no dial pattern.
    NoPattern,
    /// Passed over: disabled.
    Disabled,
    /// Passed over: the call came from it.
    CameFromIt,
    /// Passed over: it is tried anyway.
    InLine,
    /// Passed over: the caller may not use it.
    NotOffered,
    /// Passed over: refused for this reason.
    Refused(Reason),
}

impl Verdict {
    /// The reason code shown with it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::User
            | Self::Number
            | Self::DefaultTarget
            | Self::Failover
            | Self::Follows
            | Self::Forwarded(_)
            | Self::Emergency
            | Self::Pattern => "OK",
            Self::InLine | Self::PatternDiffers | Self::NoPattern | Self::NotOffered | Self::CameFromIt => {
                Reason::NoRoute.code()
            }
            Self::Disabled => Reason::Disabled.code(),
            Self::Refused(reason) => reason.code(),
        }
    }

    /// One sentence for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::User => "the dialled user",
            Self::Number => "the number points at it",
            Self::DefaultTarget => "default target of the connection that calls",
            Self::Failover => "takes over when the connection before it cannot be reached, fails or is full",
            Self::Follows => "another connection of the person who is called",
            Self::Forwarded(condition) => match condition {
                Condition::Always => "its owner forwards every call",
                Condition::Busy => "its owner forwards calls when busy",
                Condition::NoAnswer => "its owner forwards calls that nobody answers",
                Condition::Offline => "its owner forwards calls that reach no device",
            },
            Self::Emergency => "a way for emergency calls",
            Self::Pattern => "its dial pattern matches",
            Self::PatternDiffers => "its dial pattern does not match",
            Self::NoPattern => "it has no dial pattern",
            Self::Disabled => "it is disabled",
            Self::CameFromIt => "the call came from it",
            Self::InLine => "named as failover, and in line already",
            Self::NotOffered => "the caller may not use it",
            Self::Refused(reason) => reason.text(),
        }
    }
}

/// Id of the flow that takes messages.
const VOICEMAIL: &str = "voicemail";
