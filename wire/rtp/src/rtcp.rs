//! RTCP: the common header, sender and receiver reports and their report blocks (RFC 3550 §6.4).
//!
//! Source descriptions, BYE, APP and feedback (RFC 4585) are told by their packet type and not read; only the sources in them
//! can be given other names.

use crate::{u16_at, u32_at};

/// Packet type of a sender report.
pub const SENDER_REPORT: u8 = 200;
/// Packet type of a receiver report.
pub const RECEIVER_REPORT: u8 = 201;
/// Packet type of a source description.
pub const SOURCE_DESCRIPTION: u8 = 202;
/// Packet type of BYE.
pub const BYE: u8 = 203;
/// Packet type of feedback on packets, as NACK (RFC 4585 §6.2).
pub const TRANSPORT_FEEDBACK: u8 = 205;
/// Packet type of feedback on what is in them (RFC 4585 §6.3).
pub const PAYLOAD_FEEDBACK: u8 = 206;

/// The header that all RTCP packets of a compound share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpHeader {
    /// Number of report blocks or sources, 0..=31.
    pub count: u8,
    /// Packet type.
    pub packet_type: u8,
    /// Length of the packet in octets, this header included.
    pub len: usize,
}

impl RtcpHeader {
    /// Reads a header; `None` unless the version is 2 and the packet is as long as it says.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let (&flags, &packet_type) = (packet.first()?, packet.get(1)?);
        let len = 4 * (usize::from(u16_at(packet, 2)?) + 1);
        (flags >> 6 == 2 && len <= packet.len()).then_some(Self { count: flags & 0x1f, packet_type, len })
    }
}

/// The packets of a compound, each with its header; ends at the first that is malformed.
pub fn packets(compound: &[u8]) -> impl Iterator<Item = (RtcpHeader, &[u8])> {
    let mut rest = compound;
    std::iter::from_fn(move || {
        let header = RtcpHeader::parse(rest)?;
        let (packet, tail) = rest.split_at_checked(header.len)?;
        rest = tail;
        Some((header, packet))
    })
}

/// What a sender says of itself in a sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInformation {
    /// NTP timestamp, seconds in the upper half.
    pub ntp: u64,
    /// The same moment as an RTP timestamp.
    pub rtp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload octets sent so far.
    pub octets: u32,
}

/// What a receiver says of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Packets lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost so far, 24 bits signed.
    pub cumulative_lost: i32,
    /// Highest sequence number received, cycles in the upper half.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP timestamp of the last sender report, 0 if there was none.
    pub last_sender_report: u32,
    /// Time since then, in 65536ths of a second.
    pub delay_since: u32,
}

impl ReportBlock {
    const LEN: usize = 24;

    /// Round trip from this block, received when the NTP clock of the source showed `now` (middle 32 bits), in
    /// 65536ths of a second; `None` if no sender report has come to the receiver yet.
    pub fn round_trip(&self, now: u32) -> Option<u32> {
        let elapsed = now.wrapping_sub(self.last_sender_report);
        (self.last_sender_report != 0).then(|| elapsed.saturating_sub(self.delay_since))
    }

    fn parse(block: &[u8]) -> Option<Self> {
        let loss = u32_at(block, 4)?;
        Some(Self {
            ssrc: u32_at(block, 0)?,
            fraction_lost: loss.to_be_bytes()[0],
            cumulative_lost: (loss << 8).cast_signed() >> 8,
            highest_sequence: u32_at(block, 8)?,
            jitter: u32_at(block, 12)?,
            last_sender_report: u32_at(block, 16)?,
            delay_since: u32_at(block, 20)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0xff_ffff;
        out.extend(self.ssrc.to_be_bytes());
        out.extend(((u32::from(self.fraction_lost) << 24) | lost).to_be_bytes());
        for word in [self.highest_sequence, self.jitter, self.last_sender_report, self.delay_since] {
            out.extend(word.to_be_bytes());
        }
    }
}

/// A sender or receiver report: a view over one packet of a compound.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The participant that sends it.
    pub ssrc: u32,
    /// What it says of itself; present in a sender report.
    pub sender: Option<SenderInformation>,
    blocks: &'a [u8],
}

impl<'a> Report<'a> {
    /// Reads a report; `None` for other packets and for those shorter than their count says.
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let header = RtcpHeader::parse(packet)?;
        let (sender, at) = match header.packet_type {
            SENDER_REPORT => (Some(sender_information(packet)?), 28),
            RECEIVER_REPORT => (None, 8),
            _ => return None,
        };
        let end = at + ReportBlock::LEN * usize::from(header.count);
        let blocks = packet.get(..header.len)?.get(at..end)?;
        Some(Self { ssrc: u32_at(packet, 4)?, sender, blocks })
    }

