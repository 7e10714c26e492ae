//! Our registrations elsewhere (RFC 3261 §10.2): each lives at the home of its connection and is kept alive there.
//!
//! Every shard knows the marks of our Contacts and the addresses of registrars, since a call may come in anywhere.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hashbrown::HashMap;
use peering::{
    Mark, MarkKey, Moment, News, Order, OurContact, RegisterLine, Registration, Terms, Why, marks_in,
    write_register,
};
use routing::config::{Connection, ConnectionId, Kind};
use sip_msg::{Message, Uri};
use sip_stack::transaction::Outgoing;
use sip_stack::transport::{Protocol, Target};
use sip_stack::{Slot, Slots, User};
use smallvec::SmallVec;
use timestamp::Timestamp;

use crate::control::{Answer, Event, Happening, RegistrationLogRow};
use crate::outbox::{Outbox, Output, Persist};
use crate::owner::ShardMessage;
use crate::shard::{Shard, Sink};
use crate::ways::{Gathering, flow_to, hops, host_in_uri, terms_towards, uri_of_peer};

/// Registrations at home here, and what every shard must know of all of them.
#[derive(Debug)]
pub(crate) struct Peering {
    key: MarkKey,
    held: Slots<Held>,
    of: HashMap<Box<str>, Slot>,
    /// When the next registration may begin: many at once are begun one after the other.
    next_start: Timestamp,
    marks: HashMap<Mark, ConnectionId>,
    users: HashMap<Box<str>, SmallVec<[ConnectionId; 1]>>,
    /// Where connections are reached: their registrars, or their peers.
    reached: HashMap<Box<str>, Box<[SocketAddr]>>,
}

/// One registration.
#[derive(Debug)]
struct Held {
    connection: Arc<Connection>,
    machine: Registration,
    /// The Contact URI sent last.
    contact: Box<str>,
    /// The Request-URI sent last.
    uri: Box<str>,
    gathering: Option<Box<Gathering>>,
}

impl Peering {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self {
            key: MarkKey::new(key),
            held: Slots::default(),
            of: HashMap::new(),
            next_start: Timestamp::ZERO,
            marks: HashMap::new(),
            users: HashMap::new(),
            reached: HashMap::new(),
        }
    }

    /// Whose registration this is.
    pub(crate) fn connection_of(&self, slot: Slot) -> Option<ConnectionId> {
        self.held.get(slot).map(|held| held.connection.id.clone())
    }

    /// The registration of a connection, if it is at home here.
    pub(crate) fn registration(&self, connection: &str) -> Option<&Registration> {
        self.held.get(*self.of.get(connection)?).map(|held| &held.machine)
    }

    /// Whether a peer is reached at an address like this.
    pub(crate) fn is_reached_at(&self, fits: &dyn Fn(IpAddr) -> bool) -> bool {
        self.reached.values().flatten().any(|address| fits(address.ip()))
    }

    /// Where a connection is reached now; says where it was.
    pub(crate) fn set_reached(
        &mut self,
        connection: &str,
        addresses: Box<[SocketAddr]>,
    ) -> Box<[SocketAddr]> {
        let before = if addresses.is_empty() {
            self.reached.remove(connection)
        } else {
            self.reached.insert(connection.into(), addresses)
        };
        before.unwrap_or_default()
    }

    fn learn(&mut self, row: &Connection) {
        if row.kind != Kind::RegisterOut {
            return;
        }
        self.marks.insert(self.key.mark(row.id.as_str()), row.id.clone());
        for user in names(row) {
            let known = self.users.entry(user.into()).or_default();
            if !known.contains(&row.id) {
                known.push(row.id.clone());
            }
        }
    }

    fn unlearn(&mut self, row: &Connection) {
        self.marks.remove(&self.key.mark(row.id.as_str()));
        for user in names(row) {
            if let Some(known) = self.users.get_mut(user) {
                known.retain(|id| *id != row.id);
                if known.is_empty() {
                    self.users.remove(user);
                }
            }
        }
    }
}

impl Shard {
    /// A connection is about to change.
    pub(crate) fn before_change(&mut self, id: &ConnectionId) {
        if let Some(old) = self.tables.connection(id) {
            self.peering.unlearn(old);
        }
    }

