//! Fields of a resource as people type them: `--set limits.concurrent=2`, a JSON object, a JSON or YAML file.

use clap::Args;
use serde_json::{Map, Value};

use super::input;
use crate::failure::Failure;

/// Fields by name, for whatever has no option of its own.
#[derive(Args, Debug, Default)]
pub(crate) struct Fields {
    /// A field of the API, repeatable; the value is JSON or text: limits.concurrent=2
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// A whole JSON object; `@FILE` reads a file, `-` stdin
    #[arg(long, value_name = "OBJECT")]
    json: Option<String>,
    /// A file of fields in JSON or YAML; `-` is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    file: Option<String>,
}

impl Fields {
    /// The file or object first, then what the other options said, then `--set`.
    pub(super) fn body(&self, options: Map<String, Value>) -> Result<Value, Failure> {
        let mut body = self.object()?;
        body.extend(options);
        for text in &self.set {
            let Some((path, value)) = text.split_once('=') else {
                return Err(Failure::Usage(format!("--set: `{text}` is no FIELD=VALUE")));
            };
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            put_at(&mut body, path, value);
        }
        if body.is_empty() {
            return Err(Failure::Usage(
                "nothing to set: use --set FIELD=VALUE, --json OBJECT or --file FILE".to_owned(),
            ));
        }
        Ok(Value::Object(body))
    }

    fn object(&self) -> Result<Map<String, Value>, Failure> {
        if let Some(object) = &self.json {
            return serde_json::from_str(&input::text(object)?)
                .map_err(|fault| Failure::Usage(format!("--json: no JSON object: {fault}")));
        }
        let Some(file) = &self.file else {
            return Ok(Map::new());
        };
        object_in(file)
    }
}

/// The object in a file of JSON or YAML; `-` is stdin.
pub(super) fn object_in(file: &str) -> Result<Map<String, Value>, Failure> {
    let text = input::read(file)?;
    // JSON first: its faults are told more plainly.
    let parsed: Result<Map<String, Value>, String> = if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|fault| fault.to_string())
    } else {
        serde_saphyr::from_str(&text).map_err(|fault| fault.to_string())
    };
    parsed.map_err(|fault| Failure::Usage(format!("{file}: no fields: {fault}")))
}

fn put_at(body: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        body.insert(path.to_owned(), value);
        return;
    };
    let below = body.entry(first).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(below) = below {
        put_at(below, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_go_where_their_path_says() {
        let fields = Fields {
            set: vec![
                "limits.concurrent=2".to_owned(),
                "name=Desk 1".to_owned(),
                "limits.per_day=5".to_owned(),
            ],
            json: Some("{\"name\": \"x\", \"enabled\": false}".to_owned()),
            file: None,
        };
        let body = fields.body(Map::new()).expect("fields that fit");
        assert_eq!(
            body,
            json!({"name": "Desk 1", "enabled": false, "limits": {"concurrent": 2, "per_day": 5}})
        );
    }

    #[test]
    fn a_file_may_be_yaml() {
        let file = std::env::temp_dir().join(format!("trunkline-fields-{}.yaml", std::process::id()));
        std::fs::write(&file, "name: Carrier\nallowed_sources:\n  - 192.0.2.0/24\nlimits: {concurrent: 2}\n")
            .expect("a file");
        let fields = Fields { file: file.to_str().map(str::to_owned), ..Fields::default() };
        let body = fields.body(Map::new());
        drop(std::fs::remove_file(&file));
        assert_eq!(
            body.expect("fields"),
            json!({"name": "Carrier", "allowed_sources": ["192.0.2.0/24"], "limits": {"concurrent": 2}})
        );
    }
}
