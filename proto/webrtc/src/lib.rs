//! One WebRTC transport (RFC 8835): ICE-lite that answers connectivity checks, DTLS that proves who is there, and the
//! keys of SRTP that come of it (RFC 5763, RFC 5764).
//!
//! [`Transport`] is driven by datagrams, descriptions and time, and writes what it wants into an [`Output`]. Which
//! transport a datagram belongs to, and what is done with media, is the plane's. There is no full ICE agent here: we
//! are reachable by definition, and the other side does the looking (RFC 8445 §2.5).

mod agent;
mod association;
mod credentials;
mod fingerprint;
mod identity;
mod output;
mod transport;

pub use credentials::Credentials;
pub use fingerprint::{Fingerprint, Hash};
pub use identity::{Identity, IdentityFault};
pub use output::{News, Output};
pub use transport::{Peer, Transport};
