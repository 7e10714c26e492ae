//! The collections of configuration, each as a [`Resource`].

use std::sync::Arc;

use routing::config::{Account, AccountId, CallFlow, Change, Connection, Domain, Mailbox, NumberRow, Person};
use serde_json::{Map, Value};

use crate::Api;
use crate::collection::{Resource, Shown};
use crate::problem::{Code, Problem};
use crate::rows::{Rows, Table};
use crate::shape::Field;
use crate::status;
use crate::validate::{
    Desk, Drafted, Secret, account, connection, domain, flow, mailbox, number, person, referrers,
};

/// Where a row is kept, who owns it, and how shards learn of it.
macro_rules! kept {
    ($table:ident, $owner:ident, $put:ident, $gone:ident) => {
        fn id(&self) -> &str {
            self.id.as_str()
        }

        fn owner(&self) -> &AccountId {
            &self.$owner
        }

        fn table(rows: &Rows) -> &Table<Self> {
            &rows.$table
        }

        fn put(row: Arc<Self>) -> Change {
            Change::$put(row)
        }

        fn gone(&self) -> Change {
            Change::$gone(self.id.clone())
        }
    };
}

/// A row without a password, as its module drafts and shows it.
macro_rules! drafted {
    ($module:ident) => {
        const FIELDS: &'static [Field] = $module::FIELDS;

        fn draft(
            desk: &mut Desk<'_>,
            document: Map<String, Value>,
            secret: &Secret,
            existing: Option<&Self>,
        ) -> Result<Drafted<Self>, Problem> {
            no_password(secret)?;
            $module::draft(desk, document, existing)
        }

        fn document(&self, _: &str) -> Map<String, Value> {
            $module::document(self)
        }
    };
}

impl Resource for Account {
    const NOUN: &'static str = "account";
    const PATH: &'static str = "/accounts";

    kept!(accounts, id, Account, AccountGone);
    drafted!(account);

    fn referrers(&self, rows: &Rows) -> Vec<String> {
        referrers::of_account(rows, self)
    }

    async fn enliven(api: &Api, shown: &mut [Shown<Self>]) {
        status::add_to_accounts(api, shown).await;
    }
}

impl Resource for Domain {
    const NOUN: &'static str = "domain";
    const PATH: &'static str = "/domains";

    kept!(domains, account, Domain, DomainGone);
    drafted!(domain);

    fn referrers(&self, rows: &Rows) -> Vec<String> {
        referrers::of_domain(rows, self)
    }
}

impl Resource for Connection {
    const NOUN: &'static str = "connection";
    const PATH: &'static str = "/connections";
    const FIELDS: &'static [Field] = connection::fields::FIELDS;

    kept!(connections, account, Connection, ConnectionGone);

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

    fn referrers(&self, rows: &Rows) -> Vec<String> {
        referrers::of_connection(rows, self)
    }

    async fn enliven(api: &Api, shown: &mut [Shown<Self>]) {
        status::add(api, shown).await;
    }
}

impl Resource for NumberRow {
    const NOUN: &'static str = "number";
    const PATH: &'static str = "/numbers";

    kept!(numbers, account, Number, NumberGone);
    drafted!(number);

    fn referrers(&self, _: &Rows) -> Vec<String> {
        Vec::new()
    }
}

impl Resource for Mailbox {
    const NOUN: &'static str = "mailbox";
    const PATH: &'static str = "/mailboxes";

    kept!(mailboxes, account, Mailbox, MailboxGone);
    drafted!(mailbox);

    fn referrers(&self, rows: &Rows) -> Vec<String> {
        referrers::of_mailbox(rows, self)
    }

    async fn enliven(api: &Api, shown: &mut [Shown<Self>]) {
        for Shown { row, document } in shown {
            let counts = api.store.message_counts(&row.id).await.unwrap_or_default();
            let counts = serde_json::json!({"new": counts.new, "old": counts.old});
            document.insert("messages".to_owned(), counts);
        }
    }
}

impl Resource for CallFlow {
    const NOUN: &'static str = "flow";
    const PATH: &'static str = "/flows";

    kept!(flows, account, CallFlow, CallFlowGone);
    drafted!(flow);

    fn referrers(&self, rows: &Rows) -> Vec<String> {
        referrers::of_flow(rows, self)
    }

    async fn enliven(api: &Api, shown: &mut [Shown<Self>]) {
        let rows = api.rows();
        for Shown { row, document } in shown {
            document.insert("problems".to_owned(), serde_json::json!(flow::findings(&rows, row).1));
            document.insert("used_by".to_owned(), serde_json::json!(row.referrers(&rows)));
        }
    }
}

impl Resource for Person {
    const NOUN: &'static str = "person";
    const PATH: &'static str = "/people";

    kept!(people, account, Person, PersonGone);
    drafted!(person);

    fn referrers(&self, _: &Rows) -> Vec<String> {
        Vec::new()
    }
}

fn no_password(secret: &Secret) -> Result<(), Problem> {
    if *secret == Secret::Keep {
        return Ok(());
    }
    Err(Problem::at(Code::UnknownField, "/password", "there is no field password"))
}
