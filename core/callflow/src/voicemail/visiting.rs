//! Hearing the messages of a mailbox: number, PIN, counts, menu, messages one by one, options.
//!
//! Keys of a message: 5 again, 6 or # next, 7 delete, 9 save, * main menu. Of the main menu: 1 new, 2 old, 0 options, # leave.
//! A phone that is the mailbox's own is not asked for the PIN; any other is, and a mailbox without one stays closed to it.

use core::mem::take;
use core::time::Duration;

use super::leaving::RECORDING;
use super::words::Phrases;
use super::{Heard, Post, Whose, beep, choice, number, play, post};
use crate::ask::{Ask, Clip, Errand, Record, Subject, Told};
use crate::verb::{Move, Outcome, Routine};

/// A visit to a mailbox.
#[derive(Debug)]
pub(crate) struct Visiting {
    whose: Whose,
    ask_number: bool,
    state: State,
    mailbox: Box<str>,
    words: &'static Phrases,
    /// Tries that are left to get the PIN right.
    tries: u8,
    /// Whether nobody here can speak.
    mute: bool,
    heard: Heard,
    message: Message,
    recording: Box<str>,
    /// A PIN keyed in once.
    pin: Box<str>,
}

/// The message being heard.
#[derive(Debug, Default)]
struct Message {
    id: Box<str>,
    from: Box<str>,
    at: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The number of the mailbox is keyed in.
    Naming,
    Finding,
    /// The PIN is keyed in.
    Locked,
    Unlocking,
    /// That it was wrong is said.
    Denying,
    /// How many messages there are is said.
    Counting,
    Choosing,
    Reading,
    /// A message is heard, and what to do with it is keyed in.
    Hearing,
    Marking,
    Deleting,
    /// A word is said, and the next message follows.
    Confirming,
    /// A word is said, and the main menu follows.
    Returning,
    Options,
    Recording,
    Greeting,
    HearingGreeting,
    FirstPin,
    SecondPin,
    SettingPin,
    Parting,
    Refusing,
}

impl Visiting {
    pub(crate) fn new(whose: Whose, ask_number: bool) -> Self {
        let state = State::Finding;
        let nothing = Box::<str>::default;
        Self {
            whose,
            ask_number,
            state,
            mailbox: nothing(),
            words: Phrases::of(""),
            tries: PIN_TRIES,
            mute: false,
            heard: Heard::No,
            message: Message::default(),
            recording: nothing(),
            pin: nothing(),
        }
    }

    fn to(&mut self, state: State, next: Move) -> Move {
        self.state = state;
        next
    }

    /// Says something; where nobody can, a beep stands for it.
    fn word(&mut self, state: State, clip: Clip) -> Move {
        let next = if self.mute { beep() } else { play(vec![clip]) };
        self.to(state, next)
    }

    /// A prompt that is heard before keys are taken in, without words where nobody can speak.
    fn prompt(&self, clips: Vec<Clip>) -> Vec<Clip> {
        let spoken = |clip: &Clip| matches!(clip, Clip::Speech { .. });
        clips.into_iter().filter(|clip| !self.mute || !spoken(clip)).collect()
    }

    fn find(&mut self) -> Move {
        self.to(State::Finding, post(Post::Find { whose: self.whose.clone(), to_leave: false }))
    }

    fn found(&mut self, told: &Told) -> Move {
        self.words = Phrases::of(told.get("language"));
        if told.outcome != Outcome::OK {
            // A number that is none is refused as late as one with a wrong PIN.
            return match self.ask_number {
                true => self.ask_pin(),
                false => Move::go(Outcome::FAILED),
            };
        }
        self.mailbox = told.get("mailbox").into();
        let count = |name| told.get(name).parse().unwrap_or(0);
        if told.get("own") == "yes" {
            return self.say_counts(count("new"), count("old"));
        }
        match told.get("pin") == "yes" {
            true => self.ask_pin(),
            false => self.refuse(),
        }
    }

    fn ask_pin(&mut self) -> Move {
        let prompt = self.prompt(vec![self.words.say(self.words.enter_pin)]);
        self.to(State::Locked, number(prompt, LONGEST_PIN))
    }

