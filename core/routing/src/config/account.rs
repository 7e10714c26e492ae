//! An account: the owner of everything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{AccountId, ConnectionId, Limits, Zone};

/// One customer of the installation; a fresh one has `main` and nobody needs a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Identifier, `acc_…`.
    pub id: AccountId,
    /// Unique name, a DNS label.
    pub name: String,
    /// ISO 3166 code; decides national number formats and the default country rule.
    #[serde(default)]
    pub country: Option<String>,
    /// IANA time zone name.
    #[serde(default)]
    pub timezone: Option<String>,
    /// What that name means; made by the host.
    #[serde(skip)]
    pub zone: Arc<Zone>,
    /// BCP 47 language.
    #[serde(default)]
    pub language: Option<String>,
    /// Networks whose calls to the account's users and numbers need no registration; never onward.
    #[serde(default)]
    pub allowed_sources: Vec<IpNet>,
    /// What connections of the account have where they say nothing themselves.
    #[serde(default)]
    pub defaults: Defaults,
    /// Limits over all connections of the account.
    #[serde(default)]
    pub limits: Limits,
    /// How much the account may configure.
    #[serde(default)]
    pub quota: Quota,
    /// Whether media may be transcoded for the account.
    #[serde(default = "yes")]
    pub transcoding: bool,
    /// Emergency numbers and the way out for them.
    #[serde(default)]
    pub emergency: Emergency,
    /// How long records are kept.
    #[serde(default)]
    pub retention: Retention,
}

/// What connections of an account have where they say nothing themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// Limits.
    pub limits: Limits,
    /// Members of media, number_format and timers: by path (`media.codecs`), each value as JSON.
    pub others: BTreeMap<String, String>,
}

/// How many rows an account may own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Connections at most.
    pub connections: Option<u32>,
    /// Numbers at most.
    pub numbers: Option<u32>,
}

/// Emergency numbers of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Emergency {
    /// Numbers that count as emergency calls; the first is dialled for `urn:service:sos`.
    pub numbers: Vec<String>,
    /// The connection such calls leave by.
    pub connection: Option<ConnectionId>,
    /// The caller id they carry.
    pub caller_id: Option<String>,
}

/// Days and hours that records are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Call history, in days.
    pub history_days: u32,
    /// Refusals, in days.
    pub refused_days: u32,
    /// Recordings of calls, in days.
    pub recording_days: u32,
    /// Message traces, in hours.
    pub trace_hours: u32,
}

impl Default for Emergency {
    fn default() -> Self {
        Self { numbers: vec!["112".to_owned(), "911".to_owned()], connection: None, caller_id: None }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { history_days: 365, refused_days: 30, recording_days: 90, trace_hours: 24 }
    }
}

fn yes() -> bool {
    true
}
