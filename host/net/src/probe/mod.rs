//! Asking a peer one thing over a socket of our own: a request, its retransmissions, its final answer.
//!
//! RFC 3261 §17.1.2 (a client transaction that is no INVITE), §22 (digest). Every wait ends. Nothing here belongs
//! to a shard: the socket is fresh, so a live registration or call is not touched.

pub(crate) mod credentials;
mod flow;
mod ping;
mod question;
mod target;
#[cfg(test)]
mod tests;
mod transcript;

pub use flow::Tls;
pub(crate) use flow::{Flow, io};
pub use ping::{Ping, PingReport, Pong, ping};
pub(crate) use question::{Question, Reply, Silence, ask};
pub use target::{ProbeFault, Target};
pub(crate) use transcript::masked;
