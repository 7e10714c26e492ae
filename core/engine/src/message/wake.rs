//! What is written to a device that sleeps (RFC 8599 §5.3): a push wakes it, and once it has registered it gets its copy.
//!
//! Only when nobody of the target is awake: one device is enough to read. Its home is asked now and then, until we give up.

use core::time::Duration;

use b2bua::{Errand, Failure, Means, Pushed, Wanted};
use registrar::BindingRow;
use routing::reason::Reason;
use sip_stack::timer::Timer;
use sip_stack::{Slot, User};
use timestamp::Timestamp;

use super::{Carried, Next};
use crate::outbox::{Outbox, Output};
use crate::owner::ShardMessage;
use crate::shard::Shard;

/// Where devices of the target being tried are woken.
#[derive(Debug, Default)]
pub(super) struct Waking {
    addresses: Vec<String>,
    /// When its home is asked again.
    look: Timestamp,
}

impl Waking {
    /// Whether somebody may still wake up.
    pub(super) fn is_awaited(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Nobody of them is waited for any more.
    pub(super) fn clear(&mut self) {
        self.addresses.clear();
    }

    /// Whether it is time to look who is there.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.is_awaited() && now >= self.look
    }
}

impl Carried {
    /// Nobody of the target is awake: wakes those who sleep, or waits on for them. `None` if there are none.
    pub(super) fn wake(
        &mut self,
        slot: Slot,
        bindings: &[BindingRow],
        means: &mut Means<'_>,
    ) -> Option<Next> {
        let fresh = !self.waking.is_awaited();
        if fresh {
            self.waking.addresses.extend(bindings.iter().filter_map(BindingRow::asleep_at).take(MOST));
        }
        if !self.waking.is_awaited() {
            return None;
        }
        self.waking.look = means.now + LOOK;
        means.out.arm(self.waking.look, Timer::User(User::Message(slot), 0));
        Some(if fresh { Next::Pushes } else { Next::Answers })
    }

    /// The push service answered, or could not be asked.
    fn on_pushed(&mut self, slot: Slot, address: &str, pushed: Pushed, means: &mut Means<'_>) -> Next {
        let waking = &mut self.waking.addresses;
        let known = waking.iter().position(|waking| *waking == *address);
        let Some(index) = known.filter(|_| pushed != Pushed::Taken) else { return Next::Answers };
        waking.swap_remove(index);
        if self.waking.is_awaited() {
            return Next::Answers;
        }
        self.failed(slot, 480, Some(Reason::StaysAsleep), Failure::Unreachable, means)
    }
}

impl Shard {
    /// Sends the pushes of a message.
    pub(super) fn push_for(&self, slot: Slot, out: &mut Outbox) {
        let Some(carried) = self.messages.get(slot) else { return };
        let Some(target) = carried.targets.front() else { return };
        for address in &carried.waking.addresses {
            let wanted = Wanted::Push(address.as_str().into());
            let account = target.connection.account.clone();
            let errand = Box::new(Errand { number: OF_A_MESSAGE, account, wanted });
            out.outputs.push(Output::Errand { call: slot, errand });
        }
    }

    /// What became of a push for a message.
    pub(crate) fn on_page_pushed(
        &mut self,
        slot: Slot,
        address: &str,
        pushed: Pushed,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let target = self.messages.get(slot).and_then(|carried| carried.targets.front());
        if let (Pushed::Gone, Some(target)) = (pushed, target) {
            let connection = target.connection.clone();
            let lost = ShardMessage::Lost { connection: connection.id.clone(), address: address.into() };
            self.tell(self.owners.home_of(&connection), lost, out);
        }
        self.with_message(slot, now, out, |carried, means| carried.on_pushed(slot, address, pushed, means));
    }
}

/// The number of an errand that is not of a call: none sends so many out.
pub(crate) const OF_A_MESSAGE: u32 = u32::MAX;
/// How often its home is asked whether a device has woken up.
const LOOK: Duration = Duration::from_millis(500);
/// Devices woken for one message.
const MOST: usize = 10;
