//! Messages that callers left in mailboxes: rows, and their audio beside the database.
//!
//! The audio of a message lies in `voicemail/ACCOUNT/ID.wav`, the greeting of a mailbox likewise under the mailbox's id. A row is
//! written after its file is complete and deleted before it; a file without a row is swept away.

use std::collections::{HashMap, HashSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use routing::config::{AccountId, MailboxId};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, Sqlite};
use timestamp::Timestamp;

use crate::error::StoreError;
use crate::page::{Page, PageQuery};
use crate::{Store, clock, mail};

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VoiceMessage {
    /// `vm_…`; sorts by age.
    pub id: String,
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Owner.
    pub account: AccountId,
    /// When it was left.
    #[serde(with = "clock::text")]
    pub at: Timestamp,
    /// Whether somebody heard it.
    pub state: MessageState,
    /// Number or user of the caller; empty if withheld.
    pub from: String,
    /// The caller's name.
    pub from_name: String,
    /// What was dialled.
    pub to: String,
    /// The call.
    pub call_id: String,
    /// How long it is.
    pub length_ms: u64,
    /// Octets of its audio.
    pub bytes: u64,
    /// What is said in it.
    pub transcript: Transcript,
}

/// Whether somebody heard a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Nobody did.
    New,
    /// Somebody did.
    Old,
    /// Somebody did, and wants to keep it.
    Saved,
}

/// What is said in a message, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transcript {
    /// `none`, or how far its transcription is: `queued`, `running`, `done`, `failed` or `no_engine`.
    pub state: String,
    /// The words; or why there are none.
    pub text: String,
}

/// How many messages a mailbox holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// That nobody heard.
    pub new: u32,
    /// That somebody heard, saved ones among them.
    pub old: u32,
}

/// Which messages.
#[derive(Clone, Debug, Default)]
pub struct MessageQuery {
    /// Which part of them.
    pub page: PageQuery,
    /// In this mailbox.
    pub mailbox: String,
    /// In this state.
    pub state: Option<MessageState>,
}

impl MessageState {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
            Self::Saved => "saved",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::New, Self::Old, Self::Saved].into_iter().find(|state| state.as_str() == name)
    }
}

impl MessageCounts {
    /// All of them.
    pub fn all(self) -> u32 {
        self.new.saturating_add(self.old)
    }
}

impl Transcript {
    /// In this state, without words.
    pub fn in_state(state: &str) -> Self {
        Self { state: state.to_owned(), text: String::new() }
    }
}

impl Store {
    /// Where the audio of a message is, or of a mailbox's greeting.
    pub fn voicemail_file(&self, account: &AccountId, id: &str) -> PathBuf {
        self.shared.folder.path("voicemail").join(account.as_str()).join(format!("{id}.wav"))
    }

