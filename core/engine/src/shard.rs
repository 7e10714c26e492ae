//! One shard: owns its calls, its transactions and the bindings at home here. Composition only: it takes inputs
//! to the file that knows what to do and collects what follows.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use b2bua::{Brought, Call, Effect, Flows, Means, PortPool, Random};
use hashbrown::HashMap;
use presence::Publications;
use registrar::{Bounds, Location};
use routing::tables::Tables;
use sip_msg::token::Mint;
use sip_stack::auth::Nonces;
use sip_stack::timer::Timer;
use sip_stack::transaction::{ClientEvent, Transactions};
use sip_stack::transport::{AddressBook, Flow, Listeners, Reach, Reserved, StreamFault, Terms};
use sip_stack::{Out, Slot, Slots, User};
use timestamp::Timestamp;

use crate::counters::Counters;
use crate::figures::Counts;
use crate::input::Input;
use crate::message::{Carried, OF_A_MESSAGE};
use crate::orbits::Orbits;
use crate::outbox::{Outbox, Output};
use crate::owner::{Owners, ShardMessage};
use crate::pass::PassKey;
use crate::peering::Peering;
use crate::places::Places;
use crate::queues::Queues;
use crate::refusals::Notices;
use crate::rehearsal::Rehearsals;
use crate::room_links::RoomLinks;
use crate::rooms::Rooms;
use crate::standalone::Waiting;
use crate::standing::Standing;
use crate::streams::Streams;
use crate::subscribe::Subscriptions;
use crate::suspicion::Suspicion;
use crate::tap::Tap;
use crate::throttle::Throttle;
use crate::waiting::MessagesWaiting;
use crate::watch::Watching;
use crate::wheel::Wheel;

/// What a shard is made with.
#[expect(missing_debug_implementations, reason = "holds secrets and an address book")]
pub struct Setup {
    /// Its number.
    pub index: u8,
    /// How many there are.
    pub shards: u8,
    /// Random bytes of the installation, the same for all its shards and kept across restarts: tags, branches and
    /// nonces are made from it.
    pub secret: [u8; 16],
    /// Random bytes of this shard and this start.
    pub seed: [u8; 16],
    /// Base domain of generated hosts.
    pub base_domain: String,
    /// Addresses that are ours besides loopback.
    pub own_addresses: Vec<IpAddr>,
    /// Bound SIP sockets.
    pub listeners: Listeners,
    /// Our addresses as peers see them.
    pub book: Box<dyn AddressBook>,
    /// First and last media port of this shard.
    pub media_ports: (u16, u16),
    /// Media workers of this shard.
    pub media_workers: u8,
    /// Limits of registrations.
    pub bounds: Bounds,
    /// How long a nonce may be used.
    pub nonce_life: Duration,
    /// The public key that pushes are signed with, in base64url (RFC 8292 §4).
    pub vapid: Box<str>,
}

/// One shard.
#[expect(missing_debug_implementations, reason = "holds secrets and an address book")]
pub struct Shard {
    pub(crate) index: u8,
    pub(crate) owners: Owners,
    pub(crate) mint: Mint,
    pub(crate) tag_key: [u8; 16],
    pub(crate) nonces: Nonces,
    pub(crate) passes: PassKey,
    pub(crate) vapid: Box<str>,
    pub(crate) random: Random,
    pub(crate) tables: Tables,
    pub(crate) flows: Flows,
    pub(crate) transactions: Transactions,
    pub(crate) calls: Slots<Call>,
    pub(crate) location: Location,
    pub(crate) bounds: Bounds,
    pub(crate) places: Places,
    pub(crate) counters: Counters,
    pub(crate) queues: Queues,
    pub(crate) orbits: Orbits,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) messages_waiting: MessagesWaiting,
    pub(crate) publications: Publications,
    pub(crate) messages: Slots<Carried>,
    /// Requests whose sender's home was asked about a nonce.
    pub(crate) waiting: Slots<Waiting>,
    pub(crate) ports: PortPool,
    pub(crate) media_workers: u8,
    pub(crate) rooms: Rooms,
    pub(crate) room_links: RoomLinks,
    pub(crate) listeners: Listeners,
    pub(crate) reach: Reach,
    pub(crate) book: Box<dyn AddressBook>,
    pub(crate) wheel: Wheel,
    pub(crate) streams: Streams,
    pub(crate) reserved: Reserved,
    /// Why the stream is gone whose requests are being given up.
    pub(crate) fault: Option<StreamFault>,
    pub(crate) rehearsals: Rehearsals,
    pub(crate) standing: Standing,
    pub(crate) peering: Peering,
    pub(crate) watching: Watching,
    pub(crate) counts: Counts,
    pub(crate) effects: Vec<Effect>,
    pub(crate) locating: HashMap<u64, User>,
    pub(crate) next_question: u64,
    pub(crate) draining: bool,
    pub(crate) current: Option<Slot>,
    pub(crate) throttle: Throttle,
    pub(crate) notices: Notices,
    pub(crate) suspicion: Suspicion,
    pub(crate) tap: Option<Box<dyn Tap>>,
    /// Messages for ourselves, handled before the next input.
    pub(crate) inbox: VecDeque<ShardMessage>,
}

