//! A flow's caller hands over (RFC 3515): somebody is rung, and takes its place with the flow.
//!
//! So a phone, or a PBX, moves somebody else into a menu, an announcement or a room. The flow waits meanwhile and begins anew what
//! it was at; if nobody is reached, it goes on with the caller, if that is still there. A caller that is being recorded or
//! waits in a queue keeps its place.

use core::time::Duration;

use sip_stack::dialog::Agreement;

use super::{Doing, Purpose};
use crate::anchor;
use crate::call::{Call, Phase};
use crate::leg::Leg;
use crate::means::{Effect, Means, Milestone};
use crate::record::EndedBy;
use crate::transfer::Transferred;

/// The place of a flow's caller is being given away.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Succession {
    /// The caller has hung up already.
    pub(crate) left: bool,
}

impl Call {
    /// Whether this leg is that of a caller whose place with a flow somebody else may take by its leave.
    pub(crate) fn is_successible(&self, leg: u8) -> bool {
        let doing = self.attendant.as_deref().filter(|attendant| attendant.queueing.is_none());
        let settled = doing.is_some_and(|attendant| {
            matches!(
                attendant.doing,
                Doing::Playing(_)
                    | Doing::Gathering(_)
                    | Doing::Waiting(..)
                    | Doing::Conferring
                    | Doing::Awaiting(Purpose::Play(..) | Purpose::Answer)
            )
        });
        settled && self.is_with_flow(leg)
    }

    /// Whether no offer of the caller's, or to it, waits for an answer.
    pub(crate) fn is_caller_settled(&self) -> bool {
        self.caller.is_free() && !self.asked && self.handover.replacing.is_none()
    }

    /// Whoever was rung answered: it has the caller's place.
    pub(crate) fn succeed(
        &mut self,
        mut winner: Leg,
        settled: Agreement,
        described: &[u8],
        means: &mut Means<'_>,
    ) {
        if let Err(reason) = anchor::hear_answer(described, &mut winner, means) {
            return self.spurn(winner, reason, means);
        }
        let left = self.handover.succession().is_some_and(|succession| succession.left);
        let Some(transfer) = self.handover.transfer.take() else { return };
        self.invite = None;
        let number = winner.number;
        let old = core::mem::replace(&mut self.caller, winner);
        self.phase = Phase::Talking { callee: None };
        let by = old.connection.as_ref().map_or("", |connection| connection.id.as_str()).into();
        self.handover.last = Some(Box::new(Transferred { by, to: transfer.to.clone() }));
        self.start_timer(number, Some(settled), means);
        self.depart(old, left, means);
        self.relieve(*transfer, means);
        self.arm_duration(means);
        means.effects.push(Effect::Open(Box::new(self.marker())));
        means.effects.push(Effect::Announce(Milestone::Transferred));
        self.begin_again(means);
    }

    /// Nobody was reached: the flow goes on with its caller, if that is still there.
    pub(crate) fn take_place_again(&mut self, left: bool, means: &mut Means<'_>) {
        if left {
            return self.ended_by_peer(self.caller.number, EndedBy::Caller, None, means);
        }
        let untold = self.attendant.as_deref_mut().and_then(|attendant| attendant.untold.take());
        if let Some(told) = untold {
            self.tell_flow(told, means);
        }
    }

    /// The caller says BYE while its place is being given away. Whether it was that.
    pub(crate) fn leaves_place(&mut self, number: u8, means: &mut Means<'_>) -> bool {
        let gives = self.handover.gives_place() && number == self.caller.number;
        if gives && let Some(transfer) = &mut self.handover.transfer {
            transfer.succession = Some(Succession { left: true });
            let closing = anchor::close(&mut self.caller, means);
            self.closing += closing;
        }
        gives
    }
}

/// How long a flow whose caller gives its place away waits before it looks at its time again.
pub(super) const MOMENT: Duration = Duration::from_secs(1);
