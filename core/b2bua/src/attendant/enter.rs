//! Somebody who was called, or who called, is handed over to a flow (RFC 3515, or by an operator).
//!
//! Whoever hands over is done with it at once. The other party is offered anew what flows speak, and the flow begins with its answer:
//! until then it may be on hold, or speak a codec that we do not.

use std::sync::Arc;

use routing::config::Connection;
use routing::decision::Attached;
use routing::feature::Feature;
use routing::reason::Reason;

use crate::anchor;
use crate::call::{Call, Phase};
use crate::means::{Effect, Means, Milestone};
use crate::record::EndedBy;
use crate::renew::Renewal;
use crate::transfer::Transferred;

/// The flow that somebody gets to who was handed over.
#[derive(Debug)]
pub(crate) struct Entering {
    to: Entered,
    /// Whose star code it is.
    by: Option<Arc<Connection>>,
    called: String,
}

/// Which flow that is.
#[derive(Clone, Debug)]
pub(crate) enum Entered {
    /// One of the account.
    Flow(Attached),
    /// One of ours, that a star code stands for.
    Feature(Feature),
}

impl Entering {
    /// What was dialled for it.
    pub(super) fn called(&self) -> &String {
        &self.called
    }
}

impl Call {
    /// Whoever waits in a transfer gets to a flow.
    pub(crate) fn hand_to_flow(&mut self, to: Entered, means: &mut Means<'_>) {
        if let Entered::Flow(attached) = &to
            && means.flows.published(attached.flow.id.as_str()).is_none()
        {
            return self.refuse(Reason::FlowNotPublished, EndedBy::System, means);
        }
        self.caller.media.bypass = false;
        if let Err(reason) = anchor::offer_ourselves(&mut self.caller, self.slot, means) {
            return self.refuse(reason, EndedBy::System, means);
        }
        let Some(transfer) = self.handover.transfer.take() else { return };
        self.phase = Phase::Talking { callee: None };
        let by = transfer.transferor.as_ref().and_then(|leg| leg.connection.clone());
        let named = by.as_ref().map_or("", |connection| connection.id.as_str()).into();
        self.handover.last = Some(Box::new(Transferred { by: named, to: transfer.to.clone() }));
        let called = transfer.decision.called.clone();
        self.relieve(*transfer, means);
        self.handover.entering = Some(Box::new(Entering { to, by, called }));
        self.handover.renewal = Some(Renewal::of(self.caller.number));
        self.send_renewal(means);
        means.effects.push(Effect::Open(Box::new(self.marker())));
        means.effects.push(Effect::Announce(Milestone::Transferred));
    }

    /// It answered our offer: the flow begins. Without an answer to that there is nothing it could hear.
    pub(crate) fn enter_flow(&mut self, answer: Option<&[u8]>, means: &mut Means<'_>) {
        let heard = answer.map(|body| anchor::hear_answer(body, &mut self.caller, means));
        let entering =
            self.handover.entering.as_ref().map(|entering| (entering.to.clone(), entering.by.clone()));
        match (heard, entering) {
            (Some(Ok(())), Some((Entered::Flow(attached), _))) => {
                self.attend(&attached, means);
                self.invite = None;
            }
            (Some(Ok(())), Some((Entered::Feature(feature), by))) => {
                self.attend_feature(&feature, by, false, means);
                self.invite = None;
            }
            (Some(Err(reason)), _) => self.hang_up(reason, EndedBy::System, means),
            (Some(Ok(())) | None, _) => self.hang_up(Reason::NoCommonCodec, EndedBy::System, means),
        }
    }
}
