//! Typed views of single header field values (RFC 3261 §20).
//!
//! Each view borrows from the value it was parsed from and reads lazily: parsing one does not validate parts
//! nobody asks for.

mod auth;
mod list;
mod name_addr;
mod params;
mod reason;
mod replaces;
mod via;

pub use auth::{Challenge, Credentials, unescape};
pub use list::{List, list};
pub(crate) use name_addr::seconds;
pub use name_addr::{NameAddr, is_star};
pub use params::{ParamIter, Params};
pub use reason::ReasonValue;
pub use replaces::Replaces;
pub use via::Via;
