//! Lines by table: what happens, and who is told what.

use super::*;
use sip_stack::Slot;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_000 + seconds)
}

fn caller(number: u32) -> Holder {
    (0, Slot { index: number, generation: 0 })
}

fn terms(turn: Turn) -> QueueTerms {
    QueueTerms {
        agents: ["ann", "ben", "cat"].map(Into::into).to_vec(),
        turn,
        most: 3,
        wrap_up: Duration::from_secs(10),
        retry: Duration::from_secs(5),
    }
}

/// What somebody did, when.
enum Step {
    Join(u32),
    Leave(u32),
    Answered(u32, &'static str),
    Missed(u32, bool),
    Wait,
}

/// Plays the steps; what is said after each, in words.
fn play(turn: Turn, steps: &[(u64, Step, &str)]) {
    let mut lines = Lines::default();
    for (second, step, expected) in steps {
        let (now, mut say) = (at(*second), Vec::new());
        match step {
            Step::Join(who) => {
                lines.join("support", (caller(*who), "call".into()), terms(turn), now, &mut say);
            }
            Step::Leave(who) => lines.leave(caller(*who), now, &mut say),
            Step::Answered(who, agent) => lines.answered(caller(*who), agent, now, &mut say),
            Step::Missed(who, offline) => lines.missed(caller(*who), *offline, now, &mut say),
            Step::Wait => lines.serve(now, &mut say),
        }
        let word = |(holder, say): &(Holder, QueueTold)| match say {
            QueueTold::Full => format!("{}:full", holder.1.index),
            QueueTold::NoAgents => format!("{}:none", holder.1.index),
            QueueTold::Place(place, _) => format!("{}@{place}", holder.1.index),
            QueueTold::Ring(agents) => format!("{}<{}", holder.1.index, agents.join("+")),
            QueueTold::Order(agents) => format!("{}:{}", holder.1.index, agents.join(",")),
        };
        let said: Vec<_> = say.iter().map(word).collect();
        assert_eq!(said.join(" "), *expected, "at {second} s");
    }
}

#[test]
fn first_in_first_out_with_agents_in_order() {
    play(
        Turn::InOrder,
        &[
            (0, Step::Join(1), "1<ann 1@1"),
            (1, Step::Join(2), "2<ben 2@2"),
            (2, Step::Join(3), "3<cat 3@3"),
            (3, Step::Join(4), "4:full"),
            (4, Step::Answered(1, "ann"), "2@1 3@2"),
            (5, Step::Join(4), "4@3"),
            (6, Step::Leave(2), "4<ben 3@1 4@2"),
            (7, Step::Answered(4, "ben"), ""),
            (8, Step::Answered(3, "cat"), ""),
            (9, Step::Join(5), "5@1"),
            (20, Step::Leave(1), ""),
            (29, Step::Wait, ""),
            (30, Step::Wait, "5<ann"),
        ],
    );
}

#[test]
fn whoever_did_not_answer_is_left_alone_for_a_while() {
    play(
        Turn::InOrder,
        &[
            (0, Step::Join(1), "1<ann 1@1"),
            (2, Step::Missed(1, false), "1<ben"),
            (4, Step::Missed(1, false), "1<cat"),
            (6, Step::Missed(1, false), ""),
            (7, Step::Wait, "1<ann"),
        ],
    );
}

#[test]
fn nobody_waits_for_agents_who_are_not_there() {
    play(
        Turn::All,
        &[
            (0, Step::Join(1), "1<ann+ben+cat 1@1"),
            (1, Step::Missed(1, true), "1:none"),
            (2, Step::Join(2), "2:none"),
        ],
    );
}

#[test]
fn turns_go_round() {
    play(
        Turn::RoundRobin,
        &[
            (0, Step::Join(1), "1<ann 1@1"),
            (1, Step::Answered(1, "ann"), ""),
            (2, Step::Leave(1), ""),
            (20, Step::Join(2), "2<ben 2@1"),
            (21, Step::Leave(2), ""),
            (22, Step::Join(3), "3<cat 3@1"),
            (23, Step::Leave(3), ""),
            (24, Step::Join(4), "4<ann 4@1"),
        ],
    );
}

#[test]
fn who_talked_last_comes_last() {
    play(
        Turn::LongestIdle,
        &[
            (0, Step::Join(1), "1<ann 1@1"),
            (1, Step::Answered(1, "ann"), ""),
            (2, Step::Join(2), "2<ben 2@1"),
            (3, Step::Answered(2, "ben"), ""),
            (4, Step::Leave(2), ""),
            (5, Step::Leave(1), ""),
            (60, Step::Join(3), "3<cat 3@1"),
            (61, Step::Join(4), "4<ben 4@2"),
        ],
    );
}

#[test]
fn callers_that_do_not_wait_ring_agents_in_turns_or_by_their_last_talk() {
    let mut lines = Lines::default();
    let agents = || ["ann", "ben", "cat"].map(Into::into).to_vec();
    let mut order = |turn, place: &str| lines.order(place.into(), agents(), turn).join(",");
    assert_eq!(order(Turn::RoundRobin, "flow/a"), "ann,ben,cat");
    assert_eq!(order(Turn::RoundRobin, "flow/a"), "ben,cat,ann");
    assert_eq!(order(Turn::RoundRobin, "flow/b"), "ann,ben,cat");
    assert_eq!(order(Turn::RoundRobin, "flow/a"), "cat,ann,ben");
    assert_eq!(order(Turn::RoundRobin, "flow/a"), "ann,ben,cat");
    let mut say = Vec::new();
    assert_eq!(lines.order("flow/c".into(), agents(), Turn::LongestIdle).join(","), "ann,ben,cat");
    lines.answered(caller(1), "ann", at(0), &mut say);
    lines.answered(caller(2), "ben", at(1), &mut say);
    assert_eq!(lines.order("flow/c".into(), agents(), Turn::LongestIdle).join(","), "cat,ann,ben");
    lines.leave(caller(2), at(5), &mut say);
    lines.leave(caller(1), at(9), &mut say);
    assert_eq!(lines.order("flow/c".into(), agents(), Turn::LongestIdle).join(","), "cat,ben,ann");
}
