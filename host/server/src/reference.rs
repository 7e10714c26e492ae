//! The reference pages `docs/cli.md`, `docs/configuration.md` and `docs/reasons.md`, made from the code and compared with the files.
//!
//! `UPDATE_DOCS=1 cargo test -p server reference` writes them.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};
use routing::reason::Reason;

use crate::cli::Cli;
use crate::config::origin;
use crate::config::raw::{self, Raw};

#[test]
fn cli_page_is_what_the_code_says() {
    check("docs/cli.md", &cli());
}

#[test]
fn configuration_page_is_what_the_code_says() {
    check("docs/configuration.md", &configuration());
}

#[test]
fn reasons_page_is_what_the_code_says() {
    check("docs/reasons.md", &reasons());
}

#[test]
fn every_verb_begins_with_an_example() {
    for verb in Cli::command().get_subcommands() {
        let examples = verb.get_before_help().map(ToString::to_string).unwrap_or_default();
        assert!(
            examples.starts_with("Examples:\n  trunkline ") || verb.get_name() == "help",
            "{}",
            verb.get_name()
        );
    }
}

#[test]
fn no_option_clashes_with_another() {
    Cli::command().debug_assert();
}

fn check(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{page} is not what the code says: UPDATE_DOCS=1 cargo test -p server reference"
    );
}

fn reasons() -> String {
    let mut text = "# Reasons\n\n\
        Made from the code; `trunkline explain CODE` and `GET /api/v1/reasons` say the same. A code is stable for good; it is\n\
        in the `Reason` and `Warning` of the SIP answer, in history and in `/refused`, and a label of\n\
        `trunkline_call_refused_total`. What refuses before the caller is known is told to nobody but the operator.\n\n\
        A: proof, C: calls that just ended, F: call flows, L: limits, M: media, N: network, P: peers, R: routes and rules, S: this server.\n\n\
        | code | why | SIP | Q.850 | likely causes | what to do |\n|---|---|---|---|---|---|\n"
        .to_owned();
    let given = |number: u16| if number == 0 { "–".to_owned() } else { number.to_string() };
    for reason in Reason::ALL {
        let causes = reason.causes().join("; ");
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            reason.code(),
            reason.text(),
            given(reason.sip_code()),
            given(reason.q850()),
            if causes.is_empty() { "–" } else { &causes },
            reason.fix()
        );
    }
    text
}

fn cli() -> String {
    let mut text = "# Command line\n\n\
        Made from the code; `trunkline VERB --help` says the same.\n\n\
        Results go to stdout, notes to stderr. Exit codes: 0 done, 1 failed, 2 not understood, 3 not found,\n\
        4 not reachable, 5 a check found problems.\n\n\
        Without `--server`, commands talk to the server on the data folder through its socket and need no key.\n"
        .to_owned();
    let mut root = Cli::command();
    root.build();
    let everywhere: Vec<&Arg> = root.get_arguments().filter(|arg| arg.is_global_set()).collect();
    text.push_str("\n## Everywhere\n\nThese may stand before or after the verb.\n\n");
    arguments(&mut text, &everywhere);
    for verb in root.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let _ = write!(text, "\n## {}\n\n{}\n", verb.get_name(), about(verb));
        if let Some(examples) = verb.get_before_help() {
            let examples = examples.to_string();
            let lines: Vec<&str> = examples.lines().skip(1).map(str::trim_start).collect();
            let _ = write!(text, "\n```sh\n{}\n```\n", lines.join("\n"));
        }
        own_arguments(&mut text, verb);
        for below in verb.get_subcommands().filter(|verb| verb.get_name() != "help") {
            let _ = write!(text, "\n### {} {}\n\n{}\n", verb.get_name(), below.get_name(), about(below));
            own_arguments(&mut text, below);
        }
    }
    text
}

fn about(command: &Command) -> String {
    command.get_about().map(|about| format!("{about}.")).unwrap_or_default()
}

