//! The world around the shards: a clock that jumps from event to event, and a network that loses and delays.
//!
//! Everything that happens is determined by the configuration and one seed.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use engine::control::{Answer, Ask, Event, Figures, Refusal, RegistrationLogRow};
use engine::{
    BindingRow, Bounds, Brought, CallRecord, CounterRow, Input, Located, Outbox, Output, Persist,
    RecordingBegan, Setup, Shard, ShardMessage, Vouched, Wanted,
};
use routing::config::{Change, Delta};
use sip_stack::Slot;
use sip_stack::transport::{AddressBook, Flow, Listener, Listeners, Protocol, SharedMedia};
use timestamp::Timestamp;

use crate::draw::Seen;
use crate::media_plane::{MediaPlane, SHARED_PORT};
use crate::random::Random;
use crate::zone::Zone;

/// What the network does to messages, in each direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Datagrams lost, per cent.
    pub loss: u64,
    /// Datagrams that arrive twice, per cent.
    pub twice: u64,
    /// Additional delay, up to this; it lets datagrams overtake each other.
    pub jitter_ms: u64,
}

/// Something on its way.
#[derive(Debug)]
enum Arrival {
    Datagram { flow: Flow, bytes: Vec<u8> },
    Closed { flow: Flow },
    Mail { shard: u8, message: ShardMessage },
    Media { shard: u8, event: media::Event },
    Located { shard: u8, located: Located },
    Brought { shard: u8, call: Slot, number: u32, brought: Brought },
    Vouched { shard: u8, call: Slot, vouched: Vouched },
    ForAgent { flow: Flow, bytes: Vec<u8> },
}

/// Shards, clock and network.
#[expect(missing_debug_implementations, reason = "shards hold secrets")]
pub struct World {
    shards: Vec<Shard>,
    outbox: Outbox,
    now: Timestamp,
    queue: BTreeMap<(Timestamp, u64), Arrival>,
    /// Streams that agents closed.
    broken: BTreeSet<u32>,
    sequence: u64,
    revision: u64,
    rows: Vec<Change>,
    random: Random,
    answers: BTreeMap<u64, Vec<Answer>>,
    /// What the network does.
    pub faults: Faults,
    /// Messages that arrived at agents and were not looked at yet.
    pub inbox: Vec<(Flow, Vec<u8>)>,
    /// Everything sent.
    pub seen: Vec<Seen>,
    /// Calls that ended.
    pub records: Vec<CallRecord>,
    /// Recordings that began.
    pub recordings: Vec<RecordingBegan>,
    /// Recordings that mailboxes were given.
    pub messages: Vec<Box<str>>,
    /// Requests that policy refused.
    pub refusals: Vec<Refusal>,
    /// Sources that were banned.
    pub bans: Vec<engine::Ban>,
    /// The log of registrations.
    pub log: Vec<RegistrationLogRow>,
    /// Bindings as the store would have them.
    pub bindings: BTreeMap<(Box<str>, Box<str>), BindingRow>,
    /// Counters as the store would have them.
    pub counters: BTreeMap<Box<str>, CounterRow>,
    /// What was announced.
    pub announced: Vec<Event>,
    /// Streams that we closed.
    pub disconnected: Vec<Flow>,
    /// Where devices were woken.
    pub woken: Vec<Box<str>>,
    /// The media plane.
    pub media: MediaPlane,
    /// First ports of each shard that another program has.
    taken: Arc<AtomicU16>,
    /// Names that resolve.
    pub zone: Zone,
    /// How often a name was asked for.
    pub located: usize,
}

/// Our address.
pub const US: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);
/// Looking up the way to this address panics, as if the host had a fault.
pub const FAULTY: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 250));
/// When every simulation begins.
pub const BEGINNING: Timestamp = Timestamp::from_secs(1_800_000_000);

