//! Names that differ by a slip of the fingers: users and hosts.

use std::net::IpAddr;

use super::Search;
use crate::config::{Connection, Domain};

impl Search<'_> {
    /// The user that wanted to prove who it is.
    pub(super) fn caller_user(&mut self) {
        let facts = self.attempt.facts;
        let user = self.attempt.digest_user.filter(|user| !user.is_empty()).unwrap_or(facts.from_user);
        if let Some(domain) = self.domain(facts.from_host).or_else(|| self.domain(facts.called_host)) {
            self.user(&domain, user);
        }
    }

    /// The user that was called.
    pub(super) fn called_user(&mut self) {
        let dialled = self.dialled();
        if let Some(domain) = self.domain(self.attempt.facts.called_host) {
            self.user(&domain, &dialled);
        }
    }

    fn user(&mut self, domain: &Domain, user: &str) {
        let tables = self.tables;
        // What an account reads of its refusals is no directory of the others.
        let account = self.connection.map(|own| &own.account);
        let tells = |connection: &Connection| account.is_none_or(|own| connection.account == *own);
        for other in tables.domains().filter(|other| other.id != domain.id).take(MOST_DOMAINS) {
            if let Some(connection) = tables.user(&other.id, user).filter(|c| tells(c)) {
                let resource = ("connection", connection.id.as_str());
                self.add(resource, "domain", domain.host.as_str(), other.host.as_str());
            }
        }
        similar(user, |spelling| {
            if let Some(connection) = tables.user(&domain.id, spelling).filter(|c| tells(c)) {
                self.add(("connection", connection.id.as_str()), "user", user, spelling);
            }
        });
    }

    /// A host of ours that is spelled alike, or our addresses where an address was called.
    pub(super) fn host(&mut self) {
        let host = self.attempt.facts.called_host.to_ascii_lowercase();
        if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            let own: Vec<_> = self.tables.own_addresses().iter().take(4).map(ToString::to_string).collect();
            if !own.is_empty() {
                self.add(("system", "addresses"), "public_ip", host, own.join(", "));
            }
            return;
        }
        for domain in self.tables.domains().take(MOST_DOMAINS) {
            for own in core::iter::once(&domain.host).chain(&domain.aliases) {
                if alike(own, &host) || one_label_apart(own, &host) {
                    self.add(("domain", domain.id.as_str()), "host", host.as_str(), own.as_str());
                }
            }
        }
    }
}

/// Whether two numbers have the same digits at their end, however they begin.
pub(super) fn same_digits(a: &str, b: &str) -> bool {
    let end =
        |text: &str| text.bytes().rev().filter(u8::is_ascii_digit).take(LAST_DIGITS).collect::<Vec<_>>();
    let (a, b) = (end(a), end(b));
    a.len() == LAST_DIGITS && a == b
}

/// Every spelling of a name that is one slip away: a letter too few, too many, wrong, swapped, or in capitals.
fn similar(name: &str, mut each: impl FnMut(&str)) {
    if name.is_empty() || name.len() > MOST_LETTERS || !name.is_ascii() {
        return;
    }
    let lower = name.trim().to_ascii_lowercase();
    if lower != name {
        each(&lower);
    }
    let bytes = lower.as_bytes();
    let mut spelled = |parts: [&[u8]; 3]| {
        let text = parts.concat();
        if let Ok(text) = core::str::from_utf8(&text)
            && text != name
        {
            each(text);
        }
    };
    for at in 0..=bytes.len() {
        let (before, after) = bytes.split_at(at);
        for letter in LETTERS {
            spelled([before, &[*letter], after]);
        }
        let Some((_, rest)) = after.split_first() else { continue };
        spelled([before, rest, b""]);
        for letter in LETTERS {
            spelled([before, &[*letter], rest]);
        }
        if let [first, second, rest @ ..] = after {
            spelled([before, &[*second, *first], rest]);
        }
    }
}

/// Whether two names differ in one short place.
fn alike(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let same = |(x, y): &(&u8, &u8)| x == y;
    let start = a.iter().zip(b).take_while(same).count();
    let (a, b) = (a.get(start..).unwrap_or_default(), b.get(start..).unwrap_or_default());
    let end = a.iter().rev().zip(b.iter().rev()).take_while(same).count();
    a.len() - end <= SLIP && b.len() - end <= SLIP
}

/// Whether two hosts of several labels differ in one of them only.
fn one_label_apart(a: &str, b: &str) -> bool {
    let labels = a.split('.').count();
    labels > 2
        && labels == b.split('.').count()
        && a.split('.').zip(b.split('.')).filter(|(x, y)| x != y).count() == 1
}

const LETTERS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz-_.";
const MOST_LETTERS: usize = 24;
const MOST_DOMAINS: usize = 50;
/// Letters of a host that may be wrong in one place.
const SLIP: usize = 2;
const LAST_DIGITS: usize = 7;
