//! Mailboxes as calls need them: found or made, and how many messages wait told to the shards.

use std::sync::Arc;

use engine::control::{Ask, Summary, Waiting};
use routing::config::{AccountId, Attachments, Change, Connection, Greeting, Kind, Mailbox, MailboxId};
use store::{MessageCounts, hash_pin, new_id};
use timestamp::Timestamp;

use crate::Api;
use crate::collection::commit;
use crate::edge::Caller;
use crate::problem::Problem;
use crate::rows::Rows;

impl Api {
    /// A mailbox by its id.
    pub fn mailbox(&self, id: &str) -> Option<Arc<Mailbox>> {
        self.rows().mailboxes.get(id).cloned()
    }

    /// Every mailbox.
    pub fn mailboxes(&self) -> Vec<Arc<Mailbox>> {
        self.rows().mailboxes.all().map(|kept| Arc::clone(&kept.row)).collect()
    }

    /// The mailbox of an account with this id, name or number.
    pub fn mailbox_named(&self, account: &str, reference: &str) -> Option<Arc<Mailbox>> {
        let rows = self.rows();
        let fits = |row: &Mailbox| {
            row.id.as_str() == reference || row.name == reference || row.number.as_deref() == Some(reference)
        };
        let mut own = rows.mailboxes.all().filter(|kept| kept.row.account.as_str() == account);
        own.find(|kept| fits(&kept.row)).map(|kept| Arc::clone(&kept.row))
    }

    /// The mailbox of a connection, if it has one.
    pub fn mailbox_of(&self, connection: &str) -> Option<Arc<Mailbox>> {
        mailbox_of(&self.rows(), connection).cloned()
    }

    /// Whether this connection is a phone whose messages lie there.
    pub fn is_phone_of(&self, connection: &str, mailbox: &MailboxId) -> bool {
        let rows = self.rows();
        let phone = rows.connections.get(connection).is_some_and(|row| row.kind == Kind::Device);
        phone && mailbox_of(&rows, connection).is_some_and(|own| own.id == *mailbox)
    }

    /// What the clocks of an account show then, in seconds since their 1970.
    pub fn clock_of(&self, account: &AccountId, at: Timestamp) -> u64 {
        let rows = self.rows();
        rows.accounts.get(account.as_str()).map_or(at.as_secs(), |account| account.zone.local(at))
    }

    /// The mailbox of a connection; made if it has none.
    pub async fn own_mailbox(self: &Arc<Self>, connection: &str) -> Result<Option<Arc<Mailbox>>, Problem> {
        if let Some(known) = self.mailbox_of(connection) {
            return Ok(Some(known));
        }
        let turn = self.turn().await;
        let made = {
            let rows = self.rows();
            if let Some(known) = mailbox_of(&rows, connection) {
                return Ok(Some(Arc::clone(known)));
            }
            let Some(connection) = rows.connections.get(connection) else { return Ok(None) };
            Arc::new(fresh(&rows, connection))
        };
        commit(self, turn, &Caller::system(), vec![Change::Mailbox(Arc::clone(&made))]).await?;
        Ok(Some(made))
    }

    /// Changes a mailbox as its owner does at a telephone.
    pub async fn change_mailbox(
        self: &Arc<Self>,
        id: &str,
        change: impl FnOnce(&mut Mailbox),
    ) -> Result<bool, Problem> {
        let turn = self.turn().await;
        let Some(row) = self.mailbox(id) else { return Ok(false) };
        let mut row = Mailbox::clone(&row);
        change(&mut row);
        commit(self, turn, &Caller::system(), vec![Change::Mailbox(Arc::new(row))]).await?;
        Ok(true)
    }

    /// Gives a mailbox a new PIN.
    pub async fn set_pin(self: &Arc<Self>, id: &str, pin: &str) -> Result<bool, Problem> {
        let pin = pin.to_owned();
        let hashed = tokio::task::spawn_blocking(move || hash_pin(&pin)).await;
        let hashed = hashed.map_err(|fault| Problem::new(crate::Code::Fault, fault.to_string()))??;
        self.change_mailbox(id, |row| row.pin = Some(hashed)).await
    }

