//! Call flows: what happens to a call, said in verbs.
//!
//! A *verb* is one thing to do (`play`, `gather`, `dial`, …) with settings and named outcomes; [`VERBS`] is the table
//! of them. A [`Graph`] is made of nodes, each a verb, and of edges that lead from outcomes to nodes. A [`Run`] walks
//! one for one call: it pushes an [`Ask`] at whoever has the call and is [`Told`] what came of it. Scripts, webhooks
//! and live control ask the same and are told the same.
//!
//! Nothing here knows SIP, media, a clock or a file: time is an argument, and what lies outside is a [`World`].

mod ask;
mod calendar;
mod collector;
mod described;
mod graph;
pub mod ours;
mod problem;
mod run;
mod simulate;
mod template;
mod variables;
mod verb;
mod voicemail;

pub use ask::{
    Accept, Ask, Callee, Clip, Conference, Dial, Errand, Gather, Park, Party, Play, Press, Queue, Record,
    Refer, Request, Signal, Strategy, Subject, TakeOver, Told, Turn,
};
pub use collector::{Collected, Collector, DigitRule};
pub use graph::{Graph, Node};
pub use problem::{Fault, Problem};
pub use run::{Ended, Facts, MOST_STEPS, Published, Run, Step, World};
pub use simulate::{Script, Walk, Walked, simulate};
pub use variables::Variables;
pub use verb::{Kind, Outcome, Row, Setting, VERBS, Way, row};
pub use voicemail::{Envelope, Heard, Letter, OWN_FLOWS, Post, Whose, own_flow, usual_greeting};
