//! NOTIFY (RFC 6665 §4.2.2): the state of a connection as each event package shows it, sent when it changes.

use core::hash::Hasher;
use core::time::Duration;
use std::hash::DefaultHasher;

use presence::dialog_info::{self, Party, Progress};
use presence::pidf::{self, Known};
use presence::reginfo::{self, Contact};
use presence::{Answer, End, Package, message_summary};
use routing::config::{Connection, Kind};
use sip_msg::{Message, Name, Uri};
use sip_stack::dialog::RequestLine;
use sip_stack::transaction::{NOBODY, Outgoing};
use sip_stack::{Slot, User};
use timestamp::Timestamp;

use crate::outbox::Outbox;
use crate::places::{Place, Remote};
use crate::shard::{Shard, Sink};
use crate::standing::State;
use crate::subscribe::Watch;

/// What a NOTIFY shows, without version.
struct Shown {
    body: String,
    calls: Vec<String>,
}

impl Shard {
    /// Calls of a connection have changed.
    pub(crate) fn calls_changed(&mut self, connection: &str, now: Timestamp, out: &mut Outbox) {
        self.state_changed(connection, &[Package::Dialog, Package::Presence], now, out);
    }

    /// Contacts of a connection have changed.
    pub(crate) fn contacts_changed(&mut self, connection: &str, now: Timestamp, out: &mut Outbox) {
        self.state_changed(connection, &[Package::Presence, Package::Reg], now, out);
    }

    /// Tells those who watch, unless the document would say the same.
    pub(crate) fn state_changed(
        &mut self,
        connection: &str,
        packages: &[Package],
        now: Timestamp,
        out: &mut Outbox,
    ) {
        if self.subscriptions.len() == 0 {
            return;
        }
        for slot in self.subscriptions.of(connection) {
            let Some(watch) = self.subscriptions.get(slot) else { continue };
            if !packages.contains(&watch.package) || fingerprint(&self.state(watch, now).body) == watch.shown
            {
                continue;
            }
            if let Some(watch) = self.subscriptions.get_mut(slot) {
                let step = watch.subscription.on_change();
                self.act(slot, step, now, out);
            }
        }
    }

    /// Sends the state as it is now; with an end for the last time.
    pub(crate) fn notify(&mut self, slot: Slot, end: Option<End>, now: Timestamp, out: &mut Outbox) {
        let Some(Shown { body, calls }) = self.subscriptions.get(slot).map(|watch| self.state(watch, now))
        else {
            return;
        };
        let Some(watch) = self.subscriptions.get_mut(slot) else { return };
        let document = match watch.package {
            Package::Dialog => dialog_info::document(&watch.user, watch.version, &body),
            Package::Reg => reginfo::document(watch.version, &body),
            Package::MessageSummary | Package::Presence => body.clone(),
        };
        watch.version = watch.version.wrapping_add(1) & 0x7fff_ffff;
        // What has just been shown as terminated is not shown again, so it is no part of what was shown.
        watch.calls = calls;
        let state = match end {
            Some(end) => format!("terminated;reason={}", end.name()),
            None => format!("active;expires={}", watch.subscription.left(now)),
        };
        let flow = watch.dialog.flow;
        let cseq = watch.dialog.next_cseq();
        let watch = &*watch;
        let shown = self.listeners.shown(&flow, self.book.as_mut());
        let contact = b2bua::contact(&flow, &shown, watch.dialog.wants_sips());
        let purpose = if end.is_some() { NOBODY } else { 0 };
        let outgoing = Outgoing { flow, invite: false, user: User::Subscription(slot), purpose };
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        self.transactions.request(outgoing, now, &mut sink, &mut |buffer, branch| {
            let via = b2bua::via(&flow, &shown, branch);
            let line = RequestLine { method: b"NOTIFY", via: via.as_bytes(), cseq, max_forwards: 70 };
            let mut writer = watch.dialog.write(buffer, &line);
            writer.field(Name::Contact, contact.as_bytes()).field(Name::UserAgent, b"Trunkline");
            writer.field(Name::Event, &watch.event).field(Name::SubscriptionState, state.as_bytes());
            writer.body(watch.package.content_type().as_bytes(), document.as_bytes());
        });
        let after = self.subscriptions.get(slot).map(|watch| fingerprint(&self.state(watch, now).body));
        if let (Some(watch), Some(after)) = (self.subscriptions.get_mut(slot), after) {
            watch.shown = after;
        }
    }

