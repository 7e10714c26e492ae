//! Somebody takes the place of a flow's caller (RFC 3891): the flow goes on with whoever is there now.
//!
//! So a call is handed to a menu, or to whatever else answers by a flow, after its caller has talked to that. What plays
//! begins anew. Without a codec of ours the place is not given away.

use routing::reason::Reason;
use sip_msg::Message;

use super::Doing;
use crate::anchor::{self, Serving};
use crate::call::{Call, Phase};
use crate::means::Means;
use crate::replaces::{REPLACED, Replacing};

impl Call {
    /// Whether a flow has the caller of this leg, and nobody else talks with it.
    pub(crate) fn is_with_flow(&self, leg: u8) -> bool {
        let alone = matches!(self.phase, Phase::Talking { callee: None }) && self.handover.transfer.is_none();
        alone && self.attendant.is_some() && leg == self.caller.number
    }

    /// Somebody takes the caller's place. If it cannot have it, it comes back with why.
    pub(crate) fn replace_caller(
        &mut self,
        mut replacing: Box<Replacing>,
        means: &mut Means<'_>,
    ) -> Result<(), (Box<Replacing>, Reason)> {
        let slot = self.slot;
        let invite = core::mem::take(&mut replacing.invite);
        let answered = Message::parse(&invite).map_err(|_| Reason::Fault).and_then(|message| {
            anchor::answer_ourselves(message.body(), &mut replacing.leg, slot, Serving::Voice, means)
        });
        replacing.invite = invite;
        let body = match answered {
            Ok(body) => body,
            Err(reason) => return Err((replacing, reason)),
        };
        let Some(ok) = replacing.respond(200, &[], Some(&body), slot, means) else { return Ok(()) };
        let message = Message::parse(&replacing.invite).ok();
        let cseq = message.as_ref().and_then(Message::cseq).map_or(0, |(number, _)| number);
        let agreement = message.and_then(|message| replacing.leg.timer.propose(&message).ok());
        let number = replacing.leg.number;
        let mut old = core::mem::replace(&mut self.caller, replacing.leg);
        old.bye(slot, Some(REPLACED), means);
        self.part(&mut old, means);
        self.await_parting(old);
        self.answering(number, ok, cseq, means);
        self.start_timer(number, agreement, means);
        self.begin_again(means);
        Ok(())
    }

    /// What plays, or is asked, begins anew for whoever is there now.
    pub(super) fn begin_again(&mut self, means: &mut Means<'_>) {
        self.begin_to_listen(means);
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        if matches!(attendant.doing, Doing::Parked(_)) {
            return self.hear_parked(means);
        }
        let untold = attendant.untold.take();
        let Some(ask) = attendant.asked.clone() else {
            if let Some(told) = untold {
                self.tell_flow(told, means);
            }
            return;
        };
        attendant.serial = attendant.serial.wrapping_add(1);
        if let Some(told) = self.perform(ask, means) {
            self.tell_flow(told, means);
        }
    }
}
