//! Who takes over from connections that cannot be reached (`dialled.failover`), behind everybody else in line.
//!
//! A chain ends where it would come back: at whoever is in line already, or calls. It leads past those who cannot be dialled
//! at all: disabled ones, and those without anything that answers.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Deciding, number_for, unfit};
use crate::config::{Connection, ConnectionId, Target};
use crate::decision::{Destination, Verdict};

/// Whose place is taken.
pub(super) struct Origin {
    pub(super) connection: Arc<Connection>,
    pub(super) outbound: bool,
    pub(super) caller_id: Option<String>,
}

impl Deciding<'_> {
    /// Puts those behind the destinations who take over from them, and those who take over from these.
    pub(super) fn stand_in(&mut self, targets: &mut SmallVec<[Destination; 2]>, called: &str) {
        let mut index = 0;
        while let Some(target) = targets.get(index) {
            index += 1;
            let origin = Origin {
                connection: Arc::clone(&target.connection),
                outbound: target.outbound,
                caller_id: target.caller_id.clone(),
            };
            self.take_over(origin, targets, called);
        }
    }

    /// Puts whoever takes over from a connection behind the destinations.
    pub(super) fn take_over(
        &mut self,
        origin: Origin,
        targets: &mut SmallVec<[Destination; 2]>,
        called: &str,
    ) {
        let of = origin.connection.id.clone();
        let mut passed: SmallVec<[ConnectionId; 2]> = SmallVec::new();
        let mut before = origin.connection;
        while let Some(next) = &before.dialled.failover {
            let next = match next {
                Target::Connection(next) => next,
                Target::Flow(flow) => {
                    self.fall_back(&flow.clone(), before);
                    return;
                }
            };
            let Some(connection) = self.tables.connection(next).cloned() else { return };
            let in_line = targets.iter().any(|target| target.connection.id == *next);
            let verdict = if in_line || of == *next || passed.contains(next) {
                Verdict::InLine
            } else if self.connection().is_some_and(|caller| caller.id == *next) {
                Verdict::CameFromIt
            } else {
                unfit(&connection).map_or(Verdict::Failover, Verdict::Refused)
            };
            let taken = verdict == Verdict::Failover && targets.len() < MOST;
            self.note(next, taken, verdict);
            if taken {
                targets.push(Destination {
                    number: number_for(&connection, called),
                    connection,
                    outbound: origin.outbound,
                    caller_id: origin.caller_id,
                    stands_in_for: Some(of),
                });
                return;
            }
            if !matches!(verdict, Verdict::Refused(_)) {
                return;
            }
            passed.push(next.clone());
            before = connection;
        }
    }
}

/// Destinations of one call that failover adds to.
const MOST: usize = 32;
