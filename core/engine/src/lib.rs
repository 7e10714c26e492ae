//! One shard: everything between a datagram and what follows from it.

pub mod control;
mod output;
mod owner;

pub use b2bua::{CallOutcome, CallRecord, CandidateRecord, EndedBy, LegRecord, OpenCall};
pub use output::{Located, Outbox, Output, Persist};
pub use owner::{Question, ShardMessage, Told};
pub use registrar::BindingRow;
