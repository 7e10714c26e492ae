//! `/mailboxes`: where callers leave messages.

use std::sync::Arc;

use routing::config::Mailbox;
use utoipa_axum::router::OpenApiRouter;

use super::collections::{Rehearsal, collection, list_query};
use crate::edge::{Caller, Scope};
use crate::problem::Problem;
use crate::{Api, openapi};

list_query! {
    /// Which mailboxes.
    Mailboxes {
        /// Of this account: id or name.
        account: String,
        /// With this name.
        name: String,
        /// With this number.
        number: String,
        /// That takes the messages of this connection.
        connection: String,
    }
}

collection! {
    Mailbox, "mailboxes", "/mailboxes", "/mailboxes/{id}", "/mailboxes/batch",
    Mailbox NewMailbox MailboxChange MailboxPage MailboxBatch,
    read Scope::ConnectionsRead, write Scope::ConfigWrite, create |_: &Caller| Ok::<_, Problem>(()),
    list Mailboxes wanted
}

fn wanted(rows: &crate::Rows, row: &Mailbox, query: &Mailboxes) -> bool {
    let takes = |id: &String| {
        let connection = rows.connections.get(id);
        let named = connection.and_then(|connection| connection.dialled.mailbox.as_ref());
        named.map_or_else(
            || row.connection.as_ref().is_some_and(|own| own.as_str() == id),
            |named| *named == row.id,
        )
    };
    query.account.as_ref().is_none_or(|a| rows.account(a).is_some_and(|a| a.id == row.account))
        && query.name.as_ref().is_none_or(|name| row.name == *name)
        && query.number.as_ref().is_none_or(|number| row.number.as_ref() == Some(number))
        && query.connection.as_ref().is_none_or(takes)
}

pub(super) fn router() -> OpenApiRouter<Arc<Api>> {
    collection()
}
