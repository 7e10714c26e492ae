//! What is said in voicemail, in the languages that we know: one file each, all with the same phrases.
//!
//! Whether a voice speaks a language is not known here: whoever has the mailboxes says in which one to speak.

mod de;
mod en;
mod es;
mod fr;
mod it;
mod nl;

use crate::ask::Clip;

/// All phrases in one language.
#[derive(Debug)]
pub(super) struct Phrases {
    /// BCP 47.
    language: &'static str,
    /// `{}` is whom a mailbox belongs to.
    greeting: &'static str,
    pub(super) saved: &'static str,
    pub(super) full: &'static str,
    pub(super) review: &'static str,
    pub(super) enter_number: &'static str,
    pub(super) enter_pin: &'static str,
    pub(super) wrong_pin: &'static str,
    pub(super) refused: &'static str,
    pub(super) main: &'static str,
    pub(super) after: &'static str,
    pub(super) no_more: &'static str,
    pub(super) deleted: &'static str,
    pub(super) kept: &'static str,
    pub(super) options: &'static str,
    pub(super) speak: &'static str,
    pub(super) new_pin: &'static str,
    pub(super) done: &'static str,
    pub(super) not_done: &'static str,
    pub(super) goodbye: &'static str,
    /// `{}` is the caller.
    from: &'static str,
    withheld: &'static str,
    /// The sign before a country code.
    plus: &'static str,
    no_messages: &'static str,
    /// One message, and `{new}` of them.
    new: [&'static str; 2],
    /// None is new, and one is old, or `{old}` are.
    old: [&'static str; 2],
    /// `{new}` and `{old}`, where one is old and where several are.
    both: [&'static str; 2],
    /// `{month}`, `{day}` and `{time}`.
    at: &'static str,
    months: [&'static str; 12],
}

impl Phrases {
    /// Those of a language (BCP 47), or of what it is a form of; English where there are none.
    pub(super) fn of(language: &str) -> &'static Self {
        let primary = language.split(['-', '_']).next().unwrap_or_default();
        ALL.into_iter().find(|known| known.language.eq_ignore_ascii_case(primary)).unwrap_or(&en::PHRASES)
    }

    /// These words, spoken.
    pub(super) fn say(&self, text: impl Into<Box<str>>) -> Clip {
        Clip::Speech { text: text.into(), voice: Box::default(), language: self.language.into() }
    }

    /// How many messages there are.
    pub(super) fn counts(&self, new: u32, old: u32) -> Clip {
        let one_or_more = |[one, more]: [&'static str; 2], count| if count == 1 { one } else { more };
        let text = match (new, old) {
            (0, 0) => self.no_messages,
            (new, 0) => one_or_more(self.new, new),
            (0, old) => one_or_more(self.old, old),
            (_, old) => one_or_more(self.both, old),
        };
        self.say(text.replace("{new}", &new.to_string()).replace("{old}", &old.to_string()))
    }

    /// Who left a message; a number digit by digit.
    pub(super) fn caller(&self, from: &str) -> Clip {
        if from.is_empty() {
            return self.say(self.withheld);
        }
        let number = from.bytes().all(|b| b.is_ascii_digit() || b == b'+');
        if !number {
            return self.say(self.from.replace("{}", from));
        }
        let digit = |digit: char| if digit == '+' { self.plus.to_owned() } else { digit.to_string() };
        let digits: Vec<String> = from.chars().map(digit).collect();
        self.say(self.from.replace("{}", &digits.join(" ")))
    }

    /// When it was left: `2026-11-22 04:30`, as its owner's clock showed it.
    pub(super) fn time(&self, at: &str) -> Clip {
        let (date, time) = at.split_once(' ').unwrap_or((at, ""));
        let mut parts = date.split('-').skip(1).map(|part| part.trim_start_matches('0'));
        let month = parts.next().and_then(|month| month.parse::<usize>().ok()).unwrap_or(0);
        let month = month.checked_sub(1).and_then(|month| self.months.get(month));
        let Some((month, day)) = month.zip(parts.next()) else { return self.say(format!("{at}.")) };
        self.say(self.at.replace("{month}", month).replace("{day}", day).replace("{time}", time))
    }
}

/// What callers hear where a mailbox has no greeting of its own: a language that there are words for, and they.
pub fn usual_greeting(language: &str, whose: &str) -> (&'static str, String) {
    let phrases = Phrases::of(language);
    (phrases.language, phrases.greeting.replace("{}", whose))
}

const ALL: [&Phrases; 6] =
    [&en::PHRASES, &de::PHRASES, &es::PHRASES, &fr::PHRASES, &it::PHRASES, &nl::PHRASES];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(clip: &Clip) -> (&str, &str) {
        let Clip::Speech { text, language, .. } = clip else { panic!("{clip:?} is not spoken") };
        (language, text)
    }

    #[test]
    fn a_language_is_found_by_what_it_is_a_form_of() {
        for (language, found) in [
            ("de", "de"),
            ("de-CH", "de"),
            ("FR_ca", "fr"),
            ("en-US", "en"),
            ("", "en"),
            ("tlh", "en"),
            ("den", "en"),
        ] {
            assert_eq!(Phrases::of(language).language, found, "{language}");
        }
        let (language, text) = usual_greeting("nl-BE", "Anna");
        assert!(language == "nl" && text.starts_with("Anna "), "{language} {text}");
    }

    #[test]
    fn counts_callers_and_times_are_said_as_people_say_them() {
        let (en, de) = (Phrases::of("en"), Phrases::of("de"));
        for (clip, said) in [
            (en.counts(0, 0), ("en", "You have no messages.")),
            (en.counts(1, 0), ("en", "You have 1 new message.")),
            (en.counts(3, 0), ("en", "You have 3 new messages.")),
            (en.counts(0, 1), ("en", "You have no new messages, and 1 old message.")),
            (en.counts(2, 1), ("en", "You have 2 new and 1 old message.")),
            (en.counts(2, 5), ("en", "You have 2 new and 5 old messages.")),
            (de.counts(1, 0), ("de", "Sie haben eine neue Nachricht.")),
            (en.caller(""), ("en", "Message from a withheld number.")),
            (en.caller("Ada"), ("en", "Message from Ada.")),
            (en.caller("+4930"), ("en", "Message from plus 4 9 3 0.")),
            (de.caller("101"), ("de", "Nachricht von 1 0 1.")),
            (en.time("2026-11-02 04:30"), ("en", "November 2, at 04:30.")),
            (de.time("2026-01-22 14:05"), ("de", "22. Januar, 14:05 Uhr.")),
            (en.time("sometime"), ("en", "sometime.")),
        ] {
            assert_eq!(words(&clip), said);
        }
    }

    #[test]
    fn every_language_has_what_belongs_into_its_phrases() {
        for known in ALL {
            let Phrases { language, greeting, from, new, old, both, at, months, .. } = known;
            assert!(greeting.contains("{}") && from.contains("{}"), "{language}");
            assert!(new[1].contains("{new}") && old[1].contains("{old}"), "{language}");
            assert!(
                both.iter().all(|text| text.contains("{new}")) && both[1].contains("{old}"),
                "{language}"
            );
            assert!(["{month}", "{day}", "{time}"].iter().all(|part| at.contains(part)), "{language}");
            assert!(months.iter().all(|month| !month.is_empty()), "{language}");
            // The keys that a menu names are the same in each.
            let keys = |text: &str| {
                let mut keys: Vec<_> = text.chars().filter(char::is_ascii_digit).collect();
                keys.sort_unstable();
                keys
            };
            let en = Phrases::of("en");
            for (one, other) in [
                (known.review, en.review),
                (known.main, en.main),
                (known.after, en.after),
                (known.options, en.options),
            ] {
                assert_eq!(keys(one), keys(other), "{language}: {one}");
            }
        }
    }
}
