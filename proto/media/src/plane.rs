//! The plane: a slab of ends, driven by commands, packets and time.
//!
//! A packet finds its end by the index in its socket's key, and the peer by the slot in the path: a relayed
//! packet costs no look-up, no copy and no allocation. Names of ends are looked up for commands only.

mod mixed;
mod played;
mod protected;
mod recorded;
mod spliced;
mod transcoded;
mod transports;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rtp::Kind;
use timestamp::Timestamp;
use webrtc::Identity;

use crate::actions::{Action, Actions, Payload, SocketKey};
use crate::command::{Command, EndId, Remote, Signal};
use crate::end::{End, Form, Passage, Watched};
use crate::event::{Counters, Event, OpenFault};
use crate::mixing::{Room, chime};
use crate::path::Path;
use crate::protection::Protection;
use crate::recording::Recorders;
use crate::shared::SharedPort;
use crate::sink::keys::Keys;
use crate::source::player::{self, Player};
use crate::transcode::PayloadMap;

/// All ends of one media worker. Both ends of a join must live in the same plane.
#[derive(Debug)]
pub struct Plane {
    ends: Vec<Option<End>>,
    free: Vec<u32>,
    names: BTreeMap<EndId, u32>,
    timers: BinaryHeap<Reverse<Timer>>,
    /// A whole number of its periods.
    milliwatt: Arc<[i16]>,
    /// One period of each signal, in the order of [`Signal`].
    signals: [Arc<[i16]>; 4],
    rooms: Vec<Option<Room>>,
    /// What rooms hear when somebody comes, and goes.
    chimes: [Arc<[i16]>; 2],
    seed: u64,
    serial: u64,
    /// Conversions so far.
    converted: u64,
    strays: u64,
    recorders: Recorders,
    /// The transports of ends without ports of their own.
    shared: SharedPort,
}

