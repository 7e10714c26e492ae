//! Transactions (RFC 3261 §17, RFC 6026): four machines and the table that finds them.

mod client;
mod entry;
mod identity;
mod invite_client;
mod invite_server;
mod server;
mod table;

pub use client::NonInviteClient;
pub use invite_client::InviteClient;
pub use invite_server::InviteServer;
pub use server::NonInviteServer;
pub use table::{BRANCH_KIND, ClientEvent, MAGIC, NOBODY, Outgoing, Received, Transactions, decimal};

/// What a machine wants done after an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Hand the message, or the timeout, to the transaction user.
    pub pass_up: bool,
    /// Send the kept message again.
    pub retransmit: bool,
    /// Send an ACK for a final answer other than 2xx.
    pub ack: bool,
}

impl Step {
    /// Nothing.
    pub const NONE: Self = Self { pass_up: false, retransmit: false, ack: false };
    /// Hand it up.
    pub const PASS_UP: Self = Self { pass_up: true, retransmit: false, ack: false };
    /// Send again.
    pub const RETRANSMIT: Self = Self { pass_up: false, retransmit: true, ack: false };
    /// Acknowledge only.
    pub const ACK: Self = Self { pass_up: false, retransmit: false, ack: true };
    /// Acknowledge and hand up.
    pub const ACK_AND_PASS_UP: Self = Self { pass_up: true, retransmit: false, ack: true };
}
