//! What a worker counts about itself, and what its sockets lost before it saw it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use timestamp::Timestamp;

use super::packet_loop::PacketIo;

/// A number that one thread sets and others read.
#[derive(Debug, Default)]
pub struct Figure(AtomicU64);

impl Figure {
    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// The figures of a worker, since its start.
#[derive(Debug, Default)]
pub struct Figures {
    /// Datagrams that the kernel dropped because a socket's buffer was full.
    pub kernel_drops: Figure,
    /// Datagrams larger than any that is relayed.
    pub oversized: Figure,
    /// Times that a socket waited because all buffers of the worker were in use; nothing is lost by that alone.
    pub shortages: Figure,
    /// Pieces of recordings that were left out.
    pub unkept: Figure,
    /// Packets at the worker's own port that belong to no call.
    pub strays: Figure,
}

/// Asks sockets now and then, and when they close, how many datagrams the kernel dropped there.
#[derive(Debug, Default)]
pub(super) struct DropWatch {
    /// What each seat had dropped when it was asked last.
    seen: Vec<u32>,
    next: usize,
    asked: Timestamp,
    total: u64,
}

impl DropWatch {
    /// A new socket has a seat.
    pub(super) fn open(&mut self, seat: u32) {
        let seats = self.seen.len().max(seat as usize + 1);
        self.seen.resize(seats, 0);
    }

    /// Asks a socket for the last time.
    pub(super) fn close(&mut self, io: &impl PacketIo, seat: u32) {
        self.ask(io, seat);
        if let Some(seen) = self.seen.get_mut(seat as usize) {
            *seen = 0;
        }
    }

    /// Asks some sockets, if it is time.
    pub(super) fn look(&mut self, io: &impl PacketIo, now: Timestamp) {
        if now.since(self.asked) < EVERY {
            return;
        }
        self.asked = now;
        for _ in 0..self.seen.len().min(AT_A_TIME) {
            self.next = (self.next + 1) % self.seen.len();
            self.ask(io, self.next as u32);
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    fn ask(&mut self, io: &impl PacketIo, seat: u32) {
        if let Some(seen) = self.seen.get_mut(seat as usize)
            && let Some(socket) = io.socket(seat)
            && let Ok(dropped) = uring::dropped(socket)
        {
            self.total += u64::from(dropped.wrapping_sub(*seen));
            *seen = dropped;
        }
    }
}

const EVERY: Duration = Duration::from_secs(1);

/// A fifth of a microsecond each.
const AT_A_TIME: usize = 1000;
