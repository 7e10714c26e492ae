//! Puts packets back into their order, and holds none that is in order.
//!
//! Whoever listens has a buffer against jitter already, and a second one would only add its delay to that. So a packet
//! whose turn it is passes at once; only those behind a gap wait for what may have been overtaken, as long as the
//! jitter that was measured (RFC 3550 A.8) makes that likely. What is far off is no gap but another stream, which begins
//! at once: nothing is made up for the numbers between (RFC 3550 A.1).

use std::time::Duration;

use rtp::RtpHeader;
use timestamp::Timestamp;

/// Packets that came too early.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    next: Option<u16>,
    ssrc: u32,
    held: Vec<Held>,
    /// Room of packets that are gone.
    spare: Vec<Vec<u8>>,
    /// When those held are played, whatever is missing.
    deadline: Option<Timestamp>,
    /// One more than a number that was far off: two in a row begin anew.
    suspect: Option<u16>,
    clock: u32,
    /// Timestamp and transit time of the last packet.
    transit: Option<(u32, i64)>,
    /// Interarrival jitter in microseconds, times 16.
    jitter: u64,
    /// How late the latest of the late ones was, in microseconds; forgotten slowly.
    lateness: u64,
    gave_up: GivenUp,
    /// Packets that came after their time, or twice.
    pub(crate) late: u64,
}

/// Packets that were waited for in vain.
#[derive(Debug, Default)]
struct GivenUp {
    first: u16,
    count: u16,
    at: Timestamp,
}

/// A packet, out of its header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) payload_type: u8,
    pub(crate) payload: Vec<u8>,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It begins a stream: what was before is over.
    Anew,
    /// It is dropped.
    Late,
    /// It is its turn.
    Now,
    /// It waits.
    Waits,
}

impl JitterBuffer {
    pub(crate) fn new(clock: u32) -> Self {
        Self {
            next: None,
            ssrc: 0,
            held: Vec::with_capacity(MOST),
            spare: (0..MOST).map(|_| Vec::with_capacity(USUAL)).collect(),
            deadline: None,
            suspect: None,
            clock,
            transit: None,
            jitter: 0,
            lateness: 0,
            gave_up: GivenUp::default(),
            late: 0,
        }
    }

    /// Judges a packet, and keeps it if it has to wait.
    pub(crate) fn on_packet(&mut self, header: &RtpHeader, payload: &[u8], now: Timestamp) -> Turn {
        let Some(next) = self.next.filter(|_| header.ssrc == self.ssrc) else {
            return self.begin(header, now);
        };
        let ahead = header.sequence.wrapping_sub(next);
        if usize::from(ahead) >= MOST && ahead < MISORDERED {
            if self.suspect == Some(header.sequence) {
                return self.begin(header, now);
            }
            self.suspect = Some(header.sequence.wrapping_add(1));
            return Turn::Late;
        }
        if ahead >= MISORDERED {
            self.late += 1;
            let GivenUp { first, count, at } = self.gave_up;
            if header.sequence.wrapping_sub(first) < count {
                let late = self.patience() + now.since(at);
                self.lateness = self.lateness.max(late.min(LONGEST).as_micros() as u64);
            }
            return Turn::Late;
        }
        self.measure(header.timestamp, now);
        if ahead == 0 {
            self.next = Some(next.wrapping_add(1));
            return Turn::Now;
        }
        if self.held.iter().any(|held| held.sequence == header.sequence) {
            self.late += 1;
            return Turn::Late;
        }
        let mut room = self.spare.pop().unwrap_or_default();
        room.clear();
        room.extend_from_slice(payload);
        self.held.push(Held {
            sequence: header.sequence,
            timestamp: header.timestamp,
            payload_type: header.payload_type,
            payload: room,
        });
        if self.deadline.is_none() {
            self.deadline = Some(now + self.patience());
        }
        Turn::Waits
    }

    /// The held packet whose turn it is; to be given back.
    pub(crate) fn take_next(&mut self) -> Option<Held> {
        let next = self.next?;
        let at = self.held.iter().position(|held| held.sequence == next)?;
        self.next = Some(next.wrapping_add(1));
        let held = self.held.swap_remove(at);
        if self.held.is_empty() {
            self.deadline = None;
        }
        Some(held)
    }

    /// Gives up what is missing before the first that is held; how many packets that is.
    pub(crate) fn give_up(&mut self, now: Timestamp) -> Option<u16> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return None;
        }
        let next = self.next?;
        let missing = self.held.iter().map(|held| held.sequence.wrapping_sub(next)).min()?;
        self.next = Some(next.wrapping_add(missing));
        self.deadline = Some(now + self.patience());
        self.gave_up = GivenUp { first: next, count: missing, at: now };
        Some(missing)
    }

    /// The room of a packet that was played.
    pub(crate) fn give_back(&mut self, held: Held) {
        if self.spare.len() < MOST {
            self.spare.push(held.payload);
        }
    }

    /// When to give up what is missing.
    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        self.deadline
    }

    #[cold]
    fn begin(&mut self, header: &RtpHeader, now: Timestamp) -> Turn {
        while let Some(held) = self.held.pop() {
            self.late += 1;
            self.give_back(held);
        }
        self.deadline = None;
        self.suspect = None;
        self.transit = None;
        self.ssrc = header.ssrc;
        self.next = Some(header.sequence.wrapping_add(1));
        self.measure(header.timestamp, now);
        Turn::Anew
    }

    fn measure(&mut self, timestamp: u32, now: Timestamp) {
        let arrival = now.as_micros() as i64;
        let transit = arrival.wrapping_sub((u64::from(timestamp) * 1_000_000 / u64::from(self.clock)) as i64);
        let (last, before) = self.transit.unwrap_or((timestamp, transit));
        if timestamp == last {
            self.transit.get_or_insert((timestamp, transit));
            return;
        }
        self.transit = Some((timestamp, transit));
        let difference = transit.wrapping_sub(before).unsigned_abs();
        // A step of a second is another file or a clock that wrapped.
        if difference < 1_000_000 {
            self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
        }
        self.lateness -= self.lateness >> 9;
    }

    /// How long a gap is waited for. Packets are sent ten milliseconds apart at least, so one is overtaken only where
    /// the jitter is of that order.
    fn patience(&self) -> Duration {
        Duration::from_micros((3 * (self.jitter >> 4)).max(self.lateness)).clamp(SHORTEST, LONGEST)
    }
}

/// Packets that are held; a gap of more is another stream.
const MOST: usize = 32;
/// Octets of most packets.
const USUAL: usize = 512;
/// Beyond this a number lies behind and not ahead.
const MISORDERED: u16 = u16::MAX - 100;
/// Nothing is waited for any shorter: packets that a host sent together overtake each other within a few milliseconds.
const SHORTEST: Duration = Duration::from_millis(5);
/// Nor any longer: by then the listener has concealed what is missing.
const LONGEST: Duration = Duration::from_millis(80);

#[cfg(test)]
mod tests;