    /// A connection has changed, or is gone.
    pub(crate) fn attend_registration(&mut self, id: &ConnectionId, now: Timestamp, out: &mut Outbox) {
        let row = self.tables.connection(id).cloned();
        if let Some(row) = &row {
            self.peering.learn(row);
        }
        let wanted = row.filter(|row| {
            row.kind == Kind::RegisterOut
                && row.enabled
                && (!row.peers.is_empty() || row.register.outbound_proxy.is_some())
                && account(row).is_some()
                && self.owners.home_of(row) == self.index
        });
        let held = self.peering.of.get(id.as_str()).copied();
        match (wanted, held) {
            (None, None) => {}
            (Some(row), None) => self.begin_registration(row, Duration::ZERO, now, out),
            (None, Some(slot)) => self.end_registration(slot, now, out),
            (Some(row), Some(slot)) => {
                let Some(held) = self.peering.held.get_mut(slot) else { return };
                let before = core::mem::replace(&mut held.connection, Arc::clone(&row));
                if !same_registration(&before, &row) {
                    held.connection = before;
                    self.end_registration(slot, now, out);
                    // The old one says good-bye first, should both lead to the same registrar.
                    self.begin_registration(row, AFTER_ANOTHER, now, out);
                } else if !same_terms(&before, &row) {
                    self.with_registration(slot, now, out, |machine, moment, orders| {
                        machine.register_now(moment.now, orders);
                    });
                }
            }
        }
    }

    /// The order of an operator.
    pub(crate) fn register_now(&mut self, id: &ConnectionId, now: Timestamp, out: &mut Outbox) -> Answer {
        let Some(&slot) = self.peering.of.get(id.as_str()) else { return Answer::NotFound };
        self.with_registration(slot, now, out, |machine, moment, orders| {
            machine.register_now(moment.now, orders);
        });
        Answer::Done
    }

    /// The connection whose Contact of ours the Request-URI is: by its mark; where that was stripped, by its user if
    /// the request comes from where we registered.
    pub(crate) fn contact_owner(&self, request: &Message<'_>, source: IpAddr) -> Option<Arc<Connection>> {
        if self.peering.marks.is_empty() {
            return None;
        }
        let uri = Uri::parse(request.uri())?;
        let marked = marks_in(&uri).find_map(|mark| self.peering.marks.get(&mark));
        let by_user = || {
            let user = core::str::from_utf8(uri.user?).ok()?;
            let from_there = |id: &&ConnectionId| {
                let reached = self.peering.reached.get(id.as_str());
                reached.is_some_and(|all| all.iter().any(|address| address.ip() == source))
            };
            let mut found = self.peering.users.get(user)?.iter().filter(from_there);
            // Two registrations under one user at one registrar cannot be told apart.
            found.next().filter(|_| found.next().is_none())
        };
        self.tables.connection(marked.or_else(by_user)?).cloned()
    }

    /// Whether this user part is nothing but our own Contact at that connection.
    pub(crate) fn is_contact_user(&self, connection: &Connection, user: &str) -> bool {
        connection.kind == Kind::RegisterOut
            && (self.peering.key.mark(connection.id.as_str()).as_slice() == user.as_bytes()
                || connection.register.contact_user.as_deref() == Some(user))
    }

    pub(crate) fn on_registration_timer(&mut self, slot: Slot, now: Timestamp, out: &mut Outbox) {
        self.with_registration(slot, now, out, Registration::on_timer);
    }

    pub(crate) fn on_registration_located(
        &mut self,
        slot: Slot,
        question: u64,
        targets: &[Target],
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(held) = self.peering.held.get_mut(slot) else { return };
        let Some(gathering) = &mut held.gathering else { return };
        gathering.fill(question, targets);
        self.use_gathered(slot, now, out);
    }

