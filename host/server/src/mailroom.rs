//! Mailboxes as calls meet them: found or made, opened by PIN, messages kept, read and deleted, greetings changed. Phones, people
//! and endpoints are told of what is new.

mod audio;
mod guesses;

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use api::Api;
use callflow::{Clip, Heard, Letter, Outcome, Post, Told, Whose, usual_greeting};
use engine::control::{Event, Happening, StoredVoicemail};
use media::RecordingId;
use routing::config::{Greeting, Mailbox};
use speech::Speech;
use store::{MessageState, Store, Transcript, VoiceMessage, is_pin, new_id, now};
use timestamp::Timestamp;

use self::guesses::Guesses;
use crate::call_path::CallPath;
use crate::recordings::Recordings;

/// Whoever has the mailboxes.
pub(crate) struct Mailroom {
    store: Store,
    speech: Arc<Speech>,
    recordings: Arc<Recordings>,
    guesses: Guesses,
    /// There once calls are taken; weak, so that the end of the server is not waited for here.
    office: OnceLock<(Weak<Api>, Weak<CallPath>)>,
}

impl Mailroom {
    pub(crate) fn new(store: Store, speech: Arc<Speech>, recordings: Arc<Recordings>) -> Arc<Self> {
        let (guesses, office) = (Guesses::default(), OnceLock::new());
        Arc::new(Self { store, speech, recordings, guesses, office })
    }

    /// From now on there are mailboxes.
    pub(crate) fn open(&self, api: &Arc<Api>, call_path: &Arc<CallPath>) {
        // Only the first start counts.
        let _ = self.office.set((Arc::downgrade(api), Arc::downgrade(call_path)));
    }

    /// What comes of something that a call asks; on behalf of `account`.
    pub(crate) async fn answer(&self, account: &str, post: &Post) -> Told {
        let Some(api) = self.api() else { return Told::of(Outcome::FAILED) };
        let answered = match post {
            Post::Find { whose, to_leave } => self.find(&api, account, whose, *to_leave).await,
            Post::Unlock { mailbox, pin } => self.unlock(&api, mailbox, pin).await,
            Post::Keep { mailbox, recording, letter } => self.keep(&api, mailbox, recording, letter).await,
            Post::Discard { recording } => {
                self.discard(recording).await;
                Ok(Told::of(Outcome::OK))
            }
            Post::Read { mailbox, heard, after } => self.read(&api, mailbox, *heard, after).await,
            Post::Mark { message, saved } => self.mark(&api, message, *saved).await,
            Post::Delete { message } => self.delete(&api, message).await,
            Post::Greet { mailbox, recording } => self.greet(&api, mailbox, recording).await,
            Post::SetPin { mailbox, pin } => {
                api.set_pin(mailbox, pin).await.map(done).map_err(|problem| problem.detail)
            }
        };
        answered.unwrap_or_else(|why| {
            tracing::error!(account, why, "a mailbox could not be used");
            Told::of(Outcome::FAILED)
        })
    }

    /// What is to be played for something that lies in a mailbox.
    pub(crate) async fn found(&self, account: &str, clip: &Clip) -> Found {
        let account = account.into();
        match clip {
            Clip::Message(id) => Found::File(self.store.voicemail_file(&account, id)),
            Clip::Recording(id) => match RecordingId::of_text(id) {
                Some(id) => Found::File(self.recordings.file(id)),
                None => Found::Nothing,
            },
            Clip::Greeting(id) => {
                let mailbox = self.api().and_then(|api| api.mailbox(id)).filter(|row| row.account == account);
                match mailbox {
                    Some(mailbox) => self.greeting(&mailbox).await,
                    None => Found::Nothing,
                }
            }
            Clip::Melody | Clip::Sound(_) | Clip::Address(_) | Clip::Speech { .. } => Found::Nothing,
        }
    }

