//! What a connection wants of signed caller ids (RFC 8224).

use serde::{Deserialize, Serialize};

/// Signing and verifying of caller ids on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stir {
    /// Whether calls that leave by it are signed with the key of the caller's account.
    pub sign: bool,
    /// What becomes of signatures on calls that come from it.
    pub verify: Verify,
    /// Whether it is told the verdict, as `verstat` in From.
    pub verstat: bool,
}

/// What becomes of signatures on calls that come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// They pass unread.
    #[default]
    Off,
    /// The verdict is written down and passed on.
    Note,
    /// Calls without a good one are refused.
    Require,
}
