//! What whoever answers a flow hears before the talk begins, and the key with which it takes the call.
//!
//! Its 2xx is acknowledged at once (RFC 3261 §13.2.2.4), while the caller goes on waiting and others go on ringing; only who
//! takes the call has answered it. Where the caller left the offer to the callee there is nothing to hear, and nothing is
//! asked.

use core::time::Duration;
use std::sync::Arc;

use media::{Command, Source};
use routing::reason::Reason;
use sip_msg::Message;
use sip_stack::User;
use sip_stack::timer::Timer;
use timestamp::Timestamp;

use super::ring::Whisper;
use crate::anchor::{self, Keypad};
use crate::branch::Branch;
use crate::call::{Call, Final, Phase, timers};
use crate::failure::Failure;
use crate::means::Means;

/// A callee that has answered, and has yet to take the call.
#[derive(Debug)]
pub(crate) struct Screening {
    /// Its 2xx.
    answer: Vec<u8>,
    /// Until when it may take the call.
    until: Timestamp,
    /// Number of what it hears; none while that is being brought, or is over.
    hears: Option<u32>,
}

impl Call {
    /// Whether whoever answers now is not yet to talk with the caller.
    pub(crate) fn screens(&self) -> bool {
        self.attendant.as_deref().is_some_and(|attendant| attendant.screens()) && !self.is_late()
    }

    /// Whether this is the leg of somebody who has yet to take the call.
    pub(crate) fn is_screened(&self, number: u8) -> bool {
        let Phase::Dialling(dialling) = &self.phase else { return false };
        dialling.branches.iter().any(|branch| branch.leg.number == number && branch.screening.is_some())
    }

    fn screened(&mut self, number: u8) -> Option<&mut Branch> {
        let Phase::Dialling(dialling) = &mut self.phase else { return None };
        dialling.branches.iter_mut().find(|branch| branch.leg.number == number)
    }

    /// Somebody answered, perhaps once more.
    pub(crate) fn screen(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
        let (slot, until) = (self.slot, means.now + LONGEST);
        let Some(branch) = self.screened(number) else { return };
        if branch.screening.is_some() {
            return crate::reinvite::on_stray_2xx(&mut branch.leg, slot, response, means);
        }
        branch.select(response);
        branch.leg.dialog.confirm(response);
        branch.leg.code = response.code();
        branch.leg.acknowledge(response.cseq().map_or(1, |(number, _)| number), None, means);
        let (answer, party) = (response.bytes().to_vec(), branch.party);
        branch.screening = Some(Box::new(Screening { answer, until, hears: None }));
        let early = core::mem::take(&mut branch.early.described);
        let described = if response.body().is_empty() { &early } else { response.body() };
        let heard = anchor::hear_answer(described, &mut branch.leg, means);
        branch.early.described.clone_from(&early);
        if let Err(reason) = heard {
            return self.decline(number, Final::ours(488, reason), means);
        }
        anchor::serve(&mut branch.leg, Source::Silence, means);
        if let Some(keypad) = Keypad::of(&branch.leg) {
            keypad.listen(means);
        }
        if let Phase::Dialling(dialling) = &mut self.phase {
            dialling.ring_until = dialling.ring_until.max(until);
            if let (Some(search), Some(party)) = (&mut dialling.search, party) {
                search.patient_until(party, until);
            }
        }
        means.out.arm(until, Timer::User(User::Call(slot), timers::RING));
        self.whisper(number, means);
    }

    /// Lets somebody hear what is to be heard, once it is there.
    fn whisper(&mut self, number: u8, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        let audio = match attendant.whisper() {
            Whisper::Awaited => return,
            Whisper::Brought(audio) => Some(Arc::clone(audio)),
            Whisper::Nothing => None,
        };
        attendant.serial = attendant.serial.wrapping_add(1);
        let serial = attendant.serial;
        let Some(branch) = self.screened(number) else { return };
        let heard = anchor::played(&branch.leg);
        match (audio, heard, branch.screening.as_deref_mut()) {
            (Some(audio), Some((end, _)), Some(screening)) => {
                screening.hears = Some(serial);
                means.media(Command::Play { end, audio, times: Some(1), serial });
            }
            (None, ..) | (_, None, _) => self.whispered(number, means),
            (Some(_), Some(_), None) => {}
        }
    }

