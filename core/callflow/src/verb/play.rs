//! `play`: the caller hears sounds.

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::{Ask, Clip, Play};
use crate::template::Template;
use crate::variables::Variables;

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

/// How something is heard: how often, and whether a key ends it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    times: Option<u32>,
    stop_on_key: bool,
}

impl Manner {
    pub(super) fn read(settings: &mut Reader<'_>) -> Self {
        let times = Some(settings.number("times")).filter(|times| *times > 0);
        Self { times, stop_on_key: settings.flag("stop_on_key") }
    }

    /// What is asked for, if it is these that are heard.
    pub(super) fn of(self, clips: Vec<Clip>) -> Move {
        Move::Ask(Ask::Play(Play { clips, times: self.times, stop_on_key: self.stop_on_key }))
    }

    /// Whether this outcome cannot come.
    pub(super) fn excludes(self, outcome: &str) -> bool {
        match outcome {
            "done" => self.times.is_none(),
            "interrupted" => !self.stop_on_key,
            _ => false,
        }
    }
}

#[derive(Debug)]
struct PlaySounds {
    sounds: Vec<Box<str>>,
    manner: Manner,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let sounds = sounds(settings, "sounds");
    settings.needs_one("sounds");
    Box::new(PlaySounds { sounds, manner: Manner::read(settings) })
}

/// Sounds that settings name.
pub(super) fn sounds(settings: &mut Reader<'_>, name: &str) -> Vec<Box<str>> {
    let sounds = settings.texts(name);
    if sounds.iter().any(|sound| sound.is_empty()) {
        settings.wrong(name, "a sound needs a name");
    }
    sounds
}

/// What is to be heard of these; variables in their names are filled in.
pub(super) fn clips<'s>(
    sounds: impl IntoIterator<Item = &'s Box<str>>,
    variables: &Variables,
) -> impl Iterator<Item = Clip> {
    sounds.into_iter().map(|sound| Clip::of(&Template::new(sound).fill(variables)))
}

/// Whether a text is an address on the web, rather than a name.
pub(crate) fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

impl Verb for PlaySounds {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        self.manner.of(clips(&self.sounds, scene.variables).collect())
    }

    fn excludes(&self, outcome: &str) -> bool {
        self.manner.excludes(outcome)
    }
}
