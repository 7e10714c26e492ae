//! How far we vouch for a calling number, by who owns it (RFC 8588 §4).

use serde::{Deserialize, Serialize};

use crate::config::{Connection, Kind};
use crate::tables::Tables;

/// How far the signer vouches for the calling number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Attestation {
    /// The customer is known, and the number is one the customer may use.
    A,
    /// The customer is known, the number is not.
    B,
    /// It came in from elsewhere.
    C,
}

impl Attestation {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

/// What we can say of a call from this connection that shows this number, in E.164.
pub fn attestation(tables: &Tables, caller: &Connection, number: &str) -> Attestation {
    let listed = caller.caller_ids.iter().any(|id| id == number);
    let routed = tables.numbers_of(&caller.id).iter().any(|own| **own == *number);
    match caller.kind {
        Kind::Trunk | Kind::RegisterOut => Attestation::C,
        Kind::Device | Kind::Virtual | Kind::RegisterIn if listed || routed => Attestation::A,
        Kind::Device | Kind::Virtual | Kind::RegisterIn => Attestation::B,
    }
}
