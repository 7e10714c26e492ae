//! One call: the caller's leg, whoever is being rung, and the phase that says what it waits for.
//!
//! This file only holds the state and hands events to the files that know: `dial` rings callees, `talk` serves
//! the established call, `end` finishes and records.

mod seen;

use core::fmt::Write as _;
use std::sync::Arc;

use sip_msg::build::{Writer, answer};
use sip_msg::{Message, Name, ViaStamp};
use sip_stack::Slot;
use sip_stack::dialog::{Dialog, SessionTimer};
use sip_stack::transport::{Flow, stamp};
use smallvec::SmallVec;
use timestamp::Timestamp;

use routing::config::Connection;
use routing::decision::{Decision, Destination, Outcome, TestLine};
use routing::reason::Reason;

use crate::anchor::{Before, LegMedia};
use crate::attendant::Attendant;
use crate::branch::{Branch, Place, Presentation};
use crate::claim::Claim;
use crate::dial::Dialling;
use crate::hold::Hold;
use crate::hunt::Hunt;
use crate::leg::Leg;
use crate::means::{Effect, Means, Milestone};
use crate::record::{AttemptRecord, EndedBy, LegRecord, OpenCall};
use crate::recorded::Taping;
use crate::transfer::Handover;
use crate::vouch::Vouching;
use crate::wake::Waking;

/// One call.
#[derive(Debug)]
pub struct Call {
    /// Where the engine keeps it.
    pub slot: Slot,
    /// `call_…`.
    pub id: Arc<str>,
    pub(crate) decision: Box<Decision>,
    /// What was decided since people had the call go elsewhere.
    pub(crate) diverted: Option<Box<Decision>>,
    pub(crate) began: Began,
    /// The caller's leg, or while a transfer looks for somebody else and after it, the leg that waits.
    pub(crate) caller: Leg,
    pub(crate) invite: Option<Arc<Invite>>,
    pub(crate) phase: Phase,
    /// Branches that lost, or were cancelled, and still owe us a final answer.
    pub(crate) losers: Vec<Branch>,
    /// Further contacts of the target being rung, one after the other.
    pub(crate) contacts: Vec<Place>,
    /// Devices of the target that are being woken.
    pub(crate) waking: Waking,
    pub(crate) next_leg: u8,
    pub(crate) redirects: u8,
    pub(crate) hunt: Hunt,
    /// Places taken, the newest last.
    pub(crate) held: SmallVec<[Box<Claim>; 2]>,
    /// Homes were asked for a place and have not answered yet.
    pub(crate) asked: bool,
    pub(crate) times: Times,
    pub(crate) ending: Option<Ending>,
    pub(crate) recorded: bool,
    pub(crate) forwards: SmallVec<[Forward; 1]>,
    pub(crate) closing: usize,
    /// Reason values of the caller's CANCEL or early BYE, for the CANCELs of its callees.
    pub(crate) given: Vec<u8>,
    /// Reason of the caller's BYE that waits for its ACK.
    pub(crate) farewell: Option<Vec<u8>>,
    pub(crate) counters: SmallVec<[(u8, media::Counters); 2]>,
    /// Legs of which nothing was heard, and why.
    pub(crate) unheard: SmallVec<[(u8, Reason); 1]>,
    /// The callee's leg as it stands in the record, and its number.
    pub(crate) callee: Option<(u8, LegRecord)>,
    /// Attempts that did not work, and the one after them that did.
    pub(crate) attempts: Vec<AttemptRecord>,
    /// Legs that said BYE and may have to say it again.
    pub(crate) parting: Vec<Leg>,
    /// Legs that left while the call went on.
    pub(crate) parted: Vec<(u8, LegRecord)>,
    pub(crate) handover: Handover,
    pub(crate) vouching: Vouching,
    /// The flow that has the call.
    pub(crate) attendant: Option<Box<Attendant>>,
    /// What is recorded of it.
    pub(crate) taping: Taping,
    /// Music for whoever is on hold, and how often there was any.
    pub(crate) hold: Option<Box<Hold>>,
    pub(crate) next_hold: u32,
}

