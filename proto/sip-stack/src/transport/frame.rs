//! What one WebSocket message carries (RFC 7118 §5): a SIP message, or a keep-alive of RFC 5626 §3.5.1.
//!
//! The message ends where the frame ends, so Content-Length may be absent. One that ends earlier, with more behind it,
//! tells of several messages in a frame, which §5 forbids. RFC 6455 itself is the host's matter.

use sip_msg::frame::{Framed, next};

/// What a WebSocket message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebFrame<'a> {
    /// One SIP message, or what claims to be one.
    Message(&'a [u8]),
    /// CRLFCRLF, to be answered by CRLF.
    Ping,
    /// CRLF, or nothing.
    Pong,
    /// More than one SIP message, of which this is the first.
    Several(&'a [u8]),
}

impl<'a> WebFrame<'a> {
    /// Looks at the payload of a text or binary message.
    pub fn of(payload: &'a [u8]) -> Self {
        if is_blank(payload) {
            return if payload.starts_with(b"\r\n\r\n") { Self::Ping } else { Self::Pong };
        }
        let start = payload.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or_default();
        let message = payload.get(start..).unwrap_or_default();
        match next(message, usize::MAX) {
            Framed::Message { len } if !is_blank(message.get(len..).unwrap_or_default()) => {
                Self::Several(message.get(..len).unwrap_or_default())
            }
            // Without a usable length the frame is the measure; what is missing is found by whoever reads it.
            Framed::Message { .. }
            | Framed::KeepAlivePing { .. }
            | Framed::KeepAlivePong { .. }
            | Framed::Incomplete
            | Framed::TooLarge
            | Framed::Broken => Self::Message(message),
        }
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_a_frame() {
        let head = "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\n";
        let plain = format!("{head}\r\n");
        let body = format!("{head}\r\nbody without a length");
        let measured = format!("{head}Content-Length: 2\r\n\r\nhi");
        let short = format!("{head}l: 9\r\n\r\nhi");
        let contradictory = format!("{head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nhi");
        let padded = format!("\r\n{measured}\r\n\r\n");
        let two = format!("{measured}{plain}");
        let table: &[(&str, WebFrame<'_>)] = &[
            ("", WebFrame::Pong),
            ("\r\n", WebFrame::Pong),
            ("\r\n\r\n", WebFrame::Ping),
            ("\0", WebFrame::Pong),
            (&plain, WebFrame::Message(plain.as_bytes())),
            (&body, WebFrame::Message(body.as_bytes())),
            (&measured, WebFrame::Message(measured.as_bytes())),
            (&short, WebFrame::Message(short.as_bytes())),
            (&contradictory, WebFrame::Message(contradictory.as_bytes())),
            (&padded, WebFrame::Message(&padded.as_bytes()[2..])),
            (&two, WebFrame::Several(measured.as_bytes())),
            ("hello", WebFrame::Message(b"hello")),
        ];
        for (payload, expected) in table {
            assert_eq!(WebFrame::of(payload.as_bytes()), *expected, "{payload:?}");
        }
    }
}
