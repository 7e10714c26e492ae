//! The configuration as the API reads it: rows by id, oldest first, and what must be unique by its value.
//!
//! A mirror of what the store committed, changed only by the deltas it hands out. Finding a free name or a
//! referred row costs the same with ten rows as with a million.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use callflow::Graph;
use routing::config::{
    Account, AccountId, CallFlow, Change, Connection, ConnectionId, Delta, Domain, DomainId, DomainRole,
    FlowId, Limits, Mailbox, NumberId, NumberRow, Person, PersonId,
};
use speech::Speech;
use store::Loaded;

/// Every row in force.
#[derive(Debug, Default)]
pub struct Rows {
    /// The revision in force.
    pub(crate) revision: u64,
    pub(crate) accounts: Table<Account>,
    pub(crate) domains: Table<Domain>,
    pub(crate) connections: Table<Connection>,
    pub(crate) numbers: Table<NumberRow>,
    pub(crate) flows: Table<CallFlow>,
    pub(crate) people: Table<Person>,
    pub(crate) mailboxes: Table<Mailbox>,
    /// What each flow leads into.
    leads: HashMap<FlowId, Vec<Box<str>>>,
    pub(crate) limits: Kept<Limits>,
    /// What flows can let callers hear.
    pub(crate) speech: Option<Arc<Speech>>,
    account_names: HashMap<String, AccountId>,
    hosts: HashMap<String, DomainId>,
    registrars: HashMap<AccountId, BTreeSet<DomainId>>,
    users: HashMap<DomainId, HashMap<String, ConnectionId>>,
    trunk_names: HashMap<String, ConnectionId>,
    e164s: HashMap<String, BTreeMap<NumberId, Option<ConnectionId>>>,
    forms: HashMap<(AccountId, String), NumberId>,
    people_of: HashMap<ConnectionId, PersonId>,
    owned: HashMap<AccountId, Owned>,
}

/// A row and the revision it was last changed in.
#[derive(Debug, Default)]
pub(crate) struct Kept<T> {
    pub(crate) row: Arc<T>,
    pub(crate) revision: u64,
}

/// Rows by id; ids sort by age.
#[derive(Debug)]
pub(crate) struct Table<T>(BTreeMap<Arc<str>, Kept<T>>);

/// How many rows an account owns.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owned {
    pub(crate) connections: u32,
    pub(crate) numbers: u32,
}

impl Rows {
    /// The rows as they were read at start.
    pub fn new(loaded: Loaded) -> Self {
        let mut rows = Self::default();
        let changes = (loaded.accounts.into_iter().map(|r| Change::Account(Arc::new(r))))
            .chain(loaded.domains.into_iter().map(|r| Change::Domain(Arc::new(r))))
            .chain(loaded.connections.into_iter().map(|r| Change::Connection(Arc::new(r))))
            .chain(loaded.numbers.into_iter().map(|r| Change::Number(Arc::new(r))))
            .chain(loaded.flows.into_iter().map(|r| Change::CallFlow(Arc::new(r))))
            .chain(loaded.people.into_iter().map(|r| Change::Person(Arc::new(r))))
            .chain(loaded.mailboxes.into_iter().map(|r| Change::Mailbox(Arc::new(r))))
            .chain([Change::Limits(Arc::new(loaded.limits))]);
        for change in changes {
            rows.put(&change, loaded.revision);
        }
        rows.revision = loaded.revision;
        rows
    }

    /// Takes over what was committed.
    pub fn apply(&mut self, delta: &Delta) {
        for change in &delta.changes {
            self.put(change, delta.revision);
        }
        self.revision = delta.revision;
    }