impl Plane {
    /// A plane without ends and without a shared port. SSRCs of our own streams follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self::sharing(seed, None)
    }

    /// A plane whose ends may share a port, on which peers are shown `identity`.
    pub fn sharing(seed: u64, identity: Option<Identity>) -> Self {
        Self {
            shared: SharedPort::new(identity, mix(seed, 0)),
            ends: Vec::new(),
            free: Vec::new(),
            names: BTreeMap::new(),
            timers: BinaryHeap::new(),
            milliwatt: player::milliwatt(),
            signals: [Signal::Beep, Signal::Busy, Signal::Congestion, Signal::Ringback].map(player::signal),
            rooms: Vec::new(),
            chimes: [true, false].map(chime),
            seed,
            serial: 0,
            converted: 0,
            strays: 0,
            recorders: Recorders::default(),
        }
    }

    /// Does what signalling asks.
    pub fn handle_command(&mut self, command: Command, now: Timestamp, out: &mut Actions) {
        match command {
            Command::Clear { end } => self.protect(end, |protection| *protection = Protection::None),
            Command::Demand { end } => self.protect(end, Protection::demand),
            Command::Protect { end, inbound, outbound } => {
                self.protect(end, |protection| protection.key(&inbound, &outbound));
            }
            Command::Open { end, bind, port, inactivity } => self.open(end, bind, port, inactivity, out),
            Command::OpenShared { end, credentials, bundle, inactivity } => {
                self.open_shared(end, &credentials, bundle, inactivity, out);
            }
            Command::Authenticate { end, peer } => {
                if let Some(number) = self.transport_of(end) {
                    let stir = self.shared.describe(number, peer, now, out);
                    self.settle(&stir, out);
                }
            }
            Command::Restart { end, credentials } => {
                if let Some(number) = self.transport_of(end) {
                    self.shared.restart(number, &credentials, now);
                }
            }
            Command::Sort { end, payloads } => {
                if let Some((slot, Some(number))) = self.find(end).map(|(slot, end)| (slot, end.transport)) {
                    self.shared.sort(number, slot, payloads);
                }
            }
            Command::Remote { end, remote } => self.describe(end, &remote, now),
            Command::Join { a, b } => self.join(a, b),
            Command::Await { end } => self.expect_sound(end, now),
            Command::Renumber { end, map } => self.renumber(end, map),
            Command::Transcode { a, b } => self.transcode(a, b, now),
            Command::Dial { end, code, ms } => self.dial(end, code, ms, now, out),
            Command::Serve { end, source } => self.serve(end, source, now),
            Command::Play { end, audio, times, serial } => {
                self.play(end, Player::new(audio, times, Some(serial), now), now);
            }
            Command::Speak { end, format } => self.speak(end, &format, now),
            Command::Press { end, strokes } => self.play(end, Player::keys(strokes, now), now),
            Command::Listen { end, events, tones } => {
                if let Some((_, end)) = self.find(end) {
                    end.keys = Some(Keys::new(events, tones));
                }
            }
            Command::Mix { end, room, format, muted } => self.mix(end, room, format, muted, now),
            Command::Mute { end, muted } => self.mute(end, muted),
            Command::Announce { end, announcement } => self.announce(end, announcement),
            Command::Record(wanted) => self.record(&wanted, now, out),
            Command::StopRecording { recording, .. } => self.stop_recording(recording, now, out),
            Command::Close { end } => self.close(end, now, out),
        }
    }

    /// Takes in a datagram that came to `socket`. [`Payload::Received`] in `out` means `packet`.
    pub fn on_packet(
        &mut self,
        socket: SocketKey,
        from: SocketAddr,
        packet: &[u8],
        now: Timestamp,
        out: &mut Actions,
    ) {
        if socket == SocketKey::SHARED {
            return self.on_shared(from, packet, now, out);
        }
        let slot = socket.slot();
        let Some(end) = slot_mut(&mut self.ends, slot) else {
            self.strays += 1;
            return;
        };
        match end.form {
            Form::Clear => {}
            Form::Protected => return self.on_protected(socket, from, packet, now, out),
            Form::Udptl => return self.on_udptl(socket, from, packet, now, out),
        }
        if socket.is_rtcp() {
            return self.on_rtcp(slot, from, false, packet, now, out);
        }
        match rtp::classify(packet) {
            Kind::Rtp => {
                let passage = end.on_rtp(from, packet, now);
                if passage == Passage::First {
                    out.emit(Event::FirstPacket { end: end.id, from });
                }
                if passage != Passage::Dropped {
                    if let Some(key) = end.keys.as_mut().and_then(|keys| keys.hear(packet)) {
                        out.emit(Event::Key { end: end.id, key });
                    }
                    if let Some(tape) = end.tape {
                        self.recorders.on_packet(tape, packet, now);
                    }
                    self.forward(slot, packet, now, out);
                }
            }
            Kind::Rtcp => self.on_rtcp(slot, from, true, packet, now, out),
            Kind::Dtls | Kind::Other | Kind::Stun => end.counters.invalid_dropped += 1,
        }
    }

    /// Takes note that an [`Action::Bind`] failed: the end is gone, and signalling hears of it.
    pub fn on_bind_failed(&mut self, socket: SocketKey, error: OpenFault, out: &mut Actions) {
        let slot = socket.slot();
        if let Some(end) = self.remove(slot) {
            let port = end.port.saturating_add(u16::from(socket.is_rtcp()));
            unbind(slot, out);
            out.emit(Event::Failed { end: end.id, port, error });
        }
    }

    /// Takes note that an [`Action::Send`] failed.
    pub fn on_send_failed(&mut self, socket: SocketKey) {
        if let Some(end) = slot_mut(&mut self.ends, socket.slot()) {
            end.counters.send_errors += 1;
        }
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse(timer)| timer.at)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp, out: &mut Actions) {
        while let Some(Reverse(timer)) = self.timers.peek().copied()
            && timer.at <= now
        {
            self.timers.pop();
            if timer.due == Due::Transport {
                if self.shared.serial(timer.slot) == Some(timer.serial) {
                    let stir = self.shared.handle_timeout(timer.slot, now, out);
                    self.settle(&stir, out);
                }
                continue;
            }
            if timer.due == Due::Room {
                let again = self.on_room(timer, now, out);
                self.timers.extend(again.map(|at| Reverse(Timer { at, ..timer })));
                continue;
            }
            if timer.due == Due::Recording {
                self.on_recording(timer.slot, timer.serial, now, out);
                continue;
            }
            let Some(end) = slot_mut(&mut self.ends, timer.slot).filter(|end| end.serial == timer.serial)
            else {
                continue;
            };
            let again = match timer.due {
                Due::Hearing => {
                    if let Some(why) = end.judge_sound(timer.at) {
                        out.emit(Event::Unheard { end: end.id, why });
                    }
                    None
                }
                Due::Report => self.on_report(timer.slot, timer.at, now, out),
                Due::Translator => {
                    self.on_translator(timer.slot, timer.at, now, out);
                    None
                }
                Due::Player => played::on_player(end, timer, now, out),
                Due::Watch => watch(end, now, out),
                Due::Recording | Due::Room | Due::Transport => None,
            };
            self.timers.extend(again.map(|at| Reverse(Timer { at, ..timer })));
        }
    }

    /// The counters of an end as they stand.
    pub fn counters(&self, end: EndId) -> Option<Counters> {
        let slot = *self.names.get(&end)?;
        self.ends.get(slot as usize)?.as_ref().map(End::counters)
    }

    /// Packets that belong to no end.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    /// How many ends are open.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no end is open.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether nobody is in a room.
    #[cfg(test)]
    pub(crate) fn rooms_are_closed(&self) -> bool {
        self.rooms.iter().all(Option::is_none)
    }

    fn open(&mut self, id: EndId, bind: IpAddr, port: u16, inactivity: Option<Duration>, out: &mut Actions) {
        if self.names.contains_key(&id) {
            return out.emit(Event::Failed { end: id, port, error: OpenFault::AlreadyOpen });
        }
        let Some(rtcp_port) = port.checked_add(1) else {
            return out.emit(Event::Failed { end: id, port, error: OpenFault::PortTaken });
        };
        let serial = self.next_serial();
        let end = End::new(id, serial, port, self.ssrc(serial), inactivity);
        let slot = self.insert(end);
        self.names.insert(id, slot);
        out.push(Action::Bind { socket: SocketKey::rtp(slot), addr: SocketAddr::new(bind, port) });
        out.push(Action::Bind { socket: SocketKey::rtcp(slot), addr: SocketAddr::new(bind, rtcp_port) });
    }

    fn describe(&mut self, id: EndId, remote: &Remote, now: Timestamp) {
        let Some((slot, end)) = self.find(id) else { return };
        let (serial, look) = (end.serial, end.describe(remote, now));
        self.timers.extend(look.map(|at| Reverse(Timer { at, slot, serial, due: Due::Watch })));
    }

    fn join(&mut self, a: EndId, b: EndId) {
        let (Some(&a), Some(&b)) = (self.names.get(&a), self.names.get(&b)) else { return };
        if a == b {
            return;
        }
        self.detach(a);
        self.detach(b);
        for (slot, peer) in [(a, b), (b, a)] {
            self.lead(slot, peer, PayloadMap::default());
            if let Some(end) = slot_mut(&mut self.ends, slot) {
                end.keys = None;
            }
        }
    }

    fn close(&mut self, id: EndId, now: Timestamp, out: &mut Actions) {
        self.leave_recording(id, now, out);
        let closed = self.names.get(&id).copied().and_then(|slot| Some((slot, self.remove(slot)?)));
        let counters = match closed {
            Some((slot, end)) => {
                if end.transport.is_none() {
                    unbind(slot, out);
                }
                end.counters()
            }
            None => Counters::default(),
        };
        out.emit(Event::Closed { end: id, counters });
    }

    /// Sends a believed RTP packet where the path of the end in `slot` leads.
    #[inline]
    fn forward(&mut self, slot: u32, packet: &[u8], now: Timestamp, out: &mut Actions) {
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        match end.path {
            Path::Relay { peer, map } => {
                if let Some(peer_end) = slot_mut(&mut self.ends, peer)
                    && let Some(to) = peer_end.target
                {
                    peer_end.count_out(packet.len());
                    let changes = packet.get(1).is_some_and(|second| map.changes(*second));
                    let payload = if changes || peer_end.splice.is_some() {
                        out.make(|arena| {
                            let at = arena.len();
                            arena.extend_from_slice(packet);
                            let packet = arena.get_mut(at..).unwrap_or_default();
                            map.apply(packet);
                            peer_end.splice_in(packet, now);
                        })
                    } else {
                        Payload::Received
                    };
                    out.push(Action::Send { socket: peer_end.socket(peer), to, payload });
                }
            }
            Path::Transcode { .. } => self.translate(slot, packet, now, out),
            Path::Mix(ref mut seat) => seat.on_packet(packet, now),
            Path::Sealed { peer, map } => {
                let start = out.arena().len();
                out.arena().extend_from_slice(packet);
                self.relay_made(peer, map, start, now, out);
            }
            Path::Echo => {
                let (ssrc, start) = (end.ssrc, out.arena().len());
                out.arena().extend_from_slice(packet);
                self.echo(slot, ssrc, start, out);
            }
            Path::None | Path::Player(_) => {}
        }
    }

    /// Fax goes to its peer as it came.
    #[cold]
    fn on_udptl(
        &mut self,
        socket: SocketKey,
        from: SocketAddr,
        packet: &[u8],
        now: Timestamp,
        out: &mut Actions,
    ) {
        let slot = socket.slot();
        let Some(end) = slot_mut(&mut self.ends, slot).filter(|_| !socket.is_rtcp()) else { return };
        let passage = end.on_udptl(from, packet, now);
        if passage == Passage::First {
            out.emit(Event::FirstPacket { end: end.id, from });
        }
        if passage != Passage::Dropped && matches!(end.path, Path::Relay { .. }) {
            self.forward(slot, packet, now, out);
        }
    }

    fn on_rtcp(
        &mut self,
        slot: u32,
        from: SocketAddr,
        muxed: bool,
        packet: &[u8],
        now: Timestamp,
        out: &mut Actions,
    ) {
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        if end.on_rtcp(from, muxed, packet, now) == Passage::Dropped {
            return;
        }
        let start = out.arena().len();
        out.arena().extend_from_slice(packet);
        self.forward_report(slot, start, now, out);
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn ssrc(&self, serial: u64) -> u32 {
        mix(self.seed, serial) as u32
    }

    fn transport_of(&mut self, id: EndId) -> Option<u32> {
        self.find(id)?.1.transport
    }

    fn find(&mut self, id: EndId) -> Option<(u32, &mut End)> {
        let slot = *self.names.get(&id)?;
        Some((slot, slot_mut(&mut self.ends, slot)?))
    }

    fn insert(&mut self, end: End) -> u32 {
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.ends.get_mut(slot as usize)
        {
            *place = Some(end);
            return slot;
        }
        self.ends.push(Some(end));
        (self.ends.len() - 1) as u32
    }

    fn remove(&mut self, slot: u32) -> Option<End> {
        self.detach(slot);
        let end = self.ends.get_mut(slot as usize)?.take()?;
        self.names.remove(&end.id);
        if let Some(number) = end.transport {
            self.shared.leave(number, slot);
        }
        self.free.push(slot);
        Some(end)
    }

    /// Takes an end off its path, and its peer off the way back.
    fn detach(&mut self, slot: u32) {
        self.keep_heard(slot);
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        let path = std::mem::take(&mut end.path);
        if let Path::Mix(seat) = &path {
            self.leave_room(slot, seat.room);
        }
        if let Some(peer) = path.peer()
            && let Some(peer_end) = slot_mut(&mut self.ends, peer)
        {
            peer_end.path = Path::None;
        }
    }
}