/// How the call began, whoever is in it now.
#[derive(Debug)]
pub(crate) struct Began {
    pub(crate) from: Arc<str>,
    pub(crate) dialled: Arc<str>,
    pub(crate) connection: Option<Arc<Connection>>,
    /// A `sips:` address was dialled: nobody is reached without TLS (RFC 3261 §26.2).
    pub(crate) secure: bool,
}

/// The caller's INVITE, kept until it has its final answer; or what a transfer invites others with.
#[derive(Debug)]
pub(crate) struct Invite {
    pub(crate) bytes: Vec<u8>,
    /// Its transaction; none for an invitation of our own making.
    pub(crate) server: Option<Slot>,
    pub(crate) stamp: ViaStamp,
    pub(crate) cseq: u32,
    pub(crate) max_forwards: u8,
    pub(crate) presentation: Presentation,
}

/// What a call waits for.
#[derive(Debug)]
pub(crate) enum Phase {
    /// A place among the caller's calls.
    Admitting,
    /// What its flow waits for; nobody is being rung.
    Attending,
    /// A place among the callee's calls, and its bindings.
    Seeking {
        /// Which destination.
        target: usize,
    },
    /// The address of a peer.
    Locating {
        /// Which destination.
        target: usize,
        /// Which of its peers.
        peer: usize,
    },
    /// Somebody to answer.
    Dialling(Box<Dialling>),
    /// Nothing: people talk. No callee means that we serve the caller ourselves.
    Talking {
        /// The callee's leg.
        callee: Option<Box<Leg>>,
    },
    /// Late answers, and the media plane's last word.
    Over,
}

/// A final answer of a callee, kept until all branches have theirs.
#[derive(Clone, Debug)]
pub(crate) struct Final {
    pub(crate) code: u16,
    pub(crate) phrase: Vec<u8>,
    pub(crate) reason: Vec<u8>,
    pub(crate) why: Option<Reason>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) started: Timestamp,
    pub(crate) ringing: Option<Timestamp>,
    pub(crate) answered: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
}

/// How the call ended.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) code: u16,
    pub(crate) by: EndedBy,
    pub(crate) reason: Option<Reason>,
    pub(crate) text: String,
    pub(crate) q850: u16,
}

impl Ending {
    /// For a reason of ours.
    pub(crate) fn ours(code: u16, by: EndedBy, reason: Reason) -> Self {
        Self { code, by, reason: Some(reason), text: reason.text().to_owned(), q850: reason.q850() }
    }
}

/// A request within the dialog that waits for the other side's answer.
#[derive(Debug)]
pub(crate) struct Forward {
    /// Its transaction on the other leg; none while it waits there for an ACK.
    pub(crate) client: Option<Slot>,
    pub(crate) server: Slot,
    pub(crate) leg: u8,
    pub(crate) flow: Flow,
    pub(crate) stamp: ViaStamp,
    pub(crate) request: Vec<u8>,
    /// The media as they were before its offer.
    pub(crate) before: Option<Box<Before>>,
}

/// What begins a call.
#[expect(missing_debug_implementations, reason = "a bundle of borrows")]
pub struct Begin<'a, 'm> {
    /// Where the engine will keep it.
    pub slot: Slot,
    /// The caller's INVITE.
    pub invite: &'a Message<'m>,
    /// How it came, and how its answers go.
    pub flow: Flow,
    /// Its transaction.
    pub server: Slot,
    /// Who rings.
    pub decision: Decision,
    /// What callees see of the caller.
    pub presentation: Presentation,
    /// The nonce that proved the caller.
    pub nonce: Option<registrar::NonceUse>,
}

/// Purpose numbers of requests that are no INVITE of a leg.
pub(crate) const FORWARD: u8 = 200;
pub(crate) const NOTIFY: u8 = 220;

/// Purpose number of a refresh of ours.
pub(crate) const REFRESH: u8 = 201;

/// Purpose number of a REFER of ours.
pub(crate) const REFERRED: u8 = 222;

