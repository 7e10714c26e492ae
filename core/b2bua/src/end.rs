//! The end of a call, whoever wanted it: what each side is told, and the record.
//!
//! RFC 3326 and RFC 6432 for Reason, RFC 3261 §20.43 for Warning. The record waits for the media plane's last
//! word, so that its counters are true.

use std::sync::Arc;

use sip_msg::Name;
use sip_msg::digest::Algorithm;
use sip_stack::User;
use sip_stack::timer::{T1_64, Timer};
use sip_stack::transport::Protocol;

use media::{Counters, EndId};
use routing::config::{DigestAlgorithm, Domain};
use routing::reason::Reason;
use smallvec::SmallVec;

use crate::anchor;
use crate::call::{Call, Ending, Final, Phase, timers};
use crate::cause;
use crate::leg::Leg;
use crate::line::Line;
use crate::means::{Effect, Means, Milestone};
use crate::record::{CallOutcome, CallRecord, CandidateRecord, EndedBy, FlowStep, LegRecord};
use crate::usage::InviteUsage;

impl Call {
    /// Refuses the caller's INVITE for a reason of ours.
    pub fn refuse(&mut self, reason: Reason, by: EndedBy, means: &mut Means<'_>) {
        let code = if reason.sip_code() == 0 { 500 } else { reason.sip_code() };
        if self.handover.transfer.is_some() {
            self.transfer_failed(Final::ours(code, reason), means);
            return;
        }
        if self.flow_rings() && by == EndedBy::System {
            self.flow_not_reached(Final::ours(code, reason), means);
            return;
        }
        let given = core::mem::take(&mut self.given);
        match by {
            EndedBy::Caller if !given.is_empty() => self.cancel_branches(&given, reason, means),
            EndedBy::Caller => self.cancel_branches(CALLER_CANCELLED, reason, means),
            _ => self.cancel_branches(WE_ENDED, reason, means),
        }
        let warn = (reason != Reason::CallerGaveUp).then_some(reason);
        self.refuse_with(code, b"", &[], warn, means);
        self.over(Ending::ours(code, by, reason), means);
    }

    /// Refuses the caller's INVITE as a flow says.
    pub(crate) fn refuse_as(
        &mut self,
        code: u16,
        phrase: &[u8],
        reason: Reason,
        q850: u16,
        means: &mut Means<'_>,
    ) {
        let value = format!("Q.850;cause={q850};text=\"{} {}\"", reason.code(), reason.text());
        self.refuse_with(code, phrase, value.as_bytes(), None, means);
        self.over(Ending { q850, ..Ending::ours(code, EndedBy::System, reason) }, means);
    }