/// Collects messages and timers of the machines below.
pub(crate) struct Sink<'s> {
    pub(crate) outbox: &'s mut Outbox,
    pub(crate) wheel: &'s mut Wheel,
}

impl Out for Sink<'_> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.outbox.bytes
    }

    fn send(&mut self, flow: Flow, start: usize) {
        let end = self.outbox.bytes.len();
        self.outbox.outputs.push(Output::Send { flow, start, end });
    }

    fn reserve(&mut self, flow: Flow, terms: Terms) {
        self.outbox.outputs.push(Output::Reserve { flow, terms });
    }

    fn arm(&mut self, at: Timestamp, timer: Timer) {
        self.wheel.set(at, timer);
    }
}

/// What a call acts with. A macro and not a function: it borrows field by field, and leaves the calls alone.
macro_rules! means {
    ($shard:ident, $now:ident, $sink:ident) => {
        Means {
            now: $now,
            transactions: &mut $shard.transactions,
            out: &mut $sink,
            effects: &mut $shard.effects,
            listeners: &$shard.listeners,
            reach: &mut $shard.reach,
            reserved: &mut $shard.reserved,
            fault: $shard.fault.as_ref(),
            book: $shard.book.as_mut(),
            mint: &$shard.mint,
            shard: $shard.index,
            random: &mut $shard.random,
            ports: &mut $shard.ports,
            tables: &$shard.tables,
            flows: &$shard.flows,
            nonces: &$shard.nonces,
        }
    };
}
pub(crate) use means;

impl Shard {
    /// An empty shard: no configuration, no bindings.
    pub fn new(setup: Setup, now: Timestamp) -> Self {
        let mint = Mint::new(setup.secret);
        let derived = |label: u8| setup.secret.map(|byte| byte ^ label.wrapping_mul(0x5b));
        Self {
            index: setup.index,
            owners: Owners::new(mint.clone(), derived(1), setup.shards),
            vapid: setup.vapid,
            passes: PassKey::new(&setup.secret),
            nonces: Nonces::new(derived(2), setup.nonce_life),
            random: Random::new(setup.seed),
            tables: Tables::new(&setup.base_domain, setup.own_addresses),
            flows: Flows::default(),
            transactions: Transactions::new(mint.clone(), setup.seed, setup.index),
            mint,
            tag_key: derived(3),
            calls: Slots::default(),
            location: Location::default(),
            bounds: setup.bounds,
            places: Places::default(),
            counters: Counters::default(),
            queues: Queues::default(),
            orbits: Orbits::default(),
            subscriptions: Subscriptions::default(),
            messages_waiting: MessagesWaiting::default(),
            publications: Publications::default(),
            messages: Slots::default(),
            waiting: Slots::default(),
            ports: PortPool::new(setup.media_ports.0, setup.media_ports.1),
            media_workers: setup.media_workers.max(1),
            rooms: Rooms::default(),
            room_links: RoomLinks::default(),
            listeners: setup.listeners,
            reach: Reach::default(),
            book: setup.book,
            wheel: Wheel::new(now),
            streams: Streams::default(),
            reserved: Reserved::new(setup.index),
            fault: None,
            rehearsals: Rehearsals::default(),
            standing: Standing::default(),
            peering: Peering::new(derived(4)),
            watching: Watching::default(),
            counts: Counts::default(),
            effects: Vec::new(),
            locating: HashMap::new(),
            next_question: 0,
            draining: false,
            current: None,
            throttle: Throttle::new(setup.seed),
            notices: Notices::new(setup.seed),
            suspicion: Suspicion::new(setup.seed),
            tap: None,
            inbox: VecDeque::new(),
        }
    }

