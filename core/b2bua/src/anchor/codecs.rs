//! Which codecs two legs speak, and what becomes of it: relayed, renumbered or converted.
//!
//! RFC 3264 §5 to §7. Who is called gets what the caller has, and nothing else: so a codec that both have is found whatever
//! the callee would prefer. Who refuses that (488) is asked again, with what we can make of it listed behind. The answer
//! decides.

use codec::Codec;
use media::{Dtmf, Format, PayloadMap};
use routing::config::{DtmfMode, Transcode};
use routing::reason::Reason;
use sdp::{Description, ListedFormat, Media};
use smallvec::SmallVec;

use crate::leg::Leg;
use crate::means::Means;

/// What becomes of the formats of a medium on its way to the other leg.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Reshape {
    /// Nothing.
    #[default]
    Keep,
    /// More are listed at this m-line.
    Add(usize, SmallVec<[ListedFormat; 6]>),
    /// They have other numbers there, or are not listed; and there may be one more.
    Renumber(usize, SmallVec<[(u8, Option<u8>); 8]>, Option<ListedFormat>),
    /// Others are listed in their place.
    Replace(usize, SmallVec<[ListedFormat; 2]>),
}

impl Reshape {
    /// Does it to a description that was just written.
    pub(super) fn apply(&self, written: &mut Vec<u8>) {
        match self {
            Self::Keep => {}
            Self::Add(line, formats) => sdp::add_formats(written, *line, formats),
            Self::Renumber(line, numbers, added) => {
                let seen =
                    |number| numbers.iter().find(|(of, _)| *of == number).map_or(Some(number), |(_, to)| *to);
                let before = core::mem::take(written);
                sdp::replace_formats(&before, *line, &seen, added.as_slice(), written);
            }
            Self::Replace(line, formats) => {
                let before = core::mem::take(written);
                sdp::replace_formats(&before, *line, &|_| None, formats, written);
            }
        }
    }
}

/// What was agreed on with a leg for the voice of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// The m-line.
    pub line: usize,
    /// How it is spoken with.
    pub format: Format,
}

/// What two legs hear of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Their packets are converted.
    Convert(Format, Format),
    /// Their packets pass, with other numbers from the first to the second and back.
    Relay(PayloadMap, PayloadMap),
}

/// The peer of `to` finds nothing in our offer to it: lists what can be converted behind what the caller has. False if there
/// is nothing to list, or it is listed.
pub(crate) fn widen(from: &Leg, to: &mut Leg, means: &Means<'_>) -> bool {
    if to.media.bypass || to.media.widened {
        return false;
    }
    let parsed = Description::parse(&to.media.sent);
    let reshape = parsed.map(|description| additions_for(&description, from, to, means));
    let Ok(Reshape::Add(line, formats)) = reshape else { return false };
    sdp::add_formats(&mut to.media.sent, line, &formats);
    to.media.widened = true;
    true
}

/// An offer goes from one leg to another: one whose voice is converted lists that at once, one that dials in a way of its own
/// the events that its digits become.
pub(super) fn offered(description: &Description<'_>, from: &Leg, to: &mut Leg, means: &Means<'_>) -> Reshape {
    if from.media.widened || from.media.transcoded && !have_one_codec(from, to) {
        let reshape = additions_for(description, from, to, means);
        to.media.widened |= reshape != Reshape::Keep;
        return reshape;
    }
    if !has_own_way(digit_mode(from)) || !are_convertible(from, to, means) {
        return Reshape::Keep;
    }
    let Some((line, media)) = audio(description) else { return Reshape::Keep };
    let added = event_additions(media);
    if added.is_empty() { Reshape::Keep } else { Reshape::Add(line, added) }
}

/// Whether these agreed on one codec, so that digits are all that is converted.
fn have_one_codec(a: &Leg, b: &Leg) -> bool {
    let codecs = [a, b].map(|leg| leg.media.agreed.map(|agreed| agreed.format.codec));
    codecs[0].is_some() && codecs[0] == codecs[1]
}

fn additions_for(description: &Description<'_>, from: &Leg, to: &Leg, means: &Means<'_>) -> Reshape {
    if !are_convertible(from, to, means) {
        return Reshape::Keep;
    }
    let Some((line, media)) = audio(description) else { return Reshape::Keep };
    let added = match &to.connection {
        Some(connection) => additions(media, &connection.media.codecs),
        None => additions(media, &Codec::ALL.map(|codec| codec.name().to_owned())),
    };
    if added.is_empty() { Reshape::Keep } else { Reshape::Add(line, added) }
}

