//! WAV files (RIFF, RFC 2361): read at any rate, with 8 or 16 bits, A-law or µ-law, one channel or more; written with
//! 16 bits. What is read becomes one channel, at its own rate or another.
//!
//! Opens no file: octets in, samples out, and the other way round.

use std::f64::consts::PI;

/// What a file sounds like, its channels mixed into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// Samples a second.
    pub rate: u32,
    /// The samples.
    pub samples: Vec<i16>,
}

impl Audio {
    /// What a file holds, or what is wrong with it.
    pub fn read(file: &[u8]) -> Result<Self, &'static str> {
        let body = file.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..)?.strip_prefix(b"WAVE"));
        let mut chunks = body.ok_or("it is no WAV file")?;
        let (mut format, mut data) = (None, None);
        while let Some((head, rest)) = chunks.split_first_chunk::<8>() {
            let [a, b, c, d, size @ ..] = *head;
            let size = usize::try_from(u32::from_le_bytes(size)).unwrap_or(usize::MAX).min(rest.len());
            let (chunk, behind) = rest.split_at(size);
            match &[a, b, c, d] {
                b"fmt " => format = Format::read(chunk),
                b"data" => data = Some(chunk),
                _ => {}
            }
            // Chunks begin at even places.
            chunks = behind.get(size % 2..).unwrap_or_default();
        }
        let format: Format = format.ok_or(NOT_PLAYED)?;
        let samples = format.samples(data.ok_or("it has no audio")?);
        Ok(Self { rate: format.rate, samples })
    }

    /// The same at another rate, by a windowed sinc that lets nothing through that the lower rate cannot carry.
    #[must_use]
    pub fn at(self, rate: u32) -> Self {
        if self.rate == rate {
            self
        } else {
            Self { rate, samples: resample(&self.samples, self.rate, rate) }
        }
    }

    /// How long it is, in milliseconds.
    pub fn millis(&self) -> u64 {
        self.samples.len() as u64 * 1_000 / u64::from(self.rate.max(1))
    }

    /// The file that holds it.
    pub fn file(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(HEADER + 2 * self.samples.len());
        file.extend_from_slice(&header(self.rate, 1, 2 * self.samples.len() as u64));
        file.extend(self.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }
}

/// The samples of a file as telephones play them, 8000 a second, or what is wrong with it.
pub fn decode(file: &[u8]) -> Result<Vec<i16>, &'static str> {
    Audio::read(file).map(|audio| audio.at(RATE).samples)
}

/// Samples a second and milliseconds of a file, from what stands at its beginning and how many octets it has.
pub fn outline(beginning: &[u8], length: u64) -> Result<(u32, u64), &'static str> {
    let (format, before, size) = audio_of(beginning)?;
    let moments = size.min(length.saturating_sub(before)) / format.frame() as u64;
    Ok((format.rate, moments * 1_000 / u64::from(format.rate)))
}

/// How the samples of a file lie in it, if they have 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Samples a second.
    pub rate: u32,
    /// Samples of a moment.
    pub channels: usize,
    /// Octets before the first sample.
    pub before: u64,
}

impl Layout {
    /// From what stands at the beginning of a file.
    pub fn of(beginning: &[u8]) -> Result<Self, &'static str> {
        let (format, before, _) = audio_of(beginning)?;
        let Format { coding: Coding::Pcm16, channels, rate } = format else { return Err(NOT_PLAYED) };
        Ok(Self { rate, channels, before })
    }
}

/// How the audio of a file is coded, how many octets come before it, and how many it has.
fn audio_of(beginning: &[u8]) -> Result<(Format, u64, u64), &'static str> {
    let body = beginning.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..)?.strip_prefix(b"WAVE"));
    let mut chunks = body.ok_or("it is no WAV file")?;
    let mut format = None;
    while let Some((head, rest)) = chunks.split_first_chunk::<8>() {
        let [a, b, c, d, size @ ..] = *head;
        let size = u64::from(u32::from_le_bytes(size));
        if [a, b, c, d] == *b"data" {
            let before = beginning.len().saturating_sub(rest.len()) as u64;
            return Ok((format.ok_or(NOT_PLAYED)?, before, size));
        }
        if [a, b, c, d] == *b"fmt " {
            format = Format::read(rest);
        }
        let behind = usize::try_from(size + size % 2).ok().and_then(|size| rest.get(size..));
        chunks = behind.unwrap_or_default();
    }
    Err("it has no audio")
}

