//! What crosses from one leg to the other (topology hiding, RFC 5853 §3.1): headers that we do not own.

use sip_msg::build::Writer;
use sip_msg::{Message, Name};

use routing::config::Connection;

use crate::renumber::Numbering;

/// Copies the headers that pass from `from` to the other leg. `strip` are the connections on both sides.
pub fn copy_headers(from: &Message<'_>, writer: &mut Writer<'_>, strip: [Option<&Connection>; 2]) {
    copy_renumbered(from, writer, strip, None, &[]);
}

/// The same, and numbers on the way are written as the other side wants them; without those that are written anew.
pub(crate) fn copy_renumbered(
    from: &Message<'_>,
    writer: &mut Writer<'_>,
    strip: [Option<&Connection>; 2],
    numbering: Option<Numbering<'_>>,
    anew: &[Name],
) {
    for (name, written, value) in from.all() {
        if passes(name, written) && !anew.contains(&name) && !stripped(written, strip) {
            match (name, numbering) {
                (Name::Diversion | Name::HistoryInfo, Some(numbering)) => {
                    writer.field(name, &numbering.rewritten(value))
                }
                (Name::Other, _) => writer.named(written, value),
                _ => writer.field(name, value),
            };
        }
    }
}

/// Adds a header that is not of the message's own making, if it is one that passes.
pub(crate) fn add_header(name: &[u8], value: &[u8], writer: &mut Writer<'_>) {
    if passes(Name::from_bytes(name), name) {
        writer.named(name, value);
    }
}

fn passes(name: Name, written: &[u8]) -> bool {
    match name {
        Name::AlertInfo
        | Name::CallInfo
        | Name::Diversion
        | Name::HistoryInfo
        | Name::Identity
        | Name::Organization
        | Name::Priority
        | Name::ReferredBy
        | Name::Replaces
        | Name::Subject
        | Name::UserToUser
        | Name::AcceptLanguage
        | Name::ContentDisposition
        | Name::ContentLanguage
        | Name::MimeVersion
        | Name::Date => true,
        Name::Other => !owned(written),
        _ => false,
    }
}

/// Headers without a name of their own in [`Name`] that describe the sender's network or session with us.
fn owned(written: &[u8]) -> bool {
    const OWNED: [&[u8]; 14] = [
        b"Proxy-Authentication-Info",
        b"Security-Client",
        b"Security-Server",
        b"Security-Verify",
        b"P-Access-Network-Info",
        b"P-Visited-Network-ID",
        b"P-Charging-Vector",
        b"P-Charging-Function-Addresses",
        b"P-Associated-URI",
        b"Flow-Timer",
        b"Encryption",
        b"Target-Dialog",
        b"Join",
        b"Max-Breadth",
    ];
    OWNED.iter().any(|name| name.eq_ignore_ascii_case(written))
}

fn stripped(written: &[u8], connections: [Option<&Connection>; 2]) -> bool {
    connections
        .iter()
        .flatten()
        .flat_map(|connection| &connection.headers.strip)
        .any(|name| name.as_bytes().eq_ignore_ascii_case(written))
}
