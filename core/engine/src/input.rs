//! What a shard is told: everything that can happen to it, as plain data.

use std::sync::Arc;

use b2bua::{Brought, Vouched};
use routing::config::Delta;
use sip_stack::Slot;
use sip_stack::transport::{Flow, StreamFault};

use crate::control::Ask;
use crate::counters::CounterRow;
use crate::outbox::Located;
use crate::owner::ShardMessage;

/// What a client proved with its certificate (RFC 5922 §7.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Names in it, if authorities that everybody may rely on vouch for it.
    pub names: Vec<Box<str>>,
    /// Names in it for each connection whose own authorities vouch for it.
    pub for_connections: Vec<(Box<str>, Vec<Box<str>>)>,
}

/// One event.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram arrived.
    Datagram {
        /// How it came.
        flow: Flow,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// Bytes arrived on a stream; messages are found in them here.
    StreamBytes {
        /// Which stream.
        flow: Flow,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// A message of a WebSocket arrived, whole.
    Frame {
        /// Which socket.
        flow: Flow,
        /// Its payload.
        bytes: &'a [u8],
    },
    /// Both ends of a stream agreed on keys.
    StreamSecured {
        /// Which.
        flow: Flow,
        /// What its client proved to be, if it showed a certificate.
        client: Option<Client>,
    },
    /// A stream is closed, or could not be opened.
    StreamClosed {
        /// Which.
        flow: Flow,
        /// What went wrong, if anything did.
        fault: Option<StreamFault>,
    },
    /// A host name was resolved.
    Located(Located),
    /// Caller ids of a call were judged and signed.
    Vouched {
        /// The call.
        call: Slot,
        /// What came of it.
        vouched: Vouched,
    },
    /// What a call wanted is here, or cannot be had.
    Brought {
        /// The call.
        call: Slot,
        /// Number of the errand.
        number: u32,
        /// What.
        brought: Brought,
    },
    /// News of the media plane.
    Media(media::Event),
    /// A question or an order of the office.
    Control {
        /// Number of the question.
        id: u64,
        /// The question.
        ask: Ask,
    },
    /// A committed change of configuration; answered with `Done` once it is in force.
    Config {
        /// Number of the question.
        id: u64,
        /// The change.
        delta: Arc<Delta>,
    },
    /// Another shard says something.
    FromShard(ShardMessage),
    /// Bindings that a former process left.
    Restore(Vec<registrar::BindingRow>),
    /// What a former process counted.
    Recount(Vec<CounterRow>),
}
