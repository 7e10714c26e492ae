//! The location service (RFC 3261 §10): who registered where, for how long, and how to get there.
//!
//! RFC 3327 (Path), RFC 5626 (instances and flows). One home per address of record; plain data that outlives the
//! process. Checks no password, sends nothing and knows no clock.

mod binding;
mod location;
mod nat;
mod push;
mod register;
mod replay;

pub use binding::BindingRow;
pub use location::{Change, Location};
pub use nat::{behind_nat, is_private};
pub use push::{PushAsked, WEB_PUSH, push_address};
pub use register::{Bounds, Rejection, write_contacts};
pub use replay::{NonceUse, Replay};
