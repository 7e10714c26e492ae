//! What a refused request came near to: the number known in another form, the network it is just outside of, the
//! user that differs by a letter.
//!
//! Looked for after a refusal only, by whoever limits how often. The work is bounded by constants and does not grow
//! with the configuration: likely spellings are made and looked up, lists are read to a limit. Nothing here goes
//! to the sender of the request.

mod destination;
mod number;
mod source;
mod spelling;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Serialize;

pub use destination::{APPROVED, COUNTRIES, PREFIXES};
pub use source::Neighbours;

use crate::config::{Connection, Domain, Target};
use crate::identify::Facts;
use crate::number::{rewrite, to_e164};
use crate::reason::Reason;
use crate::tables::{Host, Tables};

pub(crate) use number::known_number;

/// The field of a connection whose callers have to be signed, where a signature is not good.
pub const VERIFY: &str = "stir.verify";

/// Something that almost matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    /// Resource and id, `connection con_…`.
    pub resource: Box<str>,
    /// The field.
    pub field: &'static str,
    /// What the request had.
    pub have: Box<str>,
    /// What the configuration wants.
    pub want: Box<str>,
}

/// A request that was refused.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What it says; of a REGISTER, To stands in the place of From.
    pub facts: Facts<'a>,
    /// User name of the digest it carried.
    pub digest_user: Option<&'a str>,
    /// The caller id that it proposes first.
    pub presented: &'a str,
}

/// What would have been right, best first. `connection` is the one that was identified.
pub fn near_misses(
    tables: &Tables,
    attempt: &Attempt<'_>,
    reason: Reason,
    connection: Option<&Connection>,
) -> Vec<NearMiss> {
    let mut search = Search { tables, attempt, connection, found: Vec::new() };
    search.look(reason);
    search.found.truncate(MOST);
    search.found
}

/// A search as it goes.
struct Search<'a> {
    tables: &'a Tables,
    attempt: &'a Attempt<'a>,
    connection: Option<&'a Connection>,
    found: Vec<NearMiss>,
}

