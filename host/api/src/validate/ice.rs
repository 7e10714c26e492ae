//! Servers that phones in browsers are told of (RFC 7064, RFC 7065), and the secrets shared with some of them.

use routing::config::{AccountId, Ice};
use serde_json::{Map, Value};
use store::{SEALED, Store};

use crate::problem::{Code, FieldError, Problem};

/// Seals the secrets that the media settings of a document name in clear, those of `before` as they are; those of somebody
/// else are refused.
pub(crate) fn seal(
    document: &mut Map<String, Value>,
    owner: &AccountId,
    (store, before): (&Store, &Ice),
    pointer: &str,
    errors: &mut Vec<FieldError>,
) -> Result<(), Problem> {
    let servers = document.get_mut("media").and_then(|media| media.pointer_mut("/ice/servers"));
    let servers = servers.and_then(Value::as_array_mut).into_iter().flatten();
    for (index, secret) in
        servers.enumerate().filter_map(|(index, server)| Some((index, server.get_mut("secret")?)))
    {
        let Some(text) = secret.as_str() else { continue };
        if !text.starts_with(SEALED) {
            let mut kept = before.servers.iter().filter_map(|server| server.secret.as_ref());
            let same = |sealed: &&String| store.open_text(owner.as_str(), sealed).as_deref() == Some(text);
            *secret = Value::String(match kept.find(same) {
                Some(sealed) => sealed.clone(),
                None => store.seal_text(owner.as_str(), text)?,
            });
        } else if store.open_text(owner.as_str(), text).is_none() {
            let pointer = format!("{pointer}/media/ice/servers/{index}/secret");
            let message = "it was sealed for another account or installation";
            errors
                .push(FieldError::new(Code::InvalidValue, pointer, message).hint("Give the secret itself."));
        }
    }
    Ok(())
}

/// Whether browsers can use them.
pub(crate) fn check(ice: &Ice, pointer: &str, errors: &mut Vec<FieldError>) {
    for (index, server) in ice.servers.iter().enumerate() {
        let at = |name: &str| format!("{pointer}/servers/{index}/{name}");
        if server.urls.is_empty() {
            errors.push(FieldError::new(Code::FieldMissing, at("urls"), "at least one address"));
        }
        let mut turn = false;
        for (number, url) in server.urls.iter().enumerate() {
            let (scheme, rest) = url.split_once(':').unwrap_or_default();
            let host = rest.split('?').next().unwrap_or_default();
            let known = matches!(scheme, "stun" | "stuns" | "turn" | "turns");
            let plain =
                !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
            if !known || !plain {
                let message = format!("`{url}` is no address such as stun:stun.example.com:3478");
                errors.push(FieldError::new(Code::InvalidValue, at(&format!("urls/{number}")), message));
            }
            turn |= scheme.starts_with("turn");
        }
        // A browser refuses a TURN server without both (WebRTC 1.0 §4.2.3).
        let named = server.username.is_some() && server.credential.is_some();
        if turn && !named && server.secret.is_none() {
            let message = "a TURN server needs username and credential, or a secret";
            errors.push(FieldError::new(Code::FieldMissing, at("credential"), message));
        }
        if server.secret.is_some() && (!turn || server.username.is_some() || server.credential.is_some()) {
            let message = "a secret is for a TURN server, and instead of username and credential";
            errors.push(FieldError::new(Code::InvalidValue, at("secret"), message));
        }
    }
}
