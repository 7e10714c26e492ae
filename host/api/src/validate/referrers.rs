//! What refers to a row, and so keeps it from being deleted, as a reply names it.

use routing::config::{Account, CallFlow, Connection, Domain, Mailbox, NumberRow, Target};

use crate::rows::Rows;

/// What belongs to an account.
pub(crate) fn of_account(rows: &Rows, account: &Account) -> Vec<String> {
    let connections = rows.connections.all().filter(|kept| kept.row.account == account.id);
    let connections = connections.map(|kept| format!("connection {}", kept.row.id));
    let numbers = rows.numbers.all().filter(|kept| kept.row.account == account.id);
    let numbers = numbers.map(|kept| format!("number {}", kept.row.id));
    let domains = rows.domains.all().filter(|kept| kept.row.account == account.id);
    let domains = domains.map(|kept| format!("domain {}", kept.row.id));
    let people = rows.people.all().filter(|kept| kept.row.account == account.id);
    let people = people.map(|kept| format!("person {}", kept.row.id));
    connections.chain(numbers).chain(domains).chain(people).take(MOST).collect()
}

/// What lives in a domain.
pub(crate) fn of_domain(rows: &Rows, domain: &Domain) -> Vec<String> {
    connections(rows, |c| c.domain.as_ref() == Some(&domain.id)).take(MOST).collect()
}

/// What leads to a connection, or goes by it.
pub(crate) fn of_connection(rows: &Rows, connection: &Connection) -> Vec<String> {
    let this = |target: &Target| matches!(target, Target::Connection(id) if *id == connection.id);
    let numbers = numbers(rows, |n| n.via.as_ref() == Some(&connection.id) || this(&n.target));
    let connections = connections(rows, |c| {
        c.id != connection.id
            && (c.default_target.as_ref().is_some_and(this)
                || c.dialled.failover.as_ref().is_some_and(this)
                || c.used_by.contains(&connection.id))
    });
    let accounts =
        rows.accounts.all().filter(|kept| kept.row.emergency.connection.as_ref() == Some(&connection.id));
    let accounts = accounts.map(|kept| format!("the emergency numbers of account {}", kept.row.name));
    let people = rows.person_of(&connection.id).into_iter();
    let people = people.map(|person| format!("person {} ({})", person.name, person.id));
    numbers.chain(connections).chain(accounts).chain(people).take(MOST).collect()
}

/// What leads to a flow.
pub(crate) fn of_flow(rows: &Rows, flow: &CallFlow) -> Vec<String> {
    let this = |target: &Target| matches!(target, Target::Flow(id) if *id == flow.id);
    let numbers = numbers(rows, |n| this(&n.target));
    let connections = connections(rows, |c| {
        c.dialled.flow.as_ref() == Some(&flow.id)
            || c.dialled.failover.as_ref().is_some_and(this)
            || c.default_target.as_ref().is_some_and(this)
    });
    let flows = rows.flows.all().filter(|kept| {
        kept.row.account == flow.account
            && kept.row.id != flow.id
            && rows.leads(&kept.row.id).iter().any(|id| **id == *flow.id.as_str())
    });
    let flows = flows.map(|kept| format!("flow {} ({})", kept.row.name, kept.row.id));
    let domains = rows.domains.all().filter(|kept| kept.row.default_flow.as_ref() == Some(&flow.id));
    let domains = domains.map(|kept| format!("domain {} ({})", kept.row.host, kept.row.id));
    numbers.chain(connections).chain(domains).chain(flows).collect()
}

/// What leads to a mailbox.
pub(crate) fn of_mailbox(rows: &Rows, mailbox: &Mailbox) -> Vec<String> {
    connections(rows, |c| c.dialled.mailbox.as_ref() == Some(&mailbox.id)).take(MOST).collect()
}

fn connections(rows: &Rows, refers: impl Fn(&Connection) -> bool) -> impl Iterator<Item = String> {
    let referring = rows.connections.all().filter(move |kept| refers(&kept.row));
    referring.map(|kept| format!("connection {} ({})", kept.row.name, kept.row.id))
}

fn numbers(rows: &Rows, refers: impl Fn(&NumberRow) -> bool) -> impl Iterator<Item = String> {
    let referring = rows.numbers.all().filter(move |kept| refers(&kept.row));
    referring.map(|kept| format!("number {} ({})", kept.row.e164, kept.row.id))
}

/// Names in a reply; whoever has to take more away asks again.
const MOST: usize = 10;
