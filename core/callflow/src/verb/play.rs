//! `play`: the caller hears sounds.

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::{Ask, Clip, Play};

pub(super) const ROW: Row = Row {
    name: "play",
    about: "Plays sounds to the caller, one after the other.",
    settings: &[
        Setting::must("sounds", SOUNDS, "Sounds of the account by id or name, or addresses of WAV files."),
        TIMES,
        STOP_ON_KEY,
    ],
    outcomes: &[
        leads("done", "all of it was played"),
        leads("interrupted", "a key ended it"),
        leads("failed", "there is no such sound, or it cannot be played"),
    ],
    named_by: None,
    waits: true,
    read,
};

/// Sounds in a row.
pub(super) const SOUNDS: Kind = Kind::List(&Kind::Text(1_024), 20);

/// How often something is heard.
pub(super) const TIMES: Setting = Setting::may(
    "times",
    Kind::Number(0, 1_000, 1),
    "How often; 0 plays until the caller hangs up or presses a key.",
);

/// Whether a key ends what is heard.
pub(super) const STOP_ON_KEY: Setting =
    Setting::may("stop_on_key", Kind::Flag(false), "Whether a key ends it.");

#[derive(Debug)]
struct PlaySounds {
    sounds: Vec<Box<str>>,
    times: Option<u32>,
    stop_on_key: bool,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let sounds = sounds(settings, "sounds");
    settings.needs_one("sounds");
    Box::new(PlaySounds { sounds, times: times(settings), stop_on_key: settings.flag("stop_on_key") })
}

/// Sounds that settings name.
pub(super) fn sounds(settings: &mut Reader<'_>, name: &str) -> Vec<Box<str>> {
    let sounds = settings.texts(name);
    if sounds.iter().any(|sound| sound.is_empty()) {
        settings.wrong(name, "a sound needs a name");
    }
    sounds
}

pub(super) fn times(settings: &mut Reader<'_>) -> Option<u32> {
    Some(settings.number("times")).filter(|times| *times > 0)
}

/// What is to be heard of these.
pub(super) fn clips<'s>(sounds: impl IntoIterator<Item = &'s Box<str>>) -> impl Iterator<Item = Clip> {
    sounds.into_iter().map(|sound| match is_address(sound) {
        true => Clip::Address(sound.clone()),
        false => Clip::Sound(sound.clone()),
    })
}

fn is_address(sound: &str) -> bool {
    sound.starts_with("http://") || sound.starts_with("https://")
}

impl Verb for PlaySounds {
    fn begin(&self, _: &mut Scene<'_>) -> Move {
        let (times, stop_on_key) = (self.times, self.stop_on_key);
        Move::Ask(Ask::Play(Play { clips: clips(&self.sounds).collect(), times, stop_on_key }))
    }

    fn excludes(&self, outcome: &str) -> bool {
        match outcome {
            "done" => self.times.is_none(),
            "interrupted" => !self.stop_on_key,
            _ => false,
        }
    }

    fn sounds(&self) -> Vec<&str> {
        self.sounds.iter().map(|sound| &**sound).filter(|sound| !is_address(sound)).collect()
    }
}
