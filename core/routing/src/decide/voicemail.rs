//! Who leaves a message where nobody takes the call, and who hears its own: `*97` of a phone.

use std::sync::Arc;

use crate::config::{CallFlow, Connection, DialAction, Kind};
use crate::decision::Attached;

/// Whether calls to a connection that nobody takes leave a message: those of devices and virtual connections do unless they say
/// otherwise, those of others where they say so.
pub(super) fn takes_messages(connection: &Connection) -> bool {
    let usual = matches!(connection.kind, Kind::Device | Kind::Virtual);
    let bridges = connection.dialled.action == DialAction::Bridge;
    connection.enabled && bridges && connection.dialled.voicemail.unwrap_or(usual)
}

/// What answers where nothing of a connection can ring.
pub(super) fn instead_of(connection: &Arc<Connection>) -> Option<Attached> {
    takes_messages(connection).then(|| Attached::voicemail(connection))
}

/// The mailbox of whoever calls, if that is what was dialled.
pub(super) fn visit(caller: &Arc<Connection>, dialled: &str) -> Option<Attached> {
    let phone = matches!(caller.kind, Kind::Device | Kind::RegisterIn | Kind::Virtual);
    (phone && dialled == OWN_MAILBOX).then(|| Attached {
        flow: Arc::new(CallFlow::own("mailbox", &caller.account)),
        connection: Some(Arc::clone(caller)),
    })
}

/// As on most telephone systems.
const OWN_MAILBOX: &str = "*97";
