//! A flow hands its caller over: the caller's device is asked to call somebody else (RFC 3515), and tells how it fares.
//!
//! What it does then is a call of its own, with its own rights. A device that does not take REFER waits while those are rung
//! whom it is handed over to, unless the flow wants it otherwise.

use core::time::Duration;

use callflow::{Dial, Outcome, Party, Refer, Told};
use sip_msg::{Message, Name};
use sip_stack::Slot;

use super::Doing;
use crate::branch::escape_user;
use crate::call::{Call, Final, Phase, REFERRED};
use crate::leg::contact;
use crate::means::Means;
use crate::talk::{InDialog, respond};
use crate::transfer::Transferred;

/// The caller's device was asked to call somebody.
#[derive(Debug)]
pub(super) struct Referring {
    /// The REFER, until it is answered.
    client: Option<Slot>,
    to: Box<str>,
    /// Who is rung if it does not take REFER.
    otherwise: Option<Dial>,
}

impl Call {
    /// Asks the caller's device to call somebody, or rings them.
    pub(super) fn refer_caller(&mut self, refer: Refer, means: &mut Means<'_>) -> Option<Told> {
        let Refer { dial, only } = refer;
        let answered = matches!(self.phase, Phase::Talking { callee: None });
        let can = answered && self.caller.abilities.refer;
        if !only && !can {
            return self.ring_others(dial, means);
        }
        if !self.answered_by_flow(means) {
            return None;
        }
        let flow = self.caller.dialog.flow;
        let shown = means.shown(&flow);
        let our_contact = contact(&flow, &shown, self.caller.dialog.wants_sips());
        let domain = self.caller.connection.as_ref().and_then(|c| means.tables.domain(c.domain.as_ref()?));
        let host = domain.map_or_else(|| shown.to_string(), |domain| domain.host.clone());
        let (to, target) = match &dial.to.first()?.party {
            Party::Uri(uri) => (uri.as_str().into(), uri.replace(['<', '>', ' '], "")),
            Party::Number(user) | Party::Connection(user) => {
                (user.as_str().into(), format!("sip:{}@{host}", escape_user(user)))
            }
        };
        let slot = self.slot;
        let client = self.caller.request(b"REFER", slot, REFERRED, means, &mut |mut writer| {
            writer.field(Name::Contact, our_contact.as_bytes());
            writer.field(Name::ReferTo, format!("<{target}>").as_bytes());
            writer.end();
        });
        let otherwise = (!only).then_some(dial);
        let attendant = self.attendant.as_deref_mut()?;
        attendant.doing = Doing::Referring(Box::new(Referring { client: Some(client), to, otherwise }));
        self.look_again(means.now + PATIENCE, means);
        None
    }

    fn referring(&mut self) -> Option<&mut Referring> {
        match &mut self.attendant.as_deref_mut()?.doing {
            Doing::Referring(referring) => Some(referring),
            _ => None,
        }
    }

    /// The caller's device took the REFER, or did not.
    pub(crate) fn on_referred(&mut self, client: Slot, code: Option<u16>, means: &mut Means<'_>) {
        let Some(referring) = self.referring() else { return };
        if referring.client != Some(client) || code.is_some_and(|code| code < 200) {
            return;
        }
        referring.client = None;
        if code.is_some_and(|code| code < 300) {
            return;
        }
        let told = match referring.otherwise.take() {
            Some(dial) => self.ring_others(dial, means),
            None => Some(Told::of(Outcome::FAILED)),
        };
        if let Some(told) = told {
            self.tell_flow(told, means);
        }
    }

    /// The caller's device tells how it fares. Whether it was asked to.
    pub(crate) fn is_told_of_refer(&mut self, event: &InDialog<'_, '_>, means: &mut Means<'_>) -> bool {
        if event.leg != self.caller.number || self.referring().is_none() {
            return false;
        }
        respond(event, 200, &[], means);
        let state = event.request.field(Name::SubscriptionState).unwrap_or_default();
        match code_in(event.request) {
            Some(200..=299) => {
                let to = self.referring().map(|referring| referring.to.clone()).unwrap_or_default();
                self.handover.last = Some(Box::new(Transferred { by: Box::default(), to }));
                self.tell_flow(Told::of(Outcome::TRANSFERRED), means);
            }
            Some(code @ 300..) => {
                let failed = Final { code, phrase: Vec::new(), reason: Vec::new(), why: None };
                self.tell_flow(Told::of(super::ring::outcome_of(&failed)), means);
            }
            // RFC 6665 §4.4.1: nothing more will be told.
            Some(_) | None if state.starts_with(b"terminated") => {
                self.tell_flow(Told::of(Outcome::FAILED), means);
            }
            Some(_) | None => {}
        }
        true
    }
}

/// The code of a status line in `message/sipfrag` (RFC 3420).
fn code_in(notify: &Message<'_>) -> Option<u16> {
    let line = notify.body().strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    core::str::from_utf8(line).ok()?.parse().ok()
}

/// How long a device may take to reach somebody.
const PATIENCE: Duration = Duration::from_secs(120);