impl Search<'_> {
    /// Where each reason looks.
    fn look(&mut self, reason: Reason) {
        let looks: [(Reason, fn(&mut Self)); 15] = [
            (Reason::CalleeDisabled, Self::callee_disabled),
            (Reason::CallerIdNotAllowed, Self::caller_id),
            (Reason::Country, Self::destination),
            (Reason::Disabled, Self::disabled),
            (Reason::DomainNotOurs, Self::host),
            (Reason::MayNotCallOut, Self::may_not_call_out),
            (Reason::NoRoute, Self::ways),
            (Reason::NumberForm, Self::number),
            (Reason::NumberNotKnown, Self::number),
            (Reason::Prefix, Self::destination),
            (Reason::SourceNotAllowed, Self::network),
            (Reason::TransportNotAllowed, Self::transport),
            (Reason::UnknownUser, Self::caller_user),
            (Reason::UserNotKnown, Self::called_user),
            (Reason::WrongPassword, Self::password),
        ];
        if let Some((_, look)) = looks.iter().find(|(refused, _)| *refused == reason) {
            look(self);
        }
    }

    fn add(
        &mut self,
        resource: (&str, &str),
        field: &'static str,
        have: impl Into<Box<str>>,
        want: impl Into<Box<str>>,
    ) {
        let resource = format!("{} {}", resource.0, resource.1).into();
        let miss = NearMiss { resource, field, have: have.into(), want: want.into() };
        if self.found.len() < MOST && !self.found.contains(&miss) {
            self.found.push(miss);
        }
    }

    /// What was dialled, after the caller's rewriting.
    fn dialled(&self) -> String {
        let called = self.attempt.facts.called_user;
        self.connection.map_or_else(|| called.to_owned(), |c| rewrite(called, &c.rewrite_from))
    }

    /// The domain that a host means to this caller.
    fn domain(&self, host: &str) -> Option<Arc<Domain>> {
        match self.tables.host(host)? {
            Host::Domain(domain) => Some(domain),
            Host::Ours | Host::Trunk(_) => {
                let own = self.connection.and_then(|c| c.domain.as_ref());
                own.and_then(|id| self.tables.domain(id)).or_else(|| self.tables.home_domain()).cloned()
            }
        }
    }

    /// The connection that was called, by user or by number.
    fn callee(&self) -> Option<Arc<Connection>> {
        let dialled = self.dialled();
        let domain = self.domain(self.attempt.facts.called_host);
        if let Some(user) = domain.and_then(|d| self.tables.user(&d.id, &dialled)) {
            return Some(Arc::clone(user));
        }
        let country = self.connection.and_then(|c| self.tables.account(&c.account)?.country.as_deref());
        let format = self.connection.map(|c| c.number_format.from.clone()).unwrap_or_default();
        let number = to_e164(&dialled, &format, country).unwrap_or(dialled);
        match &self.tables.numbers(&number).first()?.target {
            Target::Connection(id) => self.tables.connection(id).cloned(),
            Target::Flow(_) => None,
        }
    }

    fn disabled(&mut self) {
        if let Some(connection) = self.connection.filter(|c| !c.enabled) {
            self.add(("connection", connection.id.as_str()), "enabled", "false", "true");
        }
    }

    fn callee_disabled(&mut self) {
        if let Some(callee) = self.callee().filter(|c| !c.enabled) {
            self.add(("connection", callee.id.as_str()), "enabled", "false", "true");
        }
    }

    fn transport(&mut self) {
        let Some(connection) = self.connection else { return };
        let word = |transport| format!("{transport:?}").to_ascii_lowercase();
        let allowed: Vec<_> = connection.transports.iter().map(|t| word(*t)).collect();
        let have = word(self.attempt.facts.transport);
        self.add(("connection", connection.id.as_str()), "transports", have, allowed.join(", "));
    }

    fn password(&mut self) {
        // The same work as for an unknown user: the time of an answer must not tell them apart.
        self.caller_user();
        self.found.clear();
        let Some(connection) = self.connection else { return };
        let resource = ("connection", connection.id.as_str());
        let users: Vec<_> =
            connection.credentials.iter().filter(|c| c.until.is_none()).map(|c| c.user.as_str()).collect();
        match self.attempt.digest_user {
            _ if users.is_empty() => self.add(resource, "password", "a password", "none is set"),
            Some(user) if !users.contains(&user) => {
                self.add(resource, "auth_user", user, users.join(", "));
            }
            Some(_) | None => self.add(
                resource,
                "password",
                "a wrong password",
                format!("the password of {}", connection.name),
            ),
        }
    }

    fn caller_id(&mut self) {
        let Some(connection) = self.connection else { return };
        let own = self.tables.numbers_of(&connection.id);
        let allowed: Vec<&str> = if connection.caller_ids.is_empty() {
            own.iter().take(MOST_READ).map(AsRef::as_ref).collect()
        } else {
            connection.caller_ids.iter().take(MOST_READ).map(String::as_str).collect()
        };
        let presented = self.attempt.presented;
        let alike = allowed.iter().find(|id| spelling::same_digits(id, presented));
        let want = alike.or_else(|| allowed.first()).map_or("none is allowed", |id| *id);
        self.add(("connection", connection.id.as_str()), "caller_ids", presented, want);
    }

    fn may_not_call_out(&mut self) {
        self.number();
        if let Some(connection) = self.connection {
            self.add(("connection", connection.id.as_str()), "may_call_out", "false", "true");
        }
    }

    /// Ways out that would have taken the call, were it not for one thing.
    fn ways(&mut self) {
        self.number();
        let Some(caller) = self.connection else { return };
        let dialled = self.dialled();
        let country = self.tables.account(&caller.account).and_then(|a| a.country.as_deref());
        let number = to_e164(&dialled, &caller.number_format.from, country);
        let number = number.as_deref().unwrap_or(&dialled);
        let mut ways: Vec<_> = self.tables.ways_out(&caller.account).take(MOST_WAYS).collect();
        // What matches and was not taken says more than what does not match.
        ways.sort_by_key(|way| !(way.pattern.matches(number) || way.pattern.matches(&dialled)));
        for way in ways {
            let connection = &way.connection;
            let resource = ("connection", connection.id.as_str());
            let matches = way.pattern.matches(number) || way.pattern.matches(&dialled);
            if connection.id == caller.id {
                continue;
            } else if !matches {
                self.add(
                    resource,
                    "dial_pattern",
                    number,
                    connection.dial_pattern.clone().unwrap_or_default(),
                );
            } else if !connection.enabled {
                self.add(resource, "enabled", "false", "true");
            } else if !connection.used_by.is_empty() && !connection.used_by.contains(&caller.id) {
                self.add(resource, "used_by", caller.id.as_str(), connection.used_by.len().to_string());
            }
        }
    }
}

/// Near misses told of one request.
const MOST: usize = 4;
/// Entries read of a list that an operator writes.
const MOST_READ: usize = 200;
/// Ways out whose pattern is tried.
const MOST_WAYS: usize = 32;
