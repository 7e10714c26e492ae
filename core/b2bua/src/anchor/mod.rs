//! Where signalling and media meet: session descriptions that pass, and what the media plane is told of them.
//!
//! RFC 3264 for offers and answers, RFC 5853 §3.2 for anchoring. A relayed description has our addresses in it;
//! a bypassed one goes through as it is. Codecs are never touched here.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use media::{Command, EndId, Remote};
use routing::config::{Connection, Kind, Latching, MediaMode};
use routing::reason::Reason;
use sdp::{Description, Direction, MediaRewrite, OriginRewrite, rewrite};
use sip_stack::Slot;
use smallvec::SmallVec;

use crate::leg::Leg;
use crate::means::Means;

/// The media of one leg.
#[derive(Debug, Default)]
pub(crate) struct LegMedia {
    /// Whether media goes past us.
    pub bypass: bool,
    /// Our ends, by m-line.
    pub ends: SmallVec<[End; 1]>,
    /// Number of the session in our descriptions to this leg; 0 until the first.
    id: u64,
    /// Version of the last one sent.
    version: u64,
    /// Whether its peer is ourselves: another call of ours is what is heard there, or nothing.
    pub inward: bool,
    /// The last description heard from this leg, as it came.
    pub raw: Vec<u8>,
    /// The last description sent to this leg, for refreshes.
    pub sent: Vec<u8>,
    /// Session and version of the last description heard.
    heard: Option<(u64, u64)>,
    /// What the peer described, by m-line.
    described: SmallVec<[Described; 1]>,
    /// First codec of the last description heard.
    pub codec: Arc<str>,
}

/// One local end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// Its name.
    pub id: EndId,
    /// Its RTP port; 0 for an m-line that is not relayed.
    pub port: u16,
}

#[derive(Clone, Copy, Debug)]
struct Described {
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
    direction: Direction,
    clock: u32,
    udptl: bool,
}

/// Whether media of a call between these goes past us: only if both say so.
pub(crate) fn bypasses(a: Option<&Connection>, b: Option<&Connection>) -> bool {
    [a, b].iter().all(|c| c.is_some_and(|c| c.media.mode == MediaMode::Bypass))
}

/// Passes an offer like [`pass`]; a peer or PBX finds the codecs in the order of its `media.codecs`.
pub(crate) fn pass_offer(
    body: &[u8],
    from: &mut Leg,
    to: &mut Leg,
    call: Slot,
    means: &mut Means<'_>,
) -> Result<Vec<u8>, Reason> {
    pass_as(true, body, from, to, call, means)
}

/// Passes a description from one leg to the other and returns what the other gets.
pub(crate) fn pass(
    body: &[u8],
    from: &mut Leg,
    to: &mut Leg,
    call: Slot,
    means: &mut Means<'_>,
) -> Result<Vec<u8>, Reason> {
    pass_as(false, body, from, to, call, means)
}

fn pass_as(
    offer: bool,
    body: &[u8],
    from: &mut Leg,
    to: &mut Leg,
    call: Slot,
    means: &mut Means<'_>,
) -> Result<Vec<u8>, Reason> {
    let description = Description::parse(body).map_err(|_| Reason::BadDescription)?;
    hear(body, &description, from);
    if to.media.bypass {
        to.media.sent = body.to_vec();
        return Ok(body.to_vec());
    }
    let carried: SmallVec<[bool; 4]> =
        description.media().iter().map(|m| m.port != 0 && is_carried(m.proto)).collect();
    open(from, &carried, call, means)?;
    open(to, &carried, call, means)?;
    let shown = shown(to, means);
    if to.media.id == 0 {
        to.media.id = means.random.number() >> 2 | 1;
    }
    let ends = &to.media.ends;
    let mut place = |index: usize| {
        let end = ends.get(index).filter(|end| end.port != 0)?;
        Some(MediaRewrite { addr: shown, port: end.port, rtcp_port: None })
    };
    let preference =
        to.connection.as_ref().filter(|c| offer && !matches!(c.kind, Kind::Device | Kind::Virtual));
    let mut written = Vec::with_capacity(body.len() + 64);
    let origin = OriginRewrite { user: None, id: to.media.id, version: to.media.version, addr: shown };
    rewrite(body, &description, &origin, &mut place, &mut written);
    if let Some(connection) = preference {
        prefer(&description, &connection.media.codecs, &mut written);
    }
    if written != to.media.sent {
        to.media.version += 1;
        written.clear();
        let origin = OriginRewrite { version: to.media.version, ..origin };
        rewrite(body, &description, &origin, &mut place, &mut written);
        if let Some(connection) = preference {
            prefer(&description, &connection.media.codecs, &mut written);
        }
        to.media.sent.clone_from(&written);
    }
    Ok(written)
}

