//! Before the answer: the early dialogs of a branch, one per tag of a fork downstream (RFC 3261 §12.1.2, §13.2.2.4).
//!
//! The dialog of the branch's leg is the one in use; the others wait here. Nothing is sent from this file.

use sip_msg::Message;
use sip_stack::dialog::{Dialog, Heard, ReliableOrder};
use smallvec::SmallVec;

use crate::branch::Branch;

/// The early dialogs of a branch.
#[derive(Debug, Default)]
pub(crate) struct EarlyDialogs {
    /// The order of reliable answers in the dialog in use.
    order: ReliableOrder,
    /// The last description heard in it.
    pub described: Vec<u8>,
    /// CSeq number of the INVITE: that of every early dialog begins there.
    pub invite_cseq: u32,
    /// An offer in a reliable answer whose PRACK waits for the caller's answer: its RSeq.
    pub owed: Option<u32>,
    others: SmallVec<[Fork; 0]>,
}

#[derive(Debug)]
struct Fork {
    dialog: Dialog,
    order: ReliableOrder,
    described: Vec<u8>,
}

impl Branch {
    /// A provisional answer came: what it is to us, with its dialog in use from here on.
    pub(crate) fn hear_provisional(&mut self, response: &Message<'_>) -> Heard {
        if response.code() == 100 {
            return Heard::Plain;
        }
        if !self.select(response) {
            return Heard::Dropped;
        }
        let heard = self.early.order.on_response(response);
        if heard != Heard::Dropped && !response.body().is_empty() {
            self.early.described = response.body().to_vec();
        }
        heard
    }

    /// Puts the dialog of this answer's tag in use; false if there are too many.
    pub(crate) fn select(&mut self, response: &Message<'_>) -> bool {
        let tag = response.to().and_then(|to| to.tag()).unwrap_or_default();
        if tag.is_empty() || self.select_tag(tag) {
            self.leg.dialog.refresh_target(response);
            return true;
        }
        if !self.leg.dialog.remote_tag.is_empty() {
            if self.early.others.len() >= MOST_FORKS {
                return false;
            }
            let mut dialog = self.leg.dialog.clone();
            (dialog.local_cseq, dialog.remote_cseq) = (self.early.invite_cseq, None);
            let dialog = core::mem::replace(&mut self.leg.dialog, dialog);
            let (order, described) =
                (core::mem::take(&mut self.early.order), core::mem::take(&mut self.early.described));
            self.early.others.push(Fork { dialog, order, described });
        }
        self.leg.dialog.confirm(response);
        true
    }

    /// Puts the dialog of this tag in use, if there is one.
    pub(crate) fn select_tag(&mut self, tag: &[u8]) -> bool {
        if *self.leg.dialog.remote_tag == *tag {
            return true;
        }
        let Some(fork) = self.early.others.iter_mut().find(|fork| *fork.dialog.remote_tag == *tag) else {
            return false;
        };
        core::mem::swap(&mut self.leg.dialog, &mut fork.dialog);
        core::mem::swap(&mut self.early.order, &mut fork.order);
        core::mem::swap(&mut self.early.described, &mut fork.described);
        true
    }

    /// Whether a request with this Call-ID and tag belongs to one of its dialogs.
    pub(crate) fn owns(&self, call_id: &[u8], tag: &[u8]) -> bool {
        let mut others = self.early.others.iter();
        self.leg.dialog.matches(call_id, tag) || others.any(|fork| fork.dialog.matches(call_id, tag))
    }

    /// The INVITE is about to be sent, perhaps again: whatever was early before is gone.
    pub(crate) fn forget_early(&mut self, target: &[u8], cseq: u32) {
        let dialog = &mut self.leg.dialog;
        if !dialog.remote_tag.is_empty() {
            (dialog.remote_tag, dialog.routes) = (Box::default(), Box::default());
            dialog.target = target.into();
        }
        self.early = EarlyDialogs { invite_cseq: cseq, ..EarlyDialogs::default() };
    }
}

/// Forks of one branch that are told apart.
const MOST_FORKS: usize = 8;
