//! Rows of configuration as tables hold them: the resource as JSON, its lookup columns, its secrets sealed.

use routing::config::{Change, Connection, Credential, OutwardSecret};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::error::StoreError;
use crate::secret::Vault;

/// A table of configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    Accounts,
    CallFlows,
    Connections,
    Domains,
    Mailboxes,
    Numbers,
    People,
    Settings,
}

/// What one change does to its table.
pub(crate) struct Edit {
    pub(crate) table: Table,
    pub(crate) id: String,
    pub(crate) put: Option<Put>,
}

/// A row to be put.
pub(crate) struct Put {
    /// Values of [`Table::columns`].
    pub(crate) columns: Vec<Option<String>>,
    /// The resource as JSON.
    pub(crate) row: String,
    /// Its secrets before sealing; compared with what was there.
    pub(crate) secrets: Option<Vec<u8>>,
    /// Its secrets as stored.
    pub(crate) sealed: Option<Vec<u8>>,
}

impl Table {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::CallFlows => "flows",
            Self::Connections => "connections",
            Self::Domains => "domains",
            Self::Mailboxes => "mailboxes",
            Self::Numbers => "numbers",
            Self::People => "people",
            Self::Settings => "settings",
        }
    }

    /// What the API calls one row.
    pub(crate) const fn resource(self) -> &'static str {
        match self {
            Self::Accounts => "account",
            Self::CallFlows => "flow",
            Self::Connections => "connection",
            Self::Domains => "domain",
            Self::Mailboxes => "mailbox",
            Self::Numbers => "number",
            Self::People => "person",
            Self::Settings => "limits",
        }
    }

    /// Lookup columns besides `id` and `row`.
    pub(crate) const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Accounts => &["name"],
            Self::CallFlows => &["account", "name"],
            Self::Connections => &["account", "domain", "user", "trunk_name"],
            Self::Domains => &["account", "host"],
            Self::Mailboxes => &["account", "name", "number", "connection"],
            Self::Numbers => &["account", "e164", "via"],
            Self::People => &["account", "name"],
            Self::Settings => &[],
        }
    }

    pub(crate) const fn has_secrets(self) -> bool {
        matches!(self, Self::Connections | Self::Mailboxes)
    }
}

impl Edit {
    pub(crate) fn new(change: &Change, vault: &Vault) -> Result<Self, StoreError> {
        let text = |id: &dyn core::fmt::Display| Some(id.to_string());
        Ok(match change {
            Change::Account(row) => {
                Self::put(Table::Accounts, row.id.as_str(), vec![Some(row.name.clone())], row)?
            }
            Change::AccountGone(id) => Self::gone(Table::Accounts, id.as_str()),
            Change::CallFlow(row) => {
                let columns = vec![text(&row.account), Some(row.name.clone())];
                Self::put(Table::CallFlows, row.id.as_str(), columns, row)?
            }
            Change::CallFlowGone(id) => Self::gone(Table::CallFlows, id.as_str()),
            Change::Connection(row) => {
                let columns = vec![
                    text(&row.account),
                    row.domain.as_ref().map(ToString::to_string),
                    row.user.clone(),
                    row.trunk_name.clone(),
                ];
                Self::put(Table::Connections, row.id.as_str(), columns, row)?.with_secrets(row, vault)?
            }
            Change::ConnectionGone(id) => Self::gone(Table::Connections, id.as_str()),
            Change::Domain(row) => Self::put(
                Table::Domains,
                row.id.as_str(),
                vec![text(&row.account), Some(row.host.clone())],
                row,
            )?,
            Change::DomainGone(id) => Self::gone(Table::Domains, id.as_str()),
            Change::Limits(row) => Self::put(Table::Settings, LIMITS, Vec::new(), row)?,
            Change::Mailbox(row) => {
                let columns = vec![
                    text(&row.account),
                    Some(row.name.clone()),
                    row.number.clone(),
                    row.connection.as_ref().map(ToString::to_string),
                ];
                let edit = Self::put(Table::Mailboxes, row.id.as_str(), columns, row)?;
                edit.with_secret(row.pin.as_ref().map(|pin| pin.clone().into_bytes()), vault)?
            }
            Change::MailboxGone(id) => Self::gone(Table::Mailboxes, id.as_str()),
            Change::Number(row) => {
                let via = row.via.as_ref().map_or_else(String::new, ToString::to_string);
                let columns = vec![text(&row.account), Some(row.e164.clone()), Some(via)];
                Self::put(Table::Numbers, row.id.as_str(), columns, row)?
            }
            Change::NumberGone(id) => Self::gone(Table::Numbers, id.as_str()),
            Change::Person(row) => {
                let columns = vec![text(&row.account), Some(row.name.clone())];
                Self::put(Table::People, row.id.as_str(), columns, row)?
            }
            Change::PersonGone(id) => Self::gone(Table::People, id.as_str()),
        })
    }

    fn put(
        table: Table,
        id: &str,
        columns: Vec<Option<String>>,
        row: &impl Serialize,
    ) -> Result<Self, StoreError> {
        let row = serde_json::to_string(row).map_err(StoreError::internal)?;
        Ok(Self { table, id: id.to_owned(), put: Some(Put { columns, row, secrets: None, sealed: None }) })
    }

    fn gone(table: Table, id: &str) -> Self {
        Self { table, id: id.to_owned(), put: None }
    }

    fn with_secrets(self, row: &Connection, vault: &Vault) -> Result<Self, StoreError> {
        self.with_secret(Secrets::of(row)?, vault)
    }

    fn with_secret(mut self, secret: Option<Vec<u8>>, vault: &Vault) -> Result<Self, StoreError> {
        if let (Some(put), Some(clear)) = (&mut self.put, secret) {
            put.sealed = Some(vault.seal(&self.id, &clear)?);
            put.secrets = Some(clear);
        }
        Ok(self)
    }
}

/// The secrets of a connection as they are sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Secrets {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    credentials: Vec<SealedCredential>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outward: Option<SealedOutward>,
}

#[derive(Serialize, Deserialize)]
struct SealedCredential {
    label: String,
    user: String,
    realm: String,
    md5: String,
    sha256: String,
    /// Microseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct SealedOutward {
    user: String,
    password: String,
}

impl Secrets {
    fn of(row: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
        if row.credentials.is_empty() && row.outward.is_none() {
            return Ok(None);
        }
        let credentials = row.credentials.iter().cloned().map(|c| SealedCredential {
            label: c.label,
            user: c.user,
            realm: c.realm,
            md5: c.ha1_md5,
            sha256: c.ha1_sha256,
            until: c.until.map(clock::stored),
        });
        let outward = row.outward.clone().map(|o| SealedOutward { user: o.user, password: o.password });
        serde_json::to_vec(&Self { credentials: credentials.collect(), outward })
            .map(Some)
            .map_err(StoreError::internal)
    }

    /// Puts them back where the call path expects them.
    pub(crate) fn into_row(self, row: &mut Connection) {
        let credentials = self.credentials.into_iter().map(|c| Credential {
            label: c.label,
            user: c.user,
            realm: c.realm,
            ha1_md5: c.md5,
            ha1_sha256: c.sha256,
            until: c.until.map(clock::loaded),
        });
        row.credentials = credentials.collect();
        row.outward = self.outward.map(|o| OutwardSecret { user: o.user, password: o.password });
    }
}

/// Id of the installation's limits in `settings`.
pub(crate) const LIMITS: &str = "limits";

/// Rows per statement of a batch: a full statement is prepared once and reused.
pub(crate) const ROWS_PER_STATEMENT: usize = 50;
