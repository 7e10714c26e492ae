//! A query from its first lookup to its targets, each step with its answer and its time.

use std::time::Duration;

use futures_util::future::join_all;
use sip_stack::transport::{Listeners, Locating, Lookup, LookupKind, Query, Record, Target};
use tokio::time::{Instant, timeout_at};

use super::PATIENCE;
use super::cache::Found;
use super::servers::{Answered, Servers};

/// How a query was answered, for people who look for what is wrong.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Lookups in the order they were made; those of one stage are made at once.
    pub steps: Vec<TraceStep>,
    /// Where the host leads; none if nowhere.
    pub targets: Vec<Target>,
}

/// One lookup.
#[derive(Clone, Debug)]
pub struct TraceStep {
    /// What was asked.
    pub lookup: Lookup,
    /// What was answered; no records if there are none.
    pub records: Vec<Record>,
    /// How long the answer holds.
    pub ttl: Duration,
    /// Why there is no answer, when no name server gave one.
    pub fault: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// What following a query brings.
pub(super) struct Followed {
    pub(super) steps: Vec<TraceStep>,
    pub(super) found: Found,
}

/// Makes the lookups that a query needs, none later than its time allows.
pub(super) async fn follow(servers: &Servers, query: Query, listeners: &Listeners) -> Followed {
    let until = Instant::now() + PATIENCE;
    let mut locating = Locating::new(query, listeners);
    let mut steps: Vec<TraceStep> = Vec::new();
    while !locating.wanted().is_empty() {
        let stage = locating.wanted().to_vec();
        let made = join_all(stage.into_iter().map(|lookup| step(servers, lookup, until))).await;
        for step in &made {
            locating.on_answer(&step.lookup, &step.records);
        }
        steps.extend(made);
    }
    let ways = locating.ways();
    // A name server that keeps silent about IPv6 addresses does no harm where there are others.
    let matters = |step: &&TraceStep| {
        ways.is_empty() || matches!(step.lookup.kind, LookupKind::Naptr | LookupKind::Srv)
    };
    let failed = steps.iter().filter(matters).any(|step| step.fault.is_some());
    let lasting = steps.iter().filter(|step| ways.is_empty() || !step.records.is_empty());
    let ttl = lasting.map(|step| step.ttl).min().unwrap_or_default();
    Followed { steps, found: Found { ways, ttl, failed } }
}

async fn step(servers: &Servers, lookup: Lookup, until: Instant) -> TraceStep {
    let began = Instant::now();
    let late = |_| Answered { fault: Some("no answer in time".to_owned()), ..Answered::default() };
    let Answered { records, ttl, fault } = timeout_at(until, servers.ask(&lookup)).await.unwrap_or_else(late);
    TraceStep { lookup, records, ttl, fault, took: began.elapsed() }
}
