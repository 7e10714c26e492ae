//! One end: what is known of its peer, what passed, and what happens to what comes in.

use std::net::SocketAddr;
use std::time::Duration;

use rtp::Kind;
use srtp::Dropped;
use timestamp::Timestamp;

use crate::actions::{Action, Actions, SocketKey};
use crate::command::{EndId, Remote};
use crate::event::{Counters, Unheard};
use crate::hearing::Hearing;
use crate::latch::{Latch, Verdict};
use crate::path::Path;
use crate::protection::Protection;
use crate::quality::Quality;
use crate::recording::Tape;
use crate::reports::Reports;
use crate::sink::keys::Keys;
use crate::source::player::Voice;
use crate::splice::Splice;
use crate::transcode::Stream;

/// An open end.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) id: EndId,
    /// Tells this end from the others that had or will have its slot.
    pub(crate) serial: u64,
    pub(crate) port: u16,
    pub(crate) path: Path,
    /// Its transport on the shared port, if it lives there.
    pub(crate) transport: Option<u32>,
    /// Where RTP to the peer goes, if any goes.
    pub(crate) target: Option<SocketAddr>,
    pub(crate) counters: Counters,
    /// Source of what we send of our own.
    pub(crate) ssrc: u32,
    /// Where ICE has found the peer.
    found: Option<SocketAddr>,
    /// How what is played here is said.
    pub(crate) voice: Option<Box<Voice>>,
    /// What it has heard of others than the voice, which goes on.
    pub(crate) splice: Option<Box<Splice>>,
    /// What listens for keys.
    pub(crate) keys: Option<Keys>,
    /// Where what it says is kept.
    pub(crate) tape: Option<Tape>,
    latch: Latch,
    quality: Quality,
    pub(crate) reports: Reports,
    hearing: Hearing,
    rtcp: Rtcp,
    receives: bool,
    /// What its packets are.
    pub(crate) form: Form,
    udptl: bool,
    protection: Protection,
    watch: Watch,
}

/// What comes to an end and leaves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// RTP and RTCP as they are.
    #[default]
    Clear,
    /// SRTP and SRTCP.
    Protected,
    /// UDPTL.
    Udptl,
}

/// Whether a packet goes on, and what it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Dropped,
    First,
    Passed,
}

impl End {
    pub(crate) fn new(id: EndId, serial: u64, port: u16, ssrc: u32, inactivity: Option<Duration>) -> Self {
        Self {
            id,
            serial,
            port,
            path: Path::None,
            transport: None,
            target: None,
            counters: Counters::default(),
            ssrc,
            found: None,
            voice: None,
            splice: None,
            keys: None,
            tape: None,
            latch: Latch::default(),
            quality: Quality::default(),
            reports: Reports::default(),
            hearing: Hearing::default(),
            rtcp: Rtcp::default(),
            receives: false,
            form: Form::Clear,
            udptl: false,
            protection: Protection::None,
            watch: Watch { after: inactivity, ..Watch::default() },
        }
    }

    /// Takes in a description; returns when to look for inactivity, if nobody looks yet.
    pub(crate) fn describe(&mut self, remote: &Remote, now: Timestamp) -> Option<Timestamp> {
        self.latch.describe(remote, now);
        if !remote.sends {
            self.hearing.end();
        }
        self.quality.set_clock_rate(remote.clock_rate);
        self.receives = remote.receives && (remote.rtp.is_some() || self.transport.is_some());
        self.udptl = remote.udptl;
        self.reform();
        self.rtcp.describe(remote);
        self.retarget();
        self.watch.expect(remote, now)
    }

    /// Changes how its packets are protected.
    pub(crate) fn protect(&mut self, change: impl FnOnce(&mut Protection)) {
        change(&mut self.protection);
        self.reform();
    }

    /// Whether its packets are in the clear.
    pub(crate) fn is_clear(&self) -> bool {
        matches!(self.protection, Protection::None)
    }

    /// What another end hears to which its packets pass as they are; none of video, where sources share a stream.
    pub(crate) fn passed(&self, listener: &Counters) -> Option<Splice> {
        let (last, clock) = self.quality.last().filter(|(_, clock)| *clock < VIDEO)?;
        // Fax counts, too, and has shorter packets.
        let octets = listener.bytes_out.saturating_sub(listener.packets_out * rtp::RtpHeader::LEN as u64);
        let stream = Stream::passing(clock, listener.packets_out as u32, octets as u32);
        Some(Splice::passed(last, stream, self.counters.last_packet?))
    }

    /// Makes a packet that passes to its peer one of the stream that it hears; fax has no such numbers.
    #[cold]
    pub(crate) fn splice_in(&mut self, packet: &mut [u8], now: Timestamp) {
        let udptl = self.udptl;
        self.splice.take_if(|splice| udptl || !splice.apply(packet, now));
    }

