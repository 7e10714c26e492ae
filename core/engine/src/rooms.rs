//! Rooms of those at home here: who is in them, and what follows for each when somebody comes or goes.
//!
//! The home counts and tells; the media planes mix. Where calls of one room have different planes, the home has the planes
//! linked: all of them with the one of whoever came first (`room_links`).

use std::collections::BTreeMap;
use std::sync::Arc;

use b2bua::{Company, Participant, RoomAsk, RoomName, RoomTold};
use media::RoomId;
use serde::Serialize;
use sip_stack::Slot;
use timestamp::Timestamp;

use crate::control::{Answer, Event, Happening};
use crate::outbox::{Outbox, Output};
use crate::owner::ShardMessage;
use crate::places::Holder;
use crate::room_links::Plane;
use crate::shard::Shard;

/// Rooms at home here.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: BTreeMap<RoomName, Room>,
    /// Rooms so far, and links between planes.
    made: u64,
    linked: u32,
}

/// A room, as long as somebody is in it.
#[derive(Debug)]
struct Room {
    id: Arc<str>,
    number: RoomId,
    since: Timestamp,
    members: Vec<Member>,
    /// The plane that all others are linked with.
    root: Plane,
    links: Vec<(Plane, u32)>,
}

/// Somebody in it.
#[derive(Debug)]
struct Member {
    holder: Holder,
    plane: Plane,
    call: Arc<str>,
    moderator: bool,
    waits: bool,
    ends: bool,
    /// What it was told last.
    company: Company,
}

/// What calls and homes of rooms say to each other.
#[derive(Clone, Debug)]
pub enum RoomMessage {
    /// A call asks.
    Ask {
        /// The room.
        name: RoomName,
        /// The call, with its shard.
        holder: (u8, Slot),
        /// Its id.
        call: Arc<str>,
        /// Number of the media worker that has its ends.
        worker: u8,
        /// What.
        ask: RoomAsk,
    },
    /// A call is told.
    Told {
        /// The call.
        call: Slot,
        /// What.
        told: RoomTold,
    },
}

/// A conference in progress, as its home sees it.
#[derive(Clone, Debug, Serialize)]
pub struct ConferenceView {
    /// `cnf_…`.
    pub id: Arc<str>,
    /// Owner.
    pub account: Arc<str>,
    /// Name of the room.
    pub room: Arc<str>,
    /// When the first one came.
    pub started_at: Timestamp,
}

/// Somebody in a conference.
#[derive(Clone, Debug)]
pub struct ParticipantView {
    /// Id of the call.
    pub call: Arc<str>,
    /// Whose call it is.
    pub account: Arc<str>,
    /// Who it is.
    pub from: Arc<str>,
    /// Its connection.
    pub connection: Arc<str>,
    /// What it is there.
    pub what: Participant,
}

/// What is ordered of a conference from outside.
#[derive(Clone, Debug)]
pub enum ConferenceOrder {
    /// All hear a sound.
    Announce(Box<str>),
    /// It is over for everybody.
    End,
    /// Mute one, or let it be heard.
    Mute(bool),
    /// Put one out.
    Remove,
}

impl Shard {
    /// A call has something to ask of a room.
    pub(crate) fn ask_room(&mut self, slot: Slot, name: RoomName, ask: RoomAsk, out: &mut Outbox) {
        let home = self.home_of_room(&name);
        let call = self.calls.get(slot).map(|call| Arc::clone(&call.id)).unwrap_or_default();
        let worker = self.worker_of(slot);
        let message = RoomMessage::Ask { name, holder: (self.index, slot), call, worker, ask };
        self.tell(home, ShardMessage::Room(message), out);
    }

    pub(crate) fn on_room_message(&mut self, message: RoomMessage, now: Timestamp, out: &mut Outbox) {
        match message {
            RoomMessage::Told { call, told } => {
                self.with_call(call, now, out, |call, means| call.on_room(told, means));
            }
            RoomMessage::Ask { name, holder, call, worker, ask } => {
                let plane = Plane { shard: holder.0, worker };
                match ask {
                    RoomAsk::Enter { moderator, waits, ends, most } => {
                        let company = Company::Waiting;
                        let member = Member { holder, plane, call, moderator, waits, ends, company };
                        self.let_in(name, member, most, now, out);
                    }
                    RoomAsk::Leave => self.let_out(&name, holder, now, out),
                    RoomAsk::MuteOthers => {
                        for other in self.rooms.others(&name, holder) {
                            self.tell_member(other, RoomTold::Muted(true), out);
                        }
                    }
                }
            }
        }
    }

