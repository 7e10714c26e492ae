//! Loss and jitter of what comes in at an end: RFC 3550 A.1, A.3 and A.8.
//!
//! A change of SSRC, or a sequence that starts anew, closes the sums of the old run and opens a new one, so that
//! a peer which restarts its stream is not charged with sixty thousand lost packets. What left us is not judged
//! here, and nothing is said about how it sounds.

use rtp::Numbers;
use rtp::rtcp::ReportBlock;
use timestamp::Timestamp;

/// The measure of one end's incoming stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quality {
    run: Option<Run>,
    /// Expected and received of the runs before this one.
    closed_lost: u64,
    clock_rate: u32,
}

/// Packets of one source with one unbroken sequence.
#[derive(Clone, Debug)]
struct Run {
    ssrc: u32,
    base: u16,
    highest: u16,
    cycles: u64,
    received: u64,
    /// One more than a sequence number that was far off: two in a row start a new run (A.1, `bad_seq`).
    suspect: Option<u16>,
    began: Timestamp,
    timestamp: u32,
    transit: u32,
    /// Estimate times 16, in timestamp units (A.8).
    jitter: u32,
}

impl Quality {
    /// Sets the RTP clock rate; 0 means 8000.
    pub(crate) fn set_clock_rate(&mut self, rate: u32) {
        self.clock_rate = rate.min(MAX_CLOCK_RATE);
    }

    /// Takes a packet into account.
    #[inline]
    pub(crate) fn on_packet(&mut self, ssrc: u32, sequence: u16, timestamp: u32, now: Timestamp) {
        let rate = self.rate();
        let Some(run) = self.run.as_mut().filter(|run| run.ssrc == ssrc) else {
            return self.start(ssrc, sequence, timestamp, now);
        };
        match run.step(sequence) {
            Step::Anew => self.start(ssrc, sequence, timestamp, now),
            Step::Counted => run.measure(timestamp, now, rate),
            Step::Suspect => {}
        }
    }

    /// Packets expected less packets received, never below zero.
    pub(crate) fn lost(&self) -> u64 {
        self.closed_lost + self.run.as_ref().map_or(0, Run::lost)
    }

    /// Interarrival jitter in microseconds.
    pub(crate) fn jitter_us(&self) -> u32 {
        let jitter = self.run.as_ref().map_or(0, |run| u64::from(run.jitter) / 16);
        u32::try_from(jitter * 1_000_000 / u64::from(self.rate())).unwrap_or(u32::MAX)
    }

    /// The last packet, with the clock of its timestamps.
    pub(crate) fn last(&self) -> Option<(Numbers, u32)> {
        let run = self.run.as_ref()?;
        let numbers = Numbers { ssrc: run.ssrc, sequence: run.highest, timestamp: run.timestamp };
        Some((numbers, self.rate()))
    }

    /// What a report says of the stream that is heard (RFC 3550 A.3); `before` is what [`Self::report`] said last.
    pub(crate) fn report(&self, before: &ReportBlock) -> Option<ReportBlock> {
        let run = self.run.as_ref()?;
        let highest = run.cycles + u64::from(run.highest);
        let lost = run.lost() as i32;
        let same = before.ssrc == run.ssrc;
        let (was, had) =
            if same { (before.highest_sequence, before.cumulative_lost) } else { (run.base.into(), 0) };
        let expected = (highest as u32).wrapping_sub(was);
        let missed = u64::from((lost - had).max(0).unsigned_abs());
        Some(ReportBlock {
            ssrc: run.ssrc,
            fraction_lost: (missed * 256).checked_div(expected.into()).unwrap_or(0).min(255) as u8,
            cumulative_lost: lost,
            highest_sequence: highest as u32,
            jitter: run.jitter >> 4,
            last_sender_report: 0,
            delay_since: 0,
        })
    }

    #[cold]
    fn start(&mut self, ssrc: u32, sequence: u16, timestamp: u32, now: Timestamp) {
        let jitter = self.run.as_ref().filter(|run| run.ssrc == ssrc).map_or(0, |run| run.jitter);
        self.closed_lost = self.lost();
        self.run = Some(Run {
            ssrc,
            base: sequence,
            highest: sequence,
            cycles: 0,
            received: 1,
            suspect: None,
            began: now,
            timestamp,
            transit: 0u32.wrapping_sub(timestamp),
            jitter,
        });
    }

    fn rate(&self) -> u32 {
        if self.clock_rate == 0 { 8000 } else { self.clock_rate }
    }
}

impl Run {
    /// Counts a packet by its sequence number.
    fn step(&mut self, sequence: u16) -> Step {
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead < MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles += 1 << 16;
            }
            self.highest = sequence;
        } else if ahead <= u16::MAX - MAX_MISORDER {
            if self.suspect == Some(sequence) {
                return Step::Anew;
            }
            self.suspect = Some(sequence.wrapping_add(1));
            return Step::Suspect;
        }
        self.received += 1;
        Step::Counted
    }

    /// RFC 3550 A.8. Packets of one timestamp (a video frame, a telephone event) count once.
    fn measure(&mut self, timestamp: u32, now: Timestamp, rate: u32) {
        if timestamp == self.timestamp {
            return;
        }
        let elapsed = now.since(self.began).as_micros() as u64;
        let arrival = (elapsed.wrapping_mul(u64::from(rate)) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        let difference = transit.wrapping_sub(self.transit).cast_signed().unsigned_abs();
        self.timestamp = timestamp;
        self.transit = transit;
        // A step of more than a second is a stream that jumped (a hold, another file), not jitter.
        if difference < rate {
            self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
        }
    }

    fn lost(&self) -> u64 {
        let highest = self.cycles + u64::from(self.highest);
        (highest + 1).saturating_sub(u64::from(self.base)).saturating_sub(self.received)
    }
}

/// What a sequence number means to a run.
enum Step {
    Anew,
    Counted,
    Suspect,
}

/// A gap up to this is loss, beyond it a jump (A.1).
const MAX_DROPOUT: u16 = 3000;
/// A packet up to this late is reordered, beyond it a jump (A.1).
const MAX_MISORDER: u16 = 100;

/// No payload format has a faster clock; keeps the sums in range.
const MAX_CLOCK_RATE: u32 = 1_000_000;

#[cfg(test)]
mod tests;
