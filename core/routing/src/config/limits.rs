//! Limits: one shape for connections, accounts and the installation.

use serde::{Deserialize, Serialize};

/// What is allowed at once, per time and per call. Absent means unlimited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls at once in both directions.
    pub concurrent: Option<u32>,
    /// Calls at once from it.
    pub concurrent_from: Option<u32>,
    /// Calls at once to it.
    pub concurrent_to: Option<u32>,
    /// New calls per second.
    pub per_second: Option<u32>,
    /// New calls per hour.
    pub per_hour: Option<u32>,
    /// New calls per day.
    pub per_day: Option<u32>,
    /// New calls per week.
    pub per_week: Option<u32>,
    /// How hours, days and weeks are counted.
    pub window: Window,
    /// Longest call, in seconds.
    pub max_duration_s: Option<u32>,
    /// Countries that may be called, by ISO code.
    pub countries: Allowance,
    /// Prefixes that may be called, in E.164 with `+`.
    pub prefixes: Allowance,
}

/// How a period is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The last N seconds.
    #[default]
    Rolling,
    /// Since midnight, Monday, in the account's time zone.
    Calendar,
}

/// Allowed and denied; deny goes before allow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Allowance {
    /// Allowed entries; absent means no rule.
    pub allow: Option<Vec<String>>,
    /// Denied entries.
    pub deny: Vec<String>,
}
