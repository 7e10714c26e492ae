//! `trunkline connection`: whatever can be dialled and can call, made and looked after by hand.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};

use super::collection::{Collection, Rows, Verbs};
use super::fields::Fields;
use super::{Format, Globals, ask, connection_test, moment, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline connection …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All of them
    List {
        /// Of this kind: device, virtual, register_in, register_out, trunk
        #[arg(long)]
        kind: Option<String>,
        /// In this state: up, down, degraded, unknown, disabled
        #[arg(long)]
        state: Option<String>,
        /// How many.
        #[command(flatten)]
        list: Rows,
    },
    /// One, by id, name or user
    Get(Named),
    /// A new one
    Create(Box<Create>),
    /// Change fields
    Edit {
        /// Which.
        #[command(flatten)]
        named: Named,
        /// What changes.
        #[command(flatten)]
        shape: Shape,
    },
    /// Remove it
    Delete {
        /// Which.
        #[command(flatten)]
        named: Named,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Whether it is up, and what is registered
    Status(Named),
    /// Step by step: name, way, TLS, OPTIONS, REGISTER, a call; exit code 5 if one fails
    Test(connection_test::Arguments),
    /// Register at the other end now, whatever was planned
    RegisterNow(Named),
    /// Rehearse failover: take it for down for some minutes, and see where its calls go
    Rehearse {
        /// Which.
        #[command(flatten)]
        named: Named,
        /// How long, in minutes
        #[arg(long, default_value_t = 10)]
        minutes: u32,
        /// End the rehearsal
        #[arg(long, conflicts_with = "minutes")]
        end: bool,
    },
    /// New passwords for the PBX that registers here
    Rotate {
        /// Which.
        #[command(flatten)]
        named: Named,
        /// Only this one: primary or secondary
        #[arg(long)]
        label: Option<String>,
        /// How long those of now stay good: 1s, 12h, 7d [default: 1d]
        #[arg(long, value_name = "DURATION", value_parser = moment::seconds)]
        overlap: Option<u64>,
    },
    /// Its registrations: what changed and what failed, newest first
    Log {
        /// Which.
        #[command(flatten)]
        named: Named,
        /// How many.
        #[command(flatten)]
        list: Rows,
    },
    /// What to enter at the other end: Asterisk, FreePBX, FreeSWITCH, 3CX, Yealink, Zoiper, Linphone, anything
    PeerConfig {
        /// Which.
        #[command(flatten)]
        named: Named,
        /// asterisk, asterisk-wizard, freepbx, freeswitch, 3cx, yealink, zoiper, linphone, generic
        #[arg(long = "for", value_name = "WHAT", default_value = "generic")]
        made_for: String,
        /// Only the text of this file, to be appended to it: pjsip.conf, pjsip_wizard.conf, extensions.conf
        #[arg(long, value_name = "NAME")]
        file: Option<String>,
        /// From the peer_config_url of a reply, which shows the password
        #[arg(long, value_name = "TOKEN")]
        token: Option<String>,
    },
    /// What it speaks, as a sheet for the people at the other end
    Spec(Named),
    /// No calls from it or to it until it is resumed
    Pause(Named),
    /// Calls again
    Resume(Named),
}

/// Which connection.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// Id, name or user
    #[arg(value_name = "CONNECTION")]
    connection: String,
}

/// Fields of a new connection.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// What people call it [default: the user]
    #[arg(value_name = "NAME", conflicts_with = "name")]
    called: Option<String>,
    /// What it is: device, virtual, register_in, register_out, trunk [default: device]
    #[arg(long)]
    kind: Option<String>,
    /// What it is like.
    #[command(flatten)]
    shape: Shape,
}

/// What has an option of its own.
#[derive(Args, Debug)]
pub(crate) struct Shape {
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// SIP user: of a device, or the name we have at the other end
    #[arg(long)]
    user: Option<String>,
    /// Where its password comes from.
    #[command(flatten)]
    password: ask::Password,
    /// Where it is reached, repeatable: pbx.example.com, 203.0.113.5:5070, 203.0.113.5:5061/tls
    #[arg(long, visible_alias = "host", value_name = "HOST[:PORT][/TRANSPORT]")]
    peer: Vec<String>,
    /// Addresses it may call from, repeatable
    #[arg(long, value_name = "CIDR")]
    allow: Vec<String>,
    /// Called numbers that may leave by it; . is all of them
    #[arg(long, visible_alias = "pattern", value_name = "REGEX")]
    dial_pattern: Option<String>,
    /// Everything else.
    #[command(flatten)]
    fields: Fields,
}

