//! Transfers (RFC 5589, RFC 7647): one party hands its part of the call over, the other waits for somebody else.
//!
//! Whoever waits becomes the side that calls, already answered, and `dial` rings the new party as for any call. Until
//! somebody answers, the old call can be taken up again. Nobody gets a way out by being transferred or by
//! transferring: the decision is the one that the transferor would get by calling.

use core::net::IpAddr;
use std::sync::Arc;

use sip_msg::build::Writer;
use sip_msg::header::Replaces;
use sip_msg::{Message, Name, NameAddr, Uri, ViaStamp};
use sip_stack::dialog::Agreement;

use routing::caller_id::Proposal;
use routing::config::{AccountId, Connection};
use routing::decide::{Addressed, Caller, Question, decide_at, decide_through};
use routing::decision::{Decision, Outcome, Proof};
use routing::reason::Reason;

use crate::anchor::{self, Passing};
use crate::attendant::{Entered, Entering, Succession};
use crate::branch::{Presentation, escape_user};
use crate::call::{Call, Final, Invite, Phase};
use crate::claim::Claim;
use crate::departing::Departing;
use crate::leg::Leg;
use crate::means::{Effect, Means, Milestone};
use crate::record::EndedBy;
use crate::refer::Kept;
use crate::renew::Renewal;
use crate::replaces::Replacing;

/// Where a transfer leads.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    /// User or number.
    pub user: String,
    /// Host; empty of a number alone.
    pub host: String,
    /// Header fields that the INVITE is to have, as far as they pass between legs.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The dialog to be replaced there.
    pub replaces: Option<Vec<u8>>,
    /// Nobody asked for it by REFER: whoever hands over is hung up on at once.
    pub ordered: bool,
}

/// Everything about who leaves and who comes while the call goes on.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    /// A transfer that looks for somebody.
    pub(crate) transfer: Option<Box<Transfer>>,
    /// Whoever is about to take a place by Replaces.
    pub(crate) replacing: Option<Box<Replacing>>,
    /// A re-INVITE that tells one party of the other.
    pub(crate) renewal: Option<Renewal>,
    /// Legs that handed over and have not quite gone.
    pub(crate) departing: Vec<Departing>,
    /// The flow that somebody who was handed over gets to.
    pub(crate) entering: Option<Box<Entering>>,
    /// A REFER that came too early.
    pub(crate) kept: Option<Box<Kept>>,
    /// Transfers so far.
    pub(crate) refers: u8,
    /// The last one that led somewhere.
    pub(crate) last: Option<Box<Transferred>>,
}

/// A transfer that looks for somebody.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// Who hands over, until it leaves.
    pub(crate) transferor: Option<Box<Leg>>,
    /// The number of its leg.
    pub(crate) by: u8,
    /// Whether it called, so that the legs changed their places.
    swapped: bool,
    pub(crate) to: Box<str>,
    ordered: bool,
    pub(crate) decision: Box<Decision>,
    /// What both had said of their media, the one who waits first.
    before: [Vec<u8>; 2],
    bypass: bool,
    /// The caller is alone with a flow and gives its place away: the flow waits, and not a leg.
    pub(crate) succession: Option<Succession>,
}

/// A transfer that led somewhere.
#[derive(Clone, Debug)]
pub struct Transferred {
    /// Connection of whoever handed over; empty if it is none, or had left.
    pub by: Box<str>,
    /// Whom it led to, as it was asked for.
    pub to: Box<str>,
}

impl Handover {
    /// A leg that is on its way out, or would like to be.
    pub(crate) fn leg(&self, number: u8) -> Option<&Leg> {
        let departing = self.departing.iter().map(|departing| &departing.leg);
        self.transferor().into_iter().chain(departing).find(|leg| leg.number == number)
    }

    /// The leg that hands over, if it has this number.
    pub(crate) fn leg_mut(&mut self, number: u8) -> Option<&mut Leg> {
        let transfer = self.transfer.as_mut()?;
        transfer.transferor.as_deref_mut().filter(|leg| leg.number == number)
    }

    /// The leg that hands over.
    pub(crate) fn transferor(&self) -> Option<&Leg> {
        self.transfer.as_ref().and_then(|transfer| transfer.transferor.as_deref())
    }

