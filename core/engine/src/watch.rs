//! Probing peers by OPTIONS: which addresses of a connection are watched, from its home, and what is heard of them.

use core::time::Duration;
use std::net::SocketAddr;

use hashbrown::HashMap;
use peering::{Cadence, OptionsLine, Probe, ProbeOrder, Verdict, of_code, write_options};
use routing::config::{Connection, ConnectionId, Kind};
use sip_msg::Message;
use sip_stack::timer::Timer;
use sip_stack::transaction::Outgoing;
use sip_stack::transport::{Flow, Target};
use sip_stack::{Slot, Slots, User};
use smallvec::SmallVec;
use timestamp::Timestamp;

use crate::outbox::{Outbox, Output};
use crate::owner::ShardMessage;
use crate::shard::{Shard, Sink};
use crate::ways::{Gathering, flow_to, hops, terms_towards, uri_of_peer};

/// Connections watched from here, and the addresses that tell of them.
#[derive(Debug, Default)]
pub(crate) struct Watching {
    watches: Slots<Watch>,
    of: HashMap<Box<str>, Slot>,
    next_start: Timestamp,
    /// Whose sign of life a message from there is, and when their homes were last told.
    heard: HashMap<SocketAddr, Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    connections: SmallVec<[Box<str>; 1]>,
    told: Timestamp,
}

/// One connection that is watched.
#[derive(Debug)]
struct Watch {
    connection: ConnectionId,
    cadence: Cadence,
    call_id: [u8; 32],
    ways: Vec<Way>,
    gathering: Option<Box<Gathering>>,
    /// When its names are looked for again.
    names_at: Option<Timestamp>,
    last_number: u8,
}

/// One address of it.
#[derive(Debug)]
struct Way {
    /// Its number, which timers and transactions carry.
    number: u8,
    place: Place,
    probe: Probe,
}

/// Where an OPTIONS goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    flow: Flow,
    uri: Box<str>,
    route: Box<str>,
}

impl Watching {
    /// Whose watch this is.
    pub(crate) fn connection_of(&self, slot: Slot) -> Option<ConnectionId> {
        self.watches.get(slot).map(|watch| watch.connection.clone())
    }

    /// What is known of the ways to a connection.
    pub(crate) fn verdicts(&self, connection: &str) -> SmallVec<[Verdict; 4]> {
        self.watch(connection)
            .map(|watch| watch.ways.iter().map(|way| way.probe.verdict()).collect())
            .unwrap_or_default()
    }

    /// What is known of one contact of a connection.
    pub(crate) fn verdict_of(&self, connection: &str, contact: &str) -> Option<Verdict> {
        let way = self.watch(connection)?.ways.iter().find(|way| *way.place.uri == *contact)?;
        Some(way.probe.verdict())
    }

    /// What of a connection answers, but not as it should, in words.
    pub(crate) fn ailment(&self, connection: &str) -> Option<Box<str>> {
        let mut ways = self.watch(connection)?.ways.iter();
        let (flow, code) = ways.find_map(|way| Some((way.place.flow, way.probe.ailment()?)))?;
        let (protocol, phrase) = (flow.protocol.name(), sip_msg::reason_phrase(code));
        Some(format!("{protocol}:{} answers our OPTIONS with {code} {phrase}", flow.remote).into())
    }

    /// When a connection is asked next.
    pub(crate) fn next_attempt(&self, connection: &str) -> Option<Timestamp> {
        self.watch(connection)?.ways.iter().filter_map(|way| way.probe.next_attempt()).min()
    }

    /// A connection is reached at these addresses.
    pub(crate) fn set_reached(&mut self, connection: &str, before: &[SocketAddr], now_at: &[SocketAddr]) {
        for address in before {
            if let Some(heard) = self.heard.get_mut(address) {
                heard.connections.retain(|id| **id != *connection);
                if heard.connections.is_empty() {
                    self.heard.remove(address);
                }
            }
        }
        for address in now_at {
            self.heard.entry(*address).or_default().connections.push(connection.into());
        }
    }

    fn watch(&self, connection: &str) -> Option<&Watch> {
        self.watches.get(*self.of.get(connection)?)
    }
}

