//! A side of an answered call that is not heard: who it is and why, as far as packets tell.

use std::sync::Arc;

use media::{EndId, Unheard};
use routing::reason::Reason;

use crate::anchor;
use crate::call::Call;
use crate::means::{Effect, Means, Milestone};

/// The leg that is not heard.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Mute {
    /// What history calls it.
    pub role: &'static str,
    /// Its connection; empty if it is none.
    pub connection: Arc<str>,
    /// Why nothing is heard of it.
    pub reason: Reason,
}

impl Call {
    /// Which leg is not heard, if one was found to be so.
    pub fn mute(&self) -> Option<Mute> {
        let &(number, reason) = self.unheard.last()?;
        let leg = self.leg(number)?;
        Some(Mute { role: leg.role(), connection: crate::call::id_of(leg.connection.as_ref()), reason })
    }

    /// Five seconds of a connected call, and nothing was heard of one side.
    pub(crate) fn on_unheard(&mut self, end: EndId, why: Unheard, means: &mut Means<'_>) {
        let number = anchor::end_owner(end).leg;
        if self.times.answered.is_none() || self.leg(number).is_none() {
            return;
        }
        let reason = match why {
            Unheard::Foreign => Reason::MediaFromElsewhere,
            Unheard::Nothing => Reason::OneWay,
            Unheard::Silence => Reason::Silence,
        };
        self.unheard.retain(|(leg, _)| *leg != number);
        self.unheard.push((number, reason));
        means.effects.push(Effect::Announce(Milestone::Unheard));
    }

    /// The code of what was wrong with this leg; empty if it was heard.
    pub(crate) fn unheard_code(&self, number: u8) -> &'static str {
        self.unheard.iter().find(|(leg, _)| *leg == number).map_or("", |(_, reason)| reason.code())
    }
}
