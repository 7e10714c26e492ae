//! What the caller of a flow says, kept: an announcement, a beep, and then the recording until it is over.
//!
//! Who hangs up does not undo it: the plane ends the recording with the end of the caller, and nobody waits for it then.

use core::time::Duration;
use std::sync::Arc;

use callflow::{Envelope, Outcome, Record, Signal, Subject, Told};
use media::{RecordingId, RecordingOver};

use super::{Doing, Purpose, Wanted};
use crate::call::Call;
use crate::means::Means;
use crate::record::RecordingKind;
use crate::recorded::Bounds;

/// How far the recording of a caller is.
#[derive(Debug)]
pub(super) struct TakingDown {
    record: Record,
    stage: Stage,
}

/// What it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The end of the announcement.
    Prompt,
    /// The end of the beep.
    Beep,
    /// The end of this recording, and the key that ended it.
    Recording(RecordingId, Option<u8>),
}

impl TakingDown {
    /// What it records now.
    pub(super) fn recording(&self) -> Option<RecordingId> {
        match self.stage {
            Stage::Recording(id, _) => Some(id),
            Stage::Prompt | Stage::Beep => None,
        }
    }
}

/// A recording that is over, and what the flow is told once it is on disk.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) id: RecordingId,
    told: Told,
    variable: Box<str>,
}

impl Call {
    /// Begins with what is to be recorded.
    pub(super) fn take_down(&mut self, record: Record, means: &mut Means<'_>) -> Option<Told> {
        let is_heard = record.beep || !record.prompt.is_empty();
        match record.subject {
            Subject::Nothing if !is_heard => {
                let was_on = self.stop_recording(means);
                return Some(Told::of(if was_on { Outcome::DONE } else { Outcome::FAILED }));
            }
            Subject::Call if !is_heard => {
                self.record_talk(means);
                return Some(Told::of(Outcome::DONE));
            }
            Subject::Call | Subject::Caller { .. } | Subject::Nothing => {}
        }
        if !self.answered_by_flow(means) {
            return None;
        }
        self.hush(means);
        let prompt = record.prompt.clone();
        if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.doing = Doing::Recording(Box::new(TakingDown { record, stage: Stage::Prompt }));
        }
        match prompt.is_empty() {
            true => self.beep_and_record(means),
            false => self.order(Wanted::Audio(prompt), means),
        }
        None
    }

    /// The announcement is here; one that cannot be played is no reason to record nothing.
    pub(super) fn on_prompt_of_recording(&mut self, audio: Option<Arc<[i16]>>, means: &mut Means<'_>) {
        match audio.filter(|audio| !audio.is_empty()) {
            Some(audio) => self.hear(audio, Some(1), means),
            None => self.beep_and_record(means),
        }
    }

    /// What came before is over: the beep, or the recording.
    pub(super) fn beep_and_record(&mut self, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        let Doing::Recording(taking) = &mut attendant.doing else { return };
        attendant.serial = attendant.serial.wrapping_add(1);
        match taking.stage {
            Stage::Prompt if taking.record.beep => {
                taking.stage = Stage::Beep;
                self.hear_signal(Signal::Beep, means);
                self.look_again(means.now + BEEP, means);
            }
            Stage::Prompt | Stage::Beep => {
                let subject = taking.record.subject.clone();
                self.hush(means);
                self.begin_to_record(subject, means);
            }
            Stage::Recording(..) => {}
        }
    }

    fn begin_to_record(&mut self, subject: Subject, means: &mut Means<'_>) {
        let (longest, silence) = match subject {
            Subject::Caller { longest, silence, .. } => (Some(longest), silence),
            Subject::Call => {
                self.record_talk(means);
                return self.tell_flow(Told::of(Outcome::DONE), means);
            }
            Subject::Nothing => {
                let was_on = self.stop_recording(means);
                let outcome = if was_on { Outcome::DONE } else { Outcome::FAILED };
                return self.tell_flow(Told::of(outcome), means);
            }
        };
        let kind = if self.is_for_a_mailbox() { RecordingKind::Message } else { RecordingKind::Caller };
        let envelope = self.envelope();
        match self.begin_recording(kind, Bounds { longest, silence }, envelope, means) {
            Some(id) => {
                if let Some(attendant) = self.attendant.as_deref_mut()
                    && let Doing::Recording(taking) = &mut attendant.doing
                {
                    taking.stage = Stage::Recording(id, None);
                }
            }
            None => self.tell_flow(Told::of(Outcome::FAILED), means),
        }
    }

    /// Where what is being recorded belongs, if that is a mailbox.
    fn envelope(&self) -> Option<Box<Envelope>> {
        let Doing::Recording(taking) = &self.attendant.as_deref()?.doing else { return None };
        taking.record.envelope.clone()
    }

    /// The caller pressed a key: it ends the recording if it is one of those, or the announcement.
    pub(super) fn on_key_in_recording(&mut self, key: u8, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        let Doing::Recording(taking) = &mut attendant.doing else { return };
        let Subject::Caller { keys, .. } = &taking.record.subject else { return };
        if !keys.bytes().any(|wanted| wanted == key) {
            return;
        }
        match taking.stage {
            Stage::Prompt => self.beep_and_record(means),
            Stage::Beep => {}
            Stage::Recording(id, _) => {
                taking.stage = Stage::Recording(id, Some(key));
                self.stop_recording(means);
            }
        }
    }

    /// A recording is over.
    pub(crate) fn on_recorded(&mut self, id: RecordingId, why: RecordingOver, means: &mut Means<'_>) {
        self.recording_ended(id);
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        let Doing::Recording(taking) = &mut attendant.doing else { return };
        let Stage::Recording(waited, key) = taking.stage else { return };
        if waited != id || self.ending.is_some() {
            return;
        }
        let told = match (why, key) {
            (_, Some(key)) => Told::of(Outcome::KEY).with("key", char::from(key)),
            (RecordingOver::Silence, None) => Told::of(Outcome::SILENCE),
            (RecordingOver::Left | RecordingOver::Longest | RecordingOver::Stopped, None) => {
                Told::of(Outcome::DONE)
            }
        };
        let variable = core::mem::take(&mut taking.record.variable);
        self.send_out(Wanted::Recording(id), Purpose::Recording(Kept { id, told, variable }), means);
    }

    /// A recording is on disk, or could not be kept.
    pub(super) fn on_stored(&mut self, kept: &Kept, ms: Option<u32>, means: &mut Means<'_>) {
        let Some(ms) = ms else { return self.tell_flow(Told::of(Outcome::FAILED), means) };
        let length = format!("{}_ms", kept.variable);
        let told = kept.told.clone().with(&kept.variable, kept.id.to_string());
        self.tell_flow(told.with(&length, ms.to_string()), means);
    }
}

/// How long the beep is.
const BEEP: Duration = Duration::from_millis(400);
