//! Paths of the API with their questions: `/api/v1/history?limit=20`.

use serde_json::Value;

use crate::client::Client;
use crate::failure::Failure;

/// Where the API begins.
pub(super) const BASE: &str = "/api/v1";

/// A path below the base with the questions that have an answer.
pub(super) fn path(resource: &str, query: &[(&str, Option<String>)]) -> String {
    let mut path = format!("{BASE}{resource}");
    let filled = query.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for (index, (name, value)) in filled.enumerate() {
        path.push(if index == 0 { '?' } else { '&' });
        path.push_str(&format!("{name}={}", escaped(value)));
    }
    path
}

/// Percent-encoding of everything but unreserved characters (RFC 3986 §2.3).
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// The id of what people call by its id or by a name that only one has; the API finds by these names.
pub(super) fn id(
    client: &Client,
    resource: &str,
    prefix: &str,
    names: &[&str],
    wanted: &str,
) -> Result<String, Failure> {
    if wanted.starts_with(prefix) {
        return Ok(wanted.to_owned());
    }
    let mut found: Vec<String> = Vec::new();
    for name in names {
        let page = path(resource, &[("limit", Some("3".to_owned())), (name, Some(wanted.to_owned()))]);
        let body = client.call(hyper::Method::GET, &page, None)?;
        for row in body.get("data").and_then(Value::as_array).into_iter().flatten() {
            let id = row.get("id").and_then(Value::as_str).unwrap_or_default();
            if !found.iter().any(|known| known == id) {
                found.push(id.to_owned());
            }
        }
    }
    match found.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(Failure::NotFound(format!("nothing in {resource} is called `{wanted}`"))),
        several => Err(Failure::Usage(format!("`{wanted}` could be {}", several.join(" or ")))),
    }
}

/// The id of a connection, by its id, name or user.
pub(super) fn connection(client: &Client, wanted: &str) -> Result<String, Failure> {
    id(client, "/connections", "con_", &["name", "user"], wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_without_an_answer_are_left_out() {
        let query = [("limit", None), ("from", Some("+49 30".to_owned())), ("to", Some("a".to_owned()))];
        assert_eq!(path("/history", &query), "/api/v1/history?from=%2B49%2030&to=a");
    }
}
