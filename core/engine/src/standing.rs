//! How connections stand: the one place where a connection's state is computed, kept and announced.
//!
//! What it is computed from lies elsewhere: bindings, registrations of ours, probes, and the last final answer.

use b2bua::Level;
use hashbrown::HashMap;
use peering::Verdict;
use routing::config::{Connection, ConnectionId, Kind};
use sip_msg::Message;
use sip_stack::{Slot, User};
use smallvec::SmallVec;
use timestamp::Timestamp;

use crate::control::{Event, Happening, LastResponse, RegistrationView, StatusView, WrongPassword};
use crate::outbox::{Outbox, Output};
use crate::owner::ShardMessage;
use crate::shard::Shard;

/// The state of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Not as it should, or one of several ways is down.
    Degraded,
    /// Switched off.
    Disabled,
    /// Cannot be reached.
    Down,
    /// Nothing to judge by yet.
    #[default]
    Unknown,
    /// As it should.
    Up,
}

/// What is remembered, by connection, at its home.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    health: HashMap<Box<str>, Health>,
}

#[derive(Debug, Default)]
struct Health {
    last: Option<LastResponse>,
    /// Why its peer could not be reached by a stream; an answer ends that.
    problem: Option<Box<str>>,
    state: State,
    since: Option<Timestamp>,
    /// Credentials that have registered: one that never did is not missed.
    labels: SmallVec<[Box<str>; 2]>,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::Disabled => "disabled",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::Up => "up",
        }
    }
}

impl Standing {
    /// The last final answer of a connection's peer.
    pub(crate) fn last(&self, connection: &str) -> Option<&LastResponse> {
        self.health.get(connection)?.last.as_ref()
    }

    /// Whether a peer or PBX was out of reach when it was last judged. Of phones the bindings say it all.
    pub(crate) fn is_down(&self, connection: &str) -> bool {
        self.health.get(connection).is_some_and(|health| health.state == State::Down)
    }

    /// A connection is gone.
    pub(crate) fn forget(&mut self, connection: &str) {
        self.health.remove(connection);
    }

    fn entry(&mut self, connection: &str) -> &mut Health {
        if !self.health.contains_key(connection) {
            self.health.insert(connection.into(), Health::default());
        }
        self.health.get_mut(connection).expect("inserted when it was missing")
    }
}

impl Shard {
    /// A final answer to an INVITE of ours is for the callee's home to remember.
    pub(crate) fn remember_response(
        &mut self,
        user: Slot,
        leg: u8,
        response: &Message<'_>,
        out: &mut Outbox,
    ) {
        if response.code() < 200 || response.method() != sip_msg::Method::Invite || leg == 0 {
            return;
        }
        let Some(connection) = self.calls.get(user).and_then(|call| call.connection_out()) else { return };
        let home = self.owners.home_of(connection);
        let message = ShardMessage::Answered { connection: connection.id.clone(), code: response.code() };
        self.tell(home, message, out);
    }

    /// A stream failed under a request: the home of its connection remembers why.
    pub(crate) fn note_fault(&mut self, user: User, out: &mut Outbox) {
        let Some(text) = self.fault.as_ref().map(|fault| fault.text.clone()) else { return };
        let id = match user {
            User::Call(slot) => self.calls.get(slot).and_then(|c| c.connection_out()).map(|c| c.id.clone()),
            User::Registration(slot) => self.peering.connection_of(slot),
            User::Probe(slot) => self.watching.connection_of(slot),
            User::Message(_) | User::Subscription(_) => None,
        };
        let row = id.as_ref().and_then(|id| self.tables.connection(id));
        let Some((connection, home)) = id.clone().zip(row.map(|row| self.owners.home_of(row))) else {
            return;
        };
        self.tell(home, ShardMessage::Unreached { connection, text }, out);
    }

    /// Why the peer of a connection could not be reached.
    pub(crate) fn on_unreached(&mut self, id: &ConnectionId, text: Box<str>) {
        if self.tables.connection(id).is_some() {
            self.standing.entry(id.as_str()).problem = Some(text);
        }
    }

    /// A call that another shard carries was answered so.
    pub(crate) fn on_answered(&mut self, id: &ConnectionId, code: u16, now: Timestamp, out: &mut Outbox) {
        if self.tables.connection(id).is_some() {
            self.note_answer(id, code, "", now);
            self.judge(id, now, out);
        }
    }

    /// Remembers a final answer; without a phrase the usual one stands for it.
    pub(crate) fn note_answer(&mut self, id: &ConnectionId, code: u16, phrase: &str, now: Timestamp) {
        let phrase = if phrase.is_empty() { sip_msg::reason_phrase(code) } else { phrase };
        let health = self.standing.entry(id.as_str());
        health.problem = None;
        let last = &mut health.last;
        match last {
            Some(last) if last.code == code && *last.reason == *phrase => last.at = now,
            Some(_) | None => *last = Some(LastResponse { code, reason: phrase.into(), at: now }),
        }
    }

    /// Something happened that may have changed the state of a connection.
    pub(crate) fn judge(&mut self, id: &ConnectionId, now: Timestamp, out: &mut Outbox) {
        let Some(row) = self.tables.connection(id).cloned() else { return };
        if matches!(row.kind, Kind::Device | Kind::Virtual) || self.owners.home_of(&row) != self.index {
            return;
        }
        if row.kind == Kind::RegisterIn {
            for binding in self.location.of(id.as_str(), now) {
                let labels = &mut self.standing.entry(id.as_str()).labels;
                if !labels.contains(&binding.credential) {
                    labels.push(binding.credential.clone());
                }
            }
        }
        let state = self.state_of(&row, now);
        let health = self.standing.entry(id.as_str());
        if health.state == state && health.since.is_some() {
            return;
        }
        let before = core::mem::replace(&mut health.state, state);
        health.since = Some(now);
        let connection = id.as_str().into();
        let what = match (before, state) {
            (State::Down, State::Up | State::Degraded) => Happening::ConnectionUp { connection },
            (State::Up | State::Degraded | State::Unknown, State::Down) => {
                Happening::ConnectionDown { connection }
            }
            _ => return,
        };
        self.contacts_changed(id.as_str(), now, out);
        out.outputs.push(Output::Announce(Event { at: now, account: row.account.as_str().into(), what }));
    }

