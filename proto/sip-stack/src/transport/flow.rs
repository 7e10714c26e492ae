//! A flow: the way a message came or goes (RFC 5626 §2).

use std::net::SocketAddr;

use crate::transport::Target;
use serde::{Deserialize, Serialize};

/// Transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Stream.
    Tcp,
    /// Stream under TLS.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket under TLS.
    Wss,
}

impl Protocol {
    /// As written in Via.
    pub const fn via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// As written in URI parameters, records and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// From a Via transport or URI parameter, in any case.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|p| p.via().as_bytes().eq_ignore_ascii_case(text))
    }

    /// Whether it retransmits by itself (RFC 3261 §17).
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Whether nobody on the way can read along.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// Whether messages travel in frames of a WebSocket, which only its client opens (RFC 7118 §5).
    pub const fn is_web(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// Port used when none is given (RFC 3261 §19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

/// The way a message came, or the way one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Index of our listener.
    pub listener: u16,
    /// Number of the stream; 0 = any stream to that address, opened if there is none. From [`super::RESERVED`] on it
    /// was given out before the stream is opened.
    pub stream: u32,
    /// The other end.
    pub remote: SocketAddr,
}

impl Flow {
    /// Where it leads.
    pub const fn target(&self) -> Target {
        Target { protocol: self.protocol, address: self.remote }
    }
}
