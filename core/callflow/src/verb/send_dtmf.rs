//! `send_dtmf`: keys are pressed towards the caller, as for a machine that asks for them.

use core::time::Duration;

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::{Ask, Press, Told};
use crate::collector::is_key;
use crate::template::Template;
use crate::verb::Outcome;

pub(super) const ROW: Row = Row {
    name: "send_dtmf",
    about: "Presses keys towards the caller: as events, as tones or by INFO, as its side has it.",
    settings: &[
        Setting::must("digits", Kind::Text(64), "0 to 9, *, #, A to D; `w` waits for half a second."),
        Setting::may("tone_ms", Kind::Number(80, 5_000, 100), "Milliseconds that a key is pressed."),
        Setting::may("pause_ms", Kind::Number(60, 5_000, 100), "Milliseconds between two keys."),
    ],
    outcomes: &[
        leads("done", "all of them were pressed"),
        leads("failed", "there is a key that no telephone has"),
    ],
    named_by: None,
    waits: true,
    read,
};

#[derive(Debug)]
struct SendKeys {
    digits: Template,
    tone: Duration,
    pause: Duration,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let digits = settings.text("digits");
    if !digits.contains("${") && (digits.is_empty() || !digits.bytes().all(is_pressed)) {
        settings.wrong("digits", "keys of a telephone: 0 to 9, *, #, A to D, and w");
    }
    let ms = |settings: &mut Reader<'_>, name| Duration::from_millis(settings.number(name).into());
    Box::new(SendKeys {
        digits: settings.template("digits"),
        tone: ms(settings, "tone_ms"),
        pause: ms(settings, "pause_ms"),
    })
}

impl Verb for SendKeys {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let digits = self.digits.fill(scene.variables);
        match !digits.is_empty() && digits.len() <= MOST && digits.bytes().all(is_pressed) {
            true => {
                Move::Ask(Ask::Press(Press { digits: digits.into(), tone: self.tone, pause: self.pause }))
            }
            false => Move::Go(Told::of(Outcome::FAILED)),
        }
    }
}

fn is_pressed(key: u8) -> bool {
    is_key(key) || key == b'w'
}

/// Keys at once, with variables filled in.
const MOST: usize = 64;
