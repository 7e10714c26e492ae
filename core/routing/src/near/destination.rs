//! The country or prefix that limits do not allow, and what they do.

use super::{NearMiss, Search};
use crate::config::NumberFormat;
use crate::number::to_e164;
use crate::policy::{Country, NotAllowed, Whose, destination};
use crate::reason::Reason;

/// The field of a country that is not allowed.
pub const COUNTRIES: &str = "limits.countries";
/// The field of a prefix that is not allowed.
pub const PREFIXES: &str = "limits.prefixes";
/// The field of a country whose first call waits for approval.
pub const APPROVED: &str = "limits.countries.approved";

impl Search<'_> {
    pub(super) fn destination(&mut self) {
        let Some(caller) = self.connection else { return };
        let dialled = self.dialled();
        let home = self.tables.account(&caller.account).and_then(|account| account.country.as_deref());
        let number = to_e164(&dialled, &caller.number_format.from, home)
            .or_else(|| to_e164(&dialled, &NumberFormat::Auto, home))
            .unwrap_or(dialled);
        let Err(refused) = destination(self.tables, caller, &number) else { return };
        let NotAllowed { reason, whose, country, denied_by, allowed } = *refused;
        let resource = match whose {
            Whose::Connection => format!("connection {}", caller.id),
            Whose::Account => format!("account {}", caller.account),
            Whose::Installation => "system".to_owned(),
        };
        let prefix = reason == Reason::Prefix;
        let have = match country.filter(|_| !prefix) {
            Some(country) => country.to_string(),
            None => number,
        };
        let want = match denied_by {
            Some(entry) => format!("none that begins with {}", named(&entry)),
            None if allowed.is_empty() => "nothing is allowed".to_owned(),
            None => allowed.iter().take(MOST_NAMED).map(|entry| named(entry)).collect::<Vec<_>>().join(", "),
        };
        let field = if prefix { PREFIXES } else { COUNTRIES };
        self.found.push(NearMiss { resource: resource.into(), field, have: have.into(), want: want.into() });
    }
}

/// A country by its name, a prefix as it is.
fn named(entry: &str) -> String {
    Country::by_code(entry).map_or_else(|| entry.to_owned(), |country| country.to_string())
}

/// Allowed entries that are named.
const MOST_NAMED: usize = 8;
