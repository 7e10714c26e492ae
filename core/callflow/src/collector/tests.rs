//! Collections as rows: a rule, what happens when, and what comes of it.

use super::*;

fn rule(most: u8, options: &[&str]) -> DigitRule {
    DigitRule {
        least: 1,
        most,
        terminator: Some(b'#'),
        first: Duration::from_secs(5),
        between: Duration::from_secs(2),
        barge_in: true,
        options: options.iter().map(|&option| option.into()).collect(),
        tries: 1,
    }
}

/// Plays a line: digits are keys, `.` is the end of the prompt, `-` a second that passes.
fn play(rule: DigitRule, line: &str) -> (Collected, String, u32) {
    let mut collector = Collector::new(rule);
    let mut now = Timestamp::from_secs(100);
    let mut prompts = 1;
    let mut last = Collected::Prompt;
    for event in line.bytes() {
        last = match event {
            b'.' => collector.on_prompt_over(now),
            b'-' => {
                now = now + Duration::from_secs(1);
                collector.on_timeout(now)
            }
            key => collector.on_key(key, now),
        };
        prompts += u32::from(last == Collected::Prompt);
        if matches!(last, Collected::Over(_)) {
            break;
        }
    }
    (last, collector.digits().to_owned(), prompts)
}

#[test]
fn keys_are_taken_in_by_the_rule() {
    let over = |name: &'static str| Collected::Over(Outcome::named(name));
    let patient = |rule: DigitRule| DigitRule { barge_in: false, ..rule };
    let (four, menu) = (|| rule(4, &[]), || rule(1, &["1", "2"]));
    let least = |least| DigitRule { least, ..four() };
    let open = DigitRule { terminator: None, ..four() };
    let long = || rule(3, &["1", "10", "105"]);
    for (name, rule, line, outcome, digits) in [
        ("as many as there may be", four(), ".1234", over("digits"), "1234"),
        ("ended by a key", four(), ".12#", over("digits"), "12"),
        ("ended by a pause", four(), ".12--", over("digits"), "12"),
        ("into the prompt", four(), "12#", over("digits"), "12"),
        ("into a prompt that goes on", patient(four()), "12.3#", over("digits"), "3"),
        ("nothing", four(), ".-----", over("timeout"), ""),
        ("no time runs while the prompt does", four(), "-------.1#", over("digits"), "1"),
        ("too few", least(3), ".12#", over("invalid"), "12"),
        ("a # that ends nothing", open, ".1#2#", over("digits"), "1#2#"),
        ("no key at all", four(), ".x1#", over("digits"), "1"),
        ("a choice", menu(), ".2", over("2"), "2"),
        ("no choice", menu(), ".7", over("invalid"), "7"),
        ("a choice that is part of another, after a pause", long(), ".1--", over("1"), "1"),
        ("the other", long(), ".105", over("105"), "105"),
        ("neither", long(), ".11", over("invalid"), "11"),
    ] {
        let (last, collected, _) = play(rule, line);
        assert_eq!((last, &*collected), (outcome, digits), "{name}");
    }
}

#[test]
fn nothing_sensible_is_asked_for_again() {
    let thrice = DigitRule { tries: 3, ..rule(1, &["1"]) };
    assert_eq!(play(thrice.clone(), ".-----.7.1"), (Collected::Over(Outcome::named("1")), "1".into(), 3));
    assert_eq!(play(thrice, ".-----.7.8"), (Collected::Over(Outcome::INVALID), "8".into(), 3));
}

#[test]
fn a_key_stops_the_prompt_once() {
    let now = Timestamp::from_secs(1);
    let mut collector = Collector::new(rule(4, &[]));
    let until = now + Duration::from_secs(2);
    assert_eq!(collector.on_key(b'1', now), Collected::Hush(until));
    assert_eq!(collector.on_key(b'2', now), Collected::Wait(Some(until)));
}