/// Purpose number of a BYE.
pub(crate) const PARTING: u8 = 221;

/// Timers of a call.
pub(crate) mod timers {
    pub(crate) const RING: u8 = 1;
    pub(crate) const ALIVE: u8 = 2;
    pub(crate) const DURATION: u8 = 3;
    pub(crate) const USAGE: u8 = 4;
    pub(crate) const LINGER: u8 = 5;
    pub(crate) const SESSION: u8 = 6;
    pub(crate) const RELIABLE: u8 = 7;
    pub(crate) const VOUCH: u8 = 8;
    pub(crate) const FLOW: u8 = 9;
    pub(crate) const WAKE: u8 = 10;
    pub(crate) const DEPARTURE: u8 = 20;
}

impl Call {
    /// A call whose caller is known and whose decision is made: 100 Trying leaves, and a place is asked for.
    pub fn begin(begin: Begin<'_, '_>, means: &mut Means<'_>) -> Self {
        let Begin { slot, invite, flow, server, decision, presentation, nonce } = begin;
        let tag = means.tag(slot, 0);
        let connection = decision.caller.clone();
        let mut caller =
            Leg::new(0, connection, Dialog::from_request(invite, tag.as_ref(), flow), LegMedia::default());
        caller.hear_agent(invite);
        caller.ids.hear(invite, means.random.hex());
        let stamp = invite
            .via()
            .map(|via| stamp(&via, flow.remote))
            .unwrap_or(ViaStamp { received: None, rport: None });
        let random = means.random.wide();
        let began = Began {
            from: uri_of(&caller.dialog.remote).into(),
            dialled: decision.called.as_str().into(),
            connection: caller.connection.clone(),
            secure: caller.dialog.secure,
        };
        let mut call = Self {
            slot,
            id: call_id(means.now, random as u64),
            decision: Box::new(decision),
            diverted: None,
            began,
            caller,
            invite: Some(Arc::new(Invite {
                bytes: invite.bytes().to_vec(),
                server: Some(server),
                stamp,
                cseq: invite.cseq().map_or(0, |(number, _)| number),
                max_forwards: invite.max_forwards().unwrap_or(70).saturating_sub(1),
                presentation,
            })),
            phase: Phase::Admitting,
            losers: Vec::new(),
            contacts: Vec::new(),
            waking: Waking::default(),
            next_leg: 1,
            redirects: 0,
            hunt: Hunt::default(),
            held: SmallVec::new(),
            asked: false,
            times: Times { started: means.now, ringing: None, answered: None, ended: None },
            ending: None,
            recorded: false,
            forwards: SmallVec::new(),
            closing: 0,
            given: Vec::new(),
            farewell: None,
            counters: SmallVec::new(),
            unheard: SmallVec::new(),
            callee: None,
            attempts: Vec::new(),
            parting: Vec::new(),
            parted: Vec::new(),
            handover: Handover::default(),
            vouching: Vouching::default(),
            attendant: None,
            taping: Taping::default(),
            hold: None,
            next_hold: 0,
        };
        means.transactions.set_user(server, slot);
        if let Err(least) = call.caller.timer.propose(invite) {
            call.refuse_interval(least, means);
            return call;
        }
        call.respond(100, b"", None, None, means);
        means.effects.push(Effect::Open(Box::new(call.marker())));
        means.effects.push(Effect::Announce(Milestone::Started));
        if !call.vouch(invite, means) {
            return call;
        }
        let claim = call.claim(call.caller.connection.as_deref(), true, means);
        match claim.counts() {
            true => call.ask(Claim { nonce, ..claim }, means),
            false => call.admitted(means),
        }
        call
    }

    /// Whether nothing is left to wait for.
    pub fn is_over(&self) -> bool {
        self.recorded
            && self.losers.is_empty()
            && !self.asked
            && self.caller_is_quiet()
            && self.has_parted()
            && self.handover.departing.is_empty()
    }

    /// Whether it takes no new events of people: its record is written or about to be.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Whether it waits for its caller's place.
    pub fn is_admitting(&self) -> bool {
        matches!(self.phase, Phase::Admitting)
    }

