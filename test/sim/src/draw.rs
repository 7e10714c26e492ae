//! Draws what happened as a ladder: one column per actor, one line per message.

use core::fmt::Write;
use std::net::SocketAddr;

use timestamp::Timestamp;

/// One message as the network saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it was sent.
    pub at: Timestamp,
    /// The outer end.
    pub remote: SocketAddr,
    /// Whether it went towards us.
    pub inward: bool,
    /// Whether it was lost on the way.
    pub lost: bool,
    /// The message.
    pub bytes: Vec<u8>,
}

/// The ladder of these messages, our server in the middle of every arrow; actors are named by `name`.
pub fn ladder(seen: &[Seen], start: Timestamp, name: &dyn Fn(SocketAddr) -> String) -> String {
    let mut drawing = String::new();
    for message in seen {
        let actor = name(message.remote);
        let arrow = match (message.inward, message.lost) {
            (true, false) => "------>",
            (true, true) => "---x   ",
            (false, false) => "<------",
            (false, true) => "   x---",
        };
        let at = (message.at - start).as_millis();
        let summary = summary(&message.bytes);
        let _ = writeln!(drawing, "{:>5}.{:03}  {actor:>12} {arrow} us   {summary}", at / 1000, at % 1000);
    }
    drawing
}

/// First line and CSeq of a message, and what its description offers.
pub fn summary(bytes: &[u8]) -> String {
    let Ok(message) = sip_msg::Message::parse(bytes) else {
        return String::from_utf8_lossy(bytes.get(..60).unwrap_or(bytes)).replace("\r\n", " | ");
    };
    let text = String::from_utf8_lossy(bytes);
    let mut line = text.lines().next().unwrap_or_default().trim_end_matches(" SIP/2.0").to_owned();
    line = line.trim_start_matches("SIP/2.0 ").to_owned();
    if let Some((number, method)) = message.cseq() {
        let _ = write!(line, "  [{number} {}]", String::from_utf8_lossy(method));
    }
    for name in ["Reason", "Warning"] {
        if let Some(value) = message.named(name.as_bytes()) {
            let _ = write!(line, "  {name}: {}", String::from_utf8_lossy(value));
        }
    }
    if !message.body().is_empty() {
        let media = text.lines().find(|line| line.starts_with("m=")).unwrap_or("body");
        let direction = text
            .lines()
            .find(|line| line.starts_with("a=") && (line.ends_with("only") || line.ends_with("active")));
        let _ = write!(
            line,
            "  ({media}{}{})",
            if direction.is_some() { ", " } else { "" },
            direction.unwrap_or_default()
        );
    }
    line
}
