//! Which shard owns a message, and what shards say to each other.

use registrar::{BindingRow, NonceUse};
use sip_stack::Slot;
use sip_stack::transport::Flow;

/// What one shard tells another.
#[derive(Clone, Debug)]
pub enum ShardMessage {
    /// A message that came in there and belongs here.
    Forwarded {
        /// How it came.
        flow: Flow,
        /// The message.
        bytes: Box<[u8]>,
    },
    /// A question for the home of something shared.
    Ask {
        /// Who asks, for the answer.
        from: u8,
        /// The call that waits.
        call: Slot,
        /// The question.
        question: Question,
    },
    /// The answer.
    Told {
        /// The call that waits.
        call: Slot,
        /// The answer.
        told: Told,
    },
    /// A call gives back its slots at this home.
    Release {
        /// The connection.
        connection: Box<str>,
        /// The call, with its shard.
        holder: (u8, Slot),
    },
}

/// A question for the home of a connection.
#[derive(Clone, Debug)]
pub enum Question {
    /// May this call go on? Takes a place among the connection's calls.
    Acquire {
        /// The connection.
        connection: Box<str>,
        /// The most calls at once in both directions, from it, to it.
        most: [Option<u32>; 3],
        /// Whether the call comes from it.
        from: bool,
        /// The nonce that was used to prove the caller, to be used once only.
        nonce: Option<NonceUse>,
    },
    /// Where is it registered? Takes a place, too.
    Locate {
        /// The connection.
        connection: Box<str>,
        /// The most calls at once in both directions, from it, to it.
        most: [Option<u32>; 3],
    },
}

/// What a home answers.
#[derive(Clone, Debug)]
pub enum Told {
    /// A place was free and is taken.
    Granted {
        /// Where the connection is registered, when asked.
        bindings: Vec<BindingRow>,
    },
    /// No place is free.
    Full,
    /// The nonce was used before.
    Replayed,
}
