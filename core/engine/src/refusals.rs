//! What becomes of a refusal besides the answer: a count, a row in the refused inbox with what it came near to, an
//! event.
//!
//! A flood of refusals costs counting only: near misses are looked for and events made so many times a second, of
//! each source and in all.

use routing::config::{Connection, ConnectionId};
use routing::identify::Facts;
use routing::near::{APPROVED, Attempt, NearMiss, VERIFY, near_misses};
use routing::policy::Over;
use routing::reason::Reason;
use sip_msg::{Credentials, Message, Method, Name};
use sip_stack::Slot;
use sip_stack::transport::Flow;
use timestamp::Timestamp;

use crate::called::named;
use crate::control::{Event, Happening, Refusal};
use crate::outbox::{Outbox, Output, Persist};
use crate::register::transport_of;
use crate::sender::parties;
use crate::shard::Shard;
use crate::throttle::Throttle;

/// How often refusals are looked into, and told to listeners.
#[derive(Debug)]
pub(crate) struct Notices {
    looks: Throttle,
    events: Throttle,
    /// The second that the counts are of.
    second: u64,
    looked: u32,
    told: u32,
}

impl Notices {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self {
            looks: Throttle::of(seed, 1, LOOKS_OF_ONE),
            events: Throttle::of(seed, EVENT_EVERY_S, 1),
            second: 0,
            looked: 0,
            told: 0,
        }
    }

    fn may_look(&mut self, flow: &Flow, now: Timestamp) -> bool {
        self.begin(now);
        let may = self.looked < LOOKS && self.looks.admits(flow.remote.ip(), now);
        self.looked += u32::from(may);
        may
    }

    fn may_tell(&mut self, flow: &Flow, now: Timestamp) -> bool {
        self.begin(now);
        let may = self.told < EVENTS && self.events.admits(flow.remote.ip(), now);
        self.told += u32::from(may);
        may
    }

    fn begin(&mut self, now: Timestamp) {
        if self.second != now.as_secs() {
            (self.second, self.looked, self.told) = (now.as_secs(), 0, 0);
        }
    }
}

impl Shard {
    /// Counts a refusal and puts it into the refused inbox.
    pub(crate) fn note_refusal(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        reason: Reason,
        connection: Option<&Connection>,
        sip_code: u16,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        self.counts.refused(reason);
        let misses = if self.notices.may_look(flow, now) {
            self.looked_into(request, flow, reason, connection, now)
        } else {
            Vec::new()
        };
        if is_policy(reason) || !misses.is_empty() {
            let account = connection.map_or("", |c| c.account.as_str()).into();
            self.keep_refusal(request, flow, (account, reason, sip_code), misses, now, out);
        }
    }

    /// A call without credentials from an address that stands for nobody: challenged like any other, and noted where
    /// it comes from beside a network that we know or for a number that we have.
    pub(crate) fn note_stranger(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        if request.method() != Method::Invite || !self.notices.may_look(flow, now) {
            return;
        }
        let reason = Reason::SourceNotAllowed;
        let misses = self.looked_into(request, flow, reason, None, now);
        let Some(miss) = misses.first() else { return };
        let owner = miss.resource.strip_prefix("connection ").map(ConnectionId::from);
        let owner = owner.and_then(|id| self.tables.connection(&id)).map(|c| c.account.as_str());
        let account = owner.unwrap_or_default().into();
        self.counts.refused(reason);
        self.keep_refusal(request, flow, (account, reason, 407), misses, now, out);
    }

    /// What a refused request came near to.
    fn looked_into(
        &self,
        request: &Message<'_>,
        flow: &Flow,
        reason: Reason,
        connection: Option<&Connection>,
        now: Timestamp,
    ) -> Vec<NearMiss> {
        let Some(mut parties) = parties(request) else { return Vec::new() };
        if request.method() == Method::Register
            && let Some(to) = request.to_uri()
        {
            let mut user = Vec::new();
            to.unescape_user(&mut user);
            parties.from_user = String::from_utf8_lossy(&user).into_owned();
            parties.from_host = String::from_utf8_lossy(to.host).into_owned();
        }
        if let Some(user) = connection.and_then(|connection| named(request, connection)) {
            parties.called_user = user;
        }
        let carried = request.fields(Name::Authorization).chain(request.fields(Name::ProxyAuthorization));
        let digest_user = carried.filter_map(Credentials::parse).find_map(|c| c.username);
        let facts = Facts {
            source: flow.remote.ip(),
            transport: transport_of(flow.protocol),
            from_user: &parties.from_user,
            from_host: &parties.from_host,
            called_user: &parties.called_user,
            called_host: &parties.called_host,
            contact_of: None,
        };
        let digest_user = digest_user.and_then(|user| core::str::from_utf8(user).ok());
        let presented = parties.asserted.first().unwrap_or(&parties.from_user);
        let attempt = Attempt { facts, digest_user, presented };
        let mut misses = near_misses(&self.tables, &attempt, reason, connection);
        let mistake = connection.and_then(|c| self.suspicion.mistakes.of(c.id.as_str(), now));
        if let (Some(mistake), Some(miss)) = (mistake, misses.iter_mut().find(|m| m.field == "password")) {
            let device = if mistake.same_device { "same device" } else { "several devices" };
            miss.have = format!("a wrong password, {} tries, {device}", mistake.tries + 1).into();
        }
        misses
    }

