//! Servers that phones in browsers are told of (RFC 7064, RFC 7065).

use routing::config::Ice;

use crate::problem::{Code, FieldError};

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
        if turn && (server.username.is_none() || server.credential.is_none()) {
            let message = "a TURN server needs username and credential";
            errors.push(FieldError::new(Code::FieldMissing, at("credential"), message));
        }
    }
}
