//! Dialogs (RFC 3261 §12): what both ends remember of each other. Plain data that can outlive the process.

mod state;

pub use state::{Dialog, Order, RequestLine};
