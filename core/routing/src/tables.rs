//! The configuration in force, indexed for the call path. One per shard, changed by deltas; a change costs what
//! changed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::config::{
    Account, AccountId, CallFlow, Change, Connection, ConnectionId, Delta, Domain, DomainId, DomainRole,
    FlowId, IpPolicy, Limits, NumberId, NumberRow, Person, PersonId, Target,
};
use crate::near::Neighbours;
use crate::pattern::Pattern;
use crate::sources::{Sources, canonical};

/// Everything that decisions read.
#[derive(Debug, Default)]
pub struct Tables {
    revision: u64,
    base_domain: String,
    own_addresses: Vec<IpAddr>,
    accounts: BTreeMap<AccountId, Arc<Account>>,
    connections: HashMap<ConnectionId, Arc<Connection>>,
    domains: BTreeMap<DomainId, Arc<Domain>>,
    hosts: HashMap<Box<str>, DomainId>,
    users: HashMap<DomainId, HashMap<Box<str>, Arc<Connection>>>,
    trunk_names: HashMap<Box<str>, ConnectionId>,
    numbers: HashMap<Box<str>, SmallVec<[Arc<NumberRow>; 1]>>,
    number_rows: HashMap<NumberId, Arc<NumberRow>>,
    numbers_of: HashMap<ConnectionId, SmallVec<[Box<str>; 1]>>,
    sources: Sources<ConnectionId>,
    account_sources: Sources<AccountId>,
    neighbours: Neighbours,
    ways_out: BTreeMap<AccountId, BTreeMap<(i32, ConnectionId), WayOut>>,
    offered: BTreeMap<(i32, ConnectionId), WayOut>,
    limits: Option<Arc<Limits>>,
    call_flows: HashMap<FlowId, Arc<CallFlow>>,
    people: HashMap<PersonId, Arc<Person>>,
    person_of: HashMap<ConnectionId, Arc<Person>>,
}

/// A connection with a dial pattern.
#[derive(Clone, Debug)]
pub struct WayOut {
    /// The connection.
    pub connection: Arc<Connection>,
    /// Its pattern.
    pub pattern: Pattern,
}

/// What a host name of a request means.
#[derive(Clone, Debug)]
pub enum Host {
    /// A domain that devices register in, named as such.
    Domain(Arc<Domain>),
    /// One of our own addresses: stands for the caller's domain, or the first one.
    Ours,
    /// A trunk's own host.
    Trunk(Arc<Connection>),
}

impl Tables {
    /// Empty tables of an installation with this base domain and these addresses.
    pub fn new(base_domain: &str, own_addresses: Vec<IpAddr>) -> Self {
        Self { base_domain: base_domain.to_ascii_lowercase(), own_addresses, ..Self::default() }
    }

    /// The revision in force.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Puts a change in force.
    pub fn apply(&mut self, delta: &Delta) {
        for change in &delta.changes {
            match change {
                Change::Account(row) => self.put_account(row),
                Change::AccountGone(id) => self.drop_account(id),
                Change::CallFlow(row) => {
                    self.call_flows.insert(row.id.clone(), Arc::clone(row));
                }
                Change::CallFlowGone(id) => {
                    self.call_flows.remove(id);
                }
                Change::Connection(row) => self.put_connection(row),
                Change::ConnectionGone(id) => self.drop_connection(id),
                Change::Domain(row) => self.put_domain(row),
                Change::DomainGone(id) => self.drop_domain(id),
                Change::Limits(limits) => self.limits = Some(Arc::clone(limits)),
                // Whoever has the messages knows the mailboxes.
                Change::Mailbox(_) | Change::MailboxGone(_) => {}
                Change::Number(row) => self.put_number(row),
                Change::NumberGone(id) => self.drop_number(id),
                Change::Person(row) => self.put_person(row),
                Change::PersonGone(id) => self.drop_person(id),
            }
        }
        self.revision = delta.revision;
    }

    /// A connection by id.
    pub fn connection(&self, id: &ConnectionId) -> Option<&Arc<Connection>> {
        self.connections.get(id)
    }

    /// A connection by the text of its id.
    pub fn connection_by_text(&self, id: &str) -> Option<&Arc<Connection>> {
        self.connections.get(id)
    }

    /// An account by id.
    pub fn account(&self, id: &AccountId) -> Option<&Arc<Account>> {
        self.accounts.get(id)
    }

    /// An account by the text of its id.
    pub fn account_by_text(&self, id: &str) -> Option<&Arc<Account>> {
        self.accounts.get(id)
    }

    /// A call flow by id.
    pub fn call_flow(&self, id: &FlowId) -> Option<&Arc<CallFlow>> {
        self.call_flows.get(id)
    }

