//! A test call: one real call from a user agent of our own, with audio measured in both directions.
//!
//! RFC 3261 as a client over UDP or TCP with digest, RFC 3264 with G.711, RTP with a known tone. It needs no server of
//! ours. It knows no SRV records and no codec but G.711, and it takes no calls.

mod agent;
mod audio;
mod place;
#[cfg(test)]
mod tests;

use serde::Serialize;
use sip_stack::transport::Target as Peer;

use crate::probe::Tls;

pub use place::place;

/// The call to place.
#[derive(Clone)]
pub struct Plan {
    /// Who is called: `sip:echo@sip.example.com`.
    pub target: String,
    /// Where the requests go; absent means where the target's host leads.
    pub peer: Option<Peer>,
    /// How TLS is spoken, where the peer is reached over it.
    pub tls: Option<Tls>,
    /// Who calls; made from the target's host and the user if absent.
    pub from: Option<String>,
    /// User name for a digest challenge.
    pub user: Option<String>,
    /// Password for it.
    pub password: Option<String>,
    /// Seconds of audio.
    pub seconds: u32,
    /// Seconds it may ring.
    pub ring_s: u32,
}

/// What became of the call.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Who was called.
    pub target: String,
    /// Where the requests went.
    pub peer: String,
    /// Last final SIP code; 0 if none came.
    pub sip_code: u16,
    /// Its reason phrase, or what happened instead of an answer.
    pub sip_reason: String,
    /// Reason header fields of the final answer or of the peer's BYE (RFC 3326).
    pub reasons: Vec<String>,
    /// Whether we were asked for credentials.
    pub challenged: bool,
    /// Milliseconds until the first answer of any kind.
    pub first_answer_ms: Option<u64>,
    /// Milliseconds until it rang (18x).
    pub ringing_ms: Option<u64>,
    /// Milliseconds until it was answered.
    pub answered_ms: Option<u64>,
    /// Who ended it: `us`, `peer`, or `nobody` if it was never answered.
    pub ended_by: &'static str,
    /// What was heard, when it was answered.
    pub audio: Option<AudioReport>,
    /// Whether everything went as it should.
    pub ok: bool,
    /// The last INVITE, secrets masked.
    #[serde(skip)]
    pub sent: String,
    /// The last answer to it, secrets masked.
    #[serde(skip)]
    pub received: String,
}

/// What was heard and how well.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AudioReport {
    /// `PCMA` or `PCMU`.
    pub codec: &'static str,
    /// Where our packets went.
    pub remote: String,
    /// What came back.
    pub heard: Heard,
    /// Whether audio was proven in both directions; unknown when what came back was not ours.
    pub both_ways: Option<bool>,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets received.
    pub packets_received: u64,
    /// Packets that never came, of those the peer numbered.
    pub packets_lost: u64,
    /// The same in percent.
    pub loss_percent: f64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
    /// From a tone sent to the same tone heard, where it came back.
    pub round_trip_ms: Option<f64>,
    /// Loudness of what was heard, in dBm0; absent when nothing was.
    pub level_dbm0: Option<f64>,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// Our own tone with its pattern: both directions work.
    OwnTone,
    /// A steady tone of the same frequency: a milliwatt.
    Tone,
    /// Other audio.
    Audio,
    /// Packets, but silence.
    Silence,
    /// No packet.
    Nothing,
}

impl core::fmt::Debug for Plan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Plan").field("target", &self.target).field("user", &self.user).finish_non_exhaustive()
    }
}