    fn keyed_pin(&mut self, told: &Told) -> Move {
        self.tries = self.tries.saturating_sub(1);
        if told.outcome != Outcome::DIGITS {
            return self.deny();
        }
        let (mailbox, pin) = (self.mailbox.clone(), told.get(super::DIGITS).into());
        self.to(State::Unlocking, post(Post::Unlock { mailbox, pin }))
    }

    fn deny(&mut self) -> Move {
        match self.tries {
            0 => self.refuse(),
            _ => self.word(State::Denying, self.words.say(self.words.wrong_pin)),
        }
    }

    fn refuse(&mut self) -> Move {
        self.word(State::Refusing, self.words.say(self.words.refused))
    }

    fn say_counts(&mut self, new: u32, old: u32) -> Move {
        self.heard = if new > 0 { Heard::No } else { Heard::Yes };
        self.to(State::Counting, play(vec![self.words.counts(new, old)]))
    }

    fn choose(&mut self) -> Move {
        let prompt = self.prompt(vec![self.words.say(self.words.main)]);
        self.to(State::Choosing, choice(prompt, &["1", "2", "0", "#"]))
    }

    fn chosen(&mut self, outcome: &Outcome) -> Move {
        match outcome.as_str() {
            "1" => self.first(Heard::No),
            "2" => self.first(Heard::Yes),
            "0" => self.options(),
            _ => self.word(State::Parting, self.words.say(self.words.goodbye)),
        }
    }

    fn first(&mut self, heard: Heard) -> Move {
        (self.heard, self.message) = (heard, Message::default());
        self.next()
    }

    fn next(&mut self) -> Move {
        let (mailbox, after) = (self.mailbox.clone(), self.message.id.clone());
        self.to(State::Reading, post(Post::Read { mailbox, heard: self.heard, after }))
    }

    fn read(&mut self, told: &Told) -> Move {
        if told.outcome != Outcome::OK {
            return self.word(State::Returning, self.words.say(self.words.no_more));
        }
        let text = |name| told.get(name).into();
        self.message = Message { id: text("message"), from: text("from"), at: text("at") };
        self.hear()
    }

    fn hear(&mut self) -> Move {
        let Message { id, from, at } = &self.message;
        let prompt = vec![
            self.words.caller(from),
            self.words.time(at),
            Clip::Message(id.clone()),
            self.words.say(self.words.after),
        ];
        let prompt = self.prompt(prompt);
        self.to(State::Hearing, choice(prompt, &["5", "6", "7", "9", "*", "#"]))
    }

    fn decided(&mut self, outcome: &Outcome) -> Move {
        let message = self.message.id.clone();
        match outcome.as_str() {
            "5" => self.hear(),
            "7" => self.to(State::Deleting, post(Post::Delete { message })),
            "9" => self.to(State::Confirming, post(Post::Mark { message, saved: true })),
            "*" => self.to(State::Returning, post(Post::Mark { message, saved: false })),
            _ => self.to(State::Marking, post(Post::Mark { message, saved: false })),
        }
    }

    fn options(&mut self) -> Move {
        let prompt = self.prompt(vec![self.words.say(self.words.options)]);
        self.to(State::Options, choice(prompt, &["1", "2", "3", "5", "*", "#"]))
    }

    fn option(&mut self, outcome: &Outcome) -> Move {
        let mailbox = self.mailbox.clone();
        match outcome.as_str() {
            "1" => {
                let (silence, keys) = (Some(GREETING_SILENCE), "#".into());
                let subject = Subject::Caller { longest: LONGEST_GREETING, silence, keys };
                let prompt = self.prompt(vec![self.words.say(self.words.speak)]);
                let variable = RECORDING.into();
                let record = Record { prompt, beep: true, subject, variable, envelope: None };
                self.to(State::Recording, Move::Ask(Ask::Record(record)))
            }
            "2" => self.to(State::Greeting, post(Post::Greet { mailbox, recording: Box::default() })),
            "3" => self.to(State::HearingGreeting, play(vec![Clip::Greeting(mailbox)])),
            "5" => {
                let prompt = self.prompt(vec![self.words.say(self.words.new_pin)]);
                self.to(State::FirstPin, number(prompt, LONGEST_PIN))
            }
            _ => self.choose(),
        }
    }