impl World {
    /// A world with this many shards and no configuration.
    pub fn new(shards: u8, seed: u64) -> Self {
        let (now, taken) = (BEGINNING, Arc::default());
        Self {
            shards: (0..shards).map(|index| Shard::new(setup(index, shards, seed, &taken), now)).collect(),
            taken,
            outbox: Outbox::default(),
            now,
            queue: BTreeMap::new(),
            broken: BTreeSet::new(),
            sequence: 0,
            revision: 0,
            rows: Vec::new(),
            random: Random::new(seed),
            answers: BTreeMap::new(),
            faults: Faults::default(),
            inbox: Vec::new(),
            seen: Vec::new(),
            records: Vec::new(),
            recordings: Vec::new(),
            messages: Vec::new(),
            refusals: Vec::new(),
            bans: Vec::new(),
            log: Vec::new(),
            bindings: BTreeMap::new(),
            counters: BTreeMap::new(),
            announced: Vec::new(),
            disconnected: Vec::new(),
            woken: Vec::new(),
            media: MediaPlane::default(),
            zone: Zone::default(),
            located: 0,
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Puts rows in force in every shard.
    pub fn configure(&mut self, changes: Vec<Change>) {
        self.revision += 1;
        self.rows.extend(changes.iter().cloned());
        let delta = Arc::new(Delta { revision: self.revision, changes });
        let id = self.number();
        for shard in 0..self.shards.len() {
            self.give(shard, Input::Config { id, delta: Arc::clone(&delta) });
        }
    }

    /// An agent sends a message; on datagram flows it may be lost, late or doubled.
    pub fn send(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.broken.remove(&flow.stream);
        self.post(flow, bytes, true);
    }

    /// An agent closes its stream.
    pub fn close(&mut self, flow: Flow) {
        let at = self.now + STEP;
        self.broken.insert(flow.stream);
        self.put(at, Arrival::Closed { flow });
    }

    /// Asks every shard; the answers come at once.
    pub fn ask(&mut self, ask: &Ask) -> Vec<Answer> {
        let id = self.number();
        for shard in 0..self.shards.len() {
            self.give(shard, Input::Control { id, ask: ask.clone() });
        }
        self.answers.remove(&id).unwrap_or_default()
    }

    /// Counters of all shards.
    pub fn figures(&mut self) -> Vec<Figures> {
        let answers = self.ask(&Ask::Figures);
        answers
            .into_iter()
            .filter_map(|answer| if let Answer::Figures(f) = answer { Some(*f) } else { None })
            .collect()
    }

    /// Calls in progress or winding up.
    pub fn call_count(&self) -> usize {
        self.shards.iter().map(Shard::call_count).sum()
    }

    /// Whether no shard has a message for another on its way.
    pub fn is_settled(&self) -> bool {
        !self.queue.values().any(|arrival| matches!(arrival, Arrival::Mail { .. }))
    }

    /// Another program takes the first media ports of each shard.
    pub fn take_ports(&mut self, count: u16) {
        self.taken.store(count, Ordering::Relaxed);
    }

    /// Says that an open end hears nothing.
    pub fn silence(&mut self) {
        let ends: Vec<_> = self.media.open().collect();
        for end in ends {
            self.hear(media::Event::Inactive { end });
        }
    }

    /// Whoever is listened to presses a key.
    pub fn press(&mut self, key: u8) {
        for end in self.media.listening() {
            self.hear(media::Event::Key { end, key });
        }
    }

    /// Whoever is heard at this port of ours presses a key.
    pub fn press_at(&mut self, port: u16, key: u8) {
        if let Some(end) = self.media.at(port) {
            self.hear(media::Event::Key { end, key });
        }
    }

    /// Our audio port in the last description that went to this address.
    pub fn port_of(&self, remote: SocketAddr) -> Option<u16> {
        let mut sent = self.seen.iter().rev().filter(|seen| !seen.inward && seen.remote == remote);
        sent.find_map(|seen| {
            let text = String::from_utf8_lossy(&seen.bytes).into_owned();
            text.split_once("m=audio ")?.1.split(' ').next()?.parse().ok()
        })
    }

    /// The media plane says something.
    pub fn hear(&mut self, event: media::Event) {
        for shard in 0..self.shards.len() {
            self.give(shard, Input::Media(event));
        }
    }

    /// The process dies and another starts with what the store has.
    pub fn restart(&mut self, seed: u64) {
        let count = u8::try_from(self.shards.len()).unwrap_or(1);
        let mut setups = (0..count).map(|index| setup(index, count, seed, &self.taken));
        self.shards.iter_mut().for_each(|shard| {
            if let Some(mut setup) = setups.next() {
                setup.seed = setup.seed.map(|byte| byte.wrapping_add(1));
                *shard = Shard::new(setup, self.now);
            }
        });
        self.queue.clear();
        self.media = MediaPlane::default();
        let rows = core::mem::take(&mut self.rows);
        self.configure(rows);
        let bindings: Vec<BindingRow> =
            self.bindings.values().cloned().map(|row| BindingRow { stream: 0, ..row }).collect();
        for shard in 0..self.shards.len() {
            self.give(shard, Input::Restore(bindings.clone()));
            self.give(shard, Input::Recount(self.counters.values().cloned().collect()));
        }
    }

    /// Runs until `until`, or until an agent has mail; true if it has.
    pub fn run_until_mail(&mut self, until: Timestamp) -> bool {
        while self.inbox.is_empty() {
            let Some(at) = self.next_at().filter(|at| *at <= until) else {
                self.now = self.now.max(until);
                return false;
            };
            self.now = self.now.max(at);
            self.step();
        }
        true
    }

    /// Runs until `until`; mail piles up.
    pub fn run_until(&mut self, until: Timestamp) {
        while let Some(at) = self.next_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = self.now.max(until);
    }

    fn next_at(&self) -> Option<Timestamp> {
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        let timers = self.shards.iter().filter_map(Shard::next_timeout);
        timers.chain(queued).min()
    }

    fn step(&mut self) {
        if let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let arrival = entry.remove();
            self.arrive(arrival);
            return;
        }
        for index in 0..self.shards.len() {
            if let Some(shard) =
                self.shards.get_mut(index).filter(|s| s.next_timeout().is_some_and(|at| at <= self.now))
            {
                shard.handle_timeout(self.now, &mut self.outbox);
                self.carry_out(index);
            }
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Datagram { flow, bytes } => {
                let shard = usize::from(flow.remote.port()) % self.shards.len();
                if flow.protocol == Protocol::Udp {
                    self.give(shard, Input::Datagram { flow, bytes: &bytes });
                } else if flow.protocol.is_web() {
                    self.give(shard, Input::Frame { flow, bytes: &bytes });
                } else {
                    // Streams know no messages: they come in pieces.
                    let cut = usize::try_from(self.random.below(bytes.len() as u64)).unwrap_or(0);
                    let (first, rest) = bytes.split_at(cut);
                    for bytes in [first, rest].into_iter().filter(|piece| !piece.is_empty()) {
                        self.give(shard, Input::StreamBytes { flow, bytes });
                    }
                }
            }
            Arrival::Closed { flow } => {
                for shard in 0..self.shards.len() {
                    self.give(shard, Input::StreamClosed { flow, fault: None });
                }
            }
            Arrival::Mail { shard, message } => self.give(usize::from(shard), Input::FromShard(message)),
            Arrival::Media { shard, event } => self.give(usize::from(shard), Input::Media(event)),
            Arrival::Brought { shard, call, number, brought } => {
                self.give(usize::from(shard), Input::Brought { call, number, brought });
            }
            Arrival::Vouched { shard, call, vouched } => {
                self.give(usize::from(shard), Input::Vouched { call, vouched });
            }
            Arrival::Located { shard, located } => self.give(usize::from(shard), Input::Located(located)),
            Arrival::ForAgent { flow, bytes } => self.inbox.push((flow, bytes)),
        }
    }

    fn give(&mut self, shard: usize, input: Input<'_>) {
        if let Some(target) = self.shards.get_mut(shard) {
            target.handle(input, self.now, &mut self.outbox);
        }
        self.carry_out(shard);
    }

    fn carry_out(&mut self, from: usize) {
        let mut outbox = core::mem::take(&mut self.outbox);
        for output in outbox.outputs.drain(..) {
            self.carry_out_one(from, output, &outbox.bytes);
        }
        outbox.clear();
        self.outbox = outbox;
    }

    fn carry_out_one(&mut self, from: usize, output: Output, bytes: &[u8]) {
        let shard = u8::try_from(from).unwrap_or(0);
        let soon = self.now + STEP;
        match output {
            Output::Send { flow, start, end } => {
                let message = bytes.get(start..end).unwrap_or_default().to_vec();
                if self.broken.contains(&flow.stream) {
                    self.put(soon, Arrival::Closed { flow });
                } else {
                    self.post(flow, message, false);
                }
            }
            // Nobody here checks certificates.
            Output::Reserve { .. } => {}
            Output::Vouch { call, question } => {
                let vouched = crate::notary::vouch(&question);
                self.put(soon, Arrival::Vouched { shard, call, vouched });
            }
            Output::Errand { call, errand } => {
                if let Wanted::Push(address) = &errand.wanted {
                    self.woken.push(address.clone());
                }
                if let Some(recording) = crate::messenger::kept(&errand.wanted) {
                    self.messages.push(recording.into());
                }
                let (number, brought) = (errand.number, crate::messenger::bring(&errand.wanted));
                self.put(soon, Arrival::Brought { shard, call, number, brought });
            }
            Output::Locate { id, query } => {
                self.located += 1;
                let targets = self.zone.locate(query, &listeners(), &mut self.random);
                self.put(soon, Arrival::Located { shard, located: Located { id, targets } });
            }
            Output::Media(command) => {
                let refused = |port| is_taken(port, &self.taken);
                if let Some((event, later)) = self.media.take(&command, refused) {
                    self.put(soon + later, Arrival::Media { shard, event });
                }
            }
            Output::Persist(persist) => self.persist(persist),
            Output::Announce(event) => self.announced.push(event),
            Output::Answer { id, answer } => self.answers.entry(id).or_default().push(answer),
            Output::ToShard { shard, message } => {
                let at = self.now + Duration::from_micros(100);
                self.put(at, Arrival::Mail { shard, message });
            }
            Output::Disconnect { flow } => self.disconnected.push(flow),
        }
    }

    fn persist(&mut self, persist: Persist) {
        match persist {
            Persist::Binding(row) => {
                drop(self.bindings.insert((row.connection.clone(), row.contact.clone()), *row))
            }
            Persist::BindingGone { connection, contact } => {
                drop(self.bindings.remove(&(connection, contact)))
            }
            Persist::Counter(row) => drop(self.counters.insert(row.of.clone(), *row)),
            Persist::Emergency(_) | Persist::Open(_) => {}
            Persist::Recording(began) => self.recordings.push(*began),
            Persist::Record(record) => self.records.push(*record),
            Persist::Refused(refusal) => self.refusals.push(*refusal),
            Persist::Ban(ban) => self.bans.push(*ban),
            Persist::RegistrationLog(row) => self.log.push(*row),
        }
    }

    fn post(&mut self, flow: Flow, bytes: Vec<u8>, inward: bool) {
        if flow.remote == US && !inward {
            // For ourselves: no network is in between.
            let at = self.now + STEP;
            self.put(at, Arrival::Datagram { flow, bytes });
            return;
        }
        let datagram = flow.protocol == Protocol::Udp;
        let lost = datagram && self.random.chance(self.faults.loss);
        self.seen.push(Seen { at: self.now, remote: flow.remote, inward, lost, bytes: bytes.clone() });
        if lost {
            return;
        }
        let copies = 1 + usize::from(datagram && self.random.chance(self.faults.twice));
        for _ in 0..copies {
            let jitter = if datagram { self.random.below(self.faults.jitter_ms + 1) } else { 0 };
            let at = self.now + STEP + Duration::from_millis(jitter);
            let bytes = bytes.clone();
            self.put(
                at,
                if inward { Arrival::Datagram { flow, bytes } } else { Arrival::ForAgent { flow, bytes } },
            );
        }
    }

    fn put(&mut self, at: Timestamp, arrival: Arrival) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), arrival);
    }

    fn number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

