//! `record`: what the caller says, or the talk that follows, is kept.

use core::time::Duration;

use super::play::{SOUNDS, clips, sounds};
use super::say::{LANGUAGE, VOICE, Words};
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads, may_end};
use crate::ask::{Ask, Record, Subject};
use crate::collector::is_key;

pub(super) const ROW: Row = Row {
    name: "record",
    about: "Records the caller until it is over, or the talk that follows; who hangs up does not undo it.",
    settings: &[
        Setting::may(
            "what",
            Kind::Choice(&["caller", "call", "stop"]),
            "`caller`: what the caller says now; `call`: whoever talks from now on, the caller on the left and the callee \
             on the right; `stop`: nothing any more.",
        ),
        Setting::may(
            "sounds",
            SOUNDS,
            "What is heard before: sounds by id or name, or addresses of WAV files.",
        ),
        Setting::may("text", Kind::Text(4_000), "The same in words, spoken after the sounds."),
        VOICE,
        LANGUAGE,
        Setting::may(
            "beep",
            Kind::Flag(true),
            "Whether a beep says that it begins; for `call` only if asked for.",
        ),
        Setting::may(
            "max_s",
            Kind::Number(1, 7_200, 300),
            "Seconds after which a recording of the caller ends.",
        ),
        Setting::may("silence_s", Kind::Number(0, 60, 0), "Seconds of silence that end it; 0 for none."),
        Setting::may("keys", Kind::Text(12), "Keys that end it: # if absent, empty for none."),
        Setting::may(
            "variable",
            Kind::Name("recording"),
            "The variable that gets the id; its name with _ms behind it gets the length.",
        ),
    ],
    outcomes: &[
        leads("done", "it is as long as it may be; for `call` and `stop`: it was done"),
        leads("key", "a key ended it"),
        leads("silence", "silence ended it"),
        may_end("failed", "it could not be kept, or there is nothing to stop"),
    ],
    named_by: None,
    waits: true,
    read,
};

#[derive(Debug)]
struct RecordAudio {
    sounds: Vec<Box<str>>,
    words: Option<Words>,
    beep: bool,
    subject: Subject,
    variable: Box<str>,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let what = settings.choice("what");
    let keys = if settings.has("keys") { settings.text("keys") } else { "#".into() };
    if !keys.bytes().all(is_key) {
        settings.wrong("keys", "keys of a telephone: 0 to 9, * and #");
    }
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let longest = seconds(settings.number("max_s"));
    let silence = Some(settings.number("silence_s")).filter(|silence| *silence > 0).map(seconds);
    let subject = match what {
        "call" => Subject::Call,
        "stop" => Subject::Nothing,
        _ => Subject::Caller { longest, silence, keys },
    };
    Box::new(RecordAudio {
        sounds: sounds(settings, "sounds"),
        words: Words::read(settings, "text"),
        beep: settings.flag("beep") && (what == "caller" || what == "call" && settings.has("beep")),
        subject,
        variable: settings.name("variable"),
    })
}

impl Verb for RecordAudio {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let words = self.words.iter().map(|words| words.clip(scene));
        Move::Ask(Ask::Record(Record {
            prompt: clips(&self.sounds, scene.variables).chain(words).collect(),
            beep: self.beep,
            subject: self.subject.clone(),
            variable: self.variable.clone(),
            envelope: None,
        }))
    }

    fn excludes(&self, outcome: &str) -> bool {
        match (&self.subject, outcome) {
            (Subject::Caller { silence, .. }, "silence") => silence.is_none(),
            (Subject::Caller { keys, .. }, "key") => keys.is_empty(),
            (Subject::Call | Subject::Nothing, "key" | "silence") => true,
            (_, _) => false,
        }
    }
}
