//! An account from its document.

use std::sync::Arc;

use routing::config::{Account, AccountId};
use serde_json::{Map, Value, json};
use store::new_id;

use super::connection::fields::{MEDIA, NUMBER_FORMAT, TIMERS};
use super::connection::inherit;
use super::limits::{LIMITS, is_country};
use super::{Desk, Drafted, name, needed, normalise_sources, sources, typed, verdict};
use crate::problem::{Code, FieldError, Problem};
use crate::shape::{self, Field, Shape};

/// Every field of an account.
pub(crate) const FIELDS: &[Field] = &[
    Field::read_only("id", ID, "identifier, acc_…"),
    Field::open("name", Shape::Text(1, 63), "unique name, a DNS label"),
    Field::open("country", Shape::Text(2, 2), "ISO 3166 code; decides national number formats"),
    Field::open("timezone", Shape::Text(1, 64), "IANA time zone"),
    Field::open("language", Shape::Text(2, 35), "BCP 47 language"),
    Field::open(
        "allowed_sources",
        Shape::List(&Shape::Network, 1_000),
        "networks whose calls to the account's users and numbers need no registration",
    ),
    Field::open(
        "defaults",
        Shape::Object(DEFAULTS),
        "what its connections have where they leave a field out; a change reaches all of them",
    ),
    Field::open("limits", Shape::Object(LIMITS), "limits over all its connections"),
    Field::open("quota", Shape::Object(QUOTA), "how much it may configure"),
    Field::open("transcoding", Shape::Boolean, "whether its media may be transcoded [true]"),
    Field::open("emergency", Shape::Object(EMERGENCY), "emergency numbers and the way out for them"),
    Field::open("retention", Shape::Object(RETENTION), "how long records are kept"),
    Field::read_only("status", Shape::Free, "how much of its limits is used"),
    Field::read_only(
        "warnings",
        Shape::List(&Shape::Text(0, 1_000), 100),
        "what is allowed but deserves a look",
    ),
];

const ID: Shape = Shape::Text(1, 253);

const DEFAULTS: &[Field] = &[
    Field::open("limits", Shape::Object(LIMITS), "limits of each"),
    Field::open("number_format", Shape::Object(NUMBER_FORMAT), "forms of numbers in each direction"),
    Field::open("media", Shape::Object(MEDIA), "media settings"),
    Field::open("timers", Shape::Object(TIMERS), "signalling timers"),
];

const QUOTA: &[Field] = &[
    Field::open("connections", Shape::Integer(0, 100_000_000), "connections at most"),
    Field::open("numbers", Shape::Integer(0, 100_000_000), "numbers at most"),
];

const EMERGENCY: &[Field] = &[
    Field::open(
        "numbers",
        Shape::List(&Shape::Text(2, 8), 50),
        "emergency numbers [112, 911 and the country's]; the first is dialled for urn:service:sos",
    ),
    Field::open("connection", ID, "the connection such calls leave by"),
    Field::open("caller_id", Shape::Text(1, 128), "the caller id they carry"),
];

const RETENTION: &[Field] = &[
    Field::open("history_days", Shape::Integer(1, 36_500), "call history [365]"),
    Field::open("refused_days", Shape::Integer(1, 36_500), "refusals [30]"),
    Field::open("recording_days", Shape::Integer(1, 36_500), "recordings [90]"),
    Field::open("trace_hours", Shape::Integer(1, 8_760), "message traces [24]"),
];

/// An account as the document says, checked against everything in force.
pub(crate) fn draft(
    desk: &mut Desk<'_>,
    mut document: Map<String, Value>,
    existing: Option<&Account>,
) -> Result<Drafted<Account>, Problem> {
    let mut errors = Vec::new();
    shape::check(&document, FIELDS, u8::MAX, "", &mut errors);
    needed(&document, &["name"], &mut errors);
    verdict(errors)?;
    normalise_sources(&mut document);
    let id = existing.map_or_else(|| AccountId::from(new_id("acc").as_str()), |a| a.id.clone());
    document.insert("id".to_owned(), json!(id));
    let mut errors = Vec::new();
    if let Some(Value::Object(defaults)) = document.get_mut("defaults") {
        let before = existing.and_then(|row| row.defaults.others.get("media.ice"));
        let before = before.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        super::ice::seal(defaults, &id, (desk.store, &before), "/defaults", &mut errors)?;
    }
    inheritable(&mut document, &mut errors);
    verdict(errors)?;
    let mut row: Account = typed(document)?;
    let mut errors = Vec::new();
    names(desk, &mut row, &mut errors);
    emergency(desk, &mut row, existing, &mut errors);
    super::limits::check(&mut row.limits, "/limits", &mut errors);
    super::limits::check(&mut row.defaults.limits, "/defaults/limits", &mut errors);
    zone(&mut row, &mut errors);
    if sources::too_wide(&row.allowed_sources) {
        let message =
            "together larger than a /8 of IPv4 or a /16 of IPv6, and the address alone is the proof";
        errors.push(
            FieldError::new(Code::SourceAllowAll, "/allowed_sources", message)
                .hint("List the networks you mean."),
        );
    }
    let raised = existing.is_some_and(|a| a.quota != row.quota || a.limits != row.limits);
    if raised && !desk.caller.is_instance_admin() {
        let field = if existing.is_some_and(|a| a.quota != row.quota) { "/quota" } else { "/limits" };
        let message = "only a key of scope admin that belongs to no account may change this";
        errors.push(FieldError::new(Code::ScopeMissing, field, message));
    }
    verdict(errors)?;
    let mut warnings = Vec::new();
    if row.country.is_none() {
        warnings.push(
            "without a country, national numbers are not understood, and every country may be called"
                .to_owned(),
        );
    }
    desk.pending.account_names.insert(row.name.clone());
    Ok(Drafted::new(row, warnings))
}

