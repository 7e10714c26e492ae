//! Collections of the API as verbs: list, get, create, edit, delete. A new collection is one row of a table.

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::write::{self, Columns};
use super::{Globals, ask, route};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// A collection as the command line knows it.
#[derive(Debug)]
pub(crate) struct Collection {
    /// What one is called: the verb.
    pub(super) noun: &'static str,
    /// What they are.
    pub(super) about: &'static str,
    /// Path below the base.
    pub(super) path: &'static str,
    /// What ids begin with; empty if each is known by its name alone.
    pub(super) prefix: &'static str,
    /// Fields that can stand for the id.
    pub(super) names: &'static [&'static str],
    /// What a table shows.
    pub(super) columns: Columns,
    /// Which of the verbs there are.
    pub(super) verbs: Verbs,
}

/// Which verbs a collection has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verbs {
    /// All of them.
    All,
    /// List and get.
    Read,
    /// List only.
    List,
}

/// What may be done with any collection.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// All of them
    List(Rows),
    /// One, by id or name
    Get {
        /// Id or name
        #[arg(value_name = "ID|NAME")]
        which: String,
    },
    /// A new one
    Create {
        /// What it is like.
        #[command(flatten)]
        fields: Fields,
    },
    /// Change fields
    Edit {
        /// Id or name
        #[arg(value_name = "ID|NAME")]
        which: String,
        /// What changes.
        #[command(flatten)]
        fields: Fields,
    },
    /// Remove it
    Delete {
        /// Id or name
        #[arg(value_name = "ID|NAME")]
        which: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which part of a list.
#[derive(Args, Debug, Default)]
pub(crate) struct Rows {
    /// How many at most
    #[arg(long)]
    limit: Option<usize>,
    /// Only those with this value, repeatable; what can be asked for stands in the API's description
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    wanted: Vec<String>,
}

/// A verb of a collection of the table.
#[derive(Debug)]
pub(crate) struct Asked {
    collection: &'static Collection,
    verb: Verb,
}

impl FromArgMatches for Asked {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let found = matches.subcommand().and_then(|(noun, below)| {
            let collection = COLLECTIONS.iter().find(|collection| collection.noun == noun)?;
            Some((collection, below))
        });
        let (collection, below) =
            found.ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingSubcommand))?;
        Ok(Self { collection, verb: Verb::from_arg_matches(below)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for Asked {
    fn augment_subcommands(command: Command) -> Command {
        command.subcommands(COLLECTIONS.iter().map(Collection::command))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        COLLECTIONS.iter().any(|collection| collection.noun == name)
    }
}

impl Collection {
    fn command(&self) -> Command {
        let all = Verb::augment_subcommands(Command::new(self.noun));
        let has = |verb: &&Command| self.verbs.have(verb.get_name());
        let (noun, path) = (self.noun, self.path);
        let example = match self.verbs {
            Verbs::All => format!(
                "Examples:\n  trunkline {noun} list\n  trunkline {noun} create --file {noun}.yaml\n  trunkline {noun} edit ID --set FIELD=VALUE",
            ),
            Verbs::Read => format!("Examples:\n  trunkline {noun} list\n  trunkline {noun} get ID -o json"),
            Verbs::List => format!("Examples:\n  trunkline {noun} list\n  trunkline {noun} list -o csv"),
        };
        Command::new(self.noun)
            .about(self.about)
            .before_help(example)
            .after_help(format!("Fields: `{path}` in the API's description (`trunkline openapi`)"))
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(all.get_subcommands().filter(has).cloned())
    }

    /// The id of one by its id or a name that only one has.
    pub(super) fn id(&self, client: &Client, wanted: &str) -> Result<String, Failure> {
        if self.names.is_empty() {
            return Ok(route::escaped(wanted));
        }
        route::id(client, self.path, self.prefix, self.names, wanted)
    }

    fn below(&self, id: &str) -> String {
        route::path(&format!("{}/{id}", self.path), &[])
    }
}

impl Verbs {
    fn have(self, verb: &str) -> bool {
        match self {
            Self::All => true,
            Self::Read => matches!(verb, "list" | "get"),
            Self::List => verb == "list",
        }
    }
}

/// Answers a verb of a collection of the table.
pub(super) fn run(globals: &Globals, asked: Asked) -> Result<(), Failure> {
    answer(globals, asked.collection, asked.verb)
}

/// Answers a verb of any collection.
pub(super) fn answer(globals: &Globals, collection: &Collection, verb: Verb) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    match verb {
        Verb::List(list) => {
            let body = list.fetch(&client, collection.path, &[])?;
            write::list(globals.output, &body, collection.columns);
            Ok(())
        }
        Verb::Get { which } => {
            let path = collection.below(&collection.id(&client, &which)?);
            write::one(globals.output, &client.call(Method::GET, &path, None)?);
            Ok(())
        }
        Verb::Create { fields } => {
            let body = fields.body(Map::new())?;
            let reply = client.call(Method::POST, &route::path(collection.path, &[]), Some(&body))?;
            write::one(globals.output, &reply);
            Ok(())
        }
        Verb::Edit { which, fields } => {
            let body = fields.body(Map::new())?;
            let path = collection.below(&collection.id(&client, &which)?);
            write::one(globals.output, &client.call(Method::PATCH, &path, Some(&body))?);
            Ok(())
        }
        Verb::Delete { which, yes } => {
            let id = collection.id(&client, &which)?;
            ask::certain(yes, &format!("{} {which} ({id}) will be gone.", collection.noun))?;
            client.call(Method::DELETE, &collection.below(&id), None)?;
            out::note(&format!("{id} is gone"));
            Ok(())
        }
    }
}

impl Rows {
    /// As many rows as are wanted, however many pages that takes.
    pub(super) fn fetch(
        &self,
        client: &Client,
        path: &str,
        query: &[(&str, Option<String>)],
    ) -> Result<Value, Failure> {
        self.fetch_up_to(client, path, query, usize::MAX)
    }

    /// The same for lists without an end: `most` unless --limit says otherwise.
    pub(super) fn fetch_up_to(
        &self,
        client: &Client,
        path: &str,
        query: &[(&str, Option<String>)],
        most: usize,
    ) -> Result<Value, Failure> {
        let mut query = query.to_vec();
        for wanted in &self.wanted {
            let Some((name, value)) = wanted.split_once('=') else {
                return Err(Failure::Usage(format!("--where: `{wanted}` is no FIELD=VALUE")));
            };
            query.push((name, Some(value.to_owned())));
        }
        let limit = self.limit.unwrap_or(most);
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let mut page = query.clone();
            page.push(("limit", Some((limit - rows.len()).clamp(1, LARGEST_PAGE).to_string())));
            page.push(("after", after));
            let mut body = match client.call(Method::GET, &route::path(path, &page), None) {
                // A list that is not cut into pages.
                Err(Failure::Failed(why)) if rows.is_empty() && why.contains("limit") => {
                    client.call(Method::GET, &route::path(path, &query), None)?
                }
                other => other?,
            };
            let found = body.get_mut("data").map(Value::take);
            if let Some(Value::Array(found)) = found {
                rows.extend(found);
            }
            let next = body.get("next").filter(|next| next.is_string()).cloned();
            let has_more = body.get("has_more").and_then(Value::as_bool) == Some(true);
            if !has_more || rows.len() >= limit || next.is_none() {
                return Ok(json!({ "data": rows, "has_more": has_more, "next": next }));
            }
            after = next.as_ref().and_then(Value::as_str).map(str::to_owned);
        }
    }
}

