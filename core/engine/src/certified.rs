//! Connections that demand a certificate of their peer (RFC 5922 §7.4): whether the client of a stream showed one.

use routing::config::Connection;
use routing::reason::Reason;
use sip_stack::transport::Flow;

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
}

/// The name of one of its peers, by an authority of its own if it has one; with neither names nor peers there is
/// nothing to go by but that authority.
fn fits(connection: &Connection, client: &Client) -> bool {
    let own = client.for_connections.iter().find(|(id, _)| **id == *connection.id.as_str());
    let names = match (&connection.tls.ca, own) {
        (Some(_), None) => return false,
        (Some(_), Some((_, names))) => names,
        (None, _) => &client.names,
    };
    if connection.peers.is_empty() {
        return connection.tls.ca.is_some();
    }
    connection.peers.iter().any(|peer| names.iter().any(|name| covers(name, &peer.host)))
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
