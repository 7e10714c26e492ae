//! Metrics in the text format of Prometheus (exposition format 0.0.4).
//!
//! Base units, counters end in `_total`, labels are few: never a number, a name or a Call-ID.

use core::fmt::{Display, Write};
use std::collections::BTreeMap;

use engine::control::{Answer, Ask, Figures};
use routing::config::Kind;

use crate::{Api, MediaReport, WebSocketReport};

/// Every metric of this node, now.
pub(crate) async fn text(api: &Api) -> String {
    let mut figures = Vec::new();
    for answer in api.shards.ask(Ask::Figures).await {
        if let Answer::Figures(part) = answer {
            figures.push(*part);
        }
    }
    let mut page = Page::default();
    about(api, &mut page);
    counters(&figures, &mut page);
    web_sockets(&api.shards.web_sockets(), &mut page);
    let family = "trunkline_pushes_total";
    page.family(family, "counter", "Pushes that were to wake devices, by what became of them.");
    for (result, count) in api.shards.pushes() {
        page.sample(family, &[("result", result)], count);
    }
    media(&api.shards.media(), &mut page);
    page.0
}

fn about(api: &Api, page: &mut Page) {
    let about = &api.about;
    page.family("trunkline_build_info", "gauge", "The version that runs.");
    page.sample("trunkline_build_info", &[("version", about.version), ("node", &about.node)], 1);
    let readiness = api.shards.readiness();
    let up = !readiness.draining && readiness.parts.iter().all(|part| part.ok);
    page.family("trunkline_up", "gauge", "Whether new calls are taken.");
    page.sample("trunkline_up", &[], u8::from(up));
    page.family("trunkline_started_at_seconds", "gauge", "When the process began to serve, since the epoch.");
    page.sample("trunkline_started_at_seconds", &[], about.started_at.as_secs());
    let rows = api.rows();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for kept in rows.connections.all() {
        let kind = match kept.row.kind {
            Kind::Device => "device",
            Kind::Virtual => "virtual",
            Kind::RegisterIn => "register_in",
            Kind::RegisterOut => "register_out",
            Kind::Trunk => "trunk",
        };
        *kinds.entry(kind).or_default() += 1;
    }
    page.family("trunkline_connections", "gauge", "Connections configured.");
    for (kind, count) in kinds {
        page.sample("trunkline_connections", &[("kind", kind)], count);
    }
    page.family("trunkline_numbers", "gauge", "Numbers configured.");
    page.sample("trunkline_numbers", &[], rows.numbers.len());
    page.family("trunkline_config_revision", "gauge", "Configuration revision in force.");
    page.sample("trunkline_config_revision", &[], rows.revision);
}

