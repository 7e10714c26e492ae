//! `tone`: the caller hears a signal.

use core::time::Duration;

use super::play::STOP_ON_KEY;
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::{Ask, Signal};

pub(super) const ROW: Row = Row {
    name: "tone",
    about: "Lets the caller hear a signal.",
    settings: &[
        Setting::may(
            "signal",
            Kind::Choice(&["beep", "busy", "congestion", "echo", "milliwatt", "ringback"]),
            "Which: `echo` says back what it hears, `milliwatt` is 1004 Hz.",
        ),
        Setting::may("seconds", Kind::Number(1, 3_600, 1), "How long."),
        STOP_ON_KEY,
    ],
    outcomes: &[leads("done", "the time is over"), leads("interrupted", "a key ended it")],
    named_by: None,
    waits: true,
    read,
};

#[derive(Debug)]
struct Tone {
    signal: Signal,
    length: Duration,
    stop_on_key: bool,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let signal = match settings.choice("signal") {
        "busy" => Signal::Busy,
        "congestion" => Signal::Congestion,
        "echo" => Signal::Echo,
        "milliwatt" => Signal::Milliwatt,
        "ringback" => Signal::Ringback,
        _ => Signal::Beep,
    };
    let length = Duration::from_secs(settings.number("seconds").into());
    Box::new(Tone { signal, length, stop_on_key: settings.flag("stop_on_key") })
}

impl Verb for Tone {
    fn begin(&self, _: &mut Scene<'_>) -> Move {
        let (signal, length, stop_on_key) = (self.signal, self.length, self.stop_on_key);
        Move::Ask(Ask::Tone { signal, length, stop_on_key })
    }

    fn excludes(&self, outcome: &str) -> bool {
        outcome == "interrupted" && !self.stop_on_key
    }
}
