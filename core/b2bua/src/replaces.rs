//! Taking a place in a call (RFC 3891): an INVITE with Replaces becomes a leg where another leg was.
//!
//! The engine has found the call and judged who asks. The other side of the call is told by re-INVITE, the new leg
//! gets its answer, and only then the old leg gets its BYE: whatever fails leaves the call as it was. Here is also
//! how a call reaches a dialog of ours that is to be replaced: by an INVITE to ourselves, since that dialog may live
//! in another shard.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use sip_msg::{Message, Name, ViaStamp, answer};
use sip_stack::dialog::{Dialog, SessionTimer};
use sip_stack::timer::Timer;
use sip_stack::transport::{Flow, Protocol, stamp};
use sip_stack::{Slot, User};

use routing::config::Connection;
use routing::reason::Reason;

use crate::anchor::{self, LegMedia, Passing};
use crate::branch::{Branch, Offer, Place};
use crate::call::{Call, Phase, timers};
use crate::claim::{Claim, Told};
use crate::dial::Dialling;
use crate::leg::{Leg, SUPPORTED, write_ourselves};
use crate::means::Means;
use crate::record::EndedBy;

/// An INVITE that wants the place of a leg.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a bundle of borrows")]
pub struct Replacement<'a, 'm> {
    /// The leg to be replaced.
    pub leg: u8,
    /// The INVITE.
    pub request: &'a Message<'m>,
    /// Its transaction.
    pub server: Slot,
    /// How it came.
    pub flow: Flow,
    /// The connection it comes from; none if it comes from ourselves.
    pub connection: Option<Arc<Connection>>,
    /// The nonce that proved it.
    pub nonce: Option<registrar::NonceUse>,
}

/// Whoever is about to take a place.
#[derive(Debug)]
pub(crate) struct Replacing {
    pub(crate) leg: Leg,
    replaced: u8,
    pub(crate) invite: Vec<u8>,
    server: Slot,
    flow: Flow,
    stamp: ViaStamp,
    /// Whether its place is taken.
    placed: bool,
    /// What the other side had been told, and whether its media went past us.
    before: (Vec<u8>, bool),
}

impl Call {
    /// Whether a leg rings, and somebody else may take its place before it answers (RFC 3891 §3).
    pub fn may_be_picked_up(&self, leg: u8) -> bool {
        self.is_early(leg) && self.may_be_vacated()
    }

    /// Whether the dialog of a leg is confirmed, once it is known that it is one of ours.
    pub fn is_confirmed(&self, leg: u8) -> bool {
        let talks = matches!(&self.phase, Phase::Talking { callee: Some(callee) } if leg == self.caller.number || leg == callee.number);
        talks || self.is_with_flow(leg) || self.is_vacant(leg)
    }

    /// Somebody wants the place of a leg.
    pub fn replace(&mut self, wanted: Replacement<'_, '_>, means: &mut Means<'_>) {
        let Replacement { leg: wanted_leg, request, server, flow, connection, nonce } = wanted;
        let early = self.is_early(wanted_leg);
        let via = request.via().map(|via| stamp(&via, flow.remote));
        let number = self.fresh_leg();
        let tag = means.tag(self.slot, number);
        let dialog = Dialog::from_request(request, tag.as_ref(), flow);
        let mut leg = Leg::new(number, connection.clone(), dialog, LegMedia::default());
        let replaced = if early { NOBODY } else { wanted_leg };
        leg.media.inward = connection.is_none();
        leg.invited = true;
        leg.hear_agent(request);
        leg.ids.hear(request, means.random.hex());
        let replacing = Replacing {
            leg,
            replaced,
            invite: request.bytes().to_vec(),
            server,
            flow,
            stamp: via.unwrap_or(ViaStamp { received: None, rport: None }),
            placed: false,
            before: (Vec::new(), false),
        };
        if let Err(least) = replacing.leg.timer.propose(request) {
            let least = least.to_string();
            replacing.respond(422, &[(Name::MinSe, least.as_bytes())], None, self.slot, means);
            return;
        }
        let alone = early || self.is_with_flow(replaced) || self.is_vacant(replaced);
        let alone = alone && (early || self.caller.is_free() && !self.asked);
        let alone = alone && self.handover.replacing.is_none() && self.handover.renewal.is_none();
        if !self.is_settled() && !alone || self.handover.kept.is_some() {
            replacing.respond(491, &[], None, self.slot, means);
            return;
        }
        replacing.respond(100, &[], None, self.slot, means);
        let mut replacing = Box::new(replacing);
        if early {
            match self.vacate_for_replacement(means) {
                Some(leg) => replacing.replaced = leg,
                None => {
                    replacing.respond(481, &[], None, self.slot, means);
                    return;
                }
            }
        }
        self.handover.replacing = Some(replacing);
        match connection {
            Some(connection) => {
                let claim = self.claim(Some(&connection), true, means);
                self.ask(Claim { nonce, ..claim }, means);
            }
            None => self.offer_replacement(means),
        }
    }

