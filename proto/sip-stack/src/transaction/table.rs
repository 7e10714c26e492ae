//! The table of transactions: finds the machine that a message or a timer is for, and does what it says.
//!
//! Client transactions are found by their branch, which is a token of ours; server transactions by identity.
//! Copies of a message are kept only as long as a machine may want to send them again.

use hashbrown::HashMap;
use sip_msg::Message;
use sip_msg::Method;
use sip_msg::token::{Key, Mint};
use timestamp::Timestamp;

use super::entry::{Client, ClientMachine, Server, ServerMachine, send_ack, write_like_invite};
use super::identity::{Identities, Identity};
use super::{InviteClient, InviteServer, NonInviteClient, NonInviteServer, Step};
use crate::timer::{T1_64, Timer};
use crate::transport::{Flow, response_flow_anew};
use crate::{Out, Slot, Slots, User};

/// Token kind of a branch of ours.
pub const BRANCH_KIND: u8 = 1;
/// Purpose of a request whose answer concerns nobody.
pub const NOBODY: u8 = u8::MAX;
/// Magic cookie (RFC 3261 §8.1.1.7).
pub const MAGIC: &[u8] = b"z9hG4bK";

/// All transactions of a shard.
#[derive(Debug)]
pub struct Transactions {
    clients: Slots<Client>,
    servers: Slots<Server>,
    index: HashMap<Identity, Slot>,
    merged: HashMap<Identity, Slot>,
    identities: Identities,
    mint: Mint,
    shard: u8,
    pool: Vec<Vec<u8>>,
    /// Retransmissions sent.
    pub retransmissions_out: u64,
    /// Retransmissions received.
    pub retransmissions_in: u64,
}

/// What a request turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// New; the transaction user answers through [`Transactions::respond`].
    New(Slot),
    /// Seen before; dealt with.
    Retransmission,
    /// ACK for a final answer other than 2xx; dealt with.
    Absorbed,
    /// ACK for a 2xx, or for nothing: the dialog's matter.
    Ack,
    /// The same INVITE came by another path (RFC 3261 §8.2.2.2).
    Merged,
}

/// What the transaction user hears of a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The answer is for this user.
    Response {
        /// Which transaction.
        transaction: Slot,
        /// Its user, as given when the request was sent.
        user: User,
        /// The user's own number for it.
        purpose: u8,
    },
    /// Nothing was answered in time, or the request could not be sent.
    Timeout {
        /// Which transaction.
        transaction: Slot,
        /// Its user.
        user: User,
        /// The user's own number for it.
        purpose: u8,
    },
}

impl Transactions {
    /// An empty table; `mint` makes branches, `seed` keys the identities.
    pub fn new(mint: Mint, seed: [u8; 16], shard: u8) -> Self {
        Self {
            clients: Slots::default(),
            servers: Slots::default(),
            index: HashMap::new(),
            merged: HashMap::new(),
            identities: Identities::new(seed),
            mint,
            shard,
            pool: Vec::new(),
            retransmissions_out: 0,
            retransmissions_in: 0,
        }
    }

