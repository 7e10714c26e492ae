//! What signalling asks of the media plane.
//!
//! Signalling names its ends itself, so no command waits for an answer. Commands about an end that is not open
//! are ignored, save [`Command::Close`], which is always answered.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use srtp::Keys;
use webrtc::{Credentials, Peer};

use crate::recording::{Recording, RecordingId};
use crate::shared::PayloadTypes;
use crate::transcode::{Format, PayloadMap};

/// One m-line of one leg, named by signalling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndId(pub u64);

impl EndId {
    /// The upper half, which all ends of a call have in common.
    pub const fn call(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Which of so many workers has it: all ends of a call are with the same one.
    pub const fn worker(self, workers: usize) -> usize {
        self.call() as usize % if workers == 0 { 1 } else { workers }
    }
}

/// A room, named by signalling: ends in it hear each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub u64);

/// A request to the plane. An end is in the clear until something else is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Let the packets of an end pass in the clear; its keys are forgotten.
    Clear {
        /// The end.
        end: EndId,
    },
    /// Let nothing pass an end in the clear any more, in either direction: without keys nothing passes.
    Demand {
        /// The end.
        end: EndId,
    },
    /// Open an end on two local ports. Answered only if it fails, by [`crate::Event::Failed`].
    Open {
        /// Name of the new end.
        end: EndId,
        /// Local address.
        bind: IpAddr,
        /// Local RTP port; RTCP is on the next one.
        port: u16,
        /// Silence after which [`crate::Event::Inactive`] is told; `None` turns it off.
        inactivity: Option<Duration>,
    },
    /// What the peer's latest session description says.
    Remote {
        /// The end.
        end: EndId,
        /// The description.
        remote: Remote,
    },
    /// Relay between two ends. Joining one of them again takes it away from its former peer.
    Join {
        /// One end.
        a: EndId,
        /// The other.
        b: EndId,
    },
    /// The peer of an end should be heard from now on: if it is not within five seconds, [`crate::Event::Unheard`] says so.
    Await {
        /// The end.
        end: EndId,
    },
    /// What stands under these payload types in packets from this end has other ones at the end that it is joined with.
    /// Holds until either is joined again.
    Renumber {
        /// The end.
        end: EndId,
        /// The numbers.
        map: PayloadMap,
    },
    /// Convert between two ends, as [`Command::Join`] relays. Asked again, it changes what is different.
    Transcode {
        /// One end, and what it speaks.
        a: (EndId, Format),
        /// The other.
        b: (EndId, Format),
    },
    /// Dial towards an end that is converted for; ignored where digits do not reach it through media.
    Dial {
        /// The end that hears it.
        end: EndId,
        /// Event code of the digit (RFC 4733 §3.2).
        code: u8,
        /// How long it lasts, in milliseconds.
        ms: u32,
    },
    /// Protect the packets of an end by these keys, and let none pass in the clear. A direction whose key is the one it
    /// has goes on as it is; packets under the former key of a peer are taken until it uses the new one.
    Protect {
        /// The end.
        end: EndId,
        /// What protects its peer's packets.
        inbound: Keys,
        /// What protects ours.
        outbound: Keys,
    },
    /// Let an end be served by the plane itself instead of a peer.
    Serve {
        /// The end.
        end: EndId,
        /// What it hears.
        source: Source,
    },
    /// Open an end on the shared port of the worker, for a peer that finds us by ICE. Its media must be protected by
    /// keys that DTLS yields. Answered only if it fails, by [`crate::Event::Failed`].
    OpenShared {
        /// Name of the new end.
        end: EndId,
        /// What the peer's checks must know; new for every transport.
        credentials: Credentials,
        /// An end that is open already and whose transport it shares (RFC 8843); its credentials count then.
        bundle: Option<EndId>,
        /// Silence after which [`crate::Event::Inactive`] is told; `None` turns it off.
        inactivity: Option<Duration>,
    },
    /// What a description says of the peer of a shared end's transport.
    Authenticate {
        /// The end that heads the bundle.
        end: EndId,
        /// Its certificate, and who begins.
        peer: Peer,
    },
    /// ICE restarts: checks come with these credentials from now on.
    Restart {
        /// The end that heads the bundle.
        end: EndId,
        /// What they must know.
        credentials: Credentials,
    },
    /// Which packets of a bundle are for this end.
    Sort {
        /// The end.
        end: EndId,
        /// By payload type.
        payloads: PayloadTypes,
    },
    /// Play audio to an end that is served, from its beginning, in place of what it hears. Its end is told by
    /// [`crate::Event::Played`].
    Play {
        /// The end.
        end: EndId,
        /// Samples, 8000 a second.
        audio: Arc<[i16]>,
        /// How often; none for until something else is heard.
        times: Option<u32>,
        /// What its end is reported with.
        serial: u32,
    },
    /// What is played to an end is in this format from now on, in packets of 20 ms; without one nothing is heard of it.
    Speak {
        /// The end.
        end: EndId,
        /// What it hears.
        format: Format,
    },
    /// Press keys towards an end that is served, in place of what it hears: as events where its format has them, else as
    /// tones.
    Press {
        /// The end.
        end: EndId,
        /// The keys, one after the other.
        strokes: Arc<[Stroke]>,
    },
    /// Take note of the keys that the peer of an end presses, told by [`crate::Event::Key`], until it is joined to
    /// another.
    Listen {
        /// The end.
        end: EndId,
        /// Payload types of `telephone-event` there.
        events: PayloadTypes,
        /// What it speaks, if tones in that are keys.
        tones: Option<Format>,
    },
    /// Keep what ends say, or change who is heard on a recording. What comes of it is in [`crate::Action::Keep`]; its end
    /// is told by [`crate::Event::Recorded`].
    Record(Box<Recording>),
    /// A recording is over.
    StopRecording {
        /// Any end of its call.
        end: EndId,
        /// Which.
        recording: RecordingId,
    },
    /// Put an end into a room, where it hears all others and they hear it. Asked again, it changes what is different; keys are
    /// listened for as before. A room is there as long as an end is in it.
    Mix {
        /// The end.
        end: EndId,
        /// The room.
        room: RoomId,
        /// What it speaks; packets of it last 20 ms.
        format: Format,
        /// Whether nobody hears it.
        muted: bool,
    },
    /// Let nobody hear an end that is in a room, or let them hear it again.
    Mute {
        /// The end.
        end: EndId,
        /// Which.
        muted: bool,
    },
    /// Let all hear something once who are in the room that an end is in.
    Announce {
        /// The end.
        end: EndId,
        /// What.
        announcement: Announcement,
    },
    /// Close an end and its ports. Always answered by one [`crate::Event::Closed`].
    Close {
        /// The end.
        end: EndId,
    },
}

