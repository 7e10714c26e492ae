//! A leg that we serve ourselves: how it is answered, what it hears and in which codec, how it presses keys.
//!
//! RFC 3264 §6 and §7. Whoever is played to may have any codec of ours, and so an answer keeps all that it lists. What has 8000
//! samples a second sounds no better for a wider codec, so it is heard as G.711 where that is among them; a room mixes what
//! people say, and there everybody is heard as it prefers.

use codec::Codec;
use media::{Command, Dtmf, EndId, Format, PayloadTypes, Source};
use routing::reason::Reason;
use sdp::{Description, Direction, Media, OriginRewrite, rewrite};
use sip_stack::Slot;

use super::codecs::{audio, events_of, format_of, voices};
use super::protection::{Taken, Wanted, Written};
use super::{Role, bared, describe, hear, offer_transport, open, place, shown, take_off};
use crate::leg::Leg;
use crate::means::Means;

/// What is taken of a description that we answer ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    /// Any medium, by somebody who goes on with it.
    Media,
    /// Anything that comes in packets of RTP, to be sent back.
    Packets,
    /// Voices that we understand, and keys.
    Voice,
}

impl Serving {
    /// Whether a medium is taken.
    fn takes(self, media: &Media<'_>) -> bool {
        match self {
            Self::Media => media.port != 0,
            Self::Packets => is_rtp(media),
            Self::Voice => is_rtp(media) && media.kind == b"audio" && voices(media).next().is_some(),
        }
    }
}

/// A leg that is served by ourselves: all its m-lines hear `source`.
pub(crate) fn serve(leg: &mut Leg, source: Source, means: &mut Means<'_>) {
    leg.media.tell_transport(means);
    if source != Source::Echo {
        speak(leg, means);
    }
    for (index, end) in leg.media.ends.iter().enumerate().filter(|(_, end)| end.port != 0) {
        leg.media.protection.tell(index, end.id, false, means);
        describe(leg, end.id, leg.media.described.get(index), None, false, means);
        means.media(Command::Serve { end: end.id, source });
    }
}

/// A leg that is served by ourselves described itself anew: what it hears goes on, wherever it is now.
pub(crate) fn follow(leg: &mut Leg, means: &mut Means<'_>) {
    leg.media.tell_transport(means);
    for (index, end) in leg.media.ends.iter().enumerate().filter(|(_, end)| end.port != 0) {
        leg.media.protection.tell(index, end.id, false, means);
        describe(leg, end.id, leg.media.described.get(index), None, true, means);
    }
    speak(leg, means);
}

/// Tells the plane in what a leg hears what is played to it.
fn speak(leg: &Leg, means: &mut Means<'_>) {
    if let Some((end, format)) = played(leg) {
        means.media(Command::Speak { end, format });
    }
}

/// Remembers and answers a description that we serve ourselves.
pub(crate) fn answer_ourselves(
    body: &[u8],
    leg: &mut Leg,
    call: Slot,
    serving: Serving,
    means: &mut Means<'_>,
) -> Result<Vec<u8>, Reason> {
    let mut bare = Vec::new();
    let raw = Description::parse(body).map_err(|_| Reason::BadDescription)?;
    take_off(Role::Offer, (body, &raw), leg, false, call, means, &mut bare)?;
    let (plain, description) = bared(raw, body, &bare)?;
    let taken = hear(Role::Offer, body, &description, leg, means)?;
    let kept: Taken = description.media().iter().map(|media| serving.takes(media)).collect();
    if !kept.contains(&true) {
        return Err(Reason::NoCommonCodec);
    }
    let carried: Taken = kept.iter().zip(&taken).map(|(kept, taken)| *kept && *taken).collect();
    if !carried.contains(&true) {
        return Err(Reason::EncryptionMismatch);
    }
    open(leg, &carried, call, means)?;
    let addr = shown(leg, means);
    let id = leg.media.number(means);
    leg.media.version += 1;
    let origin = OriginRewrite { user: None, id, version: leg.media.version, addr };
    let ours = leg.media.protect(Role::Answer, &description, Wanted::Clear, means);
    let ends = &leg.media.ends;
    let mut place = |index| place(index, ends, &ours, carried.get(index) == Some(&true), addr);
    let mut written = Vec::with_capacity(plain.len() + 64);
    rewrite(plain, &description, &origin, &mut place, &mut written);
    if serving == Serving::Voice {
        leave_voices(&description, &mut written);
    }
    reverse_directions(&mut written);
    if let Some(webrtc) = &leg.media.webrtc {
        written = webrtc.write(&written, false);
    }
    leg.media.sent.clone_from(&written);
    Ok(written)
}

