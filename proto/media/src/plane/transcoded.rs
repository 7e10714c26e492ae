//! Ends that are converted for: their packets, their timers, their reports.

use std::cmp::Reverse;

use timestamp::Timestamp;

use super::{Due, Plane, Timer, mix, slot_mut};
use crate::actions::Actions;
use crate::command::EndId;
use crate::event::Event;
use crate::path::Path;
use crate::reports;
use crate::transcode::{Format, PayloadMap, Translator};

impl Plane {
    /// Converts between two ends.
    pub(super) fn transcode(&mut self, a: (EndId, Format), b: (EndId, Format), now: Timestamp) {
        let (Some(&slot_a), Some(&slot_b)) = (self.names.get(&a.0), self.names.get(&b.0)) else { return };
        if slot_a == slot_b {
            return;
        }
        let complexity = self.complexity();
        let paired = self
            .ends
            .get(slot_a as usize)
            .and_then(Option::as_ref)
            .is_some_and(|end| matches!(end.path, Path::Transcode { peer, .. } if peer == slot_b));
        if !paired {
            self.detach(slot_a);
            self.detach(slot_b);
        }
        for (slot, peer, from, to) in [(slot_a, slot_b, a.1, b.1), (slot_b, slot_a, b.1, a.1)] {
            self.converted += 1;
            let seed = mix(self.seed, u64::MAX - self.converted);
            let before = self.translator(slot);
            if before.as_ref().is_some_and(|translator| translator.is_between(&from, &to)) {
                continue;
            }
            // What a peer hears keeps its source and its numbers, when only the codec changes as well as after others.
            let stream = before.map(|translator| translator.stream.clone());
            let stream = stream.or_else(|| Some(slot_mut(&mut self.ends, peer)?.splice.take()?.go_on(now)));
            let Some(end) = slot_mut(&mut self.ends, slot) else { continue };
            let Some(translator) = Translator::new(from, to, complexity, stream, seed) else { continue };
            end.path = Path::Transcode { peer, translator: Box::new(translator) };
            end.keys = None;
            if !paired {
                let (at, serial) = (now + reports::FIRST, end.serial);
                end.reports.due = Some(at);
                self.timers.push(Reverse(Timer { at, slot, serial, due: Due::Report }));
            }
        }
    }

    /// Calls payload types of an end otherwise at the one that it is joined with.
    pub(super) fn renumber(&mut self, id: EndId, numbers: PayloadMap) {
        if let Some((_, end)) = self.find(id)
            && let Path::Relay { map, .. } | Path::Sealed { map, .. } = &mut end.path
        {
            *map = numbers;
        }
    }

    /// Listens whether the peer of an end is heard.
    pub(super) fn expect_sound(&mut self, id: EndId, now: Timestamp) {
        let Some((slot, end)) = self.find(id) else { return };
        let (serial, judge) = (end.serial, end.expect_sound(now));
        self.timers.extend(judge.map(|at| Reverse(Timer { at, slot, serial, due: Due::Hearing })));
    }

    /// Dials towards an end: it is its peer's packets that it hears.
    pub(super) fn dial(&mut self, id: EndId, code: u8, ms: u32, now: Timestamp, out: &mut Actions) {
        let Some((_, end)) = self.find(id) else { return };
        let Path::Transcode { peer, .. } = end.path else { return };
        if let Some(translator) = self.translator(peer) {
            translator.dial(code, ms, now);
            self.deliver(peer, out);
        }
    }

    /// Converts a believed RTP packet of the end in `slot`.
    pub(super) fn translate(&mut self, slot: u32, packet: &[u8], now: Timestamp, out: &mut Actions) {
        if let Some(translator) = self.translator(slot) {
            translator.on_packet(packet, now);
            self.deliver(slot, out);
        }
    }

    /// Something of a conversion is due; when to look next.
    pub(super) fn on_translator(&mut self, slot: u32, at: Timestamp, now: Timestamp, out: &mut Actions) {
        let Some(translator) = self.translator(slot) else { return };
        if translator.armed == Some(at) {
            translator.armed = None;
        }
        translator.handle_timeout(now);
        self.deliver(slot, out);
    }

