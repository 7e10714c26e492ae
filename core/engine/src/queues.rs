//! Queues at home here: those of an account live in one shard, so that its agents are known in one place. Calls join and
//! leave by message, wherever they live. Kept in memory: who waits when the process dies has to call again.

mod line;

use std::collections::BTreeMap;
use std::sync::Arc;

use b2bua::{QueueAsk, QueueTold};
use routing::config::AccountId;
use sip_stack::Slot;
use timestamp::Timestamp;

use crate::control::{Event, Happening, QueueEvent, QueueView};
use crate::outbox::{Outbox, Output};
use crate::owner::ShardMessage;
use crate::places::Holder;
use crate::shard::Shard;
use line::Lines;

/// Queues by account.
#[derive(Debug, Default)]
pub(crate) struct Queues(BTreeMap<AccountId, Lines>);

impl Queues {
    /// When somebody's turn may come.
    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        self.0.values().filter_map(Lines::next_timeout).min()
    }
}

impl Shard {
    /// A call says something to the home of its queue.
    pub(crate) fn tell_queue(
        &mut self,
        slot: Slot,
        account: AccountId,
        ask: Box<QueueAsk>,
        out: &mut Outbox,
    ) {
        let call = self.calls.get(slot).map(|call| Arc::clone(&call.id)).unwrap_or_default();
        let home = self.owners.home_of_id(account.as_str());
        self.tell(home, ShardMessage::Queue { holder: (self.index, slot), call, account, ask }, out);
    }

    /// A call has come to the home of its queue.
    pub(crate) fn on_queue(
        &mut self,
        (holder, call): (Holder, Arc<str>),
        account: AccountId,
        ask: QueueAsk,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let mut say = Vec::new();
        let lines = self.queues.0.entry(account.clone()).or_default();
        let before = lines.queue_of(holder);
        let mut event = |what: fn(QueueEvent) -> Happening, queue: Box<str>, agent: Box<str>| {
            let what = what(QueueEvent { queue, call: Arc::clone(&call), agent });
            out.outputs.push(Output::Announce(Event { at: now, account: Arc::clone(&account.0), what }));
        };
        match ask {
            QueueAsk::Join(queue, terms) => {
                lines.join(&queue, (holder, Arc::clone(&call)), terms, now, &mut say);
                if lines.queue_of(holder).is_some() {
                    event(Happening::QueueJoined, queue, Box::default());
                }
            }
            QueueAsk::Order(place, agents, turn) => {
                let order = lines.order(place, agents, turn);
                say.push((holder, QueueTold::Order(order)));
            }
            QueueAsk::Answered(agent) => {
                lines.answered(holder, &agent, now, &mut say);
                if let Some(queue) = before {
                    event(Happening::QueueAnswered, queue, agent);
                }
            }
            QueueAsk::Missed { offline } => lines.missed(holder, offline, now, &mut say),
            QueueAsk::Leave => {
                lines.leave(holder, now, &mut say);
                if let Some(queue) = before {
                    event(Happening::QueueLeft, queue, Box::default());
                }
            }
        }
        self.say_in_queues(say, out);
    }

    /// Agents may be rung again.
    pub(crate) fn serve_queues(&mut self, now: Timestamp, out: &mut Outbox) {
        let mut say = Vec::new();
        for lines in self.queues.0.values_mut() {
            lines.serve(now, &mut say);
        }
        self.say_in_queues(say, out);
    }

    fn say_in_queues(&mut self, say: Vec<(Holder, QueueTold)>, out: &mut Outbox) {
        for ((shard, call), told) in say {
            self.tell(shard, ShardMessage::QueueTold { call, told }, out);
        }
    }

    /// Queues at home here, as people see them.
    pub(crate) fn queue_views(&self, now: Timestamp) -> Vec<QueueView> {
        let of_account = |(account, lines): (&AccountId, &Lines)| lines.views(&account.0, now);
        self.queues.0.iter().flat_map(of_account).collect()
    }
}
