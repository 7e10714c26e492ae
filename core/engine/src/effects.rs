//! What calls want done besides messages and timers: questions to homes, media, records, announcements.

use core::mem;
use std::sync::Arc;

use b2bua::{Call, Effect, EndedBy, Milestone, Told, id_of};
use presence::dialog_info::Progress;
use registrar::BindingRow;
use routing::reason::Reason;
use sip_stack::{Slot, User};
use timestamp::Timestamp;

use crate::control::{CallView, Event, Happening};
use crate::outbox::{Outbox, Output, Persist};
use crate::owner::ShardMessage;
use crate::places::Remote;
use crate::shard::Shard;

impl Shard {
    /// Puts the effects of a call where they belong, and forgets the call when it is over.
    pub(crate) fn carry_out(&mut self, slot: Slot, now: Timestamp, out: &mut Outbox) {
        let mut effects = mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            self.carry_out_one(slot, effect, now, out);
        }
        // Whatever was pushed meanwhile belongs to nobody: effects come from calls only.
        self.effects = effects;
        if self.calls.get(slot).is_some_and(Call::is_over) {
            self.calls.remove(slot);
        }
    }

    fn carry_out_one(&mut self, slot: Slot, effect: Effect, now: Timestamp, out: &mut Outbox) {
        match effect {
            Effect::Media(command) => out.outputs.push(Output::Media(command)),
            Effect::Ask(claim) => self.put_claim((self.index, slot), claim, now, out),
            Effect::Release(claim) => self.give_back((self.index, slot), claim, out),
            Effect::Leave(connection, home, from) => {
                let holder = (self.index, slot);
                self.tell(home, ShardMessage::Leave { connection, holder, from }, out);
            }
            Effect::Vouch(question) => out.outputs.push(Output::Vouch { call: slot, question }),
            Effect::Room(name, ask) => self.ask_room(slot, name, ask, out),
            Effect::Errand(errand) => out.outputs.push(Output::Errand { call: slot, errand }),
            Effect::Queue(account, ask) => self.tell_queue(slot, account, ask, out),
            Effect::Orbit(account, ask) => self.tell_orbit(slot, account, ask, out),
            Effect::Distrust(reason, problem) => self.note_distrusted(slot, reason, problem, now, out),
            Effect::Lost(connection, address) => {
                let home = self.owners.home_of(&connection);
                self.tell(home, ShardMessage::Lost { connection: connection.id.clone(), address }, out);
            }
            Effect::Locate(query) => {
                self.next_question += 1;
                self.locating.insert(self.next_question, User::Call(slot));
                out.outputs.push(Output::Locate { id: self.next_question, query });
            }
            Effect::Rings => self.tell_progress(slot, Progress::Early, out),
            Effect::Announce(milestone) => self.announce_call(slot, milestone, now, out),
            Effect::Open(marker) => out.outputs.push(Output::Persist(Persist::Open(marker))),
            Effect::Recording(began) => out.outputs.push(Output::Persist(Persist::Recording(began))),
            Effect::Record(mut record) => {
                let left_by = self.tables.connection_by_text(&record.connection_out);
                if let Some(left_by) = left_by.filter(|row| *row.account.as_str() != *record.account) {
                    record.provider = Some(Arc::clone(&left_by.account.0));
                }
                self.counts.ended(record.outcome);
                out.outputs.push(Output::Persist(Persist::Record(record)));
            }
        }
    }

    /// What was learned about addresses is for all shards.
    pub(crate) fn tell_notices(&mut self, out: &mut Outbox) {
        for notice in self.reach.notices() {
            for shard in (0..self.owners.shards()).filter(|&shard| shard != self.index) {
                out.outputs.push(Output::ToShard { shard, message: ShardMessage::Noticed(notice) });
            }
        }
    }

    /// Sends a message to a shard; one for ourselves waits its turn in the inbox.
    pub(crate) fn tell(&mut self, shard: u8, message: ShardMessage, out: &mut Outbox) {
        if shard == self.index {
            self.inbox.push_back(message);
        } else {
            out.outputs.push(Output::ToShard { shard, message });
        }
    }

    /// Another shard, or we ourselves, say something.
    pub(crate) fn on_shard_message(&mut self, message: ShardMessage, now: Timestamp, out: &mut Outbox) {
        match message {
            ShardMessage::Forwarded { flow, bytes } => self.on_own_message(flow, &bytes, now, out),
            ShardMessage::Registering { flow, bytes } => {
                if let Ok(request) = sip_msg::Message::parse(&bytes) {
                    self.on_register(&request, &flow, now, out);
                }
            }
            ShardMessage::Cancel { home, flow, bytes } => {
                if let Ok(cancel) = sip_msg::Message::parse(&bytes) {
                    self.on_cancel(&cancel, &flow, home, now, out);
                }
            }
            ShardMessage::Ask { holder, claim } => self.on_ask_claim(holder, claim, now, out),
            ShardMessage::Told { call, mut told } => {
                if let Told::Granted(claim, _) | Told::Down(claim, _) = &mut told {
                    self.count_late((self.index, call), claim, out);
                }
                if let Told::Full(over, of) = &told {
                    self.note_full(call, *over, of, now, out);
                }
                self.with_call(call, now, out, |call, means| call.on_told(told, means));
            }
            ShardMessage::Release { holder, claim, undo } => self.on_release(holder, claim, undo, now, out),
            ShardMessage::Take { holder, level, key, from } => {
                self.places.take(level, &key, (holder, from));
            }
            ShardMessage::Leave { connection, holder, from } => {
                self.places.leave(connection.as_str(), (holder, from));
                self.calls_changed(connection.as_str(), now, out);
            }
            ShardMessage::Progress { connection, holder, from, progress, remote } => {
                self.places.advance(connection.as_str(), (holder, from), progress, remote);
                self.calls_changed(connection.as_str(), now, out);
            }
            ShardMessage::Moved { call, binding, flow } => {
                self.with_call(call, now, out, |call, means| call.on_moved(&binding, flow, means));
            }
            ShardMessage::Lost { connection, address } => {
                let mut gone = Vec::new();
                let is_it = |row: &BindingRow| row.asleep_at().is_some_and(|at| *at == *address);
                self.location.unbind(connection.as_str(), &is_it, &mut gone);
                self.tell_gone(gone, now, out);
            }
            ShardMessage::Find { from, message, connection } => {
                let bindings = self.location.of(&connection, now).into_iter().cloned().collect();
                self.tell(from, ShardMessage::Found { message, bindings }, out);
            }
            ShardMessage::Found { message, bindings } => self.on_found(message, &bindings, now, out),
            ShardMessage::Admit { from, waiting, connection, nonce } => {
                let fresh = self.location.admit(&connection, nonce, now + self.nonces.life());
                self.tell(from, ShardMessage::Admitted { waiting, fresh }, out);
            }
            ShardMessage::Admitted { waiting, fresh } => self.on_admitted(waiting, fresh, now, out),
            ShardMessage::Unreached { connection, text } => self.on_unreached(&connection, text),
            ShardMessage::Answered { connection, code } => self.on_answered(&connection, code, now, out),
            ShardMessage::Heard { connection, address } => self.on_heard(&connection, address, now, out),
            ShardMessage::Reached { connection, addresses } => {
                let before = self.peering.set_reached(&connection, addresses.clone());
                self.watching.set_reached(&connection, &before, &addresses);
            }
            ShardMessage::Queue { holder, call, account, ask } => {
                self.on_queue((holder, call), account, *ask, now, out);
            }
            ShardMessage::QueueTold { call, told } => {
                self.with_call(call, now, out, |call, means| call.on_queue_told(told, means));
            }
            ShardMessage::Orbit { holder, call, account, ask } => {
                self.on_orbit((holder, call), account, *ask, now, out);
            }
            ShardMessage::OrbitTold { call, told } => {
                self.with_call(call, now, out, |call, means| call.on_orbit_told(told, means));
            }
            ShardMessage::Room(message) => self.on_room_message(message, now, out),
            ShardMessage::Link(message) => self.on_link_message(message, out),
            ShardMessage::Noticed(notice) => self.reach.on_notice(&notice, now),
            ShardMessage::Suspected(suspected) => self.on_suspected(suspected, now, out),
        }
    }

    fn announce_call(&mut self, slot: Slot, milestone: Milestone, now: Timestamp, out: &mut Outbox) {
        if matches!(milestone, Milestone::Answered | Milestone::Transferred) {
            self.tell_progress(slot, Progress::Confirmed, out);
        }
        let Some(call) = self.calls.get(slot) else { return };
        let view = call_view(call);
        let account = view.account.clone();
        let what = match milestone {
            Milestone::Started => Happening::CallStarted(view),
            Milestone::Ringing => Happening::CallRinging(view),
            Milestone::Answered => Happening::CallAnswered(view),
            Milestone::Transferred => {
                let (by, to) = call.transferred().map(|t| (t.by.clone(), t.to.clone())).unwrap_or_default();
                Happening::CallTransferred { call: view, by, to }
            }
            Milestone::Unheard => {
                let Some(mute) = call.mute() else { return };
                Happening::CallUnheard { call: view, mute }
            }
            Milestone::Ended => {
                let (sip_code, reason_code) = call.verdict();
                Happening::CallEnded { call: view, sip_code, reason_code }
            }
        };
        out.outputs.push(Output::Announce(Event { at: now, account, what }));
    }

    /// Tells the homes of both sides how far the call is.
    fn tell_progress(&mut self, slot: Slot, progress: Progress, out: &mut Outbox) {
        let Some(call) = self.calls.get(slot) else { return };
        let (caller, callee) = (call.connection_in().cloned(), call.connection_out().cloned());
        // Who waits for a transfer is in an answered call, whatever rings.
        let waits = progress == Progress::Early && call.times().1.is_some();
        let dialled = call.transferred().map_or_else(|| Arc::clone(call.dialled()), |t| (&*t.to).into());
        let dialled = Remote::Called { user: dialled };
        let calling = Remote::Calling { uri: call.from(), display: call.caller_name() };
        for (connection, from, remote) in [(caller, true, dialled), (callee, false, calling)] {
            let Some(connection) = connection.filter(|_| !(from && waits)) else { continue };
            let (home, holder) = (self.owners.home_of(&connection), (self.index, slot));
            let connection = connection.id.clone();
            self.tell(home, ShardMessage::Progress { connection, holder, from, progress, remote }, out);
        }
    }

    /// A fault of ours: the call is ended as well as it can be, and if that fails, too, it is forgotten.
    pub(crate) fn drop_call(&mut self, slot: Slot, now: Timestamp, out: &mut Outbox) {
        let held: Vec<_> = self.calls.get(slot).map(|call| call.places().to_vec()).unwrap_or_default();
        let (outputs, bytes) = (out.outputs.len(), out.bytes.len());
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.with_call(slot, now, out, |call, means| call.hang_up(Reason::Fault, EndedBy::System, means));
        }));
        if ended.is_err() {
            out.outputs.truncate(outputs);
            out.bytes.truncate(bytes);
            self.effects.clear();
            self.calls.remove(slot);
            for claim in held {
                self.give_back((self.index, slot), claim, out);
            }
        }
    }
}

/// A call as people see it.
pub(crate) fn call_view(call: &Call) -> CallView {
    let (started_at, answered_at) = call.times();
    CallView {
        id: Arc::clone(&call.id),
        account: call.account().map(|account| Arc::clone(&account.0)).unwrap_or_default(),
        state: call.state(),
        started_at,
        answered_at,
        from: call.from(),
        dialled: Arc::clone(call.dialled()),
        connection_in: id_of(call.connection_in()),
        connection_out: id_of(call.connection_out()),
        flow: call.flow_path(),
    }
}