    /// A report is due at an end; when the next one is.
    pub(super) fn on_report(
        &mut self,
        slot: u32,
        at: Timestamp,
        now: Timestamp,
        out: &mut Actions,
    ) -> Option<Timestamp> {
        let end = slot_mut(&mut self.ends, slot).filter(|end| end.reports.due == Some(at))?;
        let next = now + reports::EVERY;
        let peer = match end.path {
            Path::Transcode { peer, .. } => peer,
            Path::Mix(_) => {
                end.reports.due = Some(next);
                self.report_mixed(slot, now, out);
                return Some(next);
            }
            Path::None | Path::Player(_) if end.voice.is_some() => {
                end.reports.due = Some(next);
                self.report_played(slot, now, out);
                return Some(next);
            }
            Path::None | Path::Echo | Path::Player(_) | Path::Relay { .. } | Path::Sealed { .. } => {
                return None;
            }
        };
        end.reports.due = Some(next);
        // The stream to an end is made where its peer's packets come in.
        let mut peer_end = self.ends.get_mut(peer as usize)?.take();
        let stream = peer_end.as_mut().and_then(|end| Some(&end.path.translator()?.stream));
        if let (Some(stream), Some(end)) = (stream, slot_mut(&mut self.ends, slot))
            && let Some(target) = end.rtcp_target(slot)
        {
            let start = out.arena().len();
            end.write_report(stream, now, out.arena());
            end.send_report(target, start, out);
        }
        if let Some(place) = self.ends.get_mut(peer as usize) {
            *place = peer_end.take();
        }
        Some(next)
    }

    /// The peer of the end in `slot` reported; its loss is what our stream to it has to bear.
    pub(super) fn on_reported(&mut self, slot: u32, packet: &[u8], now: Timestamp) {
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        if let Path::Mix(seat) = &mut end.path {
            if let Some(lost) = end.reports.on_compound(packet, Some(seat.stream.ssrc), now) {
                seat.on_loss(lost);
            }
            return;
        }
        if let (Path::None | Path::Player(_), Some(voice)) = (&end.path, end.voice.as_deref_mut()) {
            let ours = voice.stream(now).ssrc;
            if let Some(lost) = end.reports.on_compound(packet, Some(ours), now) {
                voice.on_loss(lost);
            }
            return;
        }
        let Path::Transcode { peer, .. } = end.path else { return };
        let ours = self.translator(peer).map(|translator| translator.stream.ssrc);
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        let lost = end.reports.on_compound(packet, ours, now);
        if let (Some(lost), Some(translator)) = (lost, self.translator(peer)) {
            translator.on_loss(lost);
        }
    }

    /// Sends what a conversion made, tells what it heard, and looks again when it wants.
    pub(super) fn deliver(&mut self, slot: u32, out: &mut Actions) {
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        let serial = end.serial;
        let Path::Transcode { peer, translator } = &mut end.path else { return };
        let (peer, mut packets) = (*peer, std::mem::take(translator.packets()));
        let dialled = translator.take_dialled();
        let look = translator.next_timeout().filter(|at| translator.armed.is_none_or(|armed| *at < armed));
        translator.armed = look.or(translator.armed);
        if let Some(peer_end) = slot_mut(&mut self.ends, peer) {
            if let Some((code, ms)) = dialled {
                out.emit(Event::Dialled { end: peer_end.id, code, ms });
            }
            if let Some(to) = peer_end.target {
                for packet in packets.iter() {
                    let start = out.arena().len();
                    out.arena().extend_from_slice(packet);
                    peer_end.send_made(peer, to, start, out);
                }
            }
        }
        packets.clear();
        if let Some(translator) = self.translator(slot) {
            *translator.packets() = packets;
        }
        if let Some(at) = look {
            self.timers.push(Reverse(Timer { at, slot, serial, due: Due::Translator }));
        }
    }

    fn translator(&mut self, slot: u32) -> Option<&mut Translator> {
        slot_mut(&mut self.ends, slot)?.path.translator()
    }

    /// How thorough Opus may be: the more of it is spoken here, the quicker it has to be.
    fn complexity(&self) -> u8 {
        let busy = self.ends.iter().flatten();
        match busy.filter(|end| matches!(end.path, Path::Transcode { .. })).count() {
            0..FEW => 5,
            FEW..MANY => 3,
            _ => 1,
        }
    }
}

/// Ends of a worker's conversions that are few (sixty calls with Opus on one side take a quarter of a core), and many (half of
/// one).
const FEW: usize = 120;
const MANY: usize = 320;
