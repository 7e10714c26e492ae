//! From a document to a row: references resolved, defaults filled in, everything wrong found at once.
//!
//! Each resource has one `draft`, used for creation, change and batch alike: a change is the stored document with
//! the patch merged in, drafted again. Nothing here writes; uniqueness is checked against what is in force and
//! what the same batch has drafted before.

pub(crate) mod account;
pub(crate) mod connection;
pub(crate) mod domain;
pub(crate) mod flow;
pub(crate) mod ice;
pub(crate) mod limits;
pub(crate) mod mailbox;
pub(crate) mod name;
pub(crate) mod number;
pub(crate) mod person;
pub(crate) mod referrers;
pub(crate) mod sources;

use std::collections::{HashMap, HashSet};

use routing::config::{Account, AccountId, Connection, ConnectionId, DomainId, FlowId, MailboxId};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use store::Store;

use crate::Api;
use crate::edge::Caller;
use crate::problem::{Code, FieldError, Problem};
use crate::rows::Rows;

/// What drafts are made against.
pub(crate) struct Desk<'a> {
    pub(crate) rows: &'a Rows,
    pub(crate) pending: Pending,
    pub(crate) caller: &'a Caller,
    pub(crate) base_domain: &'a str,
    pub(crate) store: &'a Store,
}

/// Names taken by drafts that are not in force yet.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) users: HashSet<(DomainId, String)>,
    pub(crate) trunk_names: HashSet<String>,
    /// Last number tried behind a slug, so that many equal names cost no more than different ones.
    pub(crate) suffixes: HashMap<String, u32>,
    pub(crate) hosts: HashSet<String>,
    pub(crate) account_names: HashSet<String>,
    pub(crate) flow_names: HashSet<(AccountId, String)>,
    pub(crate) person_names: HashSet<(AccountId, String)>,
    pub(crate) claimed: HashSet<ConnectionId>,
    pub(crate) mailbox_names: HashSet<(AccountId, String)>,
    pub(crate) numbers: HashSet<(String, Option<ConnectionId>)>,
    pub(crate) forms: HashSet<(AccountId, String)>,
    pub(crate) owned: HashMap<AccountId, (u32, u32)>,
}

/// A row that may be committed.
#[derive(Debug)]
pub(crate) struct Drafted<T> {
    pub(crate) row: T,
    /// What is allowed but deserves a look.
    pub(crate) warnings: Vec<String>,
    /// Members that only this reply shows: passwords just made.
    pub(crate) once: Map<String, Value>,
}

impl<T> Drafted<T> {
    /// Without anything secret to show.
    pub(crate) fn new(row: T, warnings: Vec<String>) -> Self {
        Self { row, warnings, once: Map::new() }
    }
}

/// What a request says about a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    Keep,
    Clear,
    Set(String),
}

impl Secret {
    /// Takes `password` out of a body; `null` clears it.
    pub(crate) fn take(body: &mut Map<String, Value>) -> Result<Self, Problem> {
        match body.remove("password") {
            None => Ok(Self::Keep),
            Some(Value::Null) => Ok(Self::Clear),
            Some(Value::String(text)) if text.is_empty() => {
                Err(Problem::at(Code::InvalidValue, "/password", "must not be empty")
                    .hint("null takes it away"))
            }
            Some(Value::String(text)) if text.len() > 256 || text.chars().any(char::is_control) => Err(
                Problem::at(Code::InvalidValue, "/password", "at most 256 octets without control characters"),
            ),
            Some(Value::String(text)) => Ok(Self::Set(text)),
            Some(_) => Err(Problem::at(Code::InvalidType, "/password", "must be text")),
        }
    }
}

impl<'a> Desk<'a> {
    pub(crate) fn new(rows: &'a Rows, caller: &'a Caller, api: &'a Api) -> Self {
        let base_domain = &api.about.base_domain;
        Self { rows, pending: Pending::default(), caller, base_domain, store: &api.store }
    }