    pub(crate) fn on_registration_answer(
        &mut self,
        slot: Slot,
        transaction: Slot,
        response: Option<&Message<'_>>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let cnonce = self.random.hex();
        let Some(held) = self.peering.held.get(slot).filter(|held| held.machine.awaits(transaction)) else {
            return;
        };
        let target = held.machine.target();
        let Some(response) = response else {
            target.into_iter().for_each(|target| self.reach.failed(target, now));
            self.with_registration(slot, now, out, Registration::on_timeout);
            return;
        };
        target.into_iter().for_each(|target| self.reach.answered(target, response, now));
        let secret = held.connection.outward.as_ref();
        let credentials = secret.and_then(|secret| {
            let (user, password) = (&secret.user, &secret.password);
            sip_stack::auth::answer(response, user, password, b"REGISTER", held.uri.as_bytes(), &cnonce)
        });
        let contact = held.contact.clone();
        if response.code() >= 200 && !matches!(response.code(), 401 | 407 | 423) {
            let id = held.connection.id.clone();
            self.note_answer(&id, response.code(), phrase(response), now);
        }
        self.with_registration(slot, now, out, |machine, moment, orders| {
            machine.on_response(response, &contact, credentials, moment, orders);
        });
    }

    fn begin_registration(
        &mut self,
        connection: Arc<Connection>,
        after: Duration,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let at = Ord::max(self.peering.next_start, now) + after;
        self.peering.next_start =
            Ord::max(self.peering.next_start, now) + PACE * u32::from(self.owners.shards());
        let mut orders = Vec::new();
        let machine = Registration::new(self.random.hex(), at, &mut orders);
        let id = connection.id.as_str().into();
        let held =
            Held { connection, machine, contact: Box::default(), uri: Box::default(), gathering: None };
        let slot = self.peering.held.insert(held);
        self.peering.of.insert(id, slot);
        self.obey(slot, orders, now, out);
    }

    fn end_registration(&mut self, slot: Slot, now: Timestamp, out: &mut Outbox) {
        if let Some(held) = self.peering.held.get(slot) {
            let id = held.connection.id.clone();
            self.peering.of.remove(id.as_str());
            self.reach(id.as_str(), &[], out);
        }
        self.with_registration(slot, now, out, |machine, moment, orders| machine.leave(moment.now, orders));
    }

    fn with_registration(
        &mut self,
        slot: Slot,
        now: Timestamp,
        out: &mut Outbox,
        act: impl FnOnce(&mut Registration, Moment, &mut Vec<Order>),
    ) {
        let draw = self.random.number();
        let Some(held) = self.peering.held.get_mut(slot) else { return };
        let mut orders = Vec::new();
        act(&mut held.machine, Moment { now, draw, terms: terms(&held.connection) }, &mut orders);
        self.obey(slot, orders, now, out);
    }

    fn obey(&mut self, slot: Slot, orders: Vec<Order>, now: Timestamp, out: &mut Outbox) {
        for order in orders {
            match order {
                Order::Wake(at) => {
                    self.wheel.set(at, sip_stack::timer::Timer::User(User::Registration(slot), 0));
                }
                Order::Locate(redirected) => self.gather(slot, redirected.as_deref(), now, out),
                Order::Send => self.send_register(slot, now, out),
                Order::Tell(news) => self.tell_news(slot, news, now, out),
            }
        }
        if self.peering.held.get(slot).is_some_and(|held| held.machine.is_over()) {
            self.peering.held.remove(slot);
        }
    }

    /// Finds out where the registrar is.
    fn gather(&mut self, slot: Slot, redirected: Option<&str>, now: Timestamp, out: &mut Outbox) {
        let Some(held) = self.peering.held.get_mut(slot) else { return };
        let hops = match redirected {
            Some(uri) => b2bua::hop_of_uri(uri, None).into_iter().collect(),
            None => hops(&held.connection),
        };
        let mut gathering = Gathering::default();
        for hop in hops {
            match hop {
                Ok(target) => gathering.add(target),
                Err(query) => {
                    self.next_question += 1;
                    gathering.ask(self.next_question);
                    self.locating.insert(self.next_question, User::Registration(slot));
                    out.outputs.push(Output::Locate { id: self.next_question, query });
                }
            }
        }
        held.gathering = Some(Box::new(gathering));
        self.use_gathered(slot, now, out);
    }