/// An answer goes from one leg to another: what both are agreed on with it, and how the asking one is to see it.
pub(super) fn answered(
    description: &Description<'_>,
    from: &mut Leg,
    to: &mut Leg,
    means: &Means<'_>,
) -> Result<Reshape, Reason> {
    let modes = [&*to, &*from].map(digit_mode);
    let converted = from.media.widened || from.media.transcoded || to.media.transcoded;
    if !converted && !modes.into_iter().any(has_own_way) {
        (from.media.agreed, to.media.agreed) = (None, None);
        return Ok(Reshape::Keep);
    }
    let Some((line, answer)) = audio(description) else { return Ok(Reshape::Keep) };
    let convertible = are_convertible(from, to, means);
    let (Ok(asked), Ok(listed)) = (Description::parse(&to.media.raw), Description::parse(&from.media.sent))
    else {
        return Ok(Reshape::Keep);
    };
    let (Some(asked), Some(listed)) = (asked.media().get(line), listed.media().get(line)) else {
        return Ok(Reshape::Keep);
    };
    let settled = settle(asked, listed, answer, convertible, modes).ok_or(Reason::NoCommonCodec)?;
    let reshape = settled.reshape(line, asked, answer);
    from.media.agreed = settled.answering.map(|format| Agreed { line, format });
    to.media.agreed = settled.asking.map(|format| Agreed { line, format });
    if let Some(format) = settled.asking {
        to.media.codec = format.codec.name().into();
    }
    Ok(reshape)
}

/// An answer to our own offer: what is agreed on with its leg, which hears this other one.
pub(super) fn heard(description: &Description<'_>, leg: &mut Leg, other: Option<&Leg>) {
    let has_own_way =
        has_own_way(digit_mode(leg)) || other.is_some_and(|other| has_own_way(digit_mode(other)));
    if !leg.media.widened && !leg.media.transcoded && !has_own_way {
        return;
    }
    let Some((line, answer)) = audio(description) else { return };
    let Ok(listed) = Description::parse(&leg.media.sent) else { return };
    let mode = digit_mode(leg);
    let format = listed.media().get(line).and_then(|listed| {
        let voice = first_voice(answer)?;
        Some(format(voice, answer, listed, mode))
    });
    leg.media.agreed = format.map(|format| Agreed { line, format });
}

/// What two legs are to hear of each other at this m-line.
pub(super) fn plan(a: &Leg, b: &Leg, line: usize, means: &Means<'_>) -> Plan {
    let relay = Plan::Relay(PayloadMap::default(), PayloadMap::default());
    let (Some(of_a), Some(of_b)) = (a.media.agreed, b.media.agreed) else { return relay };
    if of_a.line != line || of_b.line != line {
        return relay;
    }
    let digits_pass = !turns(of_a.format.dtmf, of_b.format.dtmf, [a, b].map(digit_mode));
    let same = of_a.format.codec == of_b.format.codec && digits_pass;
    if !same && are_convertible(a, b, means) {
        return Plan::Convert(of_a.format, of_b.format);
    }
    Plan::Relay(numbers(&of_a.format, &of_b.format), numbers(&of_b.format, &of_a.format))
}

/// Whether digits are carried from one way of dialling to another: nobody pays for a conversion of digits alone who did not
/// ask for it.
fn turns(a: Dtmf, b: Dtmf, modes: [DtmfMode; 2]) -> bool {
    modes.into_iter().any(has_own_way) && crosses(a, b)
}

/// Whether somebody asked for digits in another way than events.
fn has_own_way(mode: DtmfMode) -> bool {
    matches!(mode, DtmfMode::Info | DtmfMode::Inband)
}

/// Whether these are different ways of dialling.
fn crosses(a: Dtmf, b: Dtmf) -> bool {
    let other_way = |dtmf| matches!(dtmf, Dtmf::Info | Dtmf::Inband);
    other_way(a) != other_way(b) || other_way(a) && a != b
}

