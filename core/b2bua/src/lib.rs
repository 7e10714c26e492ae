//! Calls: two legs that exchange call-control events (RFC 7092, Proxy-B2BUA), with topology hidden.
//!
//! A [`Call`] is driven by events and pushes what follows into its [`Means`]. It knows dialogs and session
//! descriptions, asks the homes of connections for places, and tells the media plane what to relay. It finds no
//! route, verifies nobody and owns no socket.

mod abilities;
mod anchor;
mod answers;
mod attempts;
mod attendant;
mod branch;
mod call;
mod cause;
mod claim;
mod departing;
mod dial;
mod digits;
mod divert;
mod early;
mod end;
mod failure;
mod forward;
mod hold;
mod hop;
mod hunt;
mod leg;
mod line;
mod losers;
mod means;
mod moved;
mod parting;
mod passthrough;
mod ports;
mod provisional;
mod random;
mod record;
mod recorded;
mod redirect;
mod refer;
mod refresh;
mod reinvite;
mod renew;
mod renumber;
mod replaces;
mod room;
mod search;
mod service;
mod session_id;
mod talk;
mod transfer;
mod unheard;
mod update;
mod usage;
mod vouch;
mod wake;

pub use anchor::{EndOwner, end_owner};
pub use attendant::{Brought, Errand, Flows, OrbitAsk, OrbitTold, QueueAsk, QueueTerms, QueueTold, Wanted};
pub use branch::{
    ANONYMOUS, Place, Presentation, begun, escape_user, flow_of_binding, is_registered_kind,
    place_of_binding, place_of_peer, protocol_of, targets_of, terms,
};
pub use call::{Begin, Call, call_id, id_of};
pub use callflow::Turn;
pub use claim::{Claim, INSTALLATION, Level, Told};
pub use dial::present;
pub use end::{candidates, offered, proof_text};
pub use failure::{Failure, better, hunts, relayed};
pub use hop::{hop_of_uri, next_hop, route_of};
pub use leg::{ALLOW, SUPPORTED, contact, via};
pub use line::Line;
pub use means::{Effect, LEG_KIND, MOST_LEGS, Means, Milestone, OWN};
pub use passthrough::copy_headers;
pub use ports::PortPool;
pub use random::Random;
pub use record::{
    AttemptRecord, CallOutcome, CallRecord, CandidateRecord, EndedBy, FlowStep, LegRecord, OpenCall,
    RecordingBegan, RecordingKind, Signature, Then,
};
pub use replaces::Replacement;
pub use room::{Company, HERE, Link, Participant, RoomAsk, RoomName, RoomTold, worker_of};
pub use talk::InDialog;
pub use transfer::Transferred;
pub use unheard::Mute;
pub use vouch::{Passport, Statement, Verdict, VouchQuestion, Vouched};
pub use wake::Pushed;
