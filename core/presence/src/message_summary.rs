//! Messages waiting (RFC 3842): what a mailbox holds. There is no mailbox here yet, so nothing ever waits.

use core::fmt::Write as _;

/// The document of an account without messages.
pub fn document(account: &str) -> String {
    let mut text = String::from("Messages-Waiting: no\r\n");
    // Writing into a String cannot fail.
    let _ = write!(text, "Message-Account: {account}\r\nVoice-Message: 0/0 (0/0)\r\n");
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_waits() {
        assert_eq!(
            super::document("sip:bob@example.test"),
            "Messages-Waiting: no\r\nMessage-Account: sip:bob@example.test\r\nVoice-Message: 0/0 (0/0)\r\n"
        );
    }
}
