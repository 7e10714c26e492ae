//! When a delivery that failed is tried again: soon, then ever more rarely, for a day.

use std::time::Duration;

/// The rest before the next attempt, when `attempts` have failed; `None` gives up. `share` (0 to 255) spreads the
/// deliveries of one moment over a tenth of the rest.
pub(crate) fn rest(attempts: usize, wanted: Option<Duration>, share: u8) -> Option<Duration> {
    let seconds = *RESTS_S.get(attempts.checked_sub(1)?)?;
    let spread = seconds * u64::from(share) / 2550;
    let rest = Duration::from_secs(seconds + spread);
    // What the other side asks for (RFC 9110 §10.2.3) within reason.
    Some(rest.max(wanted.unwrap_or_default().min(LONGEST_WISH)))
}

/// 24 hours and a little in all.
const RESTS_S: [u64; 10] = [5, 60, 5 * 60, 15 * 60, 30 * 60, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 8 * 3600];
const LONGEST_WISH: Duration = Duration::from_secs(6 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_for_a_day_and_then_given_up() {
        let rests: Vec<_> = (1..20).map_while(|n| rest(n, None, 0)).collect();
        assert_eq!(rests.len(), 10);
        let hours = rests.iter().map(Duration::as_secs).sum::<u64>() / 3600;
        assert_eq!(hours, 23);
        assert!(rests.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(rest(1, Some(Duration::from_secs(120)), 0), Some(Duration::from_secs(120)));
        assert_eq!(rest(1, Some(Duration::from_secs(1 << 40)), 0), Some(LONGEST_WISH));
        assert!(rest(6, None, 255) <= Some(Duration::from_secs(3960)));
        assert_eq!(rest(11, None, 0), None);
    }
}
