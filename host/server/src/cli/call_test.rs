//! `trunkline call-test`: a real call and what it sounded like.

use clap::Args;
use net::call_test::{self, AudioReport, Heard, Plan, Report};

use super::{Format, Globals, ping, write};
use crate::failure::Failure;
use crate::out;

/// `trunkline call-test URI`
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Who is called, sip:USER@HOST or sip:USER@HOST:PORT;transport=tcp
    target: String,
    /// Who calls, sip:USER@HOST [default: --user at the target's host]
    #[arg(long, value_name = "URI")]
    from: Option<String>,
    /// User name, when the peer asks for one
    #[arg(long)]
    user: Option<String>,
    /// Password, when the peer asks for one
    #[arg(long, env = "TRUNKLINE_CALL_TEST_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Seconds of audio
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Seconds it may ring
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=300))]
    ring: u32,
}

/// Answers `trunkline call-test`; exit code 4 if nobody answered at all, 5 if something was not as it should be.
pub(super) fn run(globals: &Globals, arguments: Arguments) -> Result<(), Failure> {
    let plan = Plan {
        target: arguments.target,
        peer: None,
        tls: None,
        from: arguments.from,
        user: arguments.user,
        password: arguments.password,
        seconds: arguments.seconds,
        ring_s: arguments.ring,
    };
    let report = call_test::place(&plan).map_err(ping::failure)?;
    if globals.output == Format::Table {
        out::line(&in_words(&report));
    } else {
        write::one(globals.output, &serde_json::to_value(&report).unwrap_or_default());
    }
    // The table has said it already.
    let verdict = if globals.output == Format::Table { String::new() } else { verdict(&report) };
    match (report.ok, report.first_answer_ms) {
        (true, _) => Ok(()),
        (false, None) => Err(Failure::NotReachable(verdict)),
        (false, Some(_)) => Err(Failure::Found(verdict)),
    }
}

fn in_words(report: &Report) -> String {
    let mut rows = vec![
        vec!["called".to_owned(), format!("{} at {}", report.target, report.peer)],
        vec!["answer".to_owned(), answer(report)],
    ];
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    for reason in &report.reasons {
        row("reason", reason.clone());
    }
    for (name, ms) in
        [("first", report.first_answer_ms), ("ringing", report.ringing_ms), ("up", report.answered_ms)]
    {
        if let Some(ms) = ms {
            row(name, format!("after {ms} ms"));
        }
    }
    if let Some(audio) = &report.audio {
        row("audio", format!("{} with {}", audio.codec, audio.remote));
        row("heard", heard(audio));
        let percent = audio.loss_percent;
        row(
            "packets",
            format!(
                "{} sent, {} received, {} lost ({percent} %)",
                audio.packets_sent, audio.packets_received, audio.packets_lost
            ),
        );
        row("jitter", format!("{} ms", audio.jitter_ms));
        if let Some(trip) = audio.round_trip_ms {
            row("round trip", format!("{trip} ms, mouth to ear"));
        }
    }
    row("verdict", verdict(report));
    write::aligned(rows.iter()).trim_end().to_owned()
}

fn answer(report: &Report) -> String {
    let asked = if report.challenged { ", after a challenge" } else { "" };
    match report.sip_code {
        0 => report.sip_reason.clone(),
        code => format!("{code} {}{asked}", report.sip_reason),
    }
}

fn heard(audio: &AudioReport) -> String {
    let level = audio.level_dbm0.map_or_else(String::new, |level| format!(", {level} dBm0"));
    let what = match audio.heard {
        Heard::OwnTone => "our own tone",
        Heard::Tone => "a steady tone of 1004 Hz",
        Heard::Audio => "audio that is not ours",
        Heard::Silence => "packets of silence",
        Heard::Nothing => "nothing",
    };
    format!("{what}{level}")
}

/// One sentence.
fn verdict(report: &Report) -> String {
    let Some(audio) = &report.audio else {
        return match (report.sip_code, report.challenged) {
            (0, _) => "nobody answered".to_owned(),
            (401 | 407, _) => "credentials are needed: --user and --password, or they are wrong".to_owned(),
            (200..=299, _) => "answered, but without audio that we can send (PCMA or PCMU)".to_owned(),
            (code, _) => format!("not answered: {code} {}", report.sip_reason),
        };
    };
    match audio.heard {
        Heard::OwnTone => "audio both ways",
        Heard::Tone | Heard::Audio => {
            "audio came in; whether ours arrived cannot be told (an echo service can)"
        }
        Heard::Silence => "answered, but only silence came back",
        Heard::Nothing => "answered, but no audio packet came back",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(sip_code: u16, audio: Option<AudioReport>) -> Report {
        Report {
            target: "sip:echo@example.com".into(),
            peer: "udp:192.0.2.1:5060".into(),
            sip_code,
            sip_reason: "OK".into(),
            reasons: vec!["Q.850;cause=16".into()],
            challenged: true,
            first_answer_ms: Some(1),
            ringing_ms: None,
            answered_ms: audio.as_ref().map(|_| 20),
            ended_by: "us",
            ok: audio.is_some(),
            audio,
            sent: String::new(),
            received: String::new(),
        }
    }

    #[test]
    fn a_good_call_reads_like_one() {
        let audio = AudioReport {
            codec: "PCMA",
            remote: "192.0.2.1:20000".into(),
            heard: Heard::OwnTone,
            both_ways: Some(true),
            packets_sent: 250,
            packets_received: 249,
            packets_lost: 1,
            loss_percent: 0.4,
            jitter_ms: 0.1,
            round_trip_ms: Some(41.5),
            level_dbm0: Some(-10.0),
        };
        let text = in_words(&report(200, Some(audio)));
        for part in [
            "answer      200 OK, after a challenge",
            "reason      Q.850;cause=16",
            "heard       our own tone, -10 dBm0",
            "packets     250 sent, 249 received, 1 lost (0.4 %)",
            "round trip  41.5 ms, mouth to ear",
            "verdict     audio both ways",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        assert!(verdict(&report(407, None)).contains("--user and --password"));
        assert_eq!(verdict(&report(486, None)), "not answered: 486 OK");
    }
}
