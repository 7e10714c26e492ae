//! How a call probably sounded: the E-model of ITU-T G.107, of loss, jitter, delay and codec (G.113 appendix I).
//!
//! An estimate and no measurement: nobody listened. Wideband is not rewarded, so that values of all calls compare; the
//! best that there is is 4.4.

use crate::event::Counters;

/// The mean opinion that listeners of what came in at an end would have, 1 to 4.4; `None` where too little came.
pub fn estimated_mos(codec: &str, counters: &Counters) -> Option<f32> {
    if counters.packets_in < FEWEST {
        return None;
    }
    let expected = (counters.packets_in + counters.lost) as f32;
    let loss = 100.0 * counters.lost as f32 / expected;
    // The listener buffers against jitter, and a packet takes its own length to fill.
    let jitter = counters.jitter_us as f32 / 1000.0;
    let delay = counters.round_trip_us as f32 / 2000.0 + 2.0 * jitter + PACKET_MS;
    let (impairment, robustness) = impairments(codec);
    let equipment = impairment + (95.0 - impairment) * loss / (loss + robustness);
    let late = (delay - 177.3).max(0.0);
    let rating = (93.2 - 0.024 * delay - 0.11 * late - equipment).clamp(0.0, 100.0);
    Some(1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating))
}

/// What a codec takes away by itself, and how well it bears random loss (Ie and Bpl).
fn impairments(codec: &str) -> (f32, f32) {
    match codec {
        "g729" => (11.0, 19.0),
        "g723" => (15.0, 16.1),
        "ilbc" => (11.0, 32.0),
        "gsm" => (20.0, 43.0),
        // With concealment, as everybody has; nobody published values of Opus.
        _ => (0.0, 25.1),
    }
}

/// A second of packets.
const FEWEST: u64 = 50;

const PACKET_MS: f32 = 20.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn mos(codec: &str, lost: u64, jitter_ms: u32, round_trip_ms: u32) -> f32 {
        let counters = Counters {
            packets_in: 1000 - lost,
            lost,
            jitter_us: jitter_ms * 1000,
            round_trip_us: round_trip_ms * 1000,
            ..Counters::default()
        };
        (estimated_mos(codec, &counters).expect("enough") * 100.0).round() / 100.0
    }

    #[test]
    fn values_are_those_of_the_model() {
        assert_eq!(estimated_mos("pcma", &Counters { packets_in: 10, ..Counters::default() }), None);
        for (codec, lost, jitter, round_trip, low, high) in [
            ("pcma", 0, 0, 0, 4.38, 4.42),
            ("opus", 0, 1, 40, 4.35, 4.42),
            ("g729", 0, 0, 0, 4.0, 4.15),
            ("pcma", 10, 2, 40, 4.25, 4.36),
            ("pcma", 50, 10, 100, 3.5, 3.9),
            ("pcma", 200, 30, 200, 1.8, 2.6),
            ("pcma", 0, 0, 800, 2.8, 3.6),
        ] {
            let value = mos(codec, lost, jitter, round_trip);
            assert!((low..=high).contains(&value), "{codec} {lost} {jitter} {round_trip}: {value}");
        }
    }
}
