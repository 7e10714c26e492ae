//! Questions and orders of the office: calls, status, counters, drain, configuration. Explanations are made in `explain`.

use core::time::Duration;
use std::sync::Arc;

use b2bua::EndedBy;
use routing::config::{Change, ConnectionId, Delta};
use routing::reason::Reason;
use sip_stack::{Slot, User};
use timestamp::Timestamp;

use crate::control::{Answer, Ask, CallView};
use crate::effects::call_view;
use crate::outbox::{Located, Outbox, Output};
use crate::shard::Shard;

impl Shard {
    pub(crate) fn on_ask(&mut self, id: u64, ask: Ask, now: Timestamp, out: &mut Outbox) {
        let answer = match ask {
            Ask::Calls => Answer::Calls(self.call_views()),
            Ask::Hangup { call } => self.hang_up(&call, now, out),
            Ask::Transfer { call, to, caller_stays } => self.transfer(&call, &to, caller_stays, now, out),
            Ask::Conferences => self.conferences(),
            Ask::Confer { conference, call, order } => {
                self.order_conference(&conference, call.as_deref(), &order, now, out)
            }
            Ask::Record { call, start } => self.record(&call, start, now, out),
            Ask::Status { connections } => {
                Answer::Status(connections.iter().filter_map(|id| self.status(id, now, out)).collect())
            }
            Ask::LimitsUsed { accounts, installation } => {
                Answer::LimitsUsed(self.limits_used_of(&accounts, installation, now))
            }
            Ask::Queues => Answer::Queues(self.queue_views(now)),
            Ask::Explain(query) => Answer::Explained(self.explain(&query)),
            Ask::Bans(order) => self.on_ban_order(order, now, out),
            Ask::Figures => Answer::Figures(Box::new(self.figures())),
            Ask::RegisterNow { connection } => self.register_now(&connection, now, out),
            Ask::Rehearse { connection, seconds } => {
                let until = seconds.map(|seconds| now + Duration::from_secs(u64::from(seconds)));
                self.rehearse(&connection, until, now, out)
            }
            Ask::MessagesWaiting(waiting) => self.on_messages_waiting(&waiting, now, out),
            Ask::Drain => {
                self.draining = true;
                Answer::Done
            }
            Ask::EndAll => {
                for slot in self.live_calls() {
                    self.with_call(slot, now, out, |call, means| {
                        call.hang_up(Reason::ShuttingDown, EndedBy::System, means);
                    });
                }
                Answer::Done
            }
        };
        out.outputs.push(Output::Answer { id, answer });
    }

    pub(crate) fn on_config(&mut self, id: u64, delta: &Arc<Delta>, now: Timestamp, out: &mut Outbox) {
        for change in &delta.changes {
            if let Change::Connection(row) = change {
                self.before_change(&row.id);
            } else if let Change::ConnectionGone(gone) = change {
                self.before_change(gone);
            }
        }
        self.tables.apply(delta);
        if delta.changes.iter().any(|change| matches!(change, Change::Account(_) | Change::Limits(_))) {
            self.count_live_calls(out);
        }
        self.flows.apply(delta);
        for change in &delta.changes {
            self.watched_reconfigured(change, now, out);
            if let Change::Connection(row) = change {
                self.attend(&row.id, now, out);
            }
            if let Change::AccountGone(gone) = change {
                self.counters.forget(gone.as_str(), now);
            }
            if let Change::ConnectionGone(gone) = change {
                self.counters.forget(gone.as_str(), now);
                self.attend(gone, now, out);
                self.standing.forget(gone.as_str());
                self.messages_waiting.forget(gone.as_str());
                self.forget_rehearsal(gone.as_str());
                let mut removed = Vec::new();
                self.location.unbind(gone.as_str(), &|_| true, &mut removed);
                self.tell_gone(removed, now, out);
            }
        }
        out.outputs.push(Output::Answer { id, answer: Answer::Done });
    }

    /// A connection has changed: what we do towards it follows.
    fn attend(&mut self, id: &ConnectionId, now: Timestamp, out: &mut Outbox) {
        self.attend_registration(id, now, out);
        self.attend_watch(id, now, out);
        self.judge(id, now, out);
    }

