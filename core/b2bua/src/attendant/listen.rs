//! What the caller of a flow hears, and which keys it presses.
//!
//! The caller is answered as by any service of ours: with what it has of our codecs, and with telephone events if it has them
//! (RFC 4733). Without them tones in its voice are its keys; those that come as INFO count, too.

use std::sync::Arc;

use callflow::{Collected, Collector, Conference, Gather, Outcome, Play, Signal, Told};
use media::{Command, Source, Way};
use routing::reason::Reason;
use rtp::TelephoneEvent;
use sip_msg::Message;

use super::{Doing, Gathering, Purpose, Wanted};
use crate::anchor::{self, Keypad, Serving};
use crate::call::{Call, Phase};
use crate::digits::digit_of;
use crate::means::{Effect, Means, Milestone};
use crate::provisional::Progress;
use crate::record::EndedBy;
use crate::talk::{InDialog, respond};

impl Call {
    /// Answers the caller, unless it is answered. Whether it is now; if not, the call is over.
    pub(super) fn answered_by_flow(&mut self, means: &mut Means<'_>) -> bool {
        if matches!(self.phase, Phase::Talking { .. }) {
            return true;
        }
        let Some(invite) = self.invite.clone() else { return false };
        let slot = self.slot;
        let answered = Message::parse(&invite.bytes).map_err(|_| Reason::Fault).and_then(|message| {
            if message.body().is_empty() {
                self.caller.offered = true;
                return anchor::offer_ourselves(&mut self.caller, slot, means);
            }
            anchor::answer_ourselves(message.body(), &mut self.caller, slot, Serving::Voice, means)
        });
        match answered {
            Ok(body) => {
                self.times.answered = Some(means.now);
                self.phase = Phase::Talking { callee: None };
                self.arm_duration(means);
                self.respond(200, b"", Some(&body), None, means);
                if !self.caller.offered {
                    self.begin_to_listen(means);
                }
                means.effects.push(Effect::Announce(Milestone::Answered));
                true
            }
            Err(reason) => {
                self.refuse(reason, EndedBy::System, means);
                false
            }
        }
    }

    /// The caller's description is here: keys can be heard, and what was to be heard can be.
    pub(super) fn begin_to_listen(&mut self, means: &mut Means<'_>) {
        let hears =
            self.attendant.as_deref().and_then(|attendant| attendant.hears).unwrap_or(Source::Silence);
        anchor::serve(&mut self.caller, hears, means);
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        attendant.is_heard = true;
        attendant.keypad = Keypad::of(&self.caller);
        if let Some(keypad) = attendant.keypad {
            keypad.listen(means);
        }
        self.keep_company(means);
    }

    /// The caller has described itself anew, as for a hold: what it hears goes on, and so do its keys.
    pub(crate) fn listen_on(&mut self, means: &mut Means<'_>) {
        anchor::follow(&mut self.caller, means);
        self.mix(means);
        let Some(keypad) = Keypad::of(&self.caller) else { return };
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        // What listens goes on: a key that is pressed right now counts once.
        if attendant.keypad.replace(keypad) != Some(keypad) {
            keypad.listen(means);
        }
    }

    /// The caller's answer to our own offer came in its ACK.
    pub(crate) fn on_flow_answer(&mut self, body: &[u8], means: &mut Means<'_>) {
        match anchor::hear_answer(body, &mut self.caller, means) {
            Ok(()) if self.attendant.as_deref().is_some_and(|attendant| attendant.is_heard) => {
                self.listen_on(means);
            }
            Ok(()) => self.begin_to_listen(means),
            Err(reason) => self.hang_up(reason, EndedBy::System, means),
        }
    }

