//! Devices that sleep (RFC 8599 §5.3): a push wakes them, they register, and are rung then.
//!
//! Devices that are awake ring meanwhile. Where nobody else rings the call waits, but not for ever, and not when the
//! push service says that there is nobody to wake. Sending the push is the host's matter.

use core::time::Duration;

use registrar::{BindingRow, push_address};
use routing::reason::Reason;
use sip_stack::User;
use sip_stack::timer::Timer;
use timestamp::Timestamp;

use crate::attendant::{Errand, Wanted};
use crate::branch::place_of_binding;
use crate::call::{Call, Final, Phase, timers};
use crate::means::{Effect, Means};

/// Where devices of the target being rung are woken.
#[derive(Debug, Default)]
pub(crate) struct Waking {
    addresses: Vec<String>,
    until: Option<Timestamp>,
}

impl Waking {
    /// Whether somebody may still wake up.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Nobody of them is to be rung any more.
    pub(crate) fn clear(&mut self) {
        self.addresses.clear();
    }
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The push service took it.
    Taken,
    /// The subscription is gone, and with it the way to the device (RFC 8030 §7.3).
    Gone,
    /// It could not be sent, or was not taken.
    Failed,
}

impl Call {
    /// Wakes the devices of the target that sleep; whether there is one.
    pub(crate) fn wake(&mut self, bindings: &[BindingRow], target: usize, means: &mut Means<'_>) -> bool {
        let Some(connection) = self.target(target).map(|target| target.connection.clone()) else {
            return false;
        };
        let until = means.now + PATIENCE.min(Duration::from_secs(connection.dialled.ring_s.max(1).into()));
        let mut addresses: Vec<_> = bindings.iter().filter_map(BindingRow::asleep_at).take(MOST).collect();
        let others = if self.searches() { self.waking.addresses.len() } else { 0 };
        addresses.extend(self.waking.addresses.drain(..).take(others));
        let fresh = addresses.len().saturating_sub(others);
        self.waking = Waking { addresses, until: Some(until) };
        for address in self.waking.addresses.iter().take(fresh) {
            let wanted = Wanted::Push(address.as_str().into());
            let account = connection.account.clone();
            means.effects.push(Effect::Errand(Box::new(Errand { number: 0, account, wanted })));
        }
        if self.waking.is_awaited() {
            means.out.arm(until, Timer::User(User::Call(self.slot), timers::WAKE));
        }
        fresh > 0
    }

    /// A device registered: it is rung if this call woke it.
    pub(crate) fn on_awake(&mut self, binding: &BindingRow, means: &mut Means<'_>) {
        let Some(address) = push_address(&binding.contact) else { return };
        let Some(index) = self.waking.addresses.iter().position(|waking| *waking == address) else { return };
        let Some(target) = self.target_being_woken() else { return };
        let Some(connection) = self.target(target).map(|target| target.connection.clone()) else { return };
        if self.ring_woken(binding, means) {
            self.waking.addresses.swap_remove(index);
            return;
        }
        if *connection.id.as_str() != *binding.connection {
            return;
        }
        self.waking.addresses.swap_remove(index);
        let place = place_of_binding(binding, &connection, means);
        match place.filter(|place| self.may_ring(place.flow.protocol)) {
            Some(place) if matches!(self.phase, Phase::Seeking { .. }) => {
                self.ring(target, 0, core::slice::from_ref(&place), means);
            }
            Some(place) => self.ring_also(&place, means),
            None => self.sleeps_on(means),
        }
    }

    /// The push service answered, or could not be asked.
    pub(crate) fn on_pushed(&mut self, address: &str, pushed: Pushed, means: &mut Means<'_>) {
        let Some(index) = self.waking.addresses.iter().position(|waking| *waking == *address) else { return };
        if pushed == Pushed::Taken {
            return;
        }
        self.waking.addresses.swap_remove(index);
        let connection = self.target_being_woken().and_then(|target| self.target(target));
        if let (Pushed::Gone, Some(target)) = (pushed, connection) {
            means.effects.push(Effect::Lost(target.connection.clone(), address.into()));
        }
        self.sleeps_on(means);
    }

    /// Whoever is not awake by now sleeps on.
    pub(crate) fn on_wake_timer(&mut self, means: &mut Means<'_>) {
        if self.waking.is_awaited() && self.waking.until.is_some_and(|until| means.now >= until) {
            self.waking.clear();
            self.sleeps_on(means);
        }
    }

    /// When nobody is left who might wake up, and nobody rings, the next target is tried.
    fn sleeps_on(&mut self, means: &mut Means<'_>) {
        if self.waking.is_awaited() {
            return;
        }
        match &mut self.phase {
            Phase::Seeking { target } => {
                let target = *target;
                self.pass_over(target, Final::ours(480, Reason::StaysAsleep), means);
            }
            Phase::Dialling(dialling) if dialling.search.is_some() => self.all_sleep_on(means),
            Phase::Dialling(dialling) if dialling.branches.is_empty() => {
                let again = dialling.early.is_none() && dialling.again;
                let (target, peer, best) = (dialling.target, dialling.peer, dialling.best.take());
                let failed = best.unwrap_or_else(|| Final::ours(480, Reason::StaysAsleep));
                self.after_peer(target, peer, failed, again, means);
            }
            Phase::Admitting
            | Phase::Attending
            | Phase::Locating { .. }
            | Phase::Dialling(_)
            | Phase::Talking { .. }
            | Phase::Over => {}
        }
    }

    fn target_being_woken(&self) -> Option<usize> {
        match &self.phase {
            Phase::Seeking { target } => Some(*target),
            Phase::Dialling(dialling) if dialling.answered.is_none() => Some(dialling.target),
            Phase::Admitting
            | Phase::Attending
            | Phase::Locating { .. }
            | Phase::Dialling(_)
            | Phase::Talking { .. }
            | Phase::Over => None,
        }
    }
}

/// How long a device may take from the push to its registration: a browser that starts a page needs some seconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// Devices woken for one call.
const MOST: usize = 10;