/// Answers `trunkline connection`.
pub(super) fn run(globals: &Globals, command: Command) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let below = |named: &Named, what: &str| {
        route::connection(&client, &named.connection)
            .map(|id| route::path(&format!("/connections/{id}{what}"), &[]))
    };
    match command {
        Command::List { kind, state, list } => {
            let mut body = list.fetch(&client, CONNECTIONS.path, &[("kind", kind)])?;
            if let (Some(state), Some(Value::Array(rows))) = (state, body.get_mut("data")) {
                rows.retain(|row| write::at(row, "status.state") == state);
            }
            write::list(globals.output, &body, CONNECTIONS.columns);
            Ok(())
        }
        Command::Get(named) => show(globals, &client, Method::GET, &below(&named, "")?, None),
        Command::Create(create) => created(globals, &client, &create.body()?),
        Command::Edit { named, shape } => {
            let body = shape.body(Map::new(), shape.password.given()?)?;
            show(globals, &client, Method::PATCH, &below(&named, "")?, Some(&body))
        }
        Command::Delete { named, yes } => {
            let path = below(&named, "")?;
            ask::certain(yes, &format!("connection {} will be gone.", named.connection))?;
            client.call(Method::DELETE, &path, None)?;
            out::note(&format!("{} is gone", named.connection));
            Ok(())
        }
        Command::Status(named) => show(globals, &client, Method::GET, &below(&named, "/status")?, None),
        Command::Test(arguments) => connection_test::run(globals, &arguments),
        Command::RegisterNow(named) => {
            client.call(Method::POST, &below(&named, "/register-now")?, None)?;
            out::note(&format!(
                "{} registers; `trunkline connection status {}`",
                named.connection, named.connection
            ));
            Ok(())
        }
        Command::Rehearse { named, minutes, end } => {
            let path = below(&named, "/rehearse")?;
            if end {
                client.call(Method::DELETE, &path, None)?;
                out::note(&format!("{} is taken for what it is", named.connection));
                return Ok(());
            }
            let status = client.call(Method::POST, &path, Some(&json!({ "minutes": minutes })))?;
            let until = write::at(&status, "rehearsal_until");
            out::note(&format!("{} is taken for down until {until}, or until a restart", named.connection));
            Ok(())
        }
        Command::Rotate { named, label, overlap } => {
            let wishes = json!({ "label": label, "overlap_s": overlap });
            let reply = client.call(Method::POST, &below(&named, "/rotate")?, Some(&wishes))?;
            show_secrets(globals, &client, &reply);
            Ok(())
        }
        Command::Log { named, list } => {
            let id = route::connection(&client, &named.connection)?;
            let body = list.fetch_up_to(&client, &format!("/connections/{id}/log"), &[], 50)?;
            write::list(globals.output, &body, LOG);
            Ok(())
        }
        Command::PeerConfig { named, made_for, file, token } => {
            let id = route::connection(&client, &named.connection)?;
            let query = [("for", Some(made_for)), ("token", token)];
            let path = route::path(&format!("/connections/{id}/peer-config"), &query);
            peer_config(globals, &client.call(Method::GET, &path, None)?, file.as_deref())
        }
        Command::Spec(named) => {
            let sheet = client.call(Method::GET, &below(&named, "/spec")?, None)?;
            text_or(globals, &sheet, "markdown");
            Ok(())
        }
        Command::Pause(named) => switch(&client, &named, &below(&named, "")?, false),
        Command::Resume(named) => switch(&client, &named, &below(&named, "")?, true),
    }
}

/// The whole text, or one of its files alone.
fn peer_config(globals: &Globals, guide: &Value, file: Option<&str>) -> Result<(), Failure> {
    let Some(wanted) = file else {
        text_or(globals, guide, "text");
        return Ok(());
    };
    let files = guide.get("files").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let Some(found) = files.iter().find(|file| write::at(file, "name") == wanted) else {
        let names: Vec<_> = files.iter().map(|file| write::at(file, "name")).collect();
        return Err(Failure::NotFound(format!("there is no file {wanted}, only: {}", names.join(", "))));
    };
    text_or(globals, found, "text");
    Ok(())
}

/// The text in a member for people, everything for programs.
fn text_or(globals: &Globals, body: &Value, member: &str) {
    match globals.output {
        Format::Table => out::line(write::at(body, member).trim_end()),
        format => write::one(format, body),
    }
}

fn show(
    globals: &Globals,
    client: &Client,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<(), Failure> {
    write::one(globals.output, &client.call(method, path, body)?);
    Ok(())
}

fn created(globals: &Globals, client: &Client, body: &Value) -> Result<(), Failure> {
    let reply = client.call(Method::POST, &route::path(CONNECTIONS.path, &[]), Some(body))?;
    show_secrets(globals, client, &reply);
    for warning in reply.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        out::note(&format!("note: {}", warning.as_str().unwrap_or_default()));
    }
    Ok(())
}

fn switch(client: &Client, named: &Named, path: &str, enabled: bool) -> Result<(), Failure> {
    client.call(Method::PATCH, path, Some(&json!({ "enabled": enabled })))?;
    out::note(&format!(
        "{} {}",
        named.connection,
        if enabled { "takes calls again" } else { "takes no calls" }
    ));
    Ok(())
}

