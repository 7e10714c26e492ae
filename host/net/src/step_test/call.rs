//! The steps `call` and `audio`: a real call to a number that was given, and what was heard.

use std::time::Duration;

use sip_stack::transport::Target;

use super::way::{escaped, identity};
use super::{Finding, Plan, State};
use crate::call_test::{self, AudioReport, Heard, Report};

/// Calls and hangs up after some seconds of audio.
pub(super) fn place(plan: &Plan, number: &str, target: Target, left: Duration) -> (Finding, Option<Report>) {
    // What is left has to do for ringing, audio and hanging up.
    let ring_s = left.as_secs().saturating_sub(AUDIO_S + 5).min(12);
    if ring_s < 3 {
        return (Finding::skipped("no time was left for a call"), None);
    }
    let call = call_test::Plan {
        target: format!("sip:{}@{}", escaped(number), plan.authority),
        peer: Some(target),
        tls: plan.tls.clone(),
        from: Some(identity(plan)),
        user: plan.login.as_ref().map(|login| login.user.clone()),
        password: plan.login.as_ref().map(|login| login.password.clone()),
        seconds: AUDIO_S as u32,
        ring_s: ring_s as u32,
    };
    match call_test::place(&call) {
        Err(fault) => {
            let fix = "Check address, port and transport in peers.";
            (Finding::new(State::Failed, fault.to_string(), fix), None)
        }
        Ok(report) => {
            let finding = judged(number, &report).with(report.sent.as_str(), report.received.as_str());
            (finding, Some(report))
        }
    }
}

fn judged(number: &str, report: &Report) -> Finding {
    let said = format!("{} {}", report.sip_code, report.sip_reason);
    match (report.sip_code, report.answered_ms) {
        (_, Some(ms)) => Finding::passed(format!("{number} answered after {ms} ms")),
        (0, None) if report.ringing_ms.is_some() => Finding::new(
            State::Warning,
            format!("{number} rang, and nobody answered in time"),
            "Call a number that answers by itself to test the audio too.",
        ),
        (0, None) => Finding::new(
            State::Failed,
            "nothing came back to the INVITE",
            "Check that the peer takes calls from our address, and that its answers get through.",
        ),
        (401 | 407, None) => Finding::new(
            State::Failed,
            format!("{said}: the credentials are missing or wrong"),
            "Set user and password of the connection as the peer gave them to you.",
        ),
        (403, None) => Finding::new(
            State::Failed,
            format!("{said}: the peer does not let us make this call"),
            "Check the number, the caller id that it allows, and whether it knows our address.",
        ),
        (404 | 484 | 604, None) => Finding::new(
            State::Failed,
            format!("{said}: the peer does not know {number}"),
            "Give the number in the form that the peer wants: with +, 00 or national.",
        ),
        (480 | 486 | 487 | 600 | 603, None) => Finding::new(
            State::Warning,
            format!("{said}: the call got through, and nobody took it"),
            "Call a number that answers by itself to test the audio too.",
        ),
        (488, None) => Finding::new(
            State::Failed,
            format!("{said}: the peer takes neither PCMA nor PCMU as we offer them"),
            "Allow G.711 for us at the peer, or see whether it demands encryption (media.srtp).",
        ),
        _ => Finding::new(State::Failed, said, "Look at the peer's answer, and at its own log."),
    }
}

/// What was heard.
pub(super) fn audio(audio: &AudioReport) -> Finding {
    let figures = format!(
        "{} with {}: {} packets sent, {} received, {} % lost, jitter {} ms",
        audio.codec,
        audio.remote,
        audio.packets_sent,
        audio.packets_received,
        audio.loss_percent,
        audio.jitter_ms
    );
    let lossy = audio.loss_percent > 1.0;
    match audio.heard {
        Heard::OwnTone | Heard::Tone | Heard::Audio if lossy => Finding::new(
            State::Warning,
            format!("audio comes with gaps; {figures}"),
            "Look for a line that is full, and for Wi-Fi on the way.",
        ),
        Heard::OwnTone => {
            let trip = audio.round_trip_ms.map_or_else(String::new, |ms| format!(", round trip {ms} ms"));
            Finding::passed(format!("audio both ways; {figures}{trip}"))
        }
        Heard::Tone | Heard::Audio => Finding::passed(format!(
            "audio came in; whether ours arrived cannot be told unless it comes back; {figures}"
        )),
        Heard::Silence => Finding::new(
            State::Warning,
            format!("packets came, with silence in them; {figures}"),
            "Call an echo service, or something that talks.",
        ),
        Heard::Nothing => Finding::new(
            State::Failed,
            format!("no audio packet came back; {figures}"),
            "Let UDP through from the peer to our media ports, and set --public-ip if we are behind NAT (M-03).",
        ),
    }
}

/// Seconds of audio.
const AUDIO_S: u64 = 3;
