//! REFER within a call (RFC 3515, RFC 3892, RFC 4488, RFC 7647): whoever sends one hands its part of the call over.
//!
//! We serve it ourselves, the party that is handed over never sees it; where that is a flow, somebody takes the sender's place
//! with it (`attendant/succeed`). Here the request is judged and its sender
//! kept informed; whom it leads to is the matter of `transfer`.

use sip_msg::header::Replaces;
use sip_msg::{Message, Method, Name, NameAddr, Scheme, Uri, answer};
use sip_stack::Slot;
use sip_stack::dialog::{Notice, Order, ReferSubscription};
use sip_stack::transport::Flow;

use crate::call::{Call, NOTIFY, Phase};
use crate::leg::{Leg, SUPPORTED, contact};
use crate::means::Means;
use crate::talk::{InDialog, respond, stamp_of};
use crate::transfer::{Goal, MOST_TRANSFERS};

/// What the sender of a REFER is told, and the NOTIFY that waits for its answer.
#[derive(Debug)]
pub(crate) struct Referral {
    subscription: ReferSubscription,
    client: Option<Slot>,
}

/// A REFER that came before what it follows was complete: it overtook a 200 or an ACK.
#[derive(Debug)]
pub(crate) struct Kept {
    leg: u8,
    server: Slot,
    flow: Flow,
    request: Vec<u8>,
    /// Whether its CSeq was looked at: not before there is a dialog.
    counted: bool,
}

impl Referral {
    /// Whether nothing more will be told.
    pub(crate) fn is_over(&self) -> bool {
        self.subscription.is_over()
    }
}

impl Call {
    /// A REFER within a dialog of ours.
    pub(crate) fn on_refer(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        if let Err(code) = goal(event.request) {
            respond(&event, code, &[], means);
            return;
        }
        if self.handover.transfer.is_some() || self.handover.kept.is_some() {
            respond(&event, 491, &[], means);
        } else if self.handover.refers >= MOST_TRANSFERS {
            respond(&event, 483, &[], means);
        } else if self.is_successible(event.leg) {
            match self.is_caller_settled() {
                true => self.accept_refer(event, means),
                false => respond(&event, 491, &[], means),
            }
        } else if matches!(self.phase, Phase::Talking { callee: None } | Phase::Over) {
            respond(&event, 403, &[], means);
        } else if self.is_settled() {
            self.accept_refer(event, means);
        } else {
            self.keep_refer(event, true);
        }
    }

    /// A REFER of a callee whose 200 has not arrived.
    pub(crate) fn is_early_refer(&mut self, event: &InDialog<'_, '_>) -> bool {
        let early = event.request.method() == Method::Refer
            && self.is_early(event.leg)
            && self.handover.kept.is_none();
        if early {
            self.keep_refer(*event, false);
        }
        early
    }

    fn keep_refer(&mut self, event: InDialog<'_, '_>, counted: bool) {
        let request = event.request.bytes().to_vec();
        let InDialog { leg, server, flow, .. } = event;
        self.handover.kept = Some(Box::new(Kept { leg, server, flow, request, counted }));
    }

    /// Whether both sides talk and no offer is out.
    pub(crate) fn is_settled(&self) -> bool {
        let Phase::Talking { callee: Some(callee) } = &self.phase else { return false };
        self.caller.is_free()
            && callee.is_free()
            && !self.asked
            && self.handover.renewal.is_none()
            && self.handover.replacing.is_none()
    }

    /// What waited for the call to settle is taken up, if it has.
    pub(crate) fn take_up_refer(&mut self, means: &mut Means<'_>) {
        let Some(kept) = &self.handover.kept else { return };
        let gone = self.has_ended() || self.leg(kept.leg).is_none();
        if !gone && !self.is_settled() {
            return;
        }
        let Some(kept) = self.handover.kept.take() else { return };
        let Ok(request) = Message::parse(&kept.request) else { return };
        let event = InDialog { leg: kept.leg, request: &request, server: kept.server, flow: kept.flow };
        let leg = self.leg_mut(kept.leg).filter(|_| !gone);
        let in_order = leg.map(|leg| kept.counted || leg.dialog.on_request(&request) == Order::InOrder);
        match in_order {
            Some(true) => self.on_refer(event, means),
            Some(false) => respond(&event, 500, &[], means),
            None => respond(&event, 481, &[], means),
        }
    }