/// How the numbers in packets from one leg are called at the other.
fn numbers(from: &Format, to: &Format) -> PayloadMap {
    let mut map = PayloadMap::default();
    map.insert(from.heard_as, to.payload_type);
    if from.payload_type != from.heard_as {
        map.insert(from.payload_type, to.payload_type);
    }
    if let (
        Dtmf::Events { heard_as, payload_type, clock },
        Dtmf::Events { payload_type: theirs, clock: their_clock, .. },
    ) = (from.dtmf, to.dtmf)
    {
        map.insert(heard_as, theirs);
        if payload_type != heard_as {
            map.insert(payload_type, theirs);
        }
        map.scale(heard_as, clock, their_clock);
    }
    map
}

/// Whether codecs may be converted between these, as far as their owners say.
fn are_convertible(a: &Leg, b: &Leg, means: &Means<'_>) -> bool {
    [a, b].iter().filter_map(|leg| leg.connection.as_deref()).all(|connection| {
        let account = means.tables.account(&connection.account);
        connection.media.transcode == Transcode::Auto && account.is_none_or(|account| account.transcoding)
    })
}

fn digit_mode(leg: &Leg) -> DtmfMode {
    leg.connection.as_ref().map_or(DtmfMode::Auto, |connection| connection.media.dtmf)
}

/// How a leg speaks with one of the voices that it described, by its own numbers.
pub(super) fn format_of(voice: Voice, theirs: &Media<'_>, leg: &Leg) -> Format {
    format(voice, theirs, theirs, digit_mode(leg))
}

/// The voice of a description: its first audio.
pub(super) fn audio<'d, 'a>(description: &'d Description<'a>) -> Option<(usize, &'d Media<'a>)> {
    let spoken = |media: &Media<'_>| media.kind == b"audio" && media.port != 0 && media.is_rtp();
    description.media().iter().enumerate().find(|(_, media)| spoken(media))
}

/// What an offer and its answer come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settled {
    /// What the asking leg speaks, and the answering one, if we know their codec.
    asking: Option<Format>,
    answering: Option<Format>,
    /// They have no codec in common, or digits go another way.
    converted: bool,
}

impl Settled {
    /// How the asking leg is to see the answer.
    fn reshape(&self, line: usize, asked: &Media<'_>, answer: &Media<'_>) -> Reshape {
        if let Some(format) = self.asking.filter(|_| self.converted) {
            return Reshape::Replace(line, listed(&format, asked));
        }
        let seen = answer.payload_types().map(|number| (number, seen_as(number, asked, answer)));
        let changed: SmallVec<[(u8, Option<u8>); 8]> = seen.filter(|(of, to)| *to != Some(*of)).collect();
        if changed.is_empty() {
            return Reshape::Keep;
        }
        let events =
            self.asking.zip(self.answering).and_then(|(asking, answering)| unlike(&asking, &answering));
        let is_new = |events: &ListedFormat| {
            let is_it = |number| seen_as(number, asked, answer) == Some(events.payload_type);
            !answer.payload_types().any(is_it)
        };
        Reshape::Renumber(line, changed, events.filter(is_new))
    }
}

/// The events of one who hears those of another clock as its own.
fn unlike(asking: &Format, answering: &Format) -> Option<ListedFormat> {
    let (Dtmf::Events { payload_type, clock, .. }, Dtmf::Events { clock: other, .. }) =
        (asking.dtmf, answering.dtmf)
    else {
        return None;
    };
    let (_, encoding, _) = EVENTS.into_iter().find(|(of, ..)| *of == clock && clock != other)?;
    Some(listed_events(encoding, payload_type))
}

/// What to add to an offer of these formats so that its receiver can answer with one of `codecs`.
fn additions(media: &Media<'_>, codecs: &[String]) -> SmallVec<[ListedFormat; 6]> {
    let mut added = SmallVec::new();
    if media.kind != b"audio" || media.port == 0 || voices(media).next().is_none() {
        return added;
    }
    let mut taken: SmallVec<[u8; 24]> = media.payload_types().collect();
    let mut free = |wanted: u8| {
        let number = core::iter::once(wanted).chain(96..=127).find(|number| !taken.contains(number))?;
        taken.push(number);
        Some(number)
    };
    let wanted = codecs.iter().filter_map(|name| Codec::of_name(name.as_bytes()));
    for codec in wanted {
        if voices(media).any(|voice| voice.codec == codec)
            || added.iter().any(|f| f.encoding == codec.encoding())
        {
            continue;
        }
        let Some(number) = codec.static_payload_type().or_else(|| free(OPUS)) else { continue };
        added.push(listed_codec(codec, number));
    }
    // Digits go with the clock of the voice they interrupt (RFC 4733 §2.1).
    let has_events = events(media, 0).is_some();
    for (clock, encoding, number) in EVENTS {
        let spoken =
            added.iter().any(|f| Codec::ALL.iter().any(|c| c.encoding() == f.encoding && c.clock() == clock));
        let listed = events(media, clock).is_some_and(|found| found.clock == clock);
        if has_events
            && spoken
            && !listed
            && let Some(payload_type) = free(number)
        {
            added.push(listed_events(encoding, payload_type));
        }
    }
    added
}

