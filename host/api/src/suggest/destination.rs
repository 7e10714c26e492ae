//! What lets calls go to a country or a number that limits do not allow.

use routing::config::Limits;
use routing::near::{APPROVED, PREFIXES};
use routing::policy::Country;
use serde_json::{Map, Value, json};
use store::NearMissRow;

use super::{Mend, Of};
use crate::Rows;

/// The change of whoever's limits they are.
pub(super) fn mend(rows: &Rows, miss: &NearMissRow) -> Mend {
    let (of, id, name, limits, home) = match miss.resource.split_once(' ') {
        Some(("connection", id)) => match rows.connections.get(id) {
            Some(row) => {
                let home =
                    rows.accounts.get(row.account.as_str()).and_then(|account| account.country.clone());
                (Of::Connection, id, row.name.as_str(), &row.limits, home)
            }
            None => return Mend::Gone,
        },
        Some(("account", id)) => match rows.accounts.get(id) {
            Some(row) => (Of::Account, id, row.name.as_str(), &row.limits, None),
            None => return Mend::Gone,
        },
        _ => (Of::Limits, "", "everybody", &*rows.limits.row, None),
    };
    let inherited = (of == Of::Connection).then(|| inherited(rows, id)).flatten();
    let change = match miss.field.as_str() {
        PREFIXES => prefix(limits, inherited, &miss.have, home.as_deref()),
        field => match code(&miss.have) {
            Some(code) if field == APPROVED => approve(limits, code),
            Some(code) => country(limits, inherited, code, home.as_deref()),
            None => return Mend::Gone,
        },
    };
    let Some((wanted, undone)) = change else { return Mend::Done };
    let whole = |part: Value| match of {
        Of::Limits => members(part),
        Of::Account | Of::Connection | Of::Number => members(json!({"limits": part})),
    };
    Mend::Change {
        of,
        id: id.to_owned(),
        patch: whole(wanted),
        undo: whole(undone),
        label: format!("Let {name} call {}", miss.have),
    }
}

/// The defaults of the connection's account.
fn inherited<'r>(rows: &'r Rows, connection: &str) -> Option<&'r Limits> {
    let account = &rows.connections.get(connection)?.account;
    rows.accounts.get(account.as_str()).map(|account| &account.defaults.limits)
}

/// A change and the one that takes it back; none if there is nothing to change.
type Change = Option<(Value, Value)>;

fn country(limits: &Limits, inherited: Option<&Limits>, code: &str, home: Option<&str>) -> Change {
    let own = &limits.countries;
    let listed = own.allow.clone().or_else(|| inherited.and_then(|limits| limits.countries.allow.clone()));
    let mut allow = listed.unwrap_or_else(|| home.into_iter().map(str::to_owned).collect());
    let mut deny = own.deny.clone();
    deny.retain(|denied| denied != code);
    if !allow.iter().any(|allowed| allowed == code) {
        allow.push(code.to_owned());
    } else if deny.len() == own.deny.len() {
        return None;
    }
    let before = json!({"countries": {"allow": own.allow, "deny": own.deny}});
    Some((json!({"countries": {"allow": allow, "deny": deny}}), before))
}

fn approve(limits: &Limits, code: &str) -> Change {
    let before = &limits.countries.approved;
    if before.iter().any(|approved| approved == code) {
        return None;
    }
    let after: Vec<&str> = before.iter().map(String::as_str).chain([code]).collect();
    Some((json!({"countries": {"approved": after}}), json!({"countries": {"approved": before}})))
}

/// A number is its own longest prefix. Where no prefix was allowed so far, the countries that were stay allowed.
fn prefix(limits: &Limits, inherited: Option<&Limits>, number: &str, home: Option<&str>) -> Change {
    let own = &limits.prefixes;
    let listed = own.allow.clone().or_else(|| inherited.and_then(|limits| limits.prefixes.allow.clone()));
    let countries = limits.countries.allow.as_ref();
    let countries = countries.or_else(|| inherited.and_then(|limits| limits.countries.allow.as_ref()));
    let first = listed.is_none() && countries.is_none();
    let mut allow = listed.unwrap_or_default();
    let mut deny = own.deny.clone();
    deny.retain(|denied| denied != number);
    if !number.starts_with('+') {
        return None;
    }
    if !allow.iter().any(|allowed| allowed == number) {
        allow.push(number.to_owned());
    } else if deny.len() == own.deny.len() {
        return None;
    }
    let mut before = json!({"prefixes": {"allow": own.allow, "deny": own.deny}});
    let mut after = json!({"prefixes": {"allow": allow, "deny": deny}});
    if first {
        after["countries"] = json!({"allow": [home.unwrap_or("*")]});
        before["countries"] = json!({"allow": null});
    }
    Some((after, before))
}

/// The code in `Latvia (LV)`.
fn code(text: &str) -> Option<&str> {
    let code = text.strip_suffix(')')?.rsplit_once('(')?.1;
    Country::by_code(code).map(|_| code)
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
