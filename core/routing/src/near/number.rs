//! The number that was meant: what was heard, read as every country writes it, and looked up.

use std::sync::Arc;

use super::Search;
use crate::config::{AccountId, NumberRow};
use crate::number::{bare, plans};
use crate::tables::Tables;

impl Search<'_> {
    pub(super) fn number(&mut self) {
        let Some(caller) = self.connection else { return };
        let dialled = self.dialled();
        if let Some(row) = known_number(self.tables, &caller.account, &dialled) {
            self.add(("number", row.id.as_str()), "forms", dialled, row.e164.as_str());
        }
    }
}

/// A number of the account that is the one dialled, written in another way.
pub(crate) fn known_number(tables: &Tables, account: &AccountId, dialled: &str) -> Option<Arc<NumberRow>> {
    let bare = bare(dialled)?;
    let digits = bare.trim_start_matches('+');
    if !(MOST_SHORT..=MOST_LONG).contains(&digits.len()) {
        return None;
    }
    let known = |international: &str| {
        let rows = tables.numbers(international);
        rows.iter().find(|row| row.account == *account && *row.e164 == *international).cloned()
    };
    let mut text = String::with_capacity(MOST_LONG + 4);
    let mut try_form = |calling_code: &str, rest: &str| {
        text.clear();
        text.push('+');
        text.push_str(calling_code);
        text.push_str(rest);
        known(&text)
    };
    if let Some(row) = try_form("", digits) {
        return Some(row);
    }
    for prefix in ["00", "011", "0011", "010", "810"] {
        if let Some(row) = digits.strip_prefix(prefix).and_then(|rest| try_form("", rest)) {
            return Some(row);
        }
    }
    for plan in plans() {
        // 030…, 30…, and 49 (0) 30… with the zero that only belongs inside the country.
        let national = digits.strip_prefix(plan.trunk_prefix).unwrap_or(digits);
        let doubled = digits.strip_prefix(plan.calling_code).and_then(|d| d.strip_prefix(plan.trunk_prefix));
        for rest in [Some(national), Some(digits), doubled].into_iter().flatten() {
            if let Some(row) = try_form(plan.calling_code, rest) {
                return Some(row);
            }
        }
    }
    None
}

/// Shorter ones are extensions.
const MOST_SHORT: usize = 5;
/// An international prefix before the longest number of E.164.
const MOST_LONG: usize = 20;
