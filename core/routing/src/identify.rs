//! Who is calling: the order of proofs, before anything about a target is looked at.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::{Account, Connection, ConnectionId, Domain, IpPolicy, Transport};
use crate::decision::Proof;
use crate::reason::Reason;
use crate::sources::{canonical, canonical_net};
use crate::tables::{Host, Tables};

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

/// Finds out who is calling (order of the interface, "Who is calling").
pub fn identify(tables: &Tables, facts: &Facts<'_>) -> Identity {
    let host = match (tables.host(facts.called_host), facts.contact_of) {
        (Some(host), _) => host,
        // Behind a translator our Contact shows an address that we do not know as ours.
        (None, Some(_)) => Host::Ours,
        (None, None) => return Identity::Refused { connection: None, reason: Reason::DomainNotOurs },
    };
    if let Some((connection, domain)) = from_user(tables, facts, &host) {
        return known_user(connection, domain, facts);
    }
    if let Some(connection) = facts.contact_of {
        return by_contact(connection, facts);
    }
    if let Host::Trunk(connection) = &host {
        return by_trunk_host(connection, tables, facts);
    }
    let owners = tables.by_source(facts.source);
    match owners {
        [] => {}
        [only] => {
            if let Some(connection) = tables.connection(only) {
                return by_source(connection);
            }
        }
        several => {
            return match by_number(tables, several, facts.called_user) {
                Some(connection) => by_source(&connection),
                None => Identity::Refused { connection: None, reason: Reason::AmbiguousSource },
            };
        }
    }
    let source = canonical(facts.source);
    let holds =
        |account: &&Arc<Account>| account.allowed_sources.iter().any(|n| canonical_net(*n).contains(&source));
    if let Some(account) = tables.accounts().find(holds) {
        return Identity::Account(Arc::clone(account));
    }
    Identity::Nobody(challenge_domain(tables, &host))
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

/// Several connections share the address: the number dialled decides, if it comes in by one of them.
fn by_number(tables: &Tables, owners: &[ConnectionId], called: &str) -> Option<Arc<Connection>> {
    let mut fitting = owners.iter().filter_map(|id| tables.connection(id)).filter(|connection| {
        let country = tables.account(&connection.account).and_then(|a| a.country.as_deref());
        let number = crate::number::to_e164(called, &connection.number_format.from, country);
        number.is_some_and(|n| tables.numbers(&n).iter().any(|row| row.via.as_ref() == Some(&connection.id)))
    });
    let first = fitting.next()?;
    fitting.next().is_none().then(|| Arc::clone(first))
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
    let filtered = connection.ip_policy == IpPolicy::Filter && !connection.allowed_sources.is_empty();
    if filtered && !source_listed(connection, source) {
        return Err(Reason::SourceNotAllowed);
    }
    if !connection.transports.is_empty() && !connection.transports.contains(&transport) {
        return Err(Reason::TransportNotAllowed);
    }
    Ok(())
}