/// One way through the network.
const STEP: Duration = Duration::from_millis(1);

struct Book {
    taken: Arc<AtomicU16>,
}

impl AddressBook for Book {
    fn shown_to(&mut self, remote: IpAddr) -> IpAddr {
        assert_ne!(remote, FAULTY, "a fault of the host while it looks up a route");
        US.ip()
    }

    fn media_for(&mut self, _: IpAddr) -> (IpAddr, IpAddr) {
        (US.ip(), US.ip())
    }

    fn claim_media(&mut self, _: IpAddr, port: u16) -> bool {
        !is_taken(port, &self.taken)
    }

    fn shared_media(&mut self, _: u32, _: IpAddr) -> Option<SharedMedia> {
        let places = vec![SocketAddr::new(US.ip(), SHARED_PORT)];
        Some(SharedMedia { places, streams: true, fingerprint: [0x0f; 32] })
    }
}

fn is_taken(port: u16, taken: &AtomicU16) -> bool {
    (port - FIRST_PORT) % PORTS < taken.load(Ordering::Relaxed)
}

/// The secret of the installation.
pub(crate) const SECRET: [u8; 16] = [7; 16];
/// Media ports of the first shard begin here, and each has so many.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 2_000;

fn listeners() -> Listeners {
    Listeners(vec![
        Listener { protocol: Protocol::Udp, bound: US },
        Listener { protocol: Protocol::Tcp, bound: US },
        Listener { protocol: Protocol::Tls, bound: US },
        Listener { protocol: Protocol::Ws, bound: US },
        Listener { protocol: Protocol::Wss, bound: US },
    ])
}

fn setup(index: u8, shards: u8, seed: u64, taken: &Arc<AtomicU16>) -> Setup {
    let mut mixed = Random::new(seed ^ u64::from(index) << 56);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mixed.number().to_le_bytes());
    let first = FIRST_PORT + u16::from(index) * PORTS;
    Setup {
        index,
        shards,
        secret: SECRET,
        seed: bytes,
        base_domain: "trunkline.test".to_owned(),
        own_addresses: vec![US.ip()],
        listeners: listeners(),
        book: Box::new(Book { taken: Arc::clone(taken) }),
        media_ports: (first, first + PORTS - 1),
        media_workers: crate::media_plane::WORKERS as u8,
        bounds: Bounds::default(),
        nonce_life: Duration::from_secs(60),
        vapid: "key".into(),
    }
}