/// What the API gives at most at once.
const LARGEST_PAGE: usize = 1000;

/// Every collection that needs no verbs of its own.
const COLLECTIONS: &[Collection] = &[
    Collection {
        noun: "account",
        about: "Accounts: everything belongs to one",
        path: "/accounts",
        prefix: "acc_",
        names: &["name"],
        columns: &[("ID", "id"), ("NAME", "name"), ("COUNTRY", "country"), ("TIME ZONE", "timezone")],
        verbs: Verbs::All,
    },
    Collection {
        noun: "audit",
        about: "Who changed what, and when",
        path: "/audit",
        prefix: "",
        names: &[],
        columns: &[
            ("AT", "at"),
            ("ACTOR", "actor"),
            ("VIA", "via"),
            ("RESOURCE", "resource"),
            ("ID", "resource_id"),
        ],
        verbs: Verbs::List,
    },
    Collection {
        noun: "person",
        about: "People: whose connections ring for them, and where calls go instead",
        path: "/people",
        prefix: "per_",
        names: &["name"],
        columns: &[
            ("NAME", "name"),
            ("ALWAYS", "forward.always"),
            ("BUSY", "forward.busy"),
            ("NO ANSWER", "forward.no_answer"),
            ("OFFLINE", "forward.offline"),
            ("UNDISTURBED UNTIL", "dnd_until"),
            ("ID", "id"),
        ],
        verbs: Verbs::All,
    },
    Collection {
        noun: "reason",
        about: "Reason codes: what each means and what to do",
        path: "/reasons",
        prefix: "",
        names: &[],
        columns: &[
            ("CODE", "code"),
            ("SIP", "sip_code"),
            ("Q.850", "q850"),
            ("MEANING", "text"),
            ("FIX", "fix"),
        ],
        verbs: Verbs::Read,
    },
    Collection {
        noun: "route",
        about: "Ways out, in the order calls try them",
        path: "/routes",
        prefix: "",
        names: &[],
        columns: &[
            ("ORDER", "order"),
            ("NAME", "name"),
            ("DIAL PATTERN", "dial_pattern"),
            ("ENABLED", "enabled"),
            ("CONNECTION", "connection"),
        ],
        verbs: Verbs::List,
    },
];
