//! The media plane: what happens to RTP between one packet in and one packet out.
//!
//! An *end* is one m-line of one leg, with a local RTP and a local RTCP port of its own. Signalling opens ends,
//! says where their peers are and joins two of them; the plane relays between them, believes one source of
//! packets per end (latching), counts, and tells when an end falls silent. What is protected on one side and not, or
//! otherwise, on the other is opened and sealed on its way (`srtp`).
//!
//! Bytes in, actions out; time is an argument. The plane has no socket, no clock and no thread, and it knows
//! neither SIP nor which call an end belongs to.

mod actions;
mod beat;
mod command;
mod end;
mod event;
mod hearing;
mod latch;
mod mixing;
mod mos;
mod path;
mod plane;
mod protection;
mod quality;
mod recording;
mod reports;
mod shared;
pub mod sink;
mod source;
mod splice;
mod transcode;

pub use actions::{Action, Actions, Chunk, Payload, SocketKey};
pub use beat::next_beat;
pub use command::{Announcement, Command, EndId, Latching, Remote, RoomId, Signal, Source, Stroke};
pub use event::{Counters, Event, OpenFault, RecordingOver, Unheard};
pub use mos::estimated_mos;
pub use plane::Plane;
pub use recording::{Recorded, Recording, RecordingId};
pub use shared::PayloadTypes;
pub use transcode::{Dtmf, Format, PayloadMap, Twice, Way};
pub use webrtc::{Credentials, Fingerprint, Hash, Identity, IdentityFault, Peer};
