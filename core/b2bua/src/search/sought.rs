//! One party of a search: its targets, and how far it is with them.

use core::time::Duration;
use std::ops::Range;

use routing::decision::Decision;
use sip_stack::transport::Target;
use timestamp::Timestamp;

use crate::branch::Place;
use crate::call::Final;
use crate::hunt::Hunt;
use crate::vouch::Passport;

/// One of several parties that are looked for.
#[derive(Debug)]
pub(crate) struct Sought {
    pub(super) decision: Box<Decision>,
    /// Its part of the targets of all.
    pub(super) targets: Range<usize>,
    /// The one whose turn it is.
    pub(super) target: usize,
    pub(super) begins: Timestamp,
    pub(super) ring: Duration,
    pub(super) stage: Stage,
    /// Until when it rings, once it does.
    pub(super) until: Option<Timestamp>,
    /// Until when a peer has to give a sign of life.
    pub(super) alive_until: Option<Timestamp>,
    pub(super) hunt: Hunt,
    pub(super) peer: usize,
    /// Addresses of the same peer that were not tried yet.
    pub(super) rest: Vec<Target>,
    /// Contacts of a PBX that were not tried yet.
    pub(super) contacts: Vec<Place>,
    /// Whether it waits for its turn to ask for the address of a peer.
    pub(super) locates: bool,
    /// Whether a device of it is being woken.
    pub(super) wakes: bool,
    pub(super) passport: Option<Passport>,
    pub(super) best: Option<Final>,
    /// All that failed so far may be followed by another target.
    pub(super) again: bool,
}

/// How far it is with a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its time has not come.
    Waiting,
    /// It is being asked for.
    Seeking,
    /// It rings, and has a place.
    Ringing,
    /// It could not be reached.
    Over,
}

impl Sought {
    /// Somebody to be looked for from `begins`, and to ring so long.
    pub(crate) fn new(decision: Decision, begins: Timestamp, ring: Duration) -> Self {
        Self {
            decision: Box::new(decision),
            targets: 0..0,
            target: 0,
            begins,
            ring,
            stage: Stage::Waiting,
            until: None,
            alive_until: None,
            hunt: Hunt::default(),
            peer: 0,
            rest: Vec::new(),
            contacts: Vec::new(),
            locates: false,
            wakes: false,
            passport: None,
            best: None,
            again: true,
        }
    }
}
