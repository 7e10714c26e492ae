//! Dialogs (RFC 3261 §12): what both ends remember of each other, and the machines that live within one.

mod refer;
mod reliable;
mod session_timer;
mod state;

pub use refer::{Notice, ReferSubscription};
pub use reliable::{Heard, ReliableAnswers, ReliableDue, ReliableOrder};
pub use session_timer::{Agreement, RefreshDue, Refresher, SessionTimer};
pub use state::{Dialog, Order, RequestLine, is_sips};
