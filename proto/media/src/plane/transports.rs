//! Ends on the shared port, as the plane sees them: commands about their transports, and what comes of datagrams and
//! time there.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;

use rtp::Kind;
use timestamp::Timestamp;
use webrtc::{Credentials, News};

use crate::actions::Actions;
use crate::command::EndId;
use crate::end::End;
use crate::event::{Event, OpenFault};
use crate::protection::Protection;
use crate::shared::Stir;

use super::{Due, Plane, Timer, slot_mut};

impl Plane {
    pub(super) fn open_shared(
        &mut self,
        id: EndId,
        credentials: &Credentials,
        bundle: Option<EndId>,
        inactivity: Option<Duration>,
        out: &mut Actions,
    ) {
        if self.names.contains_key(&id) {
            return out.emit(Event::Failed { end: id, port: 0, error: OpenFault::AlreadyOpen });
        }
        let head = bundle.and_then(|bundle| self.find(bundle)).and_then(|(_, end)| end.transport);
        let serial = self.next_serial();
        let mut end = End::new(id, serial, 0, self.ssrc(serial), inactivity);
        end.transport = head;
        end.protect(Protection::demand);
        let slot = self.insert(end);
        self.names.insert(id, slot);
        if let Some(head) = head {
            self.shared.join(head, slot);
            if let Some((inbound, outbound)) = self.shared.keys(head) {
                self.protect_slot(slot, |protection| protection.key(&inbound, &outbound));
            }
            return self.retarget(head);
        }
        match self.shared.open(slot, credentials, serial) {
            Some(number) => {
                if let Some(end) = slot_mut(&mut self.ends, slot) {
                    end.transport = Some(number);
                }
            }
            None => {
                self.remove(slot);
                out.emit(Event::Failed { end: id, port: 0, error: OpenFault::Refused });
            }
        }
    }

    /// Takes in a datagram that came to the shared port.
    pub(super) fn on_shared(&mut self, from: SocketAddr, packet: &[u8], now: Timestamp, out: &mut Actions) {
        let kind = rtp::classify(packet);
        let stir = match kind {
            Kind::Rtp | Kind::Rtcp => return self.on_shared_media(kind, from, packet, now, out),
            Kind::Stun => self.shared.on_stun(packet, from, now, out),
            Kind::Dtls => self.shared.on_dtls(packet, from, now, out),
            Kind::Other => Stir::default(),
        };
        if stir.transport.is_none() {
            self.strays += 1;
        }
        self.settle(&stir, out);
    }

    /// Takes in media, which is its end's by the source and, in a bundle, the payload type; reports are for the bundle.
    fn on_shared_media(
        &mut self,
        kind: Kind,
        from: SocketAddr,
        packet: &[u8],
        now: Timestamp,
        out: &mut Actions,
    ) {
        let slot = self.shared.of(from).and_then(|number| match packet.get(1) {
            Some(second) if kind == Kind::Rtp => self.shared.end_for(number, second & 0x7f),
            _ => self.shared.head(number),
        });
        match slot {
            Some(slot) => self.take_protected(slot, (kind, true), from, packet, now, out),
            None => self.strays += 1,
        }
    }

    /// Does what came of driving a transport: timers, targets, events.
    pub(super) fn settle(&mut self, stir: &Stir, out: &mut Actions) {
        let Some(number) = stir.transport else { return };
        if let (Some(at), Some(serial)) = (stir.timer, self.shared.serial(number)) {
            self.timers.push(Reverse(Timer { at, slot: number, serial, due: Due::Transport }));
        }
        let Some(head) = self.shared.head(number).and_then(|slot| slot_mut(&mut self.ends, slot)) else {
            return;
        };
        let end = head.id;
        for news in &stir.news {
            match *news {
                News::Proven(_) | News::Dropped(_) => {}
                News::Nominated(_) => self.retarget(number),
                News::Keyed { inbound, outbound } => {
                    for slot in self.shared.members(number) {
                        self.protect_slot(slot, |protection| protection.key(&inbound, &outbound));
                    }
                    if let Some(at) = self.shared.target(number) {
                        out.emit(Event::Connected { end, at });
                    }
                    self.retarget(number);
                }
                News::FingerprintMismatch => out.emit(Event::FingerprintMismatch { end }),
                News::HandshakeFailed => out.emit(Event::HandshakeFailed { end }),
                News::ConsentLost => out.emit(Event::ConsentLost { end }),
            }
        }
    }

    /// All ends of a transport send where its peer is.
    fn retarget(&mut self, number: u32) {
        let target = self.shared.target(number);
        for slot in self.shared.members(number) {
            if let Some(end) = slot_mut(&mut self.ends, slot) {
                end.found(target);
            }
        }
    }
}
