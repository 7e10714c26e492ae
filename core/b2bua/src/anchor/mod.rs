//! Where signalling and media meet: session descriptions that pass, and what the media plane is told of them.
//!
//! RFC 3264 for offers and answers, RFC 5853 §3.2 for anchoring. A relayed description has our addresses in it, and the
//! protection of the leg it goes to (`protection`); a bypassed one goes through as it is. Which codecs it lists is the matter of
//! `codecs`.

mod codecs;
mod described;
mod ends;
mod protection;
mod sdes;
mod served;
mod webrtc;

use std::net::IpAddr;
use std::sync::Arc;

use media::{Command, EndId};
use routing::config::{Connection, Kind, MediaMode};
use routing::reason::Reason;
use sdp::{Description, MediaRewrite, OriginRewrite, rewrite};
use sip_stack::Slot;
use smallvec::SmallVec;

use crate::leg::Leg;
use crate::means::Means;
use codecs::{Plan, Reshape};
use described::{Described, codec, describe, is_carried};
use ends::{End, open, shown};
use protection::{Protection, Taken, Wanted, Written, srtp};
use webrtc::{WebRtc, offer_transport, take_off, take_off_answer};

pub(crate) use codecs::{Agreed, widen};
pub use ends::{EndOwner, end_owner};
pub(crate) use ends::{close, end_id};
pub(crate) use protection::is_demanded;
pub(crate) use served::{Keypad, Serving, answer_ourselves, follow, offer_ourselves, played, serve, spoken};

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
    /// What was agreed on for its voice.
    pub agreed: Option<Agreed>,
    /// Our offer to it lists what can be converted.
    pub widened: bool,
    /// Its voice is converted for the other leg.
    pub transcoded: bool,
    /// How it is protected.
    pub protection: Protection,
    /// Its transport, if its peer is a browser.
    webrtc: Option<Box<WebRtc>>,
}

impl LegMedia {
    /// Whether its peer has a description of ours.
    pub(crate) fn is_negotiated(&self) -> bool {
        !self.sent.is_empty()
    }

    /// What history calls its protection.
    pub(crate) fn protection_name(&self) -> &'static str {
        if self.webrtc.is_some() { "dtls" } else { self.protection.name() }
    }

    /// The session's number in our descriptions to this leg.
    fn number(&mut self, means: &mut Means<'_>) -> u64 {
        if self.id == 0 {
            self.id = means.random.number() >> 2 | 1;
        }
        self.id
    }

    /// What is written of each m-line; in a browser's it is the transport that says it.
    fn protect(
        &mut self,
        role: Role,
        description: &Description<'_>,
        wanted: Wanted,
        means: &mut Means<'_>,
    ) -> SmallVec<[Written; 1]> {
        let written = |(index, medium)| match role {
            _ if self.webrtc.is_some() => Written::default(),
            Role::Answer => self.protection.answer(index, medium),
            Role::Offer => self.protection.offer(index, medium, wanted, means.random),
        };
        (0..).zip(description.media()).map(written).collect()
    }

    /// The end that heads the bundle of a browser.
    fn head(&self) -> Option<EndId> {
        self.ends.iter().find(|end| end.port != 0).map(|end| end.id)
    }

    /// Tells the plane what became known of a browser.
    fn tell_transport(&mut self, means: &mut Means<'_>) {
        let (head, ends) = (self.head(), self.ends.iter().map(|end| end.id));
        if let (Some(webrtc), Some(head)) = (&mut self.webrtc, head) {
            webrtc.tell(head, ends, &self.raw, means);
        }
    }
}

/// Whether a description offers or answers (RFC 3264).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Answer,
    Offer,
}

/// Whether media of a call between these goes past us: only if both say so, and want it protected alike.
pub(crate) fn bypasses(a: Option<&Connection>, b: Option<&Connection>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    [a, b].iter().all(|c| c.media.mode == MediaMode::Bypass) && a.media.srtp == b.media.srtp
}