    /// The caller is alone again, after whoever it talked with.
    pub(crate) fn listen_again(&mut self, means: &mut Means<'_>) {
        if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.hears = None;
        }
        self.begin_to_listen(means);
    }

    /// The caller hears this from now on.
    fn let_hear(&mut self, source: Source, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        attendant.hears = Some(source);
        let talking =
            matches!(self.phase, Phase::Talking { callee: None }) || self.handover.transfer.is_some();
        if talking && let Some((end, _)) = anchor::played(&self.caller) {
            means.media(Command::Serve { end, source });
        }
    }

    /// Silence.
    pub(super) fn hush(&mut self, means: &mut Means<'_>) {
        self.let_hear(Source::Silence, means);
    }

    /// A caller that is not answered hears its own ringing; any other a signal.
    pub(super) fn let_ring(&mut self, means: &mut Means<'_>) {
        if self.attendant.as_deref().is_some_and(|attendant| attendant.queueing.is_some()) {
            return;
        }
        if matches!(self.phase, Phase::Talking { .. }) || self.handover.transfer.is_some() {
            self.hear_signal(Signal::Ringback, means);
            return;
        }
        let ringing = self.times.ringing.is_none();
        self.times.ringing.get_or_insert(means.now);
        let phrase = b"Ringing".to_vec();
        self.show(Progress { code: 180, phrase, body: None, reliable: false }, means);
        if ringing {
            means.effects.push(Effect::Announce(Milestone::Ringing));
        }
    }

    pub(super) fn hear_signal(&mut self, signal: Signal, means: &mut Means<'_>) {
        let source = match signal {
            Signal::Beep => Source::Signal(media::Signal::Beep),
            Signal::Busy => Source::Signal(media::Signal::Busy),
            Signal::Congestion => Source::Signal(media::Signal::Congestion),
            Signal::Echo => Source::Echo,
            Signal::Milliwatt => Source::Milliwatt,
            Signal::Ringback => Source::Signal(media::Signal::Ringback),
        };
        self.let_hear(source, means);
    }

    /// Plays sounds, once they are brought.
    pub(super) fn play(&mut self, play: Play, means: &mut Means<'_>) -> Option<Told> {
        if self.answered_by_flow(means) {
            self.hush(means);
            let purpose = Purpose::Play(play.times, play.stop_on_key);
            self.send_out(Wanted::Audio(play.clips), purpose, means);
        }
        None
    }

    /// The caller hears this audio from now on.
    pub(super) fn hear(&mut self, audio: Arc<[i16]>, times: Option<u32>, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        attendant.serial = attendant.serial.wrapping_add(1);
        let serial = attendant.serial;
        match anchor::played(&self.caller) {
            Some((end, _)) if attendant.is_heard || !self.caller.offered => {
                means.media(Command::Play { end, audio, times, serial });
            }
            Some(_) | None => self.on_played(serial, means),
        }
    }

    /// What was to be played has been.
    pub(crate) fn on_played(&mut self, serial: u32, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut().filter(|a| a.serial == serial) else { return };
        match &mut attendant.doing {
            Doing::Playing(_) => self.tell_flow(Told::of(Outcome::DONE), means),
            Doing::Gathering(gathering) => {
                let collected = gathering.collector.on_prompt_over(means.now);
                self.collected(collected, means);
            }
            Doing::Recording(_) => self.beep_and_record(means),
            Doing::Queueing | Doing::Ringing(_) => self.queue_played(means),
            Doing::Parked(_) => self.hear_parked(means),
            Doing::Nothing
            | Doing::Waiting(..)
            | Doing::Awaiting(_)
            | Doing::Pressing(_)
            | Doing::Referring(_)
            | Doing::Conferring
            | Doing::Seeking
            | Doing::Talking(_) => {}
        }
    }

    /// Begins to take in keys.
    pub(super) fn gather(&mut self, gather: Gather, means: &mut Means<'_>) -> Option<Told> {
        self.gather_for(gather, None, means)
    }

    /// The same, perhaps for a room.
    pub(super) fn gather_for(
        &mut self,
        gather: Gather,
        room: Option<Box<Conference>>,
        means: &mut Means<'_>,
    ) -> Option<Told> {
        if !self.answered_by_flow(means) {
            return None;
        }
        self.hush(means);
        let Gather { prompt, rule, variable } = gather;
        let gathering = Gathering { collector: Collector::new(rule), prompt, audio: None, variable, room };
        if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.doing = Doing::Gathering(Box::new(gathering));
        }
        self.collected(Collected::Prompt, means);
        None
    }

    /// Does what follows from a key, from time, or from the end of a prompt.
    pub(super) fn collected(&mut self, collected: Collected, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        let Doing::Gathering(gathering) = &mut attendant.doing else { return };
        match collected {
            Collected::Prompt => match (&gathering.audio, gathering.prompt.is_empty()) {
                (Some(audio), _) => {
                    let audio = Arc::clone(audio);
                    self.hear(audio, Some(1), means);
                }
                (None, false) => {
                    let clips = gathering.prompt.clone();
                    self.order(Wanted::Audio(clips), means);
                }
                (None, true) => {
                    let next = gathering.collector.on_prompt_over(means.now);
                    self.collected(next, means);
                }
            },
            Collected::Wait(None) => {}
            Collected::Wait(Some(until)) => self.look_again(until, means),
            Collected::Hush(until) => {
                // What is still being brought, or played, is for nobody any more.
                attendant.serial = attendant.serial.wrapping_add(1);
                self.hush(means);
                self.look_again(until, means);
            }
            Collected::Over(outcome) => {
                if let Some(conference) = gathering.room.take() {
                    return self.pin_given(conference, &outcome, means);
                }
                let told = Told::of(outcome).with(&gathering.variable, gathering.collector.digits());
                attendant.serial = attendant.serial.wrapping_add(1);
                self.hush(means);
                self.tell_flow(told, means);
            }
        }
    }

    /// The caller pressed a key; one that is told in both ways counts once.
    pub(crate) fn on_key(&mut self, way: Way, key: u8, means: &mut Means<'_>) {
        if self.handover.gives_place() {
            return;
        }
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        if !attendant.twice.is_new(way, key, means.now) {
            return;
        }
        match &mut attendant.doing {
            Doing::Gathering(gathering) => {
                let collected = gathering.collector.on_key(key, means.now);
                self.collected(collected, means);
            }
            Doing::Recording(_) => self.on_key_in_recording(key, means),
            Doing::Playing(true) | Doing::Waiting(_, true) | Doing::Awaiting(Purpose::Play(_, true)) => {
                attendant.serial = attendant.serial.wrapping_add(1);
                self.hush(means);
                let told = Told::of(Outcome::INTERRUPTED).with("key", char::from(key));
                self.tell_flow(told, means);
            }
            Doing::Conferring => self.room_key(key, means),
            Doing::Queueing | Doing::Ringing(_) => self.queue_key(key, means),
            Doing::Nothing
            | Doing::Waiting(..)
            | Doing::Awaiting(_)
            | Doing::Playing(_)
            | Doing::Parked(_)
            | Doing::Pressing(_)
            | Doing::Referring(_)
            | Doing::Seeking
            | Doing::Talking(_) => {}
        }
    }

    /// An INFO of a caller that a flow has: a key, or nothing to us. Whether it was for the flow.
    pub(crate) fn is_key_info(&mut self, event: &InDialog<'_, '_>, means: &mut Means<'_>) -> bool {
        let waits = matches!(self.phase, Phase::Talking { callee: None }) || self.queues_while_ringing();
        let alone = waits && event.leg == self.caller.number;
        if self.attendant.is_none() || !alone && !self.is_screened(event.leg) {
            return false;
        }
        respond(event, 200, &[], means);
        let key = digit_of(event.request).and_then(|(code, _)| TelephoneEvent::digit_of(code));
        match key.and_then(|key| u8::try_from(key).ok()) {
            Some(key) if alone => self.on_key(Way::Signalling, key, means),
            Some(key) => self.on_screen_key(event.leg, key, means),
            None => {}
        }
        true
    }
}
