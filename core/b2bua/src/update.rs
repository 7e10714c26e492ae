//! UPDATE, both ways (RFC 3311): offers that cross, and refreshes of target and timer that do not.
//!
//! An offer crosses as UPDATE if the other peer allows it, else as re-INVITE once the call is established; before
//! that it is refused with 488, and the session stays as it is (§5.2).

use sip_msg::{Message, Method};

use routing::reason::Reason;

use crate::anchor::{self, Before, Passing};
use crate::call::{Call, FORWARD, Forward};
use crate::means::Means;
use crate::record::EndedBy;
use crate::refresh::{send_update, too_small};
use crate::reinvite::{refuse_in_dialog, refuse_offer, send_reinvite};
use crate::talk::{InDialog, respond};
use crate::usage::{InviteUsage, Unanswered, UpdateUsage};

impl Call {
    /// An UPDATE came.
    pub(crate) fn on_update(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let request = event.request;
        let Some(leg) = self.leg_mut(event.leg) else { return };
        if let Err(least) = leg.timer.propose(request) {
            let (name, value) = too_small(least);
            respond(&event, 422, &[(name, value.as_bytes())], means);
            return;
        }
        if request.body().is_empty() || anchor::unchanged(request.body(), leg) {
            leg.dialog.refresh_target(request);
            let sent = match request.body() {
                [] => Vec::new(),
                _ => anchor::repeated(leg, means),
            };
            self.accept(&event, &sent, means);
            return;
        }
        self.on_offer(event, means);
    }

    /// An offer in an UPDATE: whether its time has come (§5.2), and where it goes.
    pub(crate) fn on_offer(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let late = self.is_late();
        let Some(leg) = self.leg_mut(event.leg) else { return };
        let (established, theirs) = (leg.is_confirmed(), leg.invited != late);
        let unanswered = match (established || leg.agreed, theirs) {
            (true, _) => leg.unanswered(),
            // The offer of the INVITE.
            (false, true) => Some(Unanswered::Theirs),
            (false, false) => Some(Unanswered::Ours),
        };
        if let Some(unanswered) = unanswered {
            refuse_offer(&event, unanswered, means);
            return;
        }
        leg.dialog.refresh_target(event.request);
        self.offer_across(event, means);
    }

    fn offer_across(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let slot = self.slot;
        let established = self.leg_mut(event.leg).is_some_and(|leg| leg.is_confirmed());
        let Some((asking, other)) = self.pair(event.leg) else {
            if established {
                self.update_service(event, means);
            } else {
                refuse_in_dialog(&event, Reason::BadDescription, means);
            }
            return;
        };
        let established = other.is_confirmed();
        if !established && !other.agreed {
            refuse_offer(&event, Unanswered::Theirs, means);
            return;
        }
        if !other.is_free() {
            refuse_offer(&event, Unanswered::Ours, means);
            return;
        }
        if !other.abilities.update && !established {
            refuse_in_dialog(&event, Reason::BadDescription, means);
            return;
        }
        let before = Some(Box::new(Before::of(asking, other)));
        match anchor::pass(Passing::Offer, event.request.body(), asking, other, slot, means) {
            Ok(body) => {
                asking.update = UpdateUsage::Asked;
                let client = if other.abilities.update {
                    other.update = UpdateUsage::Asking;
                    send_update(slot, other, &body, FORWARD, means)
                } else {
                    let client = send_reinvite(slot, other, &body, means);
                    other.usage = InviteUsage::Asking { client, cseq: other.dialog.local_cseq };
                    client
                };
                self.forwards.push(Forward { before, ..Forward::of(&event, Some(client)) });
            }
            Err(reason) => refuse_in_dialog(&event, reason, means),
        }
    }

    fn update_service(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let Some(leg) = self.leg_mut(event.leg) else { return };
        if leg.media.bypass {
            respond(&event, 491, &[], means);
            return;
        }
        match self.answer_anew(event.leg, event.request.body(), means) {
            Ok(body) => {
                self.accept(&event, &body, means);
                self.go_on_serving(event.leg, means);
            }
            Err(reason) => refuse_in_dialog(&event, reason, means),
        }
    }

    /// The other leg answered an UPDATE of ours that carried an offer.
    pub(crate) fn on_update_response(
        &mut self,
        forward: Forward,
        response: &Message<'_>,
        means: &mut Means<'_>,
    ) {
        let slot = self.slot;
        let Some((asking, other)) = self.pair(forward.leg) else {
            self.answer_forward(&forward, 487, None, means);
            return;
        };
        let established = other.is_confirmed();
        other.update = UpdateUsage::Idle;
        other.abilities.hear(response);
        let code = response.code();
        match code {
            200..=299 => {
                other.dialog.refresh_target(response);
                other.proved = false;
                let settled = established.then(|| other.timer.settled_by(response));
                let number = other.number;
                let body = anchor::pass(Passing::Answer, response.body(), other, asking, slot, means);
                if body.is_ok() {
                    anchor::connect(asking, other, true, means);
                }
                self.start_timer(number, settled, means);
                match body {
                    Ok(body) => {
                        self.answer_forward(&forward, 200, Some((b"application/sdp", &body)), means);
                        self.mind_hold(forward.leg, means);
                    }
                    Err(_) => self.answer_forward(&forward, 488, None, means),
                }
            }
            // The same offer again: in words that the peer takes, or with the interval it wants.
            401 | 405 | 407 | 422 | 501 => {
                let again = match code {
                    401 | 407 => other.prove(response, b"UPDATE", means),
                    422 => other.timer.on_too_small(response),
                    _ => established,
                };
                if !again {
                    self.answer_forward(&forward, 488, None, means);
                    return;
                }
                let body = other.media.sent.clone();
                let client = if !matches!(code, 405 | 501) {
                    other.update = UpdateUsage::Asking;
                    send_update(slot, other, &body, FORWARD, means)
                } else {
                    other.abilities.update = false;
                    let client = send_reinvite(slot, other, &body, means);
                    other.usage = InviteUsage::Asking { client, cseq: other.dialog.local_cseq };
                    client
                };
                self.forwards.push(Forward { client: Some(client), ..forward });
            }
            408 | 481 => {
                self.answer_forward(&forward, code, None, means);
                if established {
                    self.hang_up(Reason::PeerFailed, EndedBy::System, means);
                }
            }
            // Glare over there looks like glare here, and is settled by whoever asked (§5.2).
            491 => self.answer_forward(&forward, 491, None, means),
            _ => self.answer_forward(&forward, crate::failure::relayed(code).0, None, means),
        }
    }
}

impl Forward {
    /// Whether no answer to it means that the other dialog is gone: everything but INFO and MESSAGE.
    pub(crate) fn ends_dialog(&self) -> bool {
        let apart = |request: Message<'_>| matches!(request.method(), Method::Info | Method::Message);
        Message::parse(&self.request).is_ok_and(|request| !apart(request))
    }
}