/// What a description is to the leg it comes from, and to the one it goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passing {
    /// An answer.
    Answer,
    /// An answer, to a leg that offered something else before and gets this as an offer of ours.
    AnswerAsOffer,
    /// An offer that comes late, or once more, with its codecs as they are.
    LateOffer,
    /// An offer; a peer or PBX finds the codecs in the order of its `media.codecs`.
    Offer,
}

impl Passing {
    /// What a response brings: an offer, if its request had none.
    pub(crate) fn of_response(is_late_offer: bool) -> Self {
        if is_late_offer { Self::LateOffer } else { Self::Answer }
    }

    /// As it was heard, and as it is written.
    fn roles(self) -> (Role, Role) {
        match self {
            Self::Answer => (Role::Answer, Role::Answer),
            Self::AnswerAsOffer => (Role::Answer, Role::Offer),
            Self::LateOffer | Self::Offer => (Role::Offer, Role::Offer),
        }
    }
}

/// Passes a description from one leg to the other and returns what the other gets.
pub(crate) fn pass(
    passing: Passing,
    body: &[u8],
    from: &mut Leg,
    to: &mut Leg,
    call: Slot,
    means: &mut Means<'_>,
) -> Result<Vec<u8>, Reason> {
    let (heard, written) = passing.roles();
    let mut bare = Vec::new();
    let raw = Description::parse(body).map_err(|_| Reason::BadDescription)?;
    if to.media.bypass {
        if heard == Role::Offer && is_demanded(from.connection.as_deref()) {
            let mut judged = from.media.protection.clone();
            let taken = judged.hear_offer(raw.media(), srtp(from), means.random);
            taken.contains(&true).then_some(()).ok_or(Reason::EncryptionMismatch)?;
        }
        remember(body, &raw, from);
        to.media.sent = body.to_vec();
        return Ok(body.to_vec());
    }
    if written == Role::Offer {
        offer_transport(to, call, means)?;
    }
    take_off(heard, (body, &raw), from, to.media.webrtc.is_some(), call, means, &mut bare)?;
    let (plain, description) = bared(raw, body, &bare)?;
    let taken = hear(heard, body, &description, from, means)?;
    let ours = to.media.protect(written, &description, Wanted::of(to), means);
    let passes = |((medium, taken), ours): ((&sdp::Media<'_>, &bool), &Written)| {
        medium.port != 0 && is_carried(medium) && *taken && !ours.refused
    };
    let carried: Taken = description.media().iter().zip(&taken).zip(&ours).map(passes).collect();
    let offers = description.media().iter().any(|medium| medium.port != 0 && is_carried(medium));
    if offers && !carried.contains(&true) {
        return Err(Reason::EncryptionMismatch);
    }
    open(from, &carried, call, means)?;
    open(to, &carried, call, means)?;
    let reshape = match passing {
        Passing::Offer | Passing::LateOffer => codecs::offered(&description, from, to, means),
        Passing::AnswerAsOffer => {
            codecs::heard(&description, from, Some(to));
            codecs::offered(&description, from, to, means)
        }
        Passing::Answer => codecs::answered(&description, from, to, means)?,
    };
    let prefers = |c: &&Arc<Connection>| !matches!(c.kind, Kind::Device | Kind::Virtual);
    let preference = to.connection.as_ref().filter(|_| passing == Passing::Offer).filter(prefers).cloned();
    let codecs = preference.as_ref().map(|connection| connection.media.codecs.as_slice());
    let kept = |index: usize| carried.get(index).copied().unwrap_or(false);
    Ok(write(plain, &description, (codecs, &reshape), (written, &ours, &kept), to, means))
}

/// A description as it goes on: without the transport that was taken off it, if one was.
fn bared<'a>(
    raw: Description<'a>,
    body: &'a [u8],
    bare: &'a [u8],
) -> Result<(&'a [u8], Description<'a>), Reason> {
    if bare.is_empty() {
        return Ok((body, raw));
    }
    Ok((bare, Description::parse(bare).map_err(|_| Reason::BadDescription)?))
}

