//! Who waits where for somebody to take over: the orbits of an account at its home; and calls that ring, which are looked
//! for from shard to shard. Kept in memory: who is parked when the process dies has to call again.

use std::collections::BTreeMap;
use std::sync::Arc;

use b2bua::{Call, OrbitAsk, OrbitTold};
use routing::config::AccountId;
use sip_stack::Slot;
use timestamp::Timestamp;

use crate::outbox::Outbox;
use crate::owner::ShardMessage;
use crate::places::Holder;
use crate::shard::Shard;

/// Callers that wait, by account and orbit. There are no more of them than calls.
#[derive(Debug, Default)]
pub(crate) struct Orbits(BTreeMap<(AccountId, Box<str>), Waiting>);

/// One of them.
#[derive(Debug)]
struct Waiting {
    holder: Holder,
    /// Id of its call.
    call: Arc<str>,
    /// What reaches it.
    replaces: Box<str>,
}

impl Orbits {
    /// Puts a caller where it wants to be, or into the first free orbit of a range: where that is.
    fn park(&mut self, account: AccountId, wanted: &str, waiting: Waiting) -> Option<Box<str>> {
        let free = |orbit: &str| self.find(&account, orbit).is_none();
        let orbit: Box<str> = match range(wanted) {
            Some((first, last)) => {
                (first..=last).map(|orbit| orbit.to_string()).find(|orbit| free(orbit))?.into()
            }
            None => free(wanted).then_some(wanted)?.into(),
        };
        self.0.insert((account, orbit.clone()), waiting);
        Some(orbit)
    }

    fn find(&self, account: &AccountId, orbit: &str) -> Option<Box<str>> {
        self.0.get(&(account.clone(), orbit.into())).map(|waiting| waiting.replaces.clone())
    }

    fn find_call(&self, account: &AccountId, call: &str) -> Option<Box<str>> {
        let mut all = self.0.iter().filter(|((owner, _), _)| owner == account);
        all.find(|(_, waiting)| &*waiting.call == call).map(|(_, waiting)| waiting.replaces.clone())
    }

    fn leave(&mut self, holder: Holder) {
        self.0.retain(|_, waiting| waiting.holder != holder);
    }
}

impl Shard {
    /// A call says something about orbits, or looks for somebody.
    pub(crate) fn tell_orbit(
        &mut self,
        slot: Slot,
        account: AccountId,
        ask: Box<OrbitAsk>,
        out: &mut Outbox,
    ) {
        let call = self.calls.get(slot).map(|call| Arc::clone(&call.id)).unwrap_or_default();
        let home = match &*ask {
            OrbitAsk::PickUp(_) => 0,
            OrbitAsk::Vacated((shard, _), _) => *shard,
            OrbitAsk::Park(..) | OrbitAsk::Find(_) | OrbitAsk::FindCall(_) | OrbitAsk::Leave => {
                self.owners.home_of_id(account.as_str())
            }
        };
        self.tell(home, ShardMessage::Orbit { holder: (self.index, slot), call, account, ask }, out);
    }

    /// The same, where it is known.
    pub(crate) fn on_orbit(
        &mut self,
        (holder, call): (Holder, Arc<str>),
        account: AccountId,
        ask: OrbitAsk,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let found = |found: Option<Box<str>>| found.map_or(OrbitTold::Nobody, OrbitTold::Found);
        let (to, told) = match ask {
            OrbitAsk::Park(wanted, replaces) => {
                let parked = self.orbits.park(account, &wanted, Waiting { holder, call, replaces });
                (holder, parked.map_or(OrbitTold::Taken, OrbitTold::Parked))
            }
            OrbitAsk::Find(orbit) => (holder, found(self.orbits.find(&account, &orbit))),
            OrbitAsk::FindCall(wanted) => (holder, found(self.orbits.find_call(&account, &wanted))),
            OrbitAsk::Vacated(by, replaces) => (by, OrbitTold::Found(replaces)),
            OrbitAsk::Leave => return self.orbits.leave(holder),
            OrbitAsk::PickUp(of) => {
                let rings = |call: &Call| call.rings_at(&account, of.as_ref());
                let all = self.calls.iter_mut().filter(|(_, call)| rings(call));
                let longest = all.min_by_key(|(_, call)| call.times().0).map(|(slot, _)| slot);
                let next = self.index + 1;
                match longest {
                    Some(slot) => {
                        self.with_call(slot, now, out, |call, means| call.vacate(&account, holder, means));
                        return;
                    }
                    None if next < self.owners.shards() => {
                        let ask = Box::new(OrbitAsk::PickUp(of));
                        self.tell(next, ShardMessage::Orbit { holder, call, account, ask }, out);
                        return;
                    }
                    None => (holder, OrbitTold::Nobody),
                }
            }
        };
        self.tell(to.0, ShardMessage::OrbitTold { call: to.1, told }, out);
    }
}

/// First and last orbit of a range, such as 701-720.
fn range(wanted: &str) -> Option<(u32, u32)> {
    let (first, last) = wanted.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last - first < MOST_ORBITS).then_some((first, last))
}

/// Orbits of one range.
const MOST_ORBITS: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_free_orbit_of_a_range_or_the_one_that_is_named() {
        let mut orbits = Orbits::default();
        let slot = |index| (0, Slot { index, generation: 0 });
        let mut park = |account: &str, wanted: &str, index: u32| {
            let waiting =
                Waiting { holder: slot(index), call: format!("call_{index}").into(), replaces: "r".into() };
            orbits.park(account.into(), wanted, waiting).map(String::from)
        };
        for (account, wanted, index, got) in [
            ("a", "701-702", 1, Some("701")),
            ("a", "701", 2, None),
            ("b", "701", 3, Some("701")),
            ("a", "701-702", 4, Some("702")),
            ("a", "701-702", 5, None),
            ("a", "front desk", 6, Some("front desk")),
            ("a", "9-1", 7, Some("9-1")),
        ] {
            assert_eq!(park(account, wanted, index).as_deref(), got, "{account} {wanted}");
        }
        assert_eq!(orbits.find_call(&"a".into(), "call_4").as_deref(), Some("r"));
        assert_eq!(orbits.find_call(&"b".into(), "call_4"), None);
        orbits.leave(slot(1));
        assert_eq!(
            (orbits.find(&"a".into(), "701"), orbits.find(&"b".into(), "701").is_some()),
            (None, true)
        );
    }
}
