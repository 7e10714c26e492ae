//! `cost register|call|options COUNT`: does that much work in one shard and prints what a piece took.
//!
//! No socket and no thread, so that instructions counted under valgrind are the same on every run;
//! `test/bench/instructions` takes the difference of two counts. Media is bypassed as in the bench beside peers.

mod peer;

use std::process::ExitCode;
use std::time::Instant;

use peer::Peer;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let count = words.get(1).and_then(|word| word.parse::<u32>().ok());
    let (Some(work), Some(count)) = (words.first(), count) else { return usage() };
    let mut peer = match Peer::new() {
        Ok(peer) => peer,
        Err(error) => return failed(&error),
    };
    let act: fn(&mut Peer) -> Result<(), String> = match work.as_str() {
        "register" => Peer::register,
        "call" => Peer::call,
        "options" => Peer::options,
        _ => return usage(),
    };
    let started = Instant::now();
    for _ in 0..count {
        if let Err(error) = act(&mut peer) {
            return failed(&error);
        }
    }
    let each = started.elapsed().as_secs_f64() * 1e6 / f64::from(count.max(1));
    say(&format!("{work} {count} {each:.2} us each"));
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    say("usage: cost register|call|options COUNT");
    ExitCode::from(2)
}

fn failed(error: &str) -> ExitCode {
    say(&format!("cost: {error}"));
    ExitCode::FAILURE
}

#[expect(clippy::print_stdout, reason = "a program for people and scripts")]
fn say(line: &str) {
    println!("{line}");
}
