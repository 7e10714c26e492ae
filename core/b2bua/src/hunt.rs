//! The addresses of a peer and the peers of a connection, in the order in which a call tries them.
//!
//! Peers by priority and weight, the addresses of each as RFC 3263 found them; what did not answer lately comes last.

use std::sync::Arc;

use sip_msg::Message;
use sip_stack::transport::{Query, Target, by_weight};

use routing::config::{Connection, Peer};
use routing::reason::Reason;

use crate::branch::{Branch, is_registered_kind, place_of_peer};
use crate::call::{Call, Final, Phase};
use crate::hop::next_hop;
use crate::means::{Effect, Means};

impl Branch {
    /// Its peer lives. Contacts of users come and go by their registrations and are not remembered.
    pub(crate) fn was_answered(&self, response: &Message<'_>, means: &mut Means<'_>) {
        if self.is_of_peer() {
            means.reach.answered(self.leg.dialog.flow.target(), response, means.now);
        }
    }

    /// Its peer could not be reached, or said nothing.
    pub(crate) fn was_not_answered(&self, means: &mut Means<'_>) {
        if self.is_of_peer() {
            means.reach.failed(self.leg.dialog.flow.target(), means.now);
        }
    }

    fn is_of_peer(&self) -> bool {
        self.leg.connection.as_ref().is_some_and(|connection| !is_registered_kind(connection.kind))
    }
}

/// The peers of the connection that is being called.
#[derive(Debug, Default)]
pub(crate) struct Hunt {
    /// Indices into the row, in the order of this call.
    order: Vec<usize>,
    /// How many at the end of it were put there because nothing of them was alive.
    put_off: usize,
}

impl Hunt {
    pub(crate) fn new(connection: &Connection, means: &mut Means<'_>) -> Self {
        let peers = connection.peers.iter().enumerate();
        let ranked = peers.map(|(index, peer)| (peer.priority, peer.weight, index)).collect();
        let mut order = by_weight(ranked, &mut |bound| means.random.below(bound));
        order.truncate(MOST_PEERS);
        Self { order, put_off: 0 }
    }

    /// The peer at this place, as an index into the row.
    pub(crate) fn at(&self, place: usize) -> Option<usize> {
        self.order.get(place).copied()
    }

    /// Puts the peer at this place behind those not looked at yet, if there are any.
    fn put_off(&mut self, place: usize) -> bool {
        let fresh = self.order.len().saturating_sub(self.put_off);
        let later = place + 1 < fresh;
        if later {
            let index = self.order.remove(place);
            self.order.push(index);
            self.put_off += 1;
        }
        later
    }
}

impl Call {
    /// Begins with the peers of a target.
    pub(crate) fn hunt_peers(&mut self, target: usize, means: &mut Means<'_>) {
        let Some(connection) = self.target(target).map(|t| t.connection.clone()) else { return };
        self.hunt = Hunt::new(&connection, means);
        self.try_peer(target, 0, means);
    }

    /// A host name was resolved.
    pub fn on_located(&mut self, targets: &[Target], means: &mut Means<'_>) {
        if self.on_search_located(targets, means) {
            return;
        }
        let Phase::Locating { target, peer } = self.phase else { return };
        if targets.is_empty() {
            self.peer_is_nowhere((target, peer), Final::ours(500, Reason::NameNotFound), means);
        } else {
            self.ring_peer(target, peer, targets, means);
        }
    }

    fn try_peer(&mut self, target: usize, peer: usize, means: &mut Means<'_>) {
        let Some(row) = self.peer(target, peer).cloned() else {
            let failed = Final::ours(500, Reason::NameNotFound);
            self.note_unrung(target, &failed, means);
            self.after_failure(target, failed, true, means);
            return;
        };
        let Some(connection) = self.target(target).map(|t| Arc::clone(&t.connection)) else { return };
        match next_hop(&connection, &row) {
            Ok(found) => self.ring_peer(target, peer, &[found], means),
            Err(query) => {
                let query = Query { secure: query.secure || self.began.secure, ..query };
                self.phase = Phase::Locating { target, peer };
                means.effects.push(Effect::Locate(query));
            }
        }
    }

    /// Rings the first of the targets of a peer that we have a socket for; the rest is kept in case it fails.
    fn ring_peer(&mut self, target: usize, peer: usize, found: &[Target], means: &mut Means<'_>) {
        let number = self.target(target).map(|t| t.number.clone()).unwrap_or_default();
        let mut found: Vec<Target> = found.iter().copied().filter(|to| self.may_ring(to.protocol)).collect();
        if found.is_empty() {
            self.peer_is_nowhere((target, peer), Final::ours(480, Reason::NotReachableSecurely), means);
            return;
        }
        if found.iter().all(|to| means.reach.is_dead(to, means.now)) && self.hunt.put_off(peer) {
            self.try_peer(target, peer, means);
            return;
        }
        means.reach.order(&mut found, means.now);
        let Some(connection) = self.target(target).map(|t| Arc::clone(&t.connection)) else { return };
        let Some(row) = self.peer(target, peer) else { return };
        let place = found.iter().enumerate().find_map(|(index, to)| {
            place_of_peer(&connection, row, *to, &number, means).map(|place| (place, index + 1))
        });
        match place {
            Some((place, next)) => {
                self.ring(target, peer, &[place], means);
                if let Phase::Dialling(dialling) = &mut self.phase {
                    dialling.rest = found.split_off(next);
                }
            }
            None => {
                let failed = Final::ours(500, Reason::ConnectionRefused);
                self.peer_is_nowhere((target, peer), failed, means);
            }
        }
    }

    /// There is no way to this peer.
    fn peer_is_nowhere(&mut self, (target, peer): (usize, usize), failed: Final, means: &mut Means<'_>) {
        self.note_unrung(target, &failed, means);
        self.after_peer(target, peer, failed, true, means);
    }

    /// The peer whose turn it is.
    fn peer(&self, target: usize, place: usize) -> Option<&Peer> {
        let index = self.hunt.at(place)?;
        self.target(target)?.connection.peers.get(index)
    }

    /// The next address of the same peer, or the next peer of the same target, if that may help.
    pub(crate) fn after_peer(
        &mut self,
        target: usize,
        peer: usize,
        failed: Final,
        again: bool,
        means: &mut Means<'_>,
    ) {
        let rest = match &mut self.phase {
            Phase::Dialling(dialling) => core::mem::take(&mut dialling.rest),
            Phase::Admitting
            | Phase::Attending
            | Phase::Seeking { .. }
            | Phase::Locating { .. }
            | Phase::Talking { .. }
            | Phase::Over => Vec::new(),
        };
        if again && !rest.is_empty() {
            self.moved_on();
            self.ring_peer(target, peer, &rest, means);
        } else if again && self.peer(target, peer + 1).is_some() {
            self.moved_on();
            self.try_peer(target, peer + 1, means);
        } else {
            self.after_failure(target, failed, again, means);
        }
    }
}

/// Peers of one connection that a call tries: those that fail at once follow each other on the stack.
const MOST_PEERS: usize = 32;
