//! The command line: what may be typed, and which file answers it.

mod api_call;
mod ask;
mod ban;
mod call_test;
mod certificate;
mod collection;
mod configuration;
mod connection;
mod connection_test;
mod events;
mod explain;
mod fields;
mod flow;
mod input;
mod key;
mod moment;
mod ping;
mod recording;
mod resource;
mod route;
mod screen;
mod server;
mod sound;
mod status;
mod voicemail;
mod webhook;
mod write;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::raw::Raw;
use crate::failure::Failure;

/// SIP switchboard for phones, PBXs and carriers: registrar, B2BUA and media relay in one binary
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, before_help = EXAMPLES, disable_help_subcommand = true, args_override_self = true)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// Without a verb the server starts.
    #[command(flatten)]
    pub(crate) serve: Serve,
    /// The verb.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  trunkline                              start the server on ./trunkline-data
  trunkline setup-link                   a new one-time link to claim the installation
  trunkline connection create Desk --user alice --password-file alice.txt
  trunkline status                       what is up, what is not
  trunkline call-test sip:echo@localhost a real call, with audio measured both ways";

const CONNECTION_EXAMPLES: &str = "\
Examples:
  trunkline connection create Desk --user alice --password-file alice.txt
  trunkline connection create office-pbx --kind register_out --host pbx.example.com --user 1001 --password-stdin
  trunkline connection create Carrier --kind trunk --peer 203.0.113.5:5061/tls --allow 203.0.113.0/24 --pattern .
  trunkline connection create branch --kind register_in
  trunkline connection list --kind trunk --state down
  trunkline connection edit Desk --set limits.concurrent=2
  trunkline connection test Carrier --call-to +493012345
  trunkline connection pause Carrier";

/// Options of every command; they may follow the verb.
#[derive(Args, Clone, Debug)]
pub(crate) struct Globals {
    /// The folder that holds everything: database, keys, socket
    #[arg(
        long,
        global = true,
        env = "TRUNKLINE_DATA",
        default_value = "trunkline-data",
        value_name = "DIR",
        hide_env_values = true,
        help_heading = "Everywhere"
    )]
    pub(crate) data: PathBuf,
    /// A server elsewhere, instead of the one on the data folder
    #[arg(
        long,
        global = true,
        env = "TRUNKLINE_SERVER",
        value_name = "URL",
        hide_env_values = true,
        help_heading = "Everywhere"
    )]
    pub(crate) server: Option<String>,
    /// API key for --server
    #[arg(
        long,
        global = true,
        env = "TRUNKLINE_KEY",
        value_name = "KEY",
        hide_env_values = true,
        help_heading = "Everywhere"
    )]
    pub(crate) key: Option<String>,
    /// How results are written: table, json (the body of the API), yaml, csv
    #[arg(
        short,
        long,
        global = true,
        env = "TRUNKLINE_OUTPUT",
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_env_values = true,
        hide_possible_values = true,
        help_heading = "Everywhere"
    )]
    pub(crate) output: Format,
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    #[default]
    Table,
    /// The body of the API
    Json,
    /// The same as YAML
    Yaml,
    /// Rows for a spreadsheet
    Csv,
}

