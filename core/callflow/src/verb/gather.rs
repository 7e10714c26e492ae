//! `gather`: keys are taken in, as digits or as a choice of a menu.

use core::time::Duration;

use super::play::{SOUNDS, clips, sounds};
use super::say::{LANGUAGE, VOICE, Words};
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::{Ask, Gather};
use crate::collector::{DigitRule, is_key};

pub(super) const ROW: Row = Row {
    name: "gather",
    about: "Plays a prompt and takes in keys: digits, or with `options` the choice of a menu.",
    settings: &[
        Setting::may("sounds", SOUNDS, "The prompt: sounds by id or name, or addresses of WAV files."),
        Setting::may("text", Kind::Text(4_000), "The prompt in words, spoken after the sounds."),
        VOICE,
        LANGUAGE,
        Setting::may(
            "options",
            Kind::List(&Kind::Text(8), 32),
            "Choices of a menu, each an outcome of its own.",
        ),
        Setting::may("least", Kind::Number(0, 32, 1), "Fewest digits."),
        Setting::may("most", Kind::Number(1, 32, 1), "Most digits; as many end it."),
        Setting::may("terminator", Kind::Text(1), "The key that ends it: # if absent, empty for none."),
        Setting::may("first_s", Kind::Number(1, 120, 10), "Seconds until the first key."),
        Setting::may("between_s", Kind::Number(1, 60, 3), "Seconds until the next."),
        Setting::may(
            "barge_in",
            Kind::Flag(true),
            "Whether a key stops the prompt; where not, keys count after it.",
        ),
        Setting::may("tries", Kind::Number(1, 10, 1), "How often it is asked."),
        Setting::may("variable", Kind::Name("digits"), "The variable that gets the keys."),
    ],
    outcomes: &[
        leads("digits", "keys were pressed"),
        leads("timeout", "no key was pressed in time"),
        leads("invalid", "too few digits, or none of the options"),
    ],
    named_by: Some("options"),
    waits: true,
    read,
};

#[derive(Debug)]
struct GatherKeys {
    sounds: Vec<Box<str>>,
    words: Option<Words>,
    rule: DigitRule,
    variable: Box<str>,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let options = settings.texts("options");
    if options.iter().any(|option| option.is_empty() || !option.bytes().all(is_key)) {
        settings.wrong("options", "keys of a telephone: 0 to 9, * and #");
    }
    if options.iter().enumerate().any(|(index, option)| options.iter().skip(index + 1).any(|o| o == option)) {
        settings.wrong("options", "each of them once");
    }
    let terminator = match settings.has("terminator") {
        true => settings.text("terminator").bytes().next(),
        false => Some(b'#').filter(|key| !options.iter().any(|option| option.bytes().any(|b| b == *key))),
    };
    if terminator.is_some_and(|key| !is_key(key)) {
        settings.wrong("terminator", "a key of a telephone");
    }
    let (least, most) = (settings.number("least"), settings.number("most"));
    if options.is_empty() && least > most {
        settings.wrong("least", "no more than most");
    }
    let longest = options.iter().map(|option| option.len()).max();
    let small = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    let rule = DigitRule {
        least: small(least),
        most: small(longest.map_or(most, |longest| u32::try_from(longest).unwrap_or(most))),
        terminator,
        first: Duration::from_secs(settings.number("first_s").into()),
        between: Duration::from_secs(settings.number("between_s").into()),
        barge_in: settings.flag("barge_in"),
        options,
        tries: small(settings.number("tries")),
    };
    let sounds = sounds(settings, "sounds");
    Box::new(GatherKeys {
        sounds,
        words: Words::read(settings, "text"),
        rule,
        variable: settings.name("variable"),
    })
}

impl Verb for GatherKeys {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let words = self.words.iter().map(|words| words.clip(scene));
        let prompt = clips(&self.sounds, scene.variables).chain(words).collect();
        Move::Ask(Ask::Gather(Gather { prompt, rule: self.rule.clone(), variable: self.variable.clone() }))
    }

    fn named(&self) -> &[Box<str>] {
        &self.rule.options
    }

    fn excludes(&self, outcome: &str) -> bool {
        match outcome {
            "digits" => !self.rule.options.is_empty(),
            "invalid" => self.rule.options.is_empty() && self.rule.least <= 1,
            _ => false,
        }
    }
}