    fn keep_refusal(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        (account, reason, sip_code): (Box<str>, Reason, u16),
        near_misses: Vec<NearMiss>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)).into();
        let refusal = Refusal {
            at: now,
            account,
            source: flow.remote,
            transport: flow.protocol.name(),
            method: request.method().as_str(),
            from: text(request.from().map_or(b"".as_slice(), |from| from.uri)),
            to: text(request.uri()),
            user_agent: text(request.field(Name::UserAgent).unwrap_or_default()),
            sip_code,
            reason,
            near_misses,
        };
        self.file(refusal, flow, now, out);
    }

    /// A limit does not let a call begin.
    pub(crate) fn note_full(&mut self, slot: Slot, over: Over, of: &str, now: Timestamp, out: &mut Outbox) {
        if !self.calls.get(slot).is_some_and(|call| call.is_admitting()) {
            return;
        }
        let reason = over.reason;
        let miss = match over.country {
            Some(country) => NearMiss {
                resource: of.into(),
                field: APPROVED,
                have: country.to_string().into(),
                want: "an approved country".into(),
            },
            None => NearMiss {
                resource: of.into(),
                field: over.limit,
                have: format!("{} calls", over.used.saturating_add(1)).into(),
                want: format!("{} at most", over.max).into(),
            },
        };
        self.keep_call(slot, reason, miss, now, out);
    }

    /// The signature of a caller id does not let a call begin.
    pub(crate) fn note_distrusted(
        &mut self,
        slot: Slot,
        reason: Reason,
        problem: Box<str>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let connection = self.calls.get(slot).and_then(|call| call.connection_in());
        let Some(resource) = connection.map(|connection| format!("connection {}", connection.id)) else {
            return;
        };
        let have = if problem.is_empty() { "it is not signed".into() } else { problem };
        let miss =
            NearMiss { resource: resource.into(), field: VERIFY, have, want: "a good signature".into() };
        self.keep_call(slot, reason, miss, now, out);
    }

    fn keep_call(&mut self, slot: Slot, reason: Reason, miss: NearMiss, now: Timestamp, out: &mut Outbox) {
        let Some(call) = self.calls.get(slot) else { return };
        let (flow, agent) = call.caller_flow();
        let (flow, account) = (*flow, call.account().map_or("", |account| account.as_str()).into());
        let refusal = Refusal {
            at: now,
            account,
            source: flow.remote,
            transport: flow.protocol.name(),
            method: "INVITE",
            from: (&*call.from()).into(),
            to: (&**call.dialled()).into(),
            user_agent: agent.into(),
            sip_code: reason.sip_code(),
            reason,
            near_misses: vec![miss],
        };
        self.counts.refused(reason);
        self.file(refusal, &flow, now, out);
    }

    /// Tells of a refusal, and puts it on its way to the inbox.
    fn file(&mut self, refusal: Refusal, flow: &Flow, now: Timestamp, out: &mut Outbox) {
        if self.notices.may_tell(flow, now) {
            let what = Happening::CallRefused(Box::new(refusal.clone()));
            out.outputs.push(Output::Announce(Event { at: now, account: (&*refusal.account).into(), what }));
        }
        out.outputs.push(Output::Persist(Persist::Refused(Box::new(refusal))));
    }
}

/// Refusals that an operator should see even without a near miss; a number that does not exist is no business of
/// policy.
fn is_policy(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::NumberNotKnown | Reason::UserNotKnown | Reason::NotRegistered | Reason::NothingAttached
    )
}

/// Refusals of one source looked into in a second.
const LOOKS_OF_ONE: u32 = 5;
/// Refusals looked into in a second.
const LOOKS: u32 = 100;
/// Seconds between two events of one source.
const EVENT_EVERY_S: u64 = 10;
/// Events of refusals in a second.
const EVENTS: u32 = 20;
