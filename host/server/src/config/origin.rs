//! Where a value comes from: the four layers and the option names they share.
//!
//! Defaults, then the file, then `TRUNKLINE_*`, then flags; the later wins.

use std::path::Path;

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;

use super::raw::{self, Raw};

/// The layer that had the last word on an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "from", content = "name")]
pub(crate) enum Origin {
    /// Built in.
    Default,
    /// This file.
    File(String),
    /// This variable.
    Environment(String),
    /// This flag.
    Flag(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{path}"),
            Self::Environment(name) => write!(f, "{name}"),
            Self::Flag(name) => write!(f, "{name}"),
        }
    }
}

/// The layers, merged.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    figment: Figment,
}

impl Layers {
    /// Merges the layers; `environment` is the whole environment, of which `TRUNKLINE_*` counts.
    pub(crate) fn new(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &Raw,
    ) -> Self {
        let mut figment = Figment::from(Serialized::defaults(raw::defaults()));
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        for (name, value) in environment {
            if let Some(layer) = Variable::new(&name, value) {
                figment = figment.merge(layer);
            }
        }
        Self { figment: figment.merge(Flags(flags)) }
    }

    /// The values, still as text.
    pub(crate) fn values(&self) -> Result<Raw, String> {
        self.figment.extract().map_err(|faults| {
            let faults: Vec<String> = faults.into_iter().map(|fault| Self::explain(&fault)).collect();
            faults.join("\n")
        })
    }

    /// Who had the last word on the option called `key` in a file.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        let metadata = self.figment.find_metadata(key);
        match metadata.map(|metadata| metadata.name.as_ref()) {
            Some(FLAGS) => Origin::Flag(flag(key)),
            Some(ENVIRONMENT) => Origin::Environment(variable(key)),
            Some("TOML file") => {
                let path = metadata.and_then(|metadata| metadata.source.as_ref()?.file_path());
                Origin::File(path.map_or_else(String::new, |path| path.display().to_string()))
            }
            _ => Origin::Default,
        }
    }

    fn explain(fault: &figment::Error) -> String {
        let key = fault.path.join(".");
        let place = match fault.metadata.as_ref().map(|metadata| metadata.name.as_ref()) {
            Some(FLAGS) => format!("{}: ", flag(&key)),
            Some(ENVIRONMENT) => format!("{}: ", variable(&key)),
            Some("TOML file") => {
                let path = fault.metadata.as_ref().and_then(|metadata| metadata.source.as_ref()?.file_path());
                let path = path.map_or_else(String::new, |path| path.display().to_string());
                if key.is_empty() { format!("{path}: ") } else { format!("{path}, {key}: ") }
            }
            _ => String::new(),
        };
        format!("{place}{}", fault.kind)
    }
}

/// Every option by its name in a file.
pub(crate) fn keys() -> Vec<String> {
    let command = <Raw as clap::Args>::augment_args(clap::Command::new("options"));
    command.get_arguments().map(|argument| argument.get_id().to_string()).collect()
}

/// The flag that sets an option.
pub(crate) fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// The variable that sets an option.
pub(crate) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase())
}

/// Variables with our prefix that set nothing: most likely misspelt.
pub(crate) fn unknown_variables(environment: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    let known = |name: &str| {
        let key = name.to_lowercase();
        OTHER_VARIABLES.contains(&name) || keys().contains(&key)
    };
    let names = environment.into_iter().map(|(name, _)| name);
    names.filter(|name| name.strip_prefix(PREFIX).is_some_and(|rest| !known(rest))).collect()
}

/// One variable of the environment as a layer of its own.
struct Variable {
    key: String,
    value: Value,
}

impl Variable {
    fn new(name: &str, value: String) -> Option<Self> {
        let key = name.strip_prefix(PREFIX)?.to_lowercase();
        if value.is_empty() || !keys().contains(&key) {
            return None;
        }
        let number = NUMBERS.contains(&key.as_str()).then(|| value.parse::<u64>().ok()).flatten();
        Some(Self { key, value: number.map_or_else(|| Value::from(value), Value::from) })
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(ENVIRONMENT)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(Dict::from([(self.key.clone(), self.value.clone())])))
    }
}

struct Flags<'a>(&'a Raw);

impl Provider for Flags<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(FLAGS)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Serialized::defaults(self.0).data()
    }
}

const PREFIX: &str = "TRUNKLINE_";
const FLAGS: &str = "flags";
const ENVIRONMENT: &str = "environment";
/// Options whose value is a number.
const NUMBERS: &[&str] = &["drain_s", "shards", "media_workers", "media_tick_ms", "speech_cache_mb"];
/// Variables that are read elsewhere, without the prefix.
const OTHER_VARIABLES: &[&str] = &[
    "DATA",
    "CONFIG",
    "SERVER",
    "KEY",
    "KEY_FILE",
    "OUTPUT",
    "ADMIN_PASSWORD_FILE",
    "SMTP_PASSWORD_FILE",
    "SYNTHESIZER_KEY_FILE",
    "TRANSCRIBER_KEY_FILE",
    "SKIP_WEB",
];
