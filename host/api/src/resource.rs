//! The collections of configuration, each as a [`Resource`].

use std::sync::Arc;

use routing::config::{Account, AccountId, CallFlow, Change, Connection, Domain, NumberRow, Target};
use serde_json::{Map, Value};

use crate::Api;
use crate::collection::{Resource, Shown};
use crate::problem::{Code, Problem};
use crate::rows::{Rows, Table};
use crate::shape::Field;
use crate::status;
use crate::validate::{Desk, Drafted, Secret, account, connection, domain, flow, number};

impl Resource for Account {
    const NOUN: &'static str = "account";
    const PATH: &'static str = "/accounts";
    const FIELDS: &'static [Field] = account::FIELDS;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn owner(&self) -> &AccountId {
        &self.id
    }

    fn table(rows: &Rows) -> &Table<Self> {
        &rows.accounts
    }

    fn draft(
        desk: &mut Desk<'_>,
        document: Map<String, Value>,
        secret: &Secret,
        existing: Option<&Self>,
    ) -> Result<Drafted<Self>, Problem> {
        no_password(secret)?;
        account::draft(desk, document, existing)
    }

    fn document(&self, _: &str) -> Map<String, Value> {
        account::document(self)
    }

    fn put(row: Arc<Self>) -> Change {
        Change::Account(row)
    }

    fn gone(&self) -> Change {
        Change::AccountGone(self.id.clone())
    }

    fn referrers(&self, rows: &Rows) -> Vec<String> {
        account::referrers(rows, self)
    }

    async fn enliven(api: &Api, shown: &mut [Shown<Self>]) {
        status::add_to_accounts(api, shown).await;
    }
}

impl Resource for Domain {
    const NOUN: &'static str = "domain";
    const PATH: &'static str = "/domains";
    const FIELDS: &'static [Field] = domain::FIELDS;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn owner(&self) -> &AccountId {
        &self.account
    }

    fn table(rows: &Rows) -> &Table<Self> {
        &rows.domains
    }

    fn draft(
        desk: &mut Desk<'_>,
        document: Map<String, Value>,
        secret: &Secret,
        existing: Option<&Self>,
    ) -> Result<Drafted<Self>, Problem> {
        no_password(secret)?;
        domain::draft(desk, document, existing)
    }

    fn document(&self, _: &str) -> Map<String, Value> {
        domain::document(self)
    }

    fn put(row: Arc<Self>) -> Change {
        Change::Domain(row)
    }

    fn gone(&self) -> Change {
        Change::DomainGone(self.id.clone())
    }

    fn referrers(&self, rows: &Rows) -> Vec<String> {
        domain::referrers(rows, self)
    }
}

impl Resource for Connection {
    const NOUN: &'static str = "connection";
    const PATH: &'static str = "/connections";
    const FIELDS: &'static [Field] = connection::fields::FIELDS;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn owner(&self) -> &AccountId {
        &self.account
    }

    fn table(rows: &Rows) -> &Table<Self> {
        &rows.connections
    }

    fn keep_once(&self, api: &Api, secret: &Secret, once: &mut Map<String, Value>) {
        let given = if let Secret::Set(password) = secret { Some(password.as_str()) } else { None };
        api.once.keep(self, given, once);
    }

    fn draft(
        desk: &mut Desk<'_>,
        document: Map<String, Value>,
        secret: &Secret,
        existing: Option<&Self>,
    ) -> Result<Drafted<Self>, Problem> {
        connection::draft(desk, document, secret, existing)
    }

    fn document(&self, base_domain: &str) -> Map<String, Value> {
        connection::document(self, base_domain)
    }

    fn put(row: Arc<Self>) -> Change {
        Change::Connection(row)
    }

    fn gone(&self) -> Change {
        Change::ConnectionGone(self.id.clone())
    }

    fn referrers(&self, rows: &Rows) -> Vec<String> {
        let this = |target: &Target| matches!(target, Target::Connection(id) if *id == self.id);
        let uses = |c: &Self| {
            c.id != self.id
                && (c.default_target.as_ref().is_some_and(this)
                    || c.dialled.failover.as_ref().is_some_and(this)
                    || c.used_by.contains(&self.id))
        };
        let numbers = rows
            .numbers
            .all()
            .filter(|k| k.row.via.as_ref() == Some(&self.id) || this(&k.row.target))
            .map(|k| format!("number {} ({})", k.row.e164, k.row.id));
        let connections = rows
            .connections
            .all()
            .filter(|k| uses(&k.row))
            .map(|k| format!("connection {} ({})", k.row.name, k.row.id));
        let accounts = rows
            .accounts
            .all()
            .filter(|k| k.row.emergency.connection.as_ref() == Some(&self.id))
            .map(|k| format!("the emergency numbers of account {}", k.row.name));
        numbers.chain(connections).chain(accounts).take(10).collect()
    }

    async fn enliven(api: &Api, shown: &mut [Shown<Self>]) {
        status::add(api, shown).await;
    }
}

impl Resource for NumberRow {
    const NOUN: &'static str = "number";
    const PATH: &'static str = "/numbers";
    const FIELDS: &'static [Field] = number::FIELDS;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn owner(&self) -> &AccountId {
        &self.account
    }

    fn table(rows: &Rows) -> &Table<Self> {
        &rows.numbers
    }

    fn draft(
        desk: &mut Desk<'_>,
        document: Map<String, Value>,
        secret: &Secret,
        existing: Option<&Self>,
    ) -> Result<Drafted<Self>, Problem> {
        no_password(secret)?;
        number::draft(desk, document, existing)
    }

    fn document(&self, _: &str) -> Map<String, Value> {
        number::document(self)
    }

    fn put(row: Arc<Self>) -> Change {
        Change::Number(row)
    }

    fn gone(&self) -> Change {
        Change::NumberGone(self.id.clone())
    }

    fn referrers(&self, _: &Rows) -> Vec<String> {
        Vec::new()
    }
}

impl Resource for CallFlow {
    const NOUN: &'static str = "flow";
    const PATH: &'static str = "/flows";
    const FIELDS: &'static [Field] = flow::FIELDS;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn owner(&self) -> &AccountId {
        &self.account
    }

    fn table(rows: &Rows) -> &Table<Self> {
        &rows.flows
    }

    fn draft(
        desk: &mut Desk<'_>,
        document: Map<String, Value>,
        secret: &Secret,
        existing: Option<&Self>,
    ) -> Result<Drafted<Self>, Problem> {
        no_password(secret)?;
        flow::draft(desk, document, existing)
    }

    fn document(&self, _: &str) -> Map<String, Value> {
        flow::document(self)
    }

    fn put(row: Arc<Self>) -> Change {
        Change::CallFlow(row)
    }

    fn gone(&self) -> Change {
        Change::CallFlowGone(self.id.clone())
    }

    fn referrers(&self, rows: &Rows) -> Vec<String> {
        flow::referrers(rows, self)
    }

    async fn enliven(api: &Api, shown: &mut [Shown<Self>]) {
        let rows = api.rows();
        for Shown { row, document } in shown {
            document.insert("problems".to_owned(), serde_json::json!(flow::findings(&rows, row).1));
            document.insert("used_by".to_owned(), serde_json::json!(flow::referrers(&rows, row)));
        }
    }
}

fn no_password(secret: &Secret) -> Result<(), Problem> {
    if *secret == Secret::Keep {
        return Ok(());
    }
    Err(Problem::at(Code::UnknownField, "/password", "there is no field password"))
}