    async fn greeting(&self, mailbox: &Mailbox) -> Found {
        let say = |text: String, language: &str| {
            Found::Clip(Clip::Speech { text: text.into(), voice: Box::default(), language: language.into() })
        };
        match &mailbox.greeting {
            Greeting::Recorded => {
                Found::File(self.store.voicemail_file(&mailbox.account, mailbox.id.as_str()))
            }
            Greeting::Sound(name) => Found::Clip(Clip::Sound(name.as_str().into())),
            Greeting::Text(text) => say(text.clone(), mailbox.language.as_deref().unwrap_or_default()),
            Greeting::Default => {
                let language = self.language(mailbox).await.unwrap_or_default();
                let (language, text) = usual_greeting(&language, &mailbox.name);
                say(text, language)
            }
        }
    }

    /// The language in which to speak to those who meet this mailbox: its own, else that of its account, if there is a voice
    /// that speaks it.
    async fn language(&self, mailbox: &Mailbox) -> Result<String, String> {
        let language = match &mailbox.language {
            Some(language) => Some(language.clone()),
            None => self.store.language_of(mailbox.account.as_str()).await.map_err(told)?,
        };
        Ok(language.filter(|language| self.speech.speaks(language).is_ok()).unwrap_or_default())
    }

    fn api(&self) -> Option<Arc<Api>> {
        self.office.get()?.0.upgrade()
    }

    async fn find(&self, api: &Arc<Api>, account: &str, whose: &Whose, to_leave: bool) -> Answer {
        let mailbox = match &*whose.mailbox {
            "" => api.own_mailbox(&whose.connection).await.map_err(|problem| problem.detail)?,
            reference => api.mailbox_named(account, reference),
        };
        let Some(mailbox) = mailbox.filter(|mailbox| mailbox.account.as_str() == account) else {
            return Ok(Told::of(Outcome::FAILED));
        };
        let counts = self.store.message_counts(&mailbox.id).await.map_err(told)?;
        if to_leave && counts.all() >= mailbox.max_messages {
            return Ok(Told::of(Outcome::FULL).with("language", self.language(&mailbox).await?));
        }
        let yes = |is: bool| if is { "yes" } else { "" };
        Ok(Told::of(Outcome::OK)
            .with("mailbox", mailbox.id.as_str())
            .with("language", self.language(&mailbox).await?)
            .with("max_s", mailbox.max_s.to_string())
            .with("new", counts.new.to_string())
            .with("old", counts.old.to_string())
            .with("pin", yes(mailbox.pin.is_some()))
            .with("own", yes(api.is_phone_of(&whose.caller, &mailbox.id))))
    }

    async fn unlock(&self, api: &Api, mailbox: &str, pin: &str) -> Answer {
        let Some(row) = api.mailbox(mailbox) else { return Ok(Told::of(Outcome::NO)) };
        let Some(hashed) = row.pin.clone().filter(|_| self.guesses.may_try(mailbox, now())) else {
            return Ok(Told::of(Outcome::NO));
        };
        let pin = pin.to_owned();
        let right = tokio::task::spawn_blocking(move || is_pin(&hashed, &pin)).await.map_err(told)?;
        if !right {
            self.guesses.was_wrong(mailbox, now());
            return Ok(Told::of(Outcome::NO));
        }
        self.guesses.was_right(mailbox);
        let counts = self.store.message_counts(&row.id).await.map_err(told)?;
        let told = Told::of(Outcome::OK).with("new", counts.new.to_string());
        Ok(told.with("old", counts.old.to_string()))
    }

    /// Brings what a former process recorded for mailboxes there.
    pub(crate) async fn adopt(&self) {
        let Some(api) = self.api() else { return };
        for stray in self.recordings.strays().await {
            let Some(mailbox) = &stray.mailbox else {
                self.discard(&stray.id).await;
                continue;
            };
            let letter = Letter {
                from: stray.from.into(),
                from_name: stray.from_name.into(),
                to: stray.to.into(),
                call: stray.call.into(),
            };
            match self.keep(&api, mailbox, &stray.id, &letter).await {
                Ok(told) => {
                    tracing::info!(
                        recording = stray.id,
                        mailbox,
                        outcome = told.outcome.as_str(),
                        "a message is brought in late"
                    );
                }
                Err(why) => {
                    tracing::error!(recording = stray.id, mailbox, why, "a message waits for the next start")
                }
            }
        }
    }

