//! SIP over WebSocket (RFC 7118) as a shard sees it. The office speaks HTTP, TLS and WebSocket; messages cross to the
//! shard that owns streams one by one, bounded in both directions.
//!
//! ```text
//!  office                                       first shard
//!  socket ─ Line::deliver ── Mail::Frame ─────► Input::Frame      at most MOST_UNREAD of a socket
//!         ◄ Line::next ───── Backlog ────────── Output::Send      at most MOST_WAITING bytes of a socket
//! ```

mod door;
mod line;

use std::collections::HashMap;
use std::sync::Arc;

use sip_stack::transport::Flow;
use timestamp::Timestamp;

pub use door::{Refused, Seat, WebDoor, WebEnd, WebFigures};
pub use line::{Line, Word};

use super::streams::{FIRST_WORD, Lost, MOST_WAITING, SILENCE};
use line::{Backlog, Unread};

/// The WebSockets that are open.
#[derive(Debug, Default)]
pub(super) struct WebSockets {
    open: HashMap<u32, Open>,
}

/// A WebSocket as the office hands it over.
#[derive(Debug)]
pub(in crate::shard_loop) struct Opened {
    pub(super) flow: Flow,
    backlog: Backlog,
    unread: Arc<Unread>,
}

#[derive(Debug)]
struct Open {
    socket: Opened,
    spoke: bool,
    /// When a message came, or when it was opened.
    last: Timestamp,
}

impl WebSockets {
    /// The office opened one.
    pub(super) fn take(&mut self, socket: Opened, now: Timestamp) {
        self.open.insert(socket.flow.stream, Open { socket, spoke: false, last: now });
    }

    /// A message came; `false` if its socket is closed already.
    pub(super) fn heard(&mut self, number: u32, now: Timestamp) -> bool {
        let Some(open) = self.open.get_mut(&number) else { return false };
        (open.spoke, open.last) = (true, now);
        open.socket.unread.took();
        true
    }

    /// Sends a message; `Err` tells that the socket is gone.
    pub(super) fn send(&mut self, flow: &Flow, message: &[u8]) -> Result<(), Lost> {
        let gone = || Lost { flow: *flow, fault: None };
        let open = self.open.get(&flow.stream).ok_or_else(gone)?;
        if open.socket.backlog.put(message, MOST_WAITING) {
            return Ok(());
        }
        Err(self.close(flow.stream, WebEnd::Slow).unwrap_or_else(gone))
    }

    /// The office lost it.
    pub(super) fn lost(&mut self, number: u32) -> Option<Lost> {
        let open = self.open.remove(&number)?;
        Some(Lost { flow: open.socket.flow, fault: None })
    }

    /// Lets one go.
    pub(super) fn close(&mut self, number: u32, why: WebEnd) -> Option<Lost> {
        let open = self.open.remove(&number)?;
        open.socket.backlog.close(why);
        open.socket.unread.forget();
        Some(Lost { flow: open.socket.flow, fault: None })
    }

    /// Lets go of those that never said anything, and of those that fell silent for long.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Vec<Lost> {
        let is_idle = |open: &Open| now.since(open.last) > if open.spoke { SILENCE } else { FIRST_WORD };
        let idle: Vec<u32> = self.open.iter().filter(|(_, open)| is_idle(open)).map(|(n, _)| *n).collect();
        let mut gone = Vec::new();
        for number in idle {
            gone.extend(self.close(number, WebEnd::Silent));
        }
        gone
    }
}
