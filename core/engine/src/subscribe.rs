//! SUBSCRIBE (RFC 6665 §4.2.1): who watches whom, and the table of subscriptions at the home of the one watched.
//!
//! Subscriptions are soft state: after a restart phones are told 481 and subscribe anew.

use std::sync::Arc;

use hashbrown::HashMap;
use presence::{End, Package, Step, Subscription};
use routing::config::{Change, Connection};
use routing::reason::Reason;
use sip_msg::token::{Key, Token};
use sip_msg::{Message, Method, Name, answer};
use sip_stack::dialog::{Dialog, Order};
use sip_stack::timer::Timer;
use sip_stack::transport::{Flow, response_flow, stamp};
use sip_stack::{Slot, Slots, User};
use smallvec::SmallVec;
use timestamp::Timestamp;

use crate::outbox::Outbox;
use crate::owner::SUBSCRIPTION_KIND;
use crate::sender::Sender;
use crate::shard::{Shard, Sink};

/// One subscription: who is told what, and over which dialog.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Id of the watcher's connection, or account.
    pub(crate) watcher: Box<str>,
    /// Id of the connection watched.
    pub(crate) watched: Box<str>,
    /// Address of record of the one watched.
    pub(crate) user: Box<str>,
    /// What is watched of it.
    pub(crate) package: Package,
    /// Event as the watcher wrote it: name and id.
    pub(crate) event: Box<[u8]>,
    /// The dialog.
    pub(crate) dialog: Dialog,
    /// The machine.
    pub(crate) subscription: Subscription,
    /// Version of the next document.
    pub(crate) version: u32,
    /// Fingerprint of the state that the last NOTIFY showed.
    pub(crate) shown: u64,
    /// The calls in it.
    pub(crate) calls: Vec<String>,
    /// When its timer fires.
    armed: Option<Timestamp>,
}

/// All subscriptions to connections at home here.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    watches: Slots<Watch>,
    of: HashMap<Box<str>, SmallVec<[Slot; 2]>>,
    by_watcher: HashMap<Box<str>, usize>,
}

impl Subscriptions {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.watches.len()
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Watch> {
        self.watches.get(slot)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Watch> {
        self.watches.get_mut(slot)
    }

    /// Those to a connection.
    pub(crate) fn of(&self, watched: &str) -> SmallVec<[Slot; 2]> {
        self.of.get(watched).cloned().unwrap_or_default()
    }

    /// Those of a watcher; only asked when a connection changes or goes.
    fn by(&self, watcher: &str) -> Vec<Slot> {
        if !self.by_watcher.contains_key(watcher) {
            return Vec::new();
        }
        self.watches.iter().filter(|(_, watch)| *watch.watcher == *watcher).map(|(slot, _)| slot).collect()
    }

    fn is_full(&self, watcher: &str) -> bool {
        self.by_watcher.get(watcher).is_some_and(|count| *count >= MOST_OF_ONE)
    }

    fn insert(&mut self, watch: Watch) -> Slot {
        let (watcher, watched) = (watch.watcher.clone(), watch.watched.clone());
        let slot = self.watches.insert(watch);
        self.of.entry(watched).or_default().push(slot);
        *self.by_watcher.entry(watcher).or_default() += 1;
        slot
    }

    pub(crate) fn remove(&mut self, slot: Slot) {
        let Some(watch) = self.watches.remove(slot) else { return };
        if let Some(slots) = self.of.get_mut(&watch.watched) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.of.remove(&watch.watched);
            }
        }
        if let Some(count) = self.by_watcher.get_mut(&watch.watcher) {
            *count -= 1;
            if *count == 0 {
                self.by_watcher.remove(&watch.watcher);
            }
        }
    }
}