    /// Keeps a message with its audio, a whole WAV file, and with it the wish to tell these addresses. The recording that
    /// it was belongs to no mailbox any more, whatever happens then.
    pub async fn keep_message(
        &self,
        message: &VoiceMessage,
        audio: Vec<u8>,
        mail_to: &[String],
        recording: &str,
    ) -> Result<(), StoreError> {
        let _sweeper_waits = self.shared.voicemail.lock().await;
        self.write_voicemail(&message.account, &message.id, audio).await?;
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT INTO messages (id, account, mailbox, at, state, caller, caller_name, dialled, call, length_ms, \
             bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&message.id)
        .bind(message.account.as_str())
        .bind(message.mailbox.as_str())
        .bind(clock::stored(message.at))
        .bind(message.state.as_str())
        .bind(&message.from)
        .bind(&message.from_name)
        .bind(&message.to)
        .bind(&message.call_id)
        .bind(i64::try_from(message.length_ms).unwrap_or(i64::MAX))
        .bind(i64::try_from(message.bytes).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?;
        mail::queue(&mut tx, message, mail_to).await?;
        let kept = sqlx::query("UPDATE recordings SET mailbox = NULL WHERE id = ?").bind(recording);
        kept.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps the greeting of a mailbox, a whole WAV file.
    pub async fn keep_greeting(
        &self,
        account: &AccountId,
        mailbox: &MailboxId,
        audio: Vec<u8>,
    ) -> Result<(), StoreError> {
        let _sweeper_waits = self.shared.voicemail.lock().await;
        self.write_voicemail(account, mailbox.as_str(), audio).await
    }

    /// Puts a file in place, whole or not at all, also across a loss of power.
    async fn write_voicemail(&self, account: &AccountId, id: &str, audio: Vec<u8>) -> Result<(), StoreError> {
        let path = self.voicemail_file(account, id);
        let place = path.clone();
        let write = move || {
            let folder = path.parent().unwrap_or(&path);
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let draft = path.with_extension("part");
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            file.write_all(&audio)?;
            file.sync_all()?;
            std::fs::rename(&draft, &path)?;
            File::open(folder)?.sync_all()
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(StoreError::internal)?;
        written.map_err(StoreError::folder(place))
    }

    /// Messages, newest first.
    pub async fn messages(&self, query: &MessageQuery) -> Result<Page<VoiceMessage>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(MESSAGES);
        sql.push(" WHERE mailbox = ").push_bind(query.mailbox.clone());
        if let Some(state) = query.state {
            sql.push(" AND messages.state = ").push_bind(state.as_str());
        }
        query.page.push_by_id(&mut sql);
        let rows = sql.build().fetch_all(&self.shared.readers).await?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page::cut(&query.page, rows, |message: &VoiceMessage| message.id.clone()))
    }

    /// One message.
    pub async fn message(&self, id: &str) -> Result<Option<VoiceMessage>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(MESSAGES);
        sql.push(" WHERE id = ").push_bind(id.to_owned());
        let row = sql.build().fetch_optional(&self.shared.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// The message of a mailbox that comes behind `after`, the oldest first: a new one, or one that was heard.
    pub async fn next_message(
        &self,
        mailbox: &MailboxId,
        new: bool,
        after: &str,
    ) -> Result<Option<VoiceMessage>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(MESSAGES);
        sql.push(" WHERE mailbox = ").push_bind(mailbox.to_string());
        sql.push(" AND (messages.state = 'new') = ").push_bind(new);
        sql.push(" AND id > ").push_bind(after.to_owned()).push(" ORDER BY id LIMIT 1");
        let row = sql.build().fetch_optional(&self.shared.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// Says whether somebody heard a message; the message, if there is one.
    pub async fn set_message_state(
        &self,
        id: &str,
        state: MessageState,
    ) -> Result<Option<VoiceMessage>, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        sqlx::query("UPDATE messages SET state = ? WHERE id = ?")
            .bind(state.as_str())
            .bind(id)
            .execute(&mut writers.config)
            .await?;
        drop(writers);
        self.message(id).await
    }

    /// Deletes a message: its row, its audio, its words, and mails that wait to tell of it. Whether there was one.
    pub async fn delete_message(&self, message: &VoiceMessage) -> Result<bool, StoreError> {
        let mut writers = self.shared.writers.lock().await;
        let mut tx = writers.config.begin_with("BEGIN IMMEDIATE").await?;
        let gone =
            sqlx::query("DELETE FROM messages WHERE id = ?").bind(&message.id).execute(&mut *tx).await?;
        tx.commit().await?;
        drop(writers);
        let file = self.voicemail_file(&message.account, &message.id);
        match tokio::fs::remove_file(&file).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::folder(file)(error))
            }
            Ok(()) | Err(_) => Ok(gone.rows_affected() > 0),
        }
    }

    /// How many messages a mailbox holds.
    pub async fn message_counts(&self, mailbox: &MailboxId) -> Result<MessageCounts, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) FILTER (WHERE state = 'new') AS new, COUNT(*) AS total FROM messages WHERE mailbox = ?",
        )
        .bind(mailbox.as_str())
        .fetch_one(&self.shared.readers)
        .await?;
        counts(&row)
    }

    /// How many messages every mailbox holds that has any.
    pub async fn all_message_counts(&self) -> Result<HashMap<String, MessageCounts>, StoreError> {
        let rows = sqlx::query(
            "SELECT mailbox, COUNT(*) FILTER (WHERE state = 'new') AS new, COUNT(*) AS total FROM messages \
             GROUP BY mailbox",
        )
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("mailbox")?, counts(row)?))).collect()
    }

    /// Messages of a mailbox that were left before, saved ones aside.
    pub async fn messages_before(
        &self,
        mailbox: &MailboxId,
        at: Timestamp,
    ) -> Result<Vec<VoiceMessage>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(MESSAGES);
        sql.push(" WHERE mailbox = ").push_bind(mailbox.to_string());
        sql.push(" AND at < ").push_bind(clock::stored(at));
        let rows = sql.push(" AND messages.state <> 'saved' LIMIT 1000").build();
        let rows = rows.fetch_all(&self.shared.readers).await?;
        rows.iter().map(read).collect()
    }

    /// Takes away audio that belongs to no message and no mailbox. How many files.
    pub async fn sweep_voicemail(&self) -> Result<usize, StoreError> {
        let _nothing_is_kept = self.shared.voicemail.lock().await;
        let known: Vec<String> =
            sqlx::query_scalar("SELECT id FROM messages UNION ALL SELECT id FROM mailboxes")
                .fetch_all(&self.shared.readers)
                .await?;
        let known: HashSet<String> = known.into_iter().collect();
        let folder = self.shared.folder.path("voicemail");
        let sweep = move || -> std::io::Result<usize> {
            let mut gone = 0;
            for account in entries(&folder)? {
                for file in entries(&account)? {
                    let id = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                    if !known.contains(id) {
                        std::fs::remove_file(&file)?;
                        gone += 1;
                    }
                }
                // Only an empty folder goes.
                let _ = std::fs::remove_dir(&account);
            }
            Ok(gone)
        };
        let folder = self.shared.folder.path("voicemail");
        let swept = tokio::task::spawn_blocking(sweep).await.map_err(StoreError::internal)?;
        swept.map_err(StoreError::folder(folder))
    }
}

fn entries(folder: &std::path::Path) -> std::io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn counts(row: &SqliteRow) -> Result<MessageCounts, StoreError> {
    let (new, total): (u32, u32) = (row.try_get("new")?, row.try_get("total")?);
    Ok(MessageCounts { new, old: total.saturating_sub(new) })
}

fn read(row: &SqliteRow) -> Result<VoiceMessage, StoreError> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let number = |name: &str| row.try_get::<i64, _>(name).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(VoiceMessage {
        id: text("id")?,
        mailbox: MailboxId::from(text("mailbox")?.as_str()),
        account: AccountId::from(text("account")?.as_str()),
        at: clock::loaded(row.try_get("at")?),
        state: MessageState::from_name(&text("state")?).unwrap_or(MessageState::Old),
        from: text("caller")?,
        from_name: text("caller_name")?,
        to: text("dialled")?,
        call_id: text("call")?,
        length_ms: number("length_ms")?,
        bytes: number("bytes")?,
        transcript: Transcript { state: text("transcript_state")?, text: text("transcript_text")? },
    })
}

/// What is said in a message is known to the queue of transcriptions.
const MESSAGES: &str = "SELECT messages.*, coalesce(transcriptions.state, 'none') AS transcript_state, \
     coalesce(transcriptions.text, transcriptions.why, '') AS transcript_text \
     FROM messages LEFT JOIN transcriptions ON transcriptions.subject = messages.id";