    /// The home of the new leg's connection answered.
    pub(crate) fn on_replacement_told(&mut self, told: Told, means: &mut Means<'_>) {
        match told {
            Told::Granted(claim, _) | Told::Down(claim, _) => {
                if let Some(replacing) = &mut self.handover.replacing {
                    replacing.placed = true;
                    self.held.push(claim);
                }
                self.offer_replacement(means);
            }
            Told::Full(over, _) => self.refuse_replacement(over.reason.sip_code(), means),
            Told::Rehearsed => self.refuse_replacement(Reason::Rehearsal.sip_code(), means),
            Told::Replayed => self.refuse_replacement(403, means),
        }
    }

    /// Offers the new leg's description to the side that stays.
    pub(crate) fn offer_replacement(&mut self, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(mut replacing) = self.handover.replacing.take() else { return };
        let waits = !self.caller.is_free() || self.asked;
        if self.is_vacant(replacing.replaced) && waits {
            // The caller of a call that rang has yet to take note of our answer, or a place is being asked for.
            self.handover.replacing = Some(replacing);
            return;
        }
        if self.is_with_flow(replacing.replaced) {
            if let Err((replacing, reason)) = self.replace_caller(replacing, means) {
                self.handover.replacing = Some(replacing);
                self.refuse_replacement(reason.sip_code(), means);
            }
            return;
        }
        // Whoever waits alone is served by us, and has its media here.
        let alone = self.is_vacant(replacing.replaced);
        let Some(stays) = self.staying(replacing.replaced) else {
            self.handover.replacing = Some(replacing);
            self.refuse_replacement(481, means);
            return;
        };
        let bypass = !alone
            && stays.media.bypass
            && anchor::bypasses(replacing.leg.connection.as_deref(), stays.connection.as_deref());
        replacing.before = (stays.media.sent.clone(), stays.media.bypass);
        stays.media.bypass = bypass;
        replacing.leg.media.bypass = bypass;
        let body = Message::parse(&replacing.invite).map(|m| m.body().to_vec()).unwrap_or_default();
        let passed = anchor::pass(Passing::LateOffer, &body, &mut replacing.leg, stays, slot, means);
        let number = stays.number;
        self.handover.replacing = Some(replacing);
        match passed {
            Ok(_) => {
                self.handover.renewal = Some(crate::renew::Renewal::of(number));
                self.send_renewal(means);
            }
            Err(reason) => self.refuse_replacement(reason.sip_code(), means),
        }
    }