impl Shard {
    /// A SUBSCRIBE outside of dialogs, of somebody who is known.
    pub(crate) fn on_subscribe(
        &mut self,
        request: &Message<'_>,
        flow: Flow,
        sender: &Sender,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let event = request.field(Name::Event).unwrap_or_default();
        let Some(package) = Package::from_event(event) else {
            self.reply_bad_event(request, &flow, out);
            return;
        };
        let watched = match self.watchable(package, sender) {
            Ok(watched) => watched,
            Err(reason) => {
                if matches!(reason, Reason::OtherAccount | Reason::OwnOnly) {
                    let watcher = sender.connection().cloned();
                    self.note_refusal(request, &flow, reason, watcher.as_deref(), 403, now, out);
                }
                self.reply_reason(request, &flow, reason, true, out);
                return;
            }
        };
        if request.contact().is_none() {
            self.reply(request, &flow, 400, b"A SUBSCRIBE needs a Contact", &[], out);
            return;
        }
        if !package.accepted(request.values(Name::Accept)) {
            let fields: &[(Name, &[u8])] = &[(Name::Accept, package.content_type().as_bytes())];
            self.reply(request, &flow, 406, b"", fields, out);
            return;
        }
        let watcher: Box<str> =
            sender.connection().map_or_else(|| sender.account().as_str(), |c| c.id.as_str()).into();
        if self.subscriptions.is_full(&watcher) {
            self.forget_twin(&watcher, &watched, package, request);
        }
        if self.subscriptions.is_full(&watcher) {
            self.reply(request, &flow, 403, b"Too many subscriptions", &[], out);
            return;
        }
        if self.subscriptions.len() >= MOST {
            self.reply(request, &flow, 503, b"", &[(Name::RetryAfter, b"60")], out);
            return;
        }
        let (subscription, step) = match Subscription::begin(request.expires(), now) {
            Ok(begun) => begun,
            Err(least) => {
                self.reply_too_brief(request, &flow, least, out);
                return;
            }
        };
        let slot = self.subscriptions.watches.next_slot();
        let tag = self.subscription_tag(slot);
        let user = watched.user.as_deref().unwrap_or(&sender.parties.called_user);
        let inserted = self.subscriptions.insert(Watch {
            watcher,
            watched: watched.id.as_str().into(),
            user: self.uri_at(Some(&watched), user),
            package,
            event: event_with_id(event),
            dialog: Dialog::from_request(request, tag.as_ref(), flow),
            subscription,
            version: 0,
            shown: 0,
            calls: Vec::new(),
            armed: None,
        });
        debug_assert_eq!(inserted, slot);
        self.confirm_subscription(slot, request, flow, now, out);
        self.act(slot, step, now, out);
    }

    /// A phone that was cut off subscribes to the same again from the same contact, and knows nothing of before.
    fn forget_twin(&mut self, watcher: &str, watched: &Connection, package: Package, request: &Message<'_>) {
        let contact = request.contact().map_or(b"".as_slice(), |contact| contact.uri);
        let of = self.subscriptions.of(watched.id.as_str());
        let twin = of.into_iter().find(|slot| {
            self.subscriptions.get(*slot).is_some_and(|watch| {
                *watch.watcher == *watcher && watch.package == package && *watch.dialog.target == *contact
            })
        });
        if let Some(twin) = twin {
            self.subscriptions.remove(twin);
        }
    }

    /// Whom the sender asks to watch, if it may: within one account; its contacts, which are addresses of one
    /// side, and its messages are a user's own.
    fn watchable(&self, package: Package, sender: &Sender) -> Result<Arc<Connection>, Reason> {
        let watched = self.concerned(sender)?;
        if watched.account != *sender.account() {
            return Err(Reason::OtherAccount);
        }
        let own = sender.connection().is_some_and(|own| own.id == watched.id);
        if matches!(package, Package::MessageSummary | Package::Reg) && !own {
            return Err(Reason::OwnOnly);
        }
        Ok(watched)
    }

    /// A request within the dialog of a subscription.
    pub(crate) fn on_subscribed(
        &mut self,
        slot: Slot,
        shard: u8,
        request: &Message<'_>,
        flow: Flow,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let theirs = request.from().and_then(|from| from.tag()).unwrap_or_default();
        let watch = self.subscriptions.get_mut(slot).filter(|_| shard == self.index);
        let Some(watch) = watch.filter(|watch| watch.dialog.matches(request.call_id(), theirs)) else {
            self.reply(request, &flow, 481, b"", &[], out);
            return;
        };
        if watch.dialog.on_request(request) == Order::OutOfOrder {
            self.reply(request, &flow, 500, b"CSeq out of order", &[], out);
            return;
        }
        if request.method() != Method::Subscribe {
            self.reply(request, &flow, 405, b"", &[(Name::Allow, b"SUBSCRIBE")], out);
            return;
        }
        if Package::from_event(request.field(Name::Event).unwrap_or_default()) != Some(watch.package) {
            self.reply_bad_event(request, &flow, out);
            return;
        }
        let step = match watch.subscription.on_subscribe(request.expires(), now) {
            Ok(step) => step,
            Err(least) => {
                self.reply_too_brief(request, &flow, least, out);
                return;
            }
        };
        // The way it came is the way back, also when the phone's address has changed.
        watch.dialog.flow = flow;
        watch.dialog.refresh_target(request);
        self.confirm_subscription(slot, request, flow, now, out);
        self.act(slot, step, now, out);
    }