    pub(crate) fn on_located(&mut self, located: &Located, now: Timestamp, out: &mut Outbox) {
        match self.locating.remove(&located.id) {
            Some(User::Call(slot)) => {
                self.with_call(slot, now, out, |call, means| call.on_located(&located.targets, means));
            }
            Some(User::Probe(slot)) => {
                self.on_watch_located(slot, located.id, &located.targets, now, out);
            }
            Some(User::Registration(slot)) => {
                self.on_registration_located(slot, located.id, &located.targets, now, out);
            }
            Some(User::Message(slot)) => self.on_peer_located(slot, &located.targets, now, out),
            Some(User::Subscription(_)) | None => {}
        }
    }

    pub(crate) fn on_media(&mut self, event: media::Event, now: Timestamp, out: &mut Outbox) {
        let end = match event {
            media::Event::Closed { end, .. }
            | media::Event::Dialled { end, .. }
            | media::Event::Connected { end, .. }
            | media::Event::ConsentLost { end }
            | media::Event::FingerprintMismatch { end }
            | media::Event::HandshakeFailed { end }
            | media::Event::Unheard { end, .. }
            | media::Event::Failed { end, .. }
            | media::Event::FirstPacket { end, .. }
            | media::Event::Inactive { end }
            | media::Event::Key { end, .. }
            | media::Event::Played { end, .. }
            | media::Event::Recorded { end, .. }
            | media::Event::Talking { end, .. } => end,
        };
        let owner = b2bua::end_owner(end);
        let slot = self.calls.slot_at(owner.index).filter(|slot| {
            owner.shard == self.index && slot.generation & 0xffff == u32::from(owner.generation)
        });
        if let Some(slot) = slot {
            self.with_call(slot, now, out, |call, means| call.on_media(event, means));
        }
    }

    fn live_calls(&self) -> Vec<Slot> {
        self.calls.iter().filter(|(_, call)| !call.has_ended()).map(|(slot, _)| slot).collect()
    }

    fn call_views(&self) -> Vec<CallView> {
        self.calls.iter().filter(|(_, call)| !call.has_ended()).map(|(_, call)| call_view(call)).collect()
    }

    fn live_call(&self, id: &str) -> Option<Slot> {
        self.calls.iter().find(|(_, call)| *call.id == *id && !call.has_ended()).map(|(slot, _)| slot)
    }

    fn transfer(
        &mut self,
        id: &str,
        to: &str,
        caller_stays: bool,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Answer {
        let Some(slot) = self.live_call(id) else { return Answer::NotFound };
        let (user, host) = self.party(to);
        let mut done = false;
        self.with_call(slot, now, out, |call, means| {
            done = call.hand_over(caller_stays, &user, &host, means);
        });
        if done { Answer::Done } else { Answer::NotNow }
    }

    fn hang_up(&mut self, id: &str, now: Timestamp, out: &mut Outbox) -> Answer {
        let Some(slot) = self.live_call(id) else { return Answer::NotFound };
        self.with_call(slot, now, out, |call, means| {
            call.hang_up(Reason::OperatorEnded, EndedBy::Operator, means);
        });
        Answer::Done
    }

    fn record(&mut self, id: &str, start: bool, now: Timestamp, out: &mut Outbox) -> Answer {
        let Some(slot) = self.live_call(id) else { return Answer::NotFound };
        let mut done = None;
        self.with_call(slot, now, out, |call, means| {
            done = match start {
                true => call.record_now(means),
                false => call.recording().filter(|_| call.stop_recording(means)),
            };
        });
        done.map_or(Answer::NotNow, Answer::Recording)
    }

    /// User and host of what a person wrote.
    pub(crate) fn party(&self, text: &str) -> (String, String) {
        let plain = text.strip_prefix("sips:").or_else(|| text.strip_prefix("sip:")).unwrap_or(text);
        match plain.split_once('@') {
            Some((user, host)) => (user.to_owned(), host.split([';', ':']).next().unwrap_or(host).to_owned()),
            None => (plain.to_owned(), self.tables.home_domain().map(|d| d.host.clone()).unwrap_or_default()),
        }
    }
}