/// Puts the formats of a description that was just written into this order of codecs.
fn prefer(description: &Description<'_>, codecs: &[String], written: &mut [u8]) {
    let mut lines = written.split_mut(|&b| b == b'\n').filter(|line| line.starts_with(b"m="));
    for media in description.media() {
        let Some(line) = lines.next() else { return };
        let Some(formats) = sdp::preferred(media, codecs) else { continue };
        // They are the end of the line, and as long as before.
        let end = line.trim_ascii_end().len();
        let place = end.checked_sub(formats.len()).and_then(|start| line.get_mut(start..end));
        if let Some(place) = place.filter(|place| place.len() == formats.len()) {
            place.copy_from_slice(&formats);
        }
    }
}

/// Whether a description is the one already heard from this leg: then nothing changes (RFC 4028 §7.4, RFC 3264
/// §8: same version, same session).
pub(crate) fn unchanged(body: &[u8], leg: &Leg) -> bool {
    let Ok(description) = Description::parse(body) else { return false };
    let origin = description.origin();
    leg.media.heard == Some((origin.id_number(), origin.version_number())) && !leg.media.sent.is_empty()
}

/// Offer and answer are complete, or enough of them for early media: packets may flow between the two.
pub(crate) fn connect(a: &Leg, b: &Leg, renegotiated: bool, means: &mut Means<'_>) {
    if a.media.bypass {
        return;
    }
    for (index, (end_a, end_b)) in a.media.ends.iter().zip(&b.media.ends).enumerate() {
        if end_a.port == 0 || end_b.port == 0 {
            continue;
        }
        let (from_a, from_b) = (a.media.described.get(index), b.media.described.get(index));
        describe(a, end_a.id, from_a, from_b, renegotiated, means);
        describe(b, end_b.id, from_b, from_a, renegotiated, means);
        means.media(Command::Join { a: end_a.id, b: end_b.id });
    }
}

/// A leg that is served by ourselves: all its m-lines hear `source`.
pub(crate) fn serve(leg: &Leg, source: media::Source, means: &mut Means<'_>) {
    let both = Described { rtp: None, rtcp: None, direction: Direction::SendRecv, clock: 0, udptl: false };
    for (index, end) in leg.media.ends.iter().enumerate().filter(|(_, end)| end.port != 0) {
        describe(leg, end.id, leg.media.described.get(index), Some(&both), false, means);
        means.media(Command::Serve { end: end.id, source });
    }
}