/// What connections are to inherit, as the row keeps it.
fn inheritable(document: &mut Map<String, Value>, errors: &mut Vec<FieldError>) {
    let Some(Value::Object(defaults)) = document.remove("defaults") else { return };
    let codecs = defaults.get("media").and_then(|media| media.get("codecs"));
    if codecs == Some(&json!([])) {
        errors.push(FieldError::new(Code::InvalidValue, "/defaults/media/codecs", "at least one codec"));
    }
    let ice = defaults.get("media").and_then(|media| media.get("ice")).cloned();
    if let Some(Ok(ice)) = ice.map(serde_json::from_value) {
        super::ice::check(&ice, "/defaults/media/ice", errors);
    }
    let limits = defaults.get("limits").cloned().unwrap_or_else(|| json!({}));
    document.insert("defaults".to_owned(), json!({"limits": limits, "others": inherit::texts(&defaults)}));
}

fn names(desk: &Desk<'_>, row: &mut Account, errors: &mut Vec<FieldError>) {
    if !name::is_label(&row.name) {
        let message = format!("{} is no DNS label: lower-case letters, digits and hyphens", row.name);
        errors.push(FieldError::new(Code::InvalidValue, "/name", message).hint(name::slug(&row.name)));
    }
    let held = desk.rows.account(&row.name).is_some_and(|a| a.id != row.id);
    if held || desk.pending.account_names.contains(&row.name) {
        errors.push(FieldError::new(
            Code::AccountNameTaken,
            "/name",
            format!("the name {} is taken", row.name),
        ));
    }
    if let Some(country) = &mut row.country {
        country.make_ascii_uppercase();
        if !is_country(country) {
            errors.push(FieldError::new(Code::InvalidValue, "/country", "a country code of two letters"));
        }
    }
}

/// What the name of the time zone means.
fn zone(row: &mut Account, errors: &mut Vec<FieldError>) {
    let Some(name) = &row.timezone else { return };
    match store::zone_of(name) {
        Some(zone) => row.zone = Arc::new(zone),
        None => {
            let message = format!("there is no time zone {name}");
            errors.push(
                FieldError::new(Code::InvalidValue, "/timezone", message).hint("Europe/Berlin, or UTC"),
            );
        }
    }
}

fn emergency(desk: &Desk<'_>, row: &mut Account, existing: Option<&Account>, errors: &mut Vec<FieldError>) {
    // The list follows the country until somebody writes one of their own.
    let before =
        existing.map_or_else(|| emergency_numbers(None), |a| emergency_numbers(a.country.as_deref()));
    if row.emergency.numbers == before {
        row.emergency.numbers = emergency_numbers(row.country.as_deref());
    }
    for (index, number) in row.emergency.numbers.iter().enumerate() {
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            let pointer = format!("/emergency/numbers/{index}");
            errors.push(FieldError::new(Code::InvalidNumber, pointer, "digits only"));
        }
    }
    if let Some(id) = &row.emergency.connection {
        desk.connection(id.as_str(), &row.id, "/emergency/connection", errors);
    }
}

/// 112, 911 and what else is dialled for help in a country: the number for any help first.
pub(crate) fn emergency_numbers(country: Option<&str>) -> Vec<String> {
    let country = country.map(str::to_ascii_uppercase);
    let any_help = match country.as_deref() {
        Some("AU") => "000",
        Some("BR") => "190",
        Some("CA" | "MX" | "PH" | "PR" | "US") => "911",
        Some("CN" | "JP") => "110",
        Some("HK" | "SG" | "MY" | "KE") => "999",
        Some("NZ") => "111",
        _ => "112",
    };
    let own: &[&str] = match country.as_deref() {
        Some("AT") => &["122", "133", "144"],
        Some("AU") => &["000"],
        Some("BR") => &["190", "192", "193"],
        Some("CH" | "LI") => &["117", "118", "144"],
        Some("CN") => &["110", "119", "120"],
        Some("DE") => &["110"],
        Some("FR") => &["15", "17", "18"],
        Some("GB" | "IE" | "HK" | "SG" | "MY" | "KE") => &["999"],
        Some("IL") => &["100", "101", "102"],
        Some("IN") => &["100", "101", "102"],
        Some("IT") => &["113", "115", "118"],
        Some("JP") => &["110", "119"],
        Some("KR") => &["119"],
        Some("NO") => &["110", "113"],
        Some("NZ") => &["111"],
        Some("PL") => &["997", "998", "999"],
        Some("ZA") => &["10111", "10177"],
        _ => &[],
    };
    let others = ["112", "911"].iter().chain(own).copied().filter(|number| *number != any_help);
    core::iter::once(any_help).chain(others).map(str::to_owned).collect()
}

/// The account as it is shown and patched.
pub(crate) fn document(row: &Account) -> Map<String, Value> {
    match serde_json::to_value(row) {
        Ok(Value::Object(mut map)) => {
            let mut defaults = inherit::nested(&row.defaults.others);
            defaults.insert("limits".to_owned(), json!(row.defaults.limits));
            map.insert("defaults".to_owned(), Value::Object(defaults));
            map
        }
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_for_any_help_comes_first() {
        for (country, numbers) in [
            (None, "112 911"),
            (Some("de"), "112 911 110"),
            (Some("GB"), "112 911 999"),
            (Some("US"), "911 112"),
            (Some("AU"), "000 112 911"),
            (Some("JP"), "110 112 911 119"),
        ] {
            assert_eq!(emergency_numbers(country).join(" "), numbers, "{country:?}");
        }
    }
}
