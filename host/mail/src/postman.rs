//! Takes what is due out of the queue and hands it to the mail server, one after the other; what is not taken is tried again
//! for a day. What is on its way when the process dies is sent again: its Message-ID is the same.

use std::sync::Arc;
use std::time::Duration;

use routing::config::Mailbox;
use store::{Mail, Store, StoreError, VoiceMessage, now};
use timestamp::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::letter::{About, Words, compose};
use crate::smtp::{NotTaken, Smtp};

/// Sends e-mails, until it is dropped.
#[expect(missing_debug_implementations, reason = "holds a callback")]
pub struct Postman {
    store: Store,
    server: Option<Smtp>,
    mailbox: Box<dyn Fn(&str, Timestamp) -> Option<(Arc<Mailbox>, String)> + Send + Sync>,
}

/// What became of one attempt.
enum Came {
    Sent,
    /// There is nothing to tell any more.
    Pointless,
    /// The words of the message are still being written down.
    TooEarly,
    Failed(NotTaken),
}

impl Postman {
    /// Starts sending; `mailbox` knows a mailbox and what its owner's clock shows at a time. Without a server nothing is sent, and
    /// that is said where people look.
    pub fn start(
        store: Store,
        server: Option<Smtp>,
        mailbox: impl Fn(&str, Timestamp) -> Option<(Arc<Mailbox>, String)> + Send + Sync + 'static,
    ) -> JoinHandle<()> {
        let postman = Self { store, server, mailbox: Box::new(mailbox) };
        tokio::spawn(async move {
            loop {
                if let Err(error) = postman.round().await {
                    tracing::error!(%error, "e-mails could not be read or written down");
                }
                sleep(ROUND).await;
            }
        })
    }

    async fn round(&self) -> Result<(), StoreError> {
        for mail in self.store.due_mails(now(), AT_ONCE).await? {
            match self.attempt(&mail).await? {
                Came::Sent | Came::Pointless => self.store.mail_sent(&mail.id).await?,
                Came::TooEarly => self.store.mail_rests(&mail.id, now() + TRANSCRIPT_ROUND).await?,
                Came::Failed(not_taken) => self.failed(&mail, &not_taken).await?,
            }
        }
        Ok(())
    }

    async fn attempt(&self, mail: &Mail) -> Result<Came, StoreError> {
        let Some(message) = self.store.message(&mail.message).await? else { return Ok(Came::Pointless) };
        let known = (self.mailbox)(message.mailbox.as_str(), message.at);
        let Some((mailbox, at)) = known else { return Ok(Came::Pointless) };
        let waited = now().since(mail.created_at);
        let unsettled = matches!(message.transcript.state.as_str(), "queued" | "running");
        if mailbox.attach.transcript && unsettled && waited < TRANSCRIPT_PATIENCE {
            return Ok(Came::TooEarly);
        }
        let Some(server) = &self.server else {
            let why = "no mail server is set: --smtp".to_owned();
            return Ok(Came::Failed(NotTaken { why, for_good: false }));
        };
        let composed = self.compose(mail, &message, &mailbox, &at, server).await;
        Ok(match composed {
            Ok(composed) => match server.send(composed).await {
                Ok(()) => Came::Sent,
                Err(not_taken) => Came::Failed(not_taken),
            },
            Err(why) => Came::Failed(NotTaken { why, for_good: true }),
        })
    }

    async fn compose(
        &self,
        mail: &Mail,
        message: &VoiceMessage,
        mailbox: &Mailbox,
        at: &str,
        server: &Smtp,
    ) -> Result<lettre::Message, String> {
        let file = self.store.voicemail_file(&message.account, &message.id);
        let audio = match mailbox.attach.audio {
            true => {
                Some(tokio::fs::read(&file).await.map_err(|fault| format!("{}: {fault}", file.display()))?)
            }
            false => None,
        };
        let words = match message.transcript.state.as_str() {
            _ if !mailbox.attach.transcript => None,
            "none" => None,
            "done" => Some(Words::Said(&message.transcript.text)),
            "no_engine" | "failed" => Some(Words::Unknown(&message.transcript.text)),
            _ => Some(Words::Unknown("it is not written down yet")),
        };
        let about = About { message, mailbox: &mailbox.name, at, audio, words };
        compose(&about, &mail.id, server.from(), &mail.recipient)
    }

    async fn failed(&self, mail: &Mail, not_taken: &NotTaken) -> Result<(), StoreError> {
        let attempts = usize::try_from(mail.attempts).unwrap_or(usize::MAX);
        let rest = RESTS_S.get(attempts).filter(|_| !not_taken.for_good);
        let next = rest.map(|seconds| now() + Duration::from_secs(*seconds));
        if next.is_none() {
            tracing::warn!(mail = mail.id, why = not_taken.why, "an e-mail about a message is given up");
        }
        self.store.mail_failed(&mail.id, &not_taken.why, next).await
    }
}

/// Rests between attempts: 24 hours and a little in all.
const RESTS_S: [u64; 10] = [10, 60, 5 * 60, 15 * 60, 30 * 60, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 8 * 3600];
const ROUND: Duration = Duration::from_secs(1);
const AT_ONCE: u32 = 10;
/// An e-mail waits for the words of its message, but not for ever.
const TRANSCRIPT_PATIENCE: Duration = Duration::from_secs(10 * 60);
const TRANSCRIPT_ROUND: Duration = Duration::from_secs(2);
