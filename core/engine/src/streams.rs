//! Finding messages in streams (RFC 3261 §18.3) and in WebSocket frames (RFC 7118 §5), and answering keepalives
//! (RFC 5626 §3.5.1).

use std::collections::BTreeMap;

use sip_msg::frame::{Framed, next};
use sip_stack::transport::{Flow, StreamFault, WebFrame};
use timestamp::Timestamp;

use crate::input::Client;
use crate::outbox::{Outbox, Output};
use crate::shard::Shard;

/// Bytes of messages that are not complete yet, by stream.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    partial: BTreeMap<(u16, u32), Partial>,
    /// Who the other ends proved to be by certificate.
    clients: BTreeMap<(u16, u32), Client>,
}

impl Streams {
    /// What the other end of this flow proved by certificate.
    pub(crate) fn client(&self, flow: &Flow) -> Option<&Client> {
        self.clients.get(&(flow.listener, flow.stream))
    }
}

#[derive(Debug)]
struct Partial {
    flow: Flow,
    /// When its first byte came.
    since: Timestamp,
    bytes: Vec<u8>,
}

impl Shard {
    pub(crate) fn on_stream_bytes(&mut self, flow: Flow, bytes: &[u8], now: Timestamp, out: &mut Outbox) {
        let key = (flow.listener, flow.stream);
        let (since, mut held) = self
            .streams
            .partial
            .remove(&key)
            .map_or((now, Vec::new()), |partial| (partial.since, partial.bytes));
        held.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let rest = held.get(at..).unwrap_or_default();
            match next(rest, LONGEST_MESSAGE) {
                Framed::Message { len } => {
                    let message = rest.get(..len).unwrap_or_default();
                    if self.is_banned(&flow, message, now) {
                        out.outputs.push(Output::Disconnect { flow });
                        return;
                    }
                    self.on_message(flow, message, now, out);
                    at += len;
                }
                Framed::KeepAlivePing { len } => {
                    pong(flow, out);
                    at += len;
                }
                Framed::KeepAlivePong { len } => at += len,
                Framed::Incomplete => break,
                Framed::TooLarge | Framed::Broken => {
                    self.refuse_framing(flow, rest, None, out);
                    self.counts.malformed += 1;
                    out.outputs.push(Output::Disconnect { flow });
                    return;
                }
            }
        }
        if at < held.len() {
            held.drain(..at);
            let since = if at == 0 { since } else { now };
            self.streams.partial.insert(key, Partial { flow, since, bytes: held });
        }
    }

    /// A whole message of a WebSocket.
    pub(crate) fn on_frame(&mut self, flow: Flow, bytes: &[u8], now: Timestamp, out: &mut Outbox) {
        match WebFrame::of(bytes) {
            WebFrame::Message(message) if self.is_banned(&flow, message, now) => {
                out.outputs.push(Output::Disconnect { flow });
            }
            WebFrame::Message(message) => self.on_message(flow, message, now, out),
            WebFrame::Ping => pong(flow, out),
            WebFrame::Pong => {}
            WebFrame::Several(first) => {
                self.counts.malformed += 1;
                self.counts.several += 1;
                self.refuse_framing(flow, first, Some("several messages in one frame"), out);
            }
        }
    }

    /// Streams whose current message began before this time and is still not complete: slow senders, to be closed
    /// by the host.
    pub fn stale_streams(&self, before: Timestamp) -> Vec<Flow> {
        self.streams
            .partial
            .values()
            .filter(|partial| partial.since < before)
            .map(|partial| partial.flow)
            .collect()
    }

    /// Framing is lost: if the head can be read, its sender is told.
    fn refuse_framing(&mut self, flow: Flow, bytes: &[u8], why: Option<&str>, out: &mut Outbox) {
        let Some(end) = memchr_head(bytes) else { return };
        if let Ok(message) = sip_msg::Message::parse(bytes.get(..end).unwrap_or_default())
            && message.is_request()
            && message.method() != sip_msg::Method::Ack
        {
            let found = || message.defect().map_or("unusable Content-Length", |d| d.text);
            let text = why.unwrap_or_else(found);
            self.reply(&message, &flow, 400, text.as_bytes(), &[], out);
        }
    }

    pub(crate) fn on_stream_secured(&mut self, flow: &Flow, client: Option<Client>) {
        if self.index == 0 {
            self.counts.handshake("ok");
        }
        let key = (flow.listener, flow.stream);
        match client {
            Some(client) => self.streams.clients.insert(key, client),
            None => self.streams.clients.remove(&key),
        };
    }

    pub(crate) fn on_stream_closed(
        &mut self,
        flow: &Flow,
        fault: Option<StreamFault>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        self.streams.partial.remove(&(flow.listener, flow.stream));
        self.streams.clients.remove(&(flow.listener, flow.stream));
        self.reserved.forget(flow);
        // Every shard hears of it, the first one counts.
        if let Some(fault) = fault.as_ref().filter(|_| flow.protocol.is_secure() && self.index == 0) {
            self.counts.handshake(fault.kind.name());
        }
        self.fault = fault;
        for event in self.transactions.on_transport_error(flow) {
            self.on_client_event(event, None, now, out);
        }
        self.fault = None;
        if flow.stream != 0 {
            self.unbind_stream(flow, now, out);
        }
    }
}

fn pong(flow: Flow, out: &mut Outbox) {
    let start = out.bytes.len();
    out.bytes.extend_from_slice(b"\r\n");
    out.outputs.push(Output::Send { flow, start, end: start + 2 });
}

fn memchr_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
}

/// Longest message taken from a stream.
const LONGEST_MESSAGE: usize = 65_535;
