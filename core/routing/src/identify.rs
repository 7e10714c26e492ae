//! Who is calling: the order of proofs, before anything about a target is looked at.
//!
//! Each step of the order can be listened to; that is how `/routes/explain` shows it.

mod sharing;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::config::{Account, Connection, Domain, IpPolicy, Transport};
use crate::decision::Proof;
use crate::reason::Reason;
use crate::sources::{canonical, canonical_net};
use crate::tables::{Host, Tables};

use sharing::Owner;

/// What is known of a request before anybody is believed.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Transport it came over.
    pub transport: Transport,
    /// User part of From, unescaped.
    pub from_user: &'a str,
    /// Host of From.
    pub from_host: &'a str,
    /// User part of the Request-URI, unescaped.
    pub called_user: &'a str,
    /// Host of the Request-URI.
    pub called_host: &'a str,
    /// The connection whose registrar knows the Request-URI as our Contact.
    pub contact_of: Option<&'a Arc<Connection>>,
}

/// Who a request is from.
#[derive(Clone, Debug)]
pub enum Identity {
    /// A connection; proven unless it says digest.
    Connection {
        /// Which.
        connection: Arc<Connection>,
        /// By what.
        proof: Proof,
    },
    /// Must prove to be this user by digest, in this domain.
    Digest {
        /// Which.
        connection: Arc<Connection>,
        /// Its domain.
        domain: Arc<Domain>,
    },
    /// Someone at an allowed source of an account.
    Account(Arc<Account>),
    /// Nobody: must prove something in this domain.
    Nobody(Option<Arc<Domain>>),
    /// Identified, and refused.
    Refused {
        /// The connection that was identified, if it was one.
        connection: Option<Arc<Connection>>,
        /// Why.
        reason: Reason,
    },
}

/// A step of the order in which proofs are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clue {
    /// Whether the host called is ours.
    Host,
    /// A user of ours in From.
    FromUser,
    /// A Contact that we registered elsewhere.
    Contact,
    /// A trunk's own host.
    TrunkHost,
    /// A source address in a connection's list.
    Source,
    /// A source address in an account's list.
    AccountSource,
    /// Credentials, which everybody may bring.
    Credentials,
}