    /// Opens what lies in the arena from `start` on; false if it is dropped.
    pub(crate) fn open(&mut self, kind: Kind, arena: &mut Vec<u8>, start: usize) -> bool {
        let opened = self.protection.open(kind, arena, start);
        match opened {
            Ok(()) => {}
            Err(Dropped::Replayed) => self.counters.replayed_dropped += 1,
            Err(Dropped::Malformed) => self.counters.invalid_dropped += 1,
            Err(Dropped::Crowded | Dropped::Exhausted | Dropped::Forged) => self.counters.forged_dropped += 1,
        }
        opened.is_ok()
    }

    /// Protects what lies in the arena from `start` on, if it is to be; false if it must not leave.
    #[inline]
    pub(crate) fn seal(&mut self, kind: Kind, arena: &mut Vec<u8>, start: usize) -> bool {
        let sealed = self.protection.seal(kind, arena, start).is_ok();
        self.counters.unprotected_dropped += u64::from(!sealed);
        sealed
    }

    /// Sends RTP that lies in the arena from `start` on, as far as it may leave; this end is in `slot`.
    #[inline]
    pub(crate) fn send_made(&mut self, slot: u32, to: SocketAddr, start: usize, out: &mut Actions) {
        let len = out.arena().len() - start;
        if self.seal(Kind::Rtp, out.arena(), start) {
            self.count_out(len);
            out.push(Action::Send { socket: self.socket(slot), to, payload: out.made(start) });
        }
    }

    /// The same for RTCP, with its target.
    pub(crate) fn send_report(
        &mut self,
        (socket, to): (SocketKey, SocketAddr),
        start: usize,
        out: &mut Actions,
    ) {
        if self.seal(Kind::Rtcp, out.arena(), start) {
            self.counters.rtcp_out += 1;
            out.push(Action::Send { socket, to, payload: out.made(start) });
        }
    }

    fn reform(&mut self) {
        self.form = match self.protection {
            Protection::None if self.udptl => Form::Udptl,
            Protection::None => Form::Clear,
            Protection::Demanded | Protection::Keyed(_) => Form::Protected,
        };
    }

    /// Judges and counts an RTP packet.
    #[inline]
    pub(crate) fn on_rtp(&mut self, from: SocketAddr, packet: &[u8], now: Timestamp) -> Passage {
        let Some(header) = rtp::RtpHeader::parse(packet) else {
            self.counters.invalid_dropped += 1;
            return Passage::Dropped;
        };
        let verdict = match self.transport {
            // A check has proved where it comes from.
            Some(_) => Verdict::Known,
            None => self.latch.judge(from, header.ssrc, now),
        };
        match verdict {
            Verdict::Known => {}
            Verdict::Moved => {
                self.rtcp.seen = None;
                self.retarget();
            }
            Verdict::Foreign => {
                self.counters.foreign_dropped += 1;
                return Passage::Dropped;
            }
        }
        self.quality.on_packet(header.ssrc, header.sequence, header.timestamp, now);
        self.hearing.on_packet(header.payload_type, packet.get(header.payload).unwrap_or_default());
        self.count_in(packet.len(), now)
    }

    #[inline]
    fn count_in(&mut self, bytes: usize, now: Timestamp) -> Passage {
        self.watch.heard = now;
        let counters = &mut self.counters;
        counters.packets_in += 1;
        counters.bytes_in += bytes as u64;
        counters.last_packet = Some(now);
        if counters.first_packet.is_some() {
            return Passage::Passed;
        }
        counters.first_packet = Some(now);
        Passage::First
    }

    /// Judges and counts a packet of whatever form.
    pub(crate) fn on_udptl(&mut self, from: SocketAddr, packet: &[u8], now: Timestamp) -> Passage {
        match self.latch.judge(from, 0, now) {
            Verdict::Known => {}
            Verdict::Moved => self.retarget(),
            Verdict::Foreign => {
                self.counters.foreign_dropped += 1;
                return Passage::Dropped;
            }
        }
        self.count_in(packet.len(), now)
    }

    /// Judges and counts an RTCP packet that came on the RTCP port, or `muxed` on the RTP port.
    pub(crate) fn on_rtcp(
        &mut self,
        from: SocketAddr,
        muxed: bool,
        packet: &[u8],
        now: Timestamp,
    ) -> Passage {
        if rtp::rtcp::RtcpHeader::parse(packet).is_none() {
            self.counters.invalid_dropped += 1;
            return Passage::Dropped;
        }
        let believed = self.transport.is_some() || self.latch.believes_ip(from.ip());
        if !believed && self.rtcp.described != Some(from) {
            self.counters.foreign_dropped += 1;
            return Passage::Dropped;
        }
        if !muxed {
            self.rtcp.seen = Some(from);
        }
        self.watch.heard = now;
        self.counters.rtcp_in += 1;
        Passage::Passed
    }

