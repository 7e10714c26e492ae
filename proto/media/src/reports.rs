//! RTCP of our own, and what the peer's says of us: RFC 3550 §6.4.
//!
//! A stream that ends here is reported on by us, and the stream that we send is described; what the peer says is for us
//! and goes no further. Round trips are measured on relayed streams as well, by looking at reports that pass.

use std::time::Duration;

use rtp::rtcp::{self, Report, ReportBlock, SenderInformation};
use timestamp::Timestamp;

use crate::transcode::Stream;

/// What is remembered of the reports of an end.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// Middle bits of the sender report that the peer got last, and when.
    sent: Option<(u32, Timestamp)>,
    /// The same of the one that it sent.
    heard: Option<(u32, Timestamp)>,
    /// What our last report said of its stream.
    said: ReportBlock,
    /// When the next one of ours is due.
    pub(crate) due: Option<Timestamp>,
    /// The last round trip, in microseconds.
    pub(crate) round_trip_us: u32,
}

impl Reports {
    /// A compound came from the peer; the fraction of our stream `ours` that it lost, if it says so.
    pub(crate) fn on_compound(&mut self, compound: &[u8], ours: Option<u32>, now: Timestamp) -> Option<u8> {
        let mut lost = None;
        for report in rtcp::packets(compound).filter_map(|(_, packet)| Report::parse(packet)) {
            if let Some(sender) = report.sender {
                self.heard = Some(((sender.ntp >> 16) as u32, now));
            }
            for block in report.blocks() {
                if let Some((_, at)) = self.sent.filter(|(middle, _)| *middle == block.last_sender_report) {
                    let away = now.since(at).as_micros() as u64;
                    let delay = (u64::from(block.delay_since) * 1_000_000) >> 16;
                    self.round_trip_us = u32::try_from(away.saturating_sub(delay)).unwrap_or(0);
                }
                if ours == Some(block.ssrc) {
                    lost = Some(block.fraction_lost);
                }
            }
        }
        lost
    }

    /// A compound of somebody else's goes to the peer.
    pub(crate) fn on_relayed(&mut self, compound: &[u8], now: Timestamp) {
        if let Some(sender) = Report::parse(compound).and_then(|report| report.sender) {
            self.sent = Some(((sender.ntp >> 16) as u32, now));
        }
    }

    /// Appends a report on what the peer sends, `block`, and on our stream to it.
    pub(crate) fn write(
        &mut self,
        block: Option<ReportBlock>,
        stream: &Stream,
        now: Timestamp,
        out: &mut Vec<u8>,
    ) {
        let block = block.map(|block| {
            let (last, at) = self.heard.unwrap_or((0, now));
            let delay = now.since(at).as_micros() as u64;
            let delay_since = ((delay << 16) / 1_000_000).min(u64::from(u32::MAX)) as u32;
            ReportBlock { last_sender_report: last, delay_since, ..block }
        });
        self.said = block.unwrap_or(self.said);
        let ntp = ntp(now);
        self.sent = Some(((ntp >> 16) as u32, now));
        let sender = SenderInformation {
            ntp,
            rtp: stream.timestamp_now(),
            packets: stream.packets,
            octets: stream.octets,
        };
        rtcp::write_report(stream.ssrc, Some(&sender), block.as_slice(), out);
        // §6.1: every compound has the canonical name. Ours says nothing, differs by stream and stays.
        out.extend([0x81, rtcp::SOURCE_DESCRIPTION, 0, 4]);
        out.extend(stream.ssrc.to_be_bytes());
        out.extend([1, 8]);
        let hex = |nibble: u32| b"0123456789abcdef".get((nibble & 15) as usize).copied().unwrap_or(b'0');
        out.extend((0..8).rev().map(|n| hex(stream.ssrc >> (4 * n))));
        out.extend([0, 0]);
    }

    /// What our last report said.
    pub(crate) fn said(&self) -> &ReportBlock {
        &self.said
    }
}

/// The NTP time of a moment: seconds since 1900 in the upper half (§4).
fn ntp(now: Timestamp) -> u64 {
    let (seconds, micros) = (now.as_secs() + FROM_1900, now.as_micros() % 1_000_000);
    (seconds << 32) | ((micros << 32) / 1_000_000)
}

const FROM_1900: u64 = 2_208_988_800;

/// How often we report: §6.2 would allow more often on a link this fast, and browsers do as often.
pub(crate) const EVERY: Duration = Duration::from_secs(5);

/// The first report, soon enough to be of use in short calls.
pub(crate) const FIRST: Duration = Duration::from_millis(1500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_is_what_passed_less_what_the_peer_waited() {
        let mut reports = Reports::default();
        let now = Timestamp::from_secs(1_800_000_000);
        let mut compound = Vec::new();
        reports.write(None, &Stream::new(7), now, &mut compound);
        let kinds: Vec<u8> = rtcp::packets(&compound).map(|(header, _)| header.packet_type).collect();
        assert_eq!(kinds, [rtcp::SENDER_REPORT, rtcp::SOURCE_DESCRIPTION]);
        assert_eq!(rtcp::packets(&compound).map(|(header, _)| header.len).sum::<usize>(), compound.len());
        let block = ReportBlock {
            ssrc: 7,
            fraction_lost: 26,
            last_sender_report: (ntp(now) >> 16) as u32,
            delay_since: 65_536,
            ..ReportBlock::default()
        };
        let mut answer = Vec::new();
        rtcp::write_report(9, None, &[block], &mut answer);
        let later = now + Duration::from_millis(1040);
        assert_eq!(reports.on_compound(&answer, Some(7), later), Some(26));
        assert!(reports.round_trip_us.abs_diff(40_000) < 50, "{}", reports.round_trip_us);
    }
}
