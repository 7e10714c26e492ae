//! Who an address stands for when several list it: told apart by the domain called, then by the number dialled.

use std::sync::Arc;

use super::Facts;
use crate::config::{Account, AccountId, Connection, ConnectionId, DomainRole, NumberRow};
use crate::number::to_e164;
use crate::tables::{Host, Tables};

/// Whom a source address stands for.
#[derive(Debug)]
pub(super) enum Owner<T> {
    /// Nobody lists it.
    None,
    /// This one.
    One(Arc<T>),
    /// Several, and nothing tells them apart.
    Several,
}

/// The connection that a source address stands for.
///
/// A domain that was called names an account: what that account lists goes before the networks of all others.
pub(super) fn connection(tables: &Tables, facts: &Facts<'_>, called: &Host) -> Owner<Connection> {
    let of = |id: &ConnectionId| tables.connection(id);
    if let Some(account) = account_called(called) {
        let theirs = tables.by_source(facts.source).find_map(|owners| {
            let owners = owners.iter().filter_map(of).filter(|c| c.account == *account);
            Some(owners).filter(|owners| owners.clone().next().is_some())
        });
        if let Some(owners) = theirs {
            return chosen(tables, owners, facts.called_user);
        }
    }
    match tables.by_source(facts.source).next() {
        Some(owners) => chosen(tables, owners.iter().filter_map(of), facts.called_user),
        None => Owner::None,
    }
}

/// The account that lets a source address in; a domain that was called asks its own account only.
pub(super) fn account(tables: &Tables, facts: &Facts<'_>, called: &Host) -> Owner<Account> {
    let mut networks = tables.accounts_by_source(facts.source);
    if let Some(id) = account_called(called) {
        let listed = networks.any(|owners| owners.contains(id));
        return tables
            .account(id)
            .filter(|_| listed)
            .map_or(Owner::None, |account| Owner::One(Arc::clone(account)));
    }
    let Some(owners) = networks.next() else { return Owner::None };
    let found = |id: &AccountId| tables.account(id).cloned().map_or(Owner::None, Owner::One);
    if let [only] = owners {
        return found(only);
    }
    let has = |id: &&AccountId| {
        let country = tables.account(id).and_then(|account| account.country.as_deref());
        let number = to_e164(facts.called_user, &Default::default(), country);
        number.is_some_and(|number| tables.numbers(&number).iter().any(|row| row.account == **id))
    };
    single(owners.iter().filter(has)).map_or(Owner::Several, found)
}

/// The account of a domain that was called by its name; addresses of ours and shared domains belong to nobody.
fn account_called(called: &Host) -> Option<&AccountId> {
    match called {
        Host::Domain(domain) if domain.role != DomainRole::Shared => Some(&domain.account),
        Host::Domain(_) | Host::Ours | Host::Trunk(_) => None,
    }
}

/// The only owner; or the one that the number dialled comes in by, or else whose account has the number.
fn chosen<'t>(
    tables: &Tables,
    owners: impl Iterator<Item = &'t Arc<Connection>> + Clone,
    called: &str,
) -> Owner<Connection> {
    let one = |connection: &Arc<Connection>| Owner::One(Arc::clone(connection));
    match (owners.clone().next(), owners.clone().nth(1)) {
        (None, _) => return Owner::None,
        (Some(only), None) => return one(only),
        (Some(_), Some(_)) => {}
    }
    let has = |connection: &Connection, fits: fn(&NumberRow, &Connection) -> bool| {
        let country = tables.account(&connection.account).and_then(|a| a.country.as_deref());
        let number = to_e164(called, &connection.number_format.from, country);
        number.is_some_and(|number| tables.numbers(&number).iter().any(|row| fits(row, connection)))
    };
    let by_way = owners.clone().filter(|c| has(c, |row, c| row.via.as_ref() == Some(&c.id)));
    let by_account = owners.filter(|c| has(c, |row, c| row.via.is_none() && row.account == c.account));
    single(by_way).or_else(|| single(by_account)).map_or(Owner::Several, one)
}

fn single<T>(mut of: impl Iterator<Item = T>) -> Option<T> {
    let first = of.next()?;
    of.next().is_none().then_some(first)
}
