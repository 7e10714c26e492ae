//! Half a minute of fuzzing: the corpora as they are, then mutations of them, by a seed that is printed.
//!
//! `FUZZ_SECONDS` says how long in all, `FUZZ_SEED` repeats a run's decisions. An input that makes a target panic is kept
//! under `target/fuzz-smoke`.

use std::fs;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fuzz_smoke::dice::{Dice, mutate};
use fuzz_smoke::{bytes, flow, frames, protected, shared, stateful};
use sim::random::Random;

/// What takes octets, and where octets for it lie.
struct Target {
    name: &'static str,
    corpora: &'static [&'static str],
    /// Returns how many inputs it took the octets for.
    run: fn(&[u8]) -> u64,
    /// Its part of the time.
    share: u32,
}

/// The inputs of one target, and what became of them.
struct Trial<'t> {
    target: &'t Target,
    inputs: u64,
    panics: u64,
}

fn main() -> ExitCode {
    let seed = number("FUZZ_SEED").unwrap_or_else(now);
    let seconds = number("FUZZ_SECONDS").unwrap_or(30);
    say(&format!("fuzz-smoke: {seconds} s, FUZZ_SEED={seed}"));
    let shares: u32 = TARGETS.iter().map(|target| target.share).sum();
    let (mut failed, mut inputs, mut panics) = (0, 0, 0);
    for target in TARGETS {
        let time = Duration::from_secs(seconds) * target.share / shares;
        let mut trial = Trial { target, inputs: 0, panics: 0 };
        trial.run(time, Random::new(seed));
        say(&format!("{:9} {} inputs, {} panics", target.name, trial.inputs, trial.panics));
        failed += usize::from(trial.panics > 0);
        inputs += trial.inputs;
        panics += trial.panics;
    }
    say(&format!("{inputs} inputs, {panics} panics"));
    say(&format!("{} passed, {failed} failed", TARGETS.len() - failed));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Trial<'_> {
    fn run(&mut self, time: Duration, mut random: Random) {
        let corpus = self.corpus();
        for octets in &corpus {
            self.try_one(octets);
        }
        let end = Instant::now() + time;
        while Instant::now() < end && self.panics < ENOUGH {
            let chance: Vec<u8> =
                (0..32 + random.below(480)).flat_map(|_| random.number().to_le_bytes()).collect();
            let mut octets = random.pick(&corpus).cloned().unwrap_or_default();
            mutate(&mut octets, &corpus, &mut Dice::new(&chance));
            // A target without a corpus takes its decisions from chance alone.
            self.try_one(if corpus.is_empty() { &chance } else { &octets });
        }
    }

    fn try_one(&mut self, octets: &[u8]) {
        let run = self.target.run;
        match catch_unwind(AssertUnwindSafe(|| run(octets))) {
            Ok(inputs) => self.inputs += inputs,
            Err(_) => {
                self.inputs += 1;
                self.panics += 1;
                self.keep(octets);
            }
        }
    }

    fn keep(&self, octets: &[u8]) {
        let path = root().join("target/fuzz-smoke").join(format!("{}-{}", self.target.name, self.panics));
        let kept = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, octets));
        say(&match kept {
            Ok(()) => format!("{}: kept as {}", self.target.name, path.display()),
            Err(error) => format!("{}: not kept: {error}: {}", self.target.name, octets.escape_ascii()),
        });
    }

    fn corpus(&self) -> Vec<Vec<u8>> {
        let folders = self.target.corpora.iter().filter_map(|folder| fs::read_dir(root().join(folder)).ok());
        let mut files: Vec<PathBuf> =
            folders.flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        files.iter().filter_map(|file| fs::read(file).ok()).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate stands two folders deep")
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}

fn say(line: &str) {
    // Nobody is left to tell when stdout is gone.
    let _ = writeln!(io::stdout().lock(), "{line}");
}

fn once(run: impl Fn(&[u8]), octets: &[u8]) -> u64 {
    run(octets);
    1
}

/// Who panics this often need not be asked again.
const ENOUGH: u64 = 5;

const TORTURE: &str = "wire/sip-msg/tests/torture";

const TARGETS: &[Target] = &[
    Target {
        name: "scan",
        corpora: &["test/fuzz/corpus/scan", TORTURE],
        run: |o| once(bytes::scanning, o),
        share: 1,
    },
    Target {
        name: "parse",
        corpora: &["test/fuzz/corpus/parse", TORTURE],
        run: |o| once(bytes::parsing, o),
        share: 2,
    },
    Target { name: "sdp", corpora: &["test/fuzz/corpus/sdp"], run: |o| once(bytes::describing, o), share: 1 },
    Target { name: "rtp", corpora: &["test/fuzz/corpus/rtp"], run: |o| once(bytes::packets, o), share: 1 },
    Target { name: "stun", corpora: &["test/fuzz/corpus/stun"], run: |o| once(bytes::checks, o), share: 1 },
    Target { name: "rtcp", corpora: &["test/fuzz/corpus/rtcp"], run: |o| once(bytes::reports, o), share: 1 },
    Target { name: "protected", corpora: &[], run: protected::story, share: 1 },
    Target { name: "frames", corpora: &[], run: |o| once(frames::story, o), share: 1 },
    Target { name: "flow", corpora: &["test/ladders/flows"], run: |o| once(flow::story, o), share: 1 },
    Target { name: "shared", corpora: &[], run: shared::story, share: 2 },
    Target { name: "stateful", corpora: &["test/fuzz/corpus/stateful"], run: stateful::story, share: 5 },
];