impl Shard {
    /// A connection, its bindings or its registration have changed: watches what there is to watch.
    pub(crate) fn attend_watch(&mut self, id: &ConnectionId, now: Timestamp, out: &mut Outbox) {
        let row = self.tables.connection(id).cloned().filter(|row| {
            row.enabled
                && row.probe.options_s > 0
                && matches!(row.kind, Kind::RegisterIn | Kind::RegisterOut | Kind::Trunk)
                && self.owners.home_of(row) == self.index
        });
        let Some(row) = row else {
            if let Some(slot) = self.watching.of.remove(id.as_str()) {
                let watch = self.watching.watches.remove(slot);
                // A registration tells itself where it is reached.
                let registers = self.peering.registration(id.as_str()).is_some();
                if watch.is_some_and(|watch| !watch.ways.is_empty()) && !registers {
                    self.reach(id.as_str(), &[], out);
                }
            }
            return;
        };
        let cadence = Cadence {
            interval: Duration::from_secs(u64::from(row.probe.options_s)),
            fail_after: row.probe.fail_after,
        };
        let slot = match self.watching.of.get(id.as_str()) {
            Some(&slot) => slot,
            None => {
                let call_id = self.random.hex();
                let (connection, ways) = (id.clone(), Vec::new());
                let (gathering, names_at) = (None, None);
                let watch = Watch { connection, cadence, call_id, ways, gathering, names_at, last_number: 0 };
                let slot = self.watching.watches.insert(watch);
                self.watching.of.insert(id.as_str().into(), slot);
                slot
            }
        };
        if let Some(watch) = self.watching.watches.get_mut(slot) {
            watch.cadence = cadence;
        }
        match row.kind {
            Kind::Trunk => self.look_for_peers(slot, &row, out),
            Kind::RegisterIn => {
                let places = self.contacts_of(&row, now);
                self.watch_places(slot, places, true, now, out);
            }
            Kind::RegisterOut => {
                let places = self.registrar_of(&row, out);
                self.watch_places(slot, places, false, now, out);
            }
            Kind::Device | Kind::Virtual => {}
        }
        self.on_watch_gathered(slot, now, out);
    }

    /// A timer of a watch: of a way, or of the names of its peers.
    pub(crate) fn on_watch_timer(&mut self, slot: Slot, number: u8, now: Timestamp, out: &mut Outbox) {
        if number != NAMES {
            self.with_probe(slot, number, now, out, |probe, cadence, draw, orders| {
                probe.on_timer(now, cadence, draw, orders);
            });
            self.remember_dead(slot, number, now, out);
            return;
        }
        let watch = self.watching.watches.get_mut(slot);
        // What was looked for meanwhile has a timer of its own.
        let due = watch.and_then(|watch| watch.names_at.take_if(|at| *at <= now).map(|_| &*watch));
        let id = due.map(|watch| watch.connection.clone());
        if let Some(row) = id.and_then(|id| self.tables.connection(&id)).cloned() {
            self.look_for_peers(slot, &row, out);
            self.on_watch_gathered(slot, now, out);
        }
    }

    pub(crate) fn on_watch_located(
        &mut self,
        slot: Slot,
        question: u64,
        targets: &[Target],
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(watch) = self.watching.watches.get_mut(slot) else { return };
        if let Some(gathering) = &mut watch.gathering {
            gathering.fill(question, targets);
            self.on_watch_gathered(slot, now, out);
        }
    }