    /// Puts a tap on everything that comes in and goes out.
    pub fn set_tap(&mut self, tap: Box<dyn Tap>) {
        self.tap = Some(tap);
    }

    /// Handles one event. A panic ends the call it happened in, is counted, and leaves nothing half-sent.
    pub fn handle(&mut self, input: Input<'_>, now: Timestamp, out: &mut Outbox) {
        self.guarded(now, out, |shard, out| shard.take(input, now, out));
    }

    /// Time passed: fires what is due.
    pub fn handle_timeout(&mut self, now: Timestamp, out: &mut Outbox) {
        while let Some(timer) = self.wheel.pop(now, |timer| lives(timer, &self.calls)) {
            self.guarded(now, out, |shard, out| shard.on_timer(timer, now, out));
        }
        if self.location.next_timeout().is_some_and(|at| at <= now) {
            self.guarded(now, out, |shard, out| shard.expire_bindings(now, out));
        }
        if self.rehearsals.next_timeout().is_some_and(|at| at <= now) {
            self.guarded(now, out, |shard, out| shard.end_rehearsals(now, out));
        }
        if self.publications.next_timeout().is_some_and(|at| at <= now) {
            self.guarded(now, out, |shard, out| shard.expire_publications(now, out));
        }
        if self.counters.next_timeout().is_some_and(|at| at <= now) {
            self.guarded(now, out, |shard, out| shard.write_counters(out));
        }
        if self.queues.next_timeout().is_some_and(|at| at <= now) {
            self.guarded(now, out, |shard, out| shard.serve_queues(now, out));
        }
        if self.suspicion.bans.next_timeout().is_some_and(|at| at <= now) {
            self.guarded(now, out, |shard, out| shard.end_bans(now, out));
        }
    }