/// Arguments that are not global; those of the server have a page of their own.
fn own_arguments(text: &mut String, command: &Command) {
    let keys = origin::keys();
    let is_own = |arg: &&Arg| {
        let id = arg.get_id().as_str();
        !arg.is_global_set() && !matches!(id, "help" | "version") && !keys.iter().any(|key| key == id)
    };
    let own: Vec<&Arg> = command.get_arguments().filter(is_own).collect();
    if !own.is_empty() {
        text.push('\n');
        arguments(text, &own);
    }
    if command.get_arguments().any(|arg| arg.get_id() == "media_ports") {
        text.push_str("\nAnd the options of [the server](configuration.md).\n");
    }
}

fn arguments(text: &mut String, arguments: &[&Arg]) {
    text.push_str("| option | meaning |\n|---|---|\n");
    for argument in arguments {
        let value =
            argument.get_value_names().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default();
        let takes_value = argument.get_action().takes_values();
        let name = match (argument.get_long(), argument.get_short()) {
            (Some(long), Some(short)) => format!("-{short}, --{long}"),
            (Some(long), None) => format!("--{long}"),
            _ => String::new(),
        };
        let shown = match (name.is_empty(), takes_value) {
            (true, _) => format!("<{value}>"),
            (false, true) => format!("{name} {value}"),
            (false, false) => name,
        };
        let mut meaning = argument.get_help().map(ToString::to_string).unwrap_or_default();
        if let Some(default) = argument.get_default_values().first().filter(|_| takes_value) {
            let _ = write!(meaning, " [{}]", default.to_string_lossy());
        }
        if let Some(variable) = argument.get_env() {
            let _ = write!(meaning, " (`{}`)", variable.to_string_lossy());
        }
        let _ = writeln!(text, "| `{shown}` | {} |", meaning.replace('|', "\\|"));
    }
}

fn configuration() -> String {
    let mut text = "# Configuration\n\n\
        Made from the code. Nothing needs to be configured: `trunkline` starts without a file and without a flag.\n\n\
        A value is looked for in this order, the later wins: default, file, environment, flag. The file is\n\
        `trunkline.toml` in the data folder, or what `--config` or `TRUNKLINE_CONFIG` names. Lists are written as\n\
        `[\"a\", \"b\"]` in the file, with commas in the environment, and by repeating the flag.\n\
        `trunkline config show --origin` prints what is in force and where it comes from, `trunkline config check`\n\
        says what is wrong.\n\n\
        | flag | in the file | in the environment | default | meaning |\n|---|---|---|---|---|\n"
        .to_owned();
    let defaults = serde_json::to_value(raw::defaults()).expect("plain data");
    let options = <Raw as clap::Args>::augment_args(Command::new("options"));
    for option in options.get_arguments() {
        let key = option.get_id().as_str();
        let value =
            option.get_value_names().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default();
        let default = match defaults.get(key) {
            None => "–".to_owned(),
            Some(serde_json::Value::Array(parts)) if parts.is_empty() => "–".to_owned(),
            Some(serde_json::Value::Array(parts)) => parts
                .iter()
                .filter_map(|part| part.as_str())
                .map(|part| format!("`{part}`"))
                .collect::<Vec<_>>()
                .join(" "),
            Some(serde_json::Value::String(text)) => format!("`{text}`"),
            Some(other) => format!("`{other}`"),
        };
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(
            text,
            "| `{} {value}` | `{key}` | `{}` | {default} | {} |",
            origin::flag(key),
            origin::variable(key),
            help.replace('|', "\\|")
        );
    }
    text.push_str(
        "\nBesides these:\n\n\
        | variable | meaning |\n|---|---|\n\
        | `TRUNKLINE_DATA` | the data folder, as `--data` [`trunkline-data`] |\n\
        | `TRUNKLINE_CONFIG` | the file, as `--config` |\n\
        | `TRUNKLINE_ADMIN_PASSWORD_FILE` | a file with the password of the owner `admin`, for installations without a browser |\n\
        | `TRUNKLINE_SERVER`, `TRUNKLINE_KEY`, `TRUNKLINE_KEY_FILE` | which server the command line talks to, and with which key |\n\
        | `TRUNKLINE_OUTPUT` | `table`, `json`, `yaml` or `csv` |\n\
        | `RUST_LOG` | log filter; wins over `--log` |\n",
    );
    text
}
