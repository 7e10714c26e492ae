//! Answers that need no transaction (RFC 3261 §8.2.7): challenges, refusals, REGISTER and OPTIONS.
//!
//! The same request gets the same tag, since it is made from the request; nothing is remembered.

use core::hash::Hasher;

use sip_msg::build::{ViaStamp, Writer, answer};
use sip_msg::{Message, Name};
use sip_stack::transport::{Flow, response_flow, stamp};
use siphasher::sip::SipHasher13;

use crate::outbox::{Outbox, Output};
use crate::shard::Shard;

impl Shard {
    /// Answers without a body.
    pub(crate) fn reply(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        code: u16,
        phrase: &[u8],
        fields: &[(Name, &[u8])],
        out: &mut Outbox,
    ) {
        self.reply_with(request, flow, code, phrase, out, |_, writer| {
            for (name, value) in fields {
                writer.field(*name, value);
            }
        });
    }

    /// Answers with whatever `fill` writes into the header.
    pub(crate) fn reply_with(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        code: u16,
        phrase: &[u8],
        out: &mut Outbox,
        fill: impl FnOnce(&mut Self, &mut Writer<'_>),
    ) {
        let mark = self.fingerprint(request);
        self.reply_marked(request, flow, code, phrase, mark, out, fill);
    }

    /// The same for a request whose fingerprint is known.
    pub(crate) fn reply_marked(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        code: u16,
        phrase: &[u8],
        mark: u64,
        out: &mut Outbox,
        fill: impl FnOnce(&mut Self, &mut Writer<'_>),
    ) {
        let Some(via) = request.via() else { return };
        let start = out.bytes.len();
        let tag = tag_of(mark);
        let mut writer = answer(&mut out.bytes, request, code, phrase, &tag, stamp(&via, flow.remote));
        fill(self, &mut writer);
        writer.end();
        let end = out.bytes.len();
        out.outputs.push(Output::Send { flow: response_flow(&via, flow), start, end });
    }

    pub(crate) fn stateless_tag(&self, request: &Message<'_>) -> [u8; 16] {
        tag_of(self.fingerprint(request))
    }

    /// The same for a request and its retransmissions, another for any other request.
    pub(crate) fn fingerprint(&self, request: &Message<'_>) -> u64 {
        let mut hash = SipHasher13::new_with_key(&self.tag_key);
        hash.write(request.call_id());
        hash.write(request.via().and_then(|via| via.branch()).unwrap_or_default());
        hash.write_u32(request.cseq().map_or(0, |(number, _)| number));
        hash.finish()
    }
}

fn tag_of(mark: u64) -> [u8; 16] {
    let number = mark.to_be_bytes();
    let nibble = |i: usize| usize::from(number[i / 2] >> (4 * (1 - i % 2)) & 0xf);
    core::array::from_fn(|i| b"0123456789abcdef"[nibble(i)])
}

/// Answers with a tag given, as the 200 to a CANCEL carries that of the INVITE.
pub(crate) fn reply_tagged(request: &Message<'_>, flow: &Flow, code: u16, tag: &[u8], out: &mut Outbox) {
    let Some(via) = request.via() else { return };
    let start = out.bytes.len();
    let stamp: ViaStamp = stamp(&via, flow.remote);
    answer(&mut out.bytes, request, code, b"", tag, stamp).end();
    let end = out.bytes.len();
    out.outputs.push(Output::Send { flow: response_flow(&via, flow), start, end });
}
