//! Calls that we answer ourselves: the echo and the 1004 Hz tone.

use sip_msg::Message;

use routing::decision::TestLine;
use routing::reason::Reason;

use crate::anchor;
use crate::call::{Call, Phase};
use crate::means::{Effect, Means, Milestone};
use crate::record::EndedBy;

impl Call {
    /// Answers at once.
    pub(crate) fn serve(&mut self, service: TestLine, means: &mut Means<'_>) {
        let Some(invite) = self.invite.clone() else { return };
        let answered = Message::parse(&invite.bytes).map_err(|_| Reason::Fault).and_then(|message| {
            let keep = |media: &sdp::Media<'_>| {
                let plain = media.proto == b"RTP/AVP" || media.proto == b"RTP/AVPF";
                let fits = match service {
                    TestLine::Echo => true,
                    TestLine::Milliwatt => media.kind == b"audio" && payload_type(media).is_some(),
                };
                media.port != 0 && plain && fits
            };
            let source = match service {
                TestLine::Echo => media::Source::Echo,
                TestLine::Milliwatt => tone(message.body()).ok_or(Reason::NoCommonCodec)?,
            };
            let body = anchor::answer_ourselves(message.body(), &mut self.caller, self.slot, &keep, means)?;
            Ok((body, source))
        });
        match answered {
            Ok((body, source)) => {
                anchor::serve(&self.caller, source, means);
                self.times.answered = Some(means.now);
                self.phase = Phase::Talking { callee: None };
                self.arm_duration(means);
                self.respond(200, b"", Some(&body), None, means);
                means.effects.push(Effect::Announce(Milestone::Answered));
            }
            Err(reason) => self.refuse(reason, EndedBy::System, means),
        }
    }
}

fn tone(body: &[u8]) -> Option<media::Source> {
    let description = sdp::Description::parse(body).ok()?;
    let payload_type = description.media().iter().find(|m| m.kind == b"audio").and_then(payload_type)?;
    Some(media::Source::Milliwatt { payload_type })
}

/// PCMA or PCMU, whichever the medium prefers.
fn payload_type(media: &sdp::Media<'_>) -> Option<u8> {
    media.format_list().find_map(|format| match format {
        b"0" => Some(0),
        b"8" => Some(8),
        _ => None,
    })
}
