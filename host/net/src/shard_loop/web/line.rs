//! What runs between a WebSocket of the office and the shard: messages each way, each way bounded.
//!
//! No lock on the way of a message: counters are atomic, and somebody is woken only where a bound was reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sip_stack::transport::Flow;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Opened;
use super::door::{Seat, WebEnd};
use crate::shard_loop::mail::{Mail, Post};

/// The office's end of a WebSocket. Dropping it tells the shard that the socket is gone.
#[derive(Debug)]
pub struct Line {
    flow: Flow,
    post: Post,
    words: UnboundedReceiver<Word>,
    waiting: Arc<AtomicUsize>,
    unread: Arc<Unread>,
    /// Its place among all sockets; given back with it.
    seat: Seat,
    end: WebEnd,
}

/// What the shard has for a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub enum Word {
    /// A SIP message to be sent as one WebSocket message.
    Message(Vec<u8>),
    /// The socket is to be closed.
    Close(WebEnd),
}

impl Line {
    /// A new line, and the shard's end of it.
    pub(super) fn new(flow: Flow, post: Post, seat: Seat) -> Self {
        let (sender, words) = unbounded_channel();
        let (waiting, unread) = (Arc::<AtomicUsize>::default(), Arc::<Unread>::default());
        let backlog = Backlog { words: sender, waiting: Arc::clone(&waiting) };
        post.send(Mail::Opened(Opened { flow, backlog, unread: Arc::clone(&unread) }));
        Self { flow, post, words, waiting, unread, seat, end: WebEnd::Client }
    }

    /// Takes a message of the client to the shard; waits while the shard has too many of this socket before it.
    pub async fn deliver(&self, message: Vec<u8>) {
        if self.unread.add().await {
            self.post.send(Mail::Frame(self.flow, message));
        }
    }

    /// What is to be sent next; the end if the shard has stopped.
    pub async fn next(&mut self) -> Word {
        let word = self.words.recv().await.unwrap_or(Word::Close(WebEnd::Stopped));
        if let Word::Message(message) = &word {
            self.waiting.fetch_sub(message.len(), Ordering::Relaxed);
        }
        word
    }

    /// It is over; the client's going is what is assumed otherwise.
    pub fn end(mut self, why: WebEnd) {
        self.end = why;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.seat.ended(self.end);
        self.post.send(Mail::Lost(self.flow.stream));
    }
}

/// The shard's end of the way to the client.
#[derive(Debug)]
pub(super) struct Backlog {
    words: UnboundedSender<Word>,
    /// Bytes that the office has not taken.
    waiting: Arc<AtomicUsize>,
}

impl Backlog {
    /// Puts a message; `false` if more than `most` bytes would wait then, or nobody takes them.
    pub(super) fn put(&self, message: &[u8], most: usize) -> bool {
        let before = self.waiting.fetch_add(message.len(), Ordering::Relaxed);
        before + message.len() <= most && self.words.send(Word::Message(message.to_vec())).is_ok()
    }

    /// Says that it is over.
    pub(super) fn close(&self, why: WebEnd) {
        // Nobody there to hear it is an end as well.
        let _ = self.words.send(Word::Close(why));
    }
}

/// Messages of one client that the shard has not read.
#[derive(Debug, Default)]
pub(super) struct Unread {
    count: AtomicUsize,
    /// The shard has let go of the socket, which the office learns behind all that waits for the client.
    forgotten: AtomicBool,
    room: Notify,
}

impl Unread {
    /// One more, as soon as there is room; `false` if none is read any more.
    async fn add(&self) -> bool {
        while !self.forgotten.load(Ordering::Acquire) {
            if self.count.load(Ordering::Acquire) < MOST_UNREAD {
                self.count.fetch_add(1, Ordering::AcqRel);
                return true;
            }
            self.room.notified().await;
        }
        false
    }

    /// One was read.
    pub(super) fn took(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) >= MOST_UNREAD {
            self.room.notify_one();
        }
    }

    /// None of them will be, nor any that comes.
    pub(super) fn forget(&self) {
        self.forgotten.store(true, Ordering::Release);
        self.room.notify_one();
    }
}

/// Messages of one client on their way to the shard: a page that loads says a dozen.
const MOST_UNREAD: usize = 64;

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_client_waits_for_the_shard() {
        let unread = Unread::default();
        for _ in 0..MOST_UNREAD {
            unread.add().await;
        }
        assert!(timeout(Duration::from_millis(20), unread.add()).await.is_err(), "there is no room");
        unread.took();
        unread.add().await;
        assert!(timeout(Duration::from_millis(20), unread.add()).await.is_err());
        unread.forget();
        for _ in 0..2 * MOST_UNREAD {
            let added = timeout(Duration::from_secs(1), unread.add()).await;
            assert_eq!(added, Ok(false), "nobody reads them, and nobody waits");
        }
    }

    #[test]
    fn what_waits_is_bounded() {
        let (words, mut taken) = unbounded_channel();
        let backlog = Backlog { words, waiting: Arc::default() };
        assert!(backlog.put(&[0; 60], 100));
        assert!(!backlog.put(&[0; 60], 100), "too much");
        assert_eq!(taken.try_recv().ok(), Some(Word::Message(vec![0; 60])));
        drop(taken);
        let nobody = Backlog { words: unbounded_channel().0, waiting: Arc::default() };
        assert!(!nobody.put(b"x", 100), "nobody takes it");
    }
}
