//! The event packages there are (RFC 6665 §5.4): their names, the type of their documents, and how long a
//! subscription lasts (§4.2.1.1).

use core::time::Duration;

/// An event package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// Calls of a user (RFC 4235).
    Dialog,
    /// Messages waiting (RFC 3842).
    MessageSummary,
    /// Presence (RFC 3856).
    Presence,
    /// Contacts of a user (RFC 3680).
    Reg,
}

/// What Allow-Events says.
pub const ALLOW_EVENTS: &[u8] = b"dialog, message-summary, presence, reg";

impl Package {
    /// The package that an Event value names, without its parameters.
    pub fn from_event(event: &[u8]) -> Option<Self> {
        let name = event.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        [Self::Dialog, Self::MessageSummary, Self::Presence, Self::Reg]
            .into_iter()
            .find(|package| package.name().as_bytes() == name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dialog => "dialog",
            Self::MessageSummary => "message-summary",
            Self::Presence => "presence",
            Self::Reg => "reg",
        }
    }

    /// The type of its documents.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Dialog => "application/dialog-info+xml",
            Self::MessageSummary => "application/simple-message-summary",
            Self::Presence => "application/pidf+xml",
            Self::Reg => "application/reginfo+xml",
        }
    }

    /// Whether one of these Accept values takes its documents; no value at all means the default type.
    pub fn accepted<'a>(self, values: impl Iterator<Item = &'a [u8]>) -> bool {
        let mut any = false;
        for value in values {
            any = true;
            let range = value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
            let ours = self.content_type().as_bytes();
            if range == b"*/*"
                || range.eq_ignore_ascii_case(b"application/*")
                || range.eq_ignore_ascii_case(ours)
            {
                return true;
            }
        }
        !any
    }
}

/// What is granted of a lifetime asked for; `Err` is the shortest there is, for Min-Expires.
pub(crate) fn granted(asked: Option<u32>) -> Result<Duration, u32> {
    match asked.unwrap_or(DEFAULT_S) {
        1..MIN_S => Err(MIN_S),
        seconds => Ok(Duration::from_secs(u64::from(seconds.min(MAX_S)))),
    }
}

const MIN_S: u32 = 60;
const DEFAULT_S: u32 = 3600;
const MAX_S: u32 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_by_name_with_and_without_parameters() {
        let table: &[(&[u8], Option<Package>)] = &[
            (b"dialog", Some(Package::Dialog)),
            (b"dialog;id=7", Some(Package::Dialog)),
            (b" presence ; id=a", Some(Package::Presence)),
            (b"message-summary", Some(Package::MessageSummary)),
            (b"reg", Some(Package::Reg)),
            (b"presence.winfo", None),
            (b"Dialog", None),
            (b"keep-alive", None),
            (b"", None),
        ];
        for (event, package) in table {
            assert_eq!(Package::from_event(event), *package, "{}", event.escape_ascii());
        }
    }

    #[test]
    fn accept_is_honoured() {
        let table: &[(&[&[u8]], bool)] = &[
            (&[], true),
            (&[b"application/pidf+xml"], true),
            (&[b"text/plain", b"Application/PIDF+xml;q=0.5"], true),
            (&[b"application/*"], true),
            (&[b"*/*"], true),
            (&[b"application/xpidf+xml"], false),
        ];
        for (values, accepted) in table {
            assert_eq!(Package::Presence.accepted(values.iter().copied()), *accepted, "{values:?}");
        }
    }

    #[test]
    fn lifetimes() {
        let seconds = |s| Ok(Duration::from_secs(s));
        let table = [
            (None, seconds(3600)),
            (Some(0), seconds(0)),
            (Some(1), Err(60)),
            (Some(59), Err(60)),
            (Some(60), seconds(60)),
            (Some(u32::MAX), seconds(3600)),
        ];
        for (asked, want) in table {
            assert_eq!(granted(asked), want, "{asked:?}");
        }
    }
}