    /// The account a new row belongs to: the one named, the key's, or the first.
    pub(crate) fn owner(&self, document: &Map<String, Value>) -> Result<&'a Account, FieldError> {
        let named = document.get("account").and_then(Value::as_str);
        let reference = named.or_else(|| self.caller.account.as_ref().map(AccountId::as_str));
        let found = match reference {
            Some(reference) => self.rows.account(reference),
            None => {
                self.rows.account("main").or_else(|| self.rows.accounts.all().next().map(|kept| &kept.row))
            }
        };
        found.filter(|account| self.caller.sees(&account.id)).map(AsRef::as_ref).ok_or_else(|| {
            let message = format!("there is no account {}", reference.unwrap_or("main"));
            FieldError::new(Code::UnknownReference, "/account", message)
        })
    }

    /// A connection of `account` by its id.
    pub(crate) fn connection(
        &self,
        id: &str,
        account: &AccountId,
        pointer: &str,
        errors: &mut Vec<FieldError>,
    ) -> Option<&'a Connection> {
        let found = self.rows.connections.get(id).filter(|c| &c.account == account);
        if found.is_none() {
            errors.push(FieldError::new(
                Code::UnknownReference,
                pointer,
                format!("there is no connection {id}"),
            ));
        }
        found.map(AsRef::as_ref)
    }

    /// A flow of `account` by its id.
    pub(crate) fn flow(&self, id: &FlowId, account: &AccountId, pointer: &str, errors: &mut Vec<FieldError>) {
        let found = self.rows.flows.get(id.as_str()).filter(|flow| &flow.account == account);
        if found.is_none() {
            let message = format!("there is no flow {id}");
            errors.push(FieldError::new(Code::UnknownReference, pointer, message));
        }
    }

    /// A mailbox of `account` by its id.
    pub(crate) fn mailbox(
        &self,
        id: &MailboxId,
        account: &AccountId,
        pointer: &str,
        errors: &mut Vec<FieldError>,
    ) {
        let found = self.rows.mailboxes.get(id.as_str()).filter(|mailbox| &mailbox.account == account);
        if found.is_none() {
            let message = format!("there is no mailbox {id}");
            errors.push(FieldError::new(Code::UnknownReference, pointer, message));
        }
    }

    /// A target: a connection or a flow of the account.
    pub(crate) fn target(
        &self,
        target: &routing::config::Target,
        account: &AccountId,
        pointer: &str,
        errors: &mut Vec<FieldError>,
    ) {
        match target {
            routing::config::Target::Connection(id) => {
                self.connection(id.as_str(), account, &format!("{pointer}/connection"), errors);
            }
            routing::config::Target::Flow(id) => self.flow(id, account, &format!("{pointer}/flow"), errors),
        }
    }
}

/// Domains name an address in the interface, and nobody asks it yet.
pub(crate) fn nobody_is_asked(pointer: impl Into<String>) -> FieldError {
    FieldError::new(Code::FlowsNotAvailable, pointer, "no address is asked for a domain in this release")
        .hint("Let default_flow name a flow whose webhook asks it.")
}

/// The problem made of what was found, if anything was.
pub(crate) fn verdict(errors: Vec<FieldError>) -> Result<(), Problem> {
    if errors.is_empty() { Ok(()) } else { Err(Problem::of(errors)) }
}

/// The document as its type, once its shape was checked.
pub(crate) fn typed<T: DeserializeOwned>(document: Map<String, Value>) -> Result<T, Problem> {
    serde_json::from_value(Value::Object(document))
        .map_err(|error| Problem::at(Code::InvalidValue, "", error.to_string()))
}

/// Writes allowed sources as networks; the shape was checked.
pub(crate) fn normalise_sources(document: &mut Map<String, Value>) {
    let Some(Value::Array(sources)) = document.get_mut("allowed_sources") else { return };
    for source in sources {
        if let Some(net) = source.as_str().and_then(sources::parse) {
            *source = Value::String(net.to_string());
        }
    }
}

/// Names a field that is needed and not there.
pub(crate) fn missing(name: &str, errors: &mut Vec<FieldError>) {
    errors.push(FieldError::new(Code::FieldMissing, format!("/{name}"), format!("{name} is needed")));
}

/// Names that must be there.
pub(crate) fn needed(document: &Map<String, Value>, names: &[&str], errors: &mut Vec<FieldError>) {
    names.iter().filter(|name| !document.contains_key(**name)).for_each(|name| missing(name, errors));
}
