//! What follows from an input: everything a shard wants done, as plain data in the order it happened.

use b2bua::{CallRecord, Errand, OpenCall, RecordingBegan, VouchQuestion};
use registrar::BindingRow;
use sip_stack::Slot;
use sip_stack::transport::{Flow, Query, Target, Terms};

use crate::control::{Answer, EmergencyCall, Event, Refusal, RegistrationLogRow};
use crate::counters::CounterRow;
use crate::owner::ShardMessage;

/// One thing to be done by the host.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes of the outbox's arena over this flow; connect first where the transport needs it.
    Send {
        /// Where to.
        flow: Flow,
        /// Start of the message in [`Outbox::bytes`].
        start: usize,
        /// Its end.
        end: usize,
    },
    /// What must hold of the other end of the stream of this number, once something is sent over it.
    Reserve {
        /// Its number, and where it leads.
        flow: Flow,
        /// What must hold.
        terms: Terms,
    },
    /// Find out where a host name leads; answered by `Input::Located` under the same number.
    Locate {
        /// Number of the question.
        id: u64,
        /// What is to be located.
        query: Query,
    },
    /// Judge and sign the caller ids of a call; answered by `Input::Vouched` for the same call.
    Vouch {
        /// The call.
        call: Slot,
        /// What is asked.
        question: Box<VouchQuestion>,
    },
    /// Do something for a call, or a message; answered by `Input::Brought` for the same one.
    Errand {
        /// The call.
        call: Slot,
        /// What.
        errand: Box<Errand>,
    },
    /// For the media workers.
    Media(media::Command),
    /// For the disk.
    Persist(Persist),
    /// For `/events`.
    Announce(Event),
    /// The answer to a question of the office.
    Answer {
        /// Number of the question.
        id: u64,
        /// The answer.
        answer: Answer,
    },
    /// For another shard.
    ToShard {
        /// Which.
        shard: u8,
        /// What.
        message: ShardMessage,
    },
    /// Close this stream: its peer broke the framing.
    Disconnect {
        /// Which.
        flow: Flow,
    },
}

/// What the store keeps, by durability class.
#[derive(Clone, Debug)]
pub enum Persist {
    /// A binding was made or would lapse in the store before its next refresh.
    Binding(Box<BindingRow>),
    /// A binding is gone.
    BindingGone {
        /// Id of the connection.
        connection: Box<str>,
        /// Contact URI.
        contact: Box<str>,
    },
    /// An emergency number was dialled: a row of the audit log.
    Emergency(Box<EmergencyCall>),
    /// A call has begun or was answered: the marker that lets history close it after a crash.
    Open(Box<OpenCall>),
    /// A call has ended.
    Record(Box<CallRecord>),
    /// A recording has begun.
    Recording(Box<RecordingBegan>),
    /// Policy refused a request.
    Refused(Box<Refusal>),
    /// Somebody is banned.
    Ban(Box<guard::Ban>),
    /// What was counted of a connection, an account or the installation.
    Counter(Box<CounterRow>),
    /// What became of a registration, of ours or here.
    RegistrationLog(Box<RegistrationLogRow>),
}

/// Where outputs are collected: owned by the host, emptied after every batch, so steady state allocates nothing.
#[derive(Debug, Default)]
pub struct Outbox {
    /// What is to be done, in order.
    pub outputs: Vec<Output>,
    /// Bytes of the messages to be sent.
    pub bytes: Vec<u8>,
}

impl Outbox {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.outputs.clear();
        self.bytes.clear();
    }
}

/// Where a host name leads.
#[derive(Clone, Debug)]
pub struct Located {
    /// Number of the question.
    pub id: u64,
    /// Ways to reach the host, in the order they are to be tried (RFC 3263 §4.3); empty if there is none.
    pub targets: Vec<Target>,
}