/// An offer of our own to a leg that we serve: what a peer gets who asked for one (RFC 3261 §14.2, RFC 3264 §5).
pub(crate) fn offer_ourselves(leg: &mut Leg, call: Slot, means: &mut Means<'_>) -> Result<Vec<u8>, Reason> {
    offer_transport(leg, call, means)?;
    open(leg, &[true], call, means)?;
    let addr = shown(leg, means);
    let id = leg.media.number(means);
    leg.media.version += 1;
    let port = leg.media.ends.first().map_or(0, |end| end.port);
    let (version, wanted) = (leg.media.version, Wanted::of(leg));
    let Written { proto, lines, .. } = match leg.media.webrtc {
        Some(_) => Written::default(),
        None => leg.media.protection.offer_audio(wanted, means.random),
    };
    let offer = sdp::AudioOffer {
        addr,
        port,
        proto: proto.unwrap_or("RTP/AVP"),
        id,
        version,
        formats: &OFFERED,
        direction: Direction::SendRecv,
        ptime: Some(20),
        lines: &lines,
    };
    leg.media.sent.clear();
    sdp::build_audio(&mut leg.media.sent, &offer);
    if let Some(webrtc) = &leg.media.webrtc {
        leg.media.sent = webrtc.write(&leg.media.sent, true);
    }
    Ok(leg.media.sent.clone())
}

/// The end at which a leg that we serve hears what is played to it, and in which format.
pub(crate) fn played(leg: &Leg) -> Option<(EndId, Format)> {
    voice(leg, |voice| matches!(voice, Codec::Pcma | Codec::Pcmu))
}

/// The end at which a leg that we serve is heard among others, and what it speaks there: what it prefers.
pub(crate) fn spoken(leg: &Leg) -> Option<(EndId, Format)> {
    voice(leg, |_| true)
}

/// How a leg that we serve presses keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keypad {
    end: EndId,
    events: PayloadTypes,
    tones: Option<Format>,
}

impl Keypad {
    /// That of a leg.
    pub(crate) fn of(leg: &Leg) -> Option<Self> {
        let (end, format) = spoken(leg)?;
        let tones = Some(format).filter(|format| format.dtmf == Dtmf::Inband);
        let mut events: Vec<u8> = Vec::new();
        // Payload types in what a peer sends are those of our description; some send their own.
        for body in [&leg.media.sent, &leg.media.raw] {
            let Ok(description) = Description::parse(body) else { continue };
            events.extend(audio(&description).into_iter().flat_map(|(_, media)| events_of(media)));
        }
        let events = if tones.is_some() { PayloadTypes::default() } else { events.into_iter().collect() };
        Some(Self { end, events, tones })
    }

    /// Has the plane listen.
    pub(crate) fn listen(self, means: &mut Means<'_>) {
        let Self { end, events, tones } = self;
        means.media(Command::Listen { end, events, tones });
    }
}

/// The end of a leg's audio, and its first codec that is preferred, if there is one.
fn voice(leg: &Leg, prefers: impl Fn(Codec) -> bool) -> Option<(EndId, Format)> {
    let description = Description::parse(&leg.media.raw).ok()?;
    let (line, media) = audio(&description)?;
    let end = leg.media.ends.get(line).filter(|end| end.port != 0)?;
    let voice = voices(media).find(|voice| prefers(voice.codec)).or_else(|| voices(media).next())?;
    Some((end.id, format_of(voice, media, leg)))
}

/// Takes what nobody here understands off the audio of an answer that was just written.
fn leave_voices(description: &Description<'_>, written: &mut Vec<u8>) {
    for (line, media) in description.media().iter().enumerate().filter(|(_, media)| media.kind == b"audio") {
        let is_ours = |number: &u8| {
            voices(media).any(|voice| voice.payload_type == *number) || events_of(media).any(|n| n == *number)
        };
        if media.payload_types().any(|number| is_ours(&number)) {
            let before = core::mem::take(written);
            sdp::replace_formats(&before, line, &|number| Some(number).filter(is_ours), &[], written);
        }
    }
}

/// Whether a medium comes in packets of RTP that we can be the other end of.
fn is_rtp(media: &Media<'_>) -> bool {
    let protocols = [&b"RTP/AVP"[..], b"RTP/AVPF", b"RTP/SAVP", b"RTP/SAVPF"];
    media.port != 0 && protocols.contains(&media.proto)
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

/// What we offer of our own accord, with events of both clocks.
const OFFERED: [(u8, &str); 6] = [
    (8, "PCMA/8000"),
    (0, "PCMU/8000"),
    (9, "G722/8000"),
    (111, "opus/48000/2"),
    (101, "telephone-event/8000"),
    (110, "telephone-event/48000"),
];
