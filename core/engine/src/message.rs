//! MESSAGE (RFC 3428): carried from one connection to another, to all contacts at once; the first 2xx is the answer.
//!
//! The body crosses untouched, nothing else that tells of the sender's network does. Targets and their peers are
//! tried as for a call. No 408 is sent (RFC 4320 §4.2): we give up first. Nothing is stored for who is not there; who
//! sleeps is woken.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use b2bua::{Failure, Means, Place, Presentation};
use registrar::BindingRow;
use routing::config::{Connection, ConnectionId, Peer};
use routing::decide::{Question, decide, decide_devices};
use routing::decision::{Attached, Destination, Outcome};
use routing::reason::Reason;
use sip_msg::token::Key;
use sip_msg::{Message, Name, ViaStamp, answer};
use sip_stack::dialog::{Dialog, RequestLine, is_sips};
use sip_stack::timer::Timer;
use sip_stack::transaction::Outgoing;
use sip_stack::transport::{Flow, Protocol, Query, Target, response_flow, stamp};
use sip_stack::{Slot, User};
use smallvec::SmallVec;
use timestamp::Timestamp;

mod wake;

use crate::invite::reason_values;
use crate::outbox::{Outbox, Output};
use crate::owner::{MESSAGE_KIND, ShardMessage};
use crate::sender::Sender;
use crate::shard::{Shard, Sink, means};
use wake::Waking;

pub(crate) use wake::OF_A_MESSAGE;

/// A request on its way from one connection to another.
#[derive(Debug)]
pub(crate) struct Carried {
    request: Box<[u8]>,
    server: Slot,
    stamp: ViaStamp,
    sender: Option<Arc<Connection>>,
    presentation: Presentation,
    /// Whom it is for, in the sender's words after rewriting.
    called: String,
    /// A `sips:` address was written to: nobody is reached without TLS (RFC 3261 §26.2).
    secure: bool,
    /// The target being tried, and those after it.
    targets: VecDeque<Destination>,
    /// Which of its peers.
    peer: usize,
    /// Addresses of the same peer that were not tried yet (RFC 3263 §4.3).
    rest: Vec<Target>,
    /// Ways that have failed.
    tries: u8,
    branches: SmallVec<[Branch; 1]>,
    waking: Waking,
    /// The best failure so far, with our reason if it is of our making.
    best: Option<(u16, Option<Reason>)>,
    /// No answer is waited for after this.
    until: Timestamp,
    /// Another way is tried after this.
    patience: Timestamp,
}

/// One copy of it.
#[derive(Debug)]
struct Branch {
    number: u8,
    client: Slot,
    dialog: Dialog,
    path: Box<str>,
    presentation: Presentation,
    authenticated: bool,
}

/// What it waits for next.
#[derive(Debug)]
enum Next {
    /// Answers.
    Answers,
    /// The bindings of this connection.
    Bindings(ConnectionId),
    /// The address of a peer.
    Address(Query),
    /// Somebody to wake up, once the pushes are sent.
    Pushes,
    /// Nothing: it is answered.
    Over,
}