    /// Whether whoever waits for a transfer is the one who was called.
    pub(crate) fn swapped(&self) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.swapped)
    }

    /// How far the place of a flow's caller is given away.
    pub(crate) fn succession(&self) -> Option<Succession> {
        self.transfer.as_ref().and_then(|transfer| transfer.succession)
    }

    /// Whether the place of a flow's caller is being given away.
    pub(crate) fn gives_place(&self) -> bool {
        self.succession().is_some()
    }

    /// Every leg that is on its way out.
    pub(crate) fn legs_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        let transferor = self.transfer.as_mut().and_then(|transfer| transfer.transferor.as_deref_mut());
        transferor.into_iter().chain(self.departing.iter_mut().map(|departing| &mut departing.leg))
    }

    /// Whether this leg was handed over.
    pub(crate) fn departs(&self, number: u8) -> bool {
        self.departing.iter().any(|departing| departing.leg.number == number)
    }
}

impl Call {
    /// The last transfer that led somewhere.
    pub fn transferred(&self) -> Option<&Transferred> {
        self.handover.last.as_deref()
    }

    /// An operator hands one side over to a user or number: that of the caller, or of whoever it reached. Whether the
    /// call is one that could be handed over now.
    pub fn hand_over(&mut self, caller_stays: bool, user: &str, host: &str, means: &mut Means<'_>) -> bool {
        if !self.is_settled() || self.handover.refers >= MOST_TRANSFERS {
            return false;
        }
        let Phase::Talking { callee: Some(callee) } = &self.phase else { return false };
        let by = if caller_stays { callee.number } else { self.caller.number };
        let (user, host) = (user.to_owned(), host.to_owned());
        self.transfer(by, &Goal { user, host, fields: Vec::new(), replaces: None, ordered: true }, means);
        true
    }

    /// A leg hands its part over: the other one becomes the side that calls, and waits.
    pub(crate) fn transfer(&mut self, by: u8, goal: &Goal, means: &mut Means<'_>) {
        let waiting = Phase::Seeking { target: 0 };
        let mut transferor = match core::mem::replace(&mut self.phase, waiting) {
            Phase::Talking { callee: Some(callee) } => callee,
            other => {
                self.phase = other;
                return;
            }
        };
        let swapped = by == self.caller.number;
        if swapped {
            core::mem::swap(&mut self.caller, &mut *transferor);
        }
        let (ours, decision) = self.decide_goal(&transferor, goal, means);
        self.invite = Some(Arc::new(self.invitation(goal, means)));
        let transfer = Transfer {
            before: [self.caller.media.raw.clone(), transferor.media.raw.clone()],
            bypass: self.caller.media.bypass,
            transferor: Some(transferor),
            by,
            swapped,
            to: goal.user.as_str().into(),
            ordered: goal.ordered,
            decision: Box::new(decision),
            succession: None,
        };
        self.pursue(transfer, ours, means);
    }

    /// The caller, alone with a flow, hands over: the flow waits for whoever takes its place.
    pub(crate) fn give_place(&mut self, goal: &Goal, means: &mut Means<'_>) {
        let (ours, decision) = self.decide_goal(&self.caller, goal, means);
        let invite = self.invitation(goal, means);
        let user = escape_user(&self.decision.called);
        let presentation = Presentation { display: String::new(), user, ..invite.presentation };
        self.invite = Some(Arc::new(Invite { presentation, ..invite }));
        let transfer = Transfer {
            before: [self.caller.media.raw.clone(), Vec::new()],
            bypass: false,
            transferor: None,
            by: self.caller.number,
            swapped: false,
            to: goal.user.as_str().into(),
            ordered: false,
            decision: Box::new(decision),
            succession: Some(Succession::default()),
        };
        self.pursue(transfer, ours, means);
    }

    /// Where a transfer leads, and whether that is a dialog of ours which is to be replaced.
    fn decide_goal(&self, transferor: &Leg, goal: &Goal, means: &Means<'_>) -> (bool, Decision) {
        let replaces = goal.replaces.as_deref().and_then(Replaces::parse);
        let ours = replaces.is_some_and(|replaces| means.mint.open(replaces.to_tag).is_some());
        let decision = match ours {
            true => self.to_ourselves(transferor),
            false => self.decide_for(transferor, goal, means),
        };
        (ours, decision)
    }

