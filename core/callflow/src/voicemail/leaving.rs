//! Leaving a message.
//!
//! ```text
//! Finding ── Recording ──(silence, length)── Keeping ── Parting
//!              ^    │ #                         ^
//!              │ Reviewing ─1─ Listening (back) │
//!              └─2──┘ └───3, #, nothing─────────┘
//! ```
//!
//! Recording begins with greeting and beep. Hanging up keeps what was recorded, wherever that happens.

use core::mem::take;
use core::time::Duration;

use super::words::Phrases;
use super::{Envelope, Letter, Post, Whose, choice, play, post};
use crate::ask::{Ask, Clip, Errand, Record, Subject, Told};
use crate::verb::{Move, Outcome, Routine};

/// A message being left.
#[derive(Debug)]
pub(crate) struct Leaving {
    whose: Whose,
    letter: Letter,
    /// Whether the greeting is to be heard, still.
    greeting: bool,
    menu: bool,
    state: State,
    mailbox: Box<str>,
    words: &'static Phrases,
    longest: Duration,
    recording: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Finding,
    Recording,
    Reviewing,
    Listening,
    /// What was recorded is thrown away; whether it is recorded again.
    Discarding(bool),
    Keeping,
    /// The last words are said; what came of it is known.
    Parting(Parting),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parting {
    Full,
    Saved,
}

impl Leaving {
    pub(crate) fn new(whose: Whose, letter: Letter, greeting: bool, menu: bool) -> Self {
        let (state, mailbox, recording) = (State::Finding, Box::default(), Box::default());
        let words = Phrases::of("");
        Self { whose, letter, greeting, menu, state, mailbox, words, longest: LONGEST, recording }
    }

    fn to(&mut self, state: State, next: Move) -> Move {
        self.state = state;
        next
    }

    fn found(&mut self, told: &Told) -> Move {
        self.words = Phrases::of(told.get("language"));
        if told.outcome == Outcome::FULL {
            return self.full();
        }
        if told.outcome != Outcome::OK {
            return Move::go(Outcome::FAILED);
        }
        self.mailbox = told.get("mailbox").into();
        self.longest = told.get("max_s").parse().map_or(LONGEST, Duration::from_secs);
        self.record()
    }

    fn record(&mut self) -> Move {
        let greeting = take(&mut self.greeting).then(|| Clip::Greeting(self.mailbox.clone()));
        let subject = Subject::Caller { longest: self.longest, silence: Some(SILENCE), keys: "#".into() };
        let prompt = greeting.into_iter().collect();
        let envelope = Envelope { mailbox: self.mailbox.clone(), letter: self.letter.clone() };
        let envelope = Some(Box::new(envelope));
        let record = Record { prompt, beep: true, subject, variable: RECORDING.into(), envelope };
        self.to(State::Recording, Move::Ask(Ask::Record(record)))
    }

    fn recorded(&mut self, told: &Told) -> Move {
        self.recording = told.get(RECORDING).into();
        match told.outcome == Outcome::KEY && self.menu {
            _ if self.recording.is_empty() => Move::go(Outcome::FAILED),
            true => self.review(),
            false => self.keep(),
        }
    }

    fn review(&mut self) -> Move {
        self.to(State::Reviewing, choice(vec![self.words.say(self.words.review)], &["1", "2", "3", "#", "*"]))
    }

    fn reviewed(&mut self, outcome: &Outcome) -> Move {
        match outcome.as_str() {
            "1" => {
                let clip = Clip::Recording(self.recording.clone());
                self.to(State::Listening, play(vec![clip]))
            }
            "2" => self.discard(true),
            "*" => self.discard(false),
            // 3, #, or nothing sensible: what was said is not lost.
            _ => self.keep(),
        }
    }

    fn discard(&mut self, again: bool) -> Move {
        let recording = take(&mut self.recording);
        self.to(State::Discarding(again), post(Post::Discard { recording }))
    }

    fn keep(&mut self) -> Move {
        let kept = self.for_keeping();
        self.to(State::Keeping, post(kept))
    }

    fn for_keeping(&mut self) -> Post {
        let letter = Box::new(self.letter.clone());
        Post::Keep { mailbox: self.mailbox.clone(), recording: take(&mut self.recording), letter }
    }

    fn kept(&mut self, outcome: Outcome) -> Move {
        match outcome.as_str() {
            "ok" => self.to(State::Parting(Parting::Saved), play(vec![self.words.say(self.words.saved)])),
            "full" => self.full(),
            "empty" => Move::go(Outcome::EMPTY),
            _ => Move::go(Outcome::FAILED),
        }
    }

    fn full(&mut self) -> Move {
        self.to(State::Parting(Parting::Full), play(vec![self.words.say(self.words.full)]))
    }
}

impl Routine for Leaving {
    fn begin(&mut self) -> Move {
        post(Post::Find { whose: self.whose.clone(), to_leave: true })
    }

    fn on_told(&mut self, told: Told) -> Move {
        match self.state {
            State::Finding => self.found(&told),
            State::Recording => self.recorded(&told),
            State::Reviewing => self.reviewed(&told.outcome),
            State::Listening => self.review(),
            State::Discarding(true) => self.record(),
            State::Discarding(false) => Move::go(Outcome::EMPTY),
            State::Keeping => self.kept(told.outcome),
            State::Parting(Parting::Full) => Move::go(Outcome::FULL),
            State::Parting(Parting::Saved) => Move::go(Outcome::SAVED),
        }
    }

    fn on_gone(&mut self, recording: &str) -> Option<Errand> {
        if self.state == State::Recording {
            self.recording = recording.into();
        }
        let kept = (!self.recording.is_empty()).then(|| self.for_keeping())?;
        Some(Errand::Mailbox(Box::new(kept)))
    }
}

/// The variable that recordings are told in.
pub(super) const RECORDING: &str = "recording";
/// How long a message may be, where the mailbox says nothing.
const LONGEST: Duration = Duration::from_secs(180);
/// How much silence ends a message.
const SILENCE: Duration = Duration::from_secs(6);

#[cfg(test)]
mod tests;
