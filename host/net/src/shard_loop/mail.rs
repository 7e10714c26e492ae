//! What other threads put into a shard's queue.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use engine::control::{Answer, Ask};
use engine::{Brought, Client, ShardMessage, Vouched};
use routing::config::Delta;
use sip_stack::Slot;
use sip_stack::transport::{Flow, Target, Terms};

use super::streams::Lost;
use super::web::Opened;
use crate::wake::Wake;

/// Called with the answer to a question.
pub(super) type Reply = Box<dyn FnOnce(Answer) + Send>;

/// One thing for a shard.
pub(super) enum Mail {
    /// A question of the office.
    Ask(Ask, Reply),
    /// A change of configuration.
    Apply(Arc<Delta>, Reply),
    /// News of the media plane.
    Media(media::Event),
    /// A host name was resolved.
    Located(u64, Vec<Target>),
    /// What a call wanted is here, under this number.
    Brought(Slot, u32, Brought),
    /// Caller ids of a call were judged and signed.
    Vouched(Slot, Vouched),
    /// A stream of the first shard is gone.
    Closed(Lost),
    /// The office opened a WebSocket.
    Opened(Opened),
    /// A message of a WebSocket.
    Frame(Flow, Vec<u8>),
    /// The office lost the WebSocket of this number.
    Lost(u32),
    /// A client of a stream of the first shard proved who it is.
    Secured(Flow, Option<Client>),
    /// Another shard says on what terms a stream is to be opened.
    Reserve(Flow, Terms),
    /// Another shard says something.
    FromShard(ShardMessage),
    /// Another shard wants this sent over a stream of ours.
    Send(Flow, Box<[u8]>),
    /// The end.
    Stop,
}

/// The receiving end.
pub(super) struct MailBox {
    pub(super) mail: Receiver<Mail>,
    pub(super) wake: Arc<Wake>,
    post: Post,
}

/// The sending end. Unbounded on purpose: what is sent is bounded by who sends it (media events by ends, shard
/// messages by calls, questions by the API's own limits), and dropping any of it would lose a call.
#[derive(Clone)]
pub(super) struct Post {
    sender: Sender<Mail>,
    wake: Arc<Wake>,
}

impl MailBox {
    pub(super) fn new() -> io::Result<Self> {
        let (sender, mail) = channel();
        let wake = Arc::new(Wake::new()?);
        Ok(Self { mail, post: Post { sender, wake: Arc::clone(&wake) }, wake })
    }

    pub(super) fn post(&self) -> Post {
        self.post.clone()
    }
}

impl Post {
    /// Never waits; what is sent to a shard that has stopped is dropped.
    pub(super) fn send(&self, mail: Mail) {
        if self.sender.send(mail).is_ok() {
            self.wake.wake();
        }
    }
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").finish_non_exhaustive()
    }
}