/// The reply to a request that makes passwords: they are shown once, as what to enter at the PBX.
fn show_secrets(globals: &Globals, client: &Client, reply: &Value) {
    let credentials = reply.get("credentials").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if globals.output != Format::Table || !credentials.iter().any(|one| one.get("password").is_some()) {
        write::one(globals.output, reply);
        return;
    }
    let mut rest = reply.clone();
    rest["credentials"] = Value::Null;
    write::one(globals.output, &rest);
    let domain = route::path(&format!("/domains/{}", write::at(reply, "domain")), &[]);
    let host = client.call(Method::GET, &domain, None).map(|domain| write::at(&domain, "host"));
    out::line("\nEnter at the PBX, as a trunk that registers; passwords are shown this once:");
    out::line(&format!("  server     {}", host.unwrap_or_default()));
    for one in credentials {
        let text = |name: &str| write::at(one, name);
        out::line(&format!("  {:<10} user {}, password {}", text("label"), text("user"), text("password")));
    }
}

impl Create {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        if let Some(kind) = &self.kind {
            body.insert("kind".to_owned(), Value::from(kind.as_str()));
        }
        let named =
            self.called.clone().or_else(|| self.shape.name.clone()).or_else(|| self.shape.user.clone());
        if let Some(name) = named {
            body.insert("name".to_owned(), Value::from(name));
        }
        let typed = matches!(self.kind.as_deref(), Some("register_out")) && self.shape.user.is_some();
        let password = match &self.shape.password {
            source if typed => source.or_typed("Password at the other end: ")?,
            source => source.given()?,
        };
        let mut body = self.shape.body(body, password)?;
        if let Value::Object(fields) = &mut body {
            fields.entry("kind").or_insert_with(|| Value::from("device"));
        }
        Ok(body)
    }
}

impl Shape {
    fn body(&self, mut body: Map<String, Value>, password: Option<String>) -> Result<Value, Failure> {
        let texts = [
            ("name", &self.name),
            ("user", &self.user),
            ("password", &password),
            ("dial_pattern", &self.dial_pattern),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                body.insert(name.to_owned(), Value::from(value.as_str()));
            }
        }
        if !self.peer.is_empty() {
            let peers = self.peer.iter().map(|text| peer(text)).collect::<Result<Vec<_>, _>>()?;
            body.insert("peers".to_owned(), Value::from(peers));
        }
        if !self.allow.is_empty() {
            body.insert("allowed_sources".to_owned(), Value::from(self.allow.clone()));
        }
        self.fields.body(body)
    }
}

/// `203.0.113.5:5061/tls` as the API writes it.
fn peer(text: &str) -> Result<Value, Failure> {
    let (place, transport) =
        text.split_once('/').map_or((text, None), |(place, transport)| (place, Some(transport)));
    let bracketed = place.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let mut peer = json!({ "host": host });
    if let Some(port) = port {
        let port: u16 = port.parse().map_err(|_| Failure::Usage(format!("--peer: `{port}` is no port")))?;
        peer["port"] = Value::from(port);
    }
    if let Some(transport) = transport {
        peer["transport"] = Value::from(transport.to_lowercase());
    }
    Ok(peer)
}

pub(super) const CONNECTIONS: Collection = Collection {
    noun: "connection",
    about: "Phones, PBXs and carriers",
    path: "/connections",
    prefix: "con_",
    names: &["name", "user"],
    columns: &[
        ("NAME", "name"),
        ("KIND", "kind"),
        ("USER", "user"),
        ("STATE", "status.state"),
        ("SINCE", "status.since"),
        ("CALLS", "status.active_calls"),
        ("LAST ANSWER", "status.last_response.code status.last_response.reason"),
        ("ID", "id"),
    ],
    verbs: Verbs::All,
};
const LOG: write::Columns = &[
    ("AT", "at"),
    ("EVENT", "event"),
    ("CODE", "code"),
    ("REASON", "reason"),
    ("TARGET", "target"),
    ("EXPIRES", "expires_s"),
    ("TOOK MS", "elapsed_ms"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_have_hosts_ports_and_transports() {
        assert_eq!(peer("sip.example.net").expect("right"), json!({"host": "sip.example.net"}));
        assert_eq!(peer("192.0.2.1:5070").expect("right"), json!({"host": "192.0.2.1", "port": 5070}));
        assert_eq!(
            peer("[2001:db8::1]:5061/TLS").expect("right"),
            json!({"host": "2001:db8::1", "port": 5061, "transport": "tls"})
        );
        assert_eq!(peer("a/tcp").expect("right"), json!({"host": "a", "transport": "tcp"}));
        assert!(peer("a:b").is_err());
    }
}