    /// How many transactions there are.
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.servers.is_empty()
    }

    /// Whether this request belongs to a transaction that exists, and if so does what that one wants.
    /// `None` means it is new: the caller decides between a transaction and a stateless answer (§8.2.7).
    pub fn recognise(
        &mut self,
        request: &Message<'_>,
        now: Timestamp,
        out: &mut dyn Out,
    ) -> Option<Received> {
        let method = request.method();
        let matched = if method == Method::Ack { Method::Invite } else { method };
        let identity = self.identities.of(request, matched);
        let Some(&slot) = self.index.get(&identity) else {
            if method == Method::Ack {
                return Some(Received::Ack);
            }
            if method == Method::Invite && has_no_to_tag(request) {
                let copy = self.identities.merged(request);
                return self.merged.contains_key(&copy).then_some(Received::Merged);
            }
            return None;
        };
        let server = self.servers.get_mut(slot)?;
        if method == Method::Ack {
            return Some(self.on_ack(slot, now, out));
        }
        let step = match &server.machine {
            ServerMachine::Invite(machine) => machine.on_retransmission(),
            ServerMachine::Other(machine) => machine.on_retransmission(),
        };
        self.retransmissions_in += 1;
        if step.retransmit && !server.response.is_empty() {
            send_copy(&server.response, server.flow, out);
            self.retransmissions_out += 1;
        }
        Some(Received::Retransmission)
    }

    /// Opens a server transaction for a new request; answers go over `flow`.
    pub fn open(&mut self, request: &Message<'_>, flow: Flow) -> Slot {
        let method = request.method();
        let identity = self.identities.of(request, method);
        let merged =
            (method == Method::Invite && has_no_to_tag(request)).then(|| self.identities.merged(request));
        let machine = if method == Method::Invite {
            ServerMachine::Invite(InviteServer::Proceeding)
        } else {
            ServerMachine::Other(NonInviteServer::Trying)
        };
        let via = request.via().filter(|_| flow.stream != 0);
        let anew = via.map(|via| response_flow_anew(&via, &flow));
        let response = Vec::new();
        let slot =
            self.servers.insert(Server { machine, response, flow, anew, identity, merged, user: None });
        self.index.insert(identity, slot);
        if let Some(merged) = merged {
            self.merged.insert(merged, slot);
        }
        slot
    }

    /// Says whom a CANCEL or a lost ACK of this INVITE concerns.
    pub fn set_user(&mut self, server: Slot, user: Slot) {
        if let Some(entry) = self.servers.get_mut(server) {
            entry.user = Some(user);
        }
    }

    /// The INVITE that a CANCEL is for, with its user (RFC 3261 §9.2).
    pub fn cancelled_by(&self, cancel: &Message<'_>) -> Option<(Slot, Option<Slot>)> {
        let slot = *self.index.get(&self.identities.of(cancel, Method::Invite))?;
        self.servers.get(slot).map(|server| (slot, server.user))
    }

    /// Answers: `write` puts the message at the end of the buffer. Nothing is written when the machine no longer
    /// allows this answer.
    pub fn respond(
        &mut self,
        slot: Slot,
        code: u16,
        now: Timestamp,
        out: &mut dyn Out,
        write: &mut dyn FnMut(&mut Vec<u8>),
    ) -> bool {
        let Some(server) = self.servers.get_mut(slot) else { return false };
        let reliable = server.flow.protocol.is_reliable();
        let allowed = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_respond(code, reliable, now),
            ServerMachine::Other(machine) => machine.on_respond(code, reliable, now),
        };
        if !allowed {
            return false;
        }
        let start = out.buffer().len();
        write(out.buffer());
        let keep = match &server.machine {
            ServerMachine::Invite(InviteServer::Accepted { .. }) => false,
            ServerMachine::Invite(_) => true,
            ServerMachine::Other(_) => !reliable,
        };
        if keep {
            if server.response.capacity() == 0 {
                server.response = self.pool.pop().unwrap_or_default();
            }
            server.response.clear();
            server.response.extend_from_slice(out.buffer().get(start..).unwrap_or_default());
        } else {
            recycle(&mut self.pool, core::mem::take(&mut server.response));
        }
        let flow = server.flow;
        out.send(flow, start);
        self.settle_server(slot, out);
        true
    }

    /// Sends a request in a transaction of its own: `write` gets the buffer and the branch to put into Via.
    pub fn request(
        &mut self,
        outgoing: Outgoing,
        now: Timestamp,
        out: &mut dyn Out,
        write: &mut dyn FnMut(&mut Vec<u8>, &[u8]),
    ) -> Slot {
        let reliable = outgoing.flow.protocol.is_reliable();
        let slot = self.clients.next_slot();
        let branch = self.branch(slot);
        let start = out.buffer().len();
        write(out.buffer(), &branch);
        let machine = if outgoing.invite {
            ClientMachine::Invite(InviteClient::start(reliable, now))
        } else {
            ClientMachine::Other(NonInviteClient::start(reliable, now))
        };
        let mut request = self.pool.pop().unwrap_or_default();
        request.clear();
        request.extend_from_slice(out.buffer().get(start..).unwrap_or_default());
        out.send(outgoing.flow, start);
        let Outgoing { flow, user, purpose, .. } = outgoing;
        let inserted = self.clients.insert(Client {
            machine,
            request,
            flow,
            user,
            purpose,
            cancel: None,
            give_up: None,
        });
        debug_assert_eq!(inserted, slot);
        self.arm_client(slot, out);
        slot
    }

    /// An answer came in.
    pub fn on_response(
        &mut self,
        response: &Message<'_>,
        now: Timestamp,
        out: &mut dyn Out,
    ) -> Option<ClientEvent> {
        let branch = response.via()?.branch()?;
        let mut slot = self.open_branch(branch)?;
        if response.method() == Method::Cancel {
            slot = self.clients.get(slot)?.cancel?;
        }
        let client = self.clients.get_mut(slot)?;
        let reliable = client.flow.protocol.is_reliable();
        let invite = matches!(client.machine, ClientMachine::Invite(_));
        if invite != (response.method() == Method::Invite) {
            return None;
        }
        let step = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.on_response(response.code(), reliable, now),
            ClientMachine::Other(machine) => machine.on_response(response.code(), reliable, now),
        };
        if step.ack {
            send_ack(client, response, out);
        }
        let event = ClientEvent::Response { transaction: slot, user: client.user, purpose: client.purpose };
        let concerns = client.purpose != NOBODY;
        self.settle_client(slot, out);
        (step.pass_up && concerns).then_some(event)
    }

    /// A timer of this table fired.
    pub fn on_timer(&mut self, timer: Timer, now: Timestamp, out: &mut dyn Out) -> Option<ClientEvent> {
        match timer {
            Timer::Client(slot) => self.on_client_timer(slot, now, out),
            Timer::Server(slot) => {
                self.on_server_timer(slot, now, out);
                None
            }
            Timer::User(..) => None,
        }
    }

    /// The transport could not send what a client transaction sent: treated as its timeout (§8.1.3.1).
    pub fn on_transport_error(&mut self, flow: &Flow) -> Vec<ClientEvent> {
        let failed: Vec<Slot> = self
            .clients
            .iter()
            .filter(|(_, client)| same_stream(&client.flow, flow) && client.is_waiting())
            .map(|(slot, _)| slot)
            .collect();
        let cut: Vec<Slot> =
            self.servers.iter().filter(|(_, server)| server.flow == *flow).map(|(slot, _)| slot).collect();
        for slot in cut {
            if let Some(server) = self.servers.get_mut(slot) {
                server.flow = server.anew.take().unwrap_or(server.flow);
            }
        }
        let mut events = Vec::new();
        for slot in failed {
            if let Some(client) = self.clients.remove(slot) {
                if client.purpose != NOBODY {
                    let (user, purpose) = (client.user, client.purpose);
                    events.push(ClientEvent::Timeout { transaction: slot, user, purpose });
                }
                recycle(&mut self.pool, client.request);
            }
        }
        events
    }

    /// Sends a CANCEL for an INVITE that has a provisional answer; its own answer concerns nobody. Without a final
    /// answer in 64 × T1 the INVITE has timed out (§9.1).
    pub fn cancel(&mut self, slot: Slot, reason: Option<&[u8]>, now: Timestamp, out: &mut dyn Out) {
        let Some(client) = self.clients.get_mut(slot) else { return };
        client.give_up.get_or_insert(now + T1_64);
        let proceeding = matches!(client.machine, ClientMachine::Invite(InviteClient::Proceeding));
        if client.cancel.is_some() || !proceeding {
            self.arm_client(slot, out);
            return;
        }
        let (flow, user) = (client.flow, client.user);
        let Ok(invite) = Message::parse(&client.request) else { return };
        let start = out.buffer().len();
        write_like_invite(out.buffer(), &invite, b"CANCEL", None, reason);
        let mut copy = self.pool.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(out.buffer().get(start..).unwrap_or_default());
        out.send(flow, start);
        let machine = ClientMachine::Other(NonInviteClient::start(flow.protocol.is_reliable(), now));
        let cancel = self.clients.insert(Client {
            machine,
            request: copy,
            flow,
            user,
            purpose: NOBODY,
            cancel: None,
            give_up: None,
        });
        if let Some(client) = self.clients.get_mut(slot) {
            client.cancel = Some(cancel);
        }
        self.arm_client(cancel, out);
        self.arm_client(slot, out);
    }

    /// The INVITE's user has waited long enough after a CANCEL (§9.1): forget it.
    pub fn abandon(&mut self, slot: Slot) {
        if let Some(client) = self.clients.remove(slot) {
            recycle(&mut self.pool, client.request);
        }
    }

    fn branch(&self, slot: Slot) -> [u8; MAGIC.len() + sip_msg::token::TOKEN_LEN] {
        let mut branch = [0; MAGIC.len() + sip_msg::token::TOKEN_LEN];
        let key = Key { shard: self.shard, kind: BRANCH_KIND, slot: slot.index, generation: slot.generation };
        let (magic, token) = branch.split_at_mut(MAGIC.len());
        magic.copy_from_slice(MAGIC);
        token.copy_from_slice(self.mint.token(key).as_ref());
        branch
    }

    fn open_branch(&self, branch: &[u8]) -> Option<Slot> {
        let key = self.mint.open(branch.strip_prefix(MAGIC)?)?;
        (key.kind == BRANCH_KIND && key.shard == self.shard)
            .then_some(Slot { index: key.slot, generation: key.generation })
    }

    fn on_ack(&mut self, slot: Slot, now: Timestamp, out: &mut dyn Out) -> Received {
        let Some(server) = self.servers.get_mut(slot) else { return Received::Ack };
        let reliable = server.flow.protocol.is_reliable();
        match &mut server.machine {
            ServerMachine::Invite(machine @ InviteServer::Completed { .. }) => {
                machine.on_ack(reliable, now);
                recycle(&mut self.pool, core::mem::take(&mut server.response));
                self.settle_server(slot, out);
                Received::Absorbed
            }
            ServerMachine::Invite(InviteServer::Accepted { .. }) => Received::Ack,
            ServerMachine::Invite(_) | ServerMachine::Other(_) => Received::Absorbed,
        }
    }

    fn on_client_timer(&mut self, slot: Slot, now: Timestamp, out: &mut dyn Out) -> Option<ClientEvent> {
        let client = self.clients.get_mut(slot)?;
        if client.is_waiting() && client.give_up.is_some_and(|at| at <= now) {
            let (user, purpose) = (client.user, client.purpose);
            self.abandon(slot);
            return (purpose != NOBODY).then_some(ClientEvent::Timeout { transaction: slot, user, purpose });
        }
        let step = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.on_timer(now),
            ClientMachine::Other(machine) => machine.on_timer(now),
        };
        if step.retransmit {
            send_copy(&client.request, client.flow, out);
            self.retransmissions_out += 1;
        }
        let event = ClientEvent::Timeout { transaction: slot, user: client.user, purpose: client.purpose };
        let concerns = client.purpose != NOBODY;
        let due = client.next_timeout().is_some_and(|at| at > now);
        if step != Step::NONE || !due {
            self.settle_client(slot, out);
        }
        (step.pass_up && concerns).then_some(event)
    }

    fn on_server_timer(&mut self, slot: Slot, now: Timestamp, out: &mut dyn Out) {
        let Some(server) = self.servers.get_mut(slot) else { return };
        let step = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_timer(now),
            ServerMachine::Other(machine) => {
                machine.on_timer(now);
                Step::NONE
            }
        };
        if step.retransmit {
            send_copy(&server.response, server.flow, out);
            self.retransmissions_out += 1;
        }
        let due = server.next_timeout().is_some_and(|at| at > now);
        if step != Step::NONE || !due {
            self.settle_server(slot, out);
        }
    }

    /// After an event: forget a machine that is over, drop copies no longer needed, arm the next timer.
    fn settle_client(&mut self, slot: Slot, out: &mut dyn Out) {
        let Some(client) = self.clients.get_mut(slot) else { return };
        if client.is_over() {
            if let Some(client) = self.clients.remove(slot) {
                recycle(&mut self.pool, client.request);
            }
            return;
        }
        if client.keeps_nothing() {
            recycle(&mut self.pool, core::mem::take(&mut client.request));
        }
        self.arm_client(slot, out);
    }

    fn arm_client(&self, slot: Slot, out: &mut dyn Out) {
        if let Some(at) = self.clients.get(slot).and_then(Client::next_timeout) {
            out.arm(at, Timer::Client(slot));
        }
    }

    fn settle_server(&mut self, slot: Slot, out: &mut dyn Out) {
        let Some(server) = self.servers.get(slot) else { return };
        if server.is_over() {
            if let Some(server) = self.servers.remove(slot) {
                self.index.remove(&server.identity);
                if let Some(merged) = server.merged {
                    self.merged.remove(&merged);
                }
                recycle(&mut self.pool, server.response);
            }
            return;
        }
        if let Some(at) = server.next_timeout() {
            out.arm(at, Timer::Server(slot));
        }
    }
}

/// A request about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// Where it goes.
    pub flow: Flow,
    /// Whether it is an INVITE.
    pub invite: bool,
    /// Whom its answers concern.
    pub user: User,
    /// The user's own number for it.
    pub purpose: u8,
}

fn has_no_to_tag(request: &Message<'_>) -> bool {
    request.to().is_none_or(|to| to.tag().is_none())
}

fn same_stream(ours: &Flow, theirs: &Flow) -> bool {
    ours.protocol == theirs.protocol
        && ours.remote == theirs.remote
        && (ours.stream == theirs.stream || ours.stream == 0 || theirs.stream == 0)
}

fn send_copy(message: &[u8], flow: Flow, out: &mut dyn Out) {
    let start = out.buffer().len();
    out.buffer().extend_from_slice(message);
    out.send(flow, start);
}

/// A number in decimal without allocating.
pub fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

/// Buffers are kept for the next message, up to a bound so that a burst does not stay in memory for good.
fn recycle(pool: &mut Vec<Vec<u8>>, buffer: Vec<u8>) {
    if buffer.capacity() > 0 && buffer.capacity() <= 4096 && pool.len() < 1024 {
        pool.push(buffer);
    }
}
