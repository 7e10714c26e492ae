//! Messages waiting in mailboxes, as phones are told of them (RFC 3842): how many belong to which connection, at its home.
//!
//! The messages are the office's; it says how many there are when it starts and whenever that changes.

use hashbrown::HashMap;
use presence::Package;
use presence::message_summary::Waiting;
use routing::config::ConnectionId;
use timestamp::Timestamp;

use crate::control::Answer;
use crate::outbox::Outbox;
use crate::shard::Shard;

/// How many messages wait for connections at home here, as far as there are any.
#[derive(Debug, Default)]
pub(crate) struct MessagesWaiting(HashMap<Box<str>, Waiting>);

impl MessagesWaiting {
    /// For this connection.
    pub(crate) fn of(&self, connection: &str) -> Waiting {
        self.0.get(connection).copied().unwrap_or_default()
    }

    /// Forgets a connection.
    pub(crate) fn forget(&mut self, connection: &str) {
        self.0.remove(connection);
    }

    fn put(&mut self, connection: &str, waiting: Waiting) {
        if waiting == Waiting::default() {
            self.0.remove(connection);
        } else {
            self.0.insert(connection.into(), waiting);
        }
    }
}

impl Shard {
    /// So many messages wait for these connections: whoever watches is told.
    pub(crate) fn on_messages_waiting(
        &mut self,
        waiting: &[(ConnectionId, Waiting)],
        now: Timestamp,
        out: &mut Outbox,
    ) -> Answer {
        for (connection, waiting) in waiting {
            let Some(row) = self.tables.connection(connection) else { continue };
            if self.owners.home_of(row) != self.index {
                continue;
            }
            self.messages_waiting.put(connection.as_str(), *waiting);
            self.state_changed(connection.as_str(), &[Package::MessageSummary], now, out);
        }
        Answer::Done
    }
}
