//! What was recorded as it is kept: silence at both ends cut, and loud enough to be understood.

use codec::wav::{Audio, decode};

/// Something that was said.
#[derive(Debug)]
pub(super) struct Spoken {
    /// A WAV file of 8000 samples a second.
    pub(super) file: Vec<u8>,
    pub(super) length_ms: u64,
}

/// What is said in a WAV file; none if that is nothing.
pub(super) fn spoken(file: &[u8]) -> Result<Option<Spoken>, &'static str> {
    let samples = decode(file)?;
    let powers = samples.chunks(FRAME).map(power).enumerate();
    let heard: Vec<(usize, i64)> = powers.filter(|(_, power)| *power > HEARD).collect();
    let (Some((first, _)), Some((last, _))) = (heard.first(), heard.last()) else { return Ok(None) };
    if heard.len() < LEAST {
        return Ok(None);
    }
    let from = first.saturating_sub(MARGIN) * FRAME;
    let to = ((last + 1 + MARGIN) * FRAME).min(samples.len());
    let mut said = samples.get(from..to).unwrap_or_default().to_vec();
    let gain = gain(&said, heard.into_iter().map(|(_, power)| power).collect());
    for sample in &mut said {
        *sample = limited(f32::from(*sample) * gain) as i16;
    }
    let audio = Audio { rate: 8_000, samples: said };
    Ok(Some(Spoken { length_ms: audio.millis(), file: audio.file() }))
}

/// How much louder it becomes: as far as its loudest moment allows, and further if that is no part of the voice but a bang.
fn gain(said: &[i16], mut powers: Vec<i64>) -> f32 {
    let peak = said.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0).max(1);
    powers.sort_unstable();
    let voice = powers.len() - powers.len().div_ceil(20);
    let sum: i64 = powers.iter().take(voice).sum();
    let loudness = (sum as f32 / voice.max(1) as f32).sqrt().max(1.0);
    let by_peak = (FULL / f32::from(peak)).clamp(1.0, MOST_GAIN);
    let by_loudness = (VOICE / loudness).clamp(1.0, MOST_GAIN);
    by_peak.max(by_loudness)
}

/// Bends what is louder than can be kept, so that it does not break.
fn limited(sample: f32) -> f32 {
    let room = f32::from(i16::MAX) - FULL;
    let over = sample.abs() - FULL;
    if over <= 0.0 { sample } else { sample.signum() * (FULL + room * (over / room).tanh()) }
}

/// Mean square.
fn power(frame: &[i16]) -> i64 {
    let sum: i64 = frame.iter().map(|sample| i64::from(*sample).pow(2)).sum();
    sum / FRAME as i64
}

/// 20 ms.
const FRAME: usize = 160;
/// Mean square above which a frame is more than the noise of a line: -50 dB.
const HEARD: i64 = 100 * 100;
/// Frames that are heard in what counts as said: a fifth of a second.
const LEAST: usize = 10;
/// Frames that are left around it: half a second.
const MARGIN: usize = 25;
/// How loud the loudest moment becomes, or else the voice on average (-20 dB), and how much either may take.
const FULL: f32 = 23_000.0;
const VOICE: f32 = 3_280.0;
const MOST_GAIN: f32 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(parts: &[(usize, f32)]) -> Vec<u8> {
        let mut samples = Vec::new();
        for (ms, loudness) in parts {
            let tone = |n: usize| ((n as f32 * 0.8).sin() * loudness) as i16;
            samples.extend((0..ms * 8).map(tone));
        }
        Audio { rate: 8_000, samples }.file()
    }

    #[test]
    fn silence_is_cut_and_whispers_are_raised() {
        for (name, parts, kept_ms, peak) in [
            ("a sentence", &[(2_000, 0.0), (3_000, 20_000.0), (6_000, 0.0)][..], Some(4_000), 22_900),
            ("a quiet one", &[(100, 0.0), (3_000, 4_000.0)], Some(3_100), 15_900),
            ("silence", &[(6_000, 0.0)], None, 0),
            ("noise of the line", &[(6_000, 40.0)], None, 0),
            ("a click", &[(100, 0.0), (60, 9_000.0), (2_000, 0.0)], None, 0),
        ] {
            let spoken = spoken(&recording(parts)).expect("a file");
            assert_eq!(spoken.as_ref().map(|spoken| spoken.length_ms), kept_ms, "{name}");
            if let Some(spoken) = spoken {
                let loudest = decode(&spoken.file).expect("a file").into_iter().map(i16::abs).max();
                assert!(loudest.is_some_and(|loudest| loudest >= peak), "{name}: {loudest:?}");
            }
        }
        assert!(spoken(b"no file").is_err());
    }

    #[test]
    fn a_bang_does_not_keep_a_voice_quiet() {
        for (parts, loudness) in [
            (&[(60, 32_000.0), (3_000, 1_500.0)][..], 3_100..3_400),
            (&[(3_000, 1_500.0)], 4_100..4_300),
            (&[(60, 32_000.0), (3_000, 500.0)], 1_300..1_500),
            (&[(60, 32_000.0), (3_000, 16_000.0)], 11_200..11_400),
        ] {
            let spoken = spoken(&recording(parts)).expect("a file").expect("words");
            let samples = decode(&spoken.file).expect("a file");
            let last = samples.get(samples.len() - 8_000..).expect("a second");
            let mean: f64 = last.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 8_000.0;
            assert!(loudness.contains(&(mean.sqrt() as i32)), "{parts:?}: {}", mean.sqrt());
        }
    }
}