    /// How the caller's messages come, and what it calls itself.
    pub fn caller_flow(&self) -> (&Flow, &str) {
        (&self.caller.dialog.flow, &self.caller.user_agent)
    }

    /// Its places among calls of others.
    pub fn places(&self) -> &[Box<Claim>] {
        &self.held
    }

    /// The same, to be counted elsewhere as well.
    pub fn places_mut(&mut self) -> &mut [Box<Claim>] {
        &mut self.held
    }

    /// Whether a request within a dialog belongs to this leg: Call-ID and their tag (RFC 3261 §12.2.2).
    pub fn owns(&self, number: u8, call_id: &[u8], remote_tag: &[u8]) -> bool {
        if self.owns_vacancy(number, call_id, remote_tag) {
            return true;
        }
        if let Phase::Dialling(dialling) = &self.phase
            && let Some(branch) = dialling.branches.iter().find(|b| b.leg.number == number)
        {
            return branch.owns(call_id, remote_tag);
        }
        self.leg(number).is_some_and(|leg| leg.dialog.matches(call_id, remote_tag))
    }

    /// Whether our Contact on this leg has to be `sips:`.
    pub(crate) fn wants_sips(&self, number: u8) -> bool {
        self.leg(number).is_some_and(|leg| leg.dialog.wants_sips())
    }

    pub(crate) fn leg(&self, number: u8) -> Option<&Leg> {
        if number == self.caller.number {
            return Some(&self.caller);
        }
        if let Some(leg) = self.handover.leg(number) {
            return Some(leg);
        }
        match &self.phase {
            Phase::Talking { callee: Some(leg) } if leg.number == number => Some(leg),
            Phase::Dialling(d) => d.branches.iter().map(|b| &b.leg).find(|leg| leg.number == number),
            Phase::Talking { .. }
            | Phase::Admitting
            | Phase::Attending
            | Phase::Seeking { .. }
            | Phase::Locating { .. }
            | Phase::Over => None,
        }
    }

    pub(crate) fn target(&self, index: usize) -> Option<&Destination> {
        self.routed().outcome.targets().get(index)
    }

    /// The decision that says who is rung: the call's, that of whoever forwarded it, of a transfer under way, or of its flow.
    pub(crate) fn routed(&self) -> &Decision {
        let of_transfer = self.handover.transfer.as_ref().map(|transfer| &*transfer.decision);
        let of_flow = || self.attendant.as_ref()?.decision.as_deref();
        of_transfer.or_else(of_flow).or(self.diverted.as_deref()).unwrap_or(&self.decision)
    }

    /// The same, to be changed.
    pub(crate) fn routed_mut(&mut self) -> &mut Decision {
        let of_transfer = self.handover.transfer.as_mut().map(|transfer| &mut *transfer.decision);
        let of_flow = self.attendant.as_mut().and_then(|attendant| attendant.decision.as_deref_mut());
        of_transfer.or(of_flow).or(self.diverted.as_deref_mut()).unwrap_or(&mut self.decision)
    }

    /// Whether this was dialled in it, at first or by a transfer.
    pub fn has_dialled(&self, called: &str) -> bool {
        self.decision.called == called || self.routed().called == called
    }

    pub(crate) fn service(&self) -> Option<TestLine> {
        match self.diverted.as_ref().unwrap_or(&self.decision).outcome {
            Outcome::Serve(service) => Some(service),
            Outcome::Run(_)
            | Outcome::Ring(_)
            | Outcome::Divert(_)
            | Outcome::Feature(_)
            | Outcome::Challenge
            | Outcome::Refuse(_) => None,
        }
    }

    /// A claim to be among the calls of a connection, or of the call's account.
    pub(crate) fn claim(&self, connection: Option<&Connection>, from: bool, means: &Means<'_>) -> Claim {
        let account = connection.map(|c| &c.account).or_else(|| self.account());
        let id = connection.map(|c| c.id.clone());
        let routed = self.routed();
        Claim {
            emergency: routed.emergency,
            country: routed.country.filter(|_| from),
            ..Claim::new(id, account.cloned(), from, means.tables, means.now)
        }
    }

