//! What a call and the home of a room tell each other, and how rooms of several planes hear each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use codec::Codec;
use media::{Command, Dtmf, EndId, Format, Latching, Remote, RoomId};
use routing::config::AccountId;
use sip_stack::Slot;
use timestamp::Timestamp;

use crate::anchor;

/// A room: its account, and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomName {
    /// Whose.
    pub account: AccountId,
    /// Its name.
    pub name: Arc<str>,
}

/// What a call asks of the home of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomAsk {
    /// To come in; answered by [`RoomTold::Entered`] or [`RoomTold::Full`].
    Enter {
        /// It is a moderator.
        moderator: bool,
        /// It hears nobody until one is there.
        waits: bool,
        /// It is over for it when the last one leaves.
        ends: bool,
        /// It comes only if fewer than so many are there.
        most: u16,
    },
    /// It has left.
    Leave,
    /// All but it are to be muted.
    MuteOthers,
}

/// What a call is told of its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomTold {
    /// It is in.
    Entered {
        /// `cnf_…`.
        id: Arc<str>,
        /// The room as the media plane knows it.
        room: RoomId,
        /// Who else is there.
        company: Company,
    },
    /// There are as many as may be.
    Full,
    /// Others came or went.
    Company(Company),
    /// It is over for everybody.
    Ended,
    /// It is put out.
    Removed,
    /// It is muted, or not any more.
    Muted(bool),
    /// It is to let the room hear this sound.
    Announce(Box<str>),
}

/// Whom somebody in a room hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Nobody else is there.
    Alone,
    /// The others.
    Together,
    /// Nobody, until a moderator comes.
    Waiting,
}

/// What is known of somebody in a room.
#[derive(Clone, Debug)]
pub struct Participant {
    /// `cnf_…`.
    pub conference: Arc<str>,
    /// It is a moderator.
    pub moderator: bool,
    /// Nobody hears it.
    pub muted: bool,
    /// It says something.
    pub talking: bool,
    /// Whom it hears.
    pub company: Company,
    /// Since when.
    pub since: Timestamp,
}

/// The end at this side between a room of one plane and the same room of another.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    end: EndId,
    /// Its port, which is given back when it is closed.
    pub port: u16,
    room: RoomId,
}

impl Link {
    /// An end with this number at a port; `worker` of so many has it.
    pub fn new(room: RoomId, shard: u8, number: u32, port: u16, (worker, workers): (usize, usize)) -> Self {
        let id = |index: u32| {
            let call = Slot { index: LINKS | (index & 0xffff), generation: number };
            anchor::end_id(shard, call, 0, 0)
        };
        // Ends live where their names say.
        let first = number.wrapping_mul(workers.max(1) as u32);
        let mut ends = (0..).map(|step| id(first.wrapping_add(step)));
        let end = ends.find(|end| end.worker(workers) == worker).unwrap_or_else(|| id(first));
        Self { end, port, room }
    }

    /// Opens it.
    pub fn open(&self) -> Command {
        Command::Open { end: self.end, bind: HERE, port: self.port, inactivity: None }
    }

    /// The other side is at this port: both rooms hear each other.
    pub fn join(&self, port: u16) -> [Command; 2] {
        let rtp = Some(SocketAddr::new(HERE, port));
        let remote = Remote { rtp, latch: Latching::Never, ..Remote::of(HERE) };
        let room = self.room;
        [
            Command::Remote { end: self.end, remote },
            Command::Mix { end: self.end, room, format: WIDEBAND, muted: false },
        ]
    }

    /// Closes it.
    pub fn close(&self) -> Command {
        Command::Close { end: self.end }
    }
}

/// Which of so many media workers has the ends of a call.
pub fn worker_of(shard: u8, call: Slot, workers: usize) -> usize {
    anchor::end_id(shard, call, 0, 0).worker(workers)
}

/// Where rooms of one process meet.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Slots from here on belong to no call.
const LINKS: u32 = 0x00ff_0000;
/// What they speak there: wideband, at the price of a table.
const WIDEBAND: Format =
    Format { codec: Codec::G722, payload_type: 9, heard_as: 9, ptime: 20, fec: false, dtmf: Dtmf::None };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_between_rooms_lives_with_the_worker_that_it_is_for() {
        for workers in 1..5 {
            for worker in 0..workers {
                for number in [0, 1, 77, 70_000] {
                    let link = Link::new(RoomId(1), 2, number, 30_000, (worker, workers));
                    assert_eq!(link.end.worker(workers), worker);
                    assert_eq!(crate::end_owner(link.end).shard, 2);
                }
            }
        }
    }
}
