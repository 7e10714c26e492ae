//! How connections stand: the last final answer of each peer.

use hashbrown::HashMap;
use sip_msg::Message;
use sip_stack::Slot;
use timestamp::Timestamp;

use crate::control::LastResponse;
use crate::shard::Shard;

/// Last answers, by connection.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    last: HashMap<Box<str>, LastResponse>,
}

impl Standing {
    /// The last final answer of a connection's peer.
    pub(crate) fn of(&self, connection: &str) -> Option<&LastResponse> {
        self.last.get(connection)
    }

    /// A connection is gone.
    pub(crate) fn forget(&mut self, connection: &str) {
        self.last.remove(connection);
    }
}

impl Shard {
    /// Remembers a final answer to an INVITE of ours.
    pub(crate) fn remember_response(&mut self, user: Slot, leg: u8, response: &Message<'_>, now: Timestamp) {
        if response.code() < 200 || response.method() != sip_msg::Method::Invite || leg == 0 {
            return;
        }
        let Some(connection) = self.calls.get(user).and_then(|call| call.connection_out()) else { return };
        let code = response.code();
        match self.standing.last.get_mut(connection.id.as_str()) {
            Some(last) => {
                last.at = now;
                if last.code != code {
                    last.code = code;
                    last.reason = sip_msg::reason_phrase(code).into();
                }
            }
            None => {
                let last = LastResponse { code, reason: sip_msg::reason_phrase(code).into(), at: now };
                self.standing.last.insert(connection.id.as_str().into(), last);
            }
        }
    }
}
