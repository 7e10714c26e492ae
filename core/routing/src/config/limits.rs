//! Limits: one shape for connections, accounts and the installation.

use serde::{Deserialize, Serialize};

/// What is allowed at once, per time and per call. Absent means unlimited, or what the account's defaults say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls at once in both directions.
    pub concurrent: Option<u32>,
    /// Calls at once from it.
    pub concurrent_from: Option<u32>,
    /// Calls at once to it.
    pub concurrent_to: Option<u32>,
    /// New calls per second, in both directions.
    pub per_second: Option<u32>,
    /// New calls from it per hour.
    pub per_hour: Option<u32>,
    /// New calls from it per day.
    pub per_day: Option<u32>,
    /// New calls from it per week.
    pub per_week: Option<u32>,
    /// How hours, days and weeks are counted; absent means rolling.
    pub window: Option<Window>,
    /// Longest call, in seconds.
    pub max_duration_s: Option<u32>,
    /// Per cent of a limit that are told of by an event; absent means 80.
    pub warn_at: Option<u8>,
    /// Countries that may be called, by ISO code.
    pub countries: Countries,
    /// Prefixes that may be called, in E.164 with `+`.
    pub prefixes: Allowance,
}

/// How a period is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The last hour, day, week.
    #[default]
    Rolling,
    /// Since the hour, midnight, Monday, in the account's time zone.
    Calendar,
}

/// Allowed and denied; the longest match decides, and deny goes before allow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Allowance {
    /// Allowed entries; absent means no rule.
    pub allow: Option<Vec<String>>,
    /// Denied entries.
    pub deny: Vec<String>,
}

/// Countries that may be called; `*` stands for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Countries {
    /// Allowed countries; absent means the account's, for a connection.
    pub allow: Option<Vec<String>>,
    /// Denied countries.
    pub deny: Vec<String>,
    /// What becomes of the first call to a country; absent means that it is allowed.
    pub on_first: Option<FirstCall>,
    /// Countries whose first call was approved.
    pub approved: Vec<String>,
}

/// What becomes of the first call to a country.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstCall {
    /// It goes.
    #[default]
    Allow,
    /// It is refused until somebody approves the country.
    Hold,
}

/// The limits of a row with those it inherits.
#[derive(Clone, Copy, Debug)]
pub struct InForce<'a> {
    own: &'a Limits,
    inherited: Option<&'a Limits>,
}

impl<'a> InForce<'a> {
    /// These, and where they say nothing, the others.
    pub fn new(own: &'a Limits, inherited: Option<&'a Limits>) -> Self {
        Self { own, inherited }
    }

    fn of<T: Copy>(&self, field: impl Fn(&'a Limits) -> Option<T>) -> Option<T> {
        field(self.own).or_else(|| self.inherited.and_then(field))
    }

    /// Calls at once: in both directions, from it, to it.
    pub fn at_once(&self) -> [Option<u32>; 3] {
        [self.of(|l| l.concurrent), self.of(|l| l.concurrent_from), self.of(|l| l.concurrent_to)]
    }

    /// New calls per second, hour, day and week.
    pub fn rates(&self) -> [Option<u32>; 4] {
        [self.of(|l| l.per_second), self.of(|l| l.per_hour), self.of(|l| l.per_day), self.of(|l| l.per_week)]
    }

    /// How hours, days and weeks are counted.
    pub fn window(&self) -> Window {
        self.of(|l| l.window).unwrap_or_default()
    }

    /// Longest call, in seconds.
    pub fn max_duration_s(&self) -> Option<u32> {
        self.of(|l| l.max_duration_s)
    }

    /// Per cent of a limit that are told of.
    pub fn warn_at(&self) -> u8 {
        self.of(|l| l.warn_at).unwrap_or(WARN_AT)
    }

    /// Whether the first call to a country waits for approval.
    pub fn holds_first(&self) -> bool {
        self.of(|l| l.countries.on_first) == Some(FirstCall::Hold)
    }

    /// Whether the first call to this country was approved.
    pub fn has_approved(&self, country: &str) -> bool {
        let lists = |limits: &Limits| limits.countries.approved.iter().any(|c| c == country);
        lists(self.own) || self.inherited.is_some_and(lists)
    }

    /// The rule on countries.
    pub fn countries(&self) -> (Option<&'a [String]>, &'a [String]) {
        let allow = self.of(|l| l.countries.allow.as_deref());
        let own = self.own.countries.deny.as_slice();
        (allow, if own.is_empty() { self.inherited.map_or(own, |l| &l.countries.deny) } else { own })
    }

    /// The rule on prefixes.
    pub fn prefixes(&self) -> (Option<&'a [String]>, &'a [String]) {
        let allow = self.of(|l| l.prefixes.allow.as_deref());
        let own = self.own.prefixes.deny.as_slice();
        (allow, if own.is_empty() { self.inherited.map_or(own, |l| &l.prefixes.deny) } else { own })
    }

    /// Whether anything in it needs calls to be counted.
    pub fn counts(&self) -> bool {
        self.holds_first() || self.at_once().iter().chain(&self.rates()).any(Option::is_some)
    }
}

/// Per cent of a limit that are told of, unless it says otherwise.
const WARN_AT: u8 = 80;
