//! What RFC 3261 §18 asks of a transport apart from sockets: flows, Via handling, where answers go.

mod flow;
mod frame;
mod listeners;
mod locate;
mod reach;
mod reserve;
mod via;

pub use flow::{Flow, Protocol};
pub use frame::WebFrame;
pub use listeners::{AddressBook, Listener, Listeners, SharedMedia};
pub use locate::{Locating, Lookup, LookupKind, Query, Record, Target, Ways, by_weight};
pub use reach::{Notice, Reach};
pub use reserve::{FaultKind, RESERVED, Reserved, StreamFault, Terms};
pub use via::{response_flow, response_flow_anew, stamp};