    /// What was to be heard is here, or will not be: all who wait for it hear it.
    pub(super) fn whisper_to_all(&mut self, means: &mut Means<'_>) {
        for number in self.screened_where(|_| true) {
            self.whisper(number, means);
        }
    }

    fn screened_where(&self, is: impl Fn(&Screening) -> bool) -> Vec<u8> {
        let Phase::Dialling(dialling) = &self.phase else { return Vec::new() };
        let screened = |branch: &&Branch| branch.screening.as_deref().is_some_and(&is);
        dialling.branches.iter().filter(screened).map(|branch| branch.leg.number).collect()
    }

    /// Somebody has heard a sound of this number to its end.
    pub(crate) fn on_whispered(&mut self, number: u8, serial: u32, means: &mut Means<'_>) {
        let screening = self.screened(number).and_then(|branch| branch.screening.as_deref_mut());
        if screening.is_some_and(|screening| screening.hears.take_if(|heard| *heard == serial).is_some()) {
            self.whispered(number, means);
        }
    }

    /// Somebody has heard all: it talks, or has so long to take the call.
    fn whispered(&mut self, number: u8, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(accept) = self.attendant.as_deref().and_then(|attendant| attendant.accept()) else {
            return self.accept_call(number, means);
        };
        let until = means.now + accept.patience;
        if let Some(screening) = self.screened(number).and_then(|branch| branch.screening.as_deref_mut()) {
            screening.until = until;
            means.out.arm(until, Timer::User(User::Call(slot), timers::RING));
        }
    }

    /// Somebody who has yet to take the call presses a key.
    pub(crate) fn on_screen_key(&mut self, number: u8, key: u8, means: &mut Means<'_>) {
        let accept = self.attendant.as_deref().and_then(|attendant| attendant.accept());
        match accept.filter(|_| self.is_screened(number)) {
            Some(accept) if accept.key == key => self.accept_call(number, means),
            Some(_) => self.decline(number, declined(), means),
            None => {}
        }
    }

    /// Somebody who had yet to take the call hung up; whether it was one.
    pub(crate) fn screened_left(&mut self, number: u8, means: &mut Means<'_>) -> bool {
        let Some(branch) = self.screened(number).filter(|branch| branch.screening.is_some()) else {
            return false;
        };
        branch.screening = None;
        self.branch_over(number, declined(), DECLINED, means);
        true
    }

    /// The time to take the call is over for some.
    pub(crate) fn on_screen_timer(&mut self, means: &mut Means<'_>) {
        let now = means.now;
        for number in self.screened_where(|screening| screening.until <= now) {
            self.decline(number, Final::ours(480, Reason::NobodyAnswered), means);
        }
    }

    /// The call is this one's.
    fn accept_call(&mut self, number: u8, means: &mut Means<'_>) {
        let holds = self.caller.reliable.holds_final();
        let Some(screening) = self.screened(number).and_then(|branch| branch.screening.take()) else {
            return;
        };
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        if holds {
            // RFC 3262 §3: the caller's PRACK first.
            dialling.answered = Some((number, screening.answer));
        } else if let Ok(answer) = Message::parse(&screening.answer) {
            self.on_winner(number, &answer, means);
            self.proceed(means);
        }
    }

    /// The call is not this one's: it is hung up on.
    fn decline(&mut self, number: u8, failed: Final, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(branch) = self.screened(number) else { return };
        branch.screening = None;
        branch.leg.bye(slot, None, means);
        self.branch_over(number, failed, DECLINED, means);
    }
}

fn declined() -> Final {
    Final { code: 603, phrase: b"Decline".to_vec(), reason: Vec::new(), why: None }
}

const DECLINED: Failure = Failure::Answered { code: 603, rang: true };
/// How long somebody may listen before it takes the call.
const LONGEST: Duration = Duration::from_secs(120);
