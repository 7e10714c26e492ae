//! Packets that were made and are about to be sent.

/// Some packets in a row; the memory stays.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Packets {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::with_capacity(4096), ends: Vec::with_capacity(64) }
    }

    /// Adds a packet, written by `write`; none if that says so.
    pub(super) fn make(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let start = self.bytes.len();
        let made = write(&mut self.bytes);
        if made {
            self.ends.push(self.bytes.len());
        } else {
            self.bytes.truncate(start);
        }
        made
    }

    /// The packets, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let packet = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            packet
        })
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}
