//! Voicemail: leaving a message ([`Leaving`]) and hearing those of a mailbox ([`Visiting`]), as a caller does it with keys.
//!
//! Both are machines that ask of the call what every verb asks: to play, to record, to take in keys; and of whoever has the
//! mailboxes what [`Post`] says. Words are spoken where there is a voice; where there is none, beeps and keys do.

mod leaving;
mod own;
mod visiting;
mod words;

use core::time::Duration;

use crate::ask::{Ask, Clip, Errand, Gather, Play, Signal};
use crate::collector::DigitRule;
use crate::variables::Variables;
use crate::verb::Move;

pub(crate) use leaving::Leaving;
pub use own::{OWN_FLOWS, own_flow};
pub(crate) use visiting::Visiting;
pub use words::usual_greeting;

/// Which mailbox, and on whose behalf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// The mailbox by id, name or number; empty for that of the connection.
    pub mailbox: Box<str>,
    /// The connection that was dialled, or that the flow is attached to.
    pub connection: Box<str>,
    /// The connection that calls.
    pub caller: Box<str>,
}

impl Whose {
    pub(crate) fn of(mailbox: String, variables: &Variables) -> Self {
        let value = |name| variables.value(name).into();
        Self { mailbox: mailbox.into(), connection: value("attached"), caller: value("connection") }
    }
}

/// Who leaves a message, and in which call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// Number or user of the caller; empty if withheld.
    pub from: Box<str>,
    /// The caller's name.
    pub from_name: Box<str>,
    /// What was dialled.
    pub to: Box<str>,
    /// Id of the call.
    pub call: Box<str>,
}

impl Letter {
    pub(crate) fn of(variables: &Variables) -> Self {
        let value = |name| variables.value(name).into();
        let (from, from_name) = (value("caller"), value("caller_name"));
        Self { from, from_name, to: value("called"), call: value("call") }
    }
}

/// What is being said to a mailbox: should nobody be there any more to have it kept, this says where it belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The mailbox.
    pub mailbox: Box<str>,
    /// Who leaves it.
    pub letter: Letter,
}

/// What is asked of whoever has the mailboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Post {
    /// Which mailbox it is: `ok` with `mailbox` (its id), `language` (the one to speak in), `max_s`, `new`, `old`, `pin` (`yes` if it has one) and `own` (`yes`
    /// if it is the caller's own); `full`; or `failed`.
    Find {
        /// Which.
        whose: Whose,
        /// Whether a message is to be left there.
        to_leave: bool,
    },
    /// Whether this is its PIN: `ok` or `no`.
    Unlock {
        /// The mailbox.
        mailbox: Box<str>,
        /// What was keyed in.
        pin: Box<str>,
    },
    /// Keep a recording as a message, once it is on disk: `ok`, `full`, `failed`, or `empty` if nothing is said in it.
    Keep {
        /// The mailbox.
        mailbox: Box<str>,
        /// The recording.
        recording: Box<str>,
        /// Who left it.
        letter: Box<Letter>,
    },
    /// Nobody wants this recording: `ok`.
    Discard {
        /// The recording.
        recording: Box<str>,
    },
    /// The message behind this one, the oldest first: `ok` with `message`, `from` and `at`; or `no`.
    Read {
        /// The mailbox.
        mailbox: Box<str>,
        /// Which messages.
        heard: Heard,
        /// The one before; empty for the first.
        after: Box<str>,
    },
    /// A message was heard, and maybe is to be kept: `ok`.
    Mark {
        /// The message.
        message: Box<str>,
        /// Whether it is to be kept.
        saved: bool,
    },
    /// Delete a message: `ok`.
    Delete {
        /// The message.
        message: Box<str>,
    },
    /// Callers hear this recording first from now on, or the usual words without one: `ok` or `failed`.
    Greet {
        /// The mailbox.
        mailbox: Box<str>,
        /// The recording; empty for none.
        recording: Box<str>,
    },
    /// The mailbox has this PIN from now on: `ok` or `failed`.
    SetPin {
        /// The mailbox.
        mailbox: Box<str>,
        /// The PIN.
        pin: Box<str>,
    },
}

/// Which messages of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Those that nobody heard.
    No,
    /// Those that somebody did.
    Yes,
}

/// Asks whoever has the mailboxes.
fn post(post: Post) -> Move {
    Move::Ask(Ask::Errand(Errand::Mailbox(Box::new(post))))
}