/// Where a peer wants its media and where it may send from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its RTP address; `None` while there is none, or it is 0.0.0.0: nothing is sent then.
    pub rtp: Option<SocketAddr>,
    /// Its RTCP address; equal to `rtp` when multiplexed (RFC 5761), `None` when it wants no RTCP.
    pub rtcp: Option<SocketAddr>,
    /// Where its signalling comes from.
    pub signalling: IpAddr,
    /// Which sources are believed.
    pub latch: Latching,
    /// RTP clock rate of the first codec, for the jitter; 0 means 8000.
    pub clock_rate: u32,
    /// Packets are expected from it; inactivity counts only then.
    pub sends: bool,
    /// It wants packets (its direction is `sendrecv` or `recvonly`).
    pub receives: bool,
    /// A re-INVITE or UPDATE brought this: another source may take over.
    pub renegotiated: bool,
    /// It speaks UDPTL, the fax of ITU-T T.38, instead of RTP: packets pass as they are, and there is no RTCP.
    pub udptl: bool,
}

impl Remote {
    /// A peer that sends and wants audio, of which nothing is known but where its signalling comes from.
    pub const fn of(signalling: IpAddr) -> Self {
        Self {
            rtp: None,
            rtcp: None,
            signalling,
            latch: Latching::Auto,
            clock_rate: 8000,
            sends: true,
            receives: true,
            renegotiated: false,
            udptl: false,
        }
    }
}

/// Which sources of packets are believed; `media.nat` of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latching {
    /// Any source.
    Always,
    /// The described address, any port of the described IP, the IP of the signalling.
    #[default]
    Auto,
    /// Only the described address and port.
    Never,
}

/// What a room hears besides those in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// This, 8000 samples a second.
    Audio(Arc<[i16]>),
    /// That somebody came.
    Entered,
    /// That somebody went.
    Left,
}

/// What an end hears that has no peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Itself.
    Echo,
    /// 1004 Hz at 0 dBm0.
    Milliwatt,
    /// A signal of the network, over and over.
    Signal(Signal),
    /// Nothing: packets are counted and dropped, none are sent.
    Silence,
}

/// A key that is pressed, or a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stroke {
    /// `0` to `9`, `*`, `#`, `A` to `D`; none for a pause.
    pub key: Option<u8>,
    /// How long, in milliseconds.
    pub ms: u32,
    /// How long nothing follows, in milliseconds.
    pub pause_ms: u32,
}

/// A signal of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A tone without pauses.
    Beep,
    /// The called line is busy.
    Busy,
    /// No line is free.
    Congestion,
    /// The called line rings.
    Ringback,
}
