//! `trunkline ping`: is anybody there who speaks SIP.

use std::time::Duration;

use clap::Args;
use net::probe::{Ping, PingReport, Pong, ProbeFault, ping};

use super::{Format, Globals, write};
use crate::failure::Failure;
use crate::out;

/// `trunkline ping URI`
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Who is asked, sip:HOST, sip:HOST:PORT or sip:HOST;transport=tcp
    target: String,
    /// How many requests
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// Seconds between them
    #[arg(short, long, default_value = "1", value_name = "SECONDS", value_parser = seconds)]
    interval: Duration,
    /// Seconds to wait for each answer
    #[arg(short, long, default_value = "4", value_name = "SECONDS", value_parser = seconds)]
    timeout: Duration,
    /// Also the messages themselves
    #[arg(long)]
    raw: bool,
}

/// Answers `trunkline ping`; exit code 4 if nothing answered at all.
pub(super) fn run(globals: &Globals, arguments: Arguments) -> Result<(), Failure> {
    let with_scheme = arguments.target.starts_with("sip:") || arguments.target.starts_with("sips:");
    let target = if with_scheme { arguments.target } else { format!("sip:{}", arguments.target) };
    let plan =
        Ping { target, count: arguments.count, interval: arguments.interval, patience: arguments.timeout };
    let table = globals.output == Format::Table;
    let report = ping(&plan, |peer, pong| {
        if table {
            for message in pong.messages.iter().filter(|_| arguments.raw) {
                out::line(message.trim_end());
                out::line("");
            }
            out::line(&line(peer, pong));
        }
    });
    let report = report.map_err(failure)?;
    if table {
        out::line(&summary(&report));
    } else {
        write::one(globals.output, &serde_json::to_value(&report).unwrap_or_default());
    }
    if report.received == 0 {
        return Err(Failure::NotReachable(format!("{} does not answer", report.peer)));
    }
    Ok(())
}

/// A probe that could not be made, by what the shell should see.
pub(super) fn failure(fault: ProbeFault) -> Failure {
    match fault {
        ProbeFault::Uri { .. } | ProbeFault::Transport { .. } => Failure::Usage(fault.to_string()),
        fault if fault.is_unreachable() => Failure::NotReachable(fault.to_string()),
        fault => Failure::Failed(fault.to_string()),
    }
}

/// `1  200 OK  1.2 ms  udp:192.0.2.1:5060  Asterisk PBX 20`
fn line(peer: &str, pong: &Pong) -> String {
    let answer = if pong.code == 0 { pong.reason.clone() } else { format!("{} {}", pong.code, pong.reason) };
    let time = pong.rtt_ms.map_or_else(String::new, |ms| format!("  {ms} ms"));
    let server = if pong.server.is_empty() { String::new() } else { format!("  {}", pong.server) };
    format!("{:<3} {answer}{time}  {peer}{server}", pong.number)
}

fn summary(report: &PingReport) -> String {
    let lost = report.sent - report.received;
    let counts = format!("{} sent, {} answered, {lost} lost", report.sent, report.received);
    match (report.rtt_min_ms, report.rtt_avg_ms, report.rtt_max_ms) {
        (Some(min), Some(avg), Some(max)) => {
            format!("{counts}; round trip {min} / {avg} / {max} ms (least, mean, most)")
        }
        _ => counts,
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    let fits = (0.01..=3600.0).contains(&seconds);
    if fits { Ok(Duration::from_secs_f64(seconds)) } else { Err("from 0.01 to 3600".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pong(code: u16, rtt_ms: Option<f64>) -> Pong {
        let (reason, server) = ("OK".to_owned(), "peer 1.0".to_owned());
        Pong { number: 1, code, reason, server, rtt_ms, seen_as: None, messages: Vec::new() }
    }

    #[test]
    fn answers_are_one_line_each() {
        assert_eq!(
            line("udp:192.0.2.1:5060", &pong(200, Some(1.5))),
            "1   200 OK  1.5 ms  udp:192.0.2.1:5060  peer 1.0"
        );
    }

    #[test]
    fn intervals_are_sane() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "NaN", "inf", "x", "1e9"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
