//! What callers hear who wait: a quiet melody of our own, made and not recorded, so that it is nobody else's.
//!
//! Eight bars of broken chords in C with a slow tune above, each note a sine with one overtone that fades like a struck
//! string. It begins and ends in silence, so that it can be heard over and over.

use core::f32::consts::TAU;
use core::iter;

/// The melody, 8000 samples a second.
pub fn melody() -> Vec<i16> {
    let length = BEAT * BEATS_PER_BAR * CHORDS.len();
    let mut sum = vec![0.0_f32; length];
    for (bar, chord) in CHORDS.iter().enumerate() {
        let begin = bar * BEATS_PER_BAR * BEAT;
        // Up and down again, two notes a beat.
        for (half, index) in [0, 1, 2, 3, 2, 1, 2, 1].into_iter().enumerate() {
            let note = chord.get(index).copied().unwrap_or_default();
            strike(&mut sum, begin + half * BEAT / 2, BEAT, note, 0.5);
        }
    }
    for &(beat, beats, note) in TUNE {
        strike(&mut sum, beat * BEAT, beats * BEAT, note, 1.0);
    }
    let loudest = sum.iter().fold(1.0_f32, |loudest, sample| loudest.max(sample.abs()));
    #[expect(clippy::cast_possible_truncation, reason = "scaled to LOUDEST, which is far within i16")]
    let sample = |sample: f32| (sample / loudest * LOUDEST) as i16;
    sum.into_iter().map(sample).collect()
}

/// One note: `key` as MIDI counts them.
fn strike(sum: &mut [f32], begin: usize, length: usize, key: u8, loud: f32) {
    let pitch = 440.0 * ((f32::from(key) - 69.0) / 12.0).exp2();
    let ticks = iter::successors(Some(0.0_f32), |tick| Some(tick + 1.0));
    // What would last longer than the melody ends with it.
    let length = length.min(sum.len().saturating_sub(begin));
    let all = length as f32;
    for (sample, tick) in sum.iter_mut().skip(begin).take(length).zip(ticks) {
        let seconds = tick / RATE;
        let attack = (seconds / 0.015).min(1.0);
        let release = ((all - tick) / (0.03 * RATE)).min(1.0);
        let fades = (-2.2 * seconds).exp() * attack * release;
        let tone = (TAU * pitch * seconds).sin() + 0.25 * (2.0 * TAU * pitch * seconds).sin();
        *sample += loud * fades * tone;
    }
}

/// C, A minor, F, G; C, E minor, F with G, C.
const CHORDS: [[u8; 4]; 8] = [
    [48, 55, 60, 64],
    [45, 52, 57, 60],
    [41, 53, 57, 60],
    [43, 50, 55, 59],
    [48, 55, 60, 64],
    [40, 52, 55, 59],
    [41, 53, 57, 62],
    [48, 52, 55, 60],
];
/// Beat, length in beats, key.
const TUNE: &[(usize, usize, u8)] = &[
    (0, 3, 76),
    (3, 1, 74),
    (4, 4, 72),
    (8, 3, 69),
    (11, 1, 72),
    (12, 4, 71),
    (16, 2, 72),
    (18, 2, 76),
    (20, 3, 79),
    (23, 1, 76),
    (24, 2, 77),
    (26, 2, 74),
    (28, 4, 72),
];
const RATE: f32 = 8_000.0;
const BEATS_PER_BAR: usize = 4;
/// Samples: 80 beats a minute.
const BEAT: usize = 6_000;
/// About 14 dB below the loudest that there is: behind a voice, not before it.
const LOUDEST: f32 = 6_500.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_quiet_without_an_edge_and_never_silent_for_long() {
        let melody = melody();
        assert_eq!(melody.len(), 24 * 8_000);
        assert!(melody.iter().all(|sample| sample.abs() <= 6_500));
        let edges = [melody.first(), melody.last()];
        assert!(edges.iter().all(|edge| edge.is_some_and(|sample| sample.abs() < 50)), "{edges:?}");
        for second in melody.chunks(8_000) {
            let energy: i64 = second.iter().map(|&sample| i64::from(sample).pow(2)).sum();
            assert!(energy / 8_000 > 250 * 250, "{energy}");
        }
    }
}