impl Clue {
    /// All, in their order.
    pub const ORDER: [Self; 7] = [
        Self::Host,
        Self::FromUser,
        Self::Contact,
        Self::TrunkHost,
        Self::Source,
        Self::AccountSource,
        Self::Credentials,
    ];
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It settles who calls, or who has to be proven by a password.
    Matched(&'static str),
    /// It does not, and the next is looked at.
    Passed(&'static str),
    /// It settles that the request is refused.
    Refused(Reason),
}

/// Finds out who is calling (order of the interface, "Who is calling").
pub fn identify(tables: &Tables, facts: &Facts<'_>) -> Identity {
    identify_aloud(tables, facts, |_, _| {})
}

/// The same, and each step is told as it is looked at.
pub fn identify_aloud(tables: &Tables, facts: &Facts<'_>, mut tell: impl FnMut(Clue, Finding)) -> Identity {
    let host = match (tables.called_host(facts.called_host), facts.contact_of) {
        (Some(host), _) => host,
        // Behind a translator our Contact shows an address that we do not know as ours.
        (None, Some(_)) => Host::Ours,
        (None, None) => {
            tell(Clue::Host, Finding::Refused(Reason::DomainNotOurs));
            return Identity::Refused { connection: None, reason: Reason::DomainNotOurs };
        }
    };
    tell(Clue::Host, Finding::Passed(kind_of(&host)));
    if let Some((connection, domain)) = from_user(tables, facts, &host) {
        return settled(known_user(connection, domain, facts), Clue::FromUser, &mut tell);
    }
    tell(Clue::FromUser, Finding::Passed("From names no user of ours"));
    if let Some(connection) = facts.contact_of {
        return settled(by_contact(connection, facts), Clue::Contact, &mut tell);
    }
    tell(Clue::Contact, Finding::Passed("the Request-URI is no Contact of ours at a registrar"));
    if let Host::Trunk(connection) = &host {
        return settled(by_trunk_host(connection, tables, facts), Clue::TrunkHost, &mut tell);
    }
    tell(Clue::TrunkHost, Finding::Passed("the host is no trunk's own"));
    match sharing::connection(tables, facts, &host) {
        Owner::One(connection) => return settled(by_source(&connection), Clue::Source, &mut tell),
        Owner::Several => return settled(ambiguous(), Clue::Source, &mut tell),
        Owner::None => {
            tell(Clue::Source, Finding::Passed("no connection lists the source address as its proof"))
        }
    }
    match sharing::account(tables, facts, &host) {
        Owner::One(account) => return settled(Identity::Account(account), Clue::AccountSource, &mut tell),
        Owner::Several => return settled(ambiguous(), Clue::AccountSource, &mut tell),
        Owner::None => tell(Clue::AccountSource, Finding::Passed("no account in question lists it either")),
    }
    settled(Identity::Nobody(challenge_domain(tables, &host)), Clue::Credentials, &mut tell)
}

/// Tells what settled it.
fn settled(identity: Identity, clue: Clue, tell: &mut impl FnMut(Clue, Finding)) -> Identity {
    let finding = match &identity {
        Identity::Connection { .. } => match clue {
            Clue::Contact => Finding::Matched("its registrar calls the Contact that we registered"),
            Clue::TrunkHost => Finding::Matched("the trunk's own host, and the address is in its list"),
            Clue::FromUser => {
                Finding::Matched("the user in From, whose ip_policy takes the address as proof")
            }
            _ => Finding::Matched("the address is in the connection's list, by the most specific network"),
        },
        Identity::Digest { .. } if clue == Clue::TrunkHost => {
            Finding::Matched("the trunk's own host; its password has to prove it")
        }
        Identity::Digest { .. } => {
            Finding::Matched("From names a user of ours; its password has to prove it")
        }
        Identity::Account(_) => Finding::Matched("the address is in the account's allowed_sources"),
        Identity::Nobody(_) => Finding::Matched("nobody is known, so credentials are asked for"),
        Identity::Refused { reason, .. } => Finding::Refused(*reason),
    };
    tell(clue, finding);
    identity
}

fn kind_of(host: &Host) -> &'static str {
    match host {
        Host::Domain(_) => "a domain of ours",
        Host::Ours => "an address of ours",
        Host::Trunk(_) => "a trunk's own host",
    }
}

const fn ambiguous() -> Identity {
    Identity::Refused { connection: None, reason: Reason::AmbiguousSource }
}

/// The domain whose realm a challenge carries when nobody is known.
pub fn challenge_domain(tables: &Tables, host: &Host) -> Option<Arc<Domain>> {
    match host {
        Host::Domain(domain) => Some(Arc::clone(domain)),
        Host::Ours => tables.home_domain().cloned(),
        Host::Trunk(connection) => {
            tables.domain_of_account(&connection.account).or_else(|| tables.home_domain()).cloned()
        }
    }
}

/// The user that From names, if it names one of ours that has a password or lives by its address.
pub fn from_user(
    tables: &Tables,
    facts: &Facts<'_>,
    called: &Host,
) -> Option<(Arc<Connection>, Arc<Domain>)> {
    let domain = match tables.host(facts.from_host)? {
        Host::Domain(domain) => domain,
        Host::Ours => match called {
            Host::Domain(domain) => Arc::clone(domain),
            Host::Ours | Host::Trunk(_) => Arc::clone(tables.home_domain()?),
        },
        Host::Trunk(_) => return None,
    };
    let connection = tables.user(&domain.id, facts.from_user)?;
    Some((Arc::clone(connection), domain))
}

fn known_user(connection: Arc<Connection>, domain: Arc<Domain>, facts: &Facts<'_>) -> Identity {
    let address_proves = connection.ip_policy != IpPolicy::Filter && source_listed(&connection, facts.source);
    if address_proves {
        return by_source(&connection);
    }
    Identity::Digest { connection, domain }
}

fn by_trunk_host(connection: &Arc<Connection>, tables: &Tables, facts: &Facts<'_>) -> Identity {
    let listed = source_listed(connection, facts.source);
    match connection.ip_policy {
        IpPolicy::Authenticate if listed => proven(connection, Proof::Host),
        IpPolicy::Authenticate => {
            Identity::Refused { connection: Some(Arc::clone(connection)), reason: Reason::SourceNotAllowed }
        }
        IpPolicy::Either if listed => proven(connection, Proof::Host),
        IpPolicy::Filter if !listed && !connection.allowed_sources.is_empty() => {
            Identity::Refused { connection: Some(Arc::clone(connection)), reason: Reason::SourceNotAllowed }
        }
        IpPolicy::Either | IpPolicy::Filter => {
            match challenge_domain(tables, &Host::Trunk(Arc::clone(connection))) {
                Some(domain) => Identity::Digest { connection: Arc::clone(connection), domain },
                None => Identity::Nobody(None),
            }
        }
    }
}

fn by_contact(connection: &Arc<Connection>, facts: &Facts<'_>) -> Identity {
    match after_digest(connection, facts.source, facts.transport) {
        Ok(()) => proven(connection, Proof::Contact),
        Err(reason) => Identity::Refused { connection: Some(Arc::clone(connection)), reason },
    }
}

fn by_source(connection: &Arc<Connection>) -> Identity {
    proven(connection, Proof::Source)
}

fn proven(connection: &Arc<Connection>, proof: Proof) -> Identity {
    if connection.enabled {
        Identity::Connection { connection: Arc::clone(connection), proof }
    } else {
        Identity::Refused { connection: Some(Arc::clone(connection)), reason: Reason::Disabled }
    }
}

/// Whether the address is in the connection's list.
pub fn source_listed(connection: &Connection, source: IpAddr) -> bool {
    let source = canonical(source);
    connection.allowed_sources.iter().any(|network| canonical_net(*network).contains(&source))
}

/// What a right password does not excuse: a disabled connection, a source outside a filter, a transport.
pub fn after_digest(connection: &Connection, source: IpAddr, transport: Transport) -> Result<(), Reason> {
    if !connection.enabled {
        return Err(Reason::Disabled);
    }
    let asks_for_address = match connection.ip_policy {
        IpPolicy::Authenticate => true,
        IpPolicy::Filter => !connection.allowed_sources.is_empty(),
        IpPolicy::Either => false,
    };
    if asks_for_address && !source_listed(connection, source) {
        return Err(Reason::SourceNotAllowed);
    }
    if !connection.transports.is_empty() && !connection.transports.contains(&transport) {
        return Err(Reason::TransportNotAllowed);
    }
    Ok(())
}