    /// The side that stays answered.
    pub(crate) fn on_replacement_answer(
        &mut self,
        number: u8,
        response: &Message<'_>,
        means: &mut Means<'_>,
    ) {
        let (slot, code) = (self.slot, response.code());
        if code >= 300 {
            self.refuse_replacement(crate::failure::relayed(code).0, means);
            return;
        }
        let Some(mut replacing) = self.handover.replacing.take() else { return };
        let Some(stays) = self.leg_mut(number) else { return };
        let body =
            match anchor::pass(Passing::Answer, response.body(), stays, &mut replacing.leg, slot, means) {
                Ok(body) => body,
                Err(reason) => {
                    self.handover.replacing = Some(replacing);
                    self.refuse_replacement(reason.sip_code(), means);
                    self.renew(number, means);
                    return;
                }
            };
        anchor::connect(stays, &mut replacing.leg, true, means);
        (stays.ids.shown, replacing.leg.ids.shown) = (replacing.leg.ids.theirs, stays.ids.theirs);
        let Some(ok) = replacing.respond(200, &[], Some(&body), slot, means) else { return };
        let cseq =
            Message::parse(&replacing.invite).ok().and_then(|m| m.cseq()).map_or(0, |(number, _)| number);
        let (new, invite) = (replacing.leg.number, replacing.invite);
        let old = if self.is_vacant(replacing.replaced) {
            self.phase = Phase::Talking { callee: Some(Box::new(replacing.leg)) };
            self.vacancy_taken(means);
            None
        } else if replacing.replaced == self.caller.number {
            Some(core::mem::replace(&mut self.caller, replacing.leg))
        } else if let Phase::Talking { callee: Some(callee) } = &mut self.phase {
            Some(core::mem::replace(&mut **callee, replacing.leg))
        } else {
            return;
        };
        if let Some(mut old) = old {
            old.bye(slot, Some(REPLACED), means);
            self.part(&mut old, means);
            self.await_parting(old);
        }
        self.answering(new, ok, cseq, means);
        let agreement = self.leg_mut(new).and_then(|leg| {
            let invite = Message::parse(&invite).ok()?;
            leg.timer.propose(&invite).ok()
        });
        self.start_timer(new, agreement, means);
    }

    /// The call stays as it was.
    pub(crate) fn refuse_replacement(&mut self, code: u16, means: &mut Means<'_>) {
        let Some(mut replacing) = self.handover.replacing.take() else { return };
        replacing.respond(code, &[], None, self.slot, means);
        self.close_leg(&mut replacing.leg, means);
        let place = replacing.leg.connection.as_ref().map(|c| c.id.clone());
        if let Some(id) = place.filter(|_| replacing.placed) {
            self.give_back(&id, means);
        }
        let (sent, bypass) = replacing.before;
        let Some(stays) = self.staying(replacing.replaced) else { return };
        if sent.is_empty() {
            return;
        }
        stays.media.sent = sent;
        if bypass && !stays.media.bypass {
            let closing = anchor::close(stays, means);
            stays.media.bypass = true;
            self.closing += closing;
        }
        if self.is_vacant(replacing.replaced) {
            self.vacancy_spurned(means);
        }
    }

    /// The side that stays when this leg is replaced.
    fn staying(&mut self, replaced: u8) -> Option<&mut Leg> {
        match self.is_vacant(replaced) {
            true => Some(&mut self.caller),
            false => self.pair(replaced).map(|(_, stays)| stays),
        }
    }

    /// Whoever wanted a place took its INVITE back.
    pub(crate) fn cancel_replacement(&mut self, server: Slot, means: &mut Means<'_>) -> bool {
        if self.handover.replacing.as_ref().is_none_or(|replacing| replacing.server != server) {
            return false;
        }
        self.refuse_replacement(487, means);
        if let Some(renewal) = &mut self.handover.renewal {
            renewal.undo = true;
            if let Some(client) = renewal.client() {
                means.transactions.cancel(client, None, means.now, means.out);
            }
        }
        true
    }

