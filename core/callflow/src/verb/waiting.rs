//! What a caller hears who waits for somebody: music, and announcements.

use super::play::{clips, sounds};
use super::say::Words;
use super::{Reader, Scene};
use crate::ask::Clip;

/// The settings `music`, `waiting`, `announce` and `announce_text` of a verb.
#[derive(Debug)]
pub(super) struct Waiting {
    music: Vec<Box<str>>,
    melody: bool,
    announce: Vec<Box<str>>,
    words: Option<Words>,
}

impl Waiting {
    pub(super) fn read(settings: &mut Reader<'_>) -> Self {
        Self {
            music: sounds(settings, "music"),
            melody: settings.choice("waiting") == "music",
            announce: sounds(settings, "announce"),
            words: Words::read(settings, "announce_text"),
        }
    }

    /// What is heard over and over: our melody where no sounds are named and nothing else is wanted.
    pub(super) fn music(&self, scene: &Scene<'_>) -> Vec<Clip> {
        let mut music: Vec<Clip> = clips(&self.music, scene.variables).collect();
        if music.is_empty() && self.melody {
            music.push(Clip::Melody);
        }
        music
    }

    /// What is heard now and then.
    pub(super) fn announcement(&self, scene: &Scene<'_>) -> Vec<Clip> {
        let words = self.words.iter().map(|words| words.clip(scene));
        clips(&self.announce, scene.variables).chain(words).collect()
    }
}
