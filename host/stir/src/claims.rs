//! What a PASSporT claims: header and payload as JSON (RFC 8225 §4 and §5, RFC 8588 §3 to §5).
//!
//! Written in the one order that RFC 8225 §9 allows, without white space; read in any order, unknown members left
//! aside.

use routing::attest::Attestation;
use serde::{Deserialize, Serialize};

/// What is said of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// How far the number is vouched for.
    pub attest: Attestation,
    /// The calling number, canonical.
    pub orig: String,
    /// The called number, canonical.
    pub dest: String,
    /// Seconds since the epoch at which this was said.
    pub iat: u64,
    /// Identifies where the call came from, to the signer alone: a UUID.
    pub origid: String,
}

/// The protected header.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header<'a> {
    pub(crate) alg: &'a str,
    #[serde(default)]
    pub(crate) ppt: &'a str,
    #[serde(default)]
    pub(crate) typ: &'a str,
    pub(crate) x5u: &'a str,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    attest: Attestation,
    dest: Parties,
    iat: u64,
    orig: Party,
    origid: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Parties {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tn: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    uri: Vec<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct Party {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
}

impl Claims {
    /// The payload in its canonical form (RFC 8225 §9).
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let payload = Payload {
            attest: self.attest,
            dest: Parties { tn: vec![self.dest.clone()], uri: Vec::new() },
            iat: self.iat,
            orig: Party { tn: Some(self.orig.clone()), uri: None },
            origid: self.origid.clone(),
        };
        // Strings and numbers always can be written.
        serde_json::to_vec(&payload).unwrap_or_default()
    }

    /// The claims of a payload that is about two numbers.
    pub(crate) fn from_json(bytes: &[u8]) -> Option<Self> {
        let payload: Payload = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            attest: payload.attest,
            orig: canonical(&payload.orig.tn?)?,
            dest: canonical(payload.dest.tn.first()?)?,
            iat: payload.iat,
            origid: payload.origid,
        })
    }
}

/// A number as RFC 8224 §8.3 compares it: digits, `*` and `#` alone. `None` for what is no number.
pub fn canonical(number: &str) -> Option<String> {
    let mut digits = String::with_capacity(number.len());
    for symbol in number.strip_prefix('+').unwrap_or(number).chars() {
        match symbol {
            '0'..='9' | '*' | '#' => digits.push(symbol),
            '-' | '.' | '(' | ')' | ' ' => {}
            _ => return None,
        }
    }
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_has_one_form() {
        let claims = Claims {
            attest: Attestation::A,
            orig: "12155551212".to_owned(),
            dest: "12125551213".to_owned(),
            iat: 1_443_208_345,
            origid: "123e4567-e89b-12d3-a456-426655440000".to_owned(),
        };
        // The example of RFC 8588 §7, with the members that this is about.
        let text = r#"{"attest":"A","dest":{"tn":["12125551213"]},"iat":1443208345,"orig":{"tn":"12155551212"},"origid":"123e4567-e89b-12d3-a456-426655440000"}"#;
        assert_eq!(String::from_utf8(claims.to_json()).as_deref(), Ok(text));
        assert_eq!(Claims::from_json(text.as_bytes()), Some(claims));
    }

    #[test]
    fn numbers_are_compared_by_their_digits() {
        let table = [
            ("+1-215-555-1212", Some("12155551212")),
            ("(030) 12.34", Some("0301234")),
            ("*67", Some("*67")),
            ("alice", None),
            ("+", None),
            ("", None),
        ];
        for (number, expected) in table {
            assert_eq!(canonical(number).as_deref(), expected, "{number}");
        }
    }
}
