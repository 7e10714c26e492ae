//! Connections that demand a certificate of their peer (RFC 5922 §7.4): whether the client of a stream showed one, and
//! may hear from us over that stream (RFC 5923).

use std::net::SocketAddr;

use routing::config::Connection;
use routing::reason::Reason;
use sip_msg::Message;
use sip_msg::header::Via;
use sip_stack::transport::{Flow, Protocol, RESERVED, Target};

use crate::input::Client;
use crate::shard::Shard;

impl Shard {
    /// Refuses where the connection demands a certificate and none came that fits.
    pub(crate) fn certified(&self, connection: &Connection, flow: &Flow) -> Result<(), Reason> {
        if !connection.tls.require_client_certificate {
            return Ok(());
        }
        let client = self.streams.client(flow).ok_or(Reason::CertificateMissing)?;
        if fits(connection, client) { Ok(()) } else { Err(Reason::CertificateMissing) }
    }

    /// A peer that opened this stream, offers it for our own requests and proved by certificate to be who we would
    /// call there, gets them over it (RFC 5923 §5, §8).
    pub(crate) fn learn_alias(&mut self, connection: &Connection, request: &Message<'_>, flow: &Flow) {
        if flow.protocol != Protocol::Tls || flow.stream >= RESERVED || connection.peers.is_empty() {
            return;
        }
        let Some(via) = request.via().filter(Via::alias) else { return };
        let Some(client) = self.streams.client(flow) else { return };
        let port = via.port.unwrap_or_else(|| flow.protocol.default_port());
        let address = SocketAddr::new(flow.remote.ip(), port);
        let Some(names) = names(connection, client) else { return };
        for peer in &connection.peers {
            if names.iter().any(|name| covers(name, &peer.host)) {
                self.reserved.alias(address, b2bua::terms(connection, &peer.host), *flow);
                // It cannot be dead: it has just been heard.
                self.reach.lives(Target { protocol: flow.protocol, address });
            }
        }
    }
}

/// The name of one of its peers, by an authority of its own if it has one; with neither names nor peers there is
/// nothing to go by but that authority.
fn fits(connection: &Connection, client: &Client) -> bool {
    let Some(names) = names(connection, client) else { return false };
    if connection.peers.is_empty() {
        return connection.tls.ca.is_some();
    }
    connection.peers.iter().any(|peer| names.iter().any(|name| covers(name, &peer.host)))
}

/// What the client is called by the authorities that count for this connection.
fn names<'c>(connection: &Connection, client: &'c Client) -> Option<&'c [Box<str>]> {
    let own = client.for_connections.iter().find(|(id, _)| **id == *connection.id.as_str());
    match (&connection.tls.ca, own) {
        (Some(_), own) => own.map(|(_, names)| names.as_slice()),
        (None, _) => Some(&client.names),
    }
}

fn covers(name: &str, host: &str) -> bool {
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    let parent = name.strip_prefix("*.");
    parent
        .is_some_and(|parent| host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)))
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn names_cover_hosts_and_wildcards_one_label() {
        let table = [
            ("pbx.example", "PBX.example", true),
            ("*.example", "pbx.example", true),
            ("*.example", "a.pbx.example", false),
            ("*.example", "example", false),
            ("pbx.example", "sip.pbx.example", false),
            ("192.0.2.1", "192.0.2.1", true),
        ];
        for (name, host, expected) in table {
            assert_eq!(covers(name, host), expected, "{name} {host}");
        }
    }
}
