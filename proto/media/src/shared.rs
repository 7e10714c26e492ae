//! The shared port of a worker: whose a datagram is that comes there (RFC 7983), and the transports of those ends.
//!
//! A check names its transport by the user it addresses (RFC 8445 §7.3), everything else by its source, which a check
//! has proved before. Ends of one bundle have one transport (RFC 8843 §9); the payload type says which of them a
//! packet is for. What strangers send costs a look-up and a count; the tables grow with the ends that signalling opens,
//! and by a few addresses each.

use std::hash::BuildHasher;
use std::net::SocketAddr;

use hashbrown::HashMap;
use siphasher::sip::SipHasher13;
use smallvec::SmallVec;
use srtp::Keys;
use stun::Message;
use timestamp::Timestamp;
use webrtc::{Credentials, Identity, News, Output, Peer, Transport};

use crate::actions::{Action, Actions, SocketKey};

/// The transports of one shared port.
#[derive(Debug)]
pub(crate) struct SharedPort {
    identity: Option<Identity>,
    seats: Vec<Option<Seat>>,
    free: Vec<u32>,
    sources: HashMap<SocketAddr, u32, Keyed>,
    names: HashMap<[u8; 8], u32, Keyed>,
    output: Output,
}

/// A transport and the ends that use it.
#[derive(Debug)]
pub(crate) struct Seat {
    transport: Transport,
    /// Names that checks may address it by: the present one, and that before the last restart.
    names: SmallVec<[[u8; 8]; 2]>,
    sources: SmallVec<[SocketAddr; 2]>,
    /// The first one heads the bundle.
    members: SmallVec<[Member; 1]>,
    /// The earliest timer that runs for it.
    armed: Option<Timestamp>,
    pub(crate) serial: u64,
}

/// An end of a bundle.
#[derive(Clone, Copy, Debug)]
struct Member {
    slot: u32,
    payloads: PayloadTypes,
}

/// A set of RTP payload types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadTypes(u128);

impl PayloadTypes {
    /// Every payload type.
    pub const ALL: Self = Self(u128::MAX);

    /// Whether this one is among them.
    pub const fn contains(self, payload_type: u8) -> bool {
        self.0 >> (payload_type & 0x7f) & 1 == 1
    }
}

impl FromIterator<u8> for PayloadTypes {
    fn from_iter<I: IntoIterator<Item = u8>>(types: I) -> Self {
        Self(types.into_iter().fold(0, |set, payload_type| set | 1 << (payload_type & 0x7f)))
    }
}

impl SharedPort {
    pub(crate) fn new(identity: Option<Identity>, seed: u64) -> Self {
        Self {
            identity,
            seats: Vec::new(),
            free: Vec::new(),
            sources: HashMap::with_hasher(Keyed(seed)),
            names: HashMap::with_hasher(Keyed(seed)),
            output: Output::default(),
        }
    }

