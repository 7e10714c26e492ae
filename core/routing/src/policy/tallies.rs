//! Whether one more call is within the limits of a connection, an account or the installation.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use timestamp::Timestamp;

use super::country::Country;
use super::window::{Period, Tally};
use crate::config::{InForce, Zone};
use crate::reason::Reason;

/// Calls that began lately, by period, and countries that were called. What of it outlives the process is what
/// serialisation keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tallies {
    #[serde(skip)]
    second: Tally,
    hour: Tally,
    day: Tally,
    week: Tally,
    /// Countries that were called, in order.
    countries: Vec<Country>,
}

/// A call that wants to be counted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Whether it comes from whoever is limited.
    pub from: bool,
    /// Whether it is among the calls at once already, as the other side of itself or for what goes on from it.
    pub again: bool,
    /// The country that a call to a number outside leads to.
    pub country: Option<Country>,
}

/// A limit that is reached, or nearly so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// Why the call is refused.
    pub reason: Reason,
    /// The field of the limit.
    pub limit: &'static str,
    /// How much of it is used.
    pub used: u32,
    /// How much there is.
    pub max: u32,
    /// The country whose first call it would be.
    pub country: Option<Country>,
}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The field of the limit.
    pub limit: &'static str,
    /// How much of it is used.
    pub used: u32,
    /// How much there is.
    pub max: u32,
    /// For so many milliseconds too long a call may be counted.
    pub late_ms: u64,
}

impl Tallies {
    /// The limit that does not let the call pass, if one does not.
    pub fn refuses(
        &mut self,
        limits: &InForce<'_>,
        wanted: Wanted,
        at_once: [u32; 3],
        (zone, now): (&Zone, Timestamp),
    ) -> Option<Over> {
        let [_, from, to] = limits.at_once();
        let over = |reason, limit, used, max| Over { reason, limit, used, max, country: None };
        let calls = [
            (limits.at_once()[0], at_once[0], CALLS[0], !wanted.again),
            (from, at_once[1], CALLS[1], wanted.from && !wanted.again),
            (to, at_once[2], CALLS[2], !wanted.from),
        ];
        for (max, used, limit, applies) in calls {
            if let Some(max) = max.filter(|max| applies && used >= *max) {
                return Some(over(Reason::Simultaneous, limit, used, max));
            }
        }
        for (period, max) in Period::ALL.into_iter().zip(limits.rates()) {
            let Some(max) = max.filter(|_| applies(period, wanted)) else { continue };
            let used = self.of(period).used(period, window(limits, period), zone, now);
            if used >= max {
                return Some(over(reason(period), period.limit(), used, max));
            }
        }
        let first = |country: &Country| {
            limits.holds_first() && !self.has_called(*country) && !limits.has_approved(country.code())
        };
        let country = wanted.country.filter(|country| wanted.from && first(country))?;
        let (reason, limit) = (Reason::FirstCall, "countries.approved");
        Some(Over { reason, limit, used: 0, max: 0, country: Some(country) })
    }

    /// Counts the call; whether that is worth keeping across restarts.
    pub fn count(&mut self, limits: &InForce<'_>, wanted: Wanted, zone: &Zone, now: Timestamp) -> bool {
        let mut lasting = false;
        for (period, max) in Period::ALL.into_iter().zip(limits.rates()) {
            if max.is_some() && applies(period, wanted) {
                self.of(period).count(period, zone, now);
                lasting |= period != Period::Second;
            }
        }
        if let Some(country) = wanted.country.filter(|_| wanted.from)
            && let Err(place) = self.countries.binary_search(&country)
        {
            self.countries.insert(place, country);
            lasting = true;
        }
        lasting
    }

    /// Takes back a call that was counted at `at` and refused elsewhere. That its country was called is not taken back
    /// where calls to it may be made anyway.
    pub fn take_back(&mut self, limits: &InForce<'_>, wanted: Wanted, zone: &Zone, at: Timestamp) {
        for (period, max) in Period::ALL.into_iter().zip(limits.rates()) {
            if max.is_some() && applies(period, wanted) {
                self.of(period).take_back(period, zone, at);
            }
        }
    }

    /// Every limit that is set, and how much of it is used.
    pub fn usage(
        &mut self,
        limits: &InForce<'_>,
        at_once: [u32; 3],
        zone: &Zone,
        now: Timestamp,
    ) -> SmallVec<[Usage; 7]> {
        let calls = CALLS.into_iter().zip(limits.at_once()).zip(at_once);
        let calls =
            calls.filter_map(|((limit, max), used)| Some(Usage { limit, used, max: max?, late_ms: 0 }));
        let mut usage: SmallVec<_> = calls.collect();
        for (period, max) in Period::ALL.into_iter().zip(limits.rates()) {
            let Some(max) = max else { continue };
            let window = window(limits, period);
            let used = self.of(period).used(period, window, zone, now);
            let late_ms = match window {
                crate::config::Window::Rolling => u64::try_from(period.bucket().as_millis()).unwrap_or(0),
                crate::config::Window::Calendar => 0,
            };
            usage.push(Usage { limit: period.limit(), used, max, late_ms });
        }
        usage
    }

    /// Whether this country was called before.
    pub fn has_called(&self, country: Country) -> bool {
        self.countries.binary_search(&country).is_ok()
    }

    /// Whether there is nothing to be remembered.
    pub fn is_idle(&self) -> bool {
        let all = [&self.second, &self.hour, &self.day, &self.week];
        self.countries.is_empty() && all.iter().all(|tally| tally.is_idle())
    }

    fn of(&mut self, period: Period) -> &mut Tally {
        match period {
            Period::Second => &mut self.second,
            Period::Hour => &mut self.hour,
            Period::Day => &mut self.day,
            Period::Week => &mut self.week,
        }
    }
}

/// New calls per second are counted in both directions, but each once; the others tell of fraud, which is made by
/// calling.
fn applies(period: Period, wanted: Wanted) -> bool {
    match period {
        Period::Second => !wanted.again || wanted.from,
        Period::Hour | Period::Day | Period::Week => wanted.from,
    }
}

/// A second of the calendar is too rough to keep the load even.
fn window(limits: &InForce<'_>, period: Period) -> crate::config::Window {
    match period {
        Period::Second => crate::config::Window::Rolling,
        Period::Hour | Period::Day | Period::Week => limits.window(),
    }
}

fn reason(period: Period) -> Reason {
    match period {
        Period::Second => Reason::CallRate,
        Period::Hour => Reason::CallsPerHour,
        Period::Day => Reason::CallsPerDay,
        Period::Week => Reason::CallsPerWeek,
    }
}

/// Limits on calls at once: in both directions, from it, to it.
const CALLS: [&str; 3] = ["concurrent", "concurrent_from", "concurrent_to"];
