//! Whether a stretch of audio is a given tone, by Goertzel's algorithm.
//!
//! Answers "is this the tone that I sent?" for a test call. It is no DTMF detector: it knows nothing of twist,
//! of pairs of tones or of how long a digit lasts.

use std::f64::consts::TAU;

/// The part of the power of `samples` (8000 a second) that lies at `hz`: 1 for that tone alone, near 0 for
/// silence, speech, noise and other tones. The band is as wide as the stretch is short: 8000 / length Hz to each
/// side, so 400 samples (50 ms) tell tones 20 Hz apart.
pub fn tone_share(samples: &[i16], hz: f64) -> f64 {
    let step = TAU * hz / SAMPLE_RATE;
    let coefficient = 2.0 * step.cos();
    let (mut last, mut before, mut power) = (0.0, 0.0, 0.0);
    for &sample in samples {
        let sample = f64::from(sample);
        (last, before) = (sample + coefficient * last - before, last);
        power += sample * sample;
    }
    let at_hz = last * last + before * before - coefficient * last * before;
    if power <= QUIETEST * samples.len() as f64 {
        return 0.0;
    }
    // A sine of amplitude a over n samples gives at_hz = (a·n/2)² and power = a²·n/2.
    (2.0 * at_hz / (power * samples.len() as f64)).clamp(0.0, 1.0)
}

const SAMPLE_RATE: f64 = 8000.0;

/// Mean square below which there is only the idle noise of a codec: A-law silence is ±8.
const QUIETEST: f64 = 32.0 * 32.0;

#[cfg(test)]
mod tests {
    use super::*;
    use rtp::g711::Law;

    const LENGTH: usize = 400;

    fn tone(hz: f64, amplitude: f64) -> Vec<i16> {
        (0..LENGTH).map(|n| (amplitude * (TAU * hz * n as f64 / SAMPLE_RATE).sin()) as i16).collect()
    }

    /// The same, coded and decoded.
    fn through(law: Law, samples: &[i16]) -> Vec<i16> {
        samples.iter().map(|&sample| law.decode(law.encode(sample))).collect()
    }

    fn noise() -> Vec<i16> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16 / 2
        };
        (0..LENGTH).map(|_| next()).collect()
    }

    #[test]
    fn the_tone_itself_is_found_loud_faint_and_coded() {
        for amplitude in [30_000.0, 10_000.0, 300.0] {
            for hz in [425.0, 1004.0, 2600.0] {
                let samples = tone(hz, amplitude);
                assert!(tone_share(&samples, hz) > 0.97, "{hz} Hz at {amplitude}");
                for law in [Law::A, Law::Mu] {
                    assert!(tone_share(&through(law, &samples), hz) > 0.95, "{law:?} {hz} Hz at {amplitude}");
                }
            }
        }
    }

    #[test]
    fn anything_else_is_not() {
        let speech_like: Vec<i16> = [200.0, 400.0, 600.0, 1004.0, 1600.0, 2300.0]
            .iter()
            .map(|&hz| tone(hz, 4000.0))
            .fold(vec![0; LENGTH], |sum, part| sum.iter().zip(part).map(|(a, b)| a + b).collect());
        for (name, samples) in [
            ("nothing", vec![]),
            ("silence", vec![0; LENGTH]),
            ("A-law silence", vec![8; LENGTH]),
            ("a neighbour", tone(1064.0, 10_000.0)),
            ("another tone", tone(425.0, 10_000.0)),
            ("noise", noise()),
            ("a chord", speech_like),
            ("a constant", vec![9000; LENGTH]),
        ] {
            let share = tone_share(&samples, 1004.0);
            assert!(share < 0.3, "{name}: {share}");
        }
    }
}
