//! Ends that are in a room: how they get there, its ticks, its reports.

use std::cmp::Reverse;
use std::sync::Arc;

use timestamp::Timestamp;

use super::{Due, Plane, Timer, mix, slot_mut};
use crate::actions::Actions;
use crate::command::{Announcement, EndId, RoomId};
use crate::end::End;
use crate::event::Event;
use crate::mixing::{Room, Seat};
use crate::path::Path;
use crate::reports;
use crate::transcode::Format;

impl Plane {
    /// Puts an end into a room, or changes what it speaks there.
    pub(super) fn mix(&mut self, id: EndId, room: RoomId, format: Format, muted: bool, now: Timestamp) {
        let Some(&slot) = self.names.get(&id) else { return };
        let number = self.room(room, now);
        if seat_of(&mut self.ends, slot).is_some_and(|seat| seat.room == number && seat.format == format) {
            return self.mute(id, muted);
        }
        self.detach(slot);
        self.converted += 1;
        let seed = mix(self.seed, u64::MAX - self.converted);
        let number = self.room(room, now);
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        let stream = end.splice.take().map(|heard| heard.go_on(now));
        if let Some(mut seat) = Seat::new(number, format, stream, seed)
            && let Some(room) = self.rooms.get_mut(number as usize).and_then(Option::as_mut)
        {
            seat.mute(muted);
            end.path = Path::Mix(Box::new(seat));
            let (at, serial) = (now + reports::FIRST, end.serial);
            end.reports.due = Some(at);
            room.enter(slot, &format);
            self.timers.push(Reverse(Timer { at, slot, serial, due: Due::Report }));
        }
        self.leave_if_empty(number);
    }

    /// Lets nobody hear an end, or lets them hear it again.
    pub(super) fn mute(&mut self, id: EndId, muted: bool) {
        let Some(&slot) = self.names.get(&id) else { return };
        if let Some(seat) = seat_of(&mut self.ends, slot) {
            seat.mute(muted);
        }
    }

    /// Plays something to the room that an end is in.
    pub(super) fn announce(&mut self, id: EndId, announcement: Announcement) {
        let Some(&slot) = self.names.get(&id) else { return };
        let audio = match announcement {
            Announcement::Audio(audio) => audio,
            Announcement::Entered => Arc::clone(&self.chimes[0]),
            Announcement::Left => Arc::clone(&self.chimes[1]),
        };
        let Some(number) = seat_of(&mut self.ends, slot).map(|seat| seat.room) else { return };
        if let Some(room) = self.rooms.get_mut(number as usize).and_then(Option::as_mut) {
            room.announce(audio);
        }
    }

    /// The number of a room, which is made if it is not there.
    fn room(&mut self, id: RoomId, now: Timestamp) -> u32 {
        let known = self.rooms.iter().position(|room| room.as_ref().is_some_and(|room| room.id == id));
        if let Some(known) = known {
            return known as u32;
        }
        let serial = self.next_serial();
        let room = Room::new(id, serial, now);
        let free = self.rooms.iter().position(Option::is_none).unwrap_or_else(|| {
            self.rooms.push(None);
            self.rooms.len() - 1
        });
        if let Some(place) = self.rooms.get_mut(free) {
            *place = Some(room);
        }
        let slot = free as u32;
        self.timers.push(Reverse(Timer { at: now, slot, serial, due: Due::Room }));
        slot
    }

    /// An end is taken out of its room.
    pub(super) fn leave_room(&mut self, slot: u32, number: u32) {
        if let Some(room) = self.rooms.get_mut(number as usize).and_then(Option::as_mut) {
            room.leave(slot);
        }
        self.leave_if_empty(number);
    }

    fn leave_if_empty(&mut self, number: u32) {
        if let Some(place) = self.rooms.get_mut(number as usize) {
            place.take_if(|room| room.slots.is_empty());
        }
    }

    /// A room ticks; when it does so again.
    pub(super) fn on_room(&mut self, timer: Timer, now: Timestamp, out: &mut Actions) -> Option<Timestamp> {
        let place = self.rooms.get_mut(timer.slot as usize)?;
        let mut room = place.take_if(|room| room.serial == timer.serial && room.next == timer.at)?;
        room.begin();
        for at in 0..room.slots.len() {
            let Some(&slot) = room.slots.get(at) else { break };
            let Some(end) = slot_mut(&mut self.ends, slot) else { continue };
            let Path::Mix(seat) = &mut end.path else { continue };
            if let Some(talks) = room.hear(slot, seat, now) {
                out.emit(Event::Talking { end: end.id, talks });
            }
        }
        for index in 0..room.choose() {
            let seat = room.chosen(index).and_then(|slot| seat_of(&mut self.ends, slot));
            if let Some(seat) = seat {
                room.add(seat);
            }
        }
        room.close();
        for at in 0..room.slots.len() {
            let Some(&slot) = room.slots.get(at) else { break };
            let Some(end) = slot_mut(&mut self.ends, slot) else { continue };
            let to = end.target;
            let Path::Mix(seat) = &mut end.path else { continue };
            let Some(to) = to else {
                seat.skip();
                continue;
            };
            let start = out.arena().len();
            room.tell(seat, out.arena());
            end.send_made(slot, to, start, out);
        }
        let next = room.advance(now);
        if let Some(place) = self.rooms.get_mut(timer.slot as usize) {
            *place = Some(room);
        }
        Some(next)
    }

    /// A report is due at an end that is in a room.
    pub(super) fn report_mixed(&mut self, slot: u32, now: Timestamp, out: &mut Actions) {
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        let Path::Mix(seat) = &end.path else { return };
        let stream = seat.stream.clone();
        if let Some(target) = end.rtcp_target(slot) {
            let start = out.arena().len();
            end.write_report(&stream, now, out.arena());
            end.send_report(target, start, out);
        }
    }
}

fn seat_of(ends: &mut [Option<End>], slot: u32) -> Option<&mut Seat> {
    match &mut slot_mut(ends, slot)?.path {
        Path::Mix(seat) => Some(seat),
        Path::None
        | Path::Echo
        | Path::Player(_)
        | Path::Relay { .. }
        | Path::Sealed { .. }
        | Path::Transcode { .. } => None,
    }
}
