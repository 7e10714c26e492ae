//! The step `dns`: where the peer's names lead (RFC 3263), and at which record it ends when they lead nowhere.

use std::net::IpAddr;

use sip_stack::transport::{LookupKind, Protocol, Query, Target};

use super::{Finding, Place, Plan, State};
use crate::dns::Trace;

/// Follows every place; puts their targets into `targets`.
pub(super) fn follow(plan: &Plan, trace: impl Fn(Query) -> Trace, targets: &mut Vec<Target>) -> Finding {
    let mut asked = Vec::new();
    let mut lost: Option<(&Place, Trace)> = None;
    for place in plan.places.iter().take(MOST_PLACES) {
        if let Ok(ip) = place.host.trim_matches(['[', ']']).parse::<IpAddr>() {
            let protocol = place.protocol.unwrap_or(Protocol::Udp);
            let port = place.port.unwrap_or_else(|| protocol.default_port());
            targets.push(Target { protocol, address: (ip, port).into() });
            continue;
        }
        let traced = trace(Query {
            host: place.host.as_str().into(),
            port: place.port,
            transport: place.protocol,
            secure: false,
        });
        asked.push(in_lines(&traced));
        if traced.targets.is_empty() {
            lost.get_or_insert((place, traced));
        } else {
            targets.extend(traced.targets);
        }
    }
    let lookups = asked.concat();
    let finding = match (lost, targets.first()) {
        (Some((place, traced)), None) => nowhere(place, &traced),
        (Some((place, _)), Some(_)) => Finding::new(
            State::Warning,
            format!("{} leads nowhere; {}", place.host, in_words(targets)),
            format!("Correct {} in peers, or take it out.", place.host),
        ),
        (None, Some(_)) if asked.is_empty() => {
            Finding::passed(format!("the peer is named by its address; {}", in_words(targets)))
        }
        (None, Some(_)) => Finding::passed(in_words(targets)),
        (None, None) => {
            Finding::new(State::Failed, "the connection has no peer", "Set peers of the connection.")
        }
    };
    finding.with("", lookups)
}

fn nowhere(place: &Place, traced: &Trace) -> Finding {
    let fault = traced.steps.iter().find_map(|step| step.fault.as_ref());
    let detail = match fault {
        Some(fault) => format!("{}: the name servers do not answer: {fault}", place.host),
        None => format!("{} has neither SRV records nor addresses", place.host),
    };
    let fix = match fault {
        Some(_) => "Check the name servers of this machine.",
        None => "Check the spelling of the host in peers; a name inside another network needs its address.",
    };
    Finding::new(State::Failed, detail, fix)
}

/// `udp 203.0.113.5:5060 is tried first, then 2 more`
fn in_words(targets: &[Target]) -> String {
    let Some((first, rest)) = targets.split_first() else {
        return String::new();
    };
    let first = format!("{} {}", first.protocol.name(), first.address);
    match rest.len() {
        0 => format!("it is {first}"),
        more => format!("{first} is tried first, then {more} more"),
    }
}

/// Each lookup with what was answered, one a line, as name servers write them.
fn in_lines(traced: &Trace) -> String {
    let mut text = String::new();
    for step in &traced.steps {
        let kind = LookupKind::name(step.lookup.kind);
        let head = format!("{} {kind}", step.lookup.name);
        if let Some(fault) = &step.fault {
            text.push_str(&format!("{head}: {fault}\n"));
        } else if step.records.is_empty() {
            text.push_str(&format!("{head}: nothing\n"));
        }
        for record in &step.records {
            text.push_str(&format!("{head} {record}\n"));
        }
    }
    text
}

/// Places looked at; the call path looks at all, a test would take too long.
const MOST_PLACES: usize = 8;
