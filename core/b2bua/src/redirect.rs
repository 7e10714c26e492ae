//! A callee that says where else to look (RFC 3261 §8.1.3.4): followed to our own users and numbers only.
//!
//! The callee speaks for itself and not for the caller, so its contacts get what anybody of the account gets, and
//! never a way out. Whoever was rung already is not rung again, which ends every loop.

use std::sync::Arc;

use routing::caller_id::Proposal;
use routing::decide::{Addressed, Caller, Question, decide};
use routing::decision::{Destination, Outcome};
use sip_msg::{Message, Name, NameAddr, Uri};

use crate::call::{Call, Phase};
use crate::means::Means;

impl Call {
    /// Adds the contacts of a 3xx that are ours to the targets, next in line; whether there was one.
    pub(crate) fn follow(&mut self, response: &Message<'_>, means: &Means<'_>) -> bool {
        let Phase::Dialling(dialling) = &self.phase else { return false };
        let mut place = dialling.target + 1;
        let account = self.account().and_then(|id| means.tables.account(id)).cloned();
        let Some(account) = account else { return false };
        let caller = Caller::Account(account);
        let presented = self.from();
        let before = self.redirects;
        for contact in response.values(Name::Contact).filter_map(NameAddr::parse) {
            let Some((user, host)) = Uri::parse(contact.uri).as_ref().and_then(party) else { continue };
            let (called_user, called_host) = (user.as_str(), host.as_str());
            let (presented, addressed) = (Proposal::from(&presented), Addressed::Directly);
            let question = Question { called_user, called_host, presented, addressed, at: None };
            let Outcome::Ring(found) = decide(means.tables, &caller, &question).outcome else { continue };
            for destination in found {
                if self.redirects < MOST_REDIRECTS && !self.knows(&destination) {
                    self.add_target(place, destination);
                    self.redirects += 1;
                    place += 1;
                }
            }
        }
        self.redirects > before
    }

    fn knows(&self, destination: &Destination) -> bool {
        self.routed().outcome.targets().iter().any(|t| {
            Arc::ptr_eq(&t.connection, &destination.connection)
                || (t.connection.id == destination.connection.id && t.number == destination.number)
        })
    }

    fn add_target(&mut self, place: usize, destination: Destination) {
        let decision = match &mut self.handover.transfer {
            Some(transfer) => &mut transfer.decision,
            None => self.diverted.as_mut().unwrap_or(&mut self.decision),
        };
        if let Outcome::Ring(targets) = &mut decision.outcome {
            targets.insert(place.min(targets.len()), destination);
        }
    }
}

fn party(uri: &Uri<'_>) -> Option<(String, String)> {
    let mut user = Vec::new();
    uri.unescape_user(&mut user);
    let host = core::str::from_utf8(uri.host).ok()?;
    Some((String::from_utf8(user).ok()?, host.to_owned()))
}

/// Redirections followed for one call.
const MOST_REDIRECTS: u8 = 5;