impl Shard {
    /// A MESSAGE outside of dialogs, of somebody who is known.
    pub(crate) fn on_page(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        sender: &Sender,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let parties = &sender.parties;
        let called = self.called(request, &parties.called_user, &sender.caller);
        let question = Question {
            called_user: &called.user,
            called_host: &parties.called_host,
            presented: parties.proposal(),
            addressed: called.addressed,
            at: None,
        };
        let decision = decide(&self.tables, &sender.caller, &question);
        let refused = decision.refused();
        let targets = match (refused, decision.outcome) {
            _ if self.page_came_back(request, &decision.called) => Err(Reason::Loop),
            (Some(reason), _) => Err(reason),
            (None, Outcome::Ring(targets)) => Ok(targets),
            // A flow takes calls. What is written goes to the devices.
            (None, Outcome::Run(Attached { connection: Some(connection), .. })) => {
                match decide_devices(&self.tables, &sender.caller, &question, &connection.id).outcome {
                    Outcome::Ring(targets) => Ok(targets),
                    Outcome::Refuse(reason) => Err(reason),
                    Outcome::Run(_)
                    | Outcome::Serve(_)
                    | Outcome::Divert(_)
                    | Outcome::Feature(_)
                    | Outcome::Challenge => Err(Reason::UserNotKnown),
                }
            }
            (
                None,
                Outcome::Run(_)
                | Outcome::Serve(_)
                | Outcome::Divert(_)
                | Outcome::Feature(_)
                | Outcome::Challenge
                | Outcome::Refuse(_),
            ) => Err(Reason::UserNotKnown),
        };
        let targets = match targets {
            Ok(targets) => targets,
            Err(reason) => {
                let sender = sender.connection().map(|c| &**c);
                self.note_refusal(request, flow, reason, sender, reason.sip_code(), now, out);
                self.reply_reason(request, flow, reason, true, out);
                return;
            }
        };
        if self.messages.len() >= MOST {
            self.reply(request, flow, 503, b"", &[(Name::RetryAfter, b"5")], out);
            return;
        }
        let Some(via) = request.via() else { return };
        let server = self.transactions.open(request, response_flow(&via, flow));
        let until = now + GIVE_UP;
        let slot = self.messages.insert(Carried {
            request: request.bytes().into(),
            server,
            stamp: stamp(&via, flow.remote),
            sender: sender.connection().cloned(),
            presentation: self.presentation(parties, &sender.caller, request),
            called: decision.called,
            secure: is_sips(request.uri()),
            // Who takes over is rung, not written to.
            targets: targets.into_iter().filter(|target| target.stands_in_for.is_none()).collect(),
            peer: 0,
            rest: Vec::new(),
            tries: 0,
            branches: SmallVec::new(),
            waking: Waking::default(),
            best: None,
            until,
            patience: until,
        });
        self.wheel.set(until, Timer::User(User::Message(slot), 0));
        self.with_message(slot, now, out, |carried, means| carried.seek(slot, means));
    }

    /// A From tag of ours is our own message come back; to the same user it is a loop.
    fn page_came_back(&self, request: &Message<'_>, called: &str) -> bool {
        let tag = request.from().and_then(|from| from.tag()).unwrap_or_default();
        let Some(key) = self.mint.open(tag).filter(|k| k.kind == MESSAGE_KIND && k.shard == self.index)
        else {
            return false;
        };
        let slot = Slot { index: key.slot, generation: key.generation };
        self.messages.get(slot).is_some_and(|carried| carried.called == called)
    }

    /// Lets a message act, and does what it wants next.
    fn with_message(
        &mut self,
        slot: Slot,
        now: Timestamp,
        out: &mut Outbox,
        act: impl FnOnce(&mut Carried, &mut Means<'_>) -> Next,
    ) {
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        let mut means = means!(self, now, sink);
        let Some(carried) = self.messages.get_mut(slot) else { return };
        match act(carried, &mut means) {
            Next::Answers => {}
            Next::Bindings(connection) => {
                let home = self.tables.connection(&connection).map_or(0, |c| self.owners.home_of(c));
                let connection = connection.as_str().into();
                self.tell(home, ShardMessage::Find { from: self.index, message: slot, connection }, out);
            }
            Next::Address(query) => {
                self.next_question += 1;
                self.locating.insert(self.next_question, User::Message(slot));
                out.outputs.push(Output::Locate { id: self.next_question, query });
            }
            Next::Pushes => self.push_for(slot, out),
            Next::Over => drop(self.messages.remove(slot)),
        }
    }

    /// The home of a target says where it registered.
    pub(crate) fn on_found(&mut self, slot: Slot, bindings: &[BindingRow], now: Timestamp, out: &mut Outbox) {
        self.with_message(slot, now, out, |carried, means| carried.on_bindings(slot, bindings, means));
    }

    /// The name of a peer was resolved.
    pub(crate) fn on_peer_located(&mut self, slot: Slot, found: &[Target], now: Timestamp, out: &mut Outbox) {
        self.with_message(slot, now, out, |carried, means| carried.on_targets(slot, found, means));
    }

    /// One copy was answered; without a response it was not.
    pub(crate) fn on_page_answer(
        &mut self,
        slot: Slot,
        number: u8,
        response: Option<&Message<'_>>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        self.with_message(slot, now, out, |carried, means| carried.on_answer(slot, number, response, means));
    }

    pub(crate) fn on_page_timer(&mut self, slot: Slot, now: Timestamp, out: &mut Outbox) {
        self.with_message(slot, now, out, |carried, means| carried.on_timer(slot, means));
    }
}

impl Carried {
    /// Goes to the first of the targets that are left.
    fn seek(&mut self, slot: Slot, means: &mut Means<'_>) -> Next {
        self.peer = 0;
        self.rest.clear();
        match self.targets.front() {
            Some(target) if b2bua::is_registered_kind(target.connection.kind) => {
                Next::Bindings(target.connection.id.clone())
            }
            Some(_) => self.try_peer(slot, means),
            None => self.fail(means),
        }
    }

