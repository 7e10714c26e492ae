//! STUN messages (RFC 8489) as ICE uses them (RFC 8445 §7, §16): read, proved and written.
//!
//! [`Message`] is a view over a datagram whose attributes are known to be whole; [`Writer`] appends a response to a
//! buffer of the caller's. Only what a connectivity check needs is here: no TURN, no long-term credentials, no
//! alternate servers.

mod checksum;
mod message;
mod write;

pub use message::{Class, Message};
pub use write::Writer;

/// The method of connectivity checks.
pub const BINDING: u16 = 0x001;

/// Types of attributes (RFC 8489 §18.3, RFC 8445 §20.1); those below 0x8000 must be understood.
pub mod attribute {
    /// `USERNAME`.
    pub const USERNAME: u16 = 0x0006;
    /// `MESSAGE-INTEGRITY`.
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    /// `ERROR-CODE`.
    pub const ERROR_CODE: u16 = 0x0009;
    /// `UNKNOWN-ATTRIBUTES`.
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    /// `XOR-MAPPED-ADDRESS`.
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    /// `PRIORITY`.
    pub const PRIORITY: u16 = 0x0024;
    /// `USE-CANDIDATE`.
    pub const USE_CANDIDATE: u16 = 0x0025;
    /// `FINGERPRINT`.
    pub const FINGERPRINT: u16 = 0x8028;
    /// `ICE-CONTROLLED`.
    pub const ICE_CONTROLLED: u16 = 0x8029;
    /// `ICE-CONTROLLING`.
    pub const ICE_CONTROLLING: u16 = 0x802a;
}

/// What tells STUN from everything else (RFC 8489 §5).
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Length of a message without attributes.
const HEADER: usize = 20;

#[cfg(test)]
mod tests;
