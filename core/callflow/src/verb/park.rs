//! `park`: the caller waits in an orbit until somebody takes it over from there.

use core::time::Duration;

use super::play::SOUNDS;
use super::say::{LANGUAGE, VOICE};
use super::waiting::Waiting;
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads, may_end};
use crate::ask::{Ask, Park};
use crate::template::Template;

pub(super) const ROW: Row = Row {
    name: "park",
    about: "Lets the caller wait in an orbit until somebody dials it, or a flow retrieves it.",
    settings: &[
        Setting::may(
            "orbit",
            Kind::Text(32),
            "The orbit: a number or a name, or the first free one of a range; absent for 701-720.",
        ),
        Setting::may("timeout_s", Kind::Number(1, 14_400, 120), "Seconds that the caller may wait."),
        Setting::may("music", SOUNDS, "What it hears, over and over: names of sounds, or addresses."),
        WAITING,
        Setting::may(
            "announce",
            SOUNDS,
            "What it hears first: sounds; {orbit} stands for the number, {digits} for its digits one by one.",
        ),
        Setting::may("announce_text", Kind::Text(512), "The same as words to be spoken."),
        VOICE,
        LANGUAGE,
    ],
    outcomes: &[
        may_end("retrieved", "somebody took the caller over, and hung up before it did"),
        leads("timeout", "nobody did in timeout_s"),
        leads("full", "the orbit is taken, or none of them is free"),
    ],
    named_by: None,
    waits: true,
    read,
};

/// What is heard where no sounds are named.
const WAITING: Setting =
    Setting::may("waiting", Kind::Choice(&["music", "silence"]), "What it hears without sounds of yours.");

#[derive(Debug)]
struct ParkCaller {
    orbit: Template,
    patience: Duration,
    waiting: Waiting,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(ParkCaller {
        orbit: settings.template("orbit"),
        patience: Duration::from_secs(settings.number("timeout_s").into()),
        waiting: Waiting::read(settings),
    })
}

impl Verb for ParkCaller {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let orbit = self.orbit.fill(scene.variables);
        Move::Ask(Ask::Park(Box::new(Park {
            orbit: if orbit.is_empty() { USUAL.into() } else { orbit.into() },
            patience: self.patience,
            music: self.waiting.music(scene),
            announce: self.waiting.announcement(scene),
        })))
    }
}

/// Orbits that phones dial as they are.
const USUAL: &str = "701-720";
