//! An INVITE with Replaces (RFC 3891): which dialog of ours it names, and whether whoever sends it may take its place.
//!
//! Only somebody of the same account may. Our own calls come here, too, when a transfer leads to a dialog of ours:
//! their tag is one that nobody else was ever shown, and their Request-URI names the account they act for.

use std::sync::Arc;

use b2bua::{Call, Replacement};
use registrar::NonceUse;
use routing::config::{AccountId, Connection};
use routing::decide::Caller;
use sip_msg::header::Replaces;
use sip_msg::{Message, Name, Uri};
use sip_stack::Slot;
use sip_stack::transport::{Flow, response_flow};
use timestamp::Timestamp;

use crate::outbox::Outbox;
use crate::shard::Shard;

impl Shard {
    /// Whether this INVITE is one that we sent to ourselves.
    pub(crate) fn came_from_ourselves(&self, request: &Message<'_>) -> bool {
        let tag = request.from().and_then(|from| from.tag()).unwrap_or_default();
        request.field(Name::Replaces).is_some() && self.owners.is_inward(tag)
    }

    /// A transfer leads to a dialog of ours.
    pub(crate) fn on_own_replacement(
        &mut self,
        request: &Message<'_>,
        flow: Flow,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let account = Uri::parse(request.uri()).and_then(|uri| uri.user).unwrap_or_default();
        let account: AccountId = String::from_utf8_lossy(account).as_ref().into();
        self.take_place(request, flow, &account, None, None, now, out);
    }

    /// Somebody who is known wants a place.
    pub(crate) fn on_replacement(
        &mut self,
        request: &Message<'_>,
        flow: Flow,
        caller: Caller,
        nonce: Option<NonceUse>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        match caller {
            Caller::Connection(connection, _) => {
                let account = connection.account.clone();
                self.take_place(request, flow, &account, Some(connection), nonce, now, out);
            }
            // Whoever is known by its address alone reaches users and numbers, and no calls of theirs.
            Caller::Account(_) => self.reply(request, &flow, 403, b"", &[], out),
        }
    }

    fn take_place(
        &mut self,
        request: &Message<'_>,
        flow: Flow,
        account: &AccountId,
        connection: Option<Arc<Connection>>,
        nonce: Option<NonceUse>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let (slot, leg) = match self.replaceable(request, account) {
            Ok(found) => found,
            Err(code) => {
                self.reply(request, &flow, code, b"", &[], out);
                return;
            }
        };
        let answers = request.via().map_or(flow, |via| response_flow(&via, &flow));
        let server = self.transactions.open(request, answers);
        self.transactions.set_user(server, slot);
        self.with_call(slot, now, out, |call, means| {
            call.replace(Replacement { leg, request, server, flow, connection, nonce }, means);
        });
    }

    /// The leg that Replaces names, or the code it is refused with (RFC 3891 §3).
    fn replaceable(&self, request: &Message<'_>, account: &AccountId) -> Result<(Slot, u8), u16> {
        let wanted = request.field(Name::Replaces).and_then(Replaces::parse).ok_or(400_u16)?;
        if request.named(b"Join").is_some() {
            return Err(400);
        }
        let (shard, slot, leg) = self.owners.leg(wanted.to_tag).ok_or(481_u16)?;
        let call: &Call = self.calls.get(slot).filter(|_| shard == self.index).ok_or(481_u16)?;
        if !call.owns(leg, wanted.call_id, wanted.from_tag) {
            return Err(481);
        }
        match (call.account_of(leg) == Some(account), call.has_ended(), call.is_confirmed(leg)) {
            (false, ..) => Err(403),
            (true, true, _) => Err(603),
            (true, false, false) if request.body().is_empty() && call.may_be_picked_up(leg) => Err(488),
            (true, false, false) if call.may_be_picked_up(leg) => Ok((slot, leg)),
            (true, false, false) => Err(481),
            (true, false, true) if wanted.early_only => Err(486),
            (true, false, true) if request.body().is_empty() => Err(488),
            (true, false, true) => Ok((slot, leg)),
        }
    }
}
