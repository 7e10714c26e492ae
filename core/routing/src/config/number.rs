//! A number from the telephone network and where its calls go.

use serde::{Deserialize, Serialize};

use super::{AccountId, ConnectionId, NumberId, Target};

/// One E.164 number that we answer for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberRow {
    /// Identifier, `num_…`.
    pub id: NumberId,
    /// `+` and up to 15 digits.
    pub e164: String,
    /// Other ways it is dialled, exactly as they are heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forms: Vec<String>,
    /// Owner.
    pub account: AccountId,
    /// The connection it comes in by; any if absent.
    #[serde(default)]
    pub via: Option<ConnectionId>,
    /// Who rings.
    pub target: Target,
}
