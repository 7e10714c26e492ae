//! A time zone as a value: what its clocks are ahead of UTC, and when that changes.
//!
//! The host makes it from the IANA name of the account; nothing below the host knows names of zones.

use timestamp::Timestamp;

/// Offsets of a place from UTC. The default is UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Seconds ahead of UTC before the first change.
    offset: i32,
    /// Changes in their order, with the seconds ahead of UTC from then on.
    changes: Vec<(Timestamp, i32)>,
}

impl Zone {
    /// A place with this offset in seconds, and these changes in their order.
    pub fn new(offset: i32, changes: Vec<(Timestamp, i32)>) -> Self {
        Self { offset, changes }
    }

    /// What a clock there shows, in seconds since its 1970.
    pub fn local(&self, at: Timestamp) -> u64 {
        let passed = self.changes.partition_point(|(change, _)| *change <= at);
        let last = passed.checked_sub(1).and_then(|last| self.changes.get(last));
        let offset = last.map_or(self.offset, |(_, offset)| *offset);
        at.as_secs().saturating_add_signed(i64::from(offset))
    }
}