    /// Looks for whom a transfer leads to.
    fn pursue(&mut self, transfer: Transfer, ours: bool, means: &mut Means<'_>) {
        self.vouching.forget();
        self.handover.refers += 1;
        let outcome = transfer.decision.outcome.clone();
        self.phase = Phase::Seeking { target: 0 };
        self.handover.transfer = Some(Box::new(transfer));
        match outcome {
            Outcome::Ring(_) if ours => self.ring_ourselves(None, means),
            Outcome::Ring(_) => self.look_further(means),
            Outcome::Run(attached) if attached.is_voicemail() => {
                let against = self.routed().against().unwrap_or(Reason::NothingAttached);
                self.refuse(against, EndedBy::System, means);
            }
            Outcome::Refuse(reason) => self.refuse(reason, EndedBy::System, means),
            Outcome::Run(attached) if !self.handover.gives_place() => {
                self.hand_to_flow(Entered::Flow(attached), means);
            }
            Outcome::Feature(feature) if feature.is_of_calls() && !self.handover.gives_place() => {
                self.hand_to_flow(Entered::Feature(feature), means);
            }
            Outcome::Run(_)
            | Outcome::Serve(_)
            | Outcome::Divert(_)
            | Outcome::Feature(_)
            | Outcome::Challenge => self.refuse(Reason::NothingAttached, EndedBy::System, means),
        }
    }

    /// A caller that a flow has waits while somebody is looked for: a transfer that nobody asked for and nobody leaves.
    pub(crate) fn wait_for(
        &mut self,
        decision: Decision,
        to: &str,
        presentation: Presentation,
        means: &mut Means<'_>,
    ) {
        self.wait_with(decision, to, presentation, means);
        self.look_further(means);
    }

    /// Looks for whom the decision in force names; outside, once it is signed and may go there.
    pub(crate) fn look_further(&mut self, means: &mut Means<'_>) {
        if !self.routed().outcome.goes_outside() {
            self.seek_first(means);
        } else if !self.vouch_for_transfer(means) {
            self.go_onward(means);
        }
    }

    /// The same, with nobody being looked for yet.
    pub(crate) fn wait_with(
        &mut self,
        decision: Decision,
        to: &str,
        presentation: Presentation,
        means: &mut Means<'_>,
    ) {
        let goal = Goal {
            user: to.to_owned(),
            host: String::new(),
            fields: Vec::new(),
            replaces: None,
            ordered: true,
        };
        let invite = Invite { presentation, ..self.invitation(&goal, means) };
        self.invite = Some(Arc::new(invite));
        self.phase = Phase::Seeking { target: 0 };
        self.handover.transfer = Some(Box::new(Transfer {
            transferor: None,
            by: self.caller.number,
            swapped: false,
            to: to.into(),
            ordered: true,
            decision: Box::new(decision),
            before: [self.caller.media.raw.clone(), Vec::new()],
            bypass: self.caller.media.bypass,
            succession: None,
        }));
    }

    /// A new call outside, as far as limits of the transferor are concerned; the place that it has is enough.
    pub(crate) fn go_onward(&mut self, means: &mut Means<'_>) {
        let connection = self.routed().caller.clone();
        let claim = self.claim(connection.as_deref(), true, means);
        if claim.counts() {
            self.phase = Phase::Admitting;
            self.ask(Claim { onward: true, ..claim }, means);
        } else {
            self.seek(0, means);
        }
    }

    /// What the transferor would reach by calling.
    fn decide_for(&self, transferor: &Leg, goal: &Goal, means: &Means<'_>) -> Decision {
        let tables = means.tables;
        let refused = |reason| Decision {
            revision: tables.revision(),
            called: goal.user.clone(),
            outcome: Outcome::Refuse(reason),
            candidates: Default::default(),
            ..(*self.decision).clone()
        };
        let caller = match &transferor.connection {
            Some(connection) => match tables.connection(&connection.id).filter(|c| c.enabled) {
                Some(connection) => Caller::Connection(Arc::clone(connection), Proof::Given),
                None => return refused(Reason::Disabled),
            },
            None => match self.account().and_then(|id| tables.account(id)) {
                Some(account) => Caller::Account(Arc::clone(account)),
                None => return refused(Reason::Disabled),
            },
        };
        let presented = name_of(transferor);
        // A host that is not ours is reached by a way out or not at all, and names no user of ours.
        let foreign = !goal.host.is_empty() && tables.host(&goal.host).is_none();
        let unnamed = foreign || goal.host.is_empty();
        let addressed = if unnamed { Addressed::ToContact } else { Addressed::Directly };
        let (called_user, called_host, presented_as) = (&*goal.user, &*goal.host, &*presented);
        let question = Question {
            called_user,
            called_host,
            presented: Proposal::from(presented_as),
            addressed,
            at: Some(means.now),
        };
        let at = self.at_home(transferor, &goal.host).filter(|_| foreign);
        let mut decision = match at {
            Some(at) => decide_at(tables, &caller, &question, &at.id),
            None => decide_through(tables, &caller, &question),
        };
        if let Outcome::Ring(targets) = &mut decision.outcome {
            if foreign && !targets.iter().all(|target| target.outbound) {
                return refused(Reason::DomainNotOurs);
            }
            // Outside, it is the transferor who calls: the caller id of whoever waits is not its to use.
            for target in targets.iter_mut().filter(|target| target.outbound) {
                target.caller_id.get_or_insert_with(|| presented.clone());
            }
        } else if foreign && at.is_none() {
            return refused(Reason::DomainNotOurs);
        }
        decision
    }

