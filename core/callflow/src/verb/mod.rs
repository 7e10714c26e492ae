//! The table of verbs: one row each, one file each. A verb is the `type` of a node and the `verb` of a JSON document.
//!
//! A row says which settings a verb takes, within which limits, and which outcomes it has; documents, the palette of an
//! editor and validation read it. What a verb asks of the call stands in its file.

mod answer;
mod caller_match;
mod compare;
mod conference;
mod dial;
mod fetch;
mod gather;
mod hangup;
mod incoming;
mod mailbox;
mod outcome;
mod park;
mod pause;
mod person;
mod pickup;
mod play;
mod queue;
mod record;
mod reject;
mod retrieve;
mod ring;
mod say;
mod schedule;
mod send_dtmf;
mod set;
mod setting;
mod sub_flow;
mod tone;
mod transfer;
mod voicemail;
mod waiting;
mod webhook;

use core::fmt;

use serde::Serialize;
use timestamp::Timestamp;

pub use outcome::Outcome;
pub(crate) use play::is_address;
pub(crate) use setting::Reader;
pub(crate) use setting::escaped;
pub use setting::{Kind, Setting};

use crate::ask::{Ask, Errand, Told};
use crate::run::World;
use crate::variables::Variables;

/// One row of the table.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    /// The verb.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Its settings.
    pub settings: &'static [Setting],
    /// Its outcomes; some verbs have further ones, named by a setting.
    pub outcomes: &'static [Way],
    /// The setting whose items are outcomes, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_by: Option<&'static str>,
    /// Whether it takes time, so that nodes around it may lead back to each other.
    pub waits: bool,
    #[serde(skip)]
    read: fn(&mut Reader<'_>) -> Box<dyn Verb>,
}

/// An outcome of a verb.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Way {
    /// Its name.
    pub name: &'static str,
    /// When it comes.
    pub about: &'static str,
    /// Whether it usually leads on: where it does not, that is pointed out.
    pub leads_on: bool,
}

/// Every verb, by name.
pub const VERBS: &[Row] = &[
    answer::ROW,
    caller_match::ROW,
    conference::ROW,
    dial::ROW,
    fetch::ROW,
    gather::ROW,
    hangup::ROW,
    compare::ROW,
    incoming::ROW,
    mailbox::ROW,
    park::ROW,
    pause::ROW,
    person::ROW,
    pickup::ROW,
    play::ROW,
    queue::ROW,
    record::ROW,
    reject::ROW,
    retrieve::ROW,
    ring::ROW,
    say::ROW,
    schedule::ROW,
    send_dtmf::ROW,
    set::ROW,
    sub_flow::ROW,
    tone::ROW,
    transfer::ROW,
    voicemail::ROW,
    webhook::ROW,
];

/// The row of a verb.
pub fn row(name: &str) -> Option<&'static Row> {
    VERBS.iter().find(|row| row.name == name)
}

impl Row {
    /// The verb with the settings that `reader` finds.
    pub(crate) fn read(&self, reader: &mut Reader<'_>) -> Box<dyn Verb> {
        reader.refuse_unknown(self.settings);
        (self.read)(reader)
    }
}

/// A verb with its settings.
pub(crate) trait Verb: fmt::Debug + Send + Sync {
    /// What happens when a run comes to it.
    fn begin(&self, scene: &mut Scene<'_>) -> Move;

    /// Outcomes that its settings add to those of its row.
    fn named(&self) -> &[Box<str>] {
        &[]
    }

    /// Whether this outcome of its row cannot come with these settings.
    fn excludes(&self, outcome: &str) -> bool {
        let _ = outcome;
        false
    }

    /// The flow that it leads into.
    fn flow(&self) -> Option<&str> {
        None
    }

    /// The time zone that it names.
    fn zone(&self) -> Option<&str> {
        None
    }
}

/// What a verb may look at and change.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) variables: &'a mut Variables,
    pub(crate) world: &'a dyn World,
    pub(crate) now: Timestamp,
}

/// What a verb wants.
#[derive(Debug)]
pub(crate) enum Move {
    /// Ask the call, and wait for what it tells.
    Ask(Ask),
    /// Go on at once.
    Go(Told),
    /// Go through another flow first.
    Into(Box<str>),
    /// Do what this says, one thing after the other.
    Through(Box<dyn Routine>),
}

/// A verb in several steps: it asks, is told what came of that, and asks again.
pub(crate) trait Routine: fmt::Debug + Send + Sync {
    /// The first thing that it wants.
    fn begin(&mut self) -> Move;

    /// What came of the last ask; what it wants then.
    fn on_told(&mut self, told: Told) -> Move;

    /// The caller is gone in the middle of it, while this was recorded if anything was: what is left to be done.
    fn on_gone(&mut self, recording: &str) -> Option<Errand>;
}

impl Move {
    pub(crate) fn go(outcome: Outcome) -> Self {
        Self::Go(Told::of(outcome))
    }
}

const fn leads(name: &'static str, about: &'static str) -> Way {
    Way { name, about, leads_on: true }
}

const fn may_end(name: &'static str, about: &'static str) -> Way {
    Way { name, about, leads_on: false }
}

#[cfg(test)]
mod tests;
