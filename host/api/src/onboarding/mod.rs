//! What the other end of a connection is to be told: a configuration to paste or to type in ([`guide`]), and a sheet of
//! what the connection speaks ([`spec`]). Both are made from [`Facts`], so they hold real values and agree.
//!
//! Passwords are not kept in clear; those of a reply to create or rotate are remembered for a quarter of an hour
//! ([`once`]) and stand as `<password>` otherwise.

pub(crate) mod asterisk;
pub(crate) mod encryption;
mod freeswitch;
pub(crate) mod guide;
pub(crate) mod once;
mod phones;
pub(crate) mod spec;
mod typed;

use std::net::IpAddr;

use routing::config::{Connection, Domain, IpPolicy, Kind, NumberRow, Target, Transport};

use crate::problem::{Code, Problem};
use crate::{About, Rows, SipAddress};

/// Everything that the other end has to know, worked out once.
pub(crate) struct Facts<'a> {
    pub(crate) row: &'a Connection,
    pub(crate) about: &'a About,
    /// The host that requests to us name.
    pub(crate) server: String,
    /// The address to send them to, where `server` is a name that only we know.
    pub(crate) proxy: Option<String>,
    pub(crate) transport: &'static str,
    pub(crate) port: u16,
    pub(crate) realm: String,
    pub(crate) login: Option<Login>,
    /// Our addresses.
    pub(crate) addresses: Vec<IpAddr>,
    /// The numbers that lead to it or come in by it.
    pub(crate) numbers: Vec<String>,
}

/// User and password, at whichever end they are checked.
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl<'a> Facts<'a> {
    /// `passwords` are those known in clear, by user.
    pub(crate) fn of(
        row: &'a Connection,
        rows: &'a Rows,
        about: &'a About,
        passwords: &[(String, String)],
    ) -> Self {
        let domain = row.domain.as_ref().and_then(|id| rows.domains.get(id.as_str()));
        let domain = domain.or_else(|| rows.first_registrar(&row.account));
        let addresses = addresses(about);
        let listener = listener(about, row);
        let named = named_host(row, domain.map(AsRef::as_ref), about);
        // A name that no name server knows is reached at an address.
        let local = about.base_domain == "localhost" || about.base_domain.ends_with(".localhost");
        let first = addresses.first().map(|ip| bracketed(*ip));
        let (server, proxy) = match (named, first) {
            (Some(name), _) if !local => (name, None),
            (Some(name), Some(first)) => (name, Some(first)),
            (Some(name), None) => (name, None),
            (None, first) => (first.unwrap_or_else(|| about.base_domain.clone()), None),
        };
        let numbers = rows.numbers.all().filter(|kept| concerns(&kept.row, row)).take(MOST_NUMBERS);
        Self {
            row,
            about,
            server,
            proxy,
            transport: listener.map_or("udp", |l| l.transport),
            port: listener.map_or(5060, |l| l.port),
            realm: domain.map_or_else(|| about.base_domain.clone(), |d| d.realm.clone()),
            login: login(row, passwords),
            addresses,
            numbers: numbers.map(|kept| kept.row.e164.clone()).collect(),
        }
    }

    /// Host with port where that is not the transport's own.
    pub(crate) fn server_port(&self) -> String {
        self.with_port(&self.server)
    }

    /// Where packets go: the proxy if there is one.
    pub(crate) fn reach(&self) -> String {
        self.with_port(self.proxy.as_deref().unwrap_or(&self.server))
    }

    fn with_port(&self, host: &str) -> String {
        let usual = if self.transport == "tls" { 5061 } else { 5060 };
        if self.port == usual { host.to_owned() } else { format!("{host}:{}", self.port) }
    }

    /// What the connection is called in files of others: letters, digits and hyphens.
    pub(crate) fn label(&self) -> String {
        format!("trunkline-{}", crate::validate::name::slug(&self.row.name))
    }

    pub(crate) fn user(&self) -> &str {
        self.login.as_ref().map_or("", |login| &login.user)
    }

    pub(crate) fn password(&self) -> &str {
        self.login.as_ref().map_or(PASSWORD, |login| &login.password)
    }

    /// Whether the text would hold a password.
    pub(crate) fn tells_password(&self) -> bool {
        self.login.as_ref().is_some_and(|login| login.password != PASSWORD)
    }

    /// Whether the other end shows a password to us when it calls.
    pub(crate) fn authenticates(&self) -> bool {
        self.login.is_some() && self.row.ip_policy != IpPolicy::Authenticate
    }

    /// Our addresses as text.
    pub(crate) fn address_list(&self) -> Vec<String> {
        self.addresses.iter().map(ToString::to_string).collect()
    }

    /// What the other end's firewall has to let in and out.
    pub(crate) fn firewall(&self) -> Vec<String> {
        let (first, last) = self.about.media_ports;
        let transport = if self.transport == "udp" { "udp" } else { "tcp" };
        let mut lines: Vec<_> = self
            .address_list()
            .iter()
            .flat_map(|ip| {
                [
                    format!("SIP: {transport} to and from {ip} port {}", self.port),
                    format!("audio: udp to and from {ip} ports {first}-{last}"),
                ]
            })
            .collect();
        if matches!(self.row.kind, Kind::Device | Kind::RegisterIn) {
            lines.push(
                "Nothing has to be opened inwards: it registers, and packets come back that way.".to_owned(),
            );
        }
        lines
    }
}

