//! What of a call is recorded: who is on it as people come and go, and when it begins and ends.
//!
//! The caller is on the left, whoever answered on the right, on one time line. A recording of the talk waits for somebody
//! to answer and goes on until the call ends; the plane ends it with the last end of the call.

use core::mem;
use core::time::Duration;
use std::sync::Arc;

use callflow::Envelope;
use codec::{Codec, Rate};
use media::{Command, Recorded, Recording, RecordingId};
use sdp::Description;
use smallvec::SmallVec;

use crate::call::{Call, Phase, id_of};
use crate::leg::Leg;
use crate::means::{Effect, Means};
use crate::record::{RecordingBegan, RecordingKind};

/// What is being recorded.
#[derive(Debug, Default)]
pub(crate) enum Taping {
    /// Nothing.
    #[default]
    Off,
    /// The talk, once there is one.
    Awaited,
    /// This.
    On(Box<Recording>, RecordingKind),
}

/// What ends a recording by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    /// How long it may be.
    pub(crate) longest: Option<Duration>,
    /// How much silence ends it.
    pub(crate) silence: Option<Duration>,
}

impl Call {
    /// The recording of the call that goes on.
    pub fn recording(&self) -> Option<RecordingId> {
        match &self.taping {
            Taping::On(recording, _) => Some(recording.id),
            Taping::Off | Taping::Awaited => None,
        }
    }

    /// Begins a recording in place of the one that goes on; none if nothing is heard of the caller.
    pub(crate) fn begin_recording(
        &mut self,
        kind: RecordingKind,
        bounds: Bounds,
        envelope: Option<Box<Envelope>>,
        means: &mut Means<'_>,
    ) -> Option<RecordingId> {
        self.stop_recording(means);
        let tracks = self.tracks(kind);
        tracks.first().and_then(|track| track.end)?;
        let id = RecordingId::new(means.now, means.random.number());
        let rate = self.recording_rate(kind);
        let Bounds { longest, silence } = bounds;
        let recording = Recording { id, rate, tracks, longest, silence };
        let account = self.flow_account().or_else(|| self.account().map(|account| Arc::clone(&account.0)));
        let (flow, node) = self.flow().map(|(flow, _, node)| (Some(flow), node)).unwrap_or_default();
        means.effects.push(Effect::Recording(Box::new(RecordingBegan {
            id,
            kind,
            account: account.unwrap_or_default(),
            call: Arc::clone(&self.id),
            connection_in: id_of(self.connection_in()),
            connection_out: id_of(self.connection_out()),
            from: self.from(),
            dialled: Arc::clone(self.dialled()),
            flow,
            node,
            started_at: means.now,
            channels: u8::try_from(recording.tracks.len()).unwrap_or(1),
            rate: rate.hz(),
            envelope,
        })));
        means.media(Command::Record(Box::new(recording.clone())));
        self.taping = Taping::On(Box::new(recording), kind);
        Some(id)
    }

    /// Records the talk, now or as soon as there is one.
    pub(crate) fn record_talk(&mut self, means: &mut Means<'_>) {
        if !matches!(self.taping, Taping::On(_, RecordingKind::Call)) {
            self.stop_recording(means);
            self.taping = Taping::Awaited;
            self.follow_recording(means);
        }
    }

    /// Records the talk that goes on, as an operator wants; none if nobody talks through us.
    pub fn record_now(&mut self, means: &mut Means<'_>) -> Option<RecordingId> {
        match (&self.taping, &self.phase) {
            (Taping::On(recording, RecordingKind::Call), _) => Some(recording.id),
            (_, Phase::Talking { callee: Some(_) }) => {
                self.begin_recording(RecordingKind::Call, Bounds::default(), None, means)
            }
            (_, _) => None,
        }
    }

    /// Ends the recording that goes on, or that was to begin. Whether there was one.
    pub fn stop_recording(&mut self, means: &mut Means<'_>) -> bool {
        match mem::take(&mut self.taping) {
            Taping::Off => false,
            Taping::Awaited => true,
            Taping::On(recording, _) => {
                let end = recording.tracks.iter().find_map(|track| track.end);
                if let Some(end) = end {
                    means.media(Command::StopRecording { end, recording: recording.id });
                }
                true
            }
        }
    }

    /// Something happened to the call: whoever is in it now is on its recording.
    pub fn follow_recording(&mut self, means: &mut Means<'_>) {
        match &self.taping {
            Taping::Off => {}
            Taping::Awaited => {
                if matches!(self.phase, Phase::Talking { callee: Some(_) }) {
                    self.begin_recording(RecordingKind::Call, Bounds::default(), None, means);
                }
            }
            Taping::On(recording, kind) => {
                let tracks = self.tracks(*kind);
                let is_heard = tracks.iter().any(|track| track.end.is_some());
                if is_heard && tracks != recording.tracks {
                    let recording = Recording { tracks, ..(**recording).clone() };
                    means.media(Command::Record(Box::new(recording.clone())));
                    self.taping = Taping::On(Box::new(recording), *kind);
                }
            }
        }
    }

    /// The plane ended a recording. Whether it is the one that goes on.
    pub(crate) fn recording_ended(&mut self, id: RecordingId) -> bool {
        let ours = self.recording() == Some(id);
        if ours {
            self.taping = Taping::Off;
        }
        ours
    }

    /// Who is on a recording right now.
    fn tracks(&self, kind: RecordingKind) -> SmallVec<[Recorded; 2]> {
        let caller = recorded(&self.caller);
        match (kind, &self.phase) {
            (RecordingKind::Caller | RecordingKind::Message, _) => [caller].into_iter().collect(),
            (RecordingKind::Call, Phase::Talking { callee: Some(callee) }) => {
                [caller, recorded(callee)].into_iter().collect()
            }
            (RecordingKind::Call, _) => {
                [caller, Recorded { end: None, codecs: SmallVec::new() }].into_iter().collect()
            }
        }
    }

    /// As fine as the better of the two voices.
    fn recording_rate(&self, kind: RecordingKind) -> Rate {
        let is_wide =
            |leg: &Leg| matches!(Codec::of_name(leg.media.codec.as_bytes()), Some(Codec::Opus | Codec::G722));
        let callee = match &self.phase {
            Phase::Talking { callee: Some(callee) } if kind == RecordingKind::Call => is_wide(callee),
            _ => false,
        };
        if is_wide(&self.caller) || callee { Rate::Wide } else { Rate::Narrow }
    }
}

/// The voice of a leg: its end, and what its packets hold.
fn recorded(leg: &Leg) -> Recorded {
    let mut recorded = Recorded { end: None, codecs: SmallVec::new() };
    // Payload types in what a peer sends are those of our description; some send their own.
    for body in [&leg.media.sent, &leg.media.raw] {
        let Ok(description) = Description::parse(body) else { continue };
        let audio = description.media().iter().zip(&leg.media.ends);
        let Some((media, end)) =
            audio.into_iter().find(|(media, end)| media.kind == b"audio" && end.port != 0)
        else {
            continue;
        };
        recorded.end.get_or_insert(end.id);
        let named = |number| media.rtpmaps().find(|map| map.payload_type == number);
        for number in media.payload_types() {
            let codec = match named(number) {
                Some(map) => Codec::of_name(map.name),
                None => Codec::of_payload_type(number),
            };
            let known = recorded.codecs.iter().any(|(known, _)| *known == number);
            if let Some(codec) = codec.filter(|_| !known) {
                recorded.codecs.push((number, codec));
            }
        }
    }
    recorded
}
