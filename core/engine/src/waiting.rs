//! Messages waiting in mailboxes, as phones are told of them (RFC 3842): how many belong to which connection, at its home.
//!
//! The messages are the office's; it says how many there are when it starts and whenever that changes. Phones are told that
//! subscribed to it; where the mailbox wants it so all that are registered, which is how many know it from other systems: a NOTIFY
//! without a subscription, not repeated when nobody answers.

use std::sync::Arc;

use b2bua::{Means, Presentation};
use hashbrown::HashMap;
use presence::Package;
use presence::message_summary::{self, Waiting};
use registrar::BindingRow;
use routing::config::{Connection, ConnectionId};
use sip_msg::Name;
use sip_stack::dialog::RequestLine;
use sip_stack::transaction::{NOBODY, Outgoing};
use sip_stack::{Slot, User};
use timestamp::Timestamp;

use crate::control::Answer;
use crate::outbox::Outbox;
use crate::shard::{Shard, Sink, means};

/// What phones of a connection are told of its mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Whose phones.
    pub connection: ConnectionId,
    /// How many messages there are.
    pub waiting: Waiting,
    /// Whether those are told as well that did not subscribe.
    pub unsolicited: bool,
}

/// How many messages wait for connections at home here, as far as there are any or phones are told unasked.
#[derive(Debug, Default)]
pub(crate) struct MessagesWaiting(HashMap<Box<str>, (Waiting, bool)>);

impl MessagesWaiting {
    /// For this connection.
    pub(crate) fn of(&self, connection: &str) -> Waiting {
        self.0.get(connection).map(|(waiting, _)| *waiting).unwrap_or_default()
    }

    /// For this connection, if its phones are told unasked.
    fn unsolicited(&self, connection: &str) -> Option<Waiting> {
        self.0.get(connection).filter(|(_, unsolicited)| *unsolicited).map(|(waiting, _)| *waiting)
    }

    /// Forgets a connection.
    pub(crate) fn forget(&mut self, connection: &str) {
        self.0.remove(connection);
    }

    /// Whether that is something new.
    fn put(&mut self, summary: &Summary) -> bool {
        let (connection, told) = (summary.connection.as_str(), (summary.waiting, summary.unsolicited));
        let before = match told == Default::default() {
            true => self.0.remove(connection),
            false => self.0.insert(connection.into(), told),
        };
        before.unwrap_or_default() != told
    }
}

impl Shard {
    /// So many messages wait for these connections: whoever watches is told.
    pub(crate) fn on_messages_waiting(
        &mut self,
        summaries: &[Summary],
        now: Timestamp,
        out: &mut Outbox,
    ) -> Answer {
        for summary in summaries {
            let Some(row) = self.tables.connection(&summary.connection).cloned() else { continue };
            if self.owners.home_of(&row) != self.index {
                continue;
            }
            let changed = self.messages_waiting.put(summary);
            self.state_changed(row.id.as_str(), &[Package::MessageSummary], now, out);
            if changed {
                self.tell_phones(&row, now, out);
            }
        }
        Answer::Done
    }

    /// Tells the registered phones of a connection what waits in its mailbox, where they are told unasked.
    pub(crate) fn tell_phones(&mut self, connection: &Arc<Connection>, now: Timestamp, out: &mut Outbox) {
        let Some(waiting) = self.messages_waiting.unsolicited(connection.id.as_str()) else { return };
        let Some(user) = connection.user.as_deref() else { return };
        let account = self.uri_at(Some(connection), user);
        let document = message_summary::document(&account, waiting);
        let (account_user, host) =
            account.strip_prefix("sip:").and_then(|of| of.split_once('@')).unwrap_or_default();
        let presentation =
            Presentation { user: account_user.to_owned(), host: host.to_owned(), ..Presentation::default() };
        let bindings: Vec<BindingRow> =
            self.location.of(connection.id.as_str(), now).into_iter().take(MOST_PHONES).cloned().collect();
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        let mut means = means!(self, now, sink);
        for binding in &bindings {
            let Some(place) = b2bua::place_of_binding(binding, connection, &means) else { continue };
            let tag = means.random.hex();
            let mut dialog =
                b2bua::begun(&place, &presentation, tag.get(..16).unwrap_or_default(), &mut means);
            let (flow, cseq) = (dialog.flow, dialog.next_cseq());
            let shown = means.shown(&flow);
            let contact = b2bua::contact(&flow, &shown, dialog.wants_sips());
            let nobody = User::Subscription(Slot { index: u32::MAX, generation: 0 });
            let outgoing = Outgoing { flow, invite: false, user: nobody, purpose: NOBODY };
            means.transactions.request(outgoing, now, means.out, &mut |buffer, branch| {
                let via = b2bua::via(&flow, &shown, branch);
                let line = RequestLine { method: b"NOTIFY", via: via.as_bytes(), cseq, max_forwards: 70 };
                let mut writer = dialog.write(buffer, &line);
                if !place.path.is_empty() {
                    writer.field(Name::Route, place.path.as_bytes());
                }
                writer.field(Name::Contact, contact.as_bytes()).field(Name::UserAgent, b"Trunkline");
                writer.field(Name::Event, b"message-summary").field(Name::SubscriptionState, b"active");
                writer.body(Package::MessageSummary.content_type().as_bytes(), document.as_bytes());
            });
        }
    }
}

/// Phones of one connection that are told unasked.
const MOST_PHONES: usize = 20;
