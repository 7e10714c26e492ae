//! Calls that we answer ourselves: the echo and the 1004 Hz tone.
//!
//! A caller without an offer gets ours in the 200, and its answer comes in the ACK (RFC 3261 §13.2.1, §14.2).

use sip_msg::Message;

use routing::decision::TestLine;
use routing::reason::Reason;

use crate::anchor;
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
            let keep = |media: &sdp::Media<'_>| {
                let fits = match service {
                    TestLine::Echo => true,
                    TestLine::Milliwatt => law_of(media).is_some(),
                };
                is_ours(media) && fits
            };
            let source = source_for(service, message.body())?;
            let body = anchor::answer_ourselves(message.body(), &mut self.caller, self.slot, &keep, means)?;
            Ok((body, Some(source)))
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
        let source = |()| service.map(|service| source_for(service, body)).transpose();
        match anchor::hear_answer(body, leg, means).and_then(source) {
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
        let keep = |media: &sdp::Media<'_>| media.port != 0 && (!plays || law_of(media).is_some());
        let before = leg.media.raw.clone();
        let answered = anchor::answer_ourselves(body, leg, slot, &keep, means);
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

fn source_for(service: TestLine, body: &[u8]) -> Result<media::Source, Reason> {
    match service {
        TestLine::Echo => Ok(media::Source::Echo),
        TestLine::Milliwatt => tone(body).ok_or(Reason::NoCommonCodec),
    }
}

fn tone(body: &[u8]) -> Option<media::Source> {
    let description = sdp::Description::parse(body).ok()?;
    let payload_type = description.media().iter().find(|media| media.kind == b"audio").and_then(law_of)?;
    Some(media::Source::Milliwatt { payload_type })
}

/// Whether a medium is one that we can be the other end of.
pub(crate) fn is_ours(media: &sdp::Media<'_>) -> bool {
    let protocols = [&b"RTP/AVP"[..], b"RTP/AVPF", b"RTP/SAVP", b"RTP/SAVPF"];
    media.port != 0 && protocols.contains(&media.proto)
}

/// Payload type of PCMA or PCMU, whichever the audio prefers.
pub(crate) fn law_of(media: &sdp::Media<'_>) -> Option<u8> {
    media.payload_types().find(|number| media.kind == b"audio" && matches!(*number, PCMU | PCMA))
}

/// Static payload types (RFC 3551 §6).
pub(crate) const PCMA: u8 = 8;
const PCMU: u8 = 0;