    /// The nonce was used before: the caller is asked for credentials with a fresh one (RFC 7616 §3.3, `stale`).
    pub(crate) fn challenge_again(&mut self, means: &mut Means<'_>) {
        let reason = Reason::NonceReplayed;
        let caller = self.caller.connection.as_ref();
        let domain = caller.and_then(|c| means.tables.domain(c.domain.as_ref()?)).cloned();
        let protocol = self.caller.dialog.flow.protocol;
        let (nonces, now, salt) = (means.nonces.clone(), means.now, means.random.number());
        let fill = |writer: &mut sip_msg::Writer<'_>| {
            let Some(domain) = &domain else { return };
            let (realm, algorithms) = (domain.realm.as_bytes(), offered(Some(domain), protocol));
            nonces.write(writer, Name::ProxyAuthenticate, realm, &algorithms, true, (salt, now));
        };
        self.respond(407, b"", None, Some(&fill), means);
        self.over(Ending::ours(407, EndedBy::System, reason), means);
    }

    /// The caller's session interval is too small (RFC 4028 §9).
    pub(crate) fn refuse_interval(&mut self, least: u32, means: &mut Means<'_>) {
        let reason = Reason::IntervalTooSmall;
        let fill = |writer: &mut sip_msg::Writer<'_>| {
            writer.number(Name::MinSe, u64::from(least));
            writer.field(Name::Warning, reason.warning().as_bytes());
        };
        self.respond(422, b"", None, Some(&fill), means);
        self.over(Ending::ours(422, EndedBy::System, reason), means);
    }

    /// Relays a callee's failure to the caller.
    pub(crate) fn fail(&mut self, failed: Final, means: &mut Means<'_>) {
        if self.handover.transfer.is_some() {
            self.transfer_failed(failed, means);
            return;
        }
        if self.flow_rings() {
            self.flow_not_reached(failed, means);
            return;
        }
        if self.diverts(&failed, means) {
            return;
        }
        if self.takes_message(&failed) {
            self.take_message(means);
            return;
        }
        let (code, why) = failed.for_caller();
        let phrase: &[u8] = if code == failed.code { &failed.phrase } else { b"" };
        let given = if why.is_some() && failed.reason.is_empty() {
            Vec::new()
        } else {
            cause::beside(failed.code, &failed.reason)
        };
        self.refuse_with(code, phrase, &given, why, means);
        let peer = String::from_utf8_lossy(&failed.phrase).into_owned();
        let text = why.map_or(peer, |why| why.text().to_owned());
        let q850 = cause::q850_in(&given).or_else(|| why.map(Reason::q850)).unwrap_or(0);
        let by = if why.is_some() { EndedBy::System } else { EndedBy::Callee };
        self.over(Ending { code, by, reason: why, text, q850 }, means);
    }

    fn refuse_with(
        &mut self,
        code: u16,
        phrase: &[u8],
        reason: &[u8],
        why: Option<Reason>,
        means: &mut Means<'_>,
    ) {
        self.respond(
            code,
            phrase,
            None,
            Some(&|writer| {
                if !reason.is_empty() {
                    writer.field(Name::Reason, reason);
                }
                let Some(why) = why else { return };
                if reason.is_empty() && why.q850() != 0 {
                    writer.field(Name::Reason, &cause::ours(why));
                }
                writer.field(Name::Warning, why.warning().as_bytes());
            }),
            means,
        );
    }

    /// Ends an established call for a reason of ours.
    pub fn hang_up(&mut self, reason: Reason, by: EndedBy, means: &mut Means<'_>) {
        if self.has_ended() {
            return;
        }
        self.leave_flow(means);
        self.give_up_transfer(487, means);
        if !matches!(self.phase, Phase::Talking { .. }) {
            self.refuse(if reason.sip_code() < 300 { Reason::ShuttingDown } else { reason }, by, means);
            return;
        }
        self.bye_all(None, Some(&cause::both(&cause::ours(reason))), means);
        self.over(Ending::ours(200, by, reason), means);
    }

    /// Ends an answered call as a flow says, with this cause.
    pub(crate) fn hang_up_with(&mut self, reason: Reason, q850: u16, means: &mut Means<'_>) {
        self.leave_flow(means);
        let value = cause::both(format!("Q.850;cause={q850}").as_bytes());
        self.bye_all(None, Some(&value), means);
        self.over(Ending { q850, ..Ending::ours(200, EndedBy::System, reason) }, means);
    }

    /// Lets the one go who waited in a transfer that reached nobody, and whose transferor has left.
    pub(crate) fn let_go(&mut self, code: u16, why: Option<Reason>, peers: &[u8], means: &mut Means<'_>) {
        let ours = format!("SIP;cause={code};text=\"{}\"", sip_msg::reason_phrase(code));
        let value = cause::both(if peers.is_empty() { ours.as_bytes() } else { peers });
        self.bye_all(None, Some(&value), means);
        let text = why.map_or_else(String::new, |why| why.text().to_owned());
        let q850 = cause::q850_in(peers).or_else(|| why.map(Reason::q850)).unwrap_or(16);
        self.over(Ending { code: 200, by: EndedBy::System, reason: why, text, q850 }, means);
    }

    /// The peer of a leg sent BYE: the other leg gets one too, with the same Reason.
    pub(crate) fn ended_by_peer(
        &mut self,
        leg: u8,
        by: EndedBy,
        reason: Option<Vec<u8>>,
        means: &mut Means<'_>,
    ) {
        if leg != self.caller.number && self.flow_goes_on() {
            self.flow_alone_again(means);
            return;
        }
        self.leave_flow(means);
        self.give_up_transfer(487, means);
        let established = matches!(self.phase, Phase::Talking { .. });
        if !established {
            self.given = reason.unwrap_or_default();
            self.refuse(Reason::CallerGaveUp, EndedBy::Caller, means);
            return;
        }
        self.bye_all(Some(leg), reason.as_deref(), means);
        let q850 = reason.as_deref().and_then(cause::q850_in).unwrap_or(16);
        self.over(Ending { code: 200, by, reason: None, text: String::new(), q850 }, means);
    }

    /// BYE to every leg but one. A leg whose 2xx is unacknowledged gets its BYE after the ACK (RFC 3261 §15).
    fn bye_all(&mut self, except: Option<u8>, reason: Option<&[u8]>, means: &mut Means<'_>) {
        let slot = self.slot;
        self.settle_forwards(means);
        if except != Some(self.caller.number) {
            if matches!(self.caller.usage, InviteUsage::Answering { .. }) {
                self.farewell = reason.map(<[u8]>::to_vec);
            } else {
                self.caller.bye(slot, reason, means);
            }
        }
        if let Phase::Talking { callee: Some(callee) } = &mut self.phase
            && except != Some(callee.number)
        {
            callee.bye(slot, reason, means);
        }
    }

    /// What is pending between the legs when one leaves is answered 487 (RFC 3261 §15.1.2).
    pub(crate) fn settle_forwards(&mut self, means: &mut Means<'_>) {
        self.settle_asking(means);
        for forward in core::mem::take(&mut self.forwards) {
            if let Some(client) = forward.client {
                means.transactions.cancel(client, None, means.now, means.out);
            }
            self.answer_forward(&forward, 487, None, means);
        }
    }

    /// A 2xx with an offer still waits for the other peer's answer: its ACK goes before any BYE. A refresh of ours is
    /// of no use any more.
    fn settle_asking(&mut self, means: &mut Means<'_>) {
        for number in self.talking_legs() {
            let forwarded: SmallVec<[sip_stack::Slot; 1]> =
                self.forwards.iter().filter_map(|f| f.client).collect();
            let Some(leg) = self.leg_mut(number) else { continue };
            let InviteUsage::Asking { client, cseq } = leg.usage else { continue };
            if leg.refresh == Some(client) {
                means.transactions.cancel(client, None, means.now, means.out);
            } else if !forwarded.contains(&client) {
                leg.usage = InviteUsage::Idle;
                leg.acknowledge(cseq, None, means);
            }
        }
    }

    /// The ACK of our 2xx came after the call was over: now its BYE may go.
    pub(crate) fn on_late_ack(&mut self, leg: u8, means: &mut Means<'_>) {
        if leg == self.caller.number && self.has_ended() {
            self.caller.usage = InviteUsage::Idle;
            self.bye_at_last(means);
        }
    }

    /// The BYE that waited for an ACK, which came or will never come.
    pub(crate) fn bye_at_last(&mut self, means: &mut Means<'_>) {
        let reason = self.farewell.take();
        self.caller.bye(self.slot, reason.as_deref(), means);
        self.close_record(means);
    }

    /// From here on only late answers and the media plane are waited for.
    fn over(&mut self, ending: Ending, means: &mut Means<'_>) {
        if self.ending.is_some() {
            return;
        }
        for forward in core::mem::take(&mut self.forwards) {
            self.answer_forward(&forward, 487, None, means);
        }
        self.leave_flow(means);
        self.leave_room(means);
        self.times.ended = Some(means.now);
        let phase = core::mem::replace(&mut self.phase, Phase::Over);
        if let Phase::Talking { callee: Some(mut callee) } = phase {
            self.callee = Some((callee.number, leg_record(callee.role(), &callee)));
            self.close_leg(&mut callee, means);
            self.await_parting(*callee);
        }
        self.closing += anchor::close(&mut self.caller, means);
        self.leave_all(means);
        means.effects.extend(self.held.drain(..).map(Effect::Release));
        self.ending = Some(ending);
        means.effects.push(Effect::Announce(Milestone::Ended));
        if self.closing > 0
            || !self.losers.is_empty()
            || !self.handover.departing.is_empty()
            || matches!(self.caller.usage, InviteUsage::Answering { .. })
        {
            means.out.arm(means.now + T1_64, Timer::User(User::Call(self.slot), timers::LINGER));
        }
        self.close_record(means);
    }

    pub(crate) fn close_leg(&mut self, leg: &mut Leg, means: &mut Means<'_>) {
        self.closing += anchor::close(leg, means);
    }

    /// News of the media plane.
    pub fn on_media(&mut self, event: media::Event, means: &mut Means<'_>) {
        match event {
            media::Event::Closed { end, counters } => self.on_closed(end, counters, means),
            media::Event::Failed { .. } => self.hang_up(Reason::NoMediaPort, EndedBy::System, means),
            media::Event::Inactive { .. } => self.hang_up(Reason::NoMedia, EndedBy::System, means),
            media::Event::Dialled { end, code, ms } => self.on_dialled(end, code, ms, means),
            media::Event::FingerprintMismatch { .. } => {
                self.hang_up(Reason::OtherCertificate, EndedBy::System, means);
            }
            media::Event::ConsentLost { .. } | media::Event::HandshakeFailed { .. } => {
                self.hang_up(Reason::NoMediaPath, EndedBy::System, means);
            }
            media::Event::Key { key, end } => {
                let leg = anchor::end_owner(end).leg;
                if leg == self.caller.number {
                    self.on_key(media::Way::Media, key, means);
                } else {
                    self.on_screen_key(leg, key, means);
                }
            }
            media::Event::Played { end, serial } => {
                let leg = anchor::end_owner(end).leg;
                if leg == self.caller.number {
                    self.on_played(serial, means);
                } else {
                    self.on_whispered(leg, serial, means);
                }
            }
            media::Event::Recorded { recording, why, .. } => self.on_recorded(recording, why, means),
            media::Event::Talking { talks, .. } => self.on_talking(talks),
            media::Event::Connected { .. } | media::Event::FirstPacket { .. } => {}
            media::Event::Unheard { end, why } => self.on_unheard(end, why, means),
        }
    }

    fn on_closed(&mut self, end: EndId, counters: Counters, means: &mut Means<'_>) {
        let leg = anchor::end_owner(end).leg;
        self.closing = self.closing.saturating_sub(1);
        if !self.counters.iter().any(|(number, _)| *number == leg) {
            self.counters.push((leg, counters));
        }
        self.close_record(means);
    }

    /// Writes the record once everything it holds is known.
    pub(crate) fn close_record(&mut self, means: &mut Means<'_>) {
        let lingered = self.times.ended.is_some_and(|at| means.now.since(at) >= T1_64);
        if lingered {
            self.closing = 0;
        }
        if self.closing > 0 {
            return;
        }
        if self.ending.is_some() && !self.recorded {
            self.recorded = true;
            let record = self.record();
            means.effects.extend(record.map(|record| Effect::Record(Box::new(record))));
        }
    }

    /// The record, into which the legs move.
    fn record(&mut self) -> Option<CallRecord> {
        let callee = self.callee.take();
        let last = callee.as_ref().map(|(_, leg)| Arc::clone(&leg.connection));
        let mut all = core::mem::take(&mut self.parted);
        all.push((self.caller.number, leg_record(self.caller.role(), &self.caller)));
        all.extend(callee);
        all.sort_by_key(|(number, _)| *number);
        let with_media = |(number, leg): (u8, LegRecord)| {
            let media = self.counters_of(number);
            let mos_estimated = media.and_then(|counters| media::estimated_mos(&leg.codec, &counters));
            LegRecord { media, mos_estimated, unheard: self.unheard_code(number), ..leg }
        };
        let legs: Vec<LegRecord> = all.into_iter().map(with_media).collect();
        // A leg to ourselves is nobody's: then it is whoever was called before the transfer.
        let called = legs.iter().rev().filter(|leg| leg.role == "callee").map(|leg| &leg.connection);
        let mut named = last.iter().chain(called).filter(|name| !name.is_empty());
        let connection_out = named.next().cloned().unwrap_or_default();
        let (signature, signed) = self.vouching.record();
        let (marker, ending, flow) = (self.marker(), self.ending.as_ref()?, self.flow_path());
        Some(CallRecord {
            id: marker.id,
            account: marker.account,
            provider: None,
            started_at: self.times.started,
            ringing_at: self.times.ringing,
            answered_at: self.times.answered,
            ended_at: self.times.ended.unwrap_or(self.times.started),
            from: marker.from,
            from_display: Box::default(),
            dialled: marker.dialled,
            connection_in: marker.connection_in,
            connection_out,
            outcome: outcome(ending, self.times.answered.is_some(), &flow),
            sip_code: ending.code,
            reason_code: ending.reason.map_or("", Reason::code),
            reason_text: ending.text.as_str().into(),
            q850: ending.q850,
            ended_by: ending.by,
            config_rev: self.decision.revision,
            proof: proof_text(self.decision.proof),
            candidates: candidates(&self.decision),
            attempts: self.attempts.clone(),
            flow,
            signature,
            signed,
            legs,
        })
    }

    fn counters_of(&self, leg: u8) -> Option<Counters> {
        self.counters.iter().find(|(number, _)| *number == leg).map(|(_, counters)| *counters)
    }
}