    /// When [`Shard::handle_timeout`] wants to be called.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let own = [
            self.wheel.next_timeout(),
            self.location.next_timeout(),
            self.publications.next_timeout(),
            self.counters.next_timeout(),
            self.rehearsals.next_timeout(),
            self.queues.next_timeout(),
            self.suspicion.bans.next_timeout(),
        ];
        own.into_iter().flatten().min()
    }

    /// Calls in progress.
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    fn take(&mut self, input: Input<'_>, now: Timestamp, out: &mut Outbox) {
        match input {
            Input::Datagram { flow, bytes } => {
                if !self.is_banned(&flow, bytes, now) {
                    self.on_message(flow, bytes, now, out);
                }
            }
            Input::StreamBytes { flow, bytes } => self.on_stream_bytes(flow, bytes, now, out),
            Input::Frame { flow, bytes } => self.on_frame(flow, bytes, now, out),
            Input::StreamSecured { flow, client } => self.on_stream_secured(&flow, client),
            Input::StreamClosed { flow, fault } => self.on_stream_closed(&flow, fault, now, out),
            Input::Located(located) => self.on_located(&located, now, out),
            Input::Brought { call, number: OF_A_MESSAGE, brought } => {
                if let Brought::Pushed(address, pushed) = brought {
                    self.on_page_pushed(call, &address, pushed, now, out);
                }
            }
            Input::Brought { call, number, brought } => {
                self.with_call(call, now, out, |call, means| call.on_brought(number, brought, means));
            }
            Input::Vouched { call, vouched } => {
                self.with_call(call, now, out, |call, means| call.on_vouched(vouched, means));
            }
            Input::Media(event) => self.on_media(event, now, out),
            Input::Control { id, ask } => self.on_ask(id, ask, now, out),
            Input::Config { id, delta } => self.on_config(id, &delta, now, out),
            Input::FromShard(message) => self.on_shard_message(message, now, out),
            Input::Restore(rows) => rows.into_iter().for_each(|row| self.location.restore(row)),
            Input::Recount(rows) => self.recount(rows),
        }
    }

    fn guarded(&mut self, now: Timestamp, out: &mut Outbox, act: impl FnOnce(&mut Self, &mut Outbox)) {
        let (outputs, bytes) = (out.outputs.len(), out.bytes.len());
        self.current = None;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            act(self, out);
            self.settle(now, out);
        }));
        if outcome.is_err() {
            out.outputs.truncate(outputs);
            out.bytes.truncate(bytes);
            self.counts.incidents += 1;
            self.effects.clear();
            self.inbox.clear();
            if let Some(slot) = self.current.take() {
                self.drop_call(slot, now, out);
            }
        }
        self.count_sent(now, out, outputs);
    }

    fn on_timer(&mut self, timer: Timer, now: Timestamp, out: &mut Outbox) {
        if let Timer::User(user, number) = timer {
            self.on_user_timer(user, number, now, out);
            return;
        }
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        if let Some(event) = self.transactions.on_timer(timer, now, &mut sink) {
            self.on_client_event(event, None, now, out);
        }
    }

    fn on_user_timer(&mut self, user: User, number: u8, now: Timestamp, out: &mut Outbox) {
        match user {
            User::Call(slot) => self.with_call(slot, now, out, |call, means| call.on_timer(number, means)),
            User::Message(slot) => self.on_page_timer(slot, now, out),
            User::Probe(slot) => self.on_watch_timer(slot, number, now, out),
            User::Registration(slot) => self.on_registration_timer(slot, now, out),
            User::Subscription(slot) => self.on_subscription_timer(slot, now, out),
        }
    }

    pub(crate) fn on_client_event(
        &mut self,
        event: ClientEvent,
        response: Option<&sip_msg::Message<'_>>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let (transaction, user, purpose) = match event {
            ClientEvent::Response { transaction, user, purpose }
            | ClientEvent::Timeout { transaction, user, purpose } => (transaction, user, purpose),
        };
        if response.is_none() {
            self.note_fault(user, out);
        }
        match (user, response) {
            (User::Call(slot), Some(response)) => {
                self.remember_response(slot, purpose, response, out);
                self.with_call(slot, now, out, |call, means| {
                    call.on_response(transaction, purpose, response, means)
                });
            }
            (User::Call(slot), None) => {
                self.with_call(slot, now, out, |call, means| call.on_timeout(transaction, purpose, means));
            }
            (User::Message(slot), response) => self.on_page_answer(slot, purpose, response, now, out),
            (User::Subscription(slot), response) => self.on_notify_answer(slot, response, now, out),
            (User::Probe(slot), _) => {
                self.on_watch_answer(slot, purpose, transaction, response, now, out);
            }
            (User::Registration(slot), _) => {
                self.on_registration_answer(slot, transaction, response, now, out);
            }
        }
    }

    /// Lets a call act, and puts its effects where they belong.
    pub(crate) fn with_call(
        &mut self,
        slot: Slot,
        now: Timestamp,
        out: &mut Outbox,
        act: impl FnOnce(&mut Call, &mut Means<'_>),
    ) {
        let before = self.current.replace(slot);
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        let mut means = means!(self, now, sink);
        if let Some(call) = self.calls.get_mut(slot) {
            act(call, &mut means);
            call.follow_recording(&mut means);
        }
        self.carry_out(slot, now, out);
        self.current = before;
    }

    /// Begins a call in a slot of its own.
    pub(crate) fn insert_call(
        &mut self,
        now: Timestamp,
        out: &mut Outbox,
        begin: impl FnOnce(Slot, &mut Means<'_>) -> Call,
    ) {
        let slot = self.calls.next_slot();
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        let mut means = means!(self, now, sink);
        let call = begin(slot, &mut means);
        let inserted = self.calls.insert(call);
        debug_assert_eq!(inserted, slot);
        self.carry_out(slot, now, out);
    }

    /// Messages to ourselves are handled like those of other shards, before the next input.
    fn settle(&mut self, now: Timestamp, out: &mut Outbox) {
        while let Some(message) = self.inbox.pop_front() {
            self.on_shard_message(message, now, out);
        }
        self.tell_notices(out);
    }
}

/// Whether somebody still waits for a timer. Calls come and go and set timers for hours; all others are few or short.
fn lives(timer: Timer, calls: &Slots<Call>) -> bool {
    match timer {
        Timer::User(User::Call(slot), _) => calls.get(slot).is_some(),
        Timer::Client(_) | Timer::Server(_) | Timer::User(..) => true,
    }
}
