//! Messages waiting (RFC 3842): what a mailbox holds.

use core::fmt::Write as _;

/// How many voice messages there are (RFC 3842 §5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// That nobody heard.
    pub new: u32,
    /// That somebody did.
    pub old: u32,
}

/// The document of an account, which is what a phone calls to hear them.
pub fn document(account: &str, waiting: Waiting) -> String {
    let Waiting { new, old } = waiting;
    let any = if new > 0 { "yes" } else { "no" };
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write!(
        text,
        "Messages-Waiting: {any}\r\nMessage-Account: {account}\r\nVoice-Message: {new}/{old} (0/0)\r\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted() {
        for (new, old, any, counts) in [(0, 0, "no", "0/0"), (0, 3, "no", "0/3"), (2, 1, "yes", "2/1")] {
            assert_eq!(
                document("sip:bob@example.test", Waiting { new, old }),
                format!(
                    "Messages-Waiting: {any}\r\nMessage-Account: sip:bob@example.test\r\nVoice-Message: {counts} (0/0)\r\n"
                )
            );
        }
    }
}
