//! What stays out of the code below `host/`: clocks, sockets, disks, locks, threads, tasks and
//! random sources. Time is an argument, output a parameter, randomness a seed.

use super::Finding;
use super::source::{Source, has_word, numbered};

const FLOORS: &[&str] = &["wire", "proto", "core"];

const OUT_OF_PLACE: &[(&str, &str)] = &[
    ("Instant::now", "time is an argument (timestamp::Timestamp)"),
    ("SystemTime::now", "time is an argument (timestamp::Timestamp)"),
    ("std::thread", "threads belong to host/"),
    ("thread::spawn", "threads belong to host/"),
    ("thread::sleep", "give a deadline and let host/ wait"),
    ("Mutex", "state has one owner: take &mut self"),
    ("RwLock", "state has one owner: take &mut self"),
    ("RefCell", "state has one owner: take &mut self"),
    ("UdpSocket", "push an output, host/ sends it"),
    ("TcpStream", "push an output, host/ sends it"),
    ("TcpListener", "push an output, host/ listens"),
    ("std::fs", "emit Persist or Record, host/ writes it"),
    ("fs::File", "emit Persist or Record, host/ writes it"),
    ("std::env", "configuration is handed in"),
    ("tokio", "no runtime below host/"),
    ("async fn", "no task below host/: handle an input, push outputs"),
    ("async move", "no task below host/: handle an input, push outputs"),
    ("getrandom", "a seeded generator is handed in"),
    ("RandomState", "a seed is handed in"),
];

/// Finds such things in the sources of the lower floors, outside tests and comments.
pub(crate) fn check(source: &Source, findings: &mut Vec<Finding>) {
    if !FLOORS.contains(&source.floor()) || source.is_test() {
        return;
    }
    for (number, line) in numbered(&source.code) {
        for (word, fix) in OUT_OF_PLACE {
            if has_word(line, word) {
                findings.push(Finding::new(
                    &source.path,
                    number,
                    "purity",
                    format!("`{word}` below host/"),
                    fix,
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        Source::new(path, text.to_owned()).found_by(check)
    }

    #[test]
    fn clocks_and_locks_are_found_below_host_only() {
        assert_eq!(found("core/engine/src/shard.rs", "let now = Instant::now();"), 1);
        assert_eq!(found("proto/media/src/plane.rs", "x: Mutex<u8>,\nasync fn f() {}"), 2);
        assert_eq!(found("host/net/src/udp.rs", "let now = Instant::now();"), 0);
    }

    #[test]
    fn tests_comments_and_strings_may_speak_of_them() {
        assert_eq!(found("core/engine/src/shard.rs", "// never Instant::now\nlet a = \"tokio\";"), 0);
        assert_eq!(
            found("core/engine/src/shard.rs", "#[cfg(test)]\nmod tests { fn f() { Instant::now(); } }"),
            0
        );
        assert_eq!(found("core/engine/src/shard/tests.rs", "Instant::now();"), 0);
    }
}