    /// A person by id.
    pub fn person(&self, id: &PersonId) -> Option<&Arc<Person>> {
        self.people.get(id)
    }

    /// Whose connection it is.
    pub fn person_of(&self, connection: &ConnectionId) -> Option<&Arc<Person>> {
        self.person_of.get(connection)
    }

    /// The installation's limits.
    pub fn limits(&self) -> Option<&Arc<Limits>> {
        self.limits.as_ref()
    }

    /// A domain by id.
    pub fn domain(&self, id: &DomainId) -> Option<&Arc<Domain>> {
        self.domains.get(id)
    }

    /// What a host name means, or `None` if it is not ours.
    pub fn host(&self, host: &str) -> Option<Host> {
        let mut lower = Cow::Borrowed(host.trim_end_matches('.'));
        if lower.bytes().any(|c| c.is_ascii_uppercase()) {
            lower.to_mut().make_ascii_lowercase();
        }
        if let Some(domain) = self.hosts.get(&*lower).and_then(|id| self.domains.get(id)) {
            return Some(Host::Domain(Arc::clone(domain)));
        }
        let literal = lower.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(&lower);
        if let Ok(address) = literal.parse::<IpAddr>() {
            let address = canonical(address);
            return (address.is_loopback() || self.own_addresses.contains(&address)).then_some(Host::Ours);
        }
        if lower == "localhost" || lower == self.base_domain {
            return Some(Host::Ours);
        }
        let name = lower.strip_suffix(self.base_domain.as_str())?.strip_suffix(".trunk.")?;
        let id = self.trunk_names.get(name)?;
        self.connections.get(id).map(|c| Host::Trunk(Arc::clone(c)))
    }

    /// What the host of a Request-URI means; a `tel:` URI has none, and whoever is asked to reach it may (RFC 3966 §3).
    pub fn called_host(&self, host: &str) -> Option<Host> {
        if host.is_empty() { Some(Host::Ours) } else { self.host(host) }
    }

    /// The domain that our own addresses stand for: `sip.BASE`, else the oldest registrar domain.
    pub fn home_domain(&self) -> Option<&Arc<Domain>> {
        let named = self.hosts.get(format!("sip.{}", self.base_domain).as_str());
        named.and_then(|id| self.domains.get(id)).or_else(|| self.domains.values().find(|d| registers(d)))
    }

    /// The oldest registrar domain of an account.
    pub fn domain_of_account(&self, account: &AccountId) -> Option<&Arc<Domain>> {
        self.domains.values().find(|d| d.account == *account && registers(d))
    }

    /// The connection with this user in this domain.
    pub fn user(&self, domain: &DomainId, user: &str) -> Option<&Arc<Connection>> {
        self.users.get(domain)?.get(user)
    }

    /// The rows for a number in E.164, or in a form that a row lists.
    pub fn numbers(&self, e164: &str) -> &[Arc<NumberRow>] {
        self.numbers.get(e164).map_or(&[], |rows| rows)
    }

    /// The numbers that point at a connection.
    pub fn numbers_of(&self, connection: &ConnectionId) -> &[Box<str>] {
        self.numbers_of.get(connection).map_or(&[], |numbers| numbers)
    }

    /// The connections that list a source address as their proof, network by network, the most specific first.
    pub fn by_source(&self, address: IpAddr) -> impl Iterator<Item = &[ConnectionId]> {
        self.sources.of(address)
    }

    /// The accounts that list a source address, network by network, the most specific first.
    pub fn accounts_by_source(&self, address: IpAddr) -> impl Iterator<Item = &[AccountId]> {
        self.account_sources.of(address)
    }

    /// Networks of connections, for what lies beside them.
    pub fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// Our own addresses.
    pub fn own_addresses(&self) -> &[IpAddr] {
        &self.own_addresses
    }

    /// Domains in the order of their ids.
    pub fn domains(&self) -> impl Iterator<Item = &Arc<Domain>> {
        self.domains.values()
    }