    fn let_in(&mut self, name: RoomName, mut member: Member, most: u16, now: Timestamp, out: &mut Outbox) {
        let (holder, plane, call) = (member.holder, member.plane, Arc::clone(&member.call));
        let count = self.rooms.rooms.get(&name).map_or(0, |room| room.members.len());
        if count >= usize::from(most).min(MOST) {
            return self.tell_member(holder, RoomTold::Full, out);
        }
        let (index, rooms) = (self.index, &mut self.rooms);
        let made = &mut rooms.made;
        let room = rooms.rooms.entry(name.clone()).or_insert_with(|| {
            *made += 1;
            let number = u64::from(index) << 48 | *made;
            Room::new(number, plane, now)
        });
        let begins = room.members.is_empty();
        if plane != room.root && room.links.iter().all(|(linked, _)| *linked != plane) {
            rooms.linked = rooms.linked.wrapping_add(1);
            room.links.push((plane, rooms.linked));
            let (root, number, link) = (room.root, room.number, rooms.linked);
            self.link(number, link, root, plane, out);
        }
        let Some(room) = self.rooms.rooms.get_mut(&name) else { return };
        member.company = room.company_of(&member, 1);
        let entered =
            RoomTold::Entered { id: Arc::clone(&room.id), room: room.number, company: member.company };
        let id = Arc::clone(&room.id);
        room.members.push(member);
        let changed = room.changed();
        self.tell_member(holder, entered, out);
        for (other, company) in changed {
            self.tell_member(other, RoomTold::Company(company), out);
        }
        if begins {
            announce(&name, Happening::ConferenceStarted(told_of(&name, &id, "")), now, out);
        }
        announce(&name, Happening::ConferenceJoined(told_of(&name, &id, &call)), now, out);
    }

    fn let_out(&mut self, name: &RoomName, holder: Holder, now: Timestamp, out: &mut Outbox) {
        let Some(room) = self.rooms.rooms.get_mut(name) else { return };
        let Some(at) = room.members.iter().position(|member| member.holder == holder) else { return };
        let gone = room.members.remove(at);
        let id = Arc::clone(&room.id);
        announce(name, Happening::ConferenceLeft(told_of(name, &id, &gone.call)), now, out);
        let mut over = Vec::new();
        if gone.moderator && !room.members.iter().any(|member| member.moderator) {
            // They leave by themselves when they hear of it.
            over.extend(room.members.iter().filter(|member| member.ends).map(|member| member.holder));
        }
        let changed = room.changed();
        for other in over {
            self.tell_member(other, RoomTold::Ended, out);
        }
        for (other, company) in changed {
            self.tell_member(other, RoomTold::Company(company), out);
        }
        self.unlink_deserted(name, out);
        if self.rooms.rooms.get(name).is_some_and(|room| room.members.is_empty()) {
            self.rooms.rooms.remove(name);
            announce(name, Happening::ConferenceEnded(told_of(name, &id, "")), now, out);
        }
    }

    /// Takes planes off a room in which nobody is any more.
    fn unlink_deserted(&mut self, name: &RoomName, out: &mut Outbox) {
        let Some(room) = self.rooms.rooms.get_mut(name) else { return };
        let Room { members, links, root, .. } = room;
        let deserted: Vec<_> =
            links.extract_if(.., |(plane, _)| members.iter().all(|m| m.plane != *plane)).collect();
        let root = *root;
        for (plane, link) in deserted {
            self.unlink(link, root, plane, out);
        }
    }

    fn tell_member(&mut self, (shard, call): Holder, told: RoomTold, out: &mut Outbox) {
        self.tell(shard, ShardMessage::Room(RoomMessage::Told { call, told }), out);
    }

    fn home_of_room(&self, name: &RoomName) -> u8 {
        self.owners.home_of_id(&format!("{}/{}", name.account.as_str(), name.name))
    }