/// What stands before this many octets of samples of 16 bits, the channels of each moment in a row.
pub fn header(rate: u32, channels: u16, octets: u64) -> [u8; HEADER] {
    // Beyond 4 GB readers go by the length of the file.
    let octets = u32::try_from(octets).unwrap_or(u32::MAX - 36);
    let frame = channels.saturating_mul(2);
    let mut header = [0; HEADER];
    let parts: [&[u8]; 13] = [
        b"RIFF",
        &octets.saturating_add(36).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16u32.to_le_bytes(),
        &1u16.to_le_bytes(),
        &channels.to_le_bytes(),
        &rate.to_le_bytes(),
        &rate.saturating_mul(u32::from(frame)).to_le_bytes(),
        &frame.to_le_bytes(),
        &16u16.to_le_bytes(),
        b"data",
        &octets.to_le_bytes(),
    ];
    for (place, octet) in header.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *octet;
    }
    header
}

/// Octets of a [`header`].
pub const HEADER: usize = 44;

/// How the audio of a file is coded.
#[derive(Clone, Copy)]
struct Format {
    coding: Coding,
    channels: usize,
    rate: u32,
}

#[derive(Clone, Copy)]
enum Coding {
    Pcm8,
    Pcm16,
    Law(rtp::g711::Law),
}

impl Format {
    fn read(chunk: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u16::from_le_bytes(*chunk.get(at..)?.first_chunk()?));
        let rate = u32::from_le_bytes(*chunk.get(4..)?.first_chunk()?);
        // The extensible form (0xfffe) names the coding further behind.
        let tag = if number(0)? == 0xfffe { number(24)? } else { number(0)? };
        let coding = match (tag, number(14)?) {
            (1, 8) => Coding::Pcm8,
            (1, 16) => Coding::Pcm16,
            (6, 8) => Coding::Law(rtp::g711::Law::A),
            (7, 8) => Coding::Law(rtp::g711::Law::Mu),
            _ => return None,
        };
        let channels = usize::from(number(2)?);
        let usual = (1..=8).contains(&channels) && (4_000..=192_000).contains(&rate);
        usual.then_some(Self { coding, channels, rate })
    }

    /// Octets of a sample.
    fn width(self) -> usize {
        if matches!(self.coding, Coding::Pcm16) { 2 } else { 1 }
    }

    /// Octets of a moment: a sample of each channel.
    fn frame(self) -> usize {
        self.width() * self.channels
    }

    /// Its samples, channels mixed.
    fn samples(self, data: &[u8]) -> Vec<i16> {
        let width = self.width();
        let one = |bytes: &[u8]| -> i32 {
            match (self.coding, bytes) {
                (Coding::Pcm16, [low, high]) => i32::from(i16::from_le_bytes([*low, *high])),
                (Coding::Pcm8, [byte]) => (i32::from(*byte) - 128) * 256,
                (Coding::Law(law), [byte]) => i32::from(law.decode(*byte)),
                _ => 0,
            }
        };
        let channels = i32::try_from(self.channels).unwrap_or(1);
        let mixed = |frame: &[u8]| -> i16 {
            let sum: i32 = frame.chunks_exact(width).map(one).sum();
            i16::try_from(sum / channels).unwrap_or_default()
        };
        data.chunks_exact(self.frame()).map(mixed).collect()
    }
}

fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    let ratio = f64::from(from) / f64::from(to);
    let cutoff = (1.0 / ratio).min(1.0);
    let reach = (LOBES / cutoff).ceil() as i64;
    let length = (samples.len() as f64 / ratio) as i64;
    let at =
        |index: i64| usize::try_from(index).ok().and_then(|index| samples.get(index)).copied().unwrap_or(0);
    let one = |n: i64| {
        let place = n as f64 * ratio;
        let middle = place.floor() as i64;
        let sum: f64 = (middle - reach..=middle + reach)
            .map(|index| {
                let distance = place - index as f64;
                let window = 0.5 + 0.5 * (PI * distance / (reach + 1) as f64).cos();
                f64::from(at(index)) * cutoff * sinc(cutoff * distance) * window
            })
            .sum();
        sum.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
    };
    (0..length).map(one).collect()
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

