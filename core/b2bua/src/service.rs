//! Calls that we answer ourselves: the echo and the 1004 Hz tone.
//!
//! A caller without an offer gets ours in the 200, and its answer comes in the ACK (RFC 3261 §13.2.1, §14.2).

use media::Source;
use sip_msg::Message;

use routing::decision::TestLine;
use routing::reason::Reason;

use crate::anchor::{self, Serving};
use crate::call::{Call, Phase};
use crate::means::{Effect, Means, Milestone};
use crate::record::EndedBy;
use crate::reinvite::refuse_in_dialog;
use crate::talk::{InDialog, respond};
use crate::usage::InviteUsage;

impl Call {
    /// Answers at once.
    pub(crate) fn serve(&mut self, service: TestLine, means: &mut Means<'_>) {
        let Some(invite) = self.invite.clone() else { return };
        let answered = Message::parse(&invite.bytes).map_err(|_| Reason::Fault).and_then(|message| {
            if message.body().is_empty() {
                self.caller.offered = true;
                return Ok((anchor::offer_ourselves(&mut self.caller, self.slot, means)?, None));
            }
            let serving = match service {
                TestLine::Echo => Serving::Packets,
                TestLine::Milliwatt => Serving::Voice,
            };
            let body = anchor::answer_ourselves(message.body(), &mut self.caller, self.slot, serving, means)?;
            Ok((body, Some(source_of(service))))
        });
        match answered {
            Ok((body, source)) => {
                if let Some(source) = source {
                    anchor::serve(&mut self.caller, source, means);
                }
                self.times.answered = Some(means.now);
                self.phase = Phase::Talking { callee: None };
                self.arm_duration(means);
                self.respond(200, b"", Some(&body), None, means);
                means.effects.push(Effect::Announce(Milestone::Answered));
            }
            Err(reason) => self.refuse(reason, EndedBy::System, means),
        }
    }

    /// The answer to an offer of our own came in the ACK, or should have.
    pub(crate) fn on_service_answer(&mut self, number: u8, body: &[u8], means: &mut Means<'_>) {
        if self.attendant.is_some() && number == self.caller.number {
            self.on_flow_answer(body, means);
            return;
        }
        let service = self.service();
        let Some(leg) = self.leg_mut(number) else { return };
        let heard = anchor::hear_answer(body, leg, means).and_then(|()| match service {
            Some(TestLine::Milliwatt) if anchor::played(leg).is_none() => Err(Reason::NoCommonCodec),
            service => Ok(service.map(source_of)),
        });
        match heard {
            Ok(Some(source)) => anchor::serve(leg, source, means),
            // Whoever waits in a transfer hears nothing yet.
            Ok(None) => {}
            Err(reason) => self.hang_up(reason, EndedBy::System, means),
        }
    }

    /// A re-INVITE to ourselves: what is heard follows its caller, and so does whoever waits in a transfer.
    pub(crate) fn reinvite_service(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let (body, slot) = (event.request.body(), self.slot);
        let Some(leg) = self.leg_mut(event.leg) else { return };
        if leg.media.bypass {
            leg.usage = InviteUsage::Idle;
            respond(&event, 491, &[], means);
            return;
        }
        leg.offered = body.is_empty();
        let answered = if body.is_empty() {
            anchor::offer_ourselves(leg, slot, means)
        } else {
            self.answer_anew(event.leg, body, means)
        };
        match answered {
            Ok(answer) => {
                self.accept(&event, &answer, means);
                if !body.is_empty() {
                    self.go_on_serving(event.leg, means);
                }
            }
            Err(reason) => {
                let Some(leg) = self.leg_mut(event.leg) else { return };
                (leg.usage, leg.offered) = (InviteUsage::Idle, false);
                refuse_in_dialog(&event, reason, means);
            }
        }
    }

    /// An answer to what somebody offers anew whom we serve; if there is none, all stays as it was.
    pub(crate) fn answer_anew(
        &mut self,
        number: u8,
        body: &[u8],
        means: &mut Means<'_>,
    ) -> Result<Vec<u8>, Reason> {
        let slot = self.slot;
        let plays = self.attendant.is_some() && number == self.caller.number;
        let Some(leg) = self.leg_mut(number) else { return Err(Reason::Fault) };
        let serving = if plays { Serving::Voice } else { Serving::Media };
        let before = leg.media.raw.clone();
        let answered = anchor::answer_ourselves(body, leg, slot, serving, means);
        if answered.is_err() {
            anchor::restore(&before, leg);
        }
        answered
    }

    /// Somebody whom we serve has described itself anew.
    pub(crate) fn go_on_serving(&mut self, number: u8, means: &mut Means<'_>) {
        if self.attendant.is_some() && number == self.caller.number {
            self.listen_on(means);
        } else if self.handover.transfer.is_none()
            && let Some(leg) = self.leg_mut(number)
        {
            anchor::follow(leg, means);
        }
    }
}

fn source_of(service: TestLine) -> Source {
    match service {
        TestLine::Echo => Source::Echo,
        TestLine::Milliwatt => Source::Milliwatt,
    }
}