    /// The party of this call that a host belongs to: a PBX that hands over within itself, or is asked to by the other side.
    fn at_home<'l>(&'l self, transferor: &'l Leg, host: &str) -> Option<&'l Connection> {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let address = literal.parse::<IpAddr>().ok();
        let lives_there = |leg: &&Leg| {
            let mut peers = leg.connection.iter().flat_map(|connection| &connection.peers);
            address == Some(leg.dialog.flow.remote.ip())
                || peers.any(|peer| peer.host.trim_end_matches('.').eq_ignore_ascii_case(host))
        };
        let home = [transferor, &self.caller].into_iter().find(lives_there)?;
        home.connection.as_deref()
    }

    /// A dialog of ours is to be replaced: we call ourselves, on behalf of the transferor's account.
    fn to_ourselves(&self, transferor: &Leg) -> Decision {
        let account = transferor.connection.as_ref().map(|c| &c.account).or_else(|| self.account());
        Decision {
            called: account.map_or("", AccountId::as_str).to_owned(),
            outcome: Outcome::Ring(Default::default()),
            candidates: Default::default(),
            ..(*self.decision).clone()
        }
    }

    /// The INVITE of whoever waits, as if it had sent one.
    fn invitation(&self, goal: &Goal, means: &mut Means<'_>) -> Invite {
        let mut bytes = Vec::new();
        let mut writer = Writer::request(&mut bytes, b"INVITE", b"sip:transferred@invalid");
        for (name, value) in &goal.fields {
            writer.named(name, value);
        }
        if let Some(replaces) = &goal.replaces {
            writer.field(Name::Replaces, replaces);
        }
        writer.body(b"application/sdp", &anchor::revived(&self.caller.media.raw));
        let domain = self.caller.connection.as_ref().and_then(|c| means.tables.domain(c.domain.as_ref()?));
        let display =
            NameAddr::parse(&self.caller.dialog.remote).map(|party| party.display).unwrap_or_default();
        Invite {
            bytes,
            server: None,
            stamp: ViaStamp { received: None, rport: None },
            cseq: 0,
            max_forwards: 70 - self.handover.refers,
            presentation: Presentation {
                display: String::from_utf8_lossy(display).replace(['"', '\\'], ""),
                user: escape_user(&name_of(&self.caller)),
                host: domain.map(|d| d.host.clone()).unwrap_or_default(),
                asserted: None,
                hidden: false,
            },
        }
    }

    /// Somebody is being rung for the one who waits.
    pub(crate) fn transfer_rings(&mut self, code: u16, means: &mut Means<'_>) {
        if let Some(by) = self.handover.transfer.as_ref().map(|transfer| transfer.by) {
            self.report(by, code, means);
        }
    }

