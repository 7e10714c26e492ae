//! Results as tables, JSON, YAML or CSV.
//!
//! JSON is the body of the API, untouched; YAML is the same; a table shows the columns that people look for;
//! CSV has every plain field.

use serde_json::{Map, Value};

use super::Format;
use crate::out;

/// Columns of a table: heading and path in the row, `from.uri`; several paths with a space between.
pub(super) type Columns = &'static [(&'static str, &'static str)];

/// A list: `{"data": […]}`.
pub(super) fn list(format: Format, body: &Value, columns: Columns) {
    let rows = body.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match format {
        Format::Json => out::line(&pretty(body)),
        Format::Yaml => out::line(yaml(body).trim_end()),
        Format::Csv => out::line(csv(rows).trim_end()),
        Format::Table if rows.is_empty() => out::note("none"),
        Format::Table => {
            out::line(table(rows, columns).trim_end());
            if body.get("has_more").and_then(Value::as_bool) == Some(true) {
                out::note("there are more: --limit");
            }
        }
    }
}

/// One thing.
pub(super) fn one(format: Format, body: &Value) {
    match format {
        Format::Json => out::line(&pretty(body)),
        Format::Yaml => out::line(yaml(body).trim_end()),
        Format::Csv => out::line(csv(std::slice::from_ref(body)).trim_end()),
        Format::Table => out::line(fields(body).trim_end()),
    }
}

/// JSON as people read it.
pub(super) fn pretty(body: &Value) -> String {
    serde_json::to_string_pretty(body).unwrap_or_default()
}

/// A value of a row as text, at a path with dots.
pub(super) fn at(row: &Value, path: &str) -> String {
    let value = path.split('.').try_fold(row, |value, part| value.get(part));
    value.map_or_else(String::new, plain)
}

/// A cell of a table: the values at these paths; times to the second.
fn cell(row: &Value, paths: &str) -> String {
    let texts = paths.split(' ').map(|path| {
        let text = at(row, path);
        match text.parse::<jiff::Timestamp>() {
            Ok(at) => at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            Err(_) => text,
        }
    });
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            let filled = fields.iter().filter(|(_, value)| !is_empty(value));
            let fields = filled.map(|(name, value)| match value {
                Value::Object(_) => format!("{name}({})", plain(value)),
                other => format!("{name}={}", plain(other)),
            });
            fields.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

fn table(rows: &[Value], columns: Columns) -> String {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|(_, paths)| cell(row, paths)).collect()).collect();
    let heading: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    aligned(std::iter::once(&heading).chain(&cells))
}

/// Columns as wide as their widest cell, two spaces between.
pub(super) fn aligned<'a>(rows: impl Iterator<Item = &'a Vec<String>> + Clone) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows.clone() {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn fields(body: &Value) -> String {
    let Value::Object(fields) = body else {
        return plain(body);
    };
    let filled = fields.iter().filter(|(_, value)| !is_empty(value));
    let rows: Vec<Vec<String>> = filled.map(|(name, value)| vec![name.clone(), plain(value)]).collect();
    aligned(rows.iter())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(parts) => parts.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// RFC 4180; nested objects become columns with dots.
fn csv(rows: &[Value]) -> String {
    let flat: Vec<Map<String, Value>> = rows.iter().map(flatten).collect();
    let mut columns: Vec<&String> = Vec::new();
    for name in flat.iter().flat_map(Map::keys) {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    let mut text = columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",");
    for row in &flat {
        let cells = columns.iter().map(|&name| quoted(&row.get(name).map_or_else(String::new, plain)));
        text.push_str("\r\n");
        text.push_str(&cells.collect::<Vec<_>>().join(","));
    }
    text
}

fn flatten(row: &Value) -> Map<String, Value> {
    fn walk(prefix: &str, value: &Value, found: &mut Map<String, Value>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    walk(&path, value, found);
                }
            }
            other => {
                found.insert(prefix.to_owned(), other.clone());
            }
        }
    }
    let mut found = Map::new();
    walk("", row, &mut found);
    found
}

fn quoted(cell: &str) -> String {
    // A spreadsheet runs a cell that begins like a formula.
    let cell = if cell.starts_with(['=', '@']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

/// YAML 1.2 in block style; every text that could be read as something else is quoted.
fn yaml(value: &Value) -> String {
    fn write(value: &Value, depth: usize, text: &mut String) {
        let indent = "  ".repeat(depth);
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (name, value) in fields {
                    text.push_str(&format!("{indent}{}:", scalar(name)));
                    nested(value, depth + 1, text);
                }
            }
            Value::Array(parts) if !parts.is_empty() => {
                for part in parts {
                    let mut item = String::new();
                    write(part, depth + 1, &mut item);
                    text.push_str(&format!("{indent}- {}", item.trim_start()));
                }
            }
            Value::String(plain) => text.push_str(&format!("{indent}{}\n", scalar(plain))),
            other => text.push_str(&format!("{indent}{other}\n")),
        }
    }
    fn nested(value: &Value, depth: usize, text: &mut String) {
        let block = match value {
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(parts) => !parts.is_empty(),
            _ => false,
        };
        text.push(if block { '\n' } else { ' ' });
        write(value, if block { depth } else { 0 }, text);
    }
    let mut text = String::new();
    write(value, 0, &mut text);
    text
}

fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !matches!(
            text.to_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_have_aligned_columns() {
        let rows = [json!({"id": "con_1", "status": {"state": "up"}}), json!({"id": "con_22"})];
        let text = table(&rows, &[("ID", "id"), ("STATE", "status.state")]);
        assert_eq!(text, "ID      STATE\ncon_1   up\ncon_22\n");
    }

    #[test]
    fn csv_quotes_what_needs_it_and_flattens() {
        let rows = [json!({"a": "x,\"y\"", "b": {"c": 1}}), json!({"a": "=1+1", "d": ["p", "q"]})];
        assert_eq!(csv(&rows), "a,b.c,d\r\n\"x,\"\"y\"\"\",1,\r\n'=1+1,,p q");
    }

    #[test]
    fn yaml_keeps_texts_texts() {
        let value = json!({"a": "no", "b": [{"c": 1, "d": []}, "+49"], "e": {}});
        assert_eq!(yaml(&value), "a: \"no\"\nb:\n  - c: 1\n    d: []\n  - \"+49\"\ne: {}\n");
    }

    #[test]
    fn fields_leave_out_what_is_empty() {
        assert_eq!(fields(&json!({"name": "Desk", "notes": "", "tags": []})), "name  Desk\n");
        let nested =
            json!({"limits": {"concurrent": 8, "per_day": null, "countries": {"allow": ["DE", "AT"]}}});
        assert_eq!(fields(&nested), "limits  concurrent=8 countries(allow=DE AT)\n");
    }
}