/// Writes a description that passes as this leg is to see it; the same as before has the same version.
fn write(
    body: &[u8],
    description: &Description<'_>,
    (preferred, reshape): (Option<&[String]>, &Reshape),
    (role, ours, kept): (Role, &[Written], &dyn Fn(usize) -> bool),
    to: &mut Leg,
    means: &mut Means<'_>,
) -> Vec<u8> {
    let addr = shown(to, means);
    let id = to.media.number(means);
    let ends = &to.media.ends;
    let mut place = |index| place(index, ends, ours, kept(index), addr);
    let mut written = Vec::with_capacity(body.len() + ROOM);
    let mut version = to.media.version;
    loop {
        written.clear();
        let origin = OriginRewrite { user: None, id, version, addr };
        rewrite(body, description, &origin, &mut place, &mut written);
        if let Some(codecs) = preferred {
            prefer(description, codecs, &mut written);
        }
        reshape.apply(&mut written);
        if let Some(webrtc) = &to.media.webrtc {
            written = webrtc.write(&written, role == Role::Offer);
        }
        if version != to.media.version || written == to.media.sent {
            break;
        }
        version += 1;
    }
    if version != to.media.version {
        to.media.version = version;
        to.media.sent.clone_from(&written);
    }
    written
}

/// What stands at an m-line: the port of our end, if media passes there.
fn place<'a>(
    index: usize,
    ends: &[End],
    ours: &'a [Written],
    carried: bool,
    addr: IpAddr,
) -> Option<MediaRewrite<'a>> {
    let port = ends.get(index).filter(|_| carried).map_or(0, |end| end.port);
    let Written { proto, lines, .. } = ours.get(index)?;
    Some(MediaRewrite { addr, port, rtcp_port: None, proto: *proto, lines })
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
pub(crate) fn connect(a: &mut Leg, b: &mut Leg, renegotiated: bool, means: &mut Means<'_>) {
    if a.media.bypass {
        return;
    }
    a.media.tell_transport(means);
    b.media.tell_transport(means);
    for (index, (end_a, end_b)) in a.media.ends.iter().zip(&b.media.ends).enumerate() {
        if end_a.port == 0 || end_b.port == 0 {
            continue;
        }
        let (from_a, from_b) = (a.media.described.get(index), b.media.described.get(index));
        let fax = [from_a, from_b].map(|described| described.is_some_and(|described| described.udptl));
        a.media.protection.tell(index, end_a.id, fax[0], means);
        b.media.protection.tell(index, end_b.id, fax[1], means);
        describe(a, end_a.id, from_a, from_b, renegotiated, means);
        describe(b, end_b.id, from_b, from_a, renegotiated, means);
        let (id_a, id_b) = (end_a.id, end_b.id);
        let plan = codecs::plan(a, b, index, means);
        if [&a.media, &b.media].iter().any(|m| m.agreed.is_some_and(|agreed| agreed.line == index)) {
            let transcoded = matches!(plan, Plan::Convert(..));
            (a.media.transcoded, b.media.transcoded) = (transcoded, transcoded);
        }
        match plan {
            Plan::Convert(of_a, of_b) => means.media(Command::Transcode { a: (id_a, of_a), b: (id_b, of_b) }),
            Plan::Relay(there, back) => {
                means.media(Command::Join { a: id_a, b: id_b });
                for (end, map) in [(id_a, there), (id_b, back)].into_iter().filter(|(_, map)| !map.is_empty())
                {
                    means.media(Command::Renumber { end, map });
                }
            }
        }
        if !fax.contains(&true) {
            [id_a, id_b].into_iter().for_each(|end| means.media(Command::Await { end }));
        }
    }
}

/// The answer to an offer of our own.
pub(crate) fn hear_answer(body: &[u8], leg: &mut Leg, means: &mut Means<'_>) -> Result<(), Reason> {
    let description = Description::parse(body).map_err(|_| Reason::BadDescription)?;
    take_in(body, &description, leg, None, means)?;
    let taken = description.media().iter().any(|m| m.port != 0 && m.is_rtp());
    if taken { Ok(()) } else { Err(Reason::NoCommonCodec) }
}

/// Hears an answer that changes nothing on the other side.
pub(crate) fn heard(body: &[u8], leg: &mut Leg, other: &Leg, means: &mut Means<'_>) -> Result<(), Reason> {
    let description = Description::parse(body).map_err(|_| Reason::BadDescription)?;
    take_in(body, &description, leg, Some(other), means)
}

