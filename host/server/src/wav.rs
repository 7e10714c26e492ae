//! WAV files as telephones play them: any rate, 8 or 16 bits, A-law or µ-law, one channel or more; out come samples of one
//! channel, 8000 a second.

use std::f64::consts::PI;

/// The samples of a file, or what is wrong with it.
pub(crate) fn decode(file: &[u8]) -> Result<Vec<i16>, &'static str> {
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
    let format =
        format.ok_or("its format is none that is played here: PCM of 8 or 16 bits, A-law or µ-law")?;
    let samples = format.samples(data.ok_or("it has no audio")?);
    Ok(resample(&samples, format.rate))
}

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

    /// Its samples, channels mixed.
    fn samples(self, data: &[u8]) -> Vec<i16> {
        let width = if matches!(self.coding, Coding::Pcm16) { 2 } else { 1 };
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
        data.chunks_exact(width * self.channels).map(mixed).collect()
    }
}

/// To 8000 samples a second, by a windowed sinc that lets nothing above 4 kHz through.
fn resample(samples: &[i16], rate: u32) -> Vec<i16> {
    if rate == RATE {
        return samples.to_vec();
    }
    let ratio = f64::from(rate) / f64::from(RATE);
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
    fn other_rates_keep_their_pitch_and_bring_no_others() {
        for rate in [6_000, 16_000, 44_100, 48_000] {
            let heard = decode(&file(1, 1, rate, 16, &bytes(&tone(rate, 1_000.0)))).expect("a file");
            assert!((7_990..=8_000).contains(&heard.len()), "{rate}: {}", heard.len());
            let share = media::sink::tone_detector::tone_share(&heard[1_000..5_000], 1_000.0);
            assert!(share > 0.99, "{rate}: {share}");
        }
        // What telephones cannot carry is gone, and not folded down.
        let folded = decode(&file(1, 1, 48_000, 16, &bytes(&tone(48_000, 7_000.0)))).expect("a file");
        assert!(folded[1_000..5_000].iter().all(|sample| sample.abs() < 200));
    }
}