/// Remembers and answers a description that we serve ourselves: `keep` says which m-lines are taken.
pub(crate) fn answer_ourselves(
    body: &[u8],
    leg: &mut Leg,
    call: Slot,
    keep: &dyn Fn(&sdp::Media<'_>) -> bool,
    means: &mut Means<'_>,
) -> Result<Vec<u8>, Reason> {
    let description = Description::parse(body).map_err(|_| Reason::BadDescription)?;
    hear(body, &description, leg);
    let carried: SmallVec<[bool; 4]> = description.media().iter().map(keep).collect();
    if !carried.contains(&true) {
        return Err(Reason::NoCommonCodec);
    }
    open(leg, &carried, call, means)?;
    let shown = shown(leg, means);
    if leg.media.id == 0 {
        leg.media.id = means.random.number() >> 2 | 1;
    }
    leg.media.version += 1;
    let origin = OriginRewrite { user: None, id: leg.media.id, version: leg.media.version, addr: shown };
    let ends = &leg.media.ends;
    let mut place = |index: usize| {
        let end = ends.get(index).filter(|end| end.port != 0)?;
        Some(MediaRewrite { addr: shown, port: end.port, rtcp_port: None })
    };
    let mut written = Vec::with_capacity(body.len() + 64);
    rewrite(body, &description, &origin, &mut place, &mut written);
    reverse_directions(&mut written);
    leg.media.sent.clone_from(&written);
    Ok(written)
}

/// An offer of our own to a leg that we serve: what a peer gets who asked for one (RFC 3261 §14.2, RFC 3264 §5).
pub(crate) fn offer_ourselves(leg: &mut Leg, call: Slot, means: &mut Means<'_>) -> Result<Vec<u8>, Reason> {
    open(leg, &[true], call, means)?;
    let addr = shown(leg, means);
    if leg.media.id == 0 {
        leg.media.id = means.random.number() >> 2 | 1;
    }
    leg.media.version += 1;
    let port = leg.media.ends.first().map_or(0, |end| end.port);
    let (id, version) = (leg.media.id, leg.media.version);
    let offer = sdp::AudioOffer {
        addr,
        port,
        id,
        version,
        formats: &[(8, "PCMA/8000"), (0, "PCMU/8000"), (101, "telephone-event/8000")],
        direction: Direction::SendRecv,
        ptime: Some(20),
    };
    leg.media.sent.clear();
    sdp::build_audio(&mut leg.media.sent, &offer);
    Ok(leg.media.sent.clone())
}

/// The answer to an offer of our own.
pub(crate) fn hear_answer(body: &[u8], leg: &mut Leg) -> Result<(), Reason> {
    let description = Description::parse(body).map_err(|_| Reason::BadDescription)?;
    hear(body, &description, leg);
    let taken = description.media().iter().any(|m| m.port != 0 && is_rtp(m.proto));
    if taken { Ok(()) } else { Err(Reason::NoCommonCodec) }
}

/// Closes every end of a leg; returns how many closings the plane will report.
pub(crate) fn close(leg: &mut Leg, means: &mut Means<'_>) -> usize {
    let mut closing = 0;
    for end in leg.media.ends.drain(..).filter(|end| end.port != 0) {
        means.media(Command::Close { end: end.id });
        means.ports.give_back(end.port);
        closing += 1;
    }
    closing
}

/// Remembers a description that is for nobody but us.
pub(crate) fn heard(body: &[u8], leg: &mut Leg) {
    if let Ok(description) = Description::parse(body) {
        hear(body, &description, leg);
    }
}

/// What was said last on both sides of a description that may yet be refused.
#[derive(Debug)]
pub(crate) struct Before {
    heard: Vec<u8>,
    sent: Vec<u8>,
}

impl Before {
    /// As it stands, before `asking` says something new to `other`.
    pub(crate) fn of(asking: &Leg, other: &Leg) -> Self {
        Self { heard: asking.media.raw.clone(), sent: other.media.sent.clone() }
    }

    /// It was refused: everything stays as it was (RFC 3261 §14.1). The refused version stays used.
    pub(crate) fn restore(&self, asking: &mut Leg, other: &mut Leg) {
        heard(&self.heard, asking);
        other.media.sent.clone_from(&self.sent);
    }
}

/// A description without holds of either side: what its maker offers to somebody new.
pub(crate) fn revived(body: &[u8]) -> Vec<u8> {
    let mut revived = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|&b| b == b'\n') {
        if !matches!(line.trim_ascii_end(), b"a=sendonly" | b"a=recvonly" | b"a=inactive") {
            revived.extend_from_slice(line);
        }
    }
    revived
}

