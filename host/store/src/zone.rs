//! Time zones by their IANA names, as values for the call path.

use std::collections::BTreeMap;

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use routing::config::Zone;
use timestamp::Timestamp;

/// The zone of this name, with the changes of its clocks for as long as a process may run.
pub fn zone_of(name: &str) -> Option<Zone> {
    zone_from(name, Instant::now())
}

/// The zones of these names; a name that nobody knows is left out.
pub fn zones_of<'n>(names: impl IntoIterator<Item = &'n String>) -> BTreeMap<String, Zone> {
    names.into_iter().filter_map(|name| Some((name.clone(), zone_of(name)?))).collect()
}

fn zone_from(name: &str, now: Instant) -> Option<Zone> {
    let zone = TimeZone::get(name).ok()?;
    let last = now.as_second().saturating_add(CHANGES_FOR_S);
    let changes = zone.following(now).take_while(|change| change.timestamp().as_second() < last);
    let changes = changes.filter_map(|change| {
        let at = u64::try_from(change.timestamp().as_second()).ok()?;
        Some((Timestamp::from_secs(at), change.offset().seconds()))
    });
    Some(Zone::new(zone.to_offset(now).seconds(), changes.take(MOST_CHANGES).collect()))
}

/// Ten years.
const CHANGES_FOR_S: i64 = 10 * 366 * 86_400;
/// Changes of ten years, and some more for places that change their minds.
const MOST_CHANGES: usize = 64;

#[cfg(test)]
mod tests {
    use super::{Instant, zone_from};
    use timestamp::Timestamp;

    #[test]
    fn names_become_offsets() {
        let winter = Timestamp::from_secs(1_800_000_000);
        let summer = Timestamp::from_secs(1_815_000_000);
        let before = Instant::from_second(1_799_000_000).expect("an instant");
        let zone_of = |name| zone_from(name, before);
        let berlin = zone_of("Europe/Berlin").expect("a zone that everybody has");
        assert_eq!(berlin.local(winter), winter.as_secs() + 3_600);
        assert_eq!(berlin.local(summer), summer.as_secs() + 7_200);
        assert_eq!(zone_of("UTC").expect("a zone").local(summer), summer.as_secs());
        assert!(zone_of("Europe/Atlantis").is_none());
    }
}