    /// Asks the homes that a claim is for.
    pub(crate) fn ask(&mut self, claim: Claim, means: &mut Means<'_>) {
        self.asked = true;
        means.effects.push(Effect::Ask(Box::new(claim)));
    }

    /// Answers the caller's INVITE. A 2xx is kept until its ACK; every final answer lets the INVITE go.
    pub(crate) fn respond(
        &mut self,
        code: u16,
        phrase: &[u8],
        body: Option<&[u8]>,
        fill: Option<&dyn Fn(&mut Writer<'_>)>,
        means: &mut Means<'_>,
    ) {
        let Some(invite) = &self.invite else { return };
        let Some(server) = invite.server else { return };
        let Ok(message) = Message::parse(&invite.bytes) else { return };
        let tag = means.tag(self.slot, 0);
        let flow = self.caller.dialog.flow;
        let (shown, sips) = (means.shown(&flow), self.caller.dialog.wants_sips());
        let agreement =
            if (200..300).contains(&code) { self.caller.timer.propose(&message).ok() } else { None };
        let (stamp, cseq) = (invite.stamp, invite.cseq);
        let ids = self.caller.ids;
        let start = means.out.buffer().len();
        let sent = means.transactions.respond(server, code, means.now, means.out, &mut |buffer| {
            let mut writer = answer(buffer, &message, code, phrase, tag.as_ref(), stamp);
            if code > 100 && code < 300 {
                writer.copy(&message, Name::RecordRoute);
                crate::leg::write_ourselves(&mut writer, &flow, &shown, sips, crate::leg::SUPPORTED);
            }
            if code > 100 {
                ids.write(&mut writer);
            }
            if let Some(agreement) = &agreement {
                SessionTimer::write_answer(agreement, &mut writer);
            }
            if let Some(fill) = fill {
                fill(&mut writer);
            }
            match body {
                Some(body) => writer.body(b"application/sdp", body),
                None => writer.end(),
            }
        });
        if !sent || code < 200 {
            return;
        }
        self.caller.reliable.settle();
        self.caller.code = code;
        if code < 300 {
            let ok = means.out.buffer().get(start..).unwrap_or_default().to_vec();
            self.answering(0, ok, cseq, means);
            self.start_timer(0, agreement, means);
        }
        self.invite = None;
    }

    pub(crate) fn marker(&self) -> OpenCall {
        OpenCall {
            id: Arc::clone(&self.id),
            account: self.account().map(|account| Arc::clone(&account.0)).unwrap_or_default(),
            started_at: self.times.started,
            answered_at: self.times.answered,
            from: Arc::clone(&self.began.from),
            dialled: Arc::clone(self.dialled()),
            connection_in: id_of(self.began.connection.as_ref()),
            connection_out: id_of(self.connection_out()),
            config_rev: self.decision.revision,
        }
    }

    fn caller_is_quiet(&self) -> bool {
        !matches!(self.caller.usage, crate::usage::InviteUsage::Answering { .. })
    }
}

/// The id of a call: those that began later sort later.
pub fn call_id(began: Timestamp, unique: u64) -> Arc<str> {
    let mut text = String::with_capacity(ID_LENGTH);
    // Writing into a String cannot fail.
    let _ = write!(text, "call_{:011x}{unique:016x}", began.as_millis());
    text.into()
}

/// The id of a connection as others keep it; empty for none.
pub fn id_of(connection: Option<&Arc<Connection>>) -> Arc<str> {
    connection.map(|connection| Arc::clone(&connection.id.0)).unwrap_or_default()
}

const ID_LENGTH: usize = 32;

/// The URI in a name-addr of ours, without brackets.
pub(crate) fn uri_of(party: &[u8]) -> String {
    let text = String::from_utf8_lossy(party);
    match (text.find('<'), text.rfind('>')) {
        (Some(start), Some(end)) if start < end => text.get(start + 1..end).unwrap_or_default().to_owned(),
        _ => text.into_owned(),
    }
}
