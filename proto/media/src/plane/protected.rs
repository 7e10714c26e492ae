//! Packets that are protected on at least one side: copied once into the arena, opened and sealed there.
//!
//! Where they come from is judged after they are opened, so that nothing forged moves an end.

use std::net::SocketAddr;

use rtp::{Kind, rtcp};
use timestamp::Timestamp;

use super::{Plane, slot_mut};
use crate::actions::{Actions, SocketKey};
use crate::command::EndId;
use crate::end::Passage;
use crate::event::Event;
use crate::path::Path;
use crate::protection::Protection;
use crate::source::echo;
use crate::transcode::PayloadMap;

impl Plane {
    /// Changes how the packets of an end are protected, and with it how others get to it.
    pub(super) fn protect(&mut self, id: EndId, change: impl FnOnce(&mut Protection)) {
        if let Some((slot, _)) = self.find(id) {
            self.protect_slot(slot, change);
        }
    }

    /// The same for the end in `slot`.
    pub(super) fn protect_slot(&mut self, slot: u32, change: impl FnOnce(&mut Protection)) {
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        end.protect(change);
        let Some(peer) = end.path.peer() else { return };
        let map = slot_mut(&mut self.ends, peer).and_then(|end| match end.path {
            Path::Relay { map, .. } | Path::Sealed { map, .. } => Some(map),
            Path::None | Path::Echo | Path::Mix(_) | Path::Player(_) | Path::Transcode { .. } => None,
        });
        if let Some(map) = map {
            self.lead(peer, slot, map);
        }
    }

    /// Lets what comes to the end in `slot` go to that in `peer`.
    pub(super) fn lead(&mut self, slot: u32, peer: u32, map: PayloadMap) {
        let Some(clear) = slot_mut(&mut self.ends, peer).map(|end| end.is_clear()) else { return };
        if let Some(end) = slot_mut(&mut self.ends, slot) {
            end.path = if clear { Path::Relay { peer, map } } else { Path::Sealed { peer, map } };
        }
    }

    /// Takes in a packet that came to a port of a protected end.
    pub(super) fn on_protected(
        &mut self,
        socket: SocketKey,
        from: SocketAddr,
        packet: &[u8],
        now: Timestamp,
        out: &mut Actions,
    ) {
        let kind = if socket.is_rtcp() { Kind::Rtcp } else { rtp::classify(packet) };
        self.take_protected(socket.slot(), (kind, !socket.is_rtcp()), from, packet, now, out);
    }

    /// Takes in a packet of this kind, on the port of RTP or not, for the protected end in `slot`.
    #[inline(never)]
    pub(super) fn take_protected(
        &mut self,
        slot: u32,
        (kind, muxed): (Kind, bool),
        from: SocketAddr,
        packet: &[u8],
        now: Timestamp,
        out: &mut Actions,
    ) {
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        let start = out.arena().len();
        out.arena().extend_from_slice(packet);
        if !end.open(kind, out.arena(), start) {
            return out.arena().truncate(start);
        }
        let opened = out.arena().get(start..).unwrap_or_default();
        if kind == Kind::Rtcp {
            if end.on_rtcp(from, muxed, opened, now) != Passage::Dropped {
                self.forward_report(slot, start, now, out);
            }
            return;
        }
        let passage = end.on_rtp(from, opened, now);
        let keys = end.keys.as_mut().filter(|_| passage != Passage::Dropped);
        let key = keys.and_then(|keys| keys.hear(opened));
        match passage {
            Passage::Dropped => return,
            Passage::First => out.emit(Event::FirstPacket { end: end.id, from }),
            Passage::Passed => {}
        }
        if let Some(key) = key {
            out.emit(Event::Key { end: end.id, key });
        }
        if let Some(tape) = end.tape {
            self.recorders.on_packet(tape, out.arena().get(start..).unwrap_or_default(), now);
        }
        match &mut end.path {
            Path::Relay { peer, map } | Path::Sealed { peer, map } => {
                let (peer, map) = (*peer, *map);
                self.relay_made(peer, map, start, now, out);
            }
            Path::Transcode { translator, .. } => {
                translator.on_packet(out.arena().get(start..).unwrap_or_default(), now);
                self.deliver(slot, out);
            }
            Path::Mix(seat) => seat.on_packet(out.arena().get(start..).unwrap_or_default(), now),
            Path::Echo => {
                let ssrc = end.ssrc;
                self.echo(slot, ssrc, start, out);
            }
            Path::None | Path::Player(_) => {}
        }
    }

    /// Sends what lies in the arena from `start` on to the end in `peer`, which may call payload types otherwise.
    pub(super) fn relay_made(
        &mut self,
        peer: u32,
        map: PayloadMap,
        start: usize,
        now: Timestamp,
        out: &mut Actions,
    ) {
        let packet = out.arena().get_mut(start..).unwrap_or_default();
        map.apply(packet);
        if let Some(end) = slot_mut(&mut self.ends, peer).filter(|end| end.splice.is_some()) {
            end.splice_in(packet, now);
        }
        self.send_made(peer, start, out);
    }

    /// Takes in RTCP that lies in the arena from `start` on, and passes it to where the path of the end in `slot` leads.
    pub(super) fn forward_report(&mut self, slot: u32, start: usize, now: Timestamp, out: &mut Actions) {
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        let compound = out.arena().get(start..).unwrap_or_default();
        let (Path::Relay { peer, .. } | Path::Sealed { peer, .. }) = end.path else {
            return self.on_reported(slot, compound, now);
        };
        end.reports.on_compound(compound, None, now);
        let heard = end.splice.as_ref().and_then(|splice| splice.naming());
        let Some(end) = slot_mut(&mut self.ends, peer) else { return };
        let Some(target) = end.rtcp_target(peer) else { return };
        end.reports.on_relayed(compound, now);
        let said = end.splice.as_ref().and_then(|splice| splice.naming());
        rtcp::rename(out.arena().get_mut(start..).unwrap_or_default(), said, heard);
        end.send_report(target, start, out);
    }

    /// Sends what lies in the arena from `start` on back to the peer of an end, as a packet of our own source.
    pub(super) fn echo(&mut self, slot: u32, ssrc: u32, start: usize, out: &mut Actions) {
        echo::turn(out.arena().get_mut(start..).unwrap_or_default(), ssrc);
        self.send_made(slot, start, out);
    }

    /// Sends what lies in the arena from `start` on to the peer of an end, sealed if the end is protected.
    #[inline(never)]
    pub(super) fn send_made(&mut self, slot: u32, start: usize, out: &mut Actions) {
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        let Some(to) = end.target else { return };
        end.send_made(slot, to, start, out);
    }
}