    /// Accounts in the order of their ids.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.values()
    }

    /// The ways out that an account may use, by order and age; its own before those offered to it.
    pub fn ways_out<'t>(&'t self, account: &'t AccountId) -> impl Iterator<Item = &'t WayOut> {
        let own = self.ways_out.get(account).into_iter().flat_map(BTreeMap::values);
        let offered = self.offered.values().filter(move |way| {
            let owner = &way.connection;
            owner.account != *account && owner.offered_to.iter().any(|to| to == "*" || to == account.as_str())
        });
        own.chain(offered)
    }

    fn put_account(&mut self, row: &Arc<Account>) {
        self.drop_account(&row.id);
        for network in &row.allowed_sources {
            self.account_sources.add(*network, &row.id);
        }
        self.accounts.insert(row.id.clone(), Arc::clone(row));
    }

    fn drop_account(&mut self, id: &AccountId) {
        let Some(old) = self.accounts.remove(id) else { return };
        for network in &old.allowed_sources {
            self.account_sources.remove(*network, id);
        }
    }

    fn put_connection(&mut self, row: &Arc<Connection>) {
        self.drop_connection(&row.id);
        for (domain, user) in row.domain.iter().flat_map(|domain| row.users().map(move |user| (domain, user)))
        {
            self.users.entry(domain.clone()).or_default().insert(user.into(), Arc::clone(row));
        }
        for name in row.trunk_name.iter().chain(&row.trunk_aliases) {
            self.trunk_names.insert(name.as_str().into(), row.id.clone());
        }
        self.neighbours.add(row);
        if row.ip_policy != IpPolicy::Filter {
            for network in &row.allowed_sources {
                self.sources.add(*network, &row.id);
            }
        }
        if let Some(pattern) = row.dial_pattern.as_deref().and_then(|text| Pattern::compile(text).ok()) {
            let way = WayOut { connection: Arc::clone(row), pattern };
            if !row.offered_to.is_empty() {
                self.offered.insert((row.order, row.id.clone()), way.clone());
            }
            self.ways_out.entry(row.account.clone()).or_default().insert((row.order, row.id.clone()), way);
        }
        self.connections.insert(row.id.clone(), Arc::clone(row));
    }

    fn drop_connection(&mut self, id: &ConnectionId) {
        let Some(old) = self.connections.remove(id) else { return };
        if let Some(users) = old.domain.as_ref().and_then(|domain| self.users.get_mut(domain)) {
            for user in old.users() {
                if users.get(user).is_some_and(|known| known.id == *id) {
                    users.remove(user);
                }
            }
        }
        for name in old.trunk_name.iter().chain(&old.trunk_aliases) {
            self.trunk_names.remove(name.as_str());
        }
        self.neighbours.remove(&old);
        for network in &old.allowed_sources {
            self.sources.remove(*network, id);
        }
        self.offered.remove(&(old.order, id.clone()));
        if let Some(ways) = self.ways_out.get_mut(&old.account) {
            ways.remove(&(old.order, id.clone()));
        }
    }

    fn put_domain(&mut self, row: &Arc<Domain>) {
        self.drop_domain(&row.id);
        for host in core::iter::once(&row.host).chain(&row.aliases) {
            self.hosts.insert(host.to_ascii_lowercase().into(), row.id.clone());
        }
        self.domains.insert(row.id.clone(), Arc::clone(row));
    }

    fn drop_domain(&mut self, id: &DomainId) {
        let Some(old) = self.domains.remove(id) else { return };
        for host in core::iter::once(&old.host).chain(&old.aliases) {
            self.hosts.remove(host.to_ascii_lowercase().as_str());
        }
    }

    fn put_number(&mut self, row: &Arc<NumberRow>) {
        self.drop_number(&row.id);
        self.number_rows.insert(row.id.clone(), Arc::clone(row));
        for form in core::iter::once(&row.e164).chain(&row.forms) {
            self.numbers.entry(form.as_str().into()).or_default().push(Arc::clone(row));
        }
        if let Target::Connection(id) = &row.target {
            self.numbers_of.entry(id.clone()).or_default().push(row.e164.as_str().into());
        }
    }

    fn put_person(&mut self, row: &Arc<Person>) {
        self.drop_person(&row.id);
        for connection in &row.connections {
            self.person_of.insert(connection.clone(), Arc::clone(row));
        }
        self.people.insert(row.id.clone(), Arc::clone(row));
    }

    fn drop_person(&mut self, id: &PersonId) {
        let Some(old) = self.people.remove(id) else { return };
        for connection in &old.connections {
            if self.person_of.get(connection).is_some_and(|person| person.id == *id) {
                self.person_of.remove(connection);
            }
        }
    }

    fn drop_number(&mut self, id: &NumberId) {
        let Some(row) = self.number_rows.remove(id) else { return };
        for form in core::iter::once(&row.e164).chain(&row.forms) {
            let Some(rows) = self.numbers.get_mut(form.as_str()) else { continue };
            rows.retain(|r| r.id != *id);
            if rows.is_empty() {
                self.numbers.remove(form.as_str());
            }
        }
        if let Target::Connection(target) = &row.target
            && let Some(numbers) = self.numbers_of.get_mut(target)
        {
            numbers.retain(|n| **n != *row.e164);
        }
    }
}

fn registers(domain: &Domain) -> bool {
    matches!(domain.role, DomainRole::Registrar | DomainRole::Shared)
}
