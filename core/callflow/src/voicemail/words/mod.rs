//! What is said in voicemail. English; a voice of another language has to read it as that.

use crate::ask::Clip;

/// These words, spoken.
pub(super) fn say(text: impl Into<Box<str>>) -> Clip {
    Clip::Speech { text: text.into(), voice: Box::default(), language: "en".into() }
}

/// How many messages there are.
pub(super) fn counts(new: u32, old: u32) -> Clip {
    let noun = |count| if count == 1 { "message" } else { "messages" };
    say(match (new, old) {
        (0, 0) => "You have no messages.".to_owned(),
        (new, 0) => format!("You have {new} new {}.", noun(new)),
        (0, old) => format!("You have no new messages, and {old} old {}.", noun(old)),
        (new, old) => format!("You have {new} new and {old} old {}.", noun(old)),
    })
}

/// Who left a message; a number digit by digit.
pub(super) fn caller(from: &str) -> Clip {
    if from.is_empty() {
        return say("Message from a withheld number.");
    }
    let number = from.bytes().all(|b| b.is_ascii_digit() || b == b'+');
    if !number {
        return say(format!("Message from {from}."));
    }
    let mut spoken = String::new();
    for digit in from.chars() {
        spoken.push(' ');
        if digit == '+' { spoken.push_str("plus") } else { spoken.push(digit) }
    }
    say(format!("Message from{spoken}."))
}

pub(super) const SAVED: &str = "Your message is saved. Goodbye.";
pub(super) const FULL: &str = "This mailbox is full. Goodbye.";
pub(super) const REVIEW: &str =
    "To listen to your message, press 1. To record it again, press 2. To save it, press 3.";
pub(super) const ENTER_NUMBER: &str = "Enter the number of the mailbox, then the pound key.";
pub(super) const ENTER_PIN: &str = "Enter your pin, then the pound key.";
pub(super) const WRONG_PIN: &str = "That pin is wrong.";
pub(super) const REFUSED: &str = "You cannot open this mailbox. Goodbye.";
pub(super) const MAIN: &str =
    "For new messages, press 1. For old messages, press 2. For options, press 0. To leave, press pound.";
pub(super) const AFTER: &str =
    "To hear it again, press 5. Next message, 6. Delete, 7. Save, 9. Main menu, star.";
pub(super) const NO_MORE: &str = "No more messages.";
pub(super) const DELETED: &str = "Deleted.";
pub(super) const KEPT: &str = "Saved.";
pub(super) const OPTIONS: &str = "To record your greeting, press 1. To use the usual greeting, press 2. To hear your greeting, \
     press 3. To change your pin, press 5. Main menu, star.";
pub(super) const SPEAK: &str = "Speak after the beep, and press pound at the end.";
pub(super) const NEW_PIN: &str = "Enter the new pin, three digits or more, then the pound key.";
pub(super) const DONE: &str = "Done.";
pub(super) const NOT_DONE: &str = "That did not work.";
pub(super) const GOODBYE: &str = "Goodbye.";