    /// Rings ourselves: the dialog to be replaced is one of ours, wherever it lives.
    /// `replaces` names it, unless the invitation does.
    pub(crate) fn ring_ourselves(&mut self, replaces: Option<&str>, means: &mut Means<'_>) {
        let place = self.own_place(means);
        let invite = self.invite.clone();
        let (Some(place), Some(invite)) = (place, invite) else {
            self.refuse(Reason::Fault, EndedBy::System, means);
            return;
        };
        let number = self.fresh_leg();
        let mut branch = Branch::new(self.slot, number, None, &place, &invite.presentation, means);
        branch.leg.media.inward = true;
        branch.leg.ids.shown = self.caller.ids.theirs;
        self.caller.media.bypass = false;
        let gives_place = self.handover.gives_place();
        let named: Vec<(Box<str>, String)> =
            replaces.map(|replaces| ("Replaces".into(), replaces.to_owned())).into_iter().collect();
        let passed = Message::parse(&invite.bytes).map_err(|_| Reason::Fault).and_then(|message| {
            let (caller, callee) = (&mut self.caller, &mut branch.leg);
            let body = match gives_place {
                true => anchor::offer_ourselves(callee, self.slot, means)?,
                false => anchor::pass(Passing::Offer, message.body(), caller, callee, self.slot, means)?,
            };
            let offer = Offer {
                call: self.slot,
                invite: &message,
                caller: self.caller.connection.as_deref(),
                reliable: true,
                max_forwards: invite.max_forwards,
                signed: None,
                fields: &named,
            };
            branch.send(&body, None, &invite.presentation, &offer, means);
            Ok(())
        });
        if let Err(reason) = passed {
            self.close_leg(&mut branch.leg, means);
            self.refuse(reason, EndedBy::System, means);
            return;
        }
        let ring_until = means.now + OWN_PATIENCE;
        means.out.arm(ring_until, Timer::User(User::Call(self.slot), timers::RING));
        self.phase = Phase::Dialling(Box::new(Dialling::of(vec![branch], ring_until)));
    }

    /// Our own listener, the plainest first, at an address that reaches it from here.
    fn own_place(&self, means: &Means<'_>) -> Option<Place> {
        let of = |protocol| means.listeners.0.iter().position(|l| l.protocol == protocol);
        let index = of(Protocol::Udp).or_else(|| of(Protocol::Tcp)).or_else(|| of(Protocol::Tls))?;
        let listener = means.listeners.0.get(index)?;
        let ip = match listener.bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let remote = SocketAddr::new(ip, listener.bound.port());
        let parameter = match listener.protocol {
            Protocol::Udp => String::new(),
            other => format!(";transport={}", other.name()),
        };
        let uri = format!("sip:{}@{remote}{parameter}", self.routed().called);
        let flow =
            Flow { protocol: listener.protocol, listener: u16::try_from(index).ok()?, stream: 0, remote };
        Some(Place { to: format!("<{uri}>"), uri, flow, path: Box::default() })
    }
}

impl Replacing {
    /// Answers its INVITE; a 2xx comes back as it was sent.
    pub(crate) fn respond(
        &self,
        code: u16,
        fields: &[(Name, &[u8])],
        body: Option<&[u8]>,
        call: Slot,
        means: &mut Means<'_>,
    ) -> Option<Vec<u8>> {
        let message = Message::parse(&self.invite).ok()?;
        let shown = means.shown(&self.flow);
        let sips = self.leg.dialog.wants_sips();
        let agreement = if code == 200 { self.leg.timer.propose(&message).ok() } else { None };
        let tag = means.tag(call, self.leg.number);
        let start = means.out.buffer().len();
        let sent = means.transactions.respond(self.server, code, means.now, means.out, &mut |buffer| {
            let mut writer = answer(buffer, &message, code, b"", tag.as_ref(), self.stamp);
            if (101..300).contains(&code) {
                writer.copy(&message, Name::RecordRoute);
                write_ourselves(&mut writer, &self.flow, &shown, sips, SUPPORTED);
            }
            if let Some(agreement) = &agreement {
                SessionTimer::write_answer(agreement, &mut writer);
            }
            for (name, value) in fields {
                writer.field(*name, value);
            }
            match body {
                Some(body) => writer.body(b"application/sdp", body),
                None => writer.end(),
            }
        });
        sent.then(|| means.out.buffer().get(start..).unwrap_or_default().to_vec())
    }
}

/// No leg has this number.
const NOBODY: u8 = u8::MAX;
/// How long we wait for ourselves; the re-INVITE behind it has as long.
const OWN_PATIENCE: Duration = Duration::from_secs(35);
pub(crate) const REPLACED: &[u8] = b"SIP;cause=200;text=\"Replaced\"";
