//! One shard: everything between a datagram and what follows from it.
//!
//! [`Shard::handle`] and [`Shard::next_timeout`] are the entire interface between the core and the host: bytes and
//! events in, plain data out, time as an argument. Nothing here waits, reads a clock or owns a socket.

mod called;
mod certified;
mod claims;
pub mod control;
mod counters;
mod effects;
mod explain;
mod figures;
mod input;
mod invite;
mod message;
mod notify;
mod office;
mod orbits;
mod outbox;
mod owner;
mod pass;
mod peering;
mod places;
mod prove;
mod publish;
mod queues;
mod receive;
mod refusals;
mod register;
mod rehearsal;
mod replaces;
mod reply;
mod room_links;
mod rooms;
mod sender;
mod shard;
mod standalone;
mod standing;
mod streams;
mod subscribe;
mod suspicion;
mod tap;
mod throttle;
mod waiting;
mod watch;
mod ways;
mod wheel;

pub use b2bua::{
    AttemptRecord, Brought, CallOutcome, CallRecord, CandidateRecord, Company, EndOwner, EndedBy, Errand,
    FlowStep, LegRecord, OpenCall, Participant, Passport, PortPool, Pushed, RecordingBegan, RecordingKind,
    Signature, Statement, Then, Verdict, VouchQuestion, Vouched, Wanted, end_owner, escape_user,
};
pub use counters::CounterRow;
pub use guard::{Ban, Evidence, TriedUser};
pub use input::{Client, Input};
pub use outbox::{Located, Outbox, Output, Persist};
pub use owner::{Owners, ShardMessage};
pub use pass::{Pass, PassKey};
pub use places::Remote;
pub use registrar::{BindingRow, Bounds, WEB_PUSH};
pub use room_links::{LinkMessage, Plane};
pub use rooms::{ConferenceNews, ConferenceOrder, ConferenceView, ParticipantView, RoomMessage};
pub use shard::{Setup, Shard};
pub use suspicion::{BanOrder, Suspected};
pub use tap::Tap;