/// Our addresses, as peers are to let them in: the public one if it is known, else those bound, else those we have.
pub(crate) fn addresses(about: &About) -> Vec<IpAddr> {
    let bound = about.sip.iter().map(|s| s.ip).filter(|ip| !ip.is_unspecified());
    let mut ips: Vec<_> = match about.public_ip {
        Some(public) => vec![public],
        None => bound.chain(about.media).collect(),
    };
    if ips.is_empty() {
        ips.extend(about.own_addresses.iter().filter(|ip| !ip.is_loopback() && !is_link_local(**ip)));
    }
    ips.sort_unstable();
    ips.dedup();
    ips
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// The host that requests have to name; `None` where our address says as much.
fn named_host(row: &Connection, domain: Option<&Domain>, about: &About) -> Option<String> {
    let local = about.base_domain == "localhost";
    match row.kind {
        Kind::Device | Kind::Virtual | Kind::RegisterIn => {
            let home = domain.is_some_and(|d| d.host == format!("sip.{}", about.base_domain));
            domain.filter(|_| !(local && home)).map(|d| d.host.clone())
        }
        Kind::Trunk | Kind::RegisterOut => {
            let by_address = row.ip_policy != IpPolicy::Filter && !row.allowed_sources.is_empty();
            let name = row.trunk_name.as_ref().filter(|_| !(local && by_address));
            name.map(|name| format!("{name}.trunk.{}", about.base_domain))
        }
    }
}

/// What only browsers can reach has no configuration for anybody else.
pub(crate) fn beyond_browsers(row: &Connection) -> Result<(), Problem> {
    let web = |transport: &Transport| matches!(transport, Transport::Ws | Transport::Wss);
    if row.transports.is_empty() || !row.transports.iter().all(web) {
        return Ok(());
    }
    let message = "its transports allow WebSocket only, which browsers speak";
    Err(Problem::new(Code::ActionNotOfKind, message)
        .hint("POST /connections/{id}/provisioning makes a link for a browser."))
}

/// The listener that the other end is told: the first transport it may use, datagrams before streams.
fn listener<'a>(about: &'a About, row: &Connection) -> Option<&'a SipAddress> {
    let allowed = |transport: &str| {
        row.transports.is_empty()
            || row.transports.iter().any(|t| format!("{t:?}").eq_ignore_ascii_case(transport))
    };
    ["udp", "tcp", "tls"]
        .into_iter()
        .filter(|transport| allowed(transport))
        .find_map(|transport| about.sip.iter().find(|listener| listener.transport == transport))
}

fn login(row: &Connection, passwords: &[(String, String)]) -> Option<Login> {
    let user = match row.kind {
        Kind::RegisterOut => row.outward.as_ref().map(|outward| outward.user.clone()),
        Kind::Device | Kind::Virtual | Kind::RegisterIn | Kind::Trunk => {
            let current = row.credentials.iter().find(|credential| credential.until.is_none());
            current.map(|credential| credential.user.clone())
        }
    }?;
    let known = passwords.iter().find(|(of, _)| *of == user).map(|(_, password)| password.clone());
    Some(Login { user, password: known.unwrap_or_else(|| PASSWORD.to_owned()) })
}

fn concerns(number: &NumberRow, row: &Connection) -> bool {
    number.via.as_ref() == Some(&row.id) || number.target == Target::Connection(row.id.clone())
}

/// Stands where a password is not shown.
pub(crate) const PASSWORD: &str = "<password>";
/// Numbers named in one text.
const MOST_NUMBERS: usize = 200;
