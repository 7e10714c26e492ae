//! Secure RTP: packets in, packets out, each in place in a buffer of the caller's.
//!
//! RFC 3711 with AES in counter mode and HMAC-SHA1, RFC 7714 with AES-GCM. [`Outbound`] protects what leaves,
//! [`Inbound`] takes in what comes and refuses what was forged or came before. [`Keys`] and [`Stream`] are plain data,
//! so that a protected stream can go on in another process. Nothing is allocated per packet.
//!
//! Where keys come from is not known here (RFC 4568, RFC 5764), nor are key identifiers (MKI), key derivation rates
//! and streams that are authenticated only.

mod cipher;
mod derive;
mod dropped;
mod gcm;
mod header;
mod inbound;
mod keys;
mod mac;
mod outbound;
mod profile;
mod streams;
mod window;

pub use dropped::Dropped;
pub use inbound::Inbound;
pub use keys::Keys;
pub use outbound::{OVERHEAD, Outbound};
pub use profile::Profile;
pub use streams::Stream;
pub use window::Window;
