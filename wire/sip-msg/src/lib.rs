//! SIP messages as they stand on the wire (RFC 3261 §7, §19, §20, §25).
//!
//! [`scan()`] reads just enough of a datagram to route it, [`Message`] is an index of header fields over the
//! received octets, the views in [`header`] and [`uri`] give single values a type, and [`build`] writes messages
//! into a buffer of the caller's. Nothing is copied and nothing is allocated for a message of ordinary size.
//!
//! This crate knows no transactions, dialogs, sockets or clocks, and never decides what to do about a message:
//! what is wrong with a request is reported as a [`Defect`], and the answer is the caller's.

pub mod build;
mod defect;
pub mod digest;
mod field;
pub mod frame;
pub mod header;
mod lex;
mod method;
mod parse;
mod scan;
pub mod token;
pub mod uri;

pub use build::{ViaStamp, Writer, answer, reason_phrase};
pub use defect::Defect;
pub use field::Name;
pub use frame::Framed;
pub use header::{Challenge, Credentials, NameAddr, Params, ReasonValue, Replaces, Via, is_star};
pub use method::Method;
pub use parse::{Malformed, Message, StartLine};
pub use scan::{Scan, scan};
pub use uri::{Scheme, Uri, strip_brackets};