    /// Conferences at home here, and those of this shard who are in one.
    pub(crate) fn conferences(&self) -> Answer {
        let view = |(name, room): (&RoomName, &Room)| ConferenceView {
            id: Arc::clone(&room.id),
            account: Arc::clone(&name.account.0),
            room: Arc::clone(&name.name),
            started_at: room.since,
        };
        let rooms = self.rooms.rooms.iter().map(view).collect();
        let participant = |(_, call): (Slot, &b2bua::Call)| {
            let what = call.participant()?;
            Some(ParticipantView {
                call: Arc::clone(&call.id),
                account: call.account().map(|account| Arc::clone(&account.0)).unwrap_or_default(),
                from: call.from(),
                connection: b2bua::id_of(call.connection_in()),
                what,
            })
        };
        Answer::Conferences(rooms, self.calls.iter().filter_map(participant).collect())
    }

    /// Does what is ordered of a conference, as far as it is done here.
    pub(crate) fn order_conference(
        &mut self,
        id: &str,
        call: Option<&str>,
        order: &ConferenceOrder,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Answer {
        let told = match order {
            ConferenceOrder::Announce(sound) => {
                let room = self.rooms.rooms.values().find(|room| *room.id == *id);
                let listens = |member: &&Member| member.company == Company::Together;
                let Some(room) = room else { return Answer::NotFound };
                let Some(member) = room.members.iter().find(listens) else { return Answer::NotNow };
                self.tell_member(member.holder, RoomTold::Announce(sound.clone()), out);
                return Answer::Done;
            }
            ConferenceOrder::End => RoomTold::Ended,
            ConferenceOrder::Mute(muted) => RoomTold::Muted(*muted),
            ConferenceOrder::Remove => RoomTold::Removed,
        };
        let is_meant = |(_, of): &(Slot, &b2bua::Call)| {
            call.is_none_or(|call| *of.id == *call)
                && of.participant().is_some_and(|what| *what.conference == *id)
        };
        let meant: Vec<Slot> = self.calls.iter().filter(is_meant).map(|(slot, _)| slot).collect();
        for slot in &meant {
            self.with_call(*slot, now, out, |call, means| call.on_room(told.clone(), means));
        }
        if meant.is_empty() { Answer::NotFound } else { Answer::Done }
    }
}

impl Rooms {
    fn others(&self, name: &RoomName, holder: Holder) -> Vec<Holder> {
        let members = self.rooms.get(name).into_iter().flat_map(|room| &room.members);
        members.map(|member| member.holder).filter(|other| *other != holder).collect()
    }
}

impl Room {
    fn new(number: u64, root: Plane, now: Timestamp) -> Self {
        Self {
            id: format!("cnf_{:x}{number:014x}", now.as_secs()).into(),
            number: RoomId(number),
            since: now,
            members: Vec::new(),
            root,
            links: Vec::new(),
        }
    }

    /// Whom a member hears, when so many more than there are will be there.
    fn company_of(&self, member: &Member, more: usize) -> Company {
        let moderated = member.moderator || self.members.iter().any(|member| member.moderator);
        if member.waits && !moderated {
            return Company::Waiting;
        }
        let present = self.members.iter().filter(|member| !member.waits || moderated).count();
        if present + more > 1 { Company::Together } else { Company::Alone }
    }

    /// Members for whom it has changed, and what it is now.
    fn changed(&mut self) -> Vec<(Holder, Company)> {
        let now: Vec<_> = self.members.iter().map(|member| self.company_of(member, 0)).collect();
        let both = self.members.iter_mut().zip(now);
        let news = both.filter(|(member, company)| member.company != *company).map(|(member, company)| {
            member.company = company;
            (member.holder, company)
        });
        news.collect()
    }
}

fn told_of(name: &RoomName, id: &Arc<str>, call: &str) -> ConferenceNews {
    ConferenceNews { conference: Arc::clone(id), room: Arc::clone(&name.name), call: call.into() }
}

fn announce(name: &RoomName, what: Happening, now: Timestamp, out: &mut Outbox) {
    let account = Arc::clone(&name.account.0);
    out.outputs.push(Output::Announce(Event { at: now, account, what }));
}

/// What happened in a conference.
#[derive(Clone, Debug, Serialize)]
pub struct ConferenceNews {
    /// `cnf_…`.
    pub conference: Arc<str>,
    /// Name of the room.
    pub room: Arc<str>,
    /// The call that came or went; empty if it is about all.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub call: Box<str>,
}

/// In one room, whatever a flow says.
const MOST: usize = 500;
