//! Event state and who is told of it: subscriptions (RFC 6665), publications (RFC 3903) and the documents of four
//! event packages (RFC 3680, RFC 3842, RFC 3856, RFC 4235).
//!
//! Values in, values and text out. Nothing here sends a message, knows a dialog or asks who may subscribe.

pub mod dialog_info;
pub mod message_summary;
mod package;
pub mod pidf;
mod publication;
pub mod reginfo;
mod subscription;
mod xml;

pub use package::{ALLOW_EVENTS, Package};
pub use publication::{Publications, Published, Refused, Request};
pub use subscription::{Answer, End, Step, Subscription};
