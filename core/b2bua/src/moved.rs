//! A device that came back another way, as a browser does when its network changes: what is said within its dialogs goes
//! where it registers now (RFC 5626 §5.3). The device is known by its Contact, which is the target of its dialogs.
//!
//! What it says itself on the new way moves its dialog at once, see `talk`.

use registrar::BindingRow;
use sip_msg::Uri;
use sip_stack::transport::Flow;

use crate::call::{Call, Phase};
use crate::leg::Leg;
use crate::means::Means;

impl Call {
    /// A device registered over this flow: what is said within its dialogs goes there, and if it was woken, it is rung.
    pub fn on_moved(&mut self, binding: &BindingRow, flow: Flow, means: &mut Means<'_>) {
        if let Some(contact) = Uri::parse(binding.contact.as_bytes()) {
            let rung = match &mut self.phase {
                Phase::Talking { callee } => callee.as_deref_mut().into_iter().collect::<Vec<_>>(),
                Phase::Dialling(dialling) => {
                    dialling.branches.iter_mut().map(|branch| &mut branch.leg).collect()
                }
                Phase::Admitting
                | Phase::Attending
                | Phase::Seeking { .. }
                | Phase::Locating { .. }
                | Phase::Over => Vec::new(),
            };
            for leg in core::iter::once(&mut self.caller).chain(rung).chain(self.handover.legs_mut()) {
                leg.on_moved(&contact, flow);
            }
        }
        self.on_awake(binding, means);
    }
}

impl Leg {
    fn on_moved(&mut self, contact: &Uri<'_>, flow: Flow) {
        let streams = self.dialog.flow.protocol.is_reliable() && self.dialog.flow != flow;
        let same = |target: Uri<'_>| {
            target.user == contact.user
                && target.host.eq_ignore_ascii_case(contact.host)
                && target.port == contact.port
        };
        if streams && Uri::parse(&self.dialog.target).is_some_and(same) {
            self.dialog.flow = flow;
        }
    }
}