    /// Its report blocks.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        self.blocks.chunks_exact(ReportBlock::LEN).filter_map(ReportBlock::parse)
    }
}

/// Appends a sender report, or a receiver report if `sender` is none; blocks beyond the 31st are left out.
pub fn write_report(
    ssrc: u32,
    sender: Option<&SenderInformation>,
    blocks: &[ReportBlock],
    out: &mut Vec<u8>,
) {
    let blocks = blocks.get(..31).unwrap_or(blocks);
    let packet_type = if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    // Length in words less one: the SSRC, the sender's five words, six per block.
    let words = 1 + if sender.is_some() { 5 } else { 0 } + 6 * blocks.len() as u16;
    out.extend([0x80 | blocks.len() as u8, packet_type]);
    out.extend(words.to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    if let Some(sender) = sender {
        out.extend(sender.ntp.to_be_bytes());
        for word in [sender.rtp, sender.packets, sender.octets] {
            out.extend(word.to_be_bytes());
        }
    }
    for block in blocks {
        block.write(out);
    }
}

/// A source that is called otherwise at the other side of whoever passes its packets on, and what is added to its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naming {
    /// Its SSRC.
    pub from: u32,
    /// What it is called there.
    pub to: u32,
    /// What is added to its sequence numbers.
    pub sequence: u16,
    /// What is added to its timestamps.
    pub timestamp: u32,
}

/// Makes a compound what the other side should read: `said` is what its sender says there, `heard` what it hears from there.
///
/// Reports, source descriptions, BYE and feedback (RFC 4585) are told; in a source description and in BYE the first source.
/// Cycles of the highest sequence number stay as they are: nobody counts by them.
pub fn rename(compound: &mut [u8], said: Option<Naming>, heard: Option<Naming>) {
    let mut rest = compound;
    while let Some(header) = RtcpHeader::parse(rest) {
        let Some((packet, tail)) = rest.split_at_mut_checked(header.len) else { return };
        let blocks = match header.packet_type {
            SENDER_REPORT => 28,
            _ => 8,
        };
        if let Some(said) = said.filter(|said| u32_at(packet, 4) == Some(said.from)) {
            write_at(packet, 4, said.to);
            if header.packet_type == SENDER_REPORT {
                write_at(packet, 16, u32_at(packet, 16).unwrap_or(0).wrapping_add(said.timestamp));
            }
        }
        if let (Some(heard), Some(about)) = (heard, packet.get_mut(blocks..)) {
            match header.packet_type {
                SENDER_REPORT | RECEIVER_REPORT => {
                    about
                        .chunks_exact_mut(ReportBlock::LEN)
                        .take(header.count.into())
                        .for_each(|block| heard.report(block));
                }
                TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK if u32_at(about, 0) == Some(heard.to) => {
                    write_at(about, 0, heard.from)
                }
                _ => {}
            }
        }
        rest = tail;
    }
}

impl Naming {
    /// Tells a report block of it by the name that it has itself.
    fn report(&self, block: &mut [u8]) {
        if u32_at(block, 0) == Some(self.to) {
            write_at(block, 0, self.from);
            let highest = u32_at(block, 8).unwrap_or(0);
            let sequence = (highest as u16).wrapping_sub(self.sequence);
            write_at(block, 8, highest & 0xffff_0000 | u32::from(sequence));
        }
    }
}

fn write_at(packet: &mut [u8], at: usize, word: u32) {
    if let Some(place) = packet.get_mut(at..at + 4) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}

fn sender_information(packet: &[u8]) -> Option<SenderInformation> {
    Some(SenderInformation {
        ntp: (u64::from(u32_at(packet, 8)?) << 32) | u64::from(u32_at(packet, 12)?),
        rtp: u32_at(packet, 16)?,
        packets: u32_at(packet, 20)?,
        octets: u32_at(packet, 24)?,
    })
}
