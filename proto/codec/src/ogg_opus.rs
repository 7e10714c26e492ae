//! Opus in a file: packets of 20 ms (RFC 7845) in pages of Ogg (RFC 3533), written as the audio comes.
//!
//! Two channels are two streams that share nothing (mapping family 1): what is said on one is never heard on the other, which
//! stereo of Opus does not promise. Opens no file: samples in, octets out. Reads none.

use crate::codec::Rate;
use crate::encoder::Tuning;
use crate::opus::OpusEncoder;

/// A file that is being written.
#[derive(Debug)]
pub struct OggOpus {
    rate: Rate,
    /// One for each channel.
    encoders: Vec<OpusEncoder>,
    /// Samples that fill no frame yet, the channels of each moment in a row.
    rest: Vec<i16>,
    /// Samples of each channel so far.
    samples: u64,
    /// What a decoder makes before the first sample, at 48 kHz.
    skip: u16,
    page: Page,
}

impl OggOpus {
    /// A file of one channel or two; its headers are appended. `None` if there is no such, or libopus has no memory.
    pub fn new(rate: Rate, channels: usize, out: &mut Vec<u8>) -> Option<Self> {
        if !(1..=2).contains(&channels) {
            return None;
        }
        let tuning = Tuning::default();
        let encoders = (0..channels).map(|_| OpusEncoder::new(rate, tuning)).collect::<Option<Vec<_>>>()?;
        let mut file = Self { rate, encoders, rest: Vec::new(), samples: 0, skip: 0, page: Page::default() };
        let ahead = file.encoders.iter_mut().map(OpusEncoder::lookahead).max().unwrap_or(0);
        file.skip = u16::try_from(file.at_48k(ahead as u64)).unwrap_or(u16::MAX);
        file.page.packet(&file.head(), 0);
        file.page.flush(BEGINS, out);
        file.page.packet(&tags(), 0);
        file.page.flush(0, out);
        Some(file)
    }

    /// Appends what follows, the channels of each moment in a row. Octets come out a page at a time.
    pub fn write(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        self.samples += (samples.len() / self.encoders.len()) as u64;
        self.encode(samples, out);
    }

    /// Appends the end.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        // What encoders hold back comes out behind silence, and the last page says where the audio ends.
        let channels = self.encoders.len();
        let frame = self.frame();
        let ahead = usize::from(self.skip) / 48 * self.rate.per_ms() + self.rate.per_ms();
        let filled = (self.rest.len() / channels + ahead).next_multiple_of(frame) * channels;
        let silence = vec![0; filled - self.rest.len()];
        self.encode(&silence, out);
        let end = u64::from(self.skip) + self.at_48k(self.samples);
        self.page.granule = self.page.granule.min(end);
        self.page.flush(ENDS, out);
    }

    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        self.rest.extend_from_slice(samples);
        let (channels, frame) = (self.encoders.len(), self.frame());
        let rest = core::mem::take(&mut self.rest);
        let frames = rest.chunks_exact(frame * channels);
        self.rest.extend_from_slice(frames.remainder());
        let mut packet = Vec::new();
        for moments in frames {
            packet.clear();
            for (channel, encoder) in self.encoders.iter_mut().enumerate() {
                let one: Vec<i16> = moments.iter().skip(channel).step_by(channels).copied().collect();
                let start = packet.len();
                encoder.encode(&one, &mut packet);
                if packet.len() == start {
                    packet.push(NOTHING);
                }
                if channel + 1 < channels {
                    delimit(&mut packet, start);
                }
            }
            if self.page.is_full(packet.len()) {
                self.page.flush(0, out);
            }
            self.page.packet(&packet, FRAME_MS * 48);
        }
    }

    /// Samples of a frame.
    fn frame(&self) -> usize {
        FRAME_MS as usize * self.rate.per_ms()
    }

    fn at_48k(&self, samples: u64) -> u64 {
        samples * 48 / self.rate.per_ms() as u64
    }

    /// RFC 7845 §5.1.
    fn head(&self) -> Vec<u8> {
        let channels = self.encoders.len() as u8;
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels);
        head.extend(self.skip.to_le_bytes());
        head.extend(self.rate.hz().to_le_bytes());
        head.extend(0u16.to_le_bytes());
        match channels {
            1 => head.push(0),
            // Family 1: as many streams as channels, none of them of two, in order.
            _ => head.extend([1, channels, 0, 0, 1]),
        }
        head
    }
}

