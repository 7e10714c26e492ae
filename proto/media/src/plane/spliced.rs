//! What an end hears goes on where another one begins to be heard.

use super::{Plane, slot_mut};
use crate::path::Path;
use crate::splice::Splice;

impl Plane {
    /// Keeps what an end and its peer have heard, before they leave their path.
    pub(super) fn keep_heard(&mut self, slot: u32) {
        let peer = slot_mut(&mut self.ends, slot).and_then(|end| end.path.peer());
        for slot in [Some(slot), peer].into_iter().flatten() {
            let heard = self.heard(slot).map(Box::new);
            if let (Some(heard), Some(end)) = (heard, slot_mut(&mut self.ends, slot)) {
                end.splice = Some(heard);
            }
        }
    }

    /// What the end in `slot` has heard, if that is not what it keeps already.
    fn heard(&self, slot: u32) -> Option<Splice> {
        let end = self.ends.get(slot as usize)?.as_ref()?;
        let peer = end.path.peer().and_then(|peer| self.ends.get(peer as usize)?.as_ref());
        match &end.path {
            Path::Relay { .. } | Path::Sealed { .. } if end.splice.is_some() => None,
            Path::Relay { .. } | Path::Sealed { .. } => peer?.passed(&end.counters),
            // The stream to an end is made where its peer's packets come in.
            Path::Transcode { .. } => {
                let Path::Transcode { translator, .. } = &peer?.path else { return None };
                Splice::made(&translator.stream, peer?.counters.last_packet?)
            }
            Path::Mix(seat) => {
                let room = self.rooms.get(seat.room as usize)?.as_ref()?;
                Splice::made(&seat.stream, room.next)
            }
            Path::None | Path::Player(_) if end.splice.is_none() => end.voice.as_ref()?.heard(),
            Path::None | Path::Player(_) | Path::Echo => None,
        }
    }
}