fn counters(figures: &[Figures], page: &mut Page) {
    let sum = |of: fn(&Figures) -> u64| figures.iter().map(of).sum::<u64>();
    let fold = |of: fn(&Figures) -> &[(&'static str, u64)]| {
        let mut all: BTreeMap<&str, u64> = BTreeMap::new();
        for (label, count) in figures.iter().flat_map(of) {
            *all.entry(label).or_default() += count;
        }
        all
    };
    page.family("trunkline_calls_active", "gauge", "Calls in progress.");
    page.sample("trunkline_calls_active", &[], sum(|f| f.calls_active));
    page.family("trunkline_calls_total", "counter", "Calls ended.");
    for (outcome, count) in fold(|f| &f.calls) {
        page.sample("trunkline_calls_total", &[("outcome", outcome)], count);
    }
    page.family("trunkline_call_refused_total", "counter", "Requests refused by policy, by reason code.");
    for (reason, count) in fold(|f| &f.refused) {
        page.sample("trunkline_call_refused_total", &[("reason", reason)], count);
    }
    page.family("trunkline_sip_messages_total", "counter", "SIP messages, by method or class of code.");
    for (direction, messages) in [("in", fold(|f| &f.messages_in)), ("out", fold(|f| &f.messages_out))] {
        for (kind, count) in messages {
            let label = if kind.starts_with(|c: char| c.is_ascii_digit()) { "code_class" } else { "method" };
            page.sample("trunkline_sip_messages_total", &[(label, kind), ("dir", direction)], count);
        }
    }
    page.family("trunkline_sip_retransmissions_total", "counter", "Retransmissions.");
    page.sample("trunkline_sip_retransmissions_total", &[("dir", "in")], sum(|f| f.retransmissions_in));
    page.sample("trunkline_sip_retransmissions_total", &[("dir", "out")], sum(|f| f.retransmissions_out));
    page.family("trunkline_sip_malformed_total", "counter", "Messages that were no SIP.");
    page.sample("trunkline_sip_malformed_total", &[], sum(|f| f.malformed));
    let several = "trunkline_sip_websocket_frames_refused_total";
    page.family(several, "counter", "WebSocket frames with more than one SIP message.");
    page.sample(several, &[], sum(|f| f.several));
    page.family("trunkline_sip_banned_total", "counter", "Messages of banned sources, dropped unread.");
    page.sample("trunkline_sip_banned_total", &[], sum(|f| f.banned));
    page.family("trunkline_sip_slowed_total", "counter", "Requests that came too early or too often.");
    page.sample("trunkline_sip_slowed_total", &[], sum(|f| f.slowed));
    page.family("trunkline_sip_tls_handshakes_total", "counter", "TLS handshakes of SIP streams, by result.");
    for (result, count) in fold(|f| &f.handshakes) {
        page.sample("trunkline_sip_tls_handshakes_total", &[("result", result)], count);
    }
    page.family("trunkline_registrations_active", "gauge", "Contacts registered.");
    page.sample("trunkline_registrations_active", &[("kind", "device")], sum(|f| f.bindings));
    page.family("trunkline_sip_subscriptions", "gauge", "Subscriptions to events of ours.");
    page.sample("trunkline_sip_subscriptions", &[], sum(|f| f.subscriptions));
    page.family("trunkline_sip_transactions_active", "gauge", "Transactions in progress.");
    page.sample("trunkline_sip_transactions_active", &[], sum(|f| f.transactions));
    page.family(
        "trunkline_incidents_total",
        "counter",
        "Faults of ours that ended a call; please report them.",
    );
    page.sample("trunkline_incidents_total", &[], sum(|f| f.incidents));
    page.family("trunkline_media_ports", "gauge", "Media ports.");
    page.sample("trunkline_media_ports", &[("state", "used")], sum(|f| f.media_ports_used));
    page.sample("trunkline_media_ports", &[("state", "total")], sum(|f| f.media_ports));
}

fn web_sockets(report: &WebSocketReport, page: &mut Page) {
    page.family("trunkline_sip_websockets", "gauge", "WebSockets that carry SIP.");
    page.sample("trunkline_sip_websockets", &[], report.open);
    let family = "trunkline_sip_websockets_opened_total";
    page.family(family, "counter", "WebSockets that were opened.");
    page.sample(family, &[], report.opened);
    let family = "trunkline_sip_websockets_refused_total";
    page.family(
        family,
        "counter",
        "WebSockets that were not taken: too many, another subprotocol or origin.",
    );
    page.sample(family, &[], report.refused);
    let family = "trunkline_sip_websockets_closed_total";
    page.family(family, "counter", "WebSockets that were closed, by why.");
    for (why, count) in &report.closed {
        page.sample(family, &[("why", why)], *count);
    }
}

fn media(report: &MediaReport, page: &mut Page) {
    let lost = "trunkline_media_packets_lost_total";
    page.family(lost, "counter", "Media packets lost here, before any call saw them, by cause.");
    page.sample(lost, &[("cause", "socket_full")], report.kernel_drops);
    page.sample(lost, &[("cause", "oversized")], report.oversized);
    page.sample(lost, &[("cause", "nobodys")], report.strays);
    let waits = "trunkline_media_buffer_waits_total";
    page.family(waits, "counter", "Times a media socket waited because all buffers were in use.");
    page.sample(waits, &[], report.shortages);
    let unkept = "trunkline_recording_pieces_lost_total";
    page.family(
        unkept,
        "counter",
        "Pieces of recordings, of a second each, left out because the disk was too slow.",
    );
    page.sample(unkept, &[], report.unkept);
}

/// The text as it grows.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if index == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }
}