/// Packets on their way into a page, which is what Ogg is made of (RFC 3533 §6).
#[derive(Debug, Default)]
struct Page {
    number: u32,
    /// Lengths of packets, in pieces of 255 octets.
    segments: Vec<u8>,
    body: Vec<u8>,
    /// Samples at 48 kHz that are out when this page is.
    granule: u64,
}

impl Page {
    fn packet(&mut self, packet: &[u8], lasts: u64) {
        let (whole, rest) = (packet.len() / 255, packet.len() % 255);
        self.segments.extend(core::iter::repeat_n(255, whole));
        self.segments.push(rest as u8);
        self.body.extend_from_slice(packet);
        self.granule += lasts;
    }

    /// Whether a packet of this length belongs on the next page.
    fn is_full(&self, length: usize) -> bool {
        self.segments.len() >= MOST_PACKETS || self.segments.len() + length / 255 + 1 > 255
    }

    fn flush(&mut self, kind: u8, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"OggS\0");
        out.push(kind);
        out.extend(self.granule.to_le_bytes());
        out.extend(SERIAL.to_le_bytes());
        out.extend(self.number.to_le_bytes());
        out.extend([0; 4]);
        out.push(self.segments.len() as u8);
        out.append(&mut self.segments);
        out.append(&mut self.body);
        let sum = out.iter().skip(start).fold(0, |sum: u32, octet| {
            let turn = (sum >> 24) as u8 ^ octet;
            (sum << 8) ^ SUMS.get(usize::from(turn)).copied().unwrap_or(0)
        });
        let place = out.iter_mut().skip(start + 22);
        place.zip(sum.to_le_bytes()).for_each(|(octet, of)| *octet = of);
        self.number += 1;
    }
}

/// Gives the packet that begins here a length of its own, so that another may follow (RFC 6716 Appendix B). Frames of 20 ms
/// are alone in their packet.
fn delimit(packet: &mut Vec<u8>, start: usize) {
    let length = packet.len() - start - 1;
    let of = match u8::try_from(length) {
        Ok(short) if short < 252 => [short, 0],
        _ => [252 + (length % 4) as u8, ((length - length % 4 - 252) / 4) as u8],
    };
    let count = if length < 252 { 1 } else { 2 };
    packet.splice(start + 1..start + 1, of.into_iter().take(count));
}

/// RFC 7845 §5.2.
fn tags() -> Vec<u8> {
    let mut tags = b"OpusTags".to_vec();
    tags.extend((VENDOR.len() as u32).to_le_bytes());
    tags.extend_from_slice(VENDOR);
    tags.extend(0u32.to_le_bytes());
    tags
}

/// RFC 3533 §6: CRC-32 with the polynomial 0x04c11db7, from the highest bit on.
const SUMS: [u32; 256] = {
    let mut sums = [0; 256];
    let mut n = 0;
    while n < 256 {
        let (mut sum, mut bit) = ((n as u32) << 24, 0);
        while bit < 8 {
            sum = if sum & 0x8000_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x04c1_1db7 };
            bit += 1;
        }
        sums[n] = sum;
        n += 1;
    }
    sums
};