fn hear(body: &[u8], description: &Description<'_>, leg: &mut Leg) {
    leg.media.raw.clear();
    leg.media.raw.extend_from_slice(body);
    let origin = description.origin();
    leg.media.heard = Some((origin.id_number(), origin.version_number()));
    leg.media.described = description.media().iter().map(described).collect();
    let codec = description.media().first().and_then(|media| codec(media));
    if let Some(codec) = codec {
        leg.media.codec = codec;
    }
}

fn described(media: &sdp::Media<'_>) -> Described {
    let held = media.is_held();
    let address = media.connection().filter(|ip| !ip.is_unspecified());
    let rtp = address.filter(|_| media.port != 0).map(|ip| SocketAddr::new(ip, media.port));
    let udptl = media.proto.eq_ignore_ascii_case(b"udptl");
    let rtcp = match media.rtcp() {
        _ if udptl => None,
        _ if media.rtcp_mux() => rtp,
        Some((ip, port)) => ip.or(address).map(|ip| SocketAddr::new(ip, port)),
        None => rtp.and_then(|rtp| Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?))),
    };
    let clock = media.rtpmaps().next().map_or(8000, |map| map.clock);
    // RFC 3264 §6: of an m-line with port 0 nothing is awaited.
    let direction = if held || media.port == 0 { Direction::Inactive } else { media.direction() };
    Described { rtp, rtcp, direction, clock, udptl }
}

fn codec(media: &sdp::Media<'_>) -> Option<Arc<str>> {
    let first = media.formats.split(|&b| b == b' ').find(|format| !format.is_empty())?;
    let number: u8 = core::str::from_utf8(first).ok()?.parse().ok()?;
    let named = media.rtpmaps().find(|map| map.payload_type == number).map(|map| map.name);
    let name = match (named, number) {
        (Some(name), _) => String::from_utf8_lossy(name).to_ascii_lowercase(),
        (None, 0) => "pcmu".to_owned(),
        (None, 8) => "pcma".to_owned(),
        (None, 9) => "g722".to_owned(),
        (None, 18) => "g729".to_owned(),
        (None, _) => return None,
    };
    Some(name.into())
}

/// Makes sure that the leg has an end for every m-line that is carried.
fn open(leg: &mut Leg, carried: &[bool], call: Slot, means: &mut Means<'_>) -> Result<(), Reason> {
    let (bind, _) = means.book.media_for(leg.dialog.flow.remote.ip());
    let usual = if leg.media.inward { 0 } else { 60 };
    let seconds = leg.connection.as_ref().map_or(usual, |c| c.media.inactivity_s);
    let inactivity = (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)));
    for (index, &wanted) in carried.iter().enumerate().take(MOST_LINES) {
        if leg.media.ends.len() == index {
            leg.media.ends.push(End { id: end_id(means.shard, call, leg.number, index), port: 0 });
        }
        let Some(end) = leg.media.ends.get_mut(index) else { continue };
        if wanted && end.port == 0 {
            let port = lease(bind, means).ok_or(Reason::NoMediaPort)?;
            end.port = port;
            let id = end.id;
            means.media(Command::Open { end: id, bind, port, inactivity });
        }
    }
    Ok(())
}

/// A port that the system lets us have. One that it refuses, since another program has it, rests like one that was
/// used. When few are free and all are refused, one is taken as it is: a call that just ended is about to leave it.
fn lease(bind: IpAddr, means: &mut Means<'_>) -> Option<u16> {
    let free = means.ports.free();
    for _ in 0..free.min(MOST_REFUSED) {
        let port = means.ports.lease()?;
        if means.book.claim_media(bind, port) {
            return Some(port);
        }
        means.ports.give_back(port);
    }
    if free < MOST_REFUSED { means.ports.lease() } else { None }
}

