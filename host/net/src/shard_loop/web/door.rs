//! Where the office hands WebSockets over: how many there may be, of one source and in all, and what is counted of them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sip_stack::transport::{Flow, Protocol, RESERVED};

use super::line::Line;
use crate::shard_loop::mail::Post;

/// Takes WebSockets; one for every HTTP listener, all of them count together.
#[derive(Clone, Debug)]
pub struct WebDoor {
    protocol: Protocol,
    listener: u16,
    post: Post,
    hall: Arc<Hall>,
}

/// Why a WebSocket is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are too many.
    Full,
    /// There are too many of this source.
    SourceFull,
}

/// Why a WebSocket was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebEnd {
    /// The connection broke, or what came was no WebSocket frame.
    Broken,
    /// The client closed it.
    Client,
    /// Pings were not answered.
    Dead,
    /// It was refused further service: a ban, or nonsense.
    Refused,
    /// No SIP came for too long.
    Silent,
    /// The client did not take what was sent.
    Slow,
    /// The server ends.
    Stopped,
    /// A message was too large.
    TooLarge,
}

impl WebEnd {
    /// Every end.
    pub const ALL: &'static [Self] = &[
        Self::Broken,
        Self::Client,
        Self::Dead,
        Self::Refused,
        Self::Silent,
        Self::Slow,
        Self::Stopped,
        Self::TooLarge,
    ];

    /// As metrics have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Client => "client",
            Self::Dead => "dead",
            Self::Refused => "refused",
            Self::Silent => "silent",
            Self::Slow => "slow",
            Self::Stopped => "stopped",
            Self::TooLarge => "too_large",
        }
    }

    /// The code that a client is told (RFC 6455 §7.4.1).
    pub const fn code(self) -> u16 {
        match self {
            Self::Client | Self::Silent => 1000,
            Self::Stopped => 1001,
            Self::Broken => 1002,
            Self::Dead | Self::Refused | Self::Slow => 1008,
            Self::TooLarge => 1009,
        }
    }
}

/// What is counted of WebSockets.
#[derive(Debug, Default)]
pub struct WebFigures {
    opened: AtomicU64,
    refused: AtomicU64,
    ended: [AtomicU64; WebEnd::ALL.len()],
}

impl WebFigures {
    /// One was not taken.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// One was closed.
    fn ended(&self, why: WebEnd) {
        if let Some(count) = self.ended.get(why as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were opened since the start, how many are open, how many were not taken.
    pub fn counts(&self) -> [u64; 3] {
        let opened = self.opened.load(Ordering::Relaxed);
        let ended: u64 = self.ended.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        [opened, opened.saturating_sub(ended), self.refused.load(Ordering::Relaxed)]
    }

    /// How many were closed, by why.
    pub fn ends(&self) -> Vec<(&'static str, u64)> {
        let counts = self.ended.iter().map(|count| count.load(Ordering::Relaxed));
        WebEnd::ALL.iter().map(|why| why.name()).zip(counts).collect()
    }
}

impl WebDoor {
    pub(in crate::shard_loop) fn new(protocol: Protocol, listener: u16, post: Post) -> Self {
        Self { protocol, listener, post, hall: Arc::default() }
    }

    /// The door of another listener.
    pub(in crate::shard_loop) fn beside(&self, protocol: Protocol, listener: u16) -> Self {
        Self { protocol, listener, ..self.clone() }
    }

    /// The transport of what comes through it.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What is counted.
    pub fn figures(&self) -> &WebFigures {
        &self.hall.figures
    }

    /// Asks for a place for a client, before its socket is opened.
    pub fn reserve(&self, remote: SocketAddr) -> Result<Seat, Refused> {
        let seat = Seat::take(&self.hall, remote.ip().to_canonical());
        if seat.is_err() {
            self.hall.figures.refused();
        }
        seat
    }

    /// The client's socket is open.
    pub fn open(&self, remote: SocketAddr, seat: Seat) -> Line {
        self.hall.figures.opened.fetch_add(1, Ordering::Relaxed);
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let flow =
            Flow { protocol: self.protocol, listener: self.listener, stream: self.hall.number(), remote };
        Line::new(flow, self.post.clone(), seat)
    }
}

/// A place among the WebSockets; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    hall: Arc<Hall>,
    source: IpAddr,
}

impl Seat {
    /// The socket that had it is closed.
    pub(super) fn ended(&self, why: WebEnd) {
        self.hall.figures.ended(why);
    }

    fn take(hall: &Arc<Hall>, source: IpAddr) -> Result<Self, Refused> {
        let mut seats = hall.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.all >= MOST {
            return Err(Refused::Full);
        }
        let of_source = seats.by_source.entry(source).or_default();
        // A proxy in front of us is one source for everybody.
        if *of_source >= MOST_OF_SOURCE && !source.is_loopback() {
            return Err(Refused::SourceFull);
        }
        *of_source += 1;
        seats.all += 1;
        Ok(Self { hall: Arc::clone(hall), source })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.hall.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.all -= 1;
        if let Some(count) = seats.by_source.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                seats.by_source.remove(&self.source);
            }
        }
    }
}

/// What all doors share.
#[derive(Debug, Default)]
struct Hall {
    figures: WebFigures,
    next: AtomicU32,
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    all: usize,
    by_source: HashMap<IpAddr, usize>,
}

impl Hall {
    /// A number that no open socket has: two thousand million later it is free again.
    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed) % (RESERVED - 1) + 1
    }
}

/// WebSockets at once; a descriptor each.
const MOST: usize = 50_000;
/// The same for one source: a large office behind one address.
const MOST_OF_SOURCE: usize = 5000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let hall = Arc::<Hall>::default();
        let source = |last| IpAddr::from([192, 0, 2, last]);
        let taken: Vec<_> = (0..MOST_OF_SOURCE).map(|_| Seat::take(&hall, source(1))).collect();
        assert!(taken.iter().all(Result::is_ok));
        assert_eq!(Seat::take(&hall, source(1)).err(), Some(Refused::SourceFull));
        assert!(Seat::take(&hall, source(2)).is_ok());
        drop(taken);
        let seats = hall.seats.lock().expect("nobody panicked");
        assert!(seats.all == 0 && seats.by_source.is_empty());
    }
}
