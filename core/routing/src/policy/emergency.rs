//! Calls for help: what counts as one, and every way it may go.
//!
//! Nothing refuses such a call: not limits, not who may call out or use a way, not its caller id.

use smallvec::SmallVec;

use crate::config::{Account, Kind};
use crate::decision::Destination;
use crate::number::rewrite;
use crate::tables::Tables;

/// Whether this is an emergency number of the account.
pub fn is_emergency(account: &Account, dialled: &str) -> bool {
    account.emergency.numbers.iter().any(|number| number == dialled)
}

/// The account's connection for such calls, then every way out that would take the number, dialled as it is.
pub(crate) fn ways_for_help(tables: &Tables, account: &Account, dialled: &str) -> SmallVec<[Destination; 2]> {
    let named = account.emergency.connection.as_ref().and_then(|id| tables.connection(id));
    let others = tables.ways_out(&account.id).filter(|way| way.pattern.matches(dialled));
    let mut ways: SmallVec<[Destination; 2]> = SmallVec::new();
    for connection in named.into_iter().chain(others.map(|way| &way.connection)) {
        let known = ways.iter().any(|way| way.connection.id == connection.id);
        if connection.enabled && connection.kind != Kind::Virtual && !known {
            ways.push(Destination {
                connection: connection.clone(),
                number: rewrite(dialled, &connection.rewrite_to),
                outbound: true,
                caller_id: account.emergency.caller_id.clone(),
                stands_in_for: None,
            });
        }
    }
    ways
}