    fn use_gathered(&mut self, slot: Slot, now: Timestamp, out: &mut Outbox) {
        let Some(held) = self.peering.held.get_mut(slot) else { return };
        if held.gathering.as_ref().is_none_or(|gathering| !gathering.is_complete()) {
            return;
        }
        let Some(gathering) = held.gathering.take() else { return };
        let targets = gathering.targets();
        if !held.machine.is_leaving() {
            let addresses: Vec<SocketAddr> = targets.iter().map(|target| target.address).collect();
            let id = held.connection.id.clone();
            self.reach(id.as_str(), &addresses, out);
        }
        self.with_registration(slot, now, out, |machine, moment, orders| {
            machine.on_located(&targets, moment, orders);
        });
    }

    /// Tells every shard where a connection is reached, when that is news.
    pub(crate) fn reach(&mut self, connection: &str, addresses: &[SocketAddr], out: &mut Outbox) {
        let known = self.peering.reached.get(connection).map_or(&[][..], |known| known);
        if known == addresses {
            return;
        }
        for shard in 0..self.owners.shards() {
            let message =
                ShardMessage::Reached { connection: connection.into(), addresses: addresses.into() };
            self.tell(shard, message, out);
        }
    }

    fn send_register(&mut self, slot: Slot, now: Timestamp, out: &mut Outbox) {
        let Some(held) = self.peering.held.get_mut(slot) else { return };
        let terms = terms(&held.connection);
        let seen = held.machine.seen();
        let mark = self.peering.key.mark(held.connection.id.as_str());
        let Some(target) = held.machine.target() else { return };
        let Some(flow) = flow_to(&self.listeners, target) else {
            self.with_registration(slot, now, out, Registration::on_unsendable);
            return;
        };
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        let towards = || terms_towards(&held.connection, None, target);
        let flow = self.reserved.on_terms(flow, towards, &mut sink);
        let shown = self.listeners.shown(&flow, self.book.as_mut());
        // Behind a translator only the address that the registrar sees leads back, and only for datagrams.
        let address = seen.filter(|_| flow.protocol == Protocol::Udp).unwrap_or(shown);
        let row = Arc::clone(&held.connection);
        let user = row.register.contact_user.as_deref().map(b2bua::escape_user);
        let contact = OurContact { user: user.as_deref(), address, protocol: target.protocol, mark }.uri();
        let (machine, uri) = (&mut held.machine, &mut held.uri);
        let (id, tag) = (machine.call_id().to_vec(), machine.tag().to_vec());
        let Some(asked) = machine.ask(terms) else { return };
        *uri = asked.uri.map_or_else(|| registrar_uri(&row), str::to_owned).into();
        let (aor, route) = (aor(&row), b2bua::route_of(&row));
        let outgoing = Outgoing { flow, invite: false, user: User::Registration(slot), purpose: 0 };
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        let transaction = self.transactions.request(outgoing, now, &mut sink, &mut |buffer, branch| {
            let via = b2bua::via(&flow, &shown, branch);
            let line = RegisterLine {
                uri,
                aor: &aor,
                route: &route,
                via: via.as_str(),
                call_id: &id,
                tag: &tag,
                cseq: asked.cseq,
                contact: &contact,
                expires_s: asked.expires_s,
            };
            write_register(buffer, &line, asked.credentials);
        });
        machine.sent(transaction);
        held.contact = contact.into();
    }

