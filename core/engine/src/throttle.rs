//! How often a stranger is answered and heeded: so many times in a while by source address, in a table of fixed size.
//!
//! Sources of datagrams can be forged, so nobody is banned and nothing is remembered beyond that while; two
//! addresses that share a place share its allowance.

use core::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;
use timestamp::Timestamp;

/// Counters by source, each of one period.
#[derive(Debug)]
pub(crate) struct Throttle {
    seed: [u8; 16],
    period_s: u64,
    most: u32,
    places: Box<[(u32, u32)]>,
}

impl Throttle {
    /// Answers to strangers.
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self::of(seed, 1, A_SECOND)
    }

    /// `most` of each source in a period of so many seconds.
    pub(crate) fn of(seed: [u8; 16], period_s: u64, most: u32) -> Self {
        Self { seed, period_s, most, places: vec![(0, 0); PLACES].into() }
    }

    /// Whether one more request of this source is within its measure.
    pub(crate) fn admits(&mut self, source: IpAddr, now: Timestamp) -> bool {
        let index = index(&self.seed, source);
        let period = u32::try_from((now.as_secs() / self.period_s) & u64::from(u32::MAX)).unwrap_or(0);
        let Some((at, count)) = self.places.get_mut(index) else { return false };
        if *at != period {
            (*at, *count) = (period, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.most
    }
}

/// What sources were given and did not give back: so much each, and a little more every second.
#[derive(Debug)]
pub(crate) struct Balance {
    seed: [u8; 16],
    /// The second it is of, and how much is out.
    places: Box<[(u32, u32)]>,
}

impl Balance {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self { seed, places: vec![(0, 0); PLACES].into() }
    }

    /// Takes one, if there is any left for this source.
    pub(crate) fn take(&mut self, source: IpAddr, now: Timestamp) -> bool {
        let second = u32::try_from(now.as_secs() & u64::from(u32::MAX)).unwrap_or(0);
        let Some((at, out)) = self.places.get_mut(index(&self.seed, source)) else { return false };
        *out = out.saturating_sub(second.saturating_sub(*at).saturating_mul(BACK_A_SECOND));
        *at = second;
        let may = *out < MOST_OUT;
        *out += u32::from(may);
        may
    }

    /// One was put to use.
    pub(crate) fn give_back(&mut self, source: IpAddr) {
        if let Some((_, out)) = self.places.get_mut(index(&self.seed, source)) {
            *out = out.saturating_sub(1);
        }
    }
}

fn index(seed: &[u8; 16], source: IpAddr) -> usize {
    let mut hash = SipHasher13::new_with_key(seed);
    match source.to_canonical() {
        IpAddr::V4(v4) => hash.write(&v4.octets()),
        // One customer has a /64 at the least.
        IpAddr::V6(v6) => hash.write(&v6.octets()[..8]),
    }
    usize::try_from(hash.finish() % PLACES as u64).unwrap_or(0)
}

const PLACES: usize = 4096;
/// Phones of a large office that all begin at once are no flood: each answers its challenge.
const MOST_OUT: u32 = 1000;
const BACK_A_SECOND: u32 = 50;
/// A peer that probes a hundred trunks of ours every second is still no flood.
const A_SECOND: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_that_are_answered_cost_nothing_and_others_run_out() {
        let (mut balance, source) = (Balance::new([1; 16]), IpAddr::from([203, 0, 113, 7]));
        let now = Timestamp::from_secs(1_800_000_000);
        for _ in 0..10_000 {
            assert!(balance.take(source, now));
            balance.give_back(source);
        }
        assert_eq!((0..5000).filter(|_| balance.take(source, now)).count(), 1000);
        assert_eq!(
            (0..500).filter(|_| balance.take(source, Timestamp::from_secs(1_800_000_002))).count(),
            100
        );
        assert!(balance.take(IpAddr::from([203, 0, 113, 8]), now), "others are not touched");
    }

    #[test]
    fn a_flood_is_cut_and_the_next_second_is_new() {
        let mut throttle = Throttle::new([1; 16]);
        let source = IpAddr::from([203, 0, 113, 7]);
        let now = Timestamp::from_secs(1_800_000_000);
        let answered = (0..1000).filter(|_| throttle.admits(source, now)).count();
        assert_eq!(answered, 100);
        assert!(throttle.admits(source, Timestamp::from_secs(1_800_000_001)));
        assert!(throttle.admits(IpAddr::from([203, 0, 113, 8]), now), "others are not touched");
    }
}
