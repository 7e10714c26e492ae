//! Responses to a request (RFC 3261 §8.2.6.2, §18.2.1; RFC 3581 §4).
//!
//! Copies what every response copies. Record-Route, Contact and the rest are the caller's.

use std::net::IpAddr;

use super::{Writer, address, decimal, guarded};
use crate::header::{Params, list};
use crate::{Message, Name, lex};

/// Where a request came from, to be noted in its topmost Via.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViaStamp {
    /// Added as `received`, replacing what stood there.
    pub received: Option<IpAddr>,
    /// Put into `rport` if the request asks for it.
    pub rport: Option<u16>,
}

/// Starts the response to `request`: status line, all Vias, From, To, Call-ID, CSeq, and Timestamp in a 100.
///
/// `to_tag` is added to To if the request has none there, unless empty or in a 100.
pub fn answer<'o>(
    out: &'o mut Vec<u8>,
    request: &Message<'_>,
    code: u16,
    reason: &[u8],
    to_tag: &[u8],
    via: ViaStamp,
) -> Writer<'o> {
    let mut w = Writer::response(out, code, reason);
    for (n, line) in request.fields(Name::Via).enumerate() {
        if n == 0 && via != ViaStamp::default() {
            stamped(&mut w, line, via);
        } else {
            w.field(Name::Via, line);
        }
    }
    w.copy(request, Name::From);
    let to = request.field(Name::To).unwrap_or_default();
    let tagged = request.to().is_some_and(|to| to.tag().is_some());
    if tagged || code == 100 || to_tag.is_empty() || to.is_empty() {
        w.copy(request, Name::To);
    } else {
        w.parts(Name::To, &[to, b";tag=", to_tag]);
    }
    w.copy(request, Name::CallId).copy(request, Name::CSeq);
    if code == 100 {
        w.copy(request, Name::Timestamp);
    }
    w
}

/// The first Via line, its first element stamped.
fn stamped(w: &mut Writer<'_>, line: &[u8], stamp: ViaStamp) {
    let mut elements = list(line);
    let Some(top) = elements.next() else {
        w.field(Name::Via, line);
        return;
    };
    let (sent_by, params) = lex::cut(top, lex::find(b';', top).unwrap_or(top.len()));
    let out = &mut *w.out;
    out.extend_from_slice(b"Via: ");
    guarded(out, lex::trim_end(sent_by));
    let mut params = Params(params).iter();
    while let Some(raw) = params.next_raw() {
        let name = lex::trim_end(lex::split_once(raw, b'=').0);
        match (stamp.received, stamp.rport) {
            (Some(_), _) if name.eq_ignore_ascii_case(b"received") => {}
            (_, Some(port)) if name.eq_ignore_ascii_case(b"rport") => {
                out.extend_from_slice(b";rport=");
                decimal(out, u64::from(port));
            }
            _ => {
                out.push(b';');
                guarded(out, raw);
            }
        }
    }
    if let Some(ip) = stamp.received {
        out.extend_from_slice(b";received=");
        address(out, ip);
    }
    if let Some(behind) = elements.rest() {
        out.push(b',');
        guarded(out, behind);
    }
    out.extend_from_slice(b"\r\n");
}