fn shown(leg: &Leg, means: &mut Means<'_>) -> IpAddr {
    let advertised = leg.connection.as_ref().and_then(|c| c.media.advertise);
    advertised.unwrap_or_else(|| means.book.media_for(leg.dialog.flow.remote.ip()).1)
}

fn describe(
    leg: &Leg,
    end: EndId,
    theirs: Option<&Described>,
    others: Option<&Described>,
    renegotiated: bool,
    means: &mut Means<'_>,
) {
    let Some(theirs) = theirs else { return };
    let sends = matches!(theirs.direction, Direction::SendRecv | Direction::SendOnly);
    let receives = matches!(theirs.direction, Direction::SendRecv | Direction::RecvOnly);
    let wanted = others.is_none_or(|o| matches!(o.direction, Direction::SendRecv | Direction::RecvOnly));
    let latch = match leg.connection.as_ref().map(|c| c.media.nat) {
        Some(Latching::Always) => media::Latching::Always,
        Some(Latching::Never) => media::Latching::Never,
        Some(Latching::Auto) | None => media::Latching::Auto,
    };
    means.media(Command::Remote {
        end,
        remote: Remote {
            rtp: theirs.rtp,
            rtcp: theirs.rtcp,
            signalling: leg.dialog.flow.remote.ip(),
            latch,
            clock_rate: theirs.clock,
            // A fax machine is silent while it reads a page.
            sends: sends && wanted && !theirs.udptl,
            receives,
            renegotiated,
            udptl: theirs.udptl,
        },
    });
}

/// Name of an end: shard, slot, generation, leg and m-line of the call it belongs to; the upper half is the
/// same for all ends of a call.
pub(crate) fn end_id(shard: u8, call: Slot, leg: u8, line: usize) -> EndId {
    let line = u64::try_from(line & 0xff).unwrap_or(0);
    let call_bits = u64::from(shard) << 56 | u64::from(call.index & 0x00ff_ffff) << 32;
    EndId(call_bits | u64::from(call.generation & 0xffff) << 16 | u64::from(leg) << 8 | line)
}

/// What an end's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOwner {
    /// The shard whose call it is.
    pub shard: u8,
    /// Slot index of the call.
    pub index: u32,
    /// Low bits of the slot's generation.
    pub generation: u16,
    /// The leg.
    pub leg: u8,
}

/// Whose end this is.
pub fn end_owner(end: EndId) -> EndOwner {
    let [shard, ..] = end.0.to_be_bytes();
    let index = u32::try_from(end.0 >> 32 & 0x00ff_ffff).unwrap_or(0);
    let generation = u16::try_from(end.0 >> 16 & 0xffff).unwrap_or(0);
    EndOwner { shard, index, generation, leg: u8::try_from(end.0 >> 8 & 0xff).unwrap_or(0) }
}

fn is_rtp(proto: &[u8]) -> bool {
    proto.windows(4).any(|w| w == b"RTP/")
}

/// Audio and video by RTP, and fax (ITU-T T.38).
fn is_carried(proto: &[u8]) -> bool {
    is_rtp(proto) || proto.eq_ignore_ascii_case(b"udptl")
}

/// RFC 3264 §6.1: what they only send we only receive.
fn reverse_directions(body: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(body).into_owned();
    let reversed: Vec<&str> = text
        .split("\r\n")
        .map(|line| match line {
            "a=sendonly" => "a=recvonly",
            "a=recvonly" => "a=sendonly",
            other => other,
        })
        .collect();
    *body = reversed.join("\r\n").into_bytes();
}

/// Ports tried for an end: enough to step over a program that sits in our range, few enough to refuse a call soon
/// when nothing can be bound.
const MOST_REFUSED: usize = 64;

/// M-lines per description that are carried.
const MOST_LINES: usize = 16;
