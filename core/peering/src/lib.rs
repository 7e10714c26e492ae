//! What we do towards others: the registration client (RFC 3261 §10.2) and the probe that tells whether a peer is
//! there (RFC 3261 §11).
//!
//! Machines only: told what happened and what time it is, they push what they want done. They know no connection,
//! no configuration and no resolver; names are resolved and messages sent by whoever drives them.

mod backoff;
mod contact;
mod grant;
mod options;
mod probe;
mod register;
mod registration;

pub use backoff::backoff;
pub use contact::{Mark, MarkKey, OurContact, marks_in};
pub use grant::{granted, noticed};
pub use options::{OptionsLine, write_options};
pub use probe::{Cadence, Probe, ProbeOrder, Verdict, of_code};
pub use register::{RegisterLine, write_register};
pub use registration::{Asked, Moment, News, Order, Registration, Terms, Why};