/// Options of the server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Serve {
    /// Configuration file; default: trunkline.toml in the data folder, if it is there
    #[arg(long, env = "TRUNKLINE_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Everything that may be configured.
    #[command(flatten)]
    pub(crate) options: Raw,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server (also without a verb)
    #[command(
        before_help = "Examples:\n  trunkline serve\n  trunkline serve --data /var/lib/trunkline --public-ip 203.0.113.7\n  trunkline serve --sip udp:127.0.0.1:5070 --media-ports 30000-30999"
    )]
    Serve(Box<Serve>),
    /// Configuration of the server: what is in force and where it comes from
    #[command(
        before_help = "Examples:\n  trunkline config show --origin\n  trunkline config check --config /etc/trunkline.toml"
    )]
    Config {
        /// What to do.
        #[command(subcommand)]
        command: configuration::Command,
    },
    /// Keys of the API
    #[command(
        before_help = "Examples:\n  trunkline key create --scopes admin\n  trunkline key list\n  trunkline key revoke key_01k3"
    )]
    Key {
        /// What to do.
        #[command(subcommand)]
        command: key::Command,
    },
    /// Certificates that are presented to whoever wants TLS
    #[command(
        before_help = "Examples:\n  trunkline certificate list\n  trunkline certificate add --cert fullchain.pem --private-key privkey.pem\n  trunkline certificate reload\n  trunkline certificate remove sip.example.com"
    )]
    Certificate {
        /// What to do.
        #[command(subcommand)]
        command: certificate::Command,
    },
    /// Phones, PBXs and carriers: whatever can be dialled and can call
    #[command(
        alias = "con",
        before_help = CONNECTION_EXAMPLES
    )]
    Connection {
        /// What to do.
        #[command(subcommand)]
        command: connection::Command,
    },
    /// Numbers from the telephone network and who rings
    #[command(
        before_help = "Examples:\n  trunkline number add +4930123456 --to Desk\n  trunkline number add +4930123457 --flow reception\n  trunkline number list\n  trunkline number delete +4930123456 --yes"
    )]
    Number {
        /// What to do.
        #[command(subcommand)]
        command: resource::NumberCommand,
    },
    /// Host names that are ours
    #[command(before_help = "Examples:\n  trunkline domain list\n  trunkline domain add sip.example.com")]
    Domain {
        /// What to do.
        #[command(subcommand)]
        command: resource::DomainCommand,
    },
    /// Calls that have ended
    #[command(
        before_help = "Examples:\n  trunkline history list --limit 20\n  trunkline history list --reason R-04 -o csv\n  trunkline history get call_01k3"
    )]
    History {
        /// What to do.
        #[command(subcommand)]
        command: resource::HistoryCommand,
    },
    /// Requests that were refused, by source and reason
    #[command(
        before_help = "Examples:\n  trunkline refused list\n  trunkline refused list --reason A-01\n  trunkline refused resolve ref_01k3 allow_source --network 203.0.113.0/28"
    )]
    Refused {
        /// What to do.
        #[command(subcommand)]
        command: resource::RefusedCommand,
    },
    /// Sources that guess at passwords, and that nobody listens to
    #[command(
        before_help = "Examples:\n  trunkline ban list\n  trunkline ban add 203.0.113.7 --for 12h --reason \"scans us\"\n  trunkline ban add 198.51.100.0/24 --allow\n  trunkline ban remove 203.0.113.7"
    )]
    Ban {
        /// What to do.
        #[command(subcommand)]
        command: ban::Command,
    },
    /// What callers left in mailboxes
    #[command(
        before_help = "Examples:\n  trunkline voicemail list\n  trunkline voicemail list Desk --state new\n  trunkline voicemail play Desk vm_01k3\n  trunkline voicemail export Desk vm_01k3 message.wav\n  trunkline voicemail delete Desk vm_01k3"
    )]
    Voicemail {
        /// What to do.
        #[command(subcommand)]
        command: voicemail::Command,
    },
    /// What was recorded of calls
    #[command(
        before_help = "Examples:\n  trunkline recording list --since 7d\n  trunkline recording get rec_019a\n  trunkline recording delete rec_019a"
    )]
    Recording {
        /// What to do.
        #[command(subcommand)]
        command: recording::Command,
    },
    /// Web servers that are told of events
    #[command(
        before_help = "Examples:\n  trunkline webhook add https://example.com/calls --events 'call.*'\n  trunkline webhook test wh_01k3\n  trunkline webhook deliveries wh_01k3 --state failed\n  trunkline webhook replay wh_01k3 --since 1h"
    )]
    Webhook {
        /// What to do.
        #[command(subcommand)]
        command: webhook::Command,
    },
    /// What callers hear: uploaded, or spoken by the voice of the installation
    #[command(
        before_help = "Examples:\n  trunkline sound upload welcome.wav\n  trunkline sound say closed 'We are closed. Please call again tomorrow.'\n  trunkline sound list\n  trunkline sound download welcome --to /tmp/welcome.wav\n  trunkline sound delete welcome --yes"
    )]
    Sound {
        /// What to do.
        #[command(subcommand)]
        command: sound::Command,
    },
    /// What happens to calls: menus, opening hours, who rings
    #[command(
        before_help = "Examples:\n  trunkline flow save reception reception.yaml\n  trunkline flow check reception\n  trunkline flow simulate reception --at 2026-12-24T18:00:00Z --digits 1 --outcome sales=busy\n  trunkline flow publish reception\n  trunkline flow verbs gather"
    )]
    Flow {
        /// What to do.
        #[command(subcommand)]
        command: flow::Command,
    },
    /// Calls in progress
    #[command(before_help = "Examples:\n  trunkline call list\n  trunkline call hangup call_01k3")]
    Call {
        /// What to do.
        #[command(subcommand)]
        command: resource::CallCommand,
    },
    /// Conferences in progress
    #[command(
        before_help = "Examples:\n  trunkline conference list\n  trunkline conference mute cnf_6a1b call_01k3\n  trunkline conference announce cnf_6a1b welcome"
    )]
    Conference {
        /// What to do.
        #[command(subcommand)]
        command: resource::ConferenceCommand,
    },
    /// Collections that need no verbs of their own.
    #[command(flatten)]
    Collection(collection::Asked),
    /// What a code means, what became of a call, or what would become of one
    #[command(
        before_help = "Examples:\n  trunkline explain R-04\n  trunkline explain 488\n  trunkline explain call_01k3\n  trunkline explain --from alice --to +4930123456"
    )]
    Explain(explain::Arguments),
    /// Place a real call and measure its audio in both directions; needs no server of ours
    #[command(
        before_help = "Examples:\n  trunkline call-test sip:echo@localhost\n  trunkline call-test sip:echo@pbx.example.com --from sip:alice@pbx.example.com --user alice --password s3cret-s3cret\n  trunkline call-test sip:100@192.0.2.1:5060 --seconds 10 -o json"
    )]
    CallTest(call_test::Arguments),
    /// Ask whether anybody speaks SIP there (OPTIONS); needs no server of ours
    #[command(
        before_help = "Examples:\n  trunkline ping sip:pbx.example.com\n  trunkline ping sip:192.0.2.1:5070 --count 10 --interval 0.5\n  trunkline ping 'sip:pbx.example.com;transport=tcp' -o json"
    )]
    Ping(ping::Arguments),
    /// A new one-time link to claim the installation
    #[command(
        before_help = "Examples:\n  trunkline setup-link\n  trunkline setup-link --data /var/lib/trunkline"
    )]
    SetupLink,
    /// What is up, what is not
    #[command(
        before_help = "Examples:\n  trunkline status\n  trunkline status --watch\n  trunkline status --server http://192.0.2.1:8080 --key tk_…"
    )]
    Status(status::Arguments),
    /// The version, of this binary and of the server
    #[command(before_help = "Examples:\n  trunkline version\n  trunkline version -o json")]
    Version,
    /// The OpenAPI description of the API
    #[command(before_help = "Examples:\n  trunkline openapi > openapi.json")]
    Openapi,
    /// Any request of the API
    #[command(
        before_help = "Examples:\n  trunkline api GET /connections\n  trunkline api PATCH /connections/con_01k3 '{\"enabled\": false}'\n  trunkline api POST /connections/batch @connections.json"
    )]
    Api(api_call::Arguments),
    /// What happens, as it happens
    #[command(
        before_help = "Examples:\n  trunkline events -f\n  trunkline events -f --type call.started,call.ended --connection Carrier\n  trunkline events -f -o json | jq .type"
    )]
    Events(events::Arguments),
    /// Completions for a shell
    #[command(
        before_help = "Examples:\n  trunkline completion bash > /etc/bash_completion.d/trunkline\n  trunkline completion zsh > ~/.zfunc/_trunkline"
    )]
    Completion {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Does what was typed.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { mut globals, serve, command } = cli;
    read_key_file(&mut globals)?;
    match command {
        None => crate::serve::run(&globals, &serve),
        Some(Command::Serve(after)) => crate::serve::run(&globals, &serve.or(*after)),
        Some(Command::Config { command }) => configuration::run(&globals, serve, command),
        Some(Command::Key { command }) => key::run(&globals, command),
        Some(Command::Certificate { command }) => certificate::run(&globals, command),
        Some(Command::Connection { command }) => connection::run(&globals, command),
        Some(Command::Collection(asked)) => collection::run(&globals, asked),
        Some(Command::Number { command }) => resource::number(&globals, command),
        Some(Command::Domain { command }) => resource::domain(&globals, command),
        Some(Command::History { command }) => resource::history(&globals, command),
        Some(Command::Refused { command }) => resource::refused(&globals, command),
        Some(Command::Ban { command }) => ban::run(&globals, command),
        Some(Command::Voicemail { command }) => voicemail::run(&globals, command),
        Some(Command::Recording { command }) => recording::run(&globals, command),
        Some(Command::Webhook { command }) => webhook::run(&globals, command),
        Some(Command::Sound { command }) => sound::run(&globals, command),
        Some(Command::Flow { command }) => flow::run(&globals, command),
        Some(Command::Call { command }) => resource::call(&globals, command),
        Some(Command::Conference { command }) => resource::conference(&globals, command),
        Some(Command::Explain(arguments)) => explain::run(&globals, arguments),
        Some(Command::CallTest(arguments)) => call_test::run(&globals, arguments),
        Some(Command::Ping(arguments)) => ping::run(&globals, arguments),
        Some(Command::SetupLink) => server::setup_link(&globals),
        Some(Command::Status(arguments)) => status::run(&globals, &arguments),
        Some(Command::Version) => {
            server::version(&globals);
            Ok(())
        }
        Some(Command::Openapi) => server::openapi(&globals),
        Some(Command::Api(arguments)) => api_call::run(&globals, arguments),
        Some(Command::Events(arguments)) => events::run(&globals, arguments),
        Some(Command::Completion { shell }) => {
            server::completion(shell);
            Ok(())
        }
    }
}

impl Serve {
    /// Options before the verb and after it; those after it win.
    fn or(self, after: Self) -> Self {
        let pick = |before: &Raw, after: &Raw| {
            let mut values = serde_json::to_value(before).unwrap_or_default();
            if let (Some(values), Ok(serde_json::Value::Object(after))) =
                (values.as_object_mut(), serde_json::to_value(after))
            {
                values.extend(after);
            }
            serde_json::from_value(values).unwrap_or_default()
        };
        Self { options: pick(&self.options, &after.options), config: after.config.or(self.config) }
    }
}

/// `TRUNKLINE_KEY_FILE` holds the key where no `--key` is given.
fn read_key_file(globals: &mut Globals) -> Result<(), Failure> {
    let Some(path) = std::env::var_os("TRUNKLINE_KEY_FILE").filter(|_| globals.key.is_none()) else {
        return Ok(());
    };
    let path = PathBuf::from(path);
    let text = std::fs::read_to_string(&path)
        .map_err(|fault| Failure::Failed(format!("TRUNKLINE_KEY_FILE: {}: {fault}", path.display())))?;
    globals.key = Some(text.trim().to_owned());
    Ok(())
}
