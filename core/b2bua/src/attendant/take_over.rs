//! Taking over a caller who waits in another call, or rings there: that call is looked for, makes room, and is reached
//! by an INVITE to ourselves.

use core::time::Duration;

use callflow::{Outcome, TakeOver, Told};
use routing::config::{AccountId, ConnectionId, Kind};
use routing::decision::{Decision, Outcome as Routed};
use routing::reason::Reason;
use sip_stack::Slot;

use super::park::Taker;
use super::{Doing, OrbitAsk, OrbitTold};
use crate::branch::Branch;
use crate::call::{Call, Phase};
use crate::losers::ELSEWHERE;
use crate::means::Means;

impl Call {
    /// Looks for whoever is to be taken over.
    pub(super) fn take_over(&mut self, whom: TakeOver, means: &mut Means<'_>) -> Option<Told> {
        let ask = match whom {
            TakeOver::Orbit(orbit) => OrbitAsk::Find(orbit),
            TakeOver::Call(call) => OrbitAsk::FindCall(call),
            TakeOver::Ringing(connection) => OrbitAsk::PickUp(connection.map(|id| (&*id).into())),
        };
        let attendant = self.attendant.as_deref_mut()?;
        attendant.doing = Doing::Seeking;
        self.tell_orbits(ask, means);
        self.look_again(means.now + PATIENCE, means);
        None
    }

    /// Those who know answer.
    pub fn on_orbit_told(&mut self, told: OrbitTold, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref() else { return };
        let idle = !matches!(self.phase, Phase::Dialling(_)) && self.handover.transfer.is_none();
        let (parked, seeks) = match attendant.doing {
            Doing::Parked(_) => (true, false),
            Doing::Seeking => (false, idle),
            _ => return,
        };
        match told {
            OrbitTold::Parked(orbit) if parked => self.parked_at(orbit, means),
            OrbitTold::Taken if parked => self.leave_orbit(Outcome::FULL, means),
            OrbitTold::Found(replaces) if seeks => self.reach_who_waits(&replaces, means),
            OrbitTold::Nobody if seeks => self.tell_flow(Told::of(Outcome::EMPTY), means),
            OrbitTold::Parked(_) | OrbitTold::Taken | OrbitTold::Found(_) | OrbitTold::Nobody => {}
        }
    }

    /// Nobody has answered in time. What is reached has a time of its own.
    pub(super) fn on_seeking_timer(&mut self, means: &mut Means<'_>) {
        if !matches!(self.phase, Phase::Dialling(_)) && self.handover.transfer.is_none() {
            self.tell_flow(Told::of(Outcome::EMPTY), means);
        }
    }

    fn reach_who_waits(&mut self, replaces: &str, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        attendant.until = None;
        let (account, presentation) = (attendant.account().clone(), attendant.presentation.clone());
        let decision = Decision {
            called: account.as_str().to_owned(),
            outcome: Routed::Ring(Default::default()),
            candidates: Default::default(),
            failover: None,
            voicemail: None,
            ..(*self.decision).clone()
        };
        if matches!(self.phase, Phase::Talking { .. }) {
            self.wait_with(decision, "", presentation, means);
        } else {
            attendant.decision = Some(Box::new(decision));
        }
        self.ring_ourselves(Some(replaces), means);
    }

    /// Whether it rings at this connection, or at any of the account, and somebody else may take it.
    pub fn rings_at(&self, account: &AccountId, connection: Option<&ConnectionId>) -> bool {
        let Phase::Dialling(dialling) = &self.phase else { return false };
        let is_it = |branch: &Branch| {
            let row = branch.leg.connection.as_deref();
            branch.alive
                && row.is_some_and(|row| {
                    let phone = matches!(row.kind, Kind::Device | Kind::Virtual | Kind::RegisterIn);
                    phone && row.account == *account && connection.is_none_or(|wanted| row.id == *wanted)
                })
        };
        dialling.answered.is_none() && self.may_be_vacated() && dialling.branches.iter().any(is_it)
    }

    /// Whether whoever is rung may be replaced by somebody else before it answers.
    pub(crate) fn may_be_vacated(&self) -> bool {
        let by_flow = self.attendant.as_deref().is_some_and(|attendant| {
            matches!(attendant.doing, Doing::Ringing(_)) && attendant.queueing.is_none()
        });
        let plain = self.attendant.is_none() && self.handover.transfer.is_none() && self.invite.is_some();
        let dialling = matches!(self.phase, Phase::Dialling(_));
        dialling && (plain || by_flow) && !self.decision.emergency && !self.caller.agreed
    }

    /// Somebody else takes the call that rings: whoever was rung is let go, and the caller waits for a moment.
    pub fn vacate(&mut self, account: &AccountId, by: (u8, Slot), means: &mut Means<'_>) {
        self.vacate_for(account, Taker::Call(by), means);
    }

    pub(super) fn vacate_for(&mut self, account: &AccountId, taker: Taker, means: &mut Means<'_>) {
        self.stop_ringing_for(ELSEWHERE, Reason::CompletedElsewhere, means);
        if self.attendant.is_some() {
            if self.answered_by_flow(means) {
                let outcomes = [Outcome::ANSWERED, Outcome::NO_ANSWER];
                self.make_room(taker, PATIENCE, outcomes, means);
            }
        } else if self.enter_picked_up(account, means) && self.answered_by_flow(means) {
            self.make_room(taker, PATIENCE, [Outcome::RETRIEVED, Outcome::TIMEOUT], means);
        }
        self.offer_vacancy(means);
    }

    /// An INVITE takes the place of somebody who rings: the leg that it gets instead, if it may.
    pub(crate) fn vacate_for_replacement(&mut self, means: &mut Means<'_>) -> Option<u8> {
        let account = self.account().cloned().filter(|_| self.may_be_vacated())?;
        self.vacate_for(&account, Taker::Replacement, means);
        self.vacant_leg()
    }
}

/// How long it may take until somebody is found and reached.
const PATIENCE: Duration = Duration::from_secs(20);
