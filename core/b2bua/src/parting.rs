//! Legs whose BYE may yet be challenged: their peer gets a second one, with credentials (RFC 3261 §22.2).
//!
//! Only legs to peers that we have credentials for are kept, and only until the answer.

use sip_msg::{Message, Name};
use sip_stack::Slot;

use crate::call::{Call, PARTING};
use crate::leg::Leg;
use crate::means::Means;

/// A BYE that waits for its answer.
#[derive(Debug)]
pub(crate) struct Parting {
    client: Slot,
    reason: Vec<u8>,
}

impl Leg {
    /// Says BYE, and remembers it if its peer may want credentials. `reason` is a Reason value (RFC 3326).
    pub(crate) fn bye(&mut self, user: Slot, reason: Option<&[u8]>, means: &mut Means<'_>) {
        let client = self.say_bye(user, reason, means);
        let may_ask = self.connection.as_ref().is_some_and(|connection| connection.outward.is_some());
        self.parting = may_ask.then(|| Parting { client, reason: reason.unwrap_or_default().to_vec() });
    }

    /// Its BYE was answered, or never will be.
    fn parted(&mut self, user: Slot, response: Option<&Message<'_>>, means: &mut Means<'_>) {
        let Some(Parting { reason, .. }) = self.parting.take() else { return };
        let challenge = response.filter(|response| matches!(response.code(), 401 | 407));
        // Once: whoever challenges that, too, is left alone.
        if challenge.is_some_and(|response| self.prove(response, b"BYE", means)) {
            let client = self.say_bye(user, Some(&reason), means);
            self.parting = Some(Parting { client, reason });
        }
    }

    fn say_bye(&mut self, user: Slot, reason: Option<&[u8]>, means: &mut Means<'_>) -> Slot {
        let credentials = self.credentials.take();
        self.request(b"BYE", user, PARTING, means, &mut |mut writer| {
            if let Some((name, value)) = &credentials {
                writer.field(*name, value);
            }
            if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
                writer.field(Name::Reason, reason);
            }
            writer.end();
        })
    }
}

impl Call {
    /// Keeps a leg that said BYE for as long as that may be challenged.
    pub(crate) fn await_parting(&mut self, leg: Leg) {
        if leg.parting.is_some() {
            self.parting.push(leg);
        }
    }

    /// Whether nobody's answer to a BYE is waited for.
    pub(crate) fn has_parted(&self) -> bool {
        self.parting.is_empty() && self.caller.parting.is_none()
    }

    /// The answer to a BYE of ours, or none.
    pub(crate) fn on_parted(&mut self, client: Slot, response: Option<&Message<'_>>, means: &mut Means<'_>) {
        if response.is_some_and(|response| response.code() < 200) {
            return;
        }
        let slot = self.slot;
        if let Some(leg) = self.parting_leg(client) {
            leg.parted(slot, response, means);
        }
        self.parting.retain(|leg| leg.parting.is_some());
        self.forget_departed(means);
    }

    fn parting_leg(&mut self, client: Slot) -> Option<&mut Leg> {
        let losers = self.losers.iter_mut().map(|loser| &mut loser.leg);
        let all = core::iter::once(&mut self.caller).chain(&mut self.parting).chain(losers);
        let said = |leg: &&mut Leg| leg.parting.as_ref().is_some_and(|parting| parting.client == client);
        all.chain(self.handover.legs_mut()).find(said)
    }
}
