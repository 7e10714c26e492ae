//! The caller id that a destination is shown: what the caller proposes, checked, in the form the destination wants.
//!
//! P-Asserted-Identity is proposed first, Remote-Party-ID is tolerated, then From (RFC 3325 §8, §9.1). What privacy hides
//! of it is not decided here.

use crate::config::{CallerIdFault, Connection, Kind};
use crate::number::{for_peer, to_e164};
use crate::reason::Reason;
use crate::tables::Tables;

/// What a caller proposes to be known as.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// User part of From, unescaped.
    pub from: &'a str,
    /// Those of P-Asserted-Identity and Remote-Party-ID, the first to be tried first.
    pub asserted: &'a [String],
}

impl<'a> Proposal<'a> {
    /// From and nothing else.
    pub const fn from(from: &'a str) -> Self {
        Self { from, asserted: &[] }
    }

    /// What is proposed first.
    pub fn first(&self) -> &'a str {
        self.asserted.first().map_or(self.from, String::as_str)
    }

    fn all(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.asserted.iter().map(String::as_str).chain(core::iter::once(self.from))
    }
}

/// The caller id for a way out, in E.164 where it is a number; `None` leaves what From says.
///
/// Identity of a trusted connection is taken as it is; anybody else's is looked for in `caller_ids`, or the numbers that
/// point at it.
pub(crate) fn checked(
    tables: &Tables,
    caller: &Connection,
    proposal: &Proposal<'_>,
) -> Result<Option<String>, Reason> {
    if let (true, Some(believed)) = (caller.trust_identity, proposal.asserted.first()) {
        return Ok(Some(plain(tables, caller, believed)));
    }
    let own = tables.numbers_of(&caller.id);
    for proposed in proposal.all() {
        let number = plain(tables, caller, proposed);
        let allowed = if caller.caller_ids.is_empty() {
            own.iter().any(|own| **own == *number)
        } else {
            caller.caller_ids.iter().any(|id| *id == number || id == proposed)
        };
        if allowed {
            return Ok(Some(number));
        }
    }
    match caller.on_bad_caller_id {
        CallerIdFault::Replace => {
            let first = caller.caller_ids.first().cloned().or_else(|| own.first().map(ToString::to_string));
            Ok(caller.default_caller_id.clone().or(first))
        }
        CallerIdFault::Refuse => Err(Reason::CallerIdNotAllowed),
    }
}

/// The caller id for somebody of ours, as it wants numbers; `None` leaves what From says. Users of ours are shown as the
/// users they are, so that they can be called back.
pub(crate) fn shown(
    tables: &Tables,
    caller: &Connection,
    proposal: &Proposal<'_>,
    callee: &Connection,
) -> Option<String> {
    if matches!(caller.kind, Kind::Device | Kind::Virtual) {
        return None;
    }
    let believed = proposal.asserted.first().filter(|_| caller.trust_identity);
    let proposed = believed.map_or(proposal.from, String::as_str);
    let number = plain(tables, caller, proposed);
    (believed.is_some() || number != proposed || number.starts_with('+'))
        .then(|| for_peer(&number, &callee.number_format.to))
}

fn plain(tables: &Tables, caller: &Connection, proposed: &str) -> String {
    let country = tables.account(&caller.account).and_then(|account| account.country.as_deref());
    to_e164(proposed, &caller.number_format.from, country).unwrap_or_else(|| proposed.to_owned())
}