    /// Somebody answered the one who waits: they talk, and the transferor may go.
    pub(crate) fn transfer_answered(
        &mut self,
        mut winner: Leg,
        settled: Agreement,
        (response, described): (&Message<'_>, &[u8]),
        means: &mut Means<'_>,
    ) {
        let slot = self.slot;
        let cseq = response.cseq().map_or(1, |(number, _)| number);
        if winner.ack.is_empty() {
            winner.acknowledge(cseq, None, means);
        }
        if self.handover.gives_place() {
            return self.succeed(winner, settled, described, means);
        }
        if let Err(reason) =
            anchor::pass(Passing::AnswerAsOffer, described, &mut winner, &mut self.caller, slot, means)
        {
            self.spurn(winner, reason, means);
            return;
        }
        let Some(transfer) = self.handover.transfer.take() else { return };
        self.invite = None;
        let number = self.caller.number;
        let by_flow = self.flow_rings();
        self.flow_answered();
        if !by_flow {
            let by = transfer.transferor.as_ref().and_then(|leg| leg.connection.as_ref());
            let by = by.map_or("", |connection| connection.id.as_str()).into();
            self.handover.last = Some(Box::new(Transferred { by, to: transfer.to.clone() }));
        }
        anchor::connect(&mut self.caller, &mut winner, true, means);
        let answered = winner.number;
        self.phase = Phase::Talking { callee: Some(Box::new(winner)) };
        self.queue_answered(means);
        self.start_timer(answered, Some(settled), means);
        self.relieve(*transfer, means);
        self.handover.renewal = Some(Renewal::of(number));
        self.arm_duration(means);
        means.effects.push(Effect::Open(Box::new(self.marker())));
        let milestone = if by_flow { Milestone::Answered } else { Milestone::Transferred };
        means.effects.push(Effect::Announce(milestone));
    }

    /// A transfer has led somewhere: whoever handed over may go.
    pub(crate) fn relieve(&mut self, mut transfer: Transfer, means: &mut Means<'_>) {
        if let Some(mut leg) = transfer.transferor.take() {
            if transfer.ordered {
                leg.bye(self.slot, Some(HANDED_OVER), means);
            }
            self.depart(*leg, transfer.ordered, means);
        }
        self.report(transfer.by, 200, means);
    }

    /// Nobody was reached: the transferor gets its call back, or if it has left, the one who waits is let go.
    pub(crate) fn transfer_failed(&mut self, failed: Final, means: &mut Means<'_>) {
        let (code, why) = failed.for_caller();
        let succession = self.handover.succession();
        self.give_up_transfer(code, means);
        if let Some(Succession { left }) = succession {
            self.take_place_again(left, means);
        } else if self.flow_rings() {
            self.flow_not_reached(failed, means);
        } else if matches!(self.phase, Phase::Talking { callee: None }) {
            self.let_go(code, why, &failed.reason, means);
        }
    }

    /// Ends a transfer that has led nowhere with this code; both talk again if both are still there.
    pub(crate) fn give_up_transfer(&mut self, code: u16, means: &mut Means<'_>) {
        if self.handover.transfer.is_none() {
            return;
        }
        self.cancel_branches(GIVEN_UP, Reason::CallerGaveUp, means);
        let Some(mut transfer) = self.handover.transfer.take() else { return };
        self.invite = None;
        self.vouching.forget();
        let [before, other] = &transfer.before;
        // What a re-INVITE said meanwhile is still to be told to the other side.
        let news = self.caller.media.raw != *before && self.caller.media.raw != anchor::revived(before);
        if !news {
            anchor::restore(before, &mut self.caller);
        }
        if transfer.bypass && !self.caller.media.bypass {
            let closing = anchor::close(&mut self.caller, means);
            self.closing += closing;
        }
        self.caller.media.bypass = transfer.bypass;
        let other_news = transfer.transferor.as_ref().is_some_and(|leg| leg.media.raw != *other);
        let waiting = self.caller.number;
        if let Some(leg) = transfer.transferor.as_deref_mut().filter(|_| transfer.swapped) {
            core::mem::swap(&mut self.caller, leg);
        }
        self.phase = Phase::Talking { callee: transfer.transferor };
        self.report(transfer.by, code, means);
        match (news, other_news) {
            (true, _) => self.renew(transfer.by, means),
            (false, true) => self.renew(waiting, means),
            (false, false) => {}
        }
        self.take_up_refer(means);
    }

    /// Whatever waited for the call to settle goes on.
    pub(crate) fn proceed(&mut self, means: &mut Means<'_>) {
        if self.handover.renewal.is_some() {
            self.send_renewal(means);
        }
        if self.handover.kept.is_some() {
            self.take_up_refer(means);
        }
        self.offer_vacancy(means);
    }
}

/// The user or number of a leg's party.
fn name_of(leg: &Leg) -> String {
    if let Some(user) = leg.connection.as_ref().and_then(|c| c.user.as_deref()) {
        return user.to_owned();
    }
    let mut user = Vec::new();
    let party = NameAddr::parse(&leg.dialog.remote);
    if let Some(uri) = party.and_then(|party| Uri::parse(party.uri)) {
        uri.unescape_user(&mut user);
    }
    String::from_utf8_lossy(&user).into_owned()
}

/// Transfers of one call.
pub(crate) const MOST_TRANSFERS: u8 = 10;
const HANDED_OVER: &[u8] = b"SIP;cause=200;text=\"Transferred\"";
const GIVEN_UP: &[u8] = b"Q.850;cause=31;text=\"Normal, unspecified\"";
