//! `cost WORK COUNT`: does that much work in one shard, or in one media plane, and prints what a piece took.
//!
//! `cargo xtask instructions` runs it under valgrind with two counts and takes the difference. Media of calls is
//! bypassed, as in the bench beside peers.

use std::process::ExitCode;
use std::time::Instant;

use cost::{Peer, Relay, Served};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let count = words.get(1).and_then(|word| word.parse::<u32>().ok());
    let (Some(work), Some(count)) = (words.first(), count) else { return usage() };
    let act: fn(&mut Peer) -> Result<(), String> = match work.as_str() {
        "register" => Peer::register,
        "call" => Peer::call,
        "options" => Peer::options,
        "retransmission" => Peer::retransmission,
        "packet" => return done(work, count, repeat(Relay::new(), Relay::packet, count)),
        "played" => return done(work, count, repeat(Served::played(), Served::tick, count)),
        "recorded" => return done(work, count, repeat(Served::recorded(), Served::tick, count)),
        "mixed" => return done(work, count, repeat(Served::mixed(), Served::tick, count)),
        _ => return usage(),
    };
    done(work, count, Peer::new().and_then(|peer| repeat(peer, act, count)))
}

/// Microseconds of each.
fn repeat<T>(mut on: T, act: fn(&mut T) -> Result<(), String>, count: u32) -> Result<f64, String> {
    let started = Instant::now();
    for _ in 0..count {
        act(&mut on)?;
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(count.max(1)))
}

fn done(work: &str, count: u32, outcome: Result<f64, String>) -> ExitCode {
    match outcome {
        Ok(each) => {
            say(&format!("{work} {count} {each:.2} us each"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("cost: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    say("usage: cost register|call|options|retransmission|packet|played|recorded|mixed COUNT");
    ExitCode::from(2)
}

#[expect(clippy::print_stdout, reason = "a program for people and scripts")]
fn say(line: &str) {
    println!("{line}");
}
