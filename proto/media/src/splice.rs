//! What an end hears is one stream, whoever makes it: a peer whose packets pass, or ourselves who play, mix or convert. RFC 6828
//! calls this splicing.
//!
//! The first peer's packets pass as they are. Whoever comes next goes on with the source, the sequence numbers and the
//! timestamps of who was heard before, since receivers mind: where the numbers jump, Asterisk records nothing more and phones
//! drop what seems to be late. RTCP that passes is told the same.

use rtp::rtcp::Naming;
use rtp::{Numbers, RtpHeader};
use timestamp::Timestamp;

use crate::transcode::Stream;

/// Where the stream that an end has heard so far goes on.
#[derive(Clone, Debug)]
pub(crate) struct Splice {
    stream: Stream,
    /// When the next packet of the stream would be due.
    at: Timestamp,
    /// Whose packets pass now, or passed last.
    passing: Option<Passing>,
}

/// A source, and what is added to its numbers.
#[derive(Clone, Copy, Debug)]
struct Passing {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Passing {
    /// Whether its packets are those of the stream as they come.
    fn is_plain(self, ssrc: u32) -> bool {
        (self.ssrc, self.sequence, self.timestamp) == (ssrc, 0, 0)
    }
}

impl Splice {
    /// After a stream of ours, whose next packet was due at this moment; none if there was nothing in it.
    pub(crate) fn made(stream: &Stream, at: Timestamp) -> Option<Self> {
        (stream.packets > 0).then(|| Self { stream: stream.clone(), at, passing: None })
    }

    /// After a peer that was heard as it is: its last packet, and when that passed.
    pub(crate) fn passed(last: Numbers, mut stream: Stream, at: Timestamp) -> Self {
        stream.place(&last);
        let passing = Passing { ssrc: last.ssrc, sequence: 0, timestamp: 0 };
        Self { stream, at: at + Stream::STEP, passing: Some(passing) }
    }

    /// The stream of who goes on now.
    pub(crate) fn go_on(&self, now: Timestamp) -> Stream {
        let mut stream = self.stream.clone();
        stream.pass_ms(now.since(self.at).as_millis() as usize);
        stream
    }

    /// Makes a packet that passes the next one of the stream; false if it is that as it came, as are those that follow.
    pub(crate) fn apply(&mut self, packet: &mut [u8], now: Timestamp) -> bool {
        let Some(header) = RtpHeader::parse(packet) else { return true };
        let known = self.passing.filter(|passing| passing.ssrc == header.ssrc);
        let passing = known.unwrap_or_else(|| {
            let next = self.go_on(now);
            Passing {
                ssrc: header.ssrc,
                sequence: next.sequence.wrapping_sub(header.sequence),
                timestamp: next.timestamp.wrapping_sub(header.timestamp),
            }
        });
        self.passing = Some(passing);
        if known.is_some() && passing.is_plain(self.stream.ssrc) {
            return false;
        }
        let numbers = Numbers {
            ssrc: self.stream.ssrc,
            sequence: header.sequence.wrapping_add(passing.sequence),
            timestamp: header.timestamp.wrapping_add(passing.timestamp),
        };
        numbers.write(header.marker || known.is_none(), packet);
        // One that was overtaken says nothing of the next.
        if numbers.sequence.wrapping_sub(self.stream.sequence) < u16::MAX / 2 {
            self.stream.follow(&numbers, header.payload.len());
            self.at = now + Stream::STEP;
        }
        true
    }

    /// What RTCP of the source has to be told of the stream.
    pub(crate) fn naming(&self) -> Option<Naming> {
        let Passing { ssrc, sequence, timestamp } = self.passing?;
        Some(Naming { from: ssrc, to: self.stream.ssrc, sequence, timestamp })
    }
}