    fn put(&mut self, change: &Change, revision: u64) {
        match change {
            Change::Account(row) => self.put_account(row, revision),
            Change::AccountGone(id) => {
                if let Some(old) = self.accounts.0.remove(&id.0) {
                    self.account_names.remove(&old.row.name);
                }
            }
            Change::CallFlow(row) => {
                self.leads.insert(row.id.clone(), leads(row));
                self.flows.0.insert(Arc::clone(&row.id.0), Kept { row: Arc::clone(row), revision });
            }
            Change::CallFlowGone(id) => {
                self.leads.remove(id);
                self.flows.0.remove(&id.0);
            }
            Change::Connection(row) => {
                self.forget_connection(&row.id);
                self.index_connection(row);
                self.connections.0.insert(Arc::clone(&row.id.0), Kept { row: Arc::clone(row), revision });
            }
            Change::ConnectionGone(id) => {
                self.forget_connection(id);
                self.connections.0.remove(&id.0);
            }
            Change::Domain(row) => {
                self.forget_domain(&row.id);
                self.index_domain(row);
                self.domains.0.insert(Arc::clone(&row.id.0), Kept { row: Arc::clone(row), revision });
            }
            Change::DomainGone(id) => {
                self.forget_domain(id);
                self.domains.0.remove(&id.0);
            }
            Change::Limits(row) => self.limits = Kept { row: Arc::clone(row), revision },
            Change::Mailbox(row) => {
                self.mailboxes.0.insert(Arc::clone(&row.id.0), Kept { row: Arc::clone(row), revision });
            }
            Change::MailboxGone(id) => {
                self.mailboxes.0.remove(&id.0);
            }
            Change::Number(row) => {
                self.forget_number(&row.id);
                self.e164s.entry(row.e164.clone()).or_default().insert(row.id.clone(), row.via.clone());
                for form in &row.forms {
                    self.forms.insert((row.account.clone(), form.clone()), row.id.clone());
                }
                self.owned.entry(row.account.clone()).or_default().numbers += 1;
                self.numbers.0.insert(Arc::clone(&row.id.0), Kept { row: Arc::clone(row), revision });
            }
            Change::NumberGone(id) => {
                self.forget_number(id);
                self.numbers.0.remove(&id.0);
            }
            Change::Person(row) => {
                self.forget_person(&row.id);
                for connection in &row.connections {
                    self.people_of.insert(connection.clone(), row.id.clone());
                }
                self.people.0.insert(Arc::clone(&row.id.0), Kept { row: Arc::clone(row), revision });
            }
            Change::PersonGone(id) => {
                self.forget_person(id);
                self.people.0.remove(&id.0);
            }
        }
    }

    fn put_account(&mut self, row: &Arc<Account>, revision: u64) {
        let kept = Kept { row: Arc::clone(row), revision };
        if let Some(old) = self.accounts.0.insert(Arc::clone(&row.id.0), kept) {
            self.account_names.remove(&old.row.name);
        }
        self.account_names.insert(row.name.clone(), row.id.clone());
    }

    fn index_domain(&mut self, row: &Domain) {
        for host in core::iter::once(&row.host).chain(&row.aliases) {
            self.hosts.insert(host.clone(), row.id.clone());
        }
        if row.role != DomainRole::Trunk {
            self.registrars.entry(row.account.clone()).or_default().insert(row.id.clone());
        }
    }

    fn forget_domain(&mut self, id: &DomainId) {
        let Some(old) = self.domains.get(id.as_str()) else { return };
        for host in core::iter::once(&old.host).chain(&old.aliases) {
            self.hosts.remove(host);
        }
        if let Some(registrars) = self.registrars.get_mut(&old.account) {
            registrars.remove(id);
        }
    }

    fn index_connection(&mut self, row: &Connection) {
        for (domain, user) in registered_names(row) {
            self.users.entry(domain.clone()).or_default().insert(user.to_owned(), row.id.clone());
        }
        for name in row.trunk_name.iter().chain(&row.trunk_aliases) {
            self.trunk_names.insert(name.clone(), row.id.clone());
        }
        self.owned.entry(row.account.clone()).or_default().connections += 1;
    }

    fn forget_connection(&mut self, id: &ConnectionId) {
        let Some(Kept { row: old, .. }) = self.connections.0.get(&id.0) else { return };
        for (domain, user) in registered_names(old) {
            self.users.get_mut(domain).map(|users| users.remove(user));
        }
        for name in old.trunk_name.iter().chain(&old.trunk_aliases) {
            self.trunk_names.remove(name);
        }
        self.owned.entry(old.account.clone()).and_modify(|owned| owned.connections -= 1);
    }

    fn forget_number(&mut self, id: &NumberId) {
        let Some(Kept { row: old, .. }) = self.numbers.0.get(&id.0) else { return };
        if let Some(rows) = self.e164s.get_mut(&old.e164) {
            rows.remove(id);
            if rows.is_empty() {
                self.e164s.remove(&old.e164);
            }
        }
        for form in &old.forms {
            self.forms.remove(&(old.account.clone(), form.clone()));
        }
        self.owned.entry(old.account.clone()).and_modify(|owned| owned.numbers -= 1);
    }