    fn on_bindings(&mut self, slot: Slot, bindings: &[BindingRow], means: &mut Means<'_>) -> Next {
        let Some(connection) = self.targets.front().map(|t| Arc::clone(&t.connection)) else {
            return Next::Over;
        };
        let mut places: Vec<Place> =
            bindings.iter().filter_map(|row| b2bua::place_of_binding(row, &connection, means)).collect();
        places.retain(|place| self.may_take(place.flow.protocol));
        if places.is_empty()
            && let Some(next) = self.wake(slot, bindings, means)
        {
            return next;
        }
        self.waking.clear();
        if places.is_empty() {
            let insecure = self.secure && !bindings.is_empty();
            let reason = if insecure { Reason::NotReachableSecurely } else { Reason::NotRegistered };
            return self.failed(slot, 480, Some(reason), Failure::Unreachable, means);
        }
        self.send(slot, &places, means)
    }

    fn try_peer(&mut self, slot: Slot, means: &mut Means<'_>) -> Next {
        let Some(peer) = self.peer() else {
            return self.failed(slot, 500, Some(Reason::NameNotFound), Failure::Unreachable, means);
        };
        match b2bua::targets_of(peer) {
            Ok(found) => self.on_targets(slot, &[found], means),
            Err(query) => Next::Address(Query { secure: query.secure || self.secure, ..query }),
        }
    }

    /// Sends to the first of the addresses of a peer that we have a socket for.
    fn on_targets(&mut self, slot: Slot, found: &[Target], means: &mut Means<'_>) -> Next {
        let Some(target) = self.targets.front() else { return Next::Over };
        let Some(peer) = self.peer() else { return self.failed_peer(slot, Reason::NameNotFound, means) };
        let places = found.iter().enumerate().filter(|(_, to)| self.may_take(to.protocol));
        let place = places.clone().find_map(|(index, to)| {
            b2bua::place_of_peer(&target.connection, peer, *to, &target.number, means)
                .map(|place| (place, index + 1))
        });
        match place {
            Some((place, next)) => {
                self.rest = found.get(next..).unwrap_or_default().to_vec();
                self.send(slot, &[place], means)
            }
            None if self.secure && !found.is_empty() && places.count() == 0 => {
                self.failed(slot, 480, Some(Reason::NotReachableSecurely), Failure::Unreachable, means)
            }
            None if found.is_empty() => self.failed_peer(slot, Reason::NameNotFound, means),
            None => self.failed_peer(slot, Reason::ConnectionRefused, means),
        }
    }

    fn may_take(&self, protocol: Protocol) -> bool {
        !self.secure || protocol.is_secure()
    }

    fn failed_peer(&mut self, slot: Slot, reason: Reason, means: &mut Means<'_>) -> Next {
        self.failed(slot, 500, Some(reason), Failure::Unreachable, means)
    }

    /// Peers of the current target by priority, then in the order given.
    fn peer(&self) -> Option<&Peer> {
        let mut peers: Vec<&Peer> = self.targets.front()?.connection.peers.iter().collect();
        peers.sort_by_key(|peer| peer.priority);
        peers.get(self.peer).copied()
    }