    /// The state of a connection at home here.
    pub(crate) fn state_of(&self, row: &Connection, now: Timestamp) -> State {
        if !row.enabled {
            return State::Disabled;
        }
        let id = row.id.as_str();
        if self.rehearsals.until(id).is_some() {
            return State::Down;
        }
        let ways = self.watching.verdicts(id);
        let troubled = self.standing.last(id).is_some_and(|last| matches!(last.code, 408 | 503));
        match row.kind {
            Kind::Virtual => State::Unknown,
            Kind::Device if !self.location.of(id, now).is_empty() => State::Up,
            Kind::Device if self.location.has_seen(id) => State::Down,
            Kind::Device => State::Unknown,
            Kind::RegisterIn => self.state_of_registered(row, now),
            Kind::RegisterOut => match self.peering.registration(id).and_then(|r| r.is_registered()) {
                None => State::Unknown,
                Some(false) => State::Down,
                Some(true) => of_ways(&ways, troubled).unwrap_or(State::Up),
            },
            Kind::Trunk => of_ways(&ways, troubled).unwrap_or_else(|| match self.standing.last(id) {
                Some(_) if troubled => State::Degraded,
                Some(_) => State::Up,
                None => State::Unknown,
            }),
        }
    }

    /// A PBX that registers here: each credential that has registered is to have a contact that answers.
    fn state_of_registered(&self, row: &Connection, now: Timestamp) -> State {
        let id = row.id.as_str();
        let bindings = self.location.of(id, now);
        if bindings.is_empty() {
            return if self.location.has_seen(id) { State::Down } else { State::Unknown };
        }
        let verdict = |contact: &str| self.watching.verdict_of(id, contact);
        let alive = bindings.iter().filter(|binding| verdict(&binding.contact) != Some(Verdict::Down));
        let mut labels: Vec<&str> = alive.map(|binding| &*binding.credential).collect();
        labels.sort_unstable();
        labels.dedup();
        let expected = self.standing.health.get(id).map_or(0, |health| health.labels.len());
        let ailing = bindings.iter().any(|binding| verdict(&binding.contact) == Some(Verdict::Ailing));
        match labels.len() {
            0 => State::Down,
            count if count < expected || ailing => State::Degraded,
            _ => State::Up,
        }
    }

    /// The contacts of a PBX in the order in which they are tried: the living before the dead, its primary credential
    /// before the other.
    pub(crate) fn order_contacts(&self, connection: &str, rows: &mut [&registrar::BindingRow]) {
        let registers_in =
            self.tables.connection_by_text(connection).is_some_and(|row| row.kind == Kind::RegisterIn);
        if registers_in {
            rows.sort_by_key(|row| {
                let dead = self.watching.verdict_of(connection, &row.contact) == Some(Verdict::Down);
                (dead, &*row.credential != "primary")
            });
        }
    }

    /// The state of a connection as people see it, from its home.
    pub(crate) fn status(
        &mut self,
        id: &ConnectionId,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Option<StatusView> {
        self.judge(id, now, out);
        let limits = self.limits_used(Level::Connection, id.as_str(), now);
        let connection = self.tables.connection(id).filter(|c| self.owners.home_of(c) == self.index)?;
        let rows = self.location.of(id.as_str(), now);
        let health = self.standing.health.get(id.as_str());
        let state = self.state_of(connection, now);
        let registration = self.peering.registration(id.as_str());
        let probed = (state == State::Down).then(|| self.watching.next_attempt(id.as_str())).flatten();
        Some(StatusView {
            connection: id.clone(),
            state: state.name(),
            since: health.and_then(|health| health.since).or_else(|| rows.iter().map(|row| row.since).min()),
            last_response: health.and_then(|health| health.last.clone()),
            problem: health
                .and_then(|health| health.problem.clone())
                .or_else(|| self.watching.ailment(id.as_str())),
            next_attempt_at: registration.and_then(|r| r.next_attempt()).or(probed),
            rehearsal_until: self.rehearsals.until(id.as_str()),
            registrations: rows
                .iter()
                .map(|row| RegistrationView {
                    contact: row.contact.clone(),
                    source: row.source,
                    transport: row.transport.clone(),
                    user_agent: row.user_agent.clone(),
                    expires_at: row.expires_at,
                    credential: row.credential.clone(),
                    asleep: row.asleep_at().is_some(),
                })
                .collect(),
            active_calls: self.places.of(id.as_str()),
            wrong_password: self.suspicion.mistakes.of(id.as_str(), now).map(WrongPassword::of),
            limits,
        })
    }
}

/// What the ways to a peer come to; `None` if none was judged yet.
fn of_ways(ways: &[Verdict], troubled: bool) -> Option<State> {
    let count = |verdict: Verdict| ways.iter().filter(|way| **way == verdict).count();
    let (up, ailing, down) = (count(Verdict::Up), count(Verdict::Ailing), count(Verdict::Down));
    match (up + ailing, down) {
        (0, 0) => None,
        (0, _) if count(Verdict::Unknown) == 0 => Some(State::Down),
        (0, _) => None,
        (_, 0) if ailing == 0 && !troubled => Some(State::Up),
        (_, _) => Some(State::Degraded),
    }
}
