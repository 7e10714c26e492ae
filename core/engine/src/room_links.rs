//! Planes that share a room: an end at each, over loopback, in which each room hears all of the other.
//!
//! The home of the room has the first plane open its end and say its port to the second, which opens its own and says its
//! port in turn. Messages between two shards keep their order, so that an end is closed after it was opened.

use std::collections::BTreeMap;

use b2bua::{HERE, Link};
use media::{Command, RoomId};
use sip_stack::Slot;

use crate::outbox::{Outbox, Output};
use crate::owner::ShardMessage;
use crate::shard::Shard;

/// One media plane of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plane {
    /// The shard.
    pub shard: u8,
    /// Which of its workers.
    pub worker: u8,
}

/// Our ends between rooms.
#[derive(Debug, Default)]
pub(crate) struct RoomLinks {
    links: BTreeMap<(LinkName, Plane), Link>,
    /// Ends so far.
    made: u32,
}

/// A link, by its home and its number there.
type LinkName = (u8, u32);

/// What planes that share a room say to each other.
#[derive(Clone, Copy, Debug)]
pub enum LinkMessage {
    /// Open an end at `here`, and tell `there`.
    Open {
        /// Which link.
        name: (u8, u32),
        /// The room.
        room: RoomId,
        /// This side.
        here: Plane,
        /// The other one.
        there: Plane,
    },
    /// The end at `there` is open.
    Opened {
        /// Which link.
        name: (u8, u32),
        /// The room.
        room: RoomId,
        /// This side.
        here: Plane,
        /// The other one.
        there: Plane,
        /// Port of the other one.
        port: u16,
    },
    /// Close the end at `here`, and tell `there`.
    Close {
        /// Which link.
        name: (u8, u32),
        /// This side.
        here: Plane,
        /// The other one, if it is to be told.
        there: Option<Plane>,
    },
}

impl Shard {
    /// Lets a room be one at both planes.
    pub(crate) fn link(&mut self, room: RoomId, number: u32, here: Plane, there: Plane, out: &mut Outbox) {
        let message = LinkMessage::Open { name: (self.index, number), room, here, there };
        self.tell(here.shard, ShardMessage::Link(message), out);
    }

    /// Parts it again.
    pub(crate) fn unlink(&mut self, number: u32, here: Plane, there: Plane, out: &mut Outbox) {
        let message = LinkMessage::Close { name: (self.index, number), here, there: Some(there) };
        self.tell(here.shard, ShardMessage::Link(message), out);
    }

    pub(crate) fn on_link_message(&mut self, message: LinkMessage, out: &mut Outbox) {
        match message {
            LinkMessage::Open { name, room, here, there } => {
                if let Some(link) = self.open_link(name, room, here, out) {
                    self.tell_opened((name, room), there, here, link.port, out);
                }
            }
            LinkMessage::Opened { name, room, here, there, port } => {
                let known = self.room_links.links.get(&(name, here)).copied();
                let answers = known.is_none();
                let Some(link) = known.or_else(|| self.open_link(name, room, here, out)) else { return };
                link.join(port).into_iter().for_each(|command| order(command, out));
                if answers {
                    self.tell_opened((name, room), there, here, link.port, out);
                }
            }
            LinkMessage::Close { name, here, there } => {
                if let Some(link) = self.room_links.links.remove(&(name, here)) {
                    order(link.close(), out);
                    self.ports.give_back(link.port);
                }
                if let Some(there) = there {
                    let message = LinkMessage::Close { name, here: there, there: None };
                    self.tell(there.shard, ShardMessage::Link(message), out);
                }
            }
        }
    }

    fn open_link(&mut self, name: LinkName, room: RoomId, here: Plane, out: &mut Outbox) -> Option<Link> {
        let port = self.lease_here()?;
        self.room_links.made = self.room_links.made.wrapping_add(1);
        let workers = (usize::from(here.worker), usize::from(self.media_workers));
        let link = Link::new(room, self.index, self.room_links.made, port, workers);
        order(link.open(), out);
        self.room_links.links.insert((name, here), link);
        Some(link)
    }

    /// A port that the system lets us have on loopback.
    fn lease_here(&mut self) -> Option<u16> {
        for _ in 0..self.ports.free().min(MOST_REFUSED) {
            let port = self.ports.lease()?;
            if self.book.claim_media(HERE, port) {
                return Some(port);
            }
            self.ports.give_back(port);
        }
        None
    }

    fn tell_opened(
        &mut self,
        (name, room): (LinkName, RoomId),
        to: Plane,
        from: Plane,
        port: u16,
        out: &mut Outbox,
    ) {
        let message = LinkMessage::Opened { name, room, here: to, there: from, port };
        self.tell(to.shard, ShardMessage::Link(message), out);
    }

    /// Number of the media worker that has the ends of a call.
    pub(crate) fn worker_of(&self, call: Slot) -> u8 {
        let worker = b2bua::worker_of(self.index, call, usize::from(self.media_workers));
        u8::try_from(worker).unwrap_or(0)
    }
}

fn order(command: Command, out: &mut Outbox) {
    out.outputs.push(Output::Media(command));
}

/// Ports that are tried.
const MOST_REFUSED: usize = 64;
