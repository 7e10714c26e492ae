//! Ends that are recorded: which they are, and when recordings go on and end.

use std::cmp::Reverse;

use smallvec::SmallVec;
use timestamp::Timestamp;

use super::{Due, Plane, Timer, slot_mut};
use crate::actions::Actions;
use crate::command::EndId;
use crate::event::RecordingOver;
use crate::recording::{Recording, RecordingId, Tape};

impl Plane {
    /// Keeps what ends say from now on. An end that is on another recording is taken off it.
    pub(super) fn record(&mut self, wanted: &Recording, now: Timestamp, out: &mut Actions) {
        let known = self.recorders.slot_of(wanted.id).is_some();
        let serial = self.next_serial();
        let slot = self.recorders.begin(wanted, serial, now);
        self.take_off(slot);
        let mut ends = SmallVec::new();
        for (track, recorded) in (0..).zip(&wanted.tracks) {
            let Some((end_slot, end)) = recorded.end.and_then(|end| self.find(end)) else { continue };
            ends.push(end_slot);
            if let Some(before) = end.tape.replace(Tape { slot, track }) {
                self.end_if_left(before.slot, now, out);
            }
        }
        let Some(recorder) = self.recorders.get(slot) else { return };
        recorder.ends = ends;
        if !known {
            let at = recorder.next_timeout();
            self.timers.push(Reverse(Timer { at, slot, serial, due: Due::Recording }));
        }
        self.end_if_left(slot, now, out);
    }

    pub(super) fn stop_recording(&mut self, id: RecordingId, now: Timestamp, out: &mut Actions) {
        if let Some(slot) = self.recorders.slot_of(id) {
            self.end_recording(slot, RecordingOver::Stopped, now, out);
        }
    }

    /// An end closes: a recording with no other end is over.
    pub(super) fn leave_recording(&mut self, id: EndId, now: Timestamp, out: &mut Actions) {
        if let Some(tape) = self.find(id).and_then(|(_, end)| end.tape.take()) {
            self.end_if_left(tape.slot, now, out);
        }
    }

    /// Something of the recording in `slot` is due.
    pub(super) fn on_recording(&mut self, slot: u32, serial: u64, now: Timestamp, out: &mut Actions) {
        let Some(recorder) = self.recorders.get(slot).filter(|recorder| recorder.serial == serial) else {
            return;
        };
        if let Some(why) = recorder.handle_timeout(now, out) {
            return self.end_recording(slot, why, now, out);
        }
        let at = recorder.next_timeout();
        self.timers.push(Reverse(Timer { at, slot, serial, due: Due::Recording }));
        self.end_if_left(slot, now, out);
    }

    fn end_if_left(&mut self, slot: u32, now: Timestamp, out: &mut Actions) {
        let Some(recorder) = self.recorders.get(slot) else { return };
        let ends = &self.ends;
        let is_there = |end: &u32| {
            let end = ends.get(*end as usize).and_then(Option::as_ref);
            end.and_then(|end| end.tape).is_some_and(|tape| tape.slot == slot)
        };
        if !recorder.ends.iter().any(is_there) {
            self.end_recording(slot, RecordingOver::Left, now, out);
        }
    }

    fn end_recording(&mut self, slot: u32, why: RecordingOver, now: Timestamp, out: &mut Actions) {
        self.take_off(slot);
        self.recorders.finish(slot, why, now, out);
    }

    /// Its ends are not on a recording any more.
    fn take_off(&mut self, slot: u32) {
        let ends = self.recorders.get(slot).map(|recorder| std::mem::take(&mut recorder.ends));
        for end in ends.into_iter().flatten() {
            if let Some(end) = slot_mut(&mut self.ends, end)
                && end.tape.is_some_and(|tape| tape.slot == slot)
            {
                end.tape = None;
            }
        }
    }
}