    /// Tells phones how many messages wait in a mailbox.
    pub async fn tell_waiting(&self, mailbox: &MailboxId) {
        match self.store.message_counts(mailbox).await {
            Ok(counts) => {
                let told = self.told(mailbox, counts);
                self.shards.ask(Ask::MessagesWaiting(told)).await;
            }
            Err(error) => tracing::error!(%error, "messages could not be counted"),
        }
    }

    /// Tells phones how many messages wait in every mailbox, as a server does that has just begun.
    pub async fn tell_all_waiting(&self) {
        match self.store.all_message_counts().await {
            Ok(mut counts) => {
                for mailbox in self.mailboxes().iter().filter(|mailbox| mailbox.unsolicited) {
                    counts.entry(mailbox.id.as_str().to_owned()).or_default();
                }
                let told = counts.into_iter().flat_map(|(id, counts)| self.told(&id.as_str().into(), counts));
                let told = told.collect();
                self.shards.ask(Ask::MessagesWaiting(told)).await;
            }
            Err(error) => tracing::error!(%error, "messages could not be counted"),
        }
    }

    /// The connections whose phones are told of a mailbox, and what.
    fn told(&self, mailbox: &MailboxId, counts: MessageCounts) -> Vec<Summary> {
        let rows = self.rows();
        let Some(row) = rows.mailboxes.get(mailbox.as_str()) else { return Vec::new() };
        let own = row
            .connection
            .iter()
            .filter(|own| mailbox_of(&rows, own.as_str()).is_some_and(|of| of.id == *mailbox));
        let named = rows.connections.all().filter(|kept| kept.row.dialled.mailbox.as_ref() == Some(mailbox));
        let waiting = Waiting { new: counts.new, old: counts.old };
        let named = named.map(|kept| kept.row.id.clone()).filter(|id| row.connection.as_ref() != Some(id));
        let unsolicited = row.unsolicited;
        own.cloned().chain(named).map(|connection| Summary { connection, waiting, unsolicited }).collect()
    }
}

/// The one that a connection names, or else the one that is there for it.
fn mailbox_of<'r>(rows: &'r Rows, connection: &str) -> Option<&'r Arc<Mailbox>> {
    let row = rows.connections.get(connection)?;
    match &row.dialled.mailbox {
        Some(named) => rows.mailboxes.get(named.as_str()),
        None => {
            let own = |mailbox: &Mailbox| mailbox.connection.as_ref() == Some(&row.id);
            rows.mailboxes.all().map(|kept| &kept.row).find(|mailbox| own(mailbox))
        }
    }
}

/// The mailbox that a connection gets at its first message: named after it, and with its number if that is free.
fn fresh(rows: &Rows, connection: &Connection) -> Mailbox {
    let others = || rows.mailboxes.all().filter(|kept| kept.row.account == connection.account);
    let free = |name: &String| !others().any(|kept| kept.row.name == *name);
    let names = (2_u32..).map(|n| format!("{} {n}", connection.name));
    let name = core::iter::once(connection.name.clone()).chain(names).find(free);
    let number = connection.user.clone().filter(|user| user.bytes().all(|b| b.is_ascii_digit()));
    let number = number.filter(|number| !others().any(|kept| kept.row.number.as_ref() == Some(number)));
    Mailbox {
        id: MailboxId::from(new_id("box").as_str()),
        name: name.unwrap_or_else(|| connection.id.to_string()),
        account: connection.account.clone(),
        number,
        connection: Some(connection.id.clone()),
        greeting: Greeting::Default,
        email: None,
        attach: Attachments::default(),
        max_s: 180,
        max_messages: 100,
        retention_days: 30,
        language: None,
        transcribe: true,
        unsolicited: false,
        pin: None,
    }
}
