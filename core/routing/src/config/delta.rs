//! A change of configuration: what the store committed, in the order of its revisions.

use std::sync::Arc;

use super::{
    Account, AccountId, CallFlow, Connection, ConnectionId, Domain, DomainId, FlowId, Limits, Mailbox,
    MailboxId, NumberId, NumberRow, Person, PersonId,
};

/// One committed change and the revision it made.
#[derive(Clone, Debug)]
pub struct Delta {
    /// The revision in force once the change is applied; every decision and record carries it.
    pub revision: u64,
    /// What changed; a batch carries many.
    pub changes: Vec<Change>,
}

/// One row put in force or taken away.
#[derive(Clone, Debug)]
pub enum Change {
    /// An account was created or changed.
    Account(Arc<Account>),
    /// An account is gone.
    AccountGone(AccountId),
    /// A call flow was created, changed or published.
    CallFlow(Arc<CallFlow>),
    /// A call flow is gone.
    CallFlowGone(FlowId),
    /// A connection was created or changed.
    Connection(Arc<Connection>),
    /// A connection is gone.
    ConnectionGone(ConnectionId),
    /// A domain was created or changed.
    Domain(Arc<Domain>),
    /// A domain is gone.
    DomainGone(DomainId),
    /// The installation's limits changed.
    Limits(Arc<Limits>),
    /// A mailbox was created or changed.
    Mailbox(Arc<Mailbox>),
    /// A mailbox is gone.
    MailboxGone(MailboxId),
    /// A number was created or changed.
    Number(Arc<NumberRow>),
    /// A number is gone.
    NumberGone(NumberId),
    /// A person was created or changed.
    Person(Arc<Person>),
    /// A person is gone.
    PersonGone(PersonId),
}
