//! What a call has to act with: the time, the transactions, the ports, and where effects go.

use sip_msg::token::{Key, Mint, Token};
use sip_stack::auth::Nonces;
use sip_stack::transaction::Transactions;
use sip_stack::transport::{AddressBook, Flow, Listeners, Query, Reach, Reserved, StreamFault};
use sip_stack::{Out, Slot};
use std::net::SocketAddr;
use std::sync::Arc;

use routing::config::{AccountId, Connection, ConnectionId};
use routing::reason::Reason;
use routing::tables::Tables;
use timestamp::Timestamp;

use crate::attendant::{Errand, Flows, OrbitAsk, QueueAsk};
use crate::claim::Claim;
use crate::ports::PortPool;
use crate::random::Random;
use crate::record::{CallRecord, OpenCall, RecordingBegan};
use crate::room::{RoomAsk, RoomName};
use crate::vouch::VouchQuestion;

/// Everything a call may touch while it handles one event.
#[expect(missing_debug_implementations, reason = "holds sinks that have nothing to show")]
pub struct Means<'m> {
    /// Now.
    pub now: Timestamp,
    /// The transactions of this shard.
    pub transactions: &'m mut Transactions,
    /// Where messages and timers go.
    pub out: &'m mut dyn Out,
    /// Where everything else goes.
    pub effects: &'m mut Vec<Effect>,
    /// Our sockets.
    pub listeners: &'m Listeners,
    /// Which addresses do not answer.
    pub reach: &'m mut Reach,
    /// Streams that have a number before they are opened.
    pub reserved: &'m mut Reserved,
    /// Why the stream is gone whose requests are being given up.
    pub fault: Option<&'m StreamFault>,
    /// Our addresses as peers see them.
    pub book: &'m mut dyn AddressBook,
    /// Makes tags and branches.
    pub mint: &'m Mint,
    /// Number of this shard.
    pub shard: u8,
    /// Seeded source of numbers nobody can guess.
    pub random: &'m mut Random,
    /// Media ports that are free.
    pub ports: &'m mut PortPool,
    /// The configuration in force.
    pub tables: &'m Tables,
    /// The flows that are published.
    pub flows: &'m Flows,
    /// Makes nonces.
    pub nonces: &'m Nonces,
}

/// What a call wants besides messages and timers.
#[derive(Clone, Debug)]
pub enum Effect {
    /// For the media plane.
    Media(media::Command),
    /// A claim for the homes; the answer comes back as [`crate::Told`].
    Ask(Box<Claim>),
    /// Gives back what homes granted.
    Release(Box<Claim>),
    /// A connection has left the call, and keeps its place: its id, home, and whether it called.
    Leave(ConnectionId, u8, bool),
    /// Judge and sign caller ids; the answer comes back as [`crate::Vouched`].
    Vouch(Box<VouchQuestion>),
    /// For the home of a room; what it tells comes back as [`crate::RoomTold`].
    Room(RoomName, RoomAsk),
    /// Have something done outside; the answer comes back as [`crate::Brought`].
    Errand(Box<Errand>),
    /// Something to say to those who know who waits in the orbits of an account; they answer by [`crate::OrbitTold`].
    Orbit(AccountId, Box<OrbitAsk>),
    /// Something to say to the home of an account's queues; it answers by [`crate::QueueTold`].
    Queue(AccountId, Box<QueueAsk>),
    /// The signature of the caller id does not let the call begin: the reason, and what is wrong in words.
    Distrust(Reason, Box<str>),
    /// The device of this connection that was to be woken at this address cannot be reached any more.
    Lost(Arc<Connection>, Box<str>),
    /// Resolve a host name; the answer comes back to the call.
    Locate(Query),
    /// A branch rings, which the first announcement tells of the first one only.
    Rings,
    /// The call began, rings, was answered or ended.
    Announce(Milestone),
    /// The marker that lets history close the call after a crash.
    Open(Box<OpenCall>),
    /// A recording begins.
    Recording(Box<RecordingBegan>),
    /// The call is over.
    Record(Box<CallRecord>),
}

/// What is announced of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// It began.
    Started,
    /// A callee rings.
    Ringing,
    /// It was answered.
    Answered,
    /// One party handed over, and somebody else is there.
    Transferred,
    /// One side is not heard; [`crate::Call::mute`] says which.
    Unheard,
    /// It ended.
    Ended,
}

impl Means<'_> {
    /// A tag for a leg of the call in this slot.
    pub fn tag(&self, call: Slot, leg: u8) -> Token {
        let kind = LEG_KIND + leg;
        self.mint.token(Key { shard: self.shard, kind, slot: call.index, generation: call.generation })
    }

    /// A tag for a leg that leads to ourselves: nobody else ever sees one, so whoever shows it is us.
    pub fn own_tag(&self, call: Slot, leg: u8) -> Token {
        let kind = LEG_KIND + OWN + leg;
        self.mint.token(Key { shard: self.shard, kind, slot: call.index, generation: call.generation })
    }

    /// Our host and port as the peer of a flow sees them.
    pub fn shown(&mut self, flow: &Flow) -> SocketAddr {
        self.listeners.shown(flow, self.book)
    }

    /// Puts a media command on its way.
    pub fn media(&mut self, command: media::Command) {
        self.effects.push(Effect::Media(command));
    }
}

/// Token kinds from here on name legs.
pub const LEG_KIND: u8 = 16;
/// Added to the kind of a leg that leads to ourselves.
pub const OWN: u8 = 112;
/// Numbers of the legs of a call: half of them for contacts rung at once, the others for those that lost, leave and talk.
pub const MOST_LEGS: u8 = 100;