/// The events to add to an offer of these formats, if it has none.
fn event_additions(media: &Media<'_>) -> SmallVec<[ListedFormat; 6]> {
    if events(media, 0).is_some() {
        return SmallVec::new();
    }
    let spoken = |clock: u32| voices(media).any(|voice| voice.codec.clock() == clock);
    let taken: SmallVec<[u8; 24]> = media.payload_types().collect();
    let added =
        EVENTS.into_iter().filter(|(clock, ..)| spoken(*clock)).filter_map(|(_, encoding, number)| {
            let free = !taken.contains(&number);
            free.then(|| listed_events(encoding, number))
        });
    added.collect()
}

/// What `asked` and `answer` come to, `listed` being the offer as the answering leg saw it; `None` if to nothing. Digits
/// go by the modes of the asking and the answering leg.
fn settle(
    asked: &Media<'_>,
    listed: &Media<'_>,
    answer: &Media<'_>,
    convertible: bool,
    [asking, answering]: [DtmfMode; 2],
) -> Option<Settled> {
    let unknown = Settled { asking: None, answering: None, converted: false };
    let Some(first) = encodings(answer).find(|encoding| !sdp::is_companion(encoding.name)) else {
        return Some(unknown);
    };
    let voice = voices(answer).find(|voice| voice.payload_type == first.payload_type);
    let common = encodings(asked).any(|asked| asked.is(&first));
    let Some(voice) = voice else {
        // A number without a name may be anything.
        return (common || first.name.is_empty()).then_some(unknown);
    };
    let theirs = voices(asked).find(|asked| asked.codec == voice.codec);
    let theirs = theirs.or_else(|| voices(asked).next().filter(|_| convertible))?;
    let modes = [asking, answering];
    let (asking, answering) =
        (format(theirs, asked, asked, asking), format(voice, answer, listed, answering));
    let converted = !common || convertible && turns(asking.dtmf, answering.dtmf, modes);
    Some(Settled { asking: Some(asking), answering: Some(answering), converted })
}

fn first_voice(answer: &Media<'_>) -> Option<Voice> {
    let first = encodings(answer).find(|encoding| !sdp::is_companion(encoding.name))?;
    voices(answer).find(|voice| voice.payload_type == first.payload_type)
}

/// The formats to list for one who hears `format` from us, in place of its own.
fn listed(format: &Format, media: &Media<'_>) -> SmallVec<[ListedFormat; 2]> {
    let mut list: SmallVec<[ListedFormat; 2]> = SmallVec::new();
    list.push(listed_codec(format.codec, format.payload_type));
    let offered = events(media, format.codec.clock());
    if let Some(found) = offered.filter(|_| matches!(format.dtmf, Dtmf::Events { .. })) {
        let encoding =
            EVENTS.iter().find(|(clock, ..)| *clock == found.clock).map(|(_, encoding, _)| *encoding);
        list.extend(encoding.map(|encoding| listed_events(encoding, found.payload_type)));
    }
    list
}

fn listed_codec(codec: Codec, payload_type: u8) -> ListedFormat {
    let parameters = (codec == Codec::Opus).then_some("useinbandfec=1");
    ListedFormat { payload_type, encoding: codec.encoding(), parameters }
}

fn listed_events(encoding: &'static str, payload_type: u8) -> ListedFormat {
    ListedFormat { payload_type, encoding, parameters: Some("0-15") }
}

/// Which number of the answer the asking leg is to see instead; none for what it never asked for.
fn seen_as(number: u8, asked: &Media<'_>, answer: &Media<'_>) -> Option<u8> {
    let Some(answered) = encodings(answer).find(|encoding| encoding.payload_type == number) else {
        return Some(number);
    };
    match encodings(asked).find(|asked| asked.is(&answered)) {
        Some(asked) => Some(asked.payload_type),
        None => (!answered.is_ours()).then_some(number),
    }
}