/// Takes in an answer that goes no further.
fn take_in(
    body: &[u8],
    description: &Description<'_>,
    leg: &mut Leg,
    other: Option<&Leg>,
    means: &mut Means<'_>,
) -> Result<(), Reason> {
    take_off_answer(description, leg, means)?;
    hear(Role::Answer, body, description, leg, means)?;
    codecs::heard(description, leg, other);
    Ok(())
}

/// Takes back what was heard from a leg since it described itself like this.
pub(crate) fn restore(body: &[u8], leg: &mut Leg) {
    if let Ok(description) = Description::parse(body) {
        remember(body, &description, leg);
    }
}

/// Our last description to a leg, as the answer to an offer that changes nothing. Of keys that we offered it has those
/// only that were taken (RFC 4568 §5.1.2).
pub(crate) fn repeated(leg: &mut Leg, means: &mut Means<'_>) -> Vec<u8> {
    if let Some(webrtc) = &leg.media.webrtc {
        leg.media.sent = webrtc.as_answer(&leg.media.sent);
    }
    if leg.media.bypass || !leg.media.protection.shows_more() {
        return leg.media.sent.clone();
    }
    leg.media.protection.settle();
    let sent = core::mem::take(&mut leg.media.sent);
    let Ok(description) = Description::parse(&sent) else { return sent };
    let ours = leg.media.protect(Role::Answer, &description, Wanted::Clear, means);
    write(&sent, &description, (None, &Reshape::Keep), (Role::Answer, &ours, &|_| true), leg, means)
}

/// What was said last on both sides of a description that may yet be refused.
#[derive(Debug)]
pub(crate) struct Before {
    heard: Vec<u8>,
    sent: Vec<u8>,
    protections: [Protection; 2],
    transports: [Option<Box<WebRtc>>; 2],
}

impl Before {
    /// As it stands, before `asking` says something new to `other`.
    pub(crate) fn of(asking: &Leg, other: &Leg) -> Self {
        let protections = [asking, other].map(|leg| leg.media.protection.clone());
        let transports = [asking, other].map(|leg| leg.media.webrtc.clone());
        Self { heard: asking.media.raw.clone(), sent: other.media.sent.clone(), protections, transports }
    }

    /// It was refused: everything stays as it was (RFC 3261 §14.1). The refused version stays used.
    pub(crate) fn restore(&self, asking: &mut Leg, other: &mut Leg) {
        restore(&self.heard, asking);
        other.media.sent.clone_from(&self.sent);
        let [of_asking, of_other] = &self.protections;
        asking.media.protection.clone_from(of_asking);
        other.media.protection.clone_from(of_other);
        let [of_asking, of_other] = &self.transports;
        asking.media.webrtc.clone_from(of_asking);
        other.media.webrtc.clone_from(of_other);
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

/// Takes in what a peer says; returns which of its media can be taken.
fn hear(
    role: Role,
    body: &[u8],
    description: &Description<'_>,
    leg: &mut Leg,
    means: &mut Means<'_>,
) -> Result<Taken, Reason> {
    let setting = srtp(leg);
    let taken = match role {
        _ if leg.media.webrtc.is_some() => description.media().iter().map(|_| true).collect(),
        Role::Offer => leg.media.protection.hear_offer(description.media(), setting, means.random),
        Role::Answer => {
            leg.media.protection.hear_answer(description.media())?;
            description.media().iter().map(|_| true).collect()
        }
    };
    remember(body, description, leg);
    Ok(taken)
}

fn remember(body: &[u8], description: &Description<'_>, leg: &mut Leg) {
    leg.media.raw.clear();
    leg.media.raw.extend_from_slice(body);
    let origin = description.origin();
    leg.media.heard = Some((origin.id_number(), origin.version_number()));
    leg.media.described = description.media().iter().map(Described::of).collect();
    let codec = description.media().first().and_then(|media| codec(media));
    if let Some(codec) = codec {
        leg.media.codec = codec;
    }
}

/// What a description grows by on its way: our addresses, codecs and keys.
const ROOM: usize = 512;