    /// What is recorded becomes a message. What cannot be kept now lies there until the next start tries again.
    async fn keep(&self, api: &Arc<Api>, mailbox: &str, recording: &str, letter: &Letter) -> Answer {
        let kept = self.take(api, mailbox, recording, letter).await;
        if kept.is_ok() {
            self.discard(recording).await;
        }
        kept
    }

    async fn take(&self, api: &Arc<Api>, mailbox: &str, recording: &str, letter: &Letter) -> Answer {
        let Some(mailbox) = api.mailbox(mailbox) else { return Ok(Told::of(Outcome::FAILED)) };
        let Some(id) = self.written(recording).await? else { return Ok(Told::of(Outcome::FAILED)) };
        let Some(audio) = self.audio(id).await? else { return Ok(Told::of(Outcome::EMPTY)) };
        let counts = self.store.message_counts(&mailbox.id).await.map_err(told)?;
        if counts.all() >= mailbox.max_messages {
            return Ok(Told::of(Outcome::FULL));
        }
        let message = VoiceMessage {
            id: new_id("vm"),
            mailbox: mailbox.id.clone(),
            account: mailbox.account.clone(),
            at: now(),
            state: MessageState::New,
            from: letter.from.to_string(),
            from_name: letter.from_name.to_string(),
            to: letter.to.to_string(),
            call_id: letter.call.to_string(),
            length_ms: audio.length_ms,
            bytes: u64::try_from(audio.file.len()).unwrap_or(u64::MAX),
            transcript: Transcript::in_state("none"),
        };
        let mail_to: Vec<String> = mailbox.email.iter().cloned().collect();
        self.store.keep_message(&message, audio.file, &mail_to, recording).await.map_err(told)?;
        if mailbox.transcribe {
            let language = match &mailbox.language {
                Some(language) => Some(language.clone()),
                None => self.store.language_of(mailbox.account.as_str()).await.map_err(told)?,
            };
            let file = self.store.voicemail_file(&message.account, &message.id);
            let language = language.unwrap_or_default();
            if let Err(fault) = self.speech.transcripts().enqueue(&message.id, &file, &language).await {
                tracing::error!(%fault, message = message.id, "a message will not be written down");
            }
        }
        self.announce(&mailbox, &message);
        api.tell_waiting(&mailbox.id).await;
        Ok(Told::of(Outcome::OK).with("message", message.id))
    }

    /// A recording once it is on disk; none if nothing of it is.
    async fn written(&self, recording: &str) -> Result<Option<RecordingId>, String> {
        let Some(id) = RecordingId::of_text(recording) else { return Err(format!("{recording} is none")) };
        let written = tokio::time::timeout(PATIENCE, self.recordings.length(id)).await;
        Ok(written.map_err(told)?.map(|_| id))
    }

    /// What was recorded; none if nothing is said in it.
    async fn audio(&self, id: RecordingId) -> Result<Option<audio::Spoken>, String> {
        let path = self.recordings.file(id);
        let work = move || {
            let file = std::fs::read(&path).map_err(|fault| format!("{}: {fault}", path.display()))?;
            audio::spoken(&file).map_err(|why| format!("{}: {why}", path.display()))
        };
        tokio::task::spawn_blocking(work).await.map_err(told)?
    }

    /// A recording that is a message by now, or was not wanted, is none any more.
    async fn discard(&self, recording: &str) {
        let Some(id) = RecordingId::of_text(recording) else { return };
        self.recordings.forget(id).await;
    }

    async fn read(&self, api: &Api, mailbox: &str, heard: Heard, after: &str) -> Answer {
        let Some(mailbox) = api.mailbox(mailbox) else { return Ok(Told::of(Outcome::NO)) };
        let next = self.store.next_message(&mailbox.id, heard == Heard::No, after).await.map_err(told)?;
        let Some(message) = next else { return Ok(Told::of(Outcome::NO)) };
        let from = if message.from.is_empty() { &message.from_name } else { &message.from };
        Ok(Told::of(Outcome::OK)
            .with("from", from)
            .with("at", written_time(api.clock_of(&mailbox.account, message.at)))
            .with("message", &message.id))
    }

