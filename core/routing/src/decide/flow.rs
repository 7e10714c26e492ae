//! Calls that a flow takes, and whom a flow may ring.

use std::sync::Arc;

use smallvec::smallvec;

use super::{Caller, Deciding, Question, decide_by, silent};
use crate::config::{Connection, ConnectionId, FlowId};
use crate::decision::{Attached, Decision, Outcome, Verdict};
use crate::reason::Reason;
use crate::tables::Tables;

impl Deciding<'_> {
    /// The flow takes the call, if it is published.
    pub(super) fn run(&mut self, flow: &FlowId, connection: Option<&Arc<Connection>>) -> Outcome {
        match self.published(flow, connection) {
            Some(attached) => Outcome::Run(attached),
            None => Outcome::Refuse(Reason::FlowNotPublished),
        }
    }

    /// The flow takes over where nobody can be reached; the first that is named does.
    pub(super) fn fall_back(&mut self, flow: &FlowId, of: Arc<Connection>) {
        if self.failover.is_none() {
            self.failover = self.published(flow, Some(&of));
        }
    }

    /// The devices of a connection ring.
    pub(super) fn devices(&mut self, connection: &Arc<Connection>, called: &str) -> Outcome {
        let refused = silent(connection);
        self.note(&connection.id, refused.is_none(), refused.map_or(Verdict::User, Verdict::Refused));
        match refused {
            Some(reason) => Outcome::Refuse(reason),
            None => Outcome::Ring(smallvec![self.destination_of(connection, called)]),
        }
    }

    fn published(&self, flow: &FlowId, connection: Option<&Arc<Connection>>) -> Option<Attached> {
        let flow = self.tables.call_flow(flow).filter(|flow| flow.published.is_some())?;
        let fits = connection.is_none_or(|connection| connection.account == flow.account);
        let allowed = fits && self.reaches(&flow.account);
        allowed.then(|| Attached { flow: Arc::clone(flow), connection: connection.cloned() })
    }
}

/// Decides a call of a flow to a connection of its account: it rings there, whatever its dialled action says, so that no
/// flow enters itself.
pub fn decide_devices(
    tables: &Tables,
    caller: &Caller,
    question: &Question<'_>,
    id: &ConnectionId,
) -> Decision {
    decide_by(tables, caller, question, |deciding| {
        let outcome = match tables.connection(id).filter(|row| row.account == *deciding.account()) {
            Some(connection) if deciding.is_undisturbed(connection) => {
                deciding.note(&connection.id, false, Verdict::Refused(Reason::DoNotDisturb));
                Outcome::Refuse(Reason::DoNotDisturb)
            }
            Some(connection) => deciding.devices(connection, question.called_user),
            None => Outcome::Refuse(Reason::NothingAttached),
        };
        (question.called_user.to_owned(), outcome)
    })
}