    /// The answer to an OPTIONS, or none.
    pub(crate) fn on_watch_answer(
        &mut self,
        slot: Slot,
        number: u8,
        transaction: Slot,
        response: Option<&Message<'_>>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let awaited = self.watching.watches.get(slot).and_then(|watch| {
            let way = watch.ways.iter().find(|way| way.number == number)?;
            way.probe.awaits(transaction).then(|| watch.connection.clone())
        });
        let Some(id) = awaited else { return };
        let code = response.map(Message::code);
        if code.is_some_and(|code| code < 200) {
            return;
        }
        if let Some(response) = response {
            self.note_probe(&id, response.code(), now);
            if let Some(target) = self.peer_at(slot, number) {
                self.reach.answered(target, response, now);
            }
        }
        self.with_probe(slot, number, now, out, |probe, cadence, draw, orders| match code {
            Some(code) => probe.on_answer(code, now, cadence, draw, orders),
            None => probe.on_silence(now, cadence, draw, orders),
        });
        self.remember_dead(slot, number, now, out);
        self.judge(&id, now, out);
    }

    /// Calls try what is down last.
    fn remember_dead(&mut self, slot: Slot, number: u8, now: Timestamp, out: &mut Outbox) {
        let way = self.watching.watches.get(slot);
        let way = way.and_then(|watch| watch.ways.iter().find(|way| way.number == number));
        let down = way.is_some_and(|way| way.probe.verdict() == Verdict::Down);
        if let Some(target) = self.peer_at(slot, number).filter(|_| down) {
            self.reach.failed(target, now);
        }
        self.tell_notices(out);
    }

    /// The address of a peer; contacts come and go by their registrations.
    fn peer_at(&self, slot: Slot, number: u8) -> Option<Target> {
        let watch = self.watching.watches.get(slot)?;
        let row = self.tables.connection(&watch.connection)?;
        let way = watch.ways.iter().find(|way| way.number == number)?;
        (!b2bua::is_registered_kind(row.kind)).then(|| way.place.flow.target())
    }

    /// A message came from this address: a sign of life of whoever is reached there.
    pub(crate) fn on_sign_of_life(&mut self, address: SocketAddr, now: Timestamp, out: &mut Outbox) {
        let Some(heard) = self.watching.heard.get_mut(&address) else { return };
        if now.since(heard.told) < OFTEN_ENOUGH {
            return;
        }
        heard.told = now;
        for connection in heard.connections.clone() {
            if let Some(row) = self.tables.connection_by_text(&connection) {
                let home = self.owners.home_of(row);
                self.tell(home, ShardMessage::Heard { connection, address }, out);
            }
        }
    }

    /// Another shard heard a connection at this address.
    pub(crate) fn on_heard(
        &mut self,
        connection: &str,
        address: SocketAddr,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(&slot) = self.watching.of.get(connection) else { return };
        let Some(watch) = self.watching.watches.get(slot) else { return };
        let ways = watch.ways.iter().filter(|way| way.place.flow.remote == address);
        let numbers: SmallVec<[u8; 4]> = ways.map(|way| way.number).collect();
        for number in numbers {
            self.with_probe(slot, number, now, out, |probe, _, _, orders| probe.on_life(orders));
        }
    }

    /// The answer to a probe is shown as the last one unless it says nothing new: the answer to a call or to a
    /// registration tells more.
    fn note_probe(&mut self, id: &ConnectionId, code: u16, now: Timestamp) {
        let registers = self.peering.registration(id.as_str()).is_some();
        let last = self.standing.last(id.as_str());
        if !registers || last.is_none_or(|last| of_code(last.code) != of_code(code)) {
            self.note_answer(id, code, "", now);
        }
    }

    fn look_for_peers(&mut self, slot: Slot, row: &Connection, out: &mut Outbox) {
        let Some(watch) = self.watching.watches.get_mut(slot) else { return };
        let mut gathering = Gathering::default();
        for hop in hops(row) {
            match hop {
                Ok(target) => gathering.add(target),
                Err(query) => {
                    self.next_question += 1;
                    gathering.ask(self.next_question);
                    self.locating.insert(self.next_question, User::Probe(slot));
                    out.outputs.push(Output::Locate { id: self.next_question, query });
                }
            }
        }
        watch.gathering = Some(Box::new(gathering));
    }

    fn on_watch_gathered(&mut self, slot: Slot, now: Timestamp, out: &mut Outbox) {
        let Some(watch) = self.watching.watches.get_mut(slot) else { return };
        let Some(gathering) = watch.gathering.take_if(|gathering| gathering.is_complete()) else { return };
        let Some(row) = self.tables.connection(&watch.connection).cloned() else { return };
        let named = hops(&row).iter().any(Result::is_err);
        watch.names_at = named.then(|| now + NAMES_HOLD);
        let mut places = Vec::new();
        for (index, target) in gathering.each() {
            if let Some(flow) = flow_to(&self.listeners, target) {
                let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
                let towards = || terms_towards(&row, Some(index), target);
                let flow = self.reserved.on_terms(flow, towards, &mut sink);
                places.push(Place { flow, uri: peer_uri(&row, index).into(), route: Box::default() });
            }
        }
        self.watch_places(slot, places, true, now, out);
        if named {
            self.wheel.set(now + NAMES_HOLD, Timer::User(User::Probe(slot), NAMES));
        }
    }

    /// The contacts of a PBX that registers here.
    fn contacts_of(&self, row: &Connection, now: Timestamp) -> Vec<Place> {
        let bindings = self.location.of(row.id.as_str(), now);
        let place = |binding: &&registrar::BindingRow| {
            let flow = b2bua::flow_of_binding(binding, row, &self.listeners)?;
            Some(Place { flow, uri: binding.contact.clone(), route: binding.path.clone() })
        };
        bindings.iter().filter_map(place).collect()
    }

    /// The registrar that keeps us.
    fn registrar_of(&mut self, row: &Connection, out: &mut Outbox) -> Vec<Place> {
        let registration = self.peering.registration(row.id.as_str());
        let target = registration.filter(|r| r.is_registered() == Some(true)).and_then(|r| r.target());
        let flow = target.and_then(|target| Some((target, flow_to(&self.listeners, target)?)));
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        let flow = flow.map(|(target, flow)| {
            self.reserved.on_terms(flow, || terms_towards(row, None, target), &mut sink)
        });
        let uri = crate::peering::registrar_uri(row).into();
        let route = b2bua::route_of(row).into();
        flow.map(|flow| Place { flow, uri, route }).into_iter().collect()
    }

    /// Watches these places and no others.
    fn watch_places(
        &mut self,
        slot: Slot,
        places: Vec<Place>,
        tells: bool,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(watch) = self.watching.watches.get_mut(slot) else { return };
        let id = watch.connection.clone();
        watch.ways.retain(|way| places.contains(&way.place));
        let mut begun = Vec::new();
        for place in &places {
            if watch.ways.len() >= MOST_WAYS || watch.ways.iter().any(|way| way.place == *place) {
                continue;
            }
            let mut number = watch.last_number.wrapping_add(1);
            while number == NAMES || watch.ways.iter().any(|way| way.number == number) {
                number = number.wrapping_add(1);
            }
            watch.last_number = number;
            let at = Ord::max(self.watching.next_start, now);
            self.watching.next_start = at + PACE * u32::from(self.owners.shards());
            let mut orders = Vec::new();
            let probe = Probe::new(at, &mut orders);
            watch.ways.push(Way { number, place: place.clone(), probe });
            begun.push((number, orders));
        }
        for (number, orders) in begun {
            self.obey_probe(slot, number, orders, now, out);
        }
        if tells {
            let addresses: Vec<SocketAddr> = places.iter().map(|place| place.flow.remote).collect();
            self.reach(id.as_str(), &addresses, out);
        }
        self.judge(&id, now, out);
    }

    fn with_probe(
        &mut self,
        slot: Slot,
        number: u8,
        now: Timestamp,
        out: &mut Outbox,
        act: impl FnOnce(&mut Probe, Cadence, u64, &mut Vec<ProbeOrder>),
    ) {
        let draw = self.random.number();
        let Some(watch) = self.watching.watches.get_mut(slot) else { return };
        let cadence = watch.cadence;
        let Some(way) = watch.ways.iter_mut().find(|way| way.number == number) else { return };
        let mut orders = Vec::new();
        act(&mut way.probe, cadence, draw, &mut orders);
        self.obey_probe(slot, number, orders, now, out);
    }

    fn obey_probe(
        &mut self,
        slot: Slot,
        number: u8,
        orders: Vec<ProbeOrder>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        for order in orders {
            match order {
                ProbeOrder::Wake(at) => self.wheel.set(at, Timer::User(User::Probe(slot), number)),
                ProbeOrder::Abandon(transaction) => self.transactions.abandon(transaction),
                ProbeOrder::Send => self.send_options(slot, number, now, out),
                ProbeOrder::Judge(verdict) => {
                    let watch = self.watching.watches.get(slot);
                    let way = watch.and_then(|watch| watch.ways.iter().find(|way| way.number == number));
                    let target = way.map(|way| way.place.flow.target());
                    let id = watch.map(|watch| watch.connection.clone());
                    match (verdict, target) {
                        (Verdict::Down, Some(target)) => self.reach.failed(target, now),
                        (Verdict::Up | Verdict::Ailing, Some(target)) => self.reach.lives(target),
                        (Verdict::Unknown, _) | (_, None) => {}
                    }
                    if let Some(id) = id {
                        self.judge(&id, now, out);
                    }
                }
            }
        }
    }

    fn send_options(&mut self, slot: Slot, number: u8, now: Timestamp, out: &mut Outbox) {
        let Some(watch) = self.watching.watches.get_mut(slot) else { return };
        let Some(way) = watch.ways.iter_mut().find(|way| way.number == number) else { return };
        let Place { flow, uri, route } = &way.place;
        let shown = self.listeners.shown(flow, self.book.as_mut());
        let cseq = way.probe.next_cseq();
        let call_id = &watch.call_id;
        let outgoing = Outgoing { flow: *flow, invite: false, user: User::Probe(slot), purpose: number };
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        let transaction = self.transactions.request(outgoing, now, &mut sink, &mut |buffer, branch| {
            let via = b2bua::via(flow, &shown, branch);
            let line = OptionsLine { uri, via: via.as_str(), host: &shown.to_string(), call_id, cseq, route };
            write_options(buffer, &line);
        });
        way.probe.sent(transaction);
    }
}

/// The Request-URI for a peer by rank.
fn peer_uri(row: &Connection, index: usize) -> String {
    let mut peers: Vec<_> = row.peers.iter().collect();
    peers.sort_by_key(|peer| peer.priority);
    peers.get(index).map(|peer| uri_of_peer(peer)).unwrap_or_default()
}

/// Number of the timer that looks for the names of peers again.
const NAMES: u8 = 0;
/// How long names are believed; the resolver knows better whether to ask anew.
const NAMES_HOLD: Duration = Duration::from_secs(60);
/// Between the beginnings of two probes, by shard.
const PACE: Duration = Duration::from_millis(5);
/// A home is told of life no more often.
const OFTEN_ENOUGH: Duration = Duration::from_secs(1);
/// Addresses of one connection that are watched.
const MOST_WAYS: usize = 32;
