//! Keys of a caller, taken in by a rule: how many, which one ends them, how long to wait, which choices there are.
//!
//! The machine behind `gather`. It plays nothing: it says when the prompt is to be played, and hears when it is over.

use core::time::Duration;

use timestamp::Timestamp;

use crate::verb::Outcome;

/// Which keys count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigitRule {
    /// Fewest.
    pub least: u8,
    /// Most: as many end the collection.
    pub most: u8,
    /// The key that ends it, and is not among them.
    pub terminator: Option<u8>,
    /// How long until the first.
    pub first: Duration,
    /// How long until the next.
    pub between: Duration,
    /// Whether a key stops the prompt. Where not, keys count after it only.
    pub barge_in: bool,
    /// The choices of a menu; empty for any keys.
    pub options: Vec<Box<str>>,
    /// How often the prompt is played before nothing, or nothing sensible, is the outcome.
    pub tries: u8,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// Play the prompt, from its beginning.
    Prompt,
    /// Go on: until this time at most, if there is one. The prompt goes on, too.
    Wait(Option<Timestamp>),
    /// Stop the prompt and wait until this time.
    Hush(Timestamp),
    /// That is all.
    Over(Outcome),
}

/// One collection.
#[derive(Clone, Debug)]
pub struct Collector {
    rule: DigitRule,
    digits: String,
    prompting: bool,
    until: Option<Timestamp>,
    tries: u8,
}

impl Collector {
    /// A collection that begins with its prompt.
    pub fn new(rule: DigitRule) -> Self {
        let tries = rule.tries.max(1);
        Self { rule, digits: String::new(), prompting: true, until: None, tries }
    }

    /// The keys so far.
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// The prompt is over, or there is none.
    pub fn on_prompt_over(&mut self, now: Timestamp) -> Collected {
        if core::mem::take(&mut self.prompting) {
            self.until = Some(now + self.rule.first);
        }
        Collected::Wait(self.until)
    }

    /// A key was pressed.
    pub fn on_key(&mut self, key: u8, now: Timestamp) -> Collected {
        if !is_key(key) || self.prompting && !self.rule.barge_in {
            return Collected::Wait(self.until);
        }
        let prompting = core::mem::take(&mut self.prompting);
        if self.rule.terminator == Some(key) {
            return self.settle();
        }
        self.digits.push(char::from(key));
        let enough = self.digits.len() >= usize::from(self.rule.most);
        let decided = match self.rule.options.is_empty() {
            true => enough,
            false => enough || !self.is_open(),
        };
        if decided {
            return self.settle();
        }
        let until = now + self.rule.between;
        self.until = Some(until);
        if prompting { Collected::Hush(until) } else { Collected::Wait(Some(until)) }
    }

    /// Time has passed.
    pub fn on_timeout(&mut self, now: Timestamp) -> Collected {
        match self.until {
            Some(until) if until <= now => {
                if self.digits.is_empty() {
                    self.again_or(Outcome::TIMEOUT)
                } else {
                    self.settle()
                }
            }
            Some(_) | None => Collected::Wait(self.until),
        }
    }

    /// Whether more keys could make it another choice.
    fn is_open(&self) -> bool {
        let mut options = self.rule.options.iter().map(|option| &**option);
        options.any(|option| option.len() > self.digits.len() && option.starts_with(&self.digits))
    }

    /// No more keys are awaited.
    fn settle(&mut self) -> Collected {
        if self.rule.options.is_empty() {
            return match self.digits.len() >= usize::from(self.rule.least) {
                true => Collected::Over(Outcome::DIGITS),
                false => self.again_or(Outcome::INVALID),
            };
        }
        match self.rule.options.iter().find(|option| ***option == self.digits) {
            Some(option) => Collected::Over(Outcome::named(option)),
            None => self.again_or(Outcome::INVALID),
        }
    }

    fn again_or(&mut self, outcome: Outcome) -> Collected {
        self.until = None;
        self.tries = self.tries.saturating_sub(1);
        if self.tries == 0 {
            return Collected::Over(outcome);
        }
        self.digits.clear();
        self.prompting = true;
        Collected::Prompt
    }
}

/// Whether this is a key of a telephone.
pub(crate) fn is_key(key: u8) -> bool {
    matches!(key, b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D')
}

#[cfg(test)]
mod tests;
