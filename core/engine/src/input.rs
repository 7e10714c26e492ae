//! What a shard is told: everything that can happen to it, as plain data.

use std::sync::Arc;

use routing::config::Delta;
use sip_stack::transport::Flow;

use crate::control::Ask;
use crate::outbox::Located;
use crate::owner::ShardMessage;

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
    /// A stream is closed, or could not be opened.
    StreamClosed {
        /// Which.
        flow: Flow,
    },
    /// A host name was resolved.
    Located(Located),
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
}