    /// A NOTIFY was answered; without a response it was not.
    pub(crate) fn on_notify_answer(
        &mut self,
        slot: Slot,
        response: Option<&Message<'_>>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let answer = match response {
            Some(response) if response.code() < 200 => return,
            Some(response) if response.code() < 300 => Answer::Taken,
            Some(response) => retry_after(response).map_or(Answer::Failed, Answer::Later),
            None => Answer::Failed,
        };
        let Some(watch) = self.subscriptions.get_mut(slot) else { return };
        let step = watch.subscription.on_answer(answer, now);
        self.act(slot, step, now, out);
    }

    fn state(&self, watch: &Watch, now: Timestamp) -> Shown {
        let mut calls = Vec::new();
        let places = self.places.calls(&watch.watched);
        let body = match watch.package {
            Package::Dialog => {
                let own = self.tables.connection_by_text(&watch.watched).map(|own| &**own);
                let dialogs = dialogs(places, &|remote| self.other_side(own, remote));
                calls = dialogs.iter().map(|dialog| dialog.id.clone()).collect();
                let gone: Vec<&str> =
                    watch.calls.iter().filter(|id| !calls.contains(*id)).map(String::as_str).collect();
                dialog_info::body(&watch.user, &dialogs, &gone)
            }
            Package::MessageSummary => {
                message_summary::document(&watch.user, self.messages_waiting.of(&watch.watched))
            }
            Package::Presence => {
                let published = self.publications.of(&watch.watched);
                let on_the_phone = places.iter().any(|place| place.progress == Progress::Confirmed);
                let known = Known {
                    reachable: self.reachable(&watch.watched, now),
                    on_the_phone,
                    published: &published,
                };
                pidf::document(&watch.user, &known)
            }
            Package::Reg => {
                let rows = self.location.of(&watch.watched, now);
                let contacts: Vec<_> = rows
                    .iter()
                    .map(|row| Contact {
                        uri: &row.contact,
                        expires_s: row.expires_at.since(now).as_secs(),
                        registered_s: now.since(row.since).as_secs(),
                        q: row.q,
                    })
                    .collect();
                reginfo::body(&watch.user, &contacts, self.location.has_seen(&watch.watched))
            }
        };
        Shown { body, calls }
    }

    /// The other side of a call as a connection sees it.
    fn other_side(&self, connection: Option<&Connection>, remote: &Remote) -> Party {
        match remote {
            Remote::Called { user } => Party { uri: self.uri_at(connection, user), display: Box::default() },
            Remote::Calling { uri, display } => {
                let user = Uri::parse(uri.as_bytes()).and_then(|uri| uri.user).unwrap_or_default();
                let uri = self.uri_at(connection, &String::from_utf8_lossy(user));
                Party { uri, display: (&**display).into() }
            }
        }
    }

    /// Whether calls to a connection have somewhere to go.
    fn reachable(&self, connection: &str, now: Timestamp) -> bool {
        let Some(row) = self.tables.connection_by_text(connection) else { return false };
        match row.kind {
            Kind::Device | Kind::RegisterIn => !self.location.of(connection, now).is_empty(),
            Kind::RegisterOut | Kind::Trunk => {
                !matches!(self.state_of(row, now), State::Disabled | State::Down)
            }
            Kind::Virtual => false,
        }
    }
}

/// The calls of a connection that a document shows: the oldest, as many as a datagram may hold. A trunk has thousands.
fn dialogs(places: &[Place], party: &dyn Fn(&Remote) -> Party) -> Vec<dialog_info::Dialog> {
    let dialog = |place: &Place| dialog_info::Dialog {
        id: id_of(place.holder, place.from),
        initiator: place.from,
        progress: place.progress,
        remote: place.remote.as_ref().map(party),
    };
    places.iter().take(MOST_SHOWN).map(dialog).collect()
}

/// Tells a call from the others of the same connection.
fn id_of((shard, slot): (u8, Slot), from: bool) -> String {
    let side = if from { 'i' } else { 'r' };
    format!("{shard:x}-{:x}-{:x}{side}", slot.index, slot.generation)
}

fn fingerprint(body: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(body.as_bytes());
    hasher.finish()
}

/// Retry-After, a day at most; what follows the number is words (RFC 3261 §20.33).
fn retry_after(response: &Message<'_>) -> Option<Duration> {
    let value = core::str::from_utf8(response.field(Name::RetryAfter)?).ok()?;
    let digits = value.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(|seconds: u64| Duration::from_secs(seconds.clamp(1, 86_400)))
}

/// Calls in one document.
const MOST_SHOWN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_a_busy_trunk_stays_small() {
        let place = |index| Place {
            holder: (1, Slot { index, generation: 7 }),
            from: true,
            progress: Progress::Confirmed,
            remote: None,
        };
        for (calls, shown) in [(0, 0), (1, 1), (32, 32), (5000, 32)] {
            let places: Vec<_> = (0..calls).map(place).collect();
            let nobody = |_: &Remote| Party { uri: Box::default(), display: Box::default() };
            let dialogs = dialogs(&places, &nobody);
            assert_eq!(dialogs.len(), shown);
            assert!(dialogs.first().is_none_or(|first| first.id == "1-0-7i"), "the oldest");
        }
    }
}
