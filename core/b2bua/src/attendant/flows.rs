//! The flows in force, as graphs that calls can walk: read anew when a version is published.

use std::collections::BTreeMap;
use std::sync::Arc;

use callflow::{Graph, Published};
use routing::config::{AccountId, Change, Delta, FlowId};

/// Every flow that is published.
#[derive(Debug, Default)]
pub struct Flows(BTreeMap<FlowId, (AccountId, Arc<Published>)>);

impl Flows {
    /// Puts a change of configuration in force. A call that is in a flow keeps what it has.
    pub fn apply(&mut self, delta: &Delta) {
        for change in &delta.changes {
            match change {
                Change::CallFlow(row) => {
                    let known = self.0.get(&row.id).map(|(_, published)| published.version);
                    let Some(version) = &row.published else {
                        self.0.remove(&row.id);
                        continue;
                    };
                    if known == Some(version.version) {
                        continue;
                    }
                    // What was published is sound; a later release may read less out of it.
                    if let Some(graph) = Graph::read(&version.document).0 {
                        let id = Arc::clone(&row.id.0);
                        let published = Arc::new(Published { id, version: version.version, graph });
                        self.0.insert(row.id.clone(), (row.account.clone(), published));
                    } else {
                        self.0.remove(&row.id);
                    }
                }
                Change::CallFlowGone(id) => {
                    self.0.remove(id);
                }
                Change::Account(_)
                | Change::AccountGone(_)
                | Change::Connection(_)
                | Change::ConnectionGone(_)
                | Change::Domain(_)
                | Change::DomainGone(_)
                | Change::Limits(_)
                | Change::Mailbox(_)
                | Change::MailboxGone(_)
                | Change::Number(_)
                | Change::NumberGone(_)
                | Change::Person(_)
                | Change::PersonGone(_) => {}
            }
        }
    }

    /// The version of a flow that calls take.
    pub fn published(&self, id: &str) -> Option<Arc<Published>> {
        let published = self.0.get(id).map(|(_, published)| Arc::clone(published));
        published.or_else(|| callflow::own_flow(id))
    }

    /// Whose flow it is.
    pub(crate) fn account(&self, id: &str) -> Option<&AccountId> {
        self.0.get(id).map(|(account, _)| account)
    }
}
