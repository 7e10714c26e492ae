//! Calls for help: what counts as one (RFC 5031 for services), and every way it may go.
//!
//! Nothing refuses such a call: not limits, not who may call out or use a way, not its caller id.

use smallvec::SmallVec;

use crate::config::{Account, Kind};
use crate::decision::Destination;
use crate::number::rewrite;
use crate::tables::Tables;

/// The number to be dialled if this is a call for help: an emergency number of the account as it is, and the first of
/// them for a service URN, which names no number.
pub(crate) fn number_for_help<'a>(account: &'a Account, called: &str) -> Option<&'a str> {
    let numbers = &account.emergency.numbers;
    match is_service_for_help(called.as_bytes()) {
        true => numbers.first(),
        false => numbers.iter().find(|number| *number == called),
    }
    .map(String::as_str)
}

/// Whether a URI is the service of all help, or one below it (RFC 5031 §3, §4.2): fire, police, and what else.
pub fn is_service_for_help(uri: &[u8]) -> bool {
    match uri.split_at_checked(SOS.len()) {
        Some((service, below)) => {
            service.eq_ignore_ascii_case(SOS) && (below.is_empty() || below.starts_with(b"."))
        }
        None => false,
    }
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

const SOS: &[u8] = b"urn:service:sos";