/// How one end is spoken with: `theirs` is what it described, `ours` what we described to it.
fn format(voice: Voice, theirs: &Media<'_>, ours: &Media<'_>, mode: DtmfMode) -> Format {
    let clock = voice.codec.clock();
    let heard_as = voices(ours).find(|other| other.codec == voice.codec).unwrap_or(voice).payload_type;
    let named = events(theirs, clock).map(|found| {
        let ours = events(ours, found.clock).filter(|ours| ours.clock == found.clock);
        let ours = ours.map_or(found.payload_type, |ours| ours.payload_type);
        Dtmf::Events { payload_type: found.payload_type, heard_as: ours, clock: found.clock }
    });
    let dtmf = match (mode, named) {
        (DtmfMode::Info, _) => Dtmf::Info,
        (DtmfMode::Inband, _) => Dtmf::Inband,
        (DtmfMode::Auto | DtmfMode::Rfc4733, Some(events)) => events,
        // Tones survive in what G.711 and G.722 carry.
        (DtmfMode::Auto, None) if voice.codec != Codec::Opus => Dtmf::Inband,
        (DtmfMode::Auto | DtmfMode::Rfc4733, None) => Dtmf::None,
    };
    let fmtp = theirs.fmtp(voice.payload_type).unwrap_or_default();
    let fec = voice.codec == Codec::Opus && fmtp.windows(14).any(|w| w == b"useinbandfec=1");
    let ptime = theirs.ptime().and_then(|ms| u8::try_from(ms).ok()).unwrap_or(20);
    Format { codec: voice.codec, payload_type: voice.payload_type, heard_as, ptime, fec, dtmf }
}

/// A codec that we can speak, as a medium lists it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
}

pub(super) fn voices<'a>(media: &Media<'a>) -> impl Iterator<Item = Voice> + use<'a> {
    encodings(media).filter_map(|encoding| {
        let codec = Codec::of_name(encoding.name).filter(|codec| codec.clock() == encoding.clock)?;
        Some(Voice { codec, payload_type: encoding.payload_type })
    })
}

/// The events of a medium, with this clock if there are such.
fn events<'a>(media: &Media<'a>, clock: u32) -> Option<Encoding<'a>> {
    let mut found = encodings(media).filter(|encoding| encoding.name.eq_ignore_ascii_case(EVENT));
    let any = found.next()?;
    if any.clock == clock { Some(any) } else { found.find(|events| events.clock == clock).or(Some(any)) }
}

/// The payload types of its events, whatever their clocks.
pub(super) fn events_of<'a>(media: &Media<'a>) -> impl Iterator<Item = u8> + use<'a> {
    let events = encodings(media).filter(|encoding| encoding.name.eq_ignore_ascii_case(EVENT));
    events.map(|encoding| encoding.payload_type)
}

/// A format by its name; without one it may be anything.
#[derive(Clone, Copy, Debug)]
struct Encoding<'a> {
    payload_type: u8,
    name: &'a [u8],
    clock: u32,
}

impl Encoding<'_> {
    fn is(&self, other: &Encoding<'_>) -> bool {
        if self.name.is_empty() || other.name.is_empty() {
            return self.payload_type == other.payload_type;
        }
        self.name.eq_ignore_ascii_case(other.name) && self.clock == other.clock
    }

    /// Whether it is what we may have added.
    fn is_ours(&self) -> bool {
        Codec::of_name(self.name).is_some() || self.name.eq_ignore_ascii_case(EVENT)
    }
}

fn encodings<'a>(media: &Media<'a>) -> impl Iterator<Item = Encoding<'a>> + use<'a> {
    let media = *media;
    media.payload_types().map(move |payload_type| {
        let (name, clock) = media.encoding_and_clock(payload_type).unwrap_or_default();
        Encoding { payload_type, name, clock }
    })
}

const EVENT: &[u8] = b"telephone-event";

/// Events by clock, and the numbers that most give them.
const EVENTS: [(u32, &str, u8); 2] =
    [(8_000, "telephone-event/8000", 101), (48_000, "telephone-event/48000", 110)];

/// The number that most give Opus.
const OPUS: u8 = 111;

#[cfg(test)]
mod tests;