    fn tell_news(&mut self, slot: Slot, news: News, now: Timestamp, out: &mut Outbox) {
        let Some(held) = self.peering.held.get(slot) else { return };
        let row = Arc::clone(&held.connection);
        let leaving = held.machine.is_leaving();
        let target = held.machine.target().map(|t| format!("{}:{}", t.protocol.name(), t.address));
        let mut log = RegistrationLogRow {
            at: now,
            connection: row.id.as_str().into(),
            account: row.account.as_str().into(),
            direction: "out",
            event: "registered",
            code: 200,
            reason: Box::default(),
            target: target.unwrap_or_default().into(),
            contact: held.contact.clone(),
            expires_s: 0,
            elapsed_ms: 0,
        };
        let connection: Box<str> = row.id.as_str().into();
        let mut happening = None;
        match news {
            News::Registered { expires_s, elapsed_ms, recovered } => {
                (log.expires_s, log.elapsed_ms) = (expires_s, elapsed_ms);
                happening = recovered.then_some(Happening::RegistrationRecovered { connection });
            }
            News::Refreshed { expires_s, elapsed_ms } => {
                (log.event, log.expires_s, log.elapsed_ms) = ("refreshed", expires_s, elapsed_ms);
            }
            News::Failed { why, next, first, elapsed_ms } => {
                let (code, reason) = self.words_for(why, row.id.as_str());
                (log.event, log.code, log.reason, log.elapsed_ms) =
                    ("failed", code, reason.clone(), elapsed_ms);
                let shown = if code == 0 { 408 } else { code };
                self.note_answer(&row.id, shown, &reason, now);
                happening = first.then_some(Happening::RegistrationFailed {
                    connection,
                    code: shown,
                    reason,
                    next_attempt_at: Some(next),
                });
            }
            News::Ended { confirmed } => {
                (log.event, log.code) = ("unregistered", if confirmed { 200 } else { 0 });
            }
        }
        out.outputs.push(Output::Persist(Persist::RegistrationLog(Box::new(log))));
        if let Some(what) = happening {
            let account = row.account.as_str().into();
            out.outputs.push(Output::Announce(Event { at: now, account, what }));
        }
        if !leaving {
            self.attend_watch(&row.id, now, out);
            self.judge(&row.id, now, out);
        }
    }

    /// A failure as code and words.
    fn words_for(&self, why: Why, connection: &str) -> (u16, Box<str>) {
        match why {
            Why::NameNotFound => (0, "the registrar's name leads nowhere".into()),
            Why::NoSocket => (0, "none of our sockets reaches the registrar".into()),
            Why::NoAnswer => (408, "the registrar does not answer".into()),
            Why::Answer(code @ 200..=299) => (code, "the registrar granted nothing".into()),
            Why::Answer(code) => {
                let said = self.standing.last(connection).filter(|last| last.code == code);
                (code, said.map_or_else(|| sip_msg::reason_phrase(code).into(), |last| last.reason.clone()))
            }
        }
    }
}

/// What a registration is about: with another of these it is another registration.
fn same_registration(a: &Connection, b: &Connection) -> bool {
    aor(a) == aor(b) && a.register.contact_user == b.register.contact_user
}

/// What it is kept by: with another of these it is to be refreshed.
fn same_terms(a: &Connection, b: &Connection) -> bool {
    a.peers == b.peers && a.register == b.register && a.outward == b.outward
}

fn terms(row: &Connection) -> Terms {
    let register = &row.register;
    Terms {
        expires_s: register.expires_s,
        retry_min_s: register.retry_min_s,
        retry_max_s: register.retry_max_s,
    }
}

/// The user we register: its own, else that of the digest.
fn account(row: &Connection) -> Option<&str> {
    row.user.as_deref().or_else(|| row.outward.as_ref().map(|secret| secret.user.as_str()))
}

/// The names a registration may be called by when its mark was stripped.
fn names(row: &Connection) -> impl Iterator<Item = &str> {
    [row.register.contact_user.as_deref(), account(row)].into_iter().flatten()
}

/// The registrar's domain.
fn domain(row: &Connection) -> String {
    let peer = row.peers.iter().min_by_key(|peer| peer.priority);
    let host = peer.map(|peer| peer.host.as_str()).or(row.register.outbound_proxy.as_deref());
    host_in_uri(host.unwrap_or_default())
}

fn aor(row: &Connection) -> String {
    format!("sip:{}@{}", b2bua::escape_user(account(row).unwrap_or_default()), domain(row))
}

/// The registrar as Request-URI.
pub(crate) fn registrar_uri(row: &Connection) -> String {
    let peer = row.peers.iter().min_by_key(|peer| peer.priority);
    peer.map_or_else(|| format!("sip:{}", domain(row)), uri_of_peer)
}

fn phrase<'a>(response: &Message<'a>) -> &'a str {
    match *response.start() {
        sip_msg::StartLine::Response { reason, .. } => core::str::from_utf8(reason).unwrap_or_default(),
        sip_msg::StartLine::Request { .. } => "",
    }
}

/// Between the beginnings of two registrations, by shard: two hundred a second in all.
const PACE: Duration = Duration::from_millis(5);
/// Between the end of a registration and the beginning of the one that replaces it.
const AFTER_ANOTHER: Duration = Duration::from_millis(500);