    /// A transport for the end in `slot`; `None` if there is no identity to show, or the name is taken.
    pub(crate) fn open(&mut self, slot: u32, local: &Credentials, serial: u64) -> Option<u32> {
        self.identity.as_ref()?;
        let name = *local.ufrag();
        if self.names.contains_key(&name) {
            return None;
        }
        let seat = Seat {
            transport: Transport::new(*local),
            names: SmallVec::from_slice(&[name]),
            sources: SmallVec::new(),
            members: SmallVec::from_slice(&[Member { slot, payloads: PayloadTypes::ALL }]),
            armed: None,
            serial,
        };
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.seats.push(None);
                (self.seats.len() - 1) as u32
            }
        };
        *self.seats.get_mut(number as usize)? = Some(seat);
        self.names.insert(name, number);
        Some(number)
    }

    /// The end in `slot` shares the transport.
    pub(crate) fn join(&mut self, number: u32, slot: u32) {
        if let Some(seat) = seat_mut(&mut self.seats, number) {
            seat.members.push(Member { slot, payloads: PayloadTypes::default() });
        }
    }

    /// The payload types of the end in `slot`.
    pub(crate) fn sort(&mut self, number: u32, slot: u32, payloads: PayloadTypes) {
        let seat = seat_mut(&mut self.seats, number);
        if let Some(member) = seat.and_then(|seat| seat.members.iter_mut().find(|member| member.slot == slot))
        {
            member.payloads = payloads;
        }
    }

    /// The end in `slot` is gone, and the transport with the last one.
    pub(crate) fn leave(&mut self, number: u32, slot: u32) {
        let Some(seat) = seat_mut(&mut self.seats, number) else { return };
        seat.members.retain(|member| member.slot != slot);
        if !seat.members.is_empty() {
            return;
        }
        for name in &seat.names {
            self.names.remove(name);
        }
        for source in &seat.sources {
            if self.sources.get(source) == Some(&number) {
                self.sources.remove(source);
            }
        }
        if let Some(place) = self.seats.get_mut(number as usize) {
            *place = None;
        }
        self.free.push(number);
    }

    /// ICE restarts with new credentials of ours.
    pub(crate) fn restart(&mut self, number: u32, local: &Credentials, now: Timestamp) {
        let Some(seat) = seat_mut(&mut self.seats, number) else { return };
        let name = *local.ufrag();
        if self.names.contains_key(&name) {
            return;
        }
        seat.transport.restart(*local, now);
        if seat.names.len() > 1 {
            self.names.remove(&seat.names.remove(0));
        }
        seat.names.push(name);
        self.names.insert(name, number);
    }

    /// The transport that this address is proved to belong to.
    #[inline]
    pub(crate) fn of(&self, from: SocketAddr) -> Option<u32> {
        self.sources.get(&from).copied()
    }

    /// The end of a transport that a packet of this payload type is for.
    #[inline]
    pub(crate) fn end_for(&self, number: u32, payload_type: u8) -> Option<u32> {
        let seat = self.seats.get(number as usize)?.as_ref()?;
        match seat.members.as_slice() {
            [only] => Some(only.slot),
            members => members.iter().find(|m| m.payloads.contains(payload_type)).map(|m| m.slot),
        }
    }

    /// The end that heads the bundle.
    pub(crate) fn head(&self, number: u32) -> Option<u32> {
        Some(self.seats.get(number as usize)?.as_ref()?.members.first()?.slot)
    }

    /// All ends of a transport.
    pub(crate) fn members(&self, number: u32) -> SmallVec<[u32; 4]> {
        let seat = self.seats.get(number as usize).and_then(Option::as_ref);
        seat.map(|seat| seat.members.iter().map(|member| member.slot).collect()).unwrap_or_default()
    }

    /// Where the peer of a transport is.
    pub(crate) fn target(&self, number: u32) -> Option<SocketAddr> {
        self.seats.get(number as usize)?.as_ref()?.transport.target()
    }

    /// The keys of a transport, once it has some.
    pub(crate) fn keys(&self, number: u32) -> Option<(Keys, Keys)> {
        self.seats.get(number as usize)?.as_ref()?.transport.keys()
    }

    /// The serial of a transport, which tells it from others that had its place.
    pub(crate) fn serial(&self, number: u32) -> Option<u64> {
        Some(self.seats.get(number as usize)?.as_ref()?.serial)
    }

    /// Takes in what a description says of the peer.
    pub(crate) fn describe(&mut self, number: u32, peer: Peer, now: Timestamp, out: &mut Actions) -> Stir {
        self.stir(Some(number), out, |transport, identity, output| {
            transport.describe(peer, identity, now, output);
            true
        })
    }

    /// Takes in a datagram of STUN.
    pub(crate) fn on_stun(
        &mut self,
        packet: &[u8],
        from: SocketAddr,
        now: Timestamp,
        out: &mut Actions,
    ) -> Stir {
        let check = Message::parse(packet);
        let name = check.as_ref().and_then(Message::addressed).and_then(|name| name.try_into().ok());
        let number = name.and_then(|name: [u8; 8]| self.names.get(&name).copied());
        self.stir(number, out, |transport, identity, output| {
            check.is_some_and(|check| transport.on_check(&check, from, identity, now, output))
        })
    }

    /// Takes in a datagram of DTLS.
    pub(crate) fn on_dtls(
        &mut self,
        packet: &[u8],
        from: SocketAddr,
        now: Timestamp,
        out: &mut Actions,
    ) -> Stir {
        let number = self.of(from);
        self.stir(number, out, |transport, identity, output| {
            transport.on_dtls(packet, from, identity, now, output)
        })
    }

    /// Does what is due for a transport.
    pub(crate) fn handle_timeout(&mut self, number: u32, now: Timestamp, out: &mut Actions) -> Stir {
        if let Some(seat) = seat_mut(&mut self.seats, number) {
            seat.armed = None;
        }
        self.stir(Some(number), out, |transport, identity, output| {
            transport.handle_timeout(identity, now, output);
            true
        })
    }

    /// Drives a transport, sends what it wants sent, and keeps the tables in step with it.
    fn stir(
        &mut self,
        number: Option<u32>,
        out: &mut Actions,
        drive: impl FnOnce(&mut Transport, &Identity, &mut Output) -> bool,
    ) -> Stir {
        let (Some(number), Some(identity)) = (number, &self.identity) else { return Stir::default() };
        let Some(seat) = seat_mut(&mut self.seats, number) else { return Stir::default() };
        self.output.clear();
        if !drive(&mut seat.transport, identity, &mut self.output) {
            return Stir::default();
        }
        for (to, bytes) in self.output.datagrams() {
            let payload = out.make(|arena| arena.extend_from_slice(bytes));
            out.push(Action::Send { socket: SocketKey::SHARED, to, payload });
        }
        for news in self.output.news() {
            match *news {
                News::Proven(source) => {
                    seat.sources.push(source);
                    // The last who proved an address has it: ports of browsers are used again.
                    self.sources.insert(source, number);
                }
                News::Dropped(source) => {
                    seat.sources.retain(|known| *known != source);
                    if self.sources.get(&source) == Some(&number) {
                        self.sources.remove(&source);
                    }
                }
                News::Nominated(_)
                | News::Keyed { .. }
                | News::FingerprintMismatch
                | News::HandshakeFailed
                | News::ConsentLost => {}
            }
        }
        let timer = seat.transport.next_timeout().filter(|at| seat.armed.is_none_or(|armed| *at < armed));
        seat.armed = timer.or(seat.armed);
        Stir { transport: Some(number), timer, news: self.output.news().iter().copied().collect() }
    }
}

/// What came of driving a transport.
#[derive(Debug, Default)]
pub(crate) struct Stir {
    /// Which one it was; `None` if the datagram was nobody's.
    pub(crate) transport: Option<u32>,
    /// A timer that has to run.
    pub(crate) timer: Option<Timestamp>,
    /// What happened.
    pub(crate) news: SmallVec<[News; 2]>,
}

fn seat_mut(seats: &mut [Option<Seat>], number: u32) -> Option<&mut Seat> {
    seats.get_mut(number as usize)?.as_mut()
}

/// Hashing that nobody outside can predict.
#[derive(Clone, Copy, Debug)]
struct Keyed(u64);

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.0.rotate_left(32))
    }
}