    fn send(&mut self, slot: Slot, places: &[Place], means: &mut Means<'_>) -> Next {
        let Some(target) = self.targets.front().cloned() else { return Next::Over };
        let Ok(request) = Message::parse(&self.request) else { return Next::Over };
        let presentation = b2bua::present(&self.presentation, &target);
        let tag = means.mint.token(Key {
            shard: means.shard,
            kind: MESSAGE_KIND,
            slot: slot.index,
            generation: slot.generation,
        });
        let fits =
            |place: &&Place| place.flow.protocol.is_reliable() || request.body().len() <= LONGEST_DATAGRAM;
        for (number, place) in (0..MOST_COPIES).zip(places.iter().filter(fits)) {
            let mut branch = Branch {
                number,
                client: slot,
                dialog: b2bua::begun(place, &presentation, tag.as_ref(), means),
                path: place.path.clone(),
                presentation: presentation.clone(),
                authenticated: false,
            };
            branch.send(slot, &request, [self.sender.as_deref(), Some(&target.connection)], None, means);
            self.branches.push(branch);
        }
        if self.branches.is_empty() {
            self.best = Some((413, None));
            return self.fail(means);
        }
        let peers = if b2bua::is_registered_kind(target.connection.kind) {
            0
        } else {
            target.connection.peers.len().saturating_sub(self.peer + 1)
        };
        let more = !self.rest.is_empty() || peers > 0 || self.targets.len() > 1;
        let patience = Duration::from_secs(u64::from(target.connection.timers.no_provisional_s.max(1)));
        if more && means.now + patience < self.until {
            self.patience = means.now + patience;
            means.out.arm(self.patience, Timer::User(User::Message(slot), 0));
        } else {
            self.patience = self.until;
        }
        Next::Answers
    }

    fn on_answer(
        &mut self,
        slot: Slot,
        number: u8,
        response: Option<&Message<'_>>,
        means: &mut Means<'_>,
    ) -> Next {
        let Some(index) = self.branches.iter().position(|branch| branch.number == number) else {
            return Next::Answers;
        };
        match response {
            Some(response) if response.code() < 200 => return Next::Answers,
            Some(response) if response.code() < 300 => {
                // Other copies go on by themselves: every device is to have it.
                return self.respond(response.code(), None, means);
            }
            Some(response) if self.authenticate(slot, index, response, means) => return Next::Answers,
            Some(_) | None => {}
        }
        self.branches.remove(index);
        let (code, reason) =
            response.map_or((504, Some(Reason::NoAnswer)), |response| (response.code(), None));
        if !self.branches.is_empty() {
            self.note(code, reason);
            return Next::Answers;
        }
        let failure = match response {
            Some(response) => Failure::Answered { code: response.code(), rang: false },
            None => Failure::Unreachable,
        };
        self.failed(slot, code, reason, failure, means)
    }

    /// Answers a peer's challenge, once, if we have credentials for it (RFC 3261 §22.2).
    fn authenticate(
        &mut self,
        slot: Slot,
        index: usize,
        response: &Message<'_>,
        means: &mut Means<'_>,
    ) -> bool {
        let Some(connection) = self.targets.front().map(|t| Arc::clone(&t.connection)) else { return false };
        let Some(secret) = &connection.outward else { return false };
        let Some(branch) = self.branches.get_mut(index).filter(|branch| !branch.authenticated) else {
            return false;
        };
        let cnonce = means.random.hex();
        let uri = branch.dialog.target.clone();
        let credentials =
            sip_stack::auth::answer(response, &secret.user, &secret.password, b"MESSAGE", &uri, &cnonce);
        let (Some((name, value)), Ok(request)) = (credentials, Message::parse(&self.request)) else {
            return false;
        };
        branch.authenticated = true;
        let strip = [self.sender.as_deref(), Some(&*connection)];
        branch.send(slot, &request, strip, Some((name, &value)), means);
        true
    }

    fn on_timer(&mut self, slot: Slot, means: &mut Means<'_>) -> Next {
        if means.now >= self.until {
            let asleep = self.waking.is_awaited();
            let (code, reason) = if asleep { (480, Reason::StaysAsleep) } else { (504, Reason::NoAnswer) };
            self.note(code, Some(reason));
            return self.fail(means);
        }
        if self.waking.is_due(means.now)
            && let Some(target) = self.targets.front()
        {
            return Next::Bindings(target.connection.id.clone());
        }
        if means.now < self.patience || self.branches.is_empty() {
            return Next::Answers;
        }
        for branch in self.branches.drain(..) {
            means.transactions.abandon(branch.client);
        }
        self.failed(slot, 504, Some(Reason::NoAnswer), Failure::Unreachable, means)
    }