/// Something due at an end. A timer whose end is gone, or that was overtaken, does nothing when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    at: Timestamp,
    slot: u32,
    serial: u64,
    due: Due,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Hearing,
    Player,
    /// Of a recording: the slot is its own.
    Recording,
    Report,
    /// Of a room: the slot is its number.
    Room,
    Translator,
    /// Of a transport: the slot is its number.
    Transport,
    Watch,
}

fn watch(end: &mut End, now: Timestamp, out: &mut Actions) -> Option<Timestamp> {
    match end.on_watch(now) {
        Watched::Again(at) => Some(at),
        Watched::Inactive => {
            out.emit(Event::Inactive { end: end.id });
            None
        }
        Watched::Off => None,
    }
}

fn unbind(slot: u32, out: &mut Actions) {
    out.push(Action::Unbind { socket: SocketKey::rtp(slot) });
    out.push(Action::Unbind { socket: SocketKey::rtcp(slot) });
}

#[inline]
fn slot_mut(ends: &mut [Option<End>], slot: u32) -> Option<&mut End> {
    ends.get_mut(slot as usize)?.as_mut()
}

/// SplitMix64: spreads a seed and a serial over 64 bits.
fn mix(seed: u64, serial: u64) -> u64 {
    let mut z = seed.wrapping_add(serial.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
