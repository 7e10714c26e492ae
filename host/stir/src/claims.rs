//! What a PASSporT claims: header and payload as JSON (RFC 8225 §4 and §5, RFC 8588 §3 to §5, RFC 8946 §3).
//!
//! Written in the one order that RFC 8225 §9 allows, without white space; read in any order, unknown members left
//! aside.

use routing::attest::Attestation;
use serde::{Deserialize, Serialize};

/// What is said of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// What is vouched for.
    pub said: Said,
    /// The calling number, canonical.
    pub orig: String,
    /// The called number, canonical.
    pub dest: String,
    /// Seconds since the epoch at which this was said.
    pub iat: u64,
}

/// What a PASSporT vouches for, by its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// `shaken`: where the call comes from.
    Shaken {
        /// How far the number is vouched for.
        attest: Attestation,
        /// Identifies where the call came from, to the signer alone: a UUID.
        origid: String,
    },
    /// `div`: the call was for this number, canonical, before it was diverted to the one that it is for now.
    Diverted {
        /// The number that it was for.
        from: String,
    },
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

/// Both kinds of payload; members stand in the order of the alphabet.
#[derive(Serialize, Deserialize)]
struct Payload {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attest: Option<Attestation>,
    dest: Parties,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    div: Option<Party>,
    iat: u64,
    orig: Party,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origid: Option<String>,
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

impl Party {
    fn of(number: &str) -> Self {
        Self { tn: Some(number.to_owned()), uri: None }
    }

    fn number(&self) -> Option<String> {
        canonical(self.tn.as_deref()?)
    }
}

impl Claims {
    /// The payload in its canonical form (RFC 8225 §9).
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let (attest, origid, div) = match &self.said {
            Said::Shaken { attest, origid } => (Some(*attest), Some(origid.clone()), None),
            Said::Diverted { from } => (None, None, Some(Party::of(from))),
        };
        let dest = Parties { tn: vec![self.dest.clone()], uri: Vec::new() };
        let payload = Payload { attest, dest, div, iat: self.iat, orig: Party::of(&self.orig), origid };
        // Strings and numbers always can be written.
        serde_json::to_vec(&payload).unwrap_or_default()
    }

    /// The claims of a payload of this kind that is about numbers.
    pub(crate) fn from_json(kind: &str, bytes: &[u8]) -> Option<Self> {
        let payload: Payload = serde_json::from_slice(bytes).ok()?;
        let said = match kind {
            SHAKEN => Said::Shaken { attest: payload.attest?, origid: payload.origid? },
            DIVERTED => Said::Diverted { from: payload.div?.number()? },
            _ => return None,
        };
        let dest = canonical(payload.dest.tn.first()?)?;
        Some(Self { said, orig: payload.orig.number()?, dest, iat: payload.iat })
    }

    /// The value of `ppt`.
    pub(crate) fn kind(&self) -> &'static str {
        match self.said {
            Said::Shaken { .. } => SHAKEN,
            Said::Diverted { .. } => DIVERTED,
        }
    }

    /// The number that the signer has to have authority over (RFC 8224 §6.2 step 2, RFC 8946 §4.1).
    pub(crate) fn vouched_for(&self) -> &str {
        match &self.said {
            Said::Shaken { .. } => &self.orig,
            Said::Diverted { from } => from,
        }
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

const SHAKEN: &str = "shaken";
const DIVERTED: &str = "div";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_has_one_form() {
        let origid = "123e4567-e89b-12d3-a456-426655440000".to_owned();
        let shaken = Claims {
            said: Said::Shaken { attest: Attestation::A, origid },
            orig: "12155551212".to_owned(),
            dest: "12125551213".to_owned(),
            iat: 1_443_208_345,
        };
        let said = Said::Diverted { from: "12125551213".to_owned() };
        let diverted = Claims { said, dest: "12155551214".to_owned(), ..shaken.clone() };
        // The examples of RFC 8588 §7 and RFC 8946 §3, with the members that this is about.
        let table = [
            (
                "shaken",
                shaken,
                r#"{"attest":"A","dest":{"tn":["12125551213"]},"iat":1443208345,"orig":{"tn":"12155551212"},"origid":"123e4567-e89b-12d3-a456-426655440000"}"#,
            ),
            (
                "div",
                diverted,
                r#"{"dest":{"tn":["12155551214"]},"div":{"tn":"12125551213"},"iat":1443208345,"orig":{"tn":"12155551212"}}"#,
            ),
        ];
        for (kind, claims, text) in table {
            assert_eq!(claims.kind(), kind);
            assert_eq!(String::from_utf8(claims.to_json()).as_deref(), Ok(text));
            assert_eq!(Claims::from_json(kind, text.as_bytes()), Some(claims));
        }
        assert_eq!(Claims::from_json("div", br#"{"dest":{"tn":["1"]},"iat":1,"orig":{"tn":"2"}}"#), None);
        assert_eq!(Claims::from_json("rcd", br#"{"dest":{"tn":["1"]},"iat":1,"orig":{"tn":"2"}}"#), None);
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
