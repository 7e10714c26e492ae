//! `conference`: the caller talks with everybody else who is in a room.

use super::play::{SOUNDS, clips, sounds};
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads, may_end};
use crate::ask::{Ask, Conference};
use crate::collector::is_key;
use crate::template::Template;

pub(super) const ROW: Row = Row {
    name: "conference",
    about: "Lets the caller talk with everybody else in a room of the account.",
    settings: &[
        Setting::must("room", Kind::Text(64), "Name of the room; whoever names it is in the same one."),
        Setting::may("pin", Kind::Text(16), "Keys that let in; absent for none."),
        Setting::may("moderator_pin", Kind::Text(16), "Keys that let in as moderator."),
        Setting::may("pin_prompt", SOUNDS, "What asks for the PIN; # ends it."),
        Setting::may("moderator", Kind::Flag(false), "Whether the caller is a moderator without a PIN."),
        Setting::may(
            "wait_for_moderator",
            Kind::Flag(false),
            "Whether the caller hears nobody until a moderator is there.",
        ),
        Setting::may(
            "end_with_moderator",
            Kind::Flag(false),
            "Whether it is over for the caller when the last moderator leaves.",
        ),
        Setting::may("muted", Kind::Flag(false), "Whether the caller listens only, until it unmutes itself."),
        Setting::may("most", Kind::Number(2, 500, 50), "How many may be in the room."),
        Setting::may("tones", Kind::Flag(true), "Whether the room hears when the caller comes and goes."),
        Setting::may("announce", SOUNDS, "What the room hears when the caller comes."),
        Setting::may("alone", SOUNDS, "What the caller hears, again and again, while nobody else is there."),
        Setting::may(
            "keys",
            Kind::Flag(true),
            "Whether *6 mutes and unmutes, *0 leaves, and *5 of a moderator mutes all others.",
        ),
    ],
    outcomes: &[
        leads("left", "the caller left by a key"),
        leads("ended", "the last moderator left, or somebody ended it"),
        leads("full", "there are as many as may be"),
        leads("wrong_pin", "three times no PIN that lets in"),
        may_end("removed", "the caller was put out"),
        leads("failed", "it did not work"),
    ],
    named_by: None,
    waits: true,
    read,
};

#[derive(Debug)]
struct Confer {
    room: Template,
    pin: Template,
    moderator_pin: Template,
    pin_prompt: Vec<Box<str>>,
    announce: Vec<Box<str>>,
    alone: Vec<Box<str>>,
    rest: Conference,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let rest = Conference {
        room: String::new(),
        pin: String::new(),
        moderator_pin: String::new(),
        pin_prompt: Vec::new(),
        moderator: settings.flag("moderator"),
        waits: settings.flag("wait_for_moderator"),
        ends: settings.flag("end_with_moderator"),
        muted: settings.flag("muted"),
        most: u16::try_from(settings.number("most")).unwrap_or(u16::MAX),
        tones: settings.flag("tones"),
        announce: Vec::new(),
        alone: Vec::new(),
        keys: settings.flag("keys"),
    };
    Box::new(Confer {
        room: settings.template("room"),
        pin: pin(settings, "pin"),
        moderator_pin: pin(settings, "moderator_pin"),
        pin_prompt: sounds(settings, "pin_prompt"),
        announce: sounds(settings, "announce"),
        alone: sounds(settings, "alone"),
        rest,
    })
}

/// Keys, or variables that hold them.
fn pin(settings: &mut Reader<'_>, name: &str) -> Template {
    let text = settings.text(name);
    if !text.contains("${") && !text.bytes().all(|key| is_key(key) && key != b'#') {
        settings.wrong(name, "keys of a telephone: 0 to 9 and *");
    }
    Template::new(&text)
}

impl Verb for Confer {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let filled = |text: &Template| text.fill(scene.variables).trim().to_owned();
        let heard = |sounds: &[Box<str>]| clips(sounds, scene.variables).collect();
        Move::Ask(Ask::Conference(Box::new(Conference {
            room: filled(&self.room),
            pin: filled(&self.pin),
            moderator_pin: filled(&self.moderator_pin),
            pin_prompt: heard(&self.pin_prompt),
            announce: heard(&self.announce),
            alone: heard(&self.alone),
            ..self.rest.clone()
        })))
    }

    fn excludes(&self, outcome: &str) -> bool {
        match outcome {
            "wrong_pin" => self.pin.is_empty() && self.moderator_pin.is_empty(),
            "left" => !self.rest.keys,
            _ => false,
        }
    }
}
