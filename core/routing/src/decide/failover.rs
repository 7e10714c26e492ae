//! Who takes over from connections that cannot be reached (`dialled.failover`), behind everybody else in line.
//!
//! A chain ends where it would come back: at whoever is in line already, or calls.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Deciding, number_for, unfit};
use crate::config::Target;
use crate::decision::{Destination, Verdict};

impl Deciding<'_> {
    /// Puts those behind the destinations who take over from them, and those who take over from these.
    pub(super) fn stand_in(&mut self, targets: &mut SmallVec<[Destination; 2]>, called: &str) {
        let mut index = 0;
        while let Some(target) = targets.get(index) {
            index += 1;
            let Some(Target::Connection(next)) = &target.connection.dialled.failover else { continue };
            let (next, outbound, caller_id) = (next.clone(), target.outbound, target.caller_id.clone());
            let of = target.connection.id.clone();
            let verdict = if targets.iter().any(|target| target.connection.id == next) {
                Verdict::InLine
            } else if self.connection().is_some_and(|caller| caller.id == next) {
                Verdict::CameFromIt
            } else {
                Verdict::Failover
            };
            let Some(connection) = self.tables.connection(&next).cloned() else { continue };
            let refused = unfit(&connection).map(Verdict::Refused).filter(|_| verdict == Verdict::Failover);
            let verdict = refused.unwrap_or(verdict);
            let taken = verdict == Verdict::Failover && targets.len() < MOST;
            self.note(&next, taken, verdict);
            if taken {
                let number = number_for(&connection, called);
                let connection = Arc::clone(&connection);
                targets.push(Destination {
                    connection,
                    number,
                    outbound,
                    caller_id,
                    stands_in_for: Some(of),
                });
            }
        }
    }
}

/// Destinations of one call that failover adds to.
const MOST: usize = 32;
