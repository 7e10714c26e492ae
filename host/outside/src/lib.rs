//! HTTP requests to addresses that users name: webhooks, certificates of other signers.
//!
//! [`Outside`] resolves the host itself and connects only to an address that [`Rule`] permits, after every redirect
//! anew, so that a name cannot lead into the network that the server stands in. One connection a request: what is
//! asked is rare, and a connection that lingers would outlive a change of DNS. Bounded in time, size and redirects.

mod fault;
mod request;
mod rule;

pub use fault::Fault;
pub use request::{Answer, Outside, Request};
pub use rule::Rule;
