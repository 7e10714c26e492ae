//! The SIP protocol machines: transport rules, transactions, dialogs, authentication.
//!
//! RFC 3261 §12, §17, §18, §22, RFC 3581, RFC 6026, RFC 7616, RFC 8760. Every machine takes an event and the
//! time and pushes what follows into an [`Out`] that its caller owns. No policy, no socket, no clock, no session
//! descriptions.

pub mod auth;
pub mod dialog;
mod out;
mod slots;
pub mod timer;
pub mod transaction;
pub mod transport;
mod user;

pub use out::Out;
pub use slots::{Slot, Slots};
pub use user::User;
