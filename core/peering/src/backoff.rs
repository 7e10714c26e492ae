//! How long to wait after failures: twice as long each time up to a bound, and never the same for two of us.

use core::time::Duration;

/// The wait after this many failures in a row, between `min` and `max`: a random point of the upper half, so that
/// peers of one registrar that failed together do not come back together.
pub fn backoff(failures: u32, min: Duration, max: Duration, draw: u64) -> Duration {
    let max = Ord::max(min, max);
    let doubled = min.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    let whole = Ord::min(doubled, max);
    let half = whole / 2;
    Ord::max(half + part(whole - half, draw), min)
}

/// A random part of a duration.
pub(crate) fn part(of: Duration, draw: u64) -> Duration {
    let micros = u64::try_from(of.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(draw % micros.saturating_add(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_stay_in_bounds_and_differ() {
        let (min, max) = (Duration::from_secs(5), Duration::from_secs(300));
        let rows: [(u32, u64, u64); 6] =
            [(1, 5, 5), (2, 5, 10), (3, 10, 20), (6, 80, 160), (7, 150, 300), (200, 150, 300)];
        for (failures, least, most) in rows {
            let waits: Vec<_> = (0..50u64)
                .map(|n| backoff(failures, min, max, n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
                .collect();
            for wait in &waits {
                assert!((least..=most).contains(&wait.as_secs()), "{failures}: {wait:?}");
            }
            assert!(failures == 1 || waits.iter().any(|wait| *wait != waits[0]), "{failures}: all the same");
        }
        assert_eq!(backoff(3, max, min, 7), max, "bounds in the wrong order");
    }
}