    fn forget_person(&mut self, id: &PersonId) {
        let Some(old) = self.people.get(id.as_str()).cloned() else { return };
        for connection in &old.connections {
            self.people_of.remove(connection);
        }
    }

    /// Whose connection it is.
    pub(crate) fn person_of(&self, connection: &ConnectionId) -> Option<&Arc<Person>> {
        self.people.get(self.people_of.get(connection)?.as_str())
    }

    /// The account with this id or name.
    pub(crate) fn account(&self, reference: &str) -> Option<&Arc<Account>> {
        let by_name = || self.accounts.get(self.account_names.get(reference)?.as_str());
        self.accounts.get(reference).or_else(by_name)
    }

    /// The domain with this id, host or alias.
    pub(crate) fn domain(&self, reference: &str) -> Option<&Arc<Domain>> {
        let by_host = || self.domains.get(self.hosts.get(&reference.to_ascii_lowercase())?.as_str());
        self.domains.get(reference).or_else(by_host)
    }

    /// The oldest domain of an account that devices can register in.
    pub(crate) fn first_registrar(&self, account: &AccountId) -> Option<&Arc<Domain>> {
        self.domains.get(self.registrars.get(account)?.first()?.as_str())
    }

    /// The connection with this user in this domain.
    pub(crate) fn user(&self, domain: &DomainId, user: &str) -> Option<&ConnectionId> {
        self.users.get(domain)?.get(user)
    }

    /// Whether a domain has users.
    pub(crate) fn has_users(&self, domain: &DomainId) -> bool {
        self.users.get(domain).is_some_and(|users| !users.is_empty())
    }

    /// The connection that has or had this trunk name.
    pub(crate) fn trunk_name(&self, name: &str) -> Option<&ConnectionId> {
        self.trunk_names.get(name)
    }

    /// The rows of a number.
    pub(crate) fn e164(&self, number: &str) -> impl Iterator<Item = (&NumberId, Option<&ConnectionId>)> {
        self.e164s.get(number).into_iter().flatten().map(|(id, via)| (id, via.as_ref()))
    }

    /// The number of an account that lists this form.
    pub(crate) fn form(&self, account: &AccountId, form: &str) -> Option<&NumberId> {
        self.forms.get(&(account.clone(), form.to_owned()))
    }

    /// The flows that the published version of a flow leads into, or its draft until there is one.
    pub(crate) fn leads(&self, flow: &FlowId) -> &[Box<str>] {
        self.leads.get(flow).map_or(&[], Vec::as_slice)
    }

    /// How many rows an account owns.
    pub(crate) fn owned(&self, account: &AccountId) -> Owned {
        self.owned.get(account).copied().unwrap_or_default()
    }
}

fn leads(flow: &CallFlow) -> Vec<Box<str>> {
    let document = flow.published.as_ref().map_or(&flow.draft, |published| &published.document);
    Graph::read(document).0.map(|graph| graph.flows()).unwrap_or_default()
}

/// Domain and users of a connection that can be dialled by name.
pub(crate) fn registered_names(row: &Connection) -> impl Iterator<Item = (&DomainId, &str)> {
    row.domain.iter().flat_map(|domain| row.users().map(move |user| (domain, user)))
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Table<T> {
    /// One row.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<T>> {
        self.kept(id).map(|kept| &kept.row)
    }

    /// One row and its revision.
    pub(crate) fn kept(&self, id: &str) -> Option<&Kept<T>> {
        self.0.get(id)
    }

    /// Every row, oldest first.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &Kept<T>> {
        self.0.values()
    }

    /// Rows older than `id`, newest first.
    pub(crate) fn older(&self, id: &str) -> impl Iterator<Item = &Kept<T>> {
        use core::ops::Bound::{Excluded, Unbounded};

        self.0.range::<str, _>((Unbounded, Excluded(id))).rev().map(|(_, kept)| kept)
    }

    /// Rows newer than `id`, oldest first.
    pub(crate) fn newer(&self, id: &str) -> impl Iterator<Item = &Kept<T>> {
        use core::ops::Bound::{Excluded, Unbounded};

        self.0.range::<str, _>((Excluded(id), Unbounded)).map(|(_, kept)| kept)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