/// A leg as history shows it; its counters come later.
pub(crate) fn leg_record(role: &'static str, leg: &Leg) -> LegRecord {
    LegRecord {
        role,
        sip_call_id: String::from_utf8_lossy(&leg.dialog.call_id).into(),
        connection: crate::call::id_of(leg.connection.as_ref()),
        remote: Line::of(format_args!("{}:{}", leg.dialog.flow.protocol.name(), leg.dialog.flow.remote))
            .into(),
        user_agent: leg.user_agent.clone(),
        sip_code: leg.code,
        codec: leg.media.codec.clone(),
        protection: leg.media.protection_name(),
        transcoded: leg.media.transcoded,
        unheard: "",
        mos_estimated: None,
        media: None,
    }
}

/// The candidates of a decision as history and explanation show them.
pub fn candidates(decision: &routing::decision::Decision) -> Vec<CandidateRecord> {
    decision
        .candidates
        .iter()
        .map(|candidate| CandidateRecord {
            connection: Arc::clone(&candidate.connection.0),
            taken: candidate.taken,
            reason_code: candidate.reason.code(),
            text: candidate.reason.text(),
        })
        .collect()
}

/// How a caller was identified, in one word.
pub fn proof_text(proof: routing::decision::Proof) -> &'static str {
    use routing::decision::Proof;
    match proof {
        Proof::Digest => "digest",
        Proof::Host => "host",
        Proof::Contact => "contact",
        Proof::Source => "source",
        Proof::AccountSource => "account_source",
        Proof::Given => "given",
        Proof::None => "none",
    }
}

