//! Counters of a shard.

use std::collections::BTreeMap;

use b2bua::CallOutcome;
use routing::reason::Reason;
use serde::Serialize;
use sip_msg::{Message, Method};
use timestamp::Timestamp;

use crate::outbox::{Outbox, Output};
use crate::shard::Shard;

/// Counters of a shard since its start, and gauges of now.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Messages received, by method or code class.
    pub messages_in: Vec<(&'static str, u64)>,
    /// Messages sent, by method or code class.
    pub messages_out: Vec<(&'static str, u64)>,
    /// Retransmissions received.
    pub retransmissions_in: u64,
    /// Retransmissions sent.
    pub retransmissions_out: u64,
    /// Datagrams and stream messages that were no SIP.
    pub malformed: u64,
    /// WebSocket frames with more than one message.
    pub several: u64,
    /// Messages of banned sources, which nobody looked at.
    pub banned: u64,
    /// Requests not answered because they came too early or too often.
    pub slowed: u64,
    /// TLS handshakes, by result.
    pub handshakes: Vec<(&'static str, u64)>,
    /// Calls in progress.
    pub calls_active: u64,
    /// Calls ended, by outcome.
    pub calls: Vec<(&'static str, u64)>,
    /// Refusals, by reason code.
    pub refused: Vec<(&'static str, u64)>,
    /// Bindings.
    pub bindings: u64,
    /// Subscriptions in force.
    pub subscriptions: u64,
    /// Transactions in progress.
    pub transactions: u64,
    /// Panics caught at the boundary of the shard.
    pub incidents: u64,
    /// Media ports leased.
    pub media_ports_used: u64,
    /// Media ports there are.
    pub media_ports: u64,
}

/// Counters since the start.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) malformed: u64,
    /// WebSocket frames with more than one message.
    pub(crate) several: u64,
    /// Messages of banned sources.
    pub(crate) banned: u64,
    /// Requests that came too early or too often.
    pub(crate) slowed: u64,
    pub(crate) incidents: u64,
    messages_in: [u64; KINDS],
    messages_out: [u64; KINDS],
    outcomes: [u64; OUTCOMES.len()],
    refused: Vec<u64>,
    handshakes: BTreeMap<&'static str, u64>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            malformed: 0,
            several: 0,
            banned: 0,
            slowed: 0,
            incidents: 0,
            messages_in: [0; KINDS],
            messages_out: [0; KINDS],
            outcomes: [0; OUTCOMES.len()],
            refused: vec![0; Reason::ALL.len()],
            handshakes: BTreeMap::new(),
        }
    }
}

impl Counts {
    pub(crate) fn received(&mut self, message: &Message<'_>) {
        let kind = if message.is_request() { message.method() as usize } else { class(message.code()) };
        self.messages_in[kind.min(KINDS - 1)] += 1;
    }

    pub(crate) fn ended(&mut self, outcome: CallOutcome) {
        self.outcomes[outcome as usize] += 1;
    }

    /// A TLS handshake ended.
    pub(crate) fn handshake(&mut self, result: &'static str) {
        *self.handshakes.entry(result).or_default() += 1;
    }

    pub(crate) fn refused(&mut self, reason: Reason) {
        if let Some(count) = self.refused.get_mut(reason as usize) {
            *count += 1;
        }
    }
}

impl Shard {
    /// Counts, and shows to the tap, what an input made us send.
    pub(crate) fn count_sent(&mut self, now: Timestamp, out: &Outbox, since: usize) {
        for output in out.outputs.get(since..).unwrap_or_default() {
            let Output::Send { flow, start, end } = output else { continue };
            let bytes = out.bytes.get(*start..*end).unwrap_or_default();
            let first = bytes.split(|&b| b == b' ').next().unwrap_or_default();
            let kind = match first {
                b"SIP/2.0" => {
                    class(bytes.get(8).map_or(0, |digit| u16::from(digit.saturating_sub(b'0')) * 100))
                }
                method => Method::from_bytes(method) as usize,
            };
            self.counts.messages_out[kind.min(KINDS - 1)] += 1;
            if let Some(tap) = &mut self.tap {
                tap.sent(now, flow, bytes);
            }
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let counts = &self.counts;
        let named = |values: &[u64; KINDS]| {
            let pairs = NAMES.iter().copied().zip(values.iter().copied());
            pairs.filter(|(_, count)| *count > 0).collect()
        };
        Figures {
            handshakes: counts.handshakes.iter().map(|(result, count)| (*result, *count)).collect(),
            messages_in: named(&counts.messages_in),
            messages_out: named(&counts.messages_out),
            retransmissions_in: self.transactions.retransmissions_in,
            retransmissions_out: self.transactions.retransmissions_out,
            malformed: counts.malformed,
            several: counts.several,
            banned: counts.banned,
            slowed: counts.slowed,
            calls_active: self.calls.iter().filter(|(_, call)| !call.has_ended()).count() as u64,
            calls: OUTCOMES.iter().copied().zip(counts.outcomes).collect(),
            refused: Reason::ALL
                .iter()
                .map(|reason| reason.code())
                .zip(counts.refused.iter().copied())
                .filter(|(_, count)| *count > 0)
                .collect(),
            bindings: self.location.len() as u64,
            subscriptions: self.subscriptions.len() as u64,
            transactions: self.transactions.len() as u64,
            incidents: counts.incidents,
            media_ports_used: self.ports.used() as u64,
            media_ports: self.ports.total() as u64,
        }
    }
}

fn class(code: u16) -> usize {
    METHODS + usize::from((code / 100).clamp(1, 6)) - 1
}

/// Methods as [`Method`] counts them, then classes of answers.
const NAMES: [&str; KINDS] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
    "other",
    "1xx",
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "6xx",
];
const METHODS: usize = 15;
const KINDS: usize = METHODS + 6;

/// Outcomes as [`CallOutcome`] counts them.
const OUTCOMES: [&str; 7] = ["answered", "busy", "cancelled", "failed", "no_answer", "refused", "voicemail"];
