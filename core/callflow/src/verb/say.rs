//! `say`: words are spoken to the caller.

use super::play::{Manner, STOP_ON_KEY, TIMES};
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::Clip;
use crate::template::Template;

pub(super) const ROW: Row = Row {
    name: "say",
    about: "Speaks to the caller.",
    settings: &[
        Setting::must("text", Kind::Text(4_000), "The words; ${name} is filled in."),
        VOICE,
        LANGUAGE,
        TIMES,
        STOP_ON_KEY,
    ],
    outcomes: &[
        leads("done", "all of it was said"),
        leads("interrupted", "a key ended it"),
        leads("failed", "nobody here can speak"),
    ],
    named_by: None,
    waits: true,
    read,
};

pub(super) const VOICE: Setting =
    Setting::may("voice", Kind::Text(100), "Which voice; absent for the usual one.");
pub(super) const LANGUAGE: Setting =
    Setting::may("language", Kind::Text(35), "Which language (BCP 47); absent for that of the account.");

/// Words with a voice.
#[derive(Debug)]
pub(super) struct Words {
    text: Template,
    voice: Box<str>,
    language: Box<str>,
}

impl Words {
    /// Words that `name` holds; none if it is empty.
    pub(super) fn read(settings: &mut Reader<'_>, name: &str) -> Option<Self> {
        let text = settings.template(name);
        let (voice, language) = (settings.text("voice"), settings.text("language"));
        (!text.is_empty()).then_some(Self { text, voice, language })
    }

    pub(super) fn clip(&self, scene: &Scene<'_>) -> Clip {
        let text = self.text.fill(scene.variables).into();
        Clip::Speech { text, voice: self.voice.clone(), language: self.language.clone() }
    }
}

#[derive(Debug)]
struct Say {
    words: Option<Words>,
    manner: Manner,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(Say { words: Words::read(settings, "text"), manner: Manner::read(settings) })
}

impl Verb for Say {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        self.manner.of(self.words.iter().map(|words| words.clip(scene)).collect())
    }

    fn excludes(&self, outcome: &str) -> bool {
        self.manner.excludes(outcome)
    }
}
