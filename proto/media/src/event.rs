//! What the media plane tells signalling.

use std::net::SocketAddr;

use serde::Serialize;
use timestamp::Timestamp;

use crate::{EndId, RecordingId};

/// News of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A transport is proven and keyed: media may flow. Told of the end that heads its bundle.
    Connected {
        /// The end.
        end: EndId,
        /// Where the peer is.
        at: SocketAddr,
    },
    /// The peer has stopped checking whether it may send (RFC 7675); told like `Connected`.
    ConsentLost {
        /// The end.
        end: EndId,
    },
    /// The certificate is not the described one; told like `Connected`.
    FingerprintMismatch {
        /// The end.
        end: EndId,
    },
    /// Nobody came, or the handshake went wrong; told like `Connected`.
    HandshakeFailed {
        /// The end.
        end: EndId,
    },
    /// It is closed and its ports are free.
    Closed {
        /// The end.
        end: EndId,
        /// Final counters; all zero if the end was not open.
        counters: Counters,
    },
    /// Somebody dialled, and this end hears of it by signalling ([`crate::Dtmf::Info`]).
    Dialled {
        /// The end that is to be told.
        end: EndId,
        /// Event code of the digit (RFC 4733 §3.2).
        code: u8,
        /// How long it lasted, in milliseconds.
        ms: u32,
    },
    /// It could not be opened and does not exist.
    Failed {
        /// The end.
        end: EndId,
        /// The local port that failed: the RTP port or the one after it.
        port: u16,
        /// Why.
        error: OpenFault,
    },
    /// Its peer pressed a key.
    Key {
        /// The end.
        end: EndId,
        /// `0` to `9`, `*`, `#` or `A` to `D`.
        key: u8,
    },
    /// What was to be played has been.
    Played {
        /// The end.
        end: EndId,
        /// As the order to play it said.
        serial: u32,
    },
    /// A recording is over.
    Recorded {
        /// One of its ends.
        end: EndId,
        /// Which.
        recording: RecordingId,
        /// How long it is, in milliseconds.
        ms: u32,
        /// Why.
        why: RecordingOver,
    },
    /// Somebody talks at an end that is in a room, or does not any more.
    Talking {
        /// The end.
        end: EndId,
        /// Which.
        talks: bool,
    },
    /// The first packet that was believed; told once.
    FirstPacket {
        /// The end.
        end: EndId,
        /// Where it came from.
        from: SocketAddr,
    },
    /// Five seconds after [`crate::Command::Await`] its peer was not heard.
    Unheard {
        /// The end.
        end: EndId,
        /// Why.
        why: Unheard,
    },
    /// Packets were expected and none came; told once, and again only after a renegotiation.
    Inactive {
        /// The end.
        end: EndId,
    },
}

/// Why a recording is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingOver {
    /// Its ends are closed.
    Left,
    /// It is as long as it may be.
    Longest,
    /// Nothing was heard for as long as was said.
    Silence,
    /// Signalling said so.
    Stopped,
}

/// Why nothing was heard of a peer that should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// Packets came, from a source that is not believed.
    Foreign,
    /// No packet came.
    Nothing,
    /// Packets came, and all of them are silence.
    Silence,
}

/// Why an end could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFault {
    /// The local address is not one of ours.
    AddressNotOurs,
    /// The name of the end is taken: the caller's mistake.
    AlreadyOpen,
    /// The system refused: out of descriptors, memory or permission.
    Refused,
    /// Another program, or another end, has the port; or there is no port after it for RTCP.
    PortTaken,
}

/// What passed an end. "In" is from the peer to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// RTP packets believed.
    pub packets_in: u64,
    /// Their bytes, RTP header included.
    pub bytes_in: u64,
    /// RTP packets sent.
    pub packets_out: u64,
    /// Their bytes, RTP header included.
    pub bytes_out: u64,
    /// Expected less received (RFC 3550 A.3), never below zero, summed over the sources.
    pub lost: u64,
    /// Interarrival jitter at the end (RFC 3550 §6.4.1), in microseconds.
    pub jitter_us: u32,
    /// Round trip to the peer and back (RFC 3550 §6.4.1), in microseconds; 0 if it was never measured.
    pub round_trip_us: u32,
    /// When the first packet came.
    pub first_packet: Option<Timestamp>,
    /// When the last packet came.
    pub last_packet: Option<Timestamp>,
    /// Packets from sources that were not believed.
    pub foreign_dropped: u64,
    /// Packets that are neither RTP nor RTCP.
    pub invalid_dropped: u64,
    /// RTCP packets believed.
    pub rtcp_in: u64,
    /// RTCP packets sent.
    pub rtcp_out: u64,
    /// Packets of a protected end that are in the clear, under another key, or changed on the way.
    pub forged_dropped: u64,
    /// Packets of a protected end that came before, or too late.
    pub replayed_dropped: u64,
    /// Packets that could not be protected for the peer: there were no keys yet, or they were used up.
    pub unprotected_dropped: u64,
    /// Packets that the system would not send.
    pub send_errors: u64,
}