    /// The socket that RTP to the peer leaves from; this end is in `slot`.
    #[inline]
    pub(crate) fn socket(&self, slot: u32) -> SocketKey {
        if self.transport.is_some() { SocketKey::SHARED } else { SocketKey::rtp(slot) }
    }

    /// Where RTCP to the peer goes, and from which of the two sockets of this end in `slot`.
    pub(crate) fn rtcp_target(&self, slot: u32) -> Option<(SocketKey, SocketAddr)> {
        if self.transport.is_some() {
            return self.found.map(|to| (SocketKey::SHARED, to));
        }
        let described = self.rtcp.described?;
        if self.rtcp.muxed {
            return self.latch.target().map(|to| (SocketKey::rtp(slot), to));
        }
        Some((SocketKey::rtcp(slot), self.rtcp.seen.unwrap_or(described)))
    }

    /// Appends a report of our own: on what its peer sends, and on our stream to it.
    pub(crate) fn write_report(&mut self, stream: &Stream, now: Timestamp, out: &mut Vec<u8>) {
        let block = self.quality.report(self.reports.said());
        self.reports.write(block, stream, now, out);
    }

    /// Its peer should be heard from now on; when to judge, unless it is not to send.
    pub(crate) fn expect_sound(&mut self, now: Timestamp) -> Option<Timestamp> {
        (self.watch.expecting && !self.udptl).then(|| self.hearing.begin(&self.counters, now))
    }

    /// Judges whether its peer is heard.
    pub(crate) fn judge_sound(&mut self, at: Timestamp) -> Option<Unheard> {
        self.hearing.judge(at, &self.counters)
    }

    /// Looks for inactivity at the time that was asked for.
    pub(crate) fn on_watch(&mut self, now: Timestamp) -> Watched {
        self.watch.look(now)
    }

    /// The counters with the measures of the moment.
    pub(crate) fn counters(&self) -> Counters {
        Counters {
            lost: self.quality.lost(),
            jitter_us: self.quality.jitter_us(),
            round_trip_us: self.reports.round_trip_us,
            ..self.counters
        }
    }

    /// Counts an RTP packet that is sent to the peer.
    #[inline]
    pub(crate) fn count_out(&mut self, bytes: usize) {
        self.counters.packets_out += 1;
        self.counters.bytes_out += bytes as u64;
    }

    /// ICE has found the peer.
    pub(crate) fn found(&mut self, at: Option<SocketAddr>) {
        self.found = at;
        self.retarget();
    }

    fn retarget(&mut self) {
        self.target = if self.receives { self.found.or_else(|| self.latch.target()) } else { None };
    }
}

/// The clock of video (RFC 3551 §5).
const VIDEO: u32 = 90_000;

/// The RTCP of the peer.
#[derive(Debug, Default)]
struct Rtcp {
    described: Option<SocketAddr>,
    /// The last source that was believed; RTCP of a NATed peer does not come from where it says.
    seen: Option<SocketAddr>,
    muxed: bool,
}

impl Rtcp {
    fn describe(&mut self, remote: &Remote) {
        if self.described != remote.rtcp {
            self.seen = None;
        }
        self.described = remote.rtcp;
        self.muxed = remote.rtcp == remote.rtp;
    }
}

/// Whether and since when packets are awaited from the peer.
#[derive(Debug, Default)]
struct Watch {
    after: Option<Duration>,
    expecting: bool,
    /// When waiting began.
    since: Timestamp,
    heard: Timestamp,
    /// A timer is running.
    armed: bool,
    told: bool,
}

/// What came of looking for inactivity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// Look again then.
    Again(Timestamp),
    /// Nothing came: tell it.
    Inactive,
    /// Nothing is awaited.
    Off,
}

impl Watch {
    fn expect(&mut self, remote: &Remote, now: Timestamp) -> Option<Timestamp> {
        let begins = remote.sends && (!self.expecting || remote.renegotiated);
        self.expecting = remote.sends;
        if begins {
            self.since = now;
            self.told = false;
        }
        let after = self.after?;
        if !begins || self.armed {
            return None;
        }
        self.armed = true;
        Some(now + after)
    }

    fn look(&mut self, now: Timestamp) -> Watched {
        self.armed = false;
        let Some(after) = self.after.filter(|_| self.expecting && !self.told) else { return Watched::Off };
        let deadline = self.since.max(self.heard) + after;
        if deadline > now {
            self.armed = true;
            return Watched::Again(deadline);
        }
        self.told = true;
        Watched::Inactive
    }
}