    async fn mark(&self, api: &Api, message: &str, saved: bool) -> Answer {
        let Some(known) = self.store.message(message).await.map_err(told)? else { return Ok(done(false)) };
        let state = match (saved, known.state) {
            (true, _) => MessageState::Saved,
            (false, MessageState::New) => MessageState::Old,
            (false, state) => state,
        };
        self.store.set_message_state(message, state).await.map_err(told)?;
        api.tell_waiting(&known.mailbox).await;
        Ok(done(true))
    }

    async fn delete(&self, api: &Api, message: &str) -> Answer {
        let Some(known) = self.store.message(message).await.map_err(told)? else { return Ok(done(false)) };
        self.store.delete_message(&known).await.map_err(told)?;
        api.tell_waiting(&known.mailbox).await;
        Ok(done(true))
    }

    async fn greet(&self, api: &Arc<Api>, mailbox: &str, recording: &str) -> Answer {
        let Some(row) = api.mailbox(mailbox) else { return Ok(done(false)) };
        let greeting = match recording {
            "" => Greeting::Default,
            recording => {
                let audio = match self.written(recording).await {
                    Ok(Some(id)) => self.audio(id).await,
                    Ok(None) => Ok(None),
                    Err(why) => Err(why),
                };
                self.discard(recording).await;
                let Some(audio) = audio? else { return Ok(done(false)) };
                self.store.keep_greeting(&row.account, &row.id, audio.file).await.map_err(told)?;
                Greeting::Recorded
            }
        };
        let changed = api.change_mailbox(mailbox, |row| row.greeting = greeting).await;
        changed.map(done).map_err(|problem| problem.detail)
    }

    fn announce(&self, mailbox: &Mailbox, message: &VoiceMessage) {
        let Some(call_path) = self.office.get().and_then(|(_, call_path)| call_path.upgrade()) else {
            return;
        };
        let stored = StoredVoicemail {
            message: message.id.as_str().into(),
            mailbox: mailbox.id.as_str().into(),
            mailbox_name: mailbox.name.as_str().into(),
            from: message.from.as_str().into(),
            from_name: message.from_name.as_str().into(),
            to: message.to.as_str().into(),
            call_id: message.call_id.as_str().into(),
            length_ms: message.length_ms,
        };
        let (account, what) = (mailbox.account.as_str().into(), Happening::VoicemailStored(Box::new(stored)));
        call_path.announce(Event { at: message.at, account, what });
    }

    /// Deletes messages past the retention of their mailboxes, and audio that belongs to nothing.
    pub(crate) async fn prune(&self, at: Timestamp) {
        let Some(api) = self.api() else { return };
        for mailbox in api.mailboxes() {
            if mailbox.retention_days == 0 {
                continue;
            }
            let kept = Duration::from_secs(u64::from(mailbox.retention_days) * 86_400);
            let micros = at.as_micros().saturating_sub(u64::try_from(kept.as_micros()).unwrap_or(u64::MAX));
            let old = self.store.messages_before(&mailbox.id, Timestamp::from_micros(micros)).await;
            let mut gone = false;
            for message in old.unwrap_or_default() {
                gone |= self.store.delete_message(&message).await.unwrap_or(false);
            }
            if gone {
                api.tell_waiting(&mailbox.id).await;
            }
        }
        if let Err(error) = self.store.sweep_voicemail().await {
            tracing::error!(%error, "audio of messages that are gone could not be removed");
        }
    }
}

/// What is to be played.
pub(crate) enum Found {
    /// Another clip.
    Clip(Clip),
    /// A WAV file.
    File(std::path::PathBuf),
    /// There is none.
    Nothing,
}

type Answer = Result<Told, String>;

fn done(is: bool) -> Told {
    Told::of(if is { Outcome::OK } else { Outcome::FAILED })
}

fn told(fault: impl std::fmt::Display) -> String {
    fault.to_string()
}

/// As people write it: `2026-11-22 04:30`.
pub(crate) fn written_time(local_s: u64) -> String {
    let seconds = i64::try_from(local_s).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y-%m-%d %H:%M").to_string()
}

/// How long a recording may take to be on disk.
const PATIENCE: Duration = Duration::from_secs(30);