    /// A target has failed: the next address, peer or target if that may help, else the answer.
    fn failed(
        &mut self,
        slot: Slot,
        code: u16,
        reason: Option<Reason>,
        failure: Failure,
        means: &mut Means<'_>,
    ) -> Next {
        self.note(code, reason);
        let Some(connection) = self.targets.front().map(|t| Arc::clone(&t.connection)) else {
            return self.fail(means);
        };
        self.tries += 1;
        if !b2bua::hunts(failure, &connection) || self.tries >= MOST_TRIES {
            return self.fail(means);
        }
        if !self.rest.is_empty() {
            let rest = core::mem::take(&mut self.rest);
            return self.on_targets(slot, &rest, means);
        }
        self.peer += 1;
        if !b2bua::is_registered_kind(connection.kind) && self.peer().is_some() {
            return self.try_peer(slot, means);
        }
        self.targets.pop_front();
        self.seek(slot, means)
    }

    fn note(&mut self, code: u16, reason: Option<Reason>) {
        if self.best.is_none_or(|(best, _)| b2bua::better(best, code) != best) {
            self.best = Some((code, reason));
        }
    }

    fn fail(&mut self, means: &mut Means<'_>) -> Next {
        let (code, own) = self.best.unwrap_or((480, Some(Reason::NotRegistered)));
        let (code, changed) = if own.is_some() { (code, own) } else { b2bua::relayed(code) };
        self.respond(code, changed, means)
    }

    fn respond(&mut self, code: u16, reason: Option<Reason>, means: &mut Means<'_>) -> Next {
        let Ok(request) = Message::parse(&self.request) else { return Next::Over };
        let tag = means.random.hex();
        let stamp = self.stamp;
        means.transactions.respond(self.server, code, means.now, means.out, &mut |buffer| {
            let mut writer = answer(buffer, &request, code, b"", tag.get(..16).unwrap_or_default(), stamp);
            if let Some(reason) = reason {
                let [why, warning] = reason_values(reason);
                writer.field(Name::Reason, why.as_bytes()).field(Name::Warning, warning.as_bytes());
            }
            writer.end();
        });
        Next::Over
    }
}

impl Branch {
    fn send(
        &mut self,
        slot: Slot,
        request: &Message<'_>,
        strip: [Option<&Connection>; 2],
        credentials: Option<(Name, &[u8])>,
        means: &mut Means<'_>,
    ) {
        let flow = self.dialog.flow;
        let shown = means.shown(&flow);
        let cseq = self.dialog.next_cseq();
        let outgoing = Outgoing { flow, invite: false, user: User::Message(slot), purpose: self.number };
        let (dialog, path, presentation) = (&self.dialog, &self.path, &self.presentation);
        let max_forwards = request.max_forwards().unwrap_or(70).saturating_sub(1);
        self.client = means.transactions.request(outgoing, means.now, means.out, &mut |buffer, branch| {
            let via = b2bua::via(&flow, &shown, branch);
            let line = RequestLine { method: b"MESSAGE", via: via.as_bytes(), cseq, max_forwards };
            let mut writer = dialog.write(buffer, &line);
            if !path.is_empty() {
                writer.field(Name::Route, path.as_bytes());
            }
            if let Some(user) = &presentation.asserted {
                let (user, host) = (user.as_bytes(), shown.to_string());
                writer.parts(Name::PAssertedIdentity, &[b"<sip:", user, b"@", host.as_bytes(), b">"]);
            }
            if let Some((name, value)) = credentials {
                writer.field(name, value);
            }
            writer.copy(request, Name::Privacy).copy(request, Name::Expires);
            writer.copy(request, Name::ContentEncoding);
            b2bua::copy_headers(request, &mut writer, strip);
            match (request.field(Name::ContentType), request.body()) {
                (Some(kind), body) if !body.is_empty() => writer.body(kind, body),
                _ => writer.end(),
            }
        });
    }
}

/// Before the sender gives up at 64 × T1, so that our answer still means something.
const GIVE_UP: Duration = Duration::from_secs(20);
/// RFC 3428 §8.
const LONGEST_DATAGRAM: usize = 1300;
/// Ways tried for one message: those that fail at once follow each other on the stack.
const MOST_TRIES: u8 = 32;
/// Contacts of one user that get a copy.
const MOST_COPIES: u8 = 20;
/// On their way at once, for each shard.
const MOST: usize = 10_000;