    fn accept_refer(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let request = event.request;
        let Ok(goal) = goal(request) else { return };
        let silent = request
            .named(b"Refer-Sub")
            .is_some_and(|value| value.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"false")));
        let shown = means.shown(&event.flow);
        let our_contact = contact(&event.flow, &shown, self.wants_sips(event.leg));
        let stamp = stamp_of(&event);
        means.transactions.respond(event.server, 202, means.now, means.out, &mut |buffer| {
            let mut writer = answer(buffer, request, 202, b"", b"", stamp);
            writer.field(Name::Contact, our_contact.as_bytes()).field(Name::Supported, SUPPORTED);
            if silent {
                writer.named(b"Refer-Sub", b"false");
            }
            writer.end();
        });
        let Some(leg) = self.leg_mut(event.leg) else { return };
        let id = (leg.refers > 0).then(|| request.cseq().map_or(0, |(number, _)| number));
        leg.refers = leg.refers.saturating_add(1);
        leg.referral =
            (!silent).then(|| Box::new(Referral { subscription: ReferSubscription::new(id), client: None }));
        self.report(event.leg, 100, means);
        match self.is_successible(event.leg) {
            true => self.give_place(&goal, means),
            false => self.transfer(event.leg, &goal, means),
        }
    }

    /// Tells whoever sent a REFER on this leg how it goes.
    pub(crate) fn report(&mut self, number: u8, code: u16, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(leg) = self.party_mut(number) else { return };
        let notice = leg.referral.as_mut().and_then(|referral| referral.subscription.report(code));
        if let Some(notice) = notice {
            notify(leg, slot, notice, means);
        }
    }

    /// A NOTIFY of ours was answered, or never was.
    pub(crate) fn on_notified(&mut self, transaction: Slot, code: Option<u16>, means: &mut Means<'_>) {
        let slot = self.slot;
        let callee = match &mut self.phase {
            Phase::Talking { callee: Some(leg) } => Some(&mut **leg),
            _ => None,
        };
        let parties = core::iter::once(&mut self.caller).chain(callee).chain(self.handover.legs_mut());
        for leg in parties {
            let Some(referral) = leg.referral.as_mut().filter(|r| r.client == Some(transaction)) else {
                continue;
            };
            referral.client = None;
            match referral.subscription.on_answer(code) {
                Some(notice) => notify(leg, slot, notice, means),
                None if referral.is_over() => leg.referral = None,
                None => {}
            }
        }
        self.forget_departed(means);
    }

    /// Whoever is or was in the call under this number.
    fn party_mut(&mut self, number: u8) -> Option<&mut Leg> {
        if number == self.caller.number {
            return Some(&mut self.caller);
        }
        match &mut self.phase {
            Phase::Talking { callee: Some(leg) } if leg.number == number => Some(leg),
            _ => self.handover.legs_mut().find(|leg| leg.number == number),
        }
    }
}

fn notify(leg: &mut Leg, slot: Slot, notice: Notice, means: &mut Means<'_>) {
    let Some(event) = leg.referral.as_ref().map(|referral| referral.subscription.event()) else { return };
    let flow = leg.dialog.flow;
    let shown = means.shown(&flow);
    let our_contact = contact(&flow, &shown, leg.dialog.wants_sips());
    let fragment = format!("SIP/2.0 {} {}\r\n", notice.code, sip_msg::reason_phrase(notice.code));
    let state: &[u8] = if notice.last { b"terminated;reason=noresource" } else { b"active;expires=180" };
    let client = leg.request(b"NOTIFY", slot, NOTIFY, means, &mut |mut writer| {
        writer.field(Name::Contact, our_contact.as_bytes());
        writer.field(Name::Event, event.as_bytes()).field(Name::SubscriptionState, state);
        writer.body(b"message/sipfrag;version=2.0", fragment.as_bytes());
    });
    if let Some(referral) = &mut leg.referral {
        referral.client = Some(client);
    }
}

/// Where a REFER leads, or the code it is refused with.
fn goal(request: &Message<'_>) -> Result<Goal, u16> {
    let mut all = request.values(Name::ReferTo);
    let (Some(value), None) = (all.next(), all.next()) else { return Err(400) };
    let uri = NameAddr::parse(value).and_then(|to| Uri::parse(to.uri)).ok_or(400_u16)?;
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips | Scheme::Tel) {
        return Err(416);
    }
    if uri.params.value(b"method").is_some_and(|method| !method.eq_ignore_ascii_case(b"INVITE")) {
        return Err(403);
    }
    let mut user = Vec::new();
    uri.unescape_user(&mut user);
    let mut fields: Vec<_> = uri.header_fields().collect();
    let replaces = fields.iter().position(|(name, _)| Name::from_bytes(name) == Name::Replaces);
    let replaces = replaces.map(|index| fields.remove(index).1);
    if replaces.as_deref().is_some_and(|value| Replaces::parse(value).is_none()) {
        return Err(400);
    }
    if let Some(by) = request.field(Name::ReferredBy) {
        fields.push((b"Referred-By".to_vec(), by.to_vec()));
    }
    Ok(Goal {
        user: String::from_utf8(user).map_err(|_| 400_u16)?,
        host: String::from_utf8(uri.host.to_vec()).map_err(|_| 400_u16)?,
        fields,
        replaces,
        ordered: false,
    })
}
