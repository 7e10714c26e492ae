//! Configuration: found, merged, checked. Two layers: [`raw`] is what people write, [`resolved`] what the program uses.

pub(crate) mod origin;
pub(crate) mod raw;
pub(crate) mod resolved;
mod speech;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use self::origin::{Layers, Origin};
use self::raw::Raw;
use self::resolved::{AdminPassword, Config, Faults};

/// The layers and where they were found, before anything is checked.
#[derive(Debug)]
pub(crate) struct Found {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// The file that was read, if any.
    pub(crate) file: Option<PathBuf>,
    /// The merged layers.
    pub(crate) layers: Layers,
}

/// Looks for the file: the one given, else `trunkline.toml` in the data folder if it is there.
pub(crate) fn find(data: &Path, config: Option<&Path>, flags: &Raw) -> Result<Found, Faults> {
    let file = match config {
        Some(file) if !file.is_file() => {
            return Err(Faults(vec![format!("--config: there is no file {}", file.display())]));
        }
        Some(file) => Some(file.to_owned()),
        None => Some(data.join(FILE)).filter(|file| file.is_file()),
    };
    let layers = Layers::new(file.as_deref(), environment(), flags);
    Ok(Found { data: data.to_owned(), file, layers })
}

impl Found {
    /// Types and checks what was found.
    pub(crate) fn resolve(&self) -> Result<Config, Faults> {
        let mut config = resolved::resolve(self.data.clone(), &self.layers, admin_password()?)?;
        speech::keys(&mut config.speech)?;
        if let Some(smtp) = &mut config.smtp {
            smtp.password = secret("TRUNKLINE_SMTP_PASSWORD_FILE")?.map(AdminPassword);
        }
        Ok(config)
    }

    /// Each option that is not at its default: name, value, origin.
    pub(crate) fn changed(&self) -> Vec<(String, String, Origin)> {
        let all = self.all().unwrap_or_default().into_iter();
        all.filter(|(_, _, origin)| *origin != Origin::Default).collect()
    }

    /// Each option: name, value, origin.
    pub(crate) fn all(&self) -> Result<Vec<(String, String, Origin)>, Faults> {
        let raw = self.layers.values().map_err(|fault| Faults(vec![fault]))?;
        let values = serde_json::to_value(&raw).unwrap_or_default();
        let row = |key: String| {
            let value = values.get(&key).map_or_else(String::new, shown);
            let origin = self.layers.origin(&key);
            (key, value, origin)
        };
        Ok(origin::keys().into_iter().map(row).collect())
    }
}

/// Variables that look like ours and set nothing.
pub(crate) fn unknown_variables() -> Vec<String> {
    origin::unknown_variables(environment())
}

fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// `TRUNKLINE_ADMIN_PASSWORD_FILE`: a secret, so neither flag nor file nor plain variable has it.
fn admin_password() -> Result<Option<AdminPassword>, Faults> {
    let Some(path) = std::env::var_os("TRUNKLINE_ADMIN_PASSWORD_FILE") else {
        return Ok(None);
    };
    let path = PathBuf::from(path);
    let text = std::fs::read_to_string(&path).map_err(|fault| {
        Faults(vec![format!("TRUNKLINE_ADMIN_PASSWORD_FILE: {}: {fault}", path.display())])
    })?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.chars().count() < 10 {
        return Err(Faults(vec![
            "TRUNKLINE_ADMIN_PASSWORD_FILE: the password needs 10 characters at least".to_owned(),
        ]));
    }
    Ok(Some(AdminPassword(password.to_owned())))
}

/// What a file holds that the environment names.
fn secret(variable: &str) -> Result<Option<String>, Faults> {
    let Some(path) = std::env::var_os(variable) else { return Ok(None) };
    let path = PathBuf::from(path);
    let text = std::fs::read_to_string(&path)
        .map_err(|fault| Faults(vec![format!("{variable}: {}: {fault}", path.display())]))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(parts) => parts.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

const FILE: &str = "trunkline.toml";
