//! What the plane wants done, in order: sockets to bind, packets to send, events to deliver.
//!
//! The host hands in the same [`Actions`] again and again, so that nothing is allocated per packet. A relayed
//! packet is not copied: its [`Payload`] says "the one you just handed in".

use std::net::SocketAddr;

use codec::Rate;

use crate::{Event, RecordingId};

/// A socket of the plane: an index that stays the same until [`Action::Unbind`], and small enough for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketKey(pub u32);

impl SocketKey {
    /// The socket of the whole worker, which no end has for itself: whose its packets are, the plane finds out. It
    /// is bound by the host and never by [`Action::Bind`].
    pub const SHARED: Self = Self(u32::MAX);

    pub(crate) fn rtp(slot: u32) -> Self {
        Self(slot << 1)
    }

    pub(crate) fn rtcp(slot: u32) -> Self {
        Self((slot << 1) | 1)
    }

    pub(crate) fn slot(self) -> u32 {
        self.0 >> 1
    }

    /// Whether it is for RTCP alone.
    pub fn is_rtcp(self) -> bool {
        self.0 & 1 == 1
    }
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Bind a UDP socket; a failure goes to [`crate::Plane::on_bind_failed`].
    Bind {
        /// Its name from now on.
        socket: SocketKey,
        /// The local address.
        addr: SocketAddr,
    },
    /// Deliver an event to signalling.
    Emit(Event),
    /// Keep a piece of a recording; its samples are found by [`Actions::samples`].
    Keep(Chunk),
    /// Send a datagram; a failure goes to [`crate::Plane::on_send_failed`].
    Send {
        /// From this socket.
        socket: SocketKey,
        /// To this address.
        to: SocketAddr,
        /// Its bytes, found by [`Actions::bytes`].
        payload: Payload,
    },
    /// Close a socket.
    Unbind {
        /// The socket.
        socket: SocketKey,
    },
}

/// A piece of a recording. Pieces come in order; what lies between two of them is silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which recording.
    pub recording: RecordingId,
    /// One, or two whose samples take turns.
    pub channels: u8,
    /// Samples per second and channel.
    pub rate: Rate,
    /// Samples of each channel before it.
    pub at: u64,
    /// Samples of each channel that the recording has with it.
    pub total: u64,
    /// It is the last one.
    pub last: bool,
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// The bytes of a datagram to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Bytes made by the plane.
    Made {
        /// Where they begin in the arena.
        start: u32,
        /// How many there are.
        len: u32,
    },
    /// The packet that was handed in, untouched.
    Received,
}

/// The actions of one input, and the bytes they refer to.
#[derive(Debug, Default)]
pub struct Actions {
    list: Vec<Action>,
    arena: Vec<u8>,
    /// Samples of chunks.
    audio: Vec<i16>,
}

impl Actions {
    /// None yet.
    pub fn new() -> Self {
        Self { list: Vec::with_capacity(64), arena: Vec::with_capacity(4096), audio: Vec::new() }
    }

    /// The actions, in order.
    pub fn list(&self) -> &[Action] {
        &self.list
    }

    /// The bytes of a datagram; `received` is the packet that was handed in.
    pub fn bytes<'a>(&'a self, payload: Payload, received: &'a [u8]) -> &'a [u8] {
        match payload {
            Payload::Received => received,
            Payload::Made { start, len } => {
                let start = start as usize;
                self.arena.get(start..start + len as usize).unwrap_or(&[])
            }
        }
    }

    /// The samples of a piece of a recording.
    pub fn samples(&self, chunk: &Chunk) -> &[i16] {
        let start = chunk.start as usize;
        self.audio.get(start..start + chunk.len as usize).unwrap_or(&[])
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.arena.clear();
        self.audio.clear();
    }

    pub(crate) fn push(&mut self, action: Action) {
        self.list.push(action);
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.list.push(Action::Emit(event));
    }

    pub(crate) fn keep(&mut self, chunk: Chunk) {
        self.list.push(Action::Keep(chunk));
    }

    /// Where samples of chunks lie.
    pub(crate) fn audio(&mut self) -> &mut Vec<i16> {
        &mut self.audio
    }

    /// Room for a datagram of the plane's making, filled by `fill`.
    pub(crate) fn make(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Payload {
        let start = self.arena.len();
        fill(&mut self.arena);
        self.made(start)
    }

    /// Where datagrams of the plane's making lie; the next one begins at its end.
    pub(crate) fn arena(&mut self) -> &mut Vec<u8> {
        &mut self.arena
    }

    /// The datagram that was made in the arena from `start` on.
    pub(crate) fn made(&self, start: usize) -> Payload {
        Payload::Made { start: start as u32, len: self.arena.len().saturating_sub(start) as u32 }
    }
}