    fn confirm_subscription(
        &mut self,
        slot: Slot,
        request: &Message<'_>,
        flow: Flow,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(via) = request.via() else { return };
        let Some(watch) = self.subscriptions.get(slot) else { return };
        let (left, sips) = (watch.subscription.left(now), watch.dialog.wants_sips());
        let tag = self.subscription_tag(slot);
        let shown = self.listeners.shown(&flow, self.book.as_mut());
        let contact = b2bua::contact(&flow, &shown, sips);
        let server = self.transactions.open(request, response_flow(&via, &flow));
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        self.transactions.respond(server, 200, now, &mut sink, &mut |buffer| {
            let mut writer = answer(buffer, request, 200, b"", tag.as_ref(), stamp(&via, flow.remote));
            writer.copy(request, Name::RecordRoute);
            writer.field(Name::Contact, contact.as_bytes()).number(Name::Expires, left);
            writer.end();
        });
    }

    pub(crate) fn reply_too_brief(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        least: u32,
        out: &mut Outbox,
    ) {
        let least = least.to_string();
        self.reply(request, flow, 423, b"", &[(Name::MinExpires, least.as_bytes())], out);
    }

    /// Does what the machine says, and sets its timer.
    pub(crate) fn act(&mut self, slot: Slot, step: Step, now: Timestamp, out: &mut Outbox) {
        match step {
            Step::Nothing => {}
            Step::Notify => self.notify(slot, None, now, out),
            Step::Farewell(end) => {
                self.notify(slot, Some(end), now, out);
                self.subscriptions.remove(slot);
            }
            Step::Forget => self.subscriptions.remove(slot),
        }
        let Some(watch) = self.subscriptions.get_mut(slot) else { return };
        let at = watch.subscription.next_timeout();
        // One timer at a time: one that fires before its time is set again.
        if watch.armed.is_none_or(|armed| at < armed) {
            watch.armed = Some(at);
            self.wheel.set(at, Timer::User(User::Subscription(slot), 0));
        }
    }

    pub(crate) fn on_subscription_timer(&mut self, slot: Slot, now: Timestamp, out: &mut Outbox) {
        let Some(watch) = self.subscriptions.get_mut(slot) else { return };
        if watch.armed.is_some_and(|armed| now < armed) {
            return;
        }
        watch.armed = None;
        let step = watch.subscription.on_timer(now);
        self.act(slot, step, now, out);
    }

    /// A row changed: who is gone or disabled is not watched any more, and watches nobody.
    pub(crate) fn watched_reconfigured(&mut self, change: &Change, now: Timestamp, out: &mut Outbox) {
        let (id, ends) = match change {
            Change::ConnectionGone(id) => (id, Some((End::NoResource, End::Rejected))),
            Change::Connection(row) if !row.enabled => (&row.id, Some((End::Deactivated, End::Rejected))),
            // Another user is another address of record, with another home.
            Change::Connection(row) if self.renamed(row) => {
                (&row.id, Some((End::Deactivated, End::Deactivated)))
            }
            _ => return,
        };
        if matches!(change, Change::ConnectionGone(_)) {
            self.publications.forget(id.as_str());
        }
        let Some((watched, watching)) = ends else { return };
        for slot in self.subscriptions.of(id.as_str()) {
            self.end_subscription(slot, watched, now, out);
        }
        for slot in self.subscriptions.by(id.as_str()) {
            self.end_subscription(slot, watching, now, out);
        }
    }

    fn renamed(&self, row: &Connection) -> bool {
        let Some(user) = row.user.as_deref() else { return false };
        let uri = self.uri_at(Some(row), user);
        let of = self.subscriptions.of(row.id.as_str());
        of.iter().any(|slot| self.subscriptions.get(*slot).is_some_and(|watch| watch.user != uri))
    }

    fn end_subscription(&mut self, slot: Slot, why: End, now: Timestamp, out: &mut Outbox) {
        let Some(watch) = self.subscriptions.get_mut(slot) else { return };
        let step = watch.subscription.on_end(why);
        self.act(slot, step, now, out);
    }

    fn subscription_tag(&self, slot: Slot) -> Token {
        let (slot, generation) = (slot.index, slot.generation);
        self.mint.token(Key { shard: self.index, kind: SUBSCRIPTION_KIND, slot, generation })
    }
}

/// Event of every NOTIFY: the package and the watcher's id, nothing else (RFC 6665 §8.2.1).
fn event_with_id(event: &[u8]) -> Box<[u8]> {
    let mut parts = event.split(|&b| b == b';').map(<[u8]>::trim_ascii);
    let mut kept = parts.next().unwrap_or_default().to_vec();
    for part in parts.filter(|part| part.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"id="))) {
        kept.push(b';');
        kept.extend_from_slice(part);
    }
    kept.into()
}

/// Of one watcher, for each shard: a phone with three extension modules has some 120 lamps, a user has several phones,
/// and one that was restarted at another port is remembered at both for a while.
const MOST_OF_ONE: usize = 1000;
/// In all, for each shard.
const MOST: usize = 100_000;
