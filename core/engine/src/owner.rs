//! Which shard owns a message, and what shards say to each other.
//!
//! Our own token names the shard; REGISTER, and what is about a user outside of dialogs, goes to the home of the user
//! in To; everything else to a seeded hash of its Call-ID, so that retransmissions, CANCEL and ACK follow their
//! INVITE.

use core::hash::Hasher;
use std::net::SocketAddr;
use std::sync::Arc;

use b2bua::{Claim, LEG_KIND, Level, MOST_LEGS, OWN, OrbitAsk, OrbitTold, QueueAsk, QueueTold, Told};
use presence::dialog_info::Progress;
use registrar::{BindingRow, NonceUse};
use routing::config::{AccountId, Connection, ConnectionId};
use sip_msg::token::Mint;
use sip_msg::{Method, Scan, Uri};
use sip_stack::Slot;
use sip_stack::transaction::MAGIC;
use sip_stack::transport::{Flow, Notice};
use siphasher::sip::SipHasher13;

use crate::places::{Holder, Remote};
use crate::room_links::LinkMessage;
use crate::rooms::RoomMessage;
use crate::suspicion::Suspected;

/// Finds owners.
#[derive(Clone, Debug)]
pub struct Owners {
    mint: Mint,
    seed: [u8; 16],
    shards: u8,
}

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
    /// A REGISTER for a connection at home here, which its user did not tell.
    Registering {
        /// How it came.
        flow: Flow,
        /// The message.
        bytes: Box<[u8]>,
    },
    /// A CANCEL whose INVITE none of the shards that saw it knows.
    Cancel {
        /// The shard it came to first.
        home: u8,
        /// How it came.
        flow: Flow,
        /// The message.
        bytes: Box<[u8]>,
    },
    /// A claim for a home: of a connection, an account or the installation.
    Ask {
        /// The call that waits, with its shard.
        holder: (u8, Slot),
        /// The claim.
        claim: Box<Claim>,
    },
    /// The answer.
    Told {
        /// The call that waits.
        call: Slot,
        /// The answer.
        told: Told,
    },
    /// A call gives back what homes granted.
    Release {
        /// The call, with its shard.
        holder: (u8, Slot),
        /// What they granted.
        claim: Box<Claim>,
        /// Whether the call was refused elsewhere, and was none.
        undo: bool,
    },
    /// A call in progress counts here from now on: there was no limit before.
    Take {
        /// The call, with its shard.
        holder: (u8, Slot),
        /// Whose calls it is among.
        level: Level,
        /// By what its home knows it.
        key: Box<str>,
        /// Whether it comes from there.
        from: bool,
    },
    /// A connection has left a call that goes on on its behalf.
    Leave {
        /// The connection.
        connection: ConnectionId,
        /// The call, with its shard.
        holder: (u8, Slot),
        /// Whether the connection called.
        from: bool,
    },
    /// A call of a connection at home there rings or is answered.
    Progress {
        /// The connection.
        connection: ConnectionId,
        /// The call, with its shard.
        holder: (u8, Slot),
        /// Whether the connection calls.
        from: bool,
        /// How far it is.
        progress: Progress,
        /// The other side.
        remote: Remote,
    },
    /// A device of a connection that takes part in a call registered over another stream.
    Moved {
        /// The call.
        call: Slot,
        /// Its registration.
        binding: Box<BindingRow>,
        /// The new way.
        flow: Flow,
    },
    /// A device that sleeps cannot be woken any more: its push subscription is gone.
    Lost {
        /// Its connection.
        connection: ConnectionId,
        /// Where it was to be woken.
        address: Box<str>,
    },
    /// Asks the home of a connection where it registered.
    Find {
        /// Who asks, for the answer.
        from: u8,
        /// The message that waits.
        message: Slot,
        /// The connection.
        connection: Box<str>,
    },
    /// The answer.
    Found {
        /// The message that waits.
        message: Slot,
        /// Its bindings.
        bindings: Vec<BindingRow>,
    },
    /// Asks the home of a sender whether the nonce that proved it is used for the first time.
    Admit {
        /// Who asks, for the answer.
        from: u8,
        /// The request that waits.
        waiting: Slot,
        /// The sender's connection.
        connection: Box<str>,
        /// The use.
        nonce: NonceUse,
    },
    /// The answer.
    Admitted {
        /// The request that waits.
        waiting: Slot,
        /// Whether it is.
        fresh: bool,
    },
    /// The peer of a connection could not be reached by a stream, for its home to remember.
    Unreached {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        text: Box<str>,
    },
    /// A call to a connection was answered, for its home to remember.
    Answered {
        /// The connection.
        connection: ConnectionId,
        /// The final code.
        code: u16,
    },
    /// A connection was heard, for its home.
    Heard {
        /// The connection.
        connection: Box<str>,
        /// Where from.
        address: SocketAddr,
    },
    /// Where a connection is reached, for all shards.
    Reached {
        /// The connection.
        connection: Box<str>,
        /// Its addresses.
        addresses: Box<[SocketAddr]>,
    },
    /// Calls and the home of a room.
    Room(RoomMessage),
    /// Media planes that share a room.
    Link(LinkMessage),
    /// A call says something to the home of its account's queues.
    Queue {
        /// The call.
        holder: Holder,
        /// Its id.
        call: Arc<str>,
        /// The account.
        account: AccountId,
        /// What it says.
        ask: Box<QueueAsk>,
    },
    /// What the home answers.
    QueueTold {
        /// The call.
        call: Slot,
        /// What it is told.
        told: QueueTold,
    },
    /// A call says something about the orbits of its account, or looks for somebody who rings there.
    Orbit {
        /// The call.
        holder: Holder,
        /// Its id.
        call: Arc<str>,
        /// The account.
        account: AccountId,
        /// What it says.
        ask: Box<OrbitAsk>,
    },
    /// What it is told.
    OrbitTold {
        /// The call.
        call: Slot,
        /// What.
        told: OrbitTold,
    },
    /// An address died, or lives again.
    Noticed(Notice),
    /// Somebody guesses at passwords.
    Suspected(Suspected),
}

