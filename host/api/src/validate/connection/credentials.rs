//! Credentials of a PBX that registers here: two, made by us, shown once, changed with an overlap.
//!
//! Either one is enough to register. A rotated password stays good for a while, so that a PBX does not fall off
//! before somebody has entered the new one. Only HA1s are kept (RFC 7616 §3.4.2).

use routing::config::{Connection, Credential, Domain};
use serde_json::{Value, json};
use store::{now, random_text, rfc3339};
use timestamp::Timestamp;

use super::secret::credential;
use crate::validate::Desk;
use crate::validate::name::slug;

/// What is rotated, and how long the old remains good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation<'a> {
    /// Which of the two; `None` is both.
    pub(crate) label: Option<&'a str>,
    /// Until when the passwords of now are good.
    pub(crate) until: Timestamp,
    /// The time of the rotation.
    pub(crate) now: Timestamp,
}

/// Gives `row` the credentials it had, or makes them for it; what was made, with passwords.
pub(super) fn settle(
    desk: &Desk<'_>,
    row: &mut Connection,
    domain: &Domain,
    existing: Option<&Connection>,
) -> Vec<Value> {
    let kept = existing.map_or(&[][..], |c| &c.credentials);
    if !kept.is_empty() && kept.iter().all(|c| c.realm == domain.realm) {
        row.credentials = kept.to_vec();
        return Vec::new();
    }
    let mut made = Vec::new();
    for label in LABELS {
        let user = free_user(desk, row, domain);
        made.push(put(row, label, &user, &domain.realm));
    }
    made
}

/// Gives `row` new passwords for its users; what was made.
pub(crate) fn rotate(row: &mut Connection, rotation: &Rotation<'_>) -> Vec<Value> {
    let is_meant = |label: &str| rotation.label.is_none_or(|wanted| wanted == label);
    let (current, mut previous): (Vec<_>, Vec<_>) =
        std::mem::take(&mut row.credentials).into_iter().partition(|c| c.until.is_none());
    previous.retain(|c| c.is_good(rotation.now) && !is_meant(&c.label));
    let mut made = Vec::new();
    for old in current {
        if is_meant(&old.label) {
            made.push(put(row, &old.label, &old.user, &old.realm));
            previous.push(Credential { until: Some(rotation.until), ..old });
        } else {
            row.credentials.push(old);
        }
    }
    previous.retain(|c| c.is_good(rotation.now));
    row.credentials.append(&mut previous);
    made
}

/// Credentials as everybody may see them.
pub(super) fn shown(row: &Connection) -> Value {
    let current = row.credentials.iter().filter(|c| c.until.is_none());
    current
        .map(|c| {
            let mut shown = json!({"label": c.label, "user": c.user});
            let mut previous = row.credentials.iter().filter(|p| p.until.is_some() && p.is_good(now()));
            let previous = previous.find(|p| p.label == c.label);
            if let Some(until) = previous.and_then(|p| p.until) {
                shown["previous_until"] = json!(rfc3339(until));
            }
            shown
        })
        .collect()
}

fn put(row: &mut Connection, label: &str, user: &str, realm: &str) -> Value {
    let password = random_text(PASSWORD);
    row.credentials.push(Credential { label: label.to_owned(), ..credential(user, realm, &password) });
    json!({"label": label, "user": user, "password": password})
}

fn free_user(desk: &Desk<'_>, row: &Connection, domain: &Domain) -> String {
    let mut stem = slug(&row.name);
    stem.truncate(40);
    loop {
        let user = format!("{}-{}", stem.trim_end_matches('-'), random_text(4));
        let pending = desk.pending.users.contains(&(domain.id.clone(), user.clone()));
        let own = row.credentials.iter().any(|c| c.user == user);
        if !own && !pending && desk.rows.user(&domain.id, &user).is_none() {
            return user;
        }
    }
}

/// The two of every PBX.
pub(crate) const LABELS: [&str; 2] = ["primary", "secondary"];
/// 24 symbols of five bits.
const PASSWORD: usize = 24;