/// The digest algorithms a domain offers, in its order (RFC 8760 §2.4); both where no domain is known.
pub fn offered(domain: Option<&Domain>, protocol: Protocol) -> SmallVec<[Algorithm; 2]> {
    let both = &[DigestAlgorithm::Md5, DigestAlgorithm::Sha256][..];
    let algorithms = domain.map_or(both, |domain| &domain.digest).iter();
    let mut offered: SmallVec<[Algorithm; 2]> = algorithms
        .map(|algorithm| match algorithm {
            DigestAlgorithm::Md5 => Algorithm::Md5,
            DigestAlgorithm::Sha256 => Algorithm::Sha256,
        })
        .collect();
    if protocol.is_web() {
        // The phones of browsers read the last challenge only, and know MD5 only.
        offered.sort_by_key(|algorithm| *algorithm == Algorithm::Md5);
    }
    offered
}

fn outcome(ending: &Ending, answered: bool, flow: &[FlowStep]) -> CallOutcome {
    match (answered, ending.code, ending.reason) {
        (true, ..) if went_to_voicemail(flow) => CallOutcome::Voicemail,
        (true, ..) => CallOutcome::Answered,
        (false, 487, _) => CallOutcome::Cancelled,
        (false, 486 | 600 | 603, _) => CallOutcome::Busy,
        (false, 408 | 480, _) => CallOutcome::NoAnswer,
        (false, 400..=499, Some(_)) => CallOutcome::Refused,
        (false, ..) => CallOutcome::Failed,
    }
}

/// Whether a call that went this way met a mailbox and nobody who talked with the caller.
fn went_to_voicemail(flow: &[FlowStep]) -> bool {
    let talked = |step: &FlowStep| step.outcome.as_deref() == Some("answered");
    flow.iter().any(|step| step.verb == "voicemail") && !flow.iter().any(talked)
}

const CALLER_CANCELLED: &[u8] = b"Q.850;cause=16;text=\"Normal call clearing\"";
const WE_ENDED: &[u8] = b"Q.850;cause=31;text=\"Normal, unspecified\"";
