//! The sources of one direction, each with its own place in its own stream.
//!
//! A stranger cannot fill the table: only what was authenticated, or what we send, is remembered.

use crate::window::Window;

/// One source as plain data: enough to go on with its stream elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// The source.
    pub ssrc: u32,
    /// Its packets of RTP.
    pub rtp: Window,
    /// Its packets of RTCP.
    pub rtcp: Window,
}

/// The sources that were heard of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    streams: Vec<Entry>,
    /// Where the last packet belonged: the next one mostly belongs there, too.
    last: usize,
    /// Packets so far.
    clock: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    stream: Stream,
    used: u64,
}

impl Streams {
    /// Those of another process, as it left them.
    pub(crate) fn of(streams: &[Stream]) -> Self {
        let entry = |stream: &Stream| Entry { stream: *stream, used: 0 };
        Self { streams: streams.iter().take(MOST).map(entry).collect(), last: 0, clock: 0 }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Stream> + '_ {
        self.streams.iter().map(|entry| entry.stream)
    }

    /// The source, if it was heard of.
    #[inline]
    pub(crate) fn find(&mut self, ssrc: u32) -> Option<&mut Stream> {
        if self.streams.get(self.last).is_none_or(|entry| entry.stream.ssrc != ssrc) {
            self.last = self.streams.iter().position(|entry| entry.stream.ssrc == ssrc)?;
        }
        self.clock += 1;
        let entry = self.streams.get_mut(self.last)?;
        entry.used = self.clock;
        Some(&mut entry.stream)
    }

    /// Whether there is room for another source.
    pub(crate) fn is_full(&self) -> bool {
        self.streams.len() >= MOST
    }

    /// A source that was not heard of before; the one that has been silent for longest makes room for it.
    pub(crate) fn add(&mut self, stream: Stream) {
        self.clock += 1;
        let entry = Entry { stream, used: self.clock };
        if !self.is_full() {
            return self.streams.push(entry);
        }
        if let Some(silent) = self.streams.iter_mut().min_by_key(|entry| entry.used) {
            *silent = entry;
        }
    }
}

/// Sources that one direction remembers: many videos, or a peer that takes a new source with every hold for a day.
const MOST: usize = 128;