/// Lets the caller hear these, once; a key ends it.
fn play(clips: Vec<Clip>) -> Move {
    Move::Ask(Ask::Play(Play { clips, times: Some(1), stop_on_key: true }))
}

fn beep() -> Move {
    Move::Ask(Ask::Tone { signal: Signal::Beep, length: BEEP, stop_on_key: false })
}

/// One of these keys, asked for twice.
fn choice(prompt: Vec<Clip>, keys: &[&str]) -> Move {
    let options = keys.iter().map(|key| (*key).into()).collect();
    let rule = DigitRule { options, most: 1, tries: 2, terminator: None, ..digits(1) };
    Move::Ask(Ask::Gather(Gather { prompt, rule, variable: DIGITS.into() }))
}

/// Digits, ended by `#`.
fn number(prompt: Vec<Clip>, most: u8) -> Move {
    Move::Ask(Ask::Gather(Gather { prompt, rule: digits(most), variable: DIGITS.into() }))
}

fn digits(most: u8) -> DigitRule {
    DigitRule {
        least: 1,
        most,
        terminator: Some(b'#'),
        first: Duration::from_secs(8),
        between: Duration::from_secs(4),
        barge_in: true,
        options: Vec::new(),
        tries: 1,
    }
}

/// The variable that keys are told in.
const DIGITS: &str = "digits";
/// How long a beep is.
const BEEP: Duration = Duration::from_millis(400);

#[cfg(test)]
mod testing {
    //! A routine played in one line: what it is told, and what it asks then.

    use super::Post;
    use crate::ask::{Ask, Clip, Errand, Told};
    use crate::verb::{Move, Outcome, Routine};

    /// What it wants, in a few words.
    pub(super) fn named(next: &Move) -> String {
        match next {
            Move::Go(told) => format!("={}", told.outcome),
            Move::Into(_) | Move::Through(_) => "elsewhere".to_owned(),
            Move::Ask(ask) => asked(ask),
        }
    }

    fn asked(ask: &Ask) -> String {
        let clips = |clips: &[Clip]| clips.iter().map(clip).collect::<Vec<_>>().join("+");
        match ask {
            Ask::Errand(Errand::Mailbox(post)) => posted(post),
            Ask::Play(play) => format!("play {}", clips(&play.clips)),
            Ask::Gather(gather) => format!("keys {}", clips(&gather.prompt)).trim_end().to_owned(),
            Ask::Tone { .. } => "beep".to_owned(),
            Ask::Record(record) => format!("record {}", clips(&record.prompt)).trim_end().to_owned(),
            other => other.verb().to_owned(),
        }
    }

    fn clip(clip: &Clip) -> String {
        match clip {
            Clip::Speech { text, .. } => text.split([' ', '.', ',']).take(3).collect::<Vec<_>>().join("_"),
            Clip::Greeting(id) | Clip::Message(id) | Clip::Recording(id) => id.to_string(),
            Clip::Sound(name) | Clip::Address(name) => name.to_string(),
            Clip::Melody => "melody".to_owned(),
        }
    }

    pub(super) fn posted(post: &Post) -> String {
        match post {
            Post::Find { whose, .. } => format!("find {}{}", whose.mailbox, whose.connection),
            Post::Unlock { pin, .. } => format!("unlock {pin}"),
            Post::Keep { mailbox, recording, .. } => format!("keep {recording} in {mailbox}"),
            Post::Discard { recording } => format!("discard {recording}"),
            Post::Read { after, heard, .. } => format!("read {heard:?} {after}").trim_end().to_owned(),
            Post::Mark { message, saved: true } => format!("save {message}"),
            Post::Mark { message, saved: false } => format!("heard {message}"),
            Post::Delete { message } => format!("delete {message}"),
            Post::Greet { recording, .. } => format!("greet {recording}").trim_end().to_owned(),
            Post::SetPin { pin, .. } => format!("pin {pin}"),
        }
    }

    /// `ok name=value name=value` as it would be told.
    pub(super) fn told(text: &str) -> Told {
        let mut words = text.split(' ');
        let mut told = Told::of(Outcome::named(words.next().unwrap_or_default()));
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            told = told.with(name, value);
        }
        told
    }

    /// Plays `what it is told -> what it asks`, line by line; the first line has no left side.
    pub(super) fn check(mut routine: impl Routine, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (heard, wanted) = line.split_once("->").expect("an arrow");
            let next = match heard.trim() {
                "" => routine.begin(),
                heard => routine.on_told(told(heard)),
            };
            assert_eq!(named(&next), wanted.trim(), "after {heard:?} in:\n{script}");
        }
    }
}