impl Owners {
    /// `seed` must be the same in all shards.
    pub fn new(mint: Mint, seed: [u8; 16], shards: u8) -> Self {
        Self { mint, seed, shards: shards.max(1) }
    }

    /// How many shards there are.
    pub fn shards(&self) -> u8 {
        self.shards
    }

    /// The shard that a message belongs to.
    pub fn of(&self, scan: &Scan<'_>) -> u8 {
        let token = match scan.request {
            None => scan.branch.strip_prefix(MAGIC).unwrap_or_default(),
            Some(_) => scan.to_tag,
        };
        // A dialog that an INVITE is to replace: only its owner can do it.
        let token = if token.is_empty() { scan.replaced_tag } else { token };
        let owner =
            |token: &[u8]| self.mint.open(token).map(|key| key.shard).filter(|&shard| shard < self.shards);
        if let Some(shard) = owner(token) {
            return shard;
        }
        // A From tag of ours: our own call come back, which only its owner can tell (RFC 3261 §16.3).
        if let Some(shard) = scan.request.and_then(|_| owner(scan.from_tag)) {
            return shard;
        }
        match scan.request {
            Some(Method::Register | Method::Message | Method::Publish | Method::Subscribe) => {
                self.home(Uri::parse(scan.to_uri).and_then(|uri| uri.user).unwrap_or_default())
            }
            _ => self.home(scan.call_id),
        }
    }

    /// Whether a message carries a token of ours where its owner is named: it belongs to something that we began.
    pub fn is_ours(&self, scan: &Scan<'_>) -> bool {
        let token = match scan.request {
            None => scan.branch.strip_prefix(MAGIC).unwrap_or_default(),
            Some(_) => scan.to_tag,
        };
        self.mint.open(token).is_some()
    }

    /// The home of a connection: of its user, so that REGISTER finds it without looking anything up.
    pub fn home_of(&self, connection: &Connection) -> u8 {
        self.home(connection.user.as_deref().unwrap_or(connection.id.as_str()).as_bytes())
    }

    /// The home of an account or of the installation, by its id.
    pub fn home_of_id(&self, id: &str) -> u8 {
        self.home(id.as_bytes())
    }

    /// The leg of a call that a tag of ours names.
    pub fn leg(&self, tag: &[u8]) -> Option<(u8, Slot, u8)> {
        let key = self.mint.open(tag)?;
        let leg = key.kind.checked_sub(LEG_KIND)?;
        let leg = if leg > MOST_LEGS { leg.checked_sub(OWN)? } else { leg };
        Some((key.shard, Slot { index: key.slot, generation: key.generation }, leg))
    }

    /// The subscription that a tag of ours names.
    pub fn subscription(&self, tag: &[u8]) -> Option<(u8, Slot)> {
        let key = self.mint.open(tag).filter(|key| key.kind == SUBSCRIPTION_KIND)?;
        Some((key.shard, Slot { index: key.slot, generation: key.generation }))
    }

    /// Whether a tag is one that only we ourselves are ever shown.
    pub fn is_inward(&self, tag: &[u8]) -> bool {
        self.mint.open(tag).is_some_and(|key| key.kind >= LEG_KIND + OWN)
    }

    fn home(&self, name: &[u8]) -> u8 {
        if self.shards == 1 {
            return 0;
        }
        let mut hash = SipHasher13::new_with_key(&self.seed);
        hash.write(name);
        u8::try_from(hash.finish() % u64::from(self.shards)).unwrap_or(0)
    }
}

/// Token kind of our From tag in a request that we carry.
pub(crate) const MESSAGE_KIND: u8 = 9;
/// Token kind of our tag in the dialog of a subscription.
pub(crate) const SUBSCRIPTION_KIND: u8 = 8;