const FRAME_MS: u64 = 20;
/// A second of audio.
const MOST_PACKETS: usize = 50;
const BEGINS: u8 = 2;
const ENDS: u8 = 4;
/// There is one stream in the file, so any number will do.
const SERIAL: u32 = 0x7472_756e;
const VENDOR: &[u8] = b"Trunkline";
/// A packet of 20 ms without a frame: what libopus refused sounds like a loss.
const NOTHING: u8 = 0x08;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opus::OpusDecoder;

    /// Packets of a file, what its pages say of time, and whether each page's sum is right.
    fn read(file: &[u8]) -> (Vec<Vec<u8>>, Vec<u64>) {
        let (mut packets, mut granules, mut rest) = (vec![Vec::new()], Vec::new(), file);
        while !rest.is_empty() {
            assert_eq!(&rest[..5], b"OggS\0");
            let count = usize::from(rest[26]);
            let segments = &rest[27..27 + count];
            let length = 27 + count + segments.iter().map(|s| usize::from(*s)).sum::<usize>();
            let (page, behind) = rest.split_at(length);
            let mut blank = page.to_vec();
            blank[22..26].fill(0);
            let sum = blank.iter().fold(0u32, |sum, octet| {
                (0..8).fold(sum ^ u32::from(*octet) << 24, |sum, _| {
                    if sum >> 31 == 0 { sum << 1 } else { sum << 1 ^ 0x04c1_1db7 }
                })
            });
            assert_eq!(sum.to_le_bytes(), page[22..26], "the sum of page {}", granules.len());
            granules.push(u64::from_le_bytes(page[6..14].try_into().expect("eight")));
            let mut body = &page[27 + count..];
            for segment in segments {
                let (piece, others) = body.split_at(usize::from(*segment));
                packets.last_mut().expect("one").extend_from_slice(piece);
                body = others;
                if *segment < 255 {
                    packets.push(Vec::new());
                }
            }
            rest = behind;
        }
        packets.pop();
        (packets, granules)
    }

    fn tone(hz: f32, samples: usize) -> Vec<i16> {
        (0..samples)
            .map(|n| ((n as f32 * hz * core::f32::consts::TAU / 16_000.0).sin() * 9_000.0) as i16)
            .collect()
    }

    fn file(channels: usize, samples: &[i16]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut file = OggOpus::new(Rate::Wide, channels, &mut out).expect("memory");
        // Pieces of any length.
        samples.chunks(1_234 * channels).for_each(|piece| file.write(piece, &mut out));
        file.finish(&mut out);
        out
    }

    #[test]
    fn a_file_is_as_long_as_what_went_in() {
        for seconds_16k in [0, 100, 16_000, 40_007] {
            let (packets, granules) = read(&file(1, &tone(440.0, seconds_16k)));
            assert_eq!((&packets[0][..8], &packets[1][..8]), (&b"OpusHead"[..], &b"OpusTags"[..]));
            let skip = u64::from(u16::from_le_bytes([packets[0][10], packets[0][11]]));
            assert_eq!(granules.last(), Some(&(skip + 3 * seconds_16k as u64)));
            assert!(packets.len() as u64 * 960 >= skip + 3 * seconds_16k as u64);
            let mut decoder = OpusDecoder::new(Rate::Wide).expect("memory");
            let mut heard = Vec::new();
            assert!(packets[2..].iter().all(|packet| decoder.decode(packet, &mut heard)));
            let heard: i64 = heard.iter().map(|s| i64::from(*s).abs()).max().unwrap_or(0);
            assert!(seconds_16k < 1_000 || (8_000..14_000).contains(&heard), "{heard}");
        }
    }

    #[test]
    fn two_channels_share_nothing() {
        let left = tone(700.0, 32_000);
        let woven: Vec<i16> = left.iter().flat_map(|sample| [*sample, 0]).collect();
        let (packets, _) = read(&file(2, &woven));
        assert_eq!(packets[0][18..], [1, 2, 0, 0, 1]);
        let mut decoders = [(); 2].map(|()| OpusDecoder::new(Rate::Wide).expect("memory"));
        let mut heard = [Vec::new(), Vec::new()];
        for packet in &packets[2..] {
            assert_eq!(packet[0] & 3, 0, "a packet of one frame");
            let (length, at) = match packet[1] {
                short @ ..252 => (usize::from(short), 2),
                long => (usize::from(long) + 4 * usize::from(packet[2]), 3),
            };
            let one = [&packet[..1], &packet[at..at + length]].concat();
            assert!(decoders[0].decode(&one, &mut heard[0]));
            assert!(decoders[1].decode(&packet[at + length..], &mut heard[1]));
        }
        let loudest = |channel: &[i16]| channel.iter().map(|s| s.unsigned_abs()).max();
        assert!(loudest(&heard[0]) > Some(8_000), "{:?}", loudest(&heard[0]));
        assert!(loudest(&heard[1]) < Some(10), "{:?}", loudest(&heard[1]));
    }

    #[test]
    fn long_packets_tell_their_length_in_two_octets() {
        for (length, head) in
            [(0, vec![8, 0]), (251, vec![8, 251]), (252, vec![8, 252, 0]), (1_275, vec![8, 255, 255])]
        {
            let mut packet = vec![8; 1 + length];
            delimit(&mut packet, 0);
            assert_eq!(packet[..head.len()], head, "{length}");
            assert_eq!(packet.len(), length + head.len(), "{length}");
        }
        assert!(OggOpus::new(Rate::Wide, 3, &mut Vec::new()).is_none());
    }
}
