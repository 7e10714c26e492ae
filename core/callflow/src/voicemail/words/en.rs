//! What is said in voicemail, in English.

use super::Phrases;

pub(super) const PHRASES: Phrases = Phrases {
    language: "en",
    greeting: "{} cannot take your call. Please leave a message after the beep.",
    saved: "Your message is saved. Goodbye.",
    full: "This mailbox is full. Goodbye.",
    review: "To listen to your message, press 1. To record it again, press 2. To save it, press 3.",
    enter_number: "Enter the number of the mailbox, then the pound key.",
    enter_pin: "Enter your pin, then the pound key.",
    wrong_pin: "That pin is wrong.",
    refused: "You cannot open this mailbox. Goodbye.",
    main: "For new messages, press 1. For old messages, press 2. For options, press 0. To leave, press \
        pound.",
    after: "To hear it again, press 5. Next message, 6. Delete, 7. Save, 9. Main menu, star.",
    no_more: "No more messages.",
    deleted: "Deleted.",
    kept: "Saved.",
    options: "To record your greeting, press 1. To use the usual greeting, press 2. To hear your greeting, \
        press 3. To change your pin, press 5. Main menu, star.",
    speak: "Speak after the beep, and press pound at the end.",
    new_pin: "Enter the new pin, three digits or more, then the pound key.",
    done: "Done.",
    not_done: "That did not work.",
    goodbye: "Goodbye.",
    from: "Message from {}.",
    withheld: "Message from a withheld number.",
    plus: "plus",
    no_messages: "You have no messages.",
    new: ["You have {new} new message.", "You have {new} new messages."],
    old: [
        "You have no new messages, and {old} old message.",
        "You have no new messages, and {old} old messages.",
    ],
    both: ["You have {new} new and {old} old message.", "You have {new} new and {old} old messages."],
    at: "{month} {day}, at {time}.",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};
