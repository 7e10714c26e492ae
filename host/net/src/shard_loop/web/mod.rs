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

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::net::SocketAddr;

    use sip_stack::transport::Protocol;

    use super::*;
    use crate::shard_loop::mail::{Mail, MailBox};

    /// The shard's end of all sockets, and the door that they come through.
    struct Bench {
        sockets: WebSockets,
        door: WebDoor,
        mail: MailBox,
    }

    impl Bench {
        fn new() -> Self {
            let mail = MailBox::new().expect("a wake-up");
            let door = WebDoor::new(Protocol::Ws, 3, mail.post());
            Self { sockets: WebSockets::default(), door, mail }
        }

        /// A client comes; its flow, and the office's end.
        fn open(&mut self) -> (Flow, Line) {
            let remote = SocketAddr::from(([192, 0, 2, 1], 4000));
            let line = self.door.open(remote, self.door.reserve(remote).expect("there is room"));
            let Ok(Mail::Opened(socket)) = self.mail.mail.try_recv() else { panic!("it is handed over") };
            let flow = socket.flow;
            self.sockets.take(socket, START);
            (flow, line)
        }
    }

    #[tokio::test]
    async fn who_is_silent_is_let_go() {
        let second = Duration::from_secs(1);
        for (speaks, looked, gone) in [
            (None, FIRST_WORD, false),
            (None, FIRST_WORD + second, true),
            (Some(FIRST_WORD), FIRST_WORD + second, false),
            (Some(second), SILENCE, false),
            (Some(second), SILENCE + second, false),
            (Some(second), SILENCE + 2 * second, true),
        ] {
            let mut bench = Bench::new();
            let (flow, mut line) = bench.open();
            if let Some(at) = speaks {
                assert!(bench.sockets.heard(flow.stream, START + at));
            }
            let lost = bench.sockets.sweep(START + looked);
            assert_eq!(lost.len(), usize::from(gone), "{speaks:?} {looked:?}");
            if gone {
                assert_eq!(line.next().await, Word::Close(WebEnd::Silent));
            }
            assert_eq!(bench.sockets.heard(flow.stream, START + looked), !gone, "{speaks:?} {looked:?}");
        }
    }

    #[tokio::test]
    async fn who_does_not_take_what_is_sent_is_let_go_and_others_are_not() {
        let mut bench = Bench::new();
        let (slow, mut line) = bench.open();
        let (other, _held) = bench.open();
        let half = vec![b'x'; MOST_WAITING / 2];
        for taken in [true, true, false, false] {
            assert_eq!(bench.sockets.send(&slow, &half).is_ok(), taken);
            assert!(bench.sockets.send(&other, b"x").is_ok());
        }
        for _ in 0..2 {
            assert_eq!(line.next().await, Word::Message(half.clone()));
        }
        assert_eq!(line.next().await, Word::Close(WebEnd::Slow));
        assert!(!bench.sockets.heard(slow.stream, START) && bench.sockets.heard(other.stream, START));
        line.end(WebEnd::Slow);
        assert!(matches!(bench.mail.mail.try_recv(), Ok(Mail::Lost(number)) if number == slow.stream));
        assert!(bench.sockets.lost(slow.stream).is_none(), "it is lost once");
    }

    const START: Timestamp = Timestamp::from_secs(1000);
}