const NOT_PLAYED: &str = "its format is none that is played here: PCM of 8 or 16 bits, A-law or µ-law";
const RATE: u32 = 8_000;
/// Zero crossings of the sinc on each side.
const LOBES: f64 = 8.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
        file.extend(16u32.to_le_bytes());
        file.extend(tag.to_le_bytes());
        file.extend(channels.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend((rate * u32::from(channels) * u32::from(bits) / 8).to_le_bytes());
        file.extend((channels * bits / 8).to_le_bytes());
        file.extend(bits.to_le_bytes());
        file.extend(b"LIST\x03\0\0\0abc\0data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(data);
        file
    }

    fn tone(rate: u32, hz: f64) -> Vec<i16> {
        let sample = |n: u32| (8_000.0 * (2.0 * PI * hz * f64::from(n) / f64::from(rate)).sin()) as i16;
        (0..rate).map(sample).collect()
    }

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    #[test]
    fn files_are_read_as_they_are_coded() {
        for (name, file, samples) in [
            ("sixteen bits", file(1, 1, 8_000, 16, &bytes(&[1, -2, 300])), vec![1, -2, 300]),
            ("two channels", file(1, 2, 8_000, 16, &bytes(&[100, 300, -4, 0])), vec![200, -2]),
            ("eight bits", file(1, 1, 8_000, 8, &[128, 129, 127]), vec![0, 256, -256]),
            ("A-law", file(6, 1, 8_000, 8, &[0xd5, 0x55]), vec![8, -8]),
            ("cut short", file(1, 1, 8_000, 16, &[1, 0, 2]), vec![1]),
        ] {
            assert_eq!(decode(&file), Ok(samples), "{name}");
        }
        for (name, file) in [
            ("nothing", Vec::new()),
            ("text", b"hello, world, how are you".to_vec()),
            ("floats", file(3, 1, 8_000, 32, &[0; 8])),
            ("no rate", file(1, 1, 0, 16, &[0; 8])),
            ("no channel", file(1, 0, 8_000, 16, &[0; 8])),
            ("no audio", b"RIFF\0\0\0\0WAVE".to_vec()),
        ] {
            assert!(decode(&file).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let audio = Audio { rate: 16_000, samples: vec![1, -2, i16::MAX, i16::MIN] };
        assert_eq!(Audio::read(&audio.file()), Ok(audio.clone()));
        let stereo = [&header(8_000, 2, 8)[..], &bytes(&[100, 300, -4, 0])].concat();
        assert_eq!(Audio::read(&stereo), Ok(Audio { rate: 8_000, samples: vec![200, -2] }));
        assert_eq!(audio.at(8_000).millis(), 0);
        // The beginning is enough to tell how long it is, and one that was cut off is as long as it is.
        let long = file(1, 2, 8_000, 16, &[0; 8_000]);
        for (beginning, length, millis) in [(100, long.len(), 250), (long.len(), long.len() - 4_000, 125)] {
            let outline = outline(&long[..beginning], length as u64);
            assert_eq!(outline, Ok((8_000, millis)), "{beginning} {length}");
        }
        assert!(outline(&long[..30], 8_000).is_err());
        assert_eq!(Layout::of(&stereo[..44]), Ok(Layout { rate: 8_000, channels: 2, before: 44 }));
        assert!(Layout::of(&file(7, 1, 8_000, 8, &[0; 8])).is_err());
        assert_eq!(Audio { rate: 16_000, samples: vec![0; 24_000] }.millis(), 1_500);
    }

    /// Which part of the power lies at a frequency, by Goertzel's filter.
    fn tone_share(samples: &[i16], rate: u32, hz: f64) -> f64 {
        let turn = 2.0 * (2.0 * PI * hz / f64::from(rate)).cos();
        let (mut last, mut before) = (0.0, 0.0);
        for &sample in samples {
            (last, before) = (f64::from(sample) + turn * last - before, last);
        }
        let power: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        2.0 * (last * last + before * before - turn * last * before) / (power * samples.len() as f64)
    }

    #[test]
    fn other_rates_keep_their_pitch_and_bring_no_others() {
        for rate in [6_000, 16_000, 44_100, 48_000] {
            let heard = decode(&file(1, 1, rate, 16, &bytes(&tone(rate, 1_000.0)))).expect("a file");
            assert!((7_990..=8_000).contains(&heard.len()), "{rate}: {}", heard.len());
            let share = tone_share(&heard[1_000..5_000], 8_000, 1_000.0);
            assert!(share > 0.99, "{rate}: {share}");
        }
        // What telephones cannot carry is gone, and not folded down.
        let folded = decode(&file(1, 1, 48_000, 16, &bytes(&tone(48_000, 7_000.0)))).expect("a file");
        assert!(folded[1_000..5_000].iter().all(|sample| sample.abs() < 200));
    }
}