    fn recorded(&mut self, told: &Told) -> Move {
        self.recording = told.get(RECORDING).into();
        if told.outcome == Outcome::FAILED || self.recording.is_empty() {
            return self.word(State::Returning, self.words.say(self.words.not_done));
        }
        let (mailbox, recording) = (self.mailbox.clone(), take(&mut self.recording));
        self.to(State::Greeting, post(Post::Greet { mailbox, recording }))
    }

    fn new_pin(&mut self, told: &Told) -> Move {
        let pin = told.get(super::DIGITS);
        if told.outcome != Outcome::DIGITS || pin.len() < SHORTEST_PIN || pin.contains(['*', '#']) {
            return self.word(State::Returning, self.words.say(self.words.not_done));
        }
        if self.state == State::FirstPin {
            self.pin = pin.into();
            let prompt = self.prompt(vec![self.words.say(self.words.new_pin)]);
            return self.to(State::SecondPin, number(prompt, LONGEST_PIN));
        }
        if *self.pin != *pin {
            return self.word(State::Returning, self.words.say(self.words.not_done));
        }
        let (mailbox, pin) = (self.mailbox.clone(), take(&mut self.pin));
        self.to(State::SettingPin, post(Post::SetPin { mailbox, pin }))
    }

    fn done_or_not(&mut self, told: &Told) -> Move {
        let words = if told.outcome == Outcome::OK { self.words.done } else { self.words.not_done };
        self.word(State::Returning, self.words.say(words))
    }
}

impl Routine for Visiting {
    fn begin(&mut self) -> Move {
        match self.ask_number {
            true => {
                self.to(State::Naming, number(vec![self.words.say(self.words.enter_number)], LONGEST_NUMBER))
            }
            false => self.find(),
        }
    }

    fn on_told(&mut self, told: Told) -> Move {
        match self.state {
            State::Naming if told.outcome == Outcome::DIGITS => {
                self.whose.mailbox = told.get(super::DIGITS).into();
                self.find()
            }
            State::Naming => self.refuse(),
            State::Finding => self.found(&told),
            State::Locked => self.keyed_pin(&told),
            State::Unlocking if told.outcome == Outcome::OK => {
                let count = |name| told.get(name).parse().unwrap_or(0);
                self.say_counts(count("new"), count("old"))
            }
            State::Unlocking => self.deny(),
            State::Denying => self.ask_pin(),
            State::Counting if told.outcome == Outcome::FAILED && !self.mute => {
                self.mute = true;
                match self.heard {
                    Heard::No => self.to(State::Counting, beep()),
                    Heard::Yes => self.choose(),
                }
            }
            State::Counting | State::Returning => self.choose(),
            State::Choosing => self.chosen(&told.outcome),
            State::Reading => self.read(&told),
            State::Hearing => self.decided(&told.outcome),
            State::Deleting => self.word(State::Marking, self.words.say(self.words.deleted)),
            State::Confirming => self.word(State::Marking, self.words.say(self.words.kept)),
            State::Marking => self.next(),
            State::Options => self.option(&told.outcome),
            State::Recording => self.recorded(&told),
            State::Greeting | State::SettingPin => self.done_or_not(&told),
            State::HearingGreeting => self.options(),
            State::FirstPin | State::SecondPin => self.new_pin(&told),
            State::Parting => Move::go(Outcome::DONE),
            State::Refusing => Move::go(Outcome::REFUSED),
        }
    }

    fn on_gone(&mut self, recording: &str) -> Option<Errand> {
        let post = match self.state {
            // Whoever hangs up at the end of a message has heard it.
            State::Hearing => Post::Mark { message: self.message.id.clone(), saved: false },
            State::Recording if !recording.is_empty() => Post::Discard { recording: recording.into() },
            _ => return None,
        };
        Some(Errand::Mailbox(Box::new(post)))
    }
}

/// Tries to get the PIN right.
const PIN_TRIES: u8 = 3;
/// Digits of a PIN.
const SHORTEST_PIN: usize = 3;
const LONGEST_PIN: u8 = 12;
/// Digits of a mailbox's number.
const LONGEST_NUMBER: u8 = 20;
/// How long a greeting may be, and how much silence ends it.
const LONGEST_GREETING: Duration = Duration::from_secs(120);
const GREETING_SILENCE: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests;
